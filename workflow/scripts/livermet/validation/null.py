"""Null cohorts: feature tables whose labels have no relation to the features.

What a procedure finds in them it would find in any cohort. They are of two kinds:

- own: the run's own features, with whole sequences of a patient's labels exchanged between
  patients. Nothing of the features is assumed, and what makes a patient's series alike is as it is.
- phantom: made-up features. Patients, studies and series are as in the paper: 50 patients with one
  to eight studies, most studies with two series, three quarters of the studies positive. Features
  of a patient are alike, of a study more so, and so are scores; that is what lets splits of series
  recognise patients. How much alike is assumed.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from livermet.contracts import COUNT, SHARE, TEXT, Column, Contract
from livermet.phenotype import corrected, published
from livermet.phenotype.bootstrap import WITHIN_FOLDS
from livermet.phenotype.columns import PROTOCOL
from livermet.phenotype.corrected import UNWEIGHTED, Settings, prepared, score_test
from livermet.phenotype.exchange import permuted
from livermet.phenotype.fits import CORRECTED, PUBLISHED, TEST
from livermet.phenotype.folds import assign_folds, dealt_anew
from livermet.phenotype.metrics import CROSS_VALIDATED, draw_by, estimates
from livermet.phenotype.table import FEATURES, LESION_COUNT
from livermet.vocabulary import NullFeatures

TRAINING_PATIENTS, TEST_PATIENTS = 36, 14
# Studies of a patient, as often as the paper's table has them.
STUDIES = (1,) * 14 + (2,) * 6 + (3,) * 8 + (4,) * 4 + (5, 6, 7, 8)
LATENT = 8
POSITIVE_SHARE = 0.75
TREES = 100
# A linear model and one of trees; XGBoost's learners are linear too.
SIMULATED = ("LR", "RF")
PROCEDURE = (
    Column(
        "features",
        TEXT,
        "own: the run's features, labels exchanged between patients; phantom: made-up features",
        words=tuple(NullFeatures),
    ),
    PROTOCOL,
    Column("model", TEXT, "name of the classifier", words=SIMULATED),
    Column(
        "set",
        TEXT,
        "whether the AUC is that of the cross-validation or of the test set",
        words=(CROSS_VALIDATED, TEST),
    ),
)
NO_INTERVAL = "as auc, or too few patients of a class"
COHORTS = Contract(
    files=("phenotype/null/*.tsv", "phenotype/*/null/*.tsv"),
    row="an AUC of a procedure on a null cohort",
    columns=(
        Column("seed", COUNT, "seed of the cohort"),
        *PROCEDURE,
        Column(
            "auc",
            SHARE,
            "published, cross-validation: mean over the splits; corrected, cross-validation: AUC "
            "within folds; test: AUC of the test set",
            missing="not defined, since the scored series are of one class",
        ),
        Column(
            "low",
            SHARE,
            "published, cross-validation: lowest split; else lower end of the 95% interval, by "
            "series under published and by patient under corrected",
            missing=NO_INTERVAL,
        ),
        Column(
            "high", SHARE, "highest split, or upper end of the 95% interval", missing=NO_INTERVAL
        ),
    ),
    key=("seed", "features", "protocol", "model", "set"),
)
NO_COVERAGE = "where no cohort has an interval"
NULL = Contract(
    files=("tables/null_cohorts.csv",),
    row="what a procedure finds in all null cohorts",
    columns=(
        *PROCEDURE,
        Column("cohorts", COUNT, "cohorts with an AUC", low=1),
        Column("auc_mean", SHARE, "mean AUC over the cohorts"),
        Column("auc_low", SHARE, "2.5th percentile of the AUC over the cohorts"),
        Column("auc_high", SHARE, "97.5th percentile of the AUC over the cohorts"),
        Column("intervals", COUNT, "cohorts with an interval"),
        Column(
            "coverage",
            SHARE,
            "share of these whose interval includes 0.5",
            missing=NO_COVERAGE,
        ),
        Column(
            "coverage_low",
            SHARE,
            "lower end of its exact 95% interval (Clopper and Pearson)",
            missing=NO_COVERAGE,
        ),
        Column("coverage_high", SHARE, "upper end of its exact 95% interval", missing=NO_COVERAGE),
    ),
    key=("features", "protocol", "model", "set"),
)
PROCEDURES = [column.name for column in PROCEDURE]


class Asked(NamedTuple):
    """What the config decides: draws of an interval, the published alpha, corrected's settings."""

    draws: int
    lasso_alpha: float
    settings: Settings


def null_table(seed: int, folds: int) -> pd.DataFrame:
    """Make a phantom feature table without any relation of features and labels.

    Columns as `livermet.phenotype.table.read_feature_table` gives them.
    """
    random = np.random.default_rng(seed)
    rows = []
    mixing = random.normal(size=(LATENT, len(FEATURES)))
    # Raw radiomic features span orders of magnitude; so many that LASSO selects about 20 of them.
    scales = 10 ** random.uniform(-2, 3, size=len(FEATURES))
    for patient in range(TRAINING_PATIENTS + TEST_PATIENTS):
        latent_patient, score_patient = random.normal(size=LATENT), random.normal()
        for study in range(random.choice(STUDIES)):
            latent_study = latent_patient + 0.5 * random.normal(size=LATENT)
            score = 0.2 * (0.7 * score_patient + 0.7 * random.normal())
            for series in range(1 + (random.uniform() < 0.9)):
                latent = latent_study + 0.2 * random.normal(size=LATENT)
                values = np.exp(0.5 * (latent @ mixing / np.sqrt(LATENT))) * scales
                rows.append([patient, study, series, score, *values])
    table = pd.DataFrame(rows, columns=["patient", "study", "number", "score", *FEATURES])
    table["patient"] = "P" + table["patient"].astype(str).str.zfill(2)
    table["study"] = table["patient"] + "_" + table["study"].astype(str)
    table["series"] = table["study"] + "_" + table.pop("number").astype(str)
    table[LESION_COUNT] = random.poisson(5, len(table)) + 1.0
    cut = table.drop_duplicates("study")["score"].quantile(1 - POSITIVE_SHARE)
    table["score"] -= cut
    table["label"] = (table["score"] > 0).astype(int)
    tested = table["patient"] >= f"P{TRAINING_PATIENTS:02}"
    table["group"] = np.where(tested, "test", "train")
    table["fold"] = pd.array([pd.NA] * len(table), dtype="Int64")
    table.loc[~tested, "fold"] = assign_folds(table[~tested], folds, seed)
    texts = {"sample_type": None, "voxel_mm": None, "scan_voxel_mm": None}
    table = table.assign(**texts, mask_lesions=np.nan)
    return table.assign(burden_ml=table["original_shape_MeshVolume"])


def simulate(seed: int, folds: int, draws: int, lasso_alpha: float, target: str) -> pd.DataFrame:
    """Run both protocols on one phantom null cohort, forests of TREES trees (`COHORTS`)."""
    table = null_table(seed, folds)
    asked = Asked(draws, lasso_alpha, Settings(target, TREES, seed))
    return _of_cohort(NullFeatures.PHANTOM, seed, table, table, asked)


def exchange(
    table: pd.DataFrame, by_lesion: pd.DataFrame, seed: int, folds: int, asked: Asked
) -> pd.DataFrame:
    """Run both protocols on a run's own features with labels exchanged between patients.

    `table` is the published protocol's and `by_lesion` the corrected one's, of the same series.
    Whole sequences are exchanged between all patients, those of the test set among them, who stay
    the test set; training patients are dealt into folds anew. The table is `COHORTS`, forests have
    TREES trees.
    """
    exchanged = [permuted(one, np.random.default_rng(seed)) for one in (table, by_lesion)]
    dealt = _dealt_in_training(prepared(exchanged[1]), folds, seed)
    return _of_cohort(NullFeatures.OWN, seed, exchanged[0], dealt, asked)


def _dealt_in_training(table: pd.DataFrame, folds: int, seed: int) -> pd.DataFrame:
    tested = table["group"] == TEST
    dealt = dealt_anew(table[~tested], folds, seed)
    return pd.concat([dealt, table[tested]])


def _of_cohort(
    features: NullFeatures,
    seed: int,
    table: pd.DataFrame,
    corrected_table: pd.DataFrame,
    asked: Asked,
) -> pd.DataFrame:
    """Run both protocols without class weights (`COHORTS`).

    Under published low and high are the least and the greatest of its splits, and on the test set
    its interval by series; under corrected they are intervals by patient, and the cross-validated
    AUC is the one within folds.
    """
    selection = published.select(table, asked.lasso_alpha)
    rows = []
    untuned = corrected.fit_untuned(corrected_table, list(SIMULATED), asked.settings)
    for name, learnt in zip(SIMULATED, untuned, strict=True):
        fitted = published.fit(table, selection, name, [UNWEIGHTED], TREES)
        aucs = fitted.cross_validation_table()["auc"]
        facts = [seed, features.value, PUBLISHED, name]
        rows.append([*facts, CROSS_VALIDATED, aucs.mean(), aucs.min(), aucs.max()])
        predictions = fitted.prediction_table()
        tested = predictions[predictions["set"] == TEST]
        rows.append([*facts, TEST, *_auc_interval(tested, "series", asked.draws, seed)])
        facts = [seed, features.value, CORRECTED, name]
        held_out = learnt.prediction_table()
        found = _auc_interval(held_out, "patient", asked.draws, seed)
        rows.append([*facts, CROSS_VALIDATED, *found])
        tested = score_test(corrected_table, learnt.models[UNWEIGHTED], name, UNWEIGHTED)
        rows.append([*facts, TEST, *_auc_interval(tested, "patient", asked.draws, seed)])
    return pd.DataFrame(rows, columns=COHORTS.names)


def summarise_null(cohorts: pd.DataFrame) -> pd.DataFrame:
    """Say what each procedure finds on average, and how often its interval covers 0.5 (`NULL`).

    The coverage has its exact binomial 95% interval (Clopper and Pearson, Biometrika 1934). A
    cohort without an AUC does not count.
    """
    rows = []
    for names, group in cohorts.dropna(subset="auc").groupby(PROCEDURES, sort=False):
        known = group.dropna(subset=["low", "high"])
        low, high = np.percentile(group["auc"], [2.5, 97.5])
        facts = [len(group), group["auc"].mean(), low, high, len(known)]
        rows.append([*names, *facts, *_coverage(known)])
    return pd.DataFrame(rows, columns=NULL.names)


def _coverage(known: pd.DataFrame) -> list[float]:
    if known.empty:
        return [np.nan] * 3
    covered = int(((known["low"] <= 0.5) & (known["high"] >= 0.5)).sum())
    share = stats.binomtest(covered, len(known)).proportion_ci()
    return [covered / len(known), share.low, share.high]


def _auc_interval(rows: pd.DataFrame, unit: str, draws: int, seed: int) -> list[float]:
    if rows.empty:
        return [np.nan] * 3
    rows = rows.sort_values("series")
    name = "auc" if rows["set"].iloc[0] == TEST else WITHIN_FOLDS
    draws_of = {one: draw_by(one, rows, draws, seed) for one in ("series", unit)}
    found = estimates(rows, unit, draws_of["series"], draws_of[unit])[name]
    return [found.mean, found.low, found.high]
