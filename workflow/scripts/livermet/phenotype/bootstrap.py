"""Bootstrap intervals of classification metrics, for all draws at once.

A draw is a row of a matrix of counts: how often each series stands in it. The counts make every
metric a ratio of sums over the matrix, so that a thousand draws cost as much as one pass over it.
A ratio 0 / 0 is NaN, as scikit-learn gives with `zero_division=nan`: NPV where nothing is
predicted negative, sensitivity where nothing is positive, AUC of a single class.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

METRICS = ("accuracy", "ppv", "npv", "sensitivity", "specificity", "f1", "auc")
WITHIN_FOLDS = "within_fold_auc"
# The mean of sensitivity and specificity, which Youden's threshold is the best for.
BALANCED_ACCURACY = "balanced_accuracy"
PUBLISHED_SEED = 822


def published_draws(studies: np.ndarray, draws: int) -> np.ndarray:
    """Draw one series of each study, as the published procedure does; (draws, series) of 0 and 1.

    NumPy's legacy generator, seeded 822, makes one `choice(size, 1, replace=False)` per study in
    sorted order, which is the first of a permutation. The same draws hold for every model. The
    trap: only the choice of reconstruction varies, the studies and the patients never do, so the
    intervals are far too narrow.
    """
    return _published_draws(tuple(studies), draws)


@lru_cache(maxsize=4)
def _published_draws(names: tuple[str, ...], draws: int) -> np.ndarray:
    studies = np.array(names)
    generator = np.random.RandomState(PUBLISHED_SEED)
    series_of_study = [np.flatnonzero(studies == study) for study in np.unique(studies)]
    counts = np.zeros((draws, len(studies)), dtype=np.int64)
    for draw in counts:
        for series in series_of_study:
            draw[series[generator.permutation(len(series))[0]]] = 1
    # Several models share them.
    counts.setflags(write=False)
    return counts


def study_draws(studies: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Draw one series of each study; (draws, series) of 0 and 1."""
    generator = np.random.default_rng(seed)
    counts = np.zeros((draws, len(studies)), dtype=np.int64)
    for study in np.unique(studies):
        series = np.flatnonzero(studies == study)
        counts[np.arange(draws), series[generator.integers(0, len(series), draws)]] = 1
    return counts


def patient_draws(patients: np.ndarray, studies: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Draw patients with replacement and one series of each of their studies; (draws, series).

    A patient drawn twice counts twice, each time with its own choice of series.
    """
    generator = np.random.default_rng(seed)
    names, patient_of = np.unique(patients, return_inverse=True)
    times = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    counts = np.zeros((draws, len(studies)), dtype=np.int64)
    for study in np.unique(studies):
        series = np.flatnonzero(studies == study)
        equal = np.full(len(series), 1 / len(series))
        counts[:, series] = generator.multinomial(times[:, patient_of[series[0]]], equal)
    return counts


@dataclass(frozen=True)
class Predictions:
    """One model's predictions: label and predicted class (0 or 1), probability of the positive.

    `fold`, where it is given, names the model of the ensemble that scored a series.
    """

    label: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray
    fold: np.ndarray | None = None

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Predictions":
        """Take the columns label, predicted, probability and, where there is one, fold."""
        columns = [name for name in ("label", "predicted", "probability", "fold") if name in table]
        return cls(*(table[column].to_numpy() for column in columns))


def metrics_of_draws(counts: np.ndarray, predictions: Predictions) -> dict[str, np.ndarray]:
    """Compute each of METRICS in each draw; `counts` is (draws, series), each result (draws,).

    Balanced accuracy comes with them. Predictions with folds have 'within_fold_auc' too: the AUC
    over the pairs whose two series were scored by the same model. Probabilities of different folds'
    models need not share a scale.
    """
    positive = predictions.label == 1
    called = predictions.predicted == 1
    true_positive = counts @ (positive & called)
    false_positive = counts @ (~positive & called)
    true_negative = counts @ (~positive & ~called)
    false_negative = counts @ (positive & ~called)
    correct = true_positive + true_negative
    pairs = _pairs(counts, positive, predictions.probability)
    metrics = {
        "accuracy": _ratio(correct, correct + false_positive + false_negative),
        "ppv": _ratio(true_positive, true_positive + false_positive),
        "npv": _ratio(true_negative, true_negative + false_negative),
        "sensitivity": _ratio(true_positive, true_positive + false_negative),
        "specificity": _ratio(true_negative, true_negative + false_positive),
        "f1": _ratio(2 * true_positive, 2 * true_positive + false_positive + false_negative),
        "auc": _ratio(*pairs),
    }
    metrics[BALANCED_ACCURACY] = (metrics["sensitivity"] + metrics["specificity"]) / 2
    if predictions.fold is not None:
        by_fold = [
            _pairs(counts[:, inside], positive[inside], predictions.probability[inside])
            for inside in (predictions.fold == fold for fold in pd.unique(predictions.fold))
        ]
        metrics[WITHIN_FOLDS] = _ratio(*np.sum(by_fold, axis=0))
    return metrics


def _pairs(
    counts: np.ndarray, positive: np.ndarray, probability: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count twice the pairs in which a positive ranks above a negative, and twice all pairs.

    A tie counts half, so that the ratio is the AUC (Mann-Whitney).
    """
    order = np.argsort(probability, kind="stable")
    ranked = probability[order]
    level_starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    weights = counts[:, order]
    positives = np.add.reduceat(weights * positive[order], level_starts, axis=1)
    negatives = np.add.reduceat(weights * ~positive[order], level_starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    twice_wins = (positives * (2 * below + negatives)).sum(axis=1)
    return twice_wins, 2 * positives.sum(axis=1) * negatives.sum(axis=1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def interval(values: np.ndarray) -> tuple[float, float, float, int]:
    """Return mean, 2.5th and 97.5th percentile of the defined draws, and how many there are."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return np.nan, np.nan, np.nan, 0
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(defined.mean()), float(low), float(high), len(defined)
