"""Paired comparison of models on the patients and scans that all of them were scored on.

A patient is one pair: the mean over the patient's scans (sensitivity: pooled over them), since
scans of one patient are not independent. Wilcoxon's signed-rank test on the differences (zero
differences are dropped, as Wilcoxon did; exact up to 50 patients without ties), Holm's correction
over the pairs of models within a cohort, set and score.
"""

from itertools import combinations, groupby

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from statsmodels.stats.multitest import multipletests

from livermet.contracts import COHORT, COUNT, NUMBER, SHARE, TEXT, Column, Contract
from livermet.detection.cohort import TEST_SET, ScanSet
from livermet.detection.measured import MODEL

SCORES = (
    "lesion_dice",
    "liver_dice",
    "lesion_surface_dice",
    "lesion_assd_mm",
    "lesion_hd95_mm",
    "false_positives",
    "false_positive_ml",
)
SENSITIVITY = "sensitivity"
COMPARISON = Contract(
    files=("tables/detection_comparison.csv",),
    row="a pair of models and a score, on the scans that all models of a set have",
    columns=(
        COHORT,
        TEST_SET,
        Column("metric", TEXT, "the score that is compared", words=(*SCORES, SENSITIVITY)),
        MODEL,
        Column("other", TEXT, "name of the network that it is compared with"),
        Column("patients", COUNT, "patients with a value by both models"),
        Column("scans", COUNT, "scans that all models of the set have"),
        Column(
            "model_median",
            NUMBER,
            "median of the first model over patients",
            missing="without a patient with a value by both models",
        ),
        Column(
            "other_median",
            NUMBER,
            "median of the other model over patients",
            missing="without a patient with a value by both models",
        ),
        Column(
            "median_difference",
            NUMBER,
            "median over patients of the first model minus the other",
            missing="without a patient with a value by both models",
        ),
        Column(
            "statistic",
            NUMBER,
            "statistic of Wilcoxon's signed-rank test",
            low=0,
            missing="without a patient with a value by both models",
        ),
        Column(
            "p",
            SHARE,
            "p value of this test; 1 where no two values differ",
            missing="without a patient with a value by both models",
        ),
        Column(
            "p_holm",
            SHARE,
            "p value by Holm's correction over the pairs of models",
            missing="without a patient with a value by both models",
        ),
    ),
    key=("cohort", "test_set", "metric", "model", "other"),
)


def comparison_table(sets: list[ScanSet]) -> pd.DataFrame:
    """Compare each pair of models in each cohort's set: `COMPARISON`; medians are over patients.

    The sets' scans have references. `median_difference` is the median of model minus other.
    Patients without a value by either model (a distance where nothing is predicted) are left out of
    that pair. p is 1 where no two values differ.
    """
    named = sorted(sets, key=lambda one: (one.cohort, one.test_set))
    rows = []
    for (cohort, test_set), members in groupby(named, lambda one: (one.cohort, one.test_set)):
        tables = _common_scans(list(members))
        values = {model: _of_patients(scans) for model, scans in tables.items()}
        for metric in (*SCORES, SENSITIVITY):
            family = [
                {
                    "cohort": cohort,
                    "test_set": test_set,
                    "metric": metric,
                    "model": one,
                    "other": other,
                    "scans": len(tables[one]),
                    **_compare(values[one][metric], values[other][metric]),
                }
                for one, other in combinations(tables, 2)
            ]
            rows += _corrected(family)
    return pd.DataFrame(rows, columns=COMPARISON.names)


def _common_scans(sets: list[ScanSet]) -> dict[str, pd.DataFrame]:
    """Return each model's rows of the scans that every model of the set has."""
    tables = {one.model: one.scans.set_index("series") for one in sets}
    common = set.intersection(*(set(table.index) for table in tables.values()))
    return {model: table.loc[sorted(common)] for model, table in tables.items()}


def _of_patients(scans: pd.DataFrame) -> pd.DataFrame:
    lesions = ["detected_lesions", "reference_lesions"]
    numbers = scans[[*SCORES, *lesions]].astype(float).groupby(scans["patient"])
    values = numbers[list(SCORES)].mean()
    sums = numbers[lesions].sum()
    values[SENSITIVITY] = sums[lesions[0]] / sums[lesions[1]].where(sums[lesions[1]] > 0)
    return values


def _compare(one: pd.Series, other: pd.Series) -> dict:
    pairs = pd.DataFrame({"one": one, "other": other}).dropna()
    # Rounded, so that differences that are equal but for their last digit stay tied.
    difference = (pairs["one"] - pairs["other"]).round(9)
    statistic, p = np.nan, np.nan
    if len(pairs):
        statistic, p = (0.0, 1.0) if difference.eq(0).all() else wilcoxon(difference)
    return {
        "patients": len(pairs),
        "model_median": pairs["one"].median(),
        "other_median": pairs["other"].median(),
        "median_difference": difference.median(),
        "statistic": float(statistic),
        "p": float(p),
    }


def _corrected(family: list[dict]) -> list[dict]:
    """Add Holm's correction; pairs without a test are no part of the family."""
    tested = [row for row in family if not np.isnan(row["p"])]
    corrected = multipletests([row["p"] for row in tested], method="holm")[1] if tested else []
    for row, p in zip(tested, corrected, strict=True):
        row["p_holm"] = float(p)
    return family
