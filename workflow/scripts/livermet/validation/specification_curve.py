"""The specification curve: what every procedure that could have been chosen as well finds.

Each specification (`specifications`) is cross-validated in the folds of the table, patients whole
and everything that learns inside the folds, and its folds' models together score the test set. It
chooses nothing: the best of many procedures is good by chance, and so is no result.

Without class weights and at no threshold: the AUC is all that is compared. Forests have at most
TREES trees, but for the run's own procedure, whose AUC is the corrected protocol's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier

from livermet.contracts import COUNT, FLAG, SHARE, TEXT, Column, Contract
from livermet.phenotype.bootstrap import METRICS, WITHIN_FOLDS
from livermet.phenotype.columns import VOLUME
from livermet.phenotype.combat import BATCH
from livermet.phenotype.corrected import (
    UNWEIGHTED,
    Preparation,
    Settings,
    fit_untuned,
    score_test,
    training_rows,
)
from livermet.phenotype.fits import TEST, VALIDATION
from livermet.phenotype.folds import folds_of
from livermet.phenotype.metrics import Estimate, draw_by, estimates
from livermet.phenotype.table import FEATURES
from livermet.validation.specifications import (
    ADJUSTED,
    AS_IT_IS,
    CHOICES,
    EVERY,
    MEAN,
    SERIES_TAKEN,
    THIN,
    VOLUMES,
    Specification,
)
from livermet.vocabulary import Aggregation, Target, Transform

# Training patients of each class that a way to take series needs.
FEWEST = 5
# Of a forest that is one of many.
TREES = 100
HARMONISED = "features are harmonised, and a study's series may be of several batches"
SPECIFICATION, PUBLISHED_PROCEDURE = "specification", "published procedure"
KINDS = (SPECIFICATION, VOLUME, PUBLISHED_PROCEDURE)
NO_VOLUME = "for volume alone"
OF_CHOICES = (
    Column(
        "aggregation", TEXT, "what features are of", words=tuple(Aggregation), missing=NO_VOLUME
    ),
    Column(
        "series",
        TEXT,
        "which series of a study: every one, their mean, or thick or thin ones alone",
        words=SERIES_TAKEN,
    ),
    Column(
        "transform",
        TEXT,
        "what is done with skewed features",
        words=tuple(Transform),
        missing=NO_VOLUME,
    ),
    Column(
        "volume",
        TEXT,
        "whether a line on the log of the lesions' volume is taken out of each feature",
        words=VOLUMES,
        missing=NO_VOLUME,
    ),
    Column("target", TEXT, "what LASSO predicts", words=tuple(Target), missing=NO_VOLUME),
    Column("learner", TEXT, "name of the classifier, or of the baseline"),
)
AS_REASON = "as reason says, or no fold holds both classes"
INTERVAL = "as the AUC, or too few patients for an interval"
SCORES = (
    Column(
        "auc",
        SHARE,
        "cross-validated AUC within folds, mean over draws of one series of each study; of the "
        "published procedure the mean over its own splits of series, in which patients are known",
        missing=AS_REASON,
    ),
    Column("low", SHARE, "lower end of its 95% interval by patient", missing=INTERVAL),
    Column("high", SHARE, "upper end of its 95% interval by patient", missing=INTERVAL),
    Column("test_auc", SHARE, "AUC of the test studies", missing="without test series of a class"),
    Column("test_low", SHARE, "lower end of its 95% interval by patient", missing=INTERVAL),
    Column("test_high", SHARE, "upper end of its 95% interval by patient", missing=INTERVAL),
)
COUNTS = (
    Column("patients", COUNT, "training patients, each held out once"),
    Column("studies", COUNT, "their studies"),
    Column("test_patients", COUNT, "test patients"),
    Column("empty_folds", COUNT, "folds whose LASSO selected nothing: their model is a constant"),
)
SCORED = Contract(
    files=("phenotype/*/corrected/specifications/*.tsv",),
    row="a specification",
    columns=(
        *OF_CHOICES,
        *SCORES,
        *COUNTS,
        Column(
            "reason",
            TEXT,
            "why the run's data do not have the specification",
            missing="where they have it",
        ),
    ),
    key=CHOICES,
)
CURVE = Contract(
    files=("tables/specification_curve.csv",),
    row="a specification, or what stands beside them; the lowest cross-validated AUC first",
    columns=(
        Column("kind", TEXT, "a specification, or what stands beside them", words=KINDS),
        *OF_CHOICES,
        *SCORES,
        *COUNTS,
        Column("corrected", FLAG, "whether it is the run's own corrected protocol"),
        Column(
            "published",
            FLAG,
            "whether it has the published procedure's choices, nested and by patient",
        ),
    ),
    key=("kind", *CHOICES),
)
LEFT_OUT = Contract(
    files=("tables/specifications_left_out.csv",),
    row="a choice whose specifications the run's data do not have",
    columns=(
        Column("choice", TEXT, "what is chosen", words=CHOICES),
        Column("value", TEXT, "the choice that is left out"),
        Column("reason", TEXT, "why the run's data do not have it"),
    ),
    key=("choice", "value", "reason"),
)
NOT_SCORED = Estimate(np.nan, np.nan, np.nan, 0)


@dataclass(frozen=True)
class Data:
    """What a run has: a feature table by aggregation, and the slice thickness in mm by series.

    Tables are those of `corrected.prepared`, with their batches. A series is thin up to
    `thin_up_to` mm; `missing` thickness makes it neither thin nor thick.
    """

    tables: Mapping[str, pd.DataFrame]
    thickness: pd.Series
    thin_up_to: float

    def taken(self, aggregation: str, series: str) -> pd.DataFrame:
        """Take the rows of a way to take series: some of them, or one a study."""
        table = self.tables[aggregation]
        if series == MEAN:
            return study_means(table)
        if series == EVERY:
            return table
        thickness = table["series"].map(self.thickness)
        thin = thickness <= self.thin_up_to
        return table[thickness.notna() & (thin if series == THIN else ~thin)]


def study_means(table: pd.DataFrame) -> pd.DataFrame:
    """Make one row a study: means of features and burden, all else as its first series has it.

    A feature that only some series of a study have is the mean of these.
    """
    means = ["burden_ml", *FEATURES]
    how = {name: "mean" if name in means else "first" for name in table if name != "study"}
    rows = table.groupby("study", sort=False).agg(how).reset_index()
    return rows[list(table.columns)]


def reason_against(rows: pd.DataFrame, series: str) -> str:
    """Say why rows cannot be learnt from in this way; '' where they can.

    FEWEST training patients of each class have to be there, and both classes in every fold's
    training rows.
    """
    if series == MEAN and BATCH in rows:
        return HARMONISED
    training = training_rows(rows)
    of_class = [training.loc[training["label"].eq(c), "patient"].nunique() for c in (1, 0)]
    if min(of_class) < FEWEST:
        return f"{min(of_class)} training patients of a class have such series, fewer than {FEWEST}"
    folds = [training.iloc[inside]["label"].nunique() for _, (inside, _) in folds_of(training)]
    if min(folds) < 2 or len(folds) < 2:
        return "the training series of some fold are of one class"
    return ""


def score_specifications(
    data: Data,
    wanted: Iterable[Specification],
    own: Specification,
    settings: Settings,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Cross-validate each specification, and score the test set by its folds' models (`SCORED`).

    `settings` are the run's own; each specification has its own target and preparation.
    """
    rows = []
    for one in wanted:
        table = data.taken(one.aggregation, one.series)
        reason = reason_against(table, one.series)
        if reason:
            rows.append([*one, *[np.nan] * len(SCORES), 0, 0, 0, 0, reason])
            continue
        held_out, tested, empty = predict(table, one, _settings_of(one, own, settings))
        scores = [*_scores(held_out, draws, seed), *_scores(tested, draws, seed)]
        counts = [held_out["patient"].nunique(), held_out["study"].nunique()]
        rows.append([*one, *scores, *counts, tested["patient"].nunique(), empty, None])
    return pd.DataFrame(rows, columns=SCORED.names)


def predict(
    table: pd.DataFrame, one: Specification, settings: Settings
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return a specification's predictions of held-out and of test rows, and its empty folds.

    Predictions are `fits.PREDICTIONS`; an empty fold's LASSO selected nothing.
    """
    (fitted,) = fit_untuned(table, [one.learner], settings)
    models = fitted.models[UNWEIGHTED]
    empty = [isinstance(model.pipeline.steps[-1][1], DummyClassifier) for model in models]
    tested = score_test(table, models, one.learner, UNWEIGHTED)
    return fitted.prediction_table(), tested, sum(empty)


def tabulate_curve(
    scored: pd.DataFrame,
    own: Specification,
    volume: pd.DataFrame,
    published: tuple[pd.DataFrame, pd.DataFrame] | None,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Sort specifications by their cross-validated AUC, what they are compared with among them.

    `own` is the corrected protocol's, with the chosen learner; `volume` the predictions of volume
    alone, held out and tested. `published`, where the run has that protocol, holds its predictions
    and the summary of its folds (`metrics.FOLDS_SUMMARY`), without class weights. The result is
    `CURVE`.
    """
    made = scored[scored["reason"].isna()].drop(columns="reason").assign(kind=SPECIFICATION)
    mine = made[list(CHOICES)].eq(list(own)).all(axis=1)
    beside = [_row_of_volume(volume, draws, seed)]
    theirs = pd.Series(False, index=made.index)
    if published is not None:
        row = _row_of_published(*published, own.aggregation, draws, seed)
        beside.append(row)
        aggregation = Aggregation.TABLE if own.aggregation == Aggregation.TABLE else "union"
        choices = (str(aggregation), EVERY, "none", AS_IT_IS, "score", row["learner"])
        theirs = made[list(CHOICES)].eq(list(choices)).all(axis=1)
    made = made.assign(corrected=mine, published=theirs)
    told = pd.DataFrame(beside).assign(corrected=False, published=False)
    table = pd.concat([made, told], ignore_index=True)[CURVE.names]
    return table.sort_values("auc", kind="stable", ignore_index=True)


def tabulate_left_out(scored: pd.DataFrame, absent: Mapping[str, str]) -> pd.DataFrame:
    """Say which choices the data do not have; `absent` are aggregations by reason (`LEFT_OUT`)."""
    lacking = scored[scored["reason"].notna()]
    rows = [("aggregation", name, reason) for name, reason in absent.items()]
    rows += [("series", *row) for row in lacking[["series", "reason"]].itertuples(index=False)]
    return pd.DataFrame(rows, columns=LEFT_OUT.names).drop_duplicates(ignore_index=True)


def _settings_of(one: Specification, own: Specification, settings: Settings) -> Settings:
    mine = one[:-1] == own[:-1]
    trees = settings.trees if mine else min(settings.trees, TREES)
    preparation = Preparation(
        one.transform, settings.preparation.redundancy, one.volume == ADJUSTED
    )
    return Settings(one.target, trees, settings.seed, preparation)


def _scores(predictions: pd.DataFrame, draws: int, seed: int) -> list[float]:
    """Return AUC and its interval: of held-out rows within folds, of test rows over all of them."""
    if predictions.empty:
        return list(NOT_SCORED[:3])
    rows = predictions.sort_values("series")
    central, spread = (draw_by(unit, rows, draws, seed) for unit in ("series", "patient"))
    held_out = rows["set"].iloc[0] == VALIDATION
    found = estimates(rows, "patient", central, spread)[WITHIN_FOLDS if held_out else METRICS[-1]]
    return list(found[:3])


def _row_of_volume(predictions: pd.DataFrame, draws: int, seed: int) -> dict:
    parts = [predictions[predictions["set"].eq(part)] for part in (VALIDATION, TEST)]
    return _row_of(
        (VOLUME, None, EVERY, None, None, None, VOLUME),
        [*_scores(parts[0], draws, seed), *_scores(parts[1], draws, seed)],
        parts,
    )


def _row_of_published(
    predictions: pd.DataFrame, folds: pd.DataFrame, aggregation: str, draws: int, seed: int
) -> dict:
    """Score the published procedure's model with the best test AUC, which the article reports."""
    tested = predictions[predictions["set"].eq(TEST)]
    of_model = {
        name: _by_patient(rows, draws, seed) for name, rows in tested.groupby("model", sort=False)
    }
    names = list(predictions["model"].unique())
    best = (
        max(of_model, key=lambda name: np.nan_to_num(of_model[name][0])) if of_model else names[0]
    )
    rows = folds[folds["model"].eq(best) & folds["metric"].eq("auc")]
    mean = float(rows["mean"].iloc[0]) if len(rows) else np.nan
    chosen = predictions[predictions["model"].eq(best)]
    of_table = aggregation == Aggregation.TABLE
    features = (Aggregation.TABLE if of_table else Aggregation.UNION).value
    choices = (PUBLISHED_PROCEDURE, features, EVERY, "none", AS_IT_IS, "score", best)
    scores = [mean, np.nan, np.nan, *of_model.get(best, NOT_SCORED[:3])]
    return _row_of(choices, scores, [chosen[chosen["set"].eq(part)] for part in (VALIDATION, TEST)])


def _by_patient(rows: pd.DataFrame, draws: int, seed: int) -> list[float]:
    """Score test rows of the published protocol as the corrected one's are, by patient."""
    return _scores(rows.assign(protocol="corrected"), draws, seed)


def _row_of(choices: tuple, scores: list[float], parts: list[pd.DataFrame]) -> dict:
    held_out, tested = parts
    counts = [held_out["patient"].nunique(), held_out["study"].nunique()]
    values = [*choices, *scores, *counts, tested["patient"].nunique(), 0]
    return dict(zip(CURVE.names, values, strict=False))
