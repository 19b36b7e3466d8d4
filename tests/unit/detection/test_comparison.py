"""Models are compared on shared scans: paired differences, tests, and their family's correction."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from livermet.contracts import check
from livermet.detection.cohort import sets_of_scans
from livermet.detection.comparison import COMPARISON, SCORES, comparison_table

PATIENTS = [f"p{number}" for number in range(8)]


def scans_of(model, values, **columns):
    """One scan a patient with one value for every score, and one of two lesions detected."""
    return pd.DataFrame(
        {
            "series": PATIENTS[: len(values)],
            "model": model,
            "kind": "single",
            "has_reference": True,
            "detected_lesions": 1,
            "reference_lesions": 2,
            **dict.fromkeys(SCORES, values),
            **columns,
        }
    )


def compared(*scans):
    facts = pd.DataFrame({"series": PATIENTS, "patient": PATIENTS, "cohort": "T", "place": "test"})
    sets = list(sets_of_scans(pd.concat(scans, ignore_index=True), facts, "S"))
    table = comparison_table(sets)
    check(table, COMPARISON, "tables/detection_comparison.csv")
    return table.set_index(["metric", "model", "other"])


def test_every_pair_is_tested_and_corrected_by_holm():
    random = np.random.default_rng(1)
    values = {
        name: random.normal(shift, 0.3, 8) for name, shift in zip("abc", (0, 0.2, 1), strict=True)
    }
    table = compared(*(scans_of(name, given) for name, given in values.items()))
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    p = [stats.wilcoxon(values[one], values[other]).pvalue for one, other in pairs]
    rows = table.loc["lesion_dice"].loc[pairs]
    assert rows["p"].tolist() == pytest.approx(p)
    # Holm by hand: the smallest times 3, the next times 2, never below one before.
    order = np.argsort(p)
    steps = np.maximum.accumulate(np.minimum(1, np.take(p, order) * (3, 2, 1)))
    assert rows["p_holm"].to_numpy()[order] == pytest.approx(steps)
    difference = np.median(values["a"] - values["b"])
    assert rows["median_difference"].iloc[0] == pytest.approx(difference)
    assert rows["patients"].tolist() == [8, 8, 8]


def test_all_positive_differences_of_eight_patients_have_the_exact_p():
    given = np.arange(1, 9) / 10
    table = compared(scans_of("a", given * 2), scans_of("b", given))
    # Two of 2^8 signs are as extreme.
    assert table.loc[("lesion_dice", "a", "b"), "p"] == pytest.approx(2 / 2**8)


def test_no_difference_is_p_1():
    table = compared(scans_of("a", [0.5] * 8), scans_of("b", [0.5] * 8))
    assert (table["p"] == 1).all()
    assert (table["p_holm"] == 1).all()


def test_only_scans_that_every_model_has_are_compared():
    table = compared(scans_of("a", np.arange(8.0)), scans_of("b", np.arange(5.0)))
    assert (table["scans"] == 5).all()


def test_scans_of_a_patient_are_one_pair():
    scans = [scans_of(model, np.arange(4.0) + shift) for model, shift in (("a", 0), ("b", 1))]
    facts = pd.DataFrame(
        {
            "series": PATIENTS[:4],
            "patient": ["x", "x", "x", "y"],
            "cohort": "T",
            "place": "test",
        }
    )
    table = comparison_table(list(sets_of_scans(pd.concat(scans), facts, "S")))
    row = table.set_index("metric").loc["lesion_dice"]
    # x: mean of 0, 1, 2; y: 3.
    assert (row["patients"], row["model_median"]) == (2, 2.0)


def test_undefined_distances_leave_the_pair_and_not_the_family():
    nothing = scans_of("b", [0.0] * 8, lesion_assd_mm=[math.nan] * 8)
    table = compared(scans_of("a", np.arange(8.0)), nothing, scans_of("c", np.arange(8.0) + 1))
    assert table.loc[("lesion_assd_mm", "a", "b"), "patients"] == 0
    assert math.isnan(table.loc[("lesion_assd_mm", "a", "b"), "p_holm"])
    one = table.loc[("lesion_assd_mm", "a", "c")]
    assert one["p_holm"] == one["p"]
    # Patients without a reference lesion have no sensitivity.
    free = scans_of("a", np.arange(8.0), reference_lesions=0, detected_lesions=0)
    other = scans_of("b", np.arange(8.0), reference_lesions=0, detected_lesions=0)
    assert compared(free, other).loc[("sensitivity", "a", "b"), "patients"] == 0


def test_one_model_has_nothing_to_be_compared_with():
    assert compared(scans_of("a", np.arange(8.0))).empty
