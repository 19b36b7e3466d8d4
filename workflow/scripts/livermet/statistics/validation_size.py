"""How many patients another cohort needs to validate a model: Riley's criteria.

Riley et al., Stat Med 2021;40:4230-51, for a binary outcome. Each asks that a 95% interval be no
wider than the authors propose:

1. observed over expected positives (O:E), 0.2 around 1;
2. the calibration slope, 0.2 around 1, with the Fisher information of a logistic regression of the
   class on the linear predictor;
3. the C-statistic (AUC), 0.1, with Newcombe's standard error (Stat Med 2006;25:559-73);
4. the standardised net benefit at the model's threshold, 0.2.

What they take as known is the cohort's share of positives, and an AUC that is assumed; from both
follows the linear predictor's distribution, normal in either class with the same variance, as in
`livermet.statistics.sample_size`. It is integrated, which the authors' program simulates.
"""

import math

import numpy as np
from scipy import special, stats

Z = stats.norm.ppf(0.975)
OE_WIDTH, SLOPE_WIDTH, AUC_WIDTH, BENEFIT_WIDTH = 0.2, 0.2, 0.1, 0.2
CRITERIA = (
    f"O:E within {OE_WIDTH:g}",
    f"calibration slope within {SLOPE_WIDTH:g}",
    f"AUC within {AUC_WIDTH:g}",
    f"standardised net benefit within {BENEFIT_WIDTH:g}",
)
# More than anybody has: what asks for more is not to be had.
MOST = 10**8


def required_for_validation(
    prevalence: float, auc: float, threshold: float, sensitivity: float, specificity: float
) -> tuple[float, ...]:
    """Return the patients that each of CRITERIA asks for; NaN where a criterion has no answer.

    sensitivity and specificity are those at the threshold. All of one class, or an AUC of 0.5, in
    which a slope of 1 has no meaning, leave criteria without an answer.
    """
    if not 0 < prevalence < 1:
        return (math.nan,) * len(CRITERIA)
    return (
        _for_oe(prevalence),
        for_slope(*linear_predictor(prevalence, auc)) if auc > 0.5 else math.nan,
        _for_auc(prevalence, auc),
        _for_benefit(prevalence, threshold, sensitivity, specificity),
    )


def _for_oe(prevalence: float) -> float:
    # exp(z se) - exp(-z se) is the width of the interval around 1.
    error = math.asinh(OE_WIDTH / 2) / Z
    return math.ceil((1 - prevalence) / (prevalence * error**2))


def linear_predictor(prevalence: float, auc: float) -> tuple[np.ndarray, np.ndarray]:
    """Return values of the linear predictor (log odds) and each one's share of the patients."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    weights = weights / weights.sum()
    distance = math.sqrt(2) * stats.norm.ppf(auc)
    at = np.concatenate([nodes, nodes + distance])
    share = np.concatenate([(1 - prevalence) * weights, prevalence * weights])
    return special.logit(prevalence) + distance * at - distance**2 / 2, share


def for_slope(linear: np.ndarray, share: np.ndarray) -> float:
    """Return the patients for the slope: the information of intercept and slope, inverted at 1."""
    spread = share * special.expit(linear) * special.expit(-linear)
    of_intercept, of_both, of_slope = (float(spread @ linear**power) for power in range(3))
    variance = of_intercept / (of_intercept * of_slope - of_both**2)
    return math.ceil(variance / (SLOPE_WIDTH / 2 / Z) ** 2)


def _auc_error(patients: float, prevalence: float, auc: float) -> float:
    """Return the standard error of an AUC (Newcombe's method 4) among so many patients."""
    half = patients / 2 - 1
    inside = 1 + half * (1 - auc) / (2 - auc) + half * auc / (1 + auc)
    return math.sqrt(auc * (1 - auc) * inside / (patients**2 * prevalence * (1 - prevalence)))


def _for_auc(prevalence: float, auc: float) -> float:
    """Find the first number of patients whose interval is narrow enough; it only gets narrower."""
    low, high = 2, MOST
    while low < high:
        middle = (low + high) // 2
        if 2 * Z * _auc_error(middle, prevalence, auc) <= AUC_WIDTH:
            high = middle
        else:
            low = middle + 1
    return low


def _for_benefit(
    prevalence: float, threshold: float, sensitivity: float, specificity: float
) -> float:
    if not 0 < threshold < 1 or math.isnan(sensitivity + specificity):
        return math.nan
    odds = (1 - prevalence) / prevalence * threshold / (1 - threshold)
    variance = sensitivity * (1 - sensitivity) / prevalence
    variance += odds**2 * specificity * (1 - specificity) / (1 - prevalence)
    variance += odds**2 * (1 - specificity) ** 2 / (prevalence * (1 - prevalence))
    # Calls without an error, or none at all, in so few patients do not tell of no variance.
    return math.ceil(variance / (BENEFIT_WIDTH / 2 / Z) ** 2) if variance > 0 else math.nan
