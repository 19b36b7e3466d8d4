"""Table 3: which scans a model is scored on, counted by hand."""

import pandas as pd
import pytest

from livermet.contracts import check
from livermet.detection.table3 import (
    TABLE3,
    TABLE3_UNSCORED,
    table3_of_given_masks,
    table3_segmentation,
)

from .. import report_phantoms as made


def scan(series, model, kind, **values):
    return {
        "series": series,
        "model": model,
        "kind": kind,
        "has_reference": True,
        "reference_lesions": 4,
        "predicted_lesions": 2,
        "detected_lesions": 3,
        "true_positive_lesions": 2,
        "false_positives": 0,
        "liver_dice": 0.9,
        "lesion_dice": 0.6,
    } | values


def test_table3_counts_by_hand():
    facts = pd.DataFrame(
        {
            "series": ["a", "b", "c", "d"],
            "patient": ["pa", "pb", "pc", "pd"],
            "cohort": ["S", "T", "T", "T"],
            "place": ["test", "test", "train", "test"],
        }
    )
    scans = pd.DataFrame(
        [
            scan("a", "m", "single"),
            scan("b", "m", "single", predicted_lesions=4, false_positives=2, lesion_dice=0.4),
            scan("c", "m", "single", detected_lesions=1, lesion_dice=0.2),
            scan("d", "m", "single", has_reference=False),
            scan("b", "f", "ensemble"),
            scan("c", "f", "out_of_fold"),
        ]
    )
    check(
        table3_segmentation(scans, facts, "T", draws=100),
        TABLE3,
        "tables/table3_segmentation.csv",
    )
    nobody = table3_segmentation(scans.iloc[:0], facts, "T", draws=100)
    check(nobody, TABLE3, "tables/table3_segmentation.csv")
    table = table3_segmentation(scans, facts, "T").set_index(["model", "cohort", "test_set"])
    assert list(table.index) == [
        ("m", "S", "test patients"),
        ("m", "T", "test patients"),
        ("m", "T", "whole cohort"),
        # f trained on T: its training patients stand apart and the whole cohort does not appear
        ("f", "T", "test patients"),
        ("f", "T", "training, out of fold"),
    ]
    whole = table.loc[("m", "T", "whole cohort")]
    assert (whole["patients"], whole["scans"]) == (2, 2)
    assert whole["lesion_sensitivity"] == pytest.approx((3 + 1) / (4 + 4))
    assert whole["lesion_ppv"] == pytest.approx((2 + 2) / (4 + 2))
    assert whole["false_positives_per_scan"] == pytest.approx(1.0)
    assert whole["median_dice"] == pytest.approx(0.3)
    assert table.loc[("f", "T", "training, out of fold"), "kind"] == "out_of_fold"


def test_table3_says_in_one_row_that_masks_were_given():
    table = table3_of_given_masks(made.facts())
    check(table, TABLE3_UNSCORED, "tables/table3_segmentation.csv")
    assert len(table) == 1
    assert table.loc[0, "model"] == "reference"
    assert "no model was scored" in table.loc[0, "test_set"]
