"""Scores on predicted masks beside those on references: six numbers and nine series, by hand."""

import numpy as np
import pandas as pd
import pytest

from livermet.contracts import check
from livermet.phenotype.metrics import FOLDS_SUMMARY
from livermet.validation.masks import MASKS, MaskScores, compare_masks


def scores(*rows):
    return pd.DataFrame([[*row, 0.0, 1.0] for row in rows], columns=FOLDS_SUMMARY.names)


def scored(**sets):
    """Series of the corrected protocol by set, each named by a letter, scored by two models."""
    rows = [("corrected", part, name) for part, names in sets.items() for name in names * 2]
    return pd.DataFrame(rows, columns=["protocol", "set", "series"])


@pytest.fixture
def table():
    predicted = MaskScores(
        scores(("corrected", "LR", "none", "auc", 0.5)),
        scores(("corrected", "LR", "none", "auc", 0.6), ("corrected", "RF", "none", "auc", 0.7)),
        scored(test="abc", validation="defghi"),
    )
    reference = MaskScores(
        # Here cross-validation chose the other classifier.
        scores(("corrected", "RF", "none", "auc", 0.9)),
        scores(("corrected", "LR", "none", "auc", 0.65), ("corrected", "RF", "none", "auc", 0.8)),
        # b, h and i have no reference.
        scored(test="ac", validation="defg"),
    )
    return compare_masks(predicted, reference, "nnunet")


def rows_of(table, mask, part):
    rows = table[(table["mask"] == mask) & (table["set"] == part)]
    return rows.set_index("model")


def test_difference_is_predicted_minus_reference(table):
    check(table, MASKS, "tables/masks.csv")
    validated = rows_of(table, "nnunet", "cross-validation")
    assert validated["mean"].to_dict() == {"LR": 0.6, "RF": 0.7}
    assert validated["difference"].to_dict() == pytest.approx({"LR": -0.05, "RF": -0.1})
    assert table.loc[table["mask"] == "reference", "difference"].isna().all()


def test_a_classifier_that_only_one_mask_scored_stays_without_a_difference(table):
    assert list(rows_of(table, "nnunet", "test").index) == ["LR"]
    assert list(rows_of(table, "reference", "test").index) == ["RF"]
    assert np.isnan(rows_of(table, "nnunet", "test").at["LR", "difference"])


def test_series_of_each_mask_and_those_of_both_are_counted_once(table):
    counts = table.groupby(["mask", "set"])[["series", "shared_series"]].agg(set)
    assert counts["series"].to_dict() == {
        ("nnunet", "test"): {3},
        ("nnunet", "cross-validation"): {6},
        ("reference", "test"): {2},
        ("reference", "cross-validation"): {4},
    }
    assert counts["shared_series"].to_dict() == {
        ("nnunet", "test"): {2},
        ("nnunet", "cross-validation"): {4},
        ("reference", "test"): {2},
        ("reference", "cross-validation"): {4},
    }


def test_masks_without_a_common_series():
    apart = [
        MaskScores(scores(("corrected", "LR", "none", "auc", mean)), scores(), scored(test=names))
        for mean, names in ((0.5, "a"), (0.75, "b"))
    ]
    table = compare_masks(*apart, "unet")
    assert list(table["shared_series"]) == [0, 0]
    assert list(table["series"]) == [1, 1]
    assert table["difference"].iloc[0] == -0.25
