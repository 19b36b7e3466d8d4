"""Calibration: whether predicted probabilities are the shares of positives that they claim to be.

Slope and intercept are those of a logistic regression of the label on the probability's logit
(Cox, Biometrika 1958; Steyerberg, Clinical Prediction Models, 2nd ed. 2019, chapter 15): the slope
is 1 for probabilities that are as spread as they should be and below 1 for too extreme ones; the
intercept (calibration in the large) is fitted with the slope held at 1, 0 for probabilities that
are right on average and positive where they are too low. The Brier score is the mean squared
difference of probability and label.

Each study counts once: a series weighs 1 / (series of its study). Intervals draw patients with
replacement and one series of each of their studies. With fewer than FEWEST_PATIENTS of a class
there is none, since it would be too short (`benchmarks/coverage.py`, docs/decisions/intervals.md).
"""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.optimize import brentq
from scipy.special import expit, logit

from livermet.contracts import COUNT, NUMBER, SHARE, TEXT, Column, Contract
from livermet.phenotype.baselines import ALWAYS_POSITIVE
from livermet.phenotype.bootstrap import patient_draws
from livermet.phenotype.columns import MODEL, PROTOCOL, PUBLISHED, WEIGHTING
from livermet.phenotype.corrected import UNWEIGHTED
from livermet.phenotype.fits import SET, TEST
from livermet.vocabulary import FEWEST_PATIENTS

JUDGED = (PROTOCOL, MODEL, WEIGHTING, SET)
KEYS = [column.name for column in JUDGED]
# Logits of 0 and 1 are infinite. A forest of 1,000 trees tells no finer than about this.
CLIP = 0.001
DRAWS = 200
BINS = 5

ENDLESS = "where it is not finite: reason says why"
SCARCE = f"fewer than {FEWEST_PATIENTS} patients of a class"
NO_LIMIT = f"where it is not finite, or the limit is not, or with {SCARCE}: reason says why"
LOW = "2.5th percentile of draws of patients"
HIGH = "97.5th percentile of draws of patients"
CALIBRATION = Contract(
    files=("tables/calibration.csv",),
    row="a model on a set of series",
    columns=(
        *JUDGED,
        Column("series", COUNT, "series of the set"),
        Column(
            "slope",
            NUMBER,
            "calibration slope; 1 is right, below 1 the probabilities are too extreme",
            missing=ENDLESS,
        ),
        Column("slope_low", NUMBER, LOW, missing=NO_LIMIT),
        Column("slope_high", NUMBER, HIGH, missing=NO_LIMIT),
        Column(
            "intercept",
            NUMBER,
            "calibration in the large; 0 is right, above 0 the probabilities are too low",
            missing=ENDLESS,
        ),
        Column("intercept_low", NUMBER, LOW, missing=NO_LIMIT),
        Column("intercept_high", NUMBER, HIGH, missing=NO_LIMIT),
        Column("brier", SHARE, "Brier score: mean squared difference of probability and class"),
        Column("brier_low", SHARE, LOW, missing=f"with {SCARCE}"),
        Column("brier_high", SHARE, HIGH, missing=f"with {SCARCE}"),
        Column("brier_prevalence", SHARE, "Brier score of the set's own share of positives"),
        Column("reason", TEXT, "why numbers are missing", missing="where none is missing"),
    ),
    key=tuple(KEYS),
)
CURVE = Contract(
    files=("phenotype/*/calibration_curve.tsv",),
    row="a bin of a model's probabilities on a set of series",
    columns=(
        *JUDGED,
        Column("bin", COUNT, "number of the bin, from the lowest probabilities"),
        Column("predicted", SHARE, "mean probability of the bin"),
        Column("observed", SHARE, "share of positives of the bin"),
        Column("series", COUNT, "series of the bin"),
        Column("weight", NUMBER, "studies of the bin; a series counts as its part of one", low=0),
    ),
    key=(*KEYS, "bin"),
)

# Of labels (0 or 1), probabilities and weights, all (series,): a number, infinite or NaN.
Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def judged(predictions: pd.DataFrame) -> pd.DataFrame:
    """Take the predictions whose probabilities are judged, of models without class weights.

    Class weights shift probabilities by design. Under `published` only the test series count: of
    the others most had their patient in training. 'Always positive' states no probability.
    """
    seen = (predictions["protocol"] == PUBLISHED) & (predictions["set"] != TEST)
    unweighted = predictions["weighting"] == UNWEIGHTED
    return predictions[unweighted & ~seen & (predictions["model"] != ALWAYS_POSITIVE)]


def study_weights(studies: np.ndarray) -> np.ndarray:
    """Weigh each series by 1 / (series of its study)."""
    _, study_of, series = np.unique(studies, return_inverse=True, return_counts=True)
    return 1 / series[study_of]


def calibrate(predictions: pd.DataFrame, seed: int, draws: int = DRAWS) -> pd.DataFrame:
    """Measure the calibration of each model and set of some predictions (`fits.PREDICTIONS`).

    A draw in which the probabilities separate the classes has an infinite slope and counts as such:
    a limit among those is empty. The result is `CALIBRATION`.
    """
    rows = [
        {**dict(zip(KEYS, names, strict=True)), **_calibration(model, seed, draws)}
        for names, model in predictions.groupby(KEYS, sort=False)
    ]
    return pd.DataFrame(rows, columns=CALIBRATION.names)


def _calibration(model: pd.DataFrame, seed: int, draws: int) -> dict:
    model = model.sort_values("series")
    label, probability = (model[name].to_numpy(dtype=float) for name in ("label", "probability"))
    weights = study_weights(model["study"].to_numpy())
    facts: dict[str, float | str] = {"series": len(model)}
    scarce = scarcest(model) < FEWEST_PATIENTS
    patients, studies = model["patient"].to_numpy(), model["study"].to_numpy()
    counts = () if scarce else patient_draws(patients, studies, draws, seed)
    reasons: list[str] = []
    for name, measure in MEASURES.items():
        value = measure(label, probability, weights)
        if not np.isfinite(value):
            reasons.append(f"{name}: {_why(label, probability)}")
            continue
        facts |= {name: value, f"{name}_low": np.nan, f"{name}_high": np.nan}
        if scarce:
            continue
        drawn = np.array([measure(label, probability, count) for count in counts])
        low, high = _limits(drawn)
        facts |= {f"{name}_low": low, f"{name}_high": high}
        if not np.isfinite([low, high]).all():
            endless = np.isinf(drawn).sum()
            reasons.append(f"{name}'s interval: without a limit in {endless} of {draws} draws")
    if scarce:
        reasons.append(f"no intervals: {SCARCE}")
    share = float(np.average(label, weights=weights))
    return facts | {"brier_prevalence": share * (1 - share), "reason": "; ".join(reasons)}


def scarcest(model: pd.DataFrame) -> int:
    """Count the patients of the rarer class; one may have series of both classes."""
    return min(model.loc[model["label"].eq(label), "patient"].nunique() for label in (0, 1))


def slope(label: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> float:
    """Fit the calibration slope; infinite where the probabilities separate the classes.

    NaN where there is one class only, or one probability.
    """
    inside = weights > 0
    label, logits, weights = label[inside], clipped_logits(probability[inside]), weights[inside]
    if len(set(label)) < 2 or np.ptp(logits) == 0:
        return np.nan
    negative, positive = logits[label == 0], logits[label == 1]
    # Also where the classes touch in one value: the likelihood then has no maximum either.
    if negative.max() <= positive.min():
        return np.inf
    if positive.max() <= negative.min():
        return -np.inf
    family = sm.families.Binomial()
    model = sm.GLM(label, sm.add_constant(logits), family=family, freq_weights=weights)
    with warnings.catch_warnings():
        # If few series lie between the classes, statsmodels warns that its standard errors are
        # unreliable. They are not used.
        warnings.simplefilter("ignore")
        return float(model.fit().params[1])


def intercept(label: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> float:
    """Fit the intercept beside a slope of 1; infinite where all labels are the same.

    It makes the mean probability the share of positives. Iterated least squares need not converge
    on logits as far apart as those of CLIP, while this root always lies between two known values.
    """
    inside = weights > 0
    label, logits, weights = label[inside], clipped_logits(probability[inside]), weights[inside]
    if len(set(label)) < 2:
        return np.inf if label[0] == 1 else -np.inf
    share = np.average(label, weights=weights)

    def excess(shift: float) -> float:
        return float(np.average(expit(logits + shift), weights=weights)) - share

    return brentq(excess, logit(share) - logits.max() - 1, logit(share) - logits.min() + 1)


def brier(label: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted mean squared difference of probability and label."""
    return float(np.average((probability - label) ** 2, weights=weights))


def clipped_logits(probability: np.ndarray) -> np.ndarray:
    """Return the log odds of probabilities, which are kept CLIP away from 0 and 1."""
    return logit(np.clip(probability, CLIP, 1 - CLIP))


def _limits(drawn: np.ndarray) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile of the defined draws, infinite ones among them."""
    defined = drawn[~np.isnan(drawn)]
    if not len(defined):
        return np.nan, np.nan
    # A drawn value and none between two, since nothing lies between a number and infinity.
    limits = np.percentile(defined, [2.5, 97.5], method="closest_observation")
    return tuple(np.where(np.isinf(limits), np.nan, limits))


def _why(label: np.ndarray, probability: np.ndarray) -> str:
    if len(set(label)) < 2:
        return "all series are of one class"
    if np.ptp(clipped_logits(probability)) == 0:
        return "every series has the same probability"
    return "the probabilities separate the classes, so that it has no finite value"


MEASURES: dict[str, Measure] = {"slope": slope, "intercept": intercept, "brier": brier}


def calibration_curve(predictions: pd.DataFrame, bins: int = BINS) -> pd.DataFrame:
    """Compare predicted with observed shares in bins of about as many studies each.

    Bins end at quantiles of the weighted probabilities, as scikit-learn's calibration_curve has it
    with equal weights; equal probabilities share a bin, so that there may be fewer. The result is
    `CURVE`.
    """
    rows = []
    for names, model in predictions.groupby(KEYS, sort=False):
        probability = model["probability"].to_numpy(dtype=float)
        weights = study_weights(model["study"].to_numpy())
        inner = np.arange(1, bins) / bins
        edges = np.quantile(probability, inner, weights=weights, method="inverted_cdf")
        place = np.searchsorted(np.unique(edges), probability)
        for number, inside in enumerate(place == value for value in np.unique(place)):
            weight = weights[inside]
            means = (
                float(np.average(values[inside], weights=weight))
                for values in (probability, model["label"].to_numpy(dtype=float))
            )
            rows.append([*names, number, *means, int(inside.sum()), float(weight.sum())])
    return pd.DataFrame(rows, columns=CURVE.names)
