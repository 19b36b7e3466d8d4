"""Intervals of stated coverage, for scores and for differences of scores.

A percentile interval over few patients is too short, the more so the better a model is. The
interval here is a t interval on the log odds of the score, whose standard error is the bootstrap's
over patients. `benchmarks/coverage.py` measures how often it holds the truth, beside its rivals.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, logit

from livermet.phenotype.bootstrap import BALANCED_ACCURACY, METRICS, WITHIN_FOLDS, Predictions

LEVEL = 0.95
# Patients of each class that a metric needs before it has an interval.
MINIMUM_PATIENTS = 3
NONE = (np.nan, np.nan)
# A score this near to 0 or 1 is 0 or 1: means over draws have rounding.
EDGE = 1e-9


class Support(NamedTuple):
    """How many units (patients) a metric rests on, and how many of the rarer of its classes."""

    units: int
    scarcest: int


def supports(predictions: Predictions, units: np.ndarray) -> dict[str, Support]:
    """Count, for each metric, the units that it rests on; `units` names each series' patient.

    An AUC needs patients of both classes, sensitivity those with a positive series, PPV those with
    a series called so, and F1 those with either. A patient may have series of both classes.
    """
    positive, called = predictions.label == 1, predictions.predicted == 1
    every = pd.Series(units).nunique()

    def of(rows: np.ndarray) -> Support:
        number = pd.Series(units[rows]).nunique()
        return Support(number, number)

    ranked = Support(every, min(of(positive).units, of(~positive).units))
    counted = {
        "accuracy": Support(every, every),
        "ppv": of(called),
        "npv": of(~called),
        "sensitivity": of(positive),
        "specificity": of(~positive),
        "f1": of(positive | called),
        "auc": ranked,
    }
    both = dict.fromkeys((WITHIN_FOLDS, BALANCED_ACCURACY), ranked)
    return {metric: counted[metric] for metric in METRICS} | both


def interval_of_share(value: float, drawn: np.ndarray, support: Support) -> tuple[float, float]:
    """Return the 95% interval of a score between 0 and 1; NaN where there are too few patients.

    `drawn` are its values in draws of patients, NaN where it is undefined. Too few are less than
    MINIMUM_PATIENTS of a class, and a score of 0 or 1: few patients are separated without error
    often enough by chance, and the draws do not tell how often.
    """
    error = _standard_error(drawn)
    if support.scarcest < MINIMUM_PATIENTS or not EDGE < value < 1 - EDGE or not error > 0:
        return NONE
    half = _quantile(support) * error / (value * (1 - value))
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))


def interval_of_difference(
    value: float, drawn: np.ndarray, support: Support
) -> tuple[float, float, float]:
    """Return the 95% interval of a difference of two scores, and the two-sided p of no difference.

    A t interval with the bootstrap's standard error, cut at -1 and 1. NaN where there are too few
    patients, or no draw differs from another.
    """
    error = _standard_error(drawn)
    if support.scarcest < MINIMUM_PATIENTS or np.isnan(value) or not error > 0:
        return (*NONE, np.nan)
    half = _quantile(support) * error
    p = 2 * stats.t.sf(abs(value) / error, support.units - 1)
    return float(max(value - half, -1)), float(min(value + half, 1)), float(p)


def interval_of_mean(value: float, drawn: np.ndarray, support: Support) -> tuple[float, float]:
    """Return the 95% interval of a mean of any unit, a t interval; NaN as for a difference."""
    error = _standard_error(drawn)
    if support.scarcest < MINIMUM_PATIENTS or np.isnan(value) or not error > 0:
        return NONE
    half = _quantile(support) * error
    return float(value - half), float(value + half)


def interval_of_correlation(
    value: float, drawn: np.ndarray, support: Support
) -> tuple[float, float]:
    """Return the 95% interval of a correlation, a t interval on Fisher's z; NaN as for a share."""
    error = _standard_error(drawn)
    if support.scarcest < MINIMUM_PATIENTS or not abs(value) < 1 - EDGE or not error > 0:
        return NONE
    half = _quantile(support) * error / (1 - value**2)
    return float(np.tanh(np.arctanh(value) - half)), float(np.tanh(np.arctanh(value) + half))


def _standard_error(drawn: np.ndarray) -> float:
    defined = drawn[~np.isnan(drawn)]
    error = float(defined.std(ddof=1)) if len(defined) > 1 else np.nan
    return error if error > EDGE else np.nan


def _quantile(support: Support) -> float:
    return float(stats.t.ppf((1 + LEVEL) / 2, support.units - 1))
