"""How many patients a model with so many candidate features would need: Riley's criteria.

Riley et al., BMJ 2020;368:m441 and Stat Med 2019;38:1276-96, for a binary outcome:

1. the predictors' effects have to be shrunk by at most 10% (a global shrinkage factor of 0.9);
2. the apparent and the adjusted Nagelkerke R2 differ by at most 0.05;
3. the share of positives is known to within 0.05.

Criteria 1 and 2 take the model's Cox-Snell R2, here from an assumed C-statistic (AUC) as in Riley,
Van Calster and Collins, Stat Med 2021;40:859-64: the linear predictor is normal in either class,
with the same variance. They simulate it; since that model is logistic itself, its expected
likelihood can be integrated, which is done here.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import special, stats

from livermet.contracts import COUNT, NUMBER, SHARE, TEXT, Column, Contract
from livermet.phenotype.corrected import training_rows
from livermet.phenotype.table import FEATURES

SHRINKAGE = 0.9
OPTIMISM = 0.05
MARGIN = 0.05
CRITERIA = (
    f"effects shrunk by at most {1 - SHRINKAGE:.0%}",
    f"optimism in R2 at most {OPTIMISM:g}",
    f"share of positives within {MARGIN:g}",
)
ALL_CRITERIA = "all three"
SAMPLE_SIZE = Contract(
    files=("tables/sample_size.csv",),
    row="a criterion for a number of features",
    columns=(
        Column(
            "candidates",
            TEXT,
            "the features: all candidates, or as many as the fold selected that selected most",
        ),
        Column("parameters", COUNT, "number of features"),
        Column(
            "criterion",
            TEXT,
            "what the model is asked for (Riley et al., BMJ 2020)",
            words=(*CRITERIA, ALL_CRITERIA),
        ),
        Column("required_patients", COUNT, "patients that the criterion asks for"),
        Column("required_events", COUNT, "positive ones among them"),
        Column("available_patients", COUNT, "training patients"),
        Column(
            "available_events",
            NUMBER,
            "positive ones among them; a patient counts as its share of positive studies",
            low=0,
        ),
        Column("assumed_auc", SHARE, "AUC that the model is assumed to reach"),
        Column("prevalence", SHARE, "mean share of positive studies of all patients"),
        Column("r2_cs", SHARE, "Cox-Snell R2 that follows from both"),
    ),
    key=("candidates", "criterion"),
)


def plan_sample_size(table: pd.DataFrame, selection: pd.DataFrame, auc: float) -> pd.DataFrame:
    """Set the patients that each criterion asks for beside the training patients there are.

    Once for all features of the table as candidates, once for as many as the corrected protocol's
    `selection` holds in the fold that selected most. `auc` is the C-statistic assumed. A patient's
    share of positive studies is the part of an event that it counts for; the prevalence is the mean
    of these over all patients, those of the test set included. The result is `SAMPLE_SIZE`.
    """
    prevalence = positive_shares(table).mean()
    available = positive_shares(training_rows(table))
    r2 = cox_snell_r2(auc, prevalence)
    most = int(selection.groupby("fold")["feature"].count().max())
    rows = []
    for name, parameters in (("candidates", len(FEATURES)), ("selected", most)):
        needed = required_patients(parameters, prevalence, r2)
        for criterion, patients in zip(
            (*CRITERIA, ALL_CRITERIA), (*needed, max(needed)), strict=True
        ):
            rows.append(
                {
                    "candidates": f"{parameters} {name}",
                    "parameters": parameters,
                    "criterion": criterion,
                    "required_patients": patients,
                    "required_events": math.ceil(patients * prevalence),
                    "available_patients": len(available),
                    "available_events": round(available.sum(), 1),
                    "assumed_auc": auc,
                    "prevalence": prevalence,
                    "r2_cs": r2,
                }
            )
    return pd.DataFrame(rows)


def positive_shares(rows: pd.DataFrame) -> pd.Series:
    """Return the share of positive studies of each patient."""
    return rows.groupby(["patient", "study"])["label"].mean().groupby("patient").mean()


def required_patients(parameters: int, prevalence: float, r2: float) -> tuple[int, int, int]:
    """Return the patients that each of CRITERIA asks for; `r2` is the Cox-Snell R2 expected."""
    allowed = r2 / (r2 + OPTIMISM * maximum_r2(prevalence))
    precise = (1.96 / MARGIN) ** 2 * prevalence * (1 - prevalence)
    return (
        math.ceil(_for_shrinkage(SHRINKAGE, parameters, r2)),
        math.ceil(_for_shrinkage(allowed, parameters, r2)),
        math.ceil(precise),
    )


def _for_shrinkage(shrinkage: float, parameters: int, r2: float) -> float:
    """Return the patients whose expected shrinkage factor is `shrinkage`."""
    return parameters / ((shrinkage - 1) * math.log(1 - r2 / shrinkage))


def maximum_r2(prevalence: float) -> float:
    """Return the Cox-Snell R2 of a perfect model."""
    return 1 - math.exp(-2 * stats.entropy([prevalence, 1 - prevalence]))


def cox_snell_r2(auc: float, prevalence: float) -> float:
    """Return the Cox-Snell R2 of a model with this C-statistic in a large sample.

    With the linear predictor N(0, 1) among negatives and N(d, 1) among positives, where the AUC is
    Phi(d / sqrt(2)), the log odds at x are d * x and a constant. R2 is 1 - exp(-2 * gain) of the
    expected gain in log likelihood per patient over the prevalence alone.
    """
    distance = math.sqrt(2) * stats.norm.ppf(auc)

    def log_odds(x: np.ndarray) -> np.ndarray:
        return special.logit(prevalence) + distance * x - distance**2 / 2

    fitted = prevalence * _expected(lambda x: special.log_expit(log_odds(x)), distance)
    fitted += (1 - prevalence) * _expected(lambda x: special.log_expit(-log_odds(x)), 0.0)
    gain = fitted + stats.entropy([prevalence, 1 - prevalence])
    return -math.expm1(-2 * gain)


def _expected(value: Callable[[np.ndarray], np.ndarray], mean: float) -> float:
    """Integrate a function over the normal distribution with this mean and variance 1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    return float(weights @ value(nodes + mean) / weights.sum())
