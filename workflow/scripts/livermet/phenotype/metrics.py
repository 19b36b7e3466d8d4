"""What the predictions are worth: metrics with intervals by series, study and patient.

Under `published` the interval is the paper's: one series of each study, drawn again and again.
Under `corrected` the mean is over such draws too, since a study has several series and one result,
while the interval comes from drawing patients with replacement: the patient is what a new study
would draw. Draws in which a metric is undefined (0 / 0) are left out, and `draws` counts the rest.
"""

import numpy as np
import pandas as pd

from livermet.phenotype.baselines import BASELINES
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
from livermet.phenotype.fits import PUBLISHED

KEYS = ["protocol", "model", "weighting"]
FOLD_METRICS = ("f1", "auc")
POOLED = {"f1": "pooled_f1", "auc": "pooled_auc", WITHIN_FOLDS: WITHIN_FOLDS}
UNITS = ("series", "study", "patient")
COMPARED = ("auc", "f1", "accuracy")


def bootstrap_metrics(
    folds: pd.DataFrame, predictions: pd.DataFrame, draws: int, seed: int
) -> pd.DataFrame:
    """Bootstrap every metric of every model on its test series.

    `folds` and `predictions` have the rows of all models of one protocol. A published model
    without test predictions has empty numbers; under corrected only what was scored on the test
    set has rows. Columns of the result: protocol, model, weighting, metric, mean, low, high,
    draws, unit (what was drawn: series or patient).
    """
    tested = predictions[predictions["set"] == "test"]
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
    Columns: protocol, model, weighting, metric, mean, low, high.
    """
    columns = [*KEYS, "metric", "mean", "low", "high"]
    rows = [
        [*names, metric, scores[metric].mean(), scores[metric].min(), scores[metric].max()]
        for names, scores in _models(folds)
        for metric in FOLD_METRICS
    ]
    once = folds[folds["protocol"] != PUBLISHED]
    held_out = predictions[predictions["set"] == "validation"]
    pooled = _bootstrapped(_names(once), held_out, tuple(POOLED), draws, seed)
    pooled["metric"] = pooled["metric"].map(POOLED)
    table = pd.DataFrame(rows, columns=columns)
    return pd.concat([table, pooled[columns]], ignore_index=True) if len(pooled) else table


def intervals_by_unit(predictions: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """Set the intervals of the same predictions side by side, by what is drawn anew.

    unit 'series': one series of each study, the studies fixed (the paper's way under published);
    'study': studies with replacement, as if the studies of a patient were independent; 'patient':
    patients with replacement. `predictions` score each series of a model once. Columns: protocol,
    model, weighting, set, metric, unit, mean, low, high, draws.
    """
    rows = []
    for (*names, part), model in predictions.groupby([*KEYS, "set"], sort=False):
        model = model.sort_values("series")
        facts = Predictions.of(model)
        metrics = METRICS if part == "test" else (*METRICS, WITHIN_FOLDS)
        of_unit = {
            unit: metrics_of_draws(draw_by(unit, model, draws, seed), facts) for unit in UNITS
        }
        for metric in metrics:
            mean = interval(of_unit["series"][metric])[0]
            for unit in UNITS:
                _, low, high, defined = interval(of_unit[unit][metric])
                rows.append([*names, part, metric, unit, mean, low, high, defined])
    columns = [*KEYS, "set", "metric", "unit", "mean", "low", "high", "draws"]
    return pd.DataFrame(rows, columns=columns)


def compare_baselines(predictions: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """Compare each model with each baseline on the same series, draw by draw of patients.

    `predictions` score each series of a model once, baselines among the models. On held-out rows
    the AUC is the one within folds. Columns: protocol, model, weighting, set (cross-validation or
    test), baseline, metric (auc, f1, accuracy), mean, baseline_mean, difference, low, high (the
    last two of the difference, by patient).
    """
    rows = []
    for part, scored in predictions.groupby("set", sort=False):
        models = {key: model.sort_values("series") for key, model in _models(scored)}
        baselines = {key[1]: model for key, model in models.items() if key[1] in BASELINES}
        for key, model in models.items():
            for name, baseline in baselines.items():
                if key[1] not in BASELINES:
                    shared = model["series"].isin(baseline["series"])
                    facts = [*key, "test" if part == "test" else "cross-validation", name]
                    pair = model[shared], baseline[baseline["series"].isin(model["series"])]
                    rows += [[*facts, *row] for row in _differences(*pair, draws, seed)]
    columns = [*KEYS, "set", "baseline", "metric", "mean", "baseline_mean", "difference"]
    return pd.DataFrame(rows, columns=[*columns, "low", "high"])


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


def _differences(model: pd.DataFrame, baseline: pd.DataFrame, draws: int, seed: int):
    central = draw_by("series", model, draws, seed)
    spread = draw_by("patient", model, draws, seed)
    (ours, ours_around), (theirs, theirs_around) = (
        (metrics_of_draws(central, facts), metrics_of_draws(spread, facts))
        for facts in (Predictions.of(model), Predictions.of(baseline))
    )
    within = model["set"].iloc[0] != "test"
    for metric in COMPARED:
        name = WITHIN_FOLDS if metric == "auc" and within else metric
        mean, other = interval(ours[name])[0], interval(theirs[name])[0]
        _, low, high, _ = interval(ours_around[name] - theirs_around[name])
        yield [metric, mean, other, mean - other, low, high]


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
            rows += [[*key, metric, np.nan, np.nan, np.nan, 0, ""] for metric in metrics]
            continue
        facts = Predictions.of(models[key])
        centre, around = metrics_of_draws(central, facts), metrics_of_draws(spread, facts)
        for metric in metrics:
            mean = interval(centre[metric])[0]
            _, low, high, defined = interval(around[metric])
            rows.append([*key, metric, mean, low, high, defined, unit])
    columns = [*KEYS, "metric", "mean", "low", "high", "draws", "unit"]
    return pd.DataFrame(rows, columns=columns)
