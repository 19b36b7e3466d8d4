"""What the predictions are worth: test metrics with intervals, and the scores over the folds.

Under `published` the interval is the paper's: one series of each study, drawn again and again.
Under `corrected` the mean is over such draws too, since a study has several series and one result,
while the interval comes from drawing patients with replacement: the patient is what a new study
would draw. Draws in which a metric is undefined (0 / 0) are left out, and `draws` counts the rest.
"""

import numpy as np
import pandas as pd

from livermet.phenotype.bootstrap import (
    METRICS,
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


def bootstrap_metrics(
    folds: pd.DataFrame, predictions: pd.DataFrame, draws: int, seed: int
) -> pd.DataFrame:
    """Bootstrap every metric of every model on its test series.

    `folds` and `predictions` have the rows of all models of one protocol. A model without test
    predictions has empty numbers. Columns of the result: protocol, model, weighting, metric, mean,
    low, high, draws, unit (what was drawn: study or patient).
    """
    tested = predictions[predictions["set"] == "test"]
    return _bootstrapped(_names(folds), tested, METRICS, draws, seed)


def summarise_folds(
    folds: pd.DataFrame, predictions: pd.DataFrame, draws: int, seed: int
) -> pd.DataFrame:
    """Summarise F1 and AUC over the folds: mean, and the least and greatest fold as low and high.

    These extremes are what the paper's table S2 prints; they are no interval. A fold of one class
    has no AUC and is left out. Under `corrected`, where each training series was held out once,
    pooled_f1 and pooled_auc over all of them follow, with intervals by patient; pooling puts models
    of different folds on one scale, so a fold that fell back to its prevalence pulls the pooled AUC
    below 0.5. Columns: protocol, model, weighting, metric, mean, low, high.
    """
    columns = [*KEYS, "metric", "mean", "low", "high"]
    rows = [
        [*names, metric, scores[metric].mean(), scores[metric].min(), scores[metric].max()]
        for names, scores in _models(folds)
        for metric in FOLD_METRICS
    ]
    once = folds[folds["protocol"] != PUBLISHED]
    held_out = predictions[predictions["set"] == "validation"]
    pooled = _bootstrapped(_names(once), held_out, FOLD_METRICS, draws, seed)
    pooled["metric"] = "pooled_" + pooled["metric"]
    table = pd.DataFrame(rows, columns=columns)
    return pd.concat([table, pooled[columns]], ignore_index=True) if len(pooled) else table


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
    # The same draws for every model, so that models compare draw by draw.
    central, spread, unit = _draws(scored[0], draws, seed) if scored else (None, None, "")
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


def _draws(model: pd.DataFrame, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Give the draws behind the mean, those behind the interval, and what the latter resample."""
    studies, patients = model["study"].to_numpy(), model["patient"].to_numpy()
    if model["protocol"].iloc[0] == PUBLISHED:
        drawn = published_draws(studies, draws)
        return drawn, drawn, "study"
    return (
        study_draws(studies, draws, seed),
        patient_draws(patients, studies, draws, seed),
        "patient",
    )
