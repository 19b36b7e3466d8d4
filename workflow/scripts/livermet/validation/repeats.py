"""Repeated nested cross-validation over all patients, the test set's included.

The test set is one draw of few patients. Here every patient is held out once a repeat, by folds
dealt anew each time, and everything that learns does so inside the folds. It chooses nothing.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from livermet.contracts import COUNT, SHARE, TEXT, Column, Contract
from livermet.phenotype import corrected
from livermet.phenotype.baselines import fit_baselines
from livermet.phenotype.bootstrap import (
    METRICS,
    WITHIN_FOLDS,
    Predictions,
    interval,
    metrics_of_draws,
)
from livermet.phenotype.columns import MODEL
from livermet.phenotype.corrected import UNWEIGHTED, Settings
from livermet.phenotype.deals import TREES_DEALT
from livermet.phenotype.fits import PREDICTIONS
from livermet.phenotype.folds import dealt_anew
from livermet.phenotype.metrics import draw_by

REPEATED = Contract(
    files=("phenotype/*/corrected/repeats/*.tsv",),
    row="a series that a model scored in one repeat",
    columns=(*PREDICTIONS.columns, Column("repeat", COUNT, "number of the repeat", low=1)),
    key=("model", "series", "repeat"),
)
SUMMARY = Contract(
    files=("tables/repeated_cross_validation.csv",),
    row="a metric of a model over all repeats",
    columns=(
        MODEL,
        Column("metric", TEXT, "name of the metric", words=(*METRICS, WITHIN_FOLDS)),
        Column("mean", SHARE, "mean over the repeats", missing="a repeat does not have the metric"),
        Column("repeat_low", SHARE, "the lowest repeat", missing="as mean"),
        Column("repeat_high", SHARE, "the highest repeat", missing="as mean"),
        Column("repeats", COUNT, "number of repeats"),
        Column("patients", COUNT, "patients whose series were scored"),
        Column("studies", COUNT, "studies that were scored"),
        Column("series", COUNT, "series that were scored"),
    ),
    key=("model", "metric"),
)


def repeat_cross_validation(
    table: pd.DataFrame, classifier: str, folds: int, repeats: int, settings: Settings
) -> pd.DataFrame:
    """Score every series in each repeat by a model that has not seen its patient.

    Repeat k deals the folds with seed settings.seed + k. Forests have at most TREES_DEALT
    trees. The table is `REPEATED`.
    """
    settings = replace(settings, trees=min(settings.trees, TREES_DEALT))
    parts = []
    for repeat in range(1, repeats + 1):
        dealt = dealt_anew(table, folds, settings.seed + repeat)
        selection = corrected.select(dealt, settings.target, settings.seed, settings.preparation)
        fitted = corrected.fit(dealt, selection, classifier, [UNWEIGHTED], settings)
        parts.append(fitted.prediction_table().assign(repeat=repeat))
    return pd.concat(parts, ignore_index=True)


def repeat_baselines(table: pd.DataFrame, folds: int, repeats: int, seed: int) -> pd.DataFrame:
    """Score every series by the baselines in the same folds as `repeat_cross_validation`."""
    return pd.concat(
        [
            fitted.prediction_table().assign(repeat=repeat)
            for repeat in range(1, repeats + 1)
            for fitted in fit_baselines(dealt_anew(table, folds, seed + repeat), seed)
        ],
        ignore_index=True,
    )


def summarise_repeats(predictions: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """Average each metric over the repeats, and say what the lowest and highest are (`SUMMARY`).

    There is no interval: repeats share their patients, and what drawing patients anew varies is not
    the models that learnt from them. No unbiased estimate of the variance exists (Bengio and
    Grandvalet, J Mach Learn Res 2004); the permutation test says what chance gives.
    """
    rows = []
    for name, model in predictions.groupby("model", sort=False):
        repeats = [part.sort_values("series") for _, part in model.groupby("repeat")]
        central = draw_by("series", repeats[0], draws, seed)
        centre = [metrics_of_draws(central, Predictions.of(part)) for part in repeats]
        counts = [repeats[0][unit].nunique() for unit in ("patient", "study", "series")]
        for metric in (*METRICS, WITHIN_FOLDS):
            of_repeat = np.array([interval(values[metric])[0] for values in centre])
            extremes = of_repeat.min(), of_repeat.max()
            rows.append([name, metric, of_repeat.mean(), *extremes, len(repeats), *counts])
    return pd.DataFrame(rows, columns=SUMMARY.names)
