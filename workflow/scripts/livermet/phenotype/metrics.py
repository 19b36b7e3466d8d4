"""What the predictions are worth: metrics with intervals by series, study and patient.

Under `published` the interval is the paper's: one series of each study, drawn again and again.
Under `corrected` the mean is over such draws too, since a study has several series and one result,
while the interval's standard error comes from drawing patients with replacement: the patient is
what a new study would draw. Draws in which a metric is undefined (0 / 0) are left out, and `draws`
counts the rest. Too few patients have no interval (`livermet.phenotype.intervals`).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from livermet.contracts import COUNT, NUMBER, SHARE, TEXT, Column, Contract
from livermet.phenotype.baselines import ALWAYS_POSITIVE, BASELINES
from livermet.phenotype.bootstrap import (
    METRICS,
    WITHIN_FOLDS,
    Predictions,
    interval,
    metrics_of_draws,
    patient_draws,
    published_draws,
    study_draws,
)
from livermet.phenotype.columns import MODEL, PROTOCOL, PUBLISHED, WEIGHTING
from livermet.phenotype.fits import SET, TEST, VALIDATION
from livermet.phenotype.intervals import interval_of_difference, interval_of_share, supports

FITTED = (PROTOCOL, MODEL, WEIGHTING)
KEYS = [column.name for column in FITTED]
FOLD_METRICS = ("f1", "auc")
POOLED = {"f1": "pooled_f1", "auc": "pooled_auc", WITHIN_FOLDS: WITHIN_FOLDS}
UNITS = ("series", "study", "patient")
COMPARED = ("auc", "f1", "accuracy")
CROSS_VALIDATED = "cross-validation"
# The metric that decides against each baseline: the trivial rule ranks nothing.
DECIDES = {name: "f1" if name == ALWAYS_POSITIVE else "auc" for name in BASELINES}

UNDEFINED = "where the metric is not defined in any draw"
TOO_FEW = "where the mean is, and where there are too few patients for an interval"
DRAWS = Column("draws", COUNT, "draws in which the metric is defined")
TEST_METRICS = Contract(
    files=("phenotype/*/*/metrics.tsv",),
    row="a metric of a model on its test series",
    columns=(
        *FITTED,
        Column("metric", TEXT, "what is measured", words=METRICS),
        Column(
            "mean",
            SHARE,
            "mean of the metric over draws of one series of each study",
            missing=f"{UNDEFINED}, or the model was not fitted",
        ),
        Column(
            "low",
            SHARE,
            "published: 2.5th percentile of the draws; corrected: lower end of the 95% interval",
            missing=TOO_FEW,
        ),
        Column(
            "high",
            SHARE,
            "published: 97.5th percentile of the draws; corrected: upper end of the 95% interval",
            missing=TOO_FEW,
        ),
        DRAWS,
        Column(
            "unit",
            TEXT,
            "what the draws of the interval draw: one series of each study, or patients",
            words=("series", "patient"),
            missing="where the model was not fitted",
        ),
    ),
    key=(*KEYS, "metric"),
)
FOLDS_SUMMARY = Contract(
    files=("phenotype/*/*/cross_validation.tsv",),
    row="a metric of a model over the folds",
    columns=(
        *FITTED,
        Column(
            "metric",
            TEXT,
            "f1 and auc: of each fold; the others: of all held-out series together",
            words=(*FOLD_METRICS, *POOLED.values()),
        ),
        Column(
            "mean",
            SHARE,
            "mean over the folds; of all series together over draws of one series of each study",
            missing="where no fold or no draw has the metric",
        ),
        Column(
            "low",
            SHARE,
            "the least fold; of all series together the lower end of the 95% interval by patient",
            missing=TOO_FEW,
        ),
        Column(
            "high",
            SHARE,
            "the greatest fold; of all series together the upper end of that interval",
            missing=TOO_FEW,
        ),
    ),
    key=(*KEYS, "metric"),
)
INTERVALS = Contract(
    files=("tables/intervals.csv",),
    row="an interval of a metric of a model, by what is drawn anew",
    columns=(
        *FITTED,
        SET,
        Column("metric", TEXT, "what is measured", words=(*METRICS, WITHIN_FOLDS)),
        Column(
            "unit",
            TEXT,
            "what the draws of the interval draw: one series of each study, the studies fixed; "
            "studies; patients",
            words=UNITS,
        ),
        Column(
            "mean",
            SHARE,
            "mean of the metric over draws of one series of each study, the same for all units",
            missing=UNDEFINED,
        ),
        Column(
            "low",
            SHARE,
            "by series: 2.5th percentile of the draws; else lower end of the 95% interval",
            missing=TOO_FEW,
        ),
        Column(
            "high",
            SHARE,
            "by series: 97.5th percentile of the draws; else upper end of the 95% interval",
            missing=TOO_FEW,
        ),
        DRAWS,
    ),
    key=(*KEYS, "set", "metric", "unit"),
)
NO_DIFFERENCE = "where the difference is, with too few patients, or the same in every draw"
COMPARISONS = Contract(
    files=("tables/baselines.csv",),
    row="a metric of a model beside that of a baseline on the same series",
    columns=(
        *FITTED,
        Column(
            "set",
            TEXT,
            "cross-validation: training series that a fold held out; test: series of test patients",
            words=(CROSS_VALIDATED, TEST),
        ),
        Column("baseline", TEXT, "rule that the model has to beat", words=tuple(BASELINES)),
        Column(
            "metric",
            TEXT,
            "what is measured; in cross-validation the auc within folds",
            words=COMPARED,
        ),
        Column(
            "mean",
            SHARE,
            "the model's mean over draws of one series of each study",
            missing=UNDEFINED,
        ),
        Column("baseline_mean", SHARE, "the baseline's mean over these draws", missing=UNDEFINED),
        Column(
            "difference",
            NUMBER,
            "mean less baseline_mean; above 0 the model is better",
            low=-1,
            high=1,
            missing="where one of the means is empty",
        ),
        Column(
            "low",
            NUMBER,
            "lower end of the difference's 95% interval by patient, not corrected for their number",
            low=-1,
            high=1,
            missing=NO_DIFFERENCE,
        ),
        Column(
            "high",
            NUMBER,
            "upper end of that interval",
            low=-1,
            high=1,
            missing=NO_DIFFERENCE,
        ),
        Column("p", SHARE, "two-sided p of no difference", missing=NO_DIFFERENCE),
        Column(
            "p_holm",
            SHARE,
            "p corrected (Holm) within its family: this model against all baselines in both sets, "
            "each baseline by one metric (f1 against 'always positive', else auc)",
            missing="for metrics outside the family, and as p",
        ),
    ),
    key=(*KEYS, "set", "baseline", "metric"),
)


def bootstrap_metrics(
    folds: pd.DataFrame, predictions: pd.DataFrame, draws: int, seed: int
) -> pd.DataFrame:
    """Bootstrap every metric of every model on its test series.

    `folds` and `predictions` have the rows of all models of one protocol. A published model
    without test predictions has empty numbers; under corrected only what was scored on the test
    set has rows. The result is `TEST_METRICS`.
    """
    tested = predictions[predictions["set"] == TEST]
    names = [key for key in _names(folds) if key[0] == PUBLISHED]
    names += [key for key in _names(tested) if key[0] != PUBLISHED]
    return _bootstrapped(names, tested, METRICS, draws, seed)


def summarise_folds(
    folds: pd.DataFrame, predictions: pd.DataFrame, draws: int, seed: int
) -> pd.DataFrame:
    """Summarise F1 and AUC over the folds: mean, and the least and greatest fold as low and high.

    These extremes are what the paper's table S2 prints; they are no interval. A fold of one class
    has no AUC and is left out. Under `corrected`, where each training series was held out once,
    pooled_f1, pooled_auc and within_fold_auc over all of them follow, with intervals by patient.
    Pooling puts models of different folds on one scale, so a fold that fell back to its prevalence
    pulls the pooled AUC below 0.5; within_fold_auc counts only pairs that one model scored.
    The result is `FOLDS_SUMMARY`.
    """
    columns = FOLDS_SUMMARY.names
    rows = [
        [*names, metric, scores[metric].mean(), scores[metric].min(), scores[metric].max()]
        for names, scores in _models(folds)
        for metric in FOLD_METRICS
    ]
    once = folds[folds["protocol"] != PUBLISHED]
    held_out = predictions[predictions["set"] == VALIDATION]
    pooled = _bootstrapped(_names(once), held_out, tuple(POOLED), draws, seed)
    pooled["metric"] = pooled["metric"].map(POOLED)
    table = pd.DataFrame(rows, columns=columns)
    return pd.concat([table, pooled[columns]], ignore_index=True) if len(pooled) else table


def intervals_by_unit(predictions: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """Set the intervals of the same predictions side by side, by what is drawn anew.

    unit 'series': one series of each study, the studies fixed (the paper's way under published);
    'study': studies with replacement, as if the studies of a patient were independent; 'patient':
    patients with replacement. `predictions` score each series of a model once. The result is
    `INTERVALS`.
    """
    rows = []
    for (*names, part), model in predictions.groupby([*KEYS, "set"], sort=False):
        model = model.sort_values("series")
        metrics = METRICS if part == TEST else (*METRICS, WITHIN_FOLDS)
        central = draw_by("series", model, draws, seed)
        of_unit = {
            unit: estimates(model, unit, central, draw_by(unit, model, draws, seed))
            for unit in UNITS
        }
        for metric in metrics:
            for unit in UNITS:
                rows.append([*names, part, metric, unit, *of_unit[unit][metric]])
    return pd.DataFrame(rows, columns=INTERVALS.names)


def compare_baselines(predictions: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """Compare each model with each baseline on the same series, draw by draw of patients.

    `predictions` score each series of a model once, baselines among the models. On held-out rows
    the AUC is the one within folds. The result is `COMPARISONS`.
    """
    rows = []
    for part, scored in predictions.groupby("set", sort=False):
        models = {key: model.sort_values("series") for key, model in _models(scored)}
        baselines = {key[1]: model for key, model in models.items() if key[1] in BASELINES}
        for key, model in models.items():
            for name, baseline in baselines.items():
                if key[1] not in BASELINES:
                    shared = model["series"].isin(baseline["series"])
                    facts = [*key, TEST if part == TEST else CROSS_VALIDATED, name]
                    pair = model[shared], baseline[baseline["series"].isin(model["series"])]
                    rows += [[*facts, *row] for row in _differences(*pair, draws, seed)]
    table = pd.DataFrame(rows, columns=COMPARISONS.names[:-1])
    return table.assign(p_holm=_corrected(table))


def _corrected(table: pd.DataFrame) -> pd.Series:
    """Correct the p values of each model's family of comparisons (Holm, Scand J Stat 1979)."""
    # Slow to import, and most jobs that import this module compare nothing.
    from statsmodels.stats.multitest import multipletests

    corrected = pd.Series(np.nan, index=table.index)
    family = table[table["metric"].eq(table["baseline"].map(DECIDES)) & table["p"].notna()]
    for _, tested in family.groupby(KEYS, sort=False):
        corrected[tested.index] = multipletests(tested["p"].to_numpy(), method="holm")[1]
    return corrected


def draw_by(unit: str, model: pd.DataFrame, draws: int, seed: int) -> np.ndarray:
    """Draw series, studies or patients of a model's rows: counts (draws, series).

    The published protocol has draws of series of its own.
    """
    studies, patients = model["study"].to_numpy(), model["patient"].to_numpy()
    if unit == "series" and model["protocol"].iloc[0] == PUBLISHED:
        return published_draws(studies, draws)
    if unit == "series":
        return study_draws(studies, draws, seed)
    return patient_draws(studies if unit == "study" else patients, studies, draws, seed)


class Estimate(NamedTuple):
    """A metric's mean over draws of one series a study, its interval, and the draws behind that."""

    mean: float
    low: float
    high: float
    draws: int


def estimates(
    model: pd.DataFrame, unit: str, central: np.ndarray, spread: np.ndarray
) -> dict[str, Estimate]:
    """Estimate every metric of a model's rows: means over `central`, intervals over `spread`.

    Both are draws (draws, series) in the order of the rows. Draws of series have percentiles, which
    are no confidence interval; draws of studies or patients have one, or none where these are too
    few.
    """
    facts = Predictions.of(model)
    centre, around = metrics_of_draws(central, facts), metrics_of_draws(spread, facts)
    support = supports(facts, model["study" if unit == "study" else "patient"].to_numpy())
    found = {}
    for metric in centre:
        mean = interval(centre[metric])[0]
        _, low, high, defined = interval(around[metric])
        if unit != "series":
            low, high = interval_of_share(mean, around[metric], support[metric])
        found[metric] = Estimate(mean, low, high, defined)
    return found


def _differences(model: pd.DataFrame, baseline: pd.DataFrame, draws: int, seed: int):
    central = draw_by("series", model, draws, seed)
    spread = draw_by("patient", model, draws, seed)
    facts = Predictions.of(model), Predictions.of(baseline)
    (ours, ours_around), (theirs, theirs_around) = (
        (metrics_of_draws(central, one), metrics_of_draws(spread, one)) for one in facts
    )
    support, within = supports(facts[0], model["patient"].to_numpy()), model["set"].iloc[0] != TEST
    for metric in COMPARED:
        name = WITHIN_FOLDS if metric == "auc" and within else metric
        mean, other = interval(ours[name])[0], interval(theirs[name])[0]
        drawn = ours_around[name] - theirs_around[name]
        low, high, p = interval_of_difference(mean - other, drawn, support[name])
        yield [metric, mean, other, mean - other, low, high, p]


def _models(table: pd.DataFrame):
    return table.groupby(KEYS, sort=False)


def _names(folds: pd.DataFrame) -> list[tuple]:
    """Name the models (protocol, model, weighting) in their order."""
    return [names for names, _ in _models(folds)]


def _bootstrapped(
    names: list[tuple], predictions: pd.DataFrame, metrics: tuple[str, ...], draws: int, seed: int
) -> pd.DataFrame:
    models = {key: model.sort_values("series") for key, model in _models(predictions)}
    scored = [models[key] for key in names if key in models]
    if any(list(model["series"]) != list(scored[0]["series"]) for model in scored):
        raise ValueError("the models of one protocol have scored different series")
    unit = "series" if scored and scored[0]["protocol"].iloc[0] == PUBLISHED else "patient"
    # The same draws for every model, so that models compare draw by draw.
    if scored:
        central = draw_by("series", scored[0], draws, seed)
        spread = central if unit == "series" else draw_by(unit, scored[0], draws, seed)
    rows = []
    for key in names:
        if key not in models:
            rows += [[*key, metric, np.nan, np.nan, np.nan, 0, None] for metric in metrics]
            continue
        found = estimates(models[key], unit, central, spread)
        rows += [[*key, metric, *found[metric], unit] for metric in metrics]
    return pd.DataFrame(rows, columns=TEST_METRICS.names)
