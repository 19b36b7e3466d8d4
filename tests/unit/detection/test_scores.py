"""Scores of a scan, empty references and predictions included."""

import math

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from livermet.contracts import check
from livermet.detection.measured import GROUPS, LESIONS, MATCHING, SCANS, lesions_by
from livermet.detection.scores import ScanScores, dice, measure_scan, overlap_scores, scan_table
from livermet.errors import InputError

from ..detection_phantoms import BRIDGE, FAR, LEFT, RIGHT, label_map


def test_dice_by_hand():
    one = np.array([1, 1, 1, 0, 0], bool)
    other = np.array([0, 1, 1, 1, 1], bool)
    assert dice(one, other) == pytest.approx(2 * 2 / (3 + 4))
    assert dice(one, np.zeros(5, bool)) == 0
    assert dice(np.zeros(5, bool), np.zeros(5, bool)) == 1


def counts(scores: ScanScores) -> tuple:
    return (
        scores.reference_lesions,
        scores.detected_lesions,
        scores.predicted_lesions,
        scores.true_positive_lesions,
        scores.false_positives,
    )


def test_one_hit_one_miss_one_false_positive():
    measured = measure_scan(label_map(LEFT, FAR), label_map(LEFT, RIGHT))
    scores, lesions = measured.scores, measured.lesions
    assert counts(scores) == (2, 1, 2, 1, 1)
    # LEFT is shared (2 voxels) of 4 reference and 4 predicted voxels.
    assert scores.lesion_dice == pytest.approx(2 * 2 / 8)
    assert scores.liver_dice == 1
    assert lesions[["side", "lesion", "matched"]].values.tolist() == [
        ["reference", 1, True],
        ["reference", 2, False],
        ["prediction", 1, True],
        ["prediction", 2, False],
    ]


def test_one_shared_voxel_is_a_detection():
    scores = measure_scan(label_map(np.s_[1, 1, 2:5]), label_map(LEFT)).scores
    assert counts(scores) == (1, 1, 1, 1, 0)
    assert scores.lesion_dice == pytest.approx(2 * 1 / 5)


def test_touching_without_a_shared_voxel_is_no_detection():
    scores = measure_scan(label_map(np.s_[1, 1, 3:5]), label_map(LEFT)).scores
    assert counts(scores) == (1, 0, 1, 0, 1)


def test_a_prediction_that_merges_two_lesions_detects_both():
    scores = measure_scan(label_map(BRIDGE), label_map(LEFT, RIGHT)).scores
    assert counts(scores) == (2, 2, 1, 1, 0)


def test_a_prediction_that_splits_a_lesion_detects_it_once():
    scores = measure_scan(label_map(LEFT, RIGHT), label_map(BRIDGE)).scores
    assert counts(scores) == (1, 1, 2, 2, 0)


def test_both_empty_is_dice_1():
    measured = measure_scan(label_map(), label_map())
    scores = measured.scores
    assert counts(scores) == (0, 0, 0, 0, 0)
    assert scores.lesion_dice == scores.lesion_surface_dice == 1
    assert scores.lesion_voe == scores.lesion_rvd == 0
    assert math.isnan(scores.lesion_assd_mm)
    assert len(measured.lesions) == len(measured.groups) == 0
    assert list(measured.matching["false_positives"]) == [0]


def test_maps_without_any_label_have_results_too():
    nothing = label_map(liver=False)
    assert measure_scan(nothing, nothing).scores.lesion_dice == 1
    assert measure_scan(nothing, None).scores.predicted_lesions == 0
    assert counts(measure_scan(nothing, label_map(LEFT)).scores) == (1, 0, 0, 0, 0)


def test_prediction_only_is_dice_0_and_false_positives():
    scores = measure_scan(label_map(LEFT, FAR), label_map()).scores
    assert counts(scores) == (0, 0, 2, 0, 2)
    assert scores.lesion_dice == scores.lesion_surface_dice == 0
    assert scores.lesion_voe == 1
    assert math.isnan(scores.lesion_rvd)
    assert math.isnan(scores.lesion_mssd_mm)
    # Four voxels of 1 mm3.
    assert scores.false_positive_ml == pytest.approx(0.004)


def test_reference_only_is_dice_0_and_nothing_detected():
    scores = measure_scan(label_map(), label_map(LEFT, FAR)).scores
    assert counts(scores) == (2, 0, 0, 0, 0)
    assert scores.lesion_dice == scores.lesion_surface_dice == 0
    assert scores.lesion_rvd == -1


def test_without_a_reference_only_the_prediction_is_measured():
    given = label_map(LEFT, spacing=(10.0, 10.0, 10.0))
    measured = measure_scan(given, None, matching=("any_overlap", "lits"))
    scores = measured.scores
    assert not scores.has_reference
    assert counts(scores) == (None, None, 1, None, None)
    assert scores.liver_dice is None
    assert scores.lesion_dice is None
    assert scores.predicted_burden_ml == pytest.approx(2.0)
    assert measured.lesions["matched"].tolist() == [None]
    assert measured.lesions["matched_lits"].tolist() == [None]
    assert len(measured.matching) == len(measured.groups) == 0


def test_burden_and_liver_volume_in_ml():
    spacing = (10.0, 10.0, 5.0)  # 0.5 ml a voxel
    scores = measure_scan(
        label_map(LEFT, FAR, spacing=spacing), label_map(LEFT, spacing=spacing)
    ).scores
    assert scores.reference_burden_ml == pytest.approx(1.0)
    assert scores.predicted_burden_ml == pytest.approx(2.0)
    # The liver holds its lesions: 6 x 7 x 8 voxels.
    assert scores.reference_liver_ml == scores.predicted_liver_ml == pytest.approx(168.0)


def test_a_minimum_size_filters_the_prediction_and_not_the_reference():
    single, pair = np.s_[4, 5, 1], LEFT
    measured = measure_scan(
        label_map(pair, single), label_map(pair, single), minimum_lesion_voxels=2
    )
    scores = measured.scores
    assert counts(scores) == (2, 1, 1, 1, 0)
    assert scores.lesion_dice == pytest.approx(2 * 2 / (3 + 2))
    assert scores.liver_dice == 1
    assert scores.predicted_burden_ml == pytest.approx(0.002)
    assert len(measured.lesions) == 3


def test_different_grids_end_with_a_sentence():
    with pytest.raises(InputError, match="different grids"):
        measure_scan(label_map(spacing=(1, 1, 2)), label_map())


def test_overlap_scores_by_hand():
    # 4 reference and 5 predicted voxels, 2 shared: union 7.
    scores = overlap_scores(4, 5, 2)
    assert scores == pytest.approx({"dice": 4 / 9, "voe": 5 / 7, "rvd": 1 / 4})


def test_every_rule_has_its_row_and_the_first_is_the_scans():
    rules = ("iou_0.5", "any_overlap", "lits")
    measured = measure_scan(label_map(BRIDGE), label_map(LEFT, RIGHT), matching=rules)
    # BRIDGE has 6 voxels, 2 shared with each: IoU 2 / 6 alone, 4 / 6 together.
    assert measured.matching[["rule", "detected_lesions", "false_positives"]].values.tolist() == [
        ["iou_0.5", 0, 1],
        ["any_overlap", 2, 0],
        ["lits", 2, 0],
    ]
    assert counts(measured.scores) == (2, 0, 1, 0, 1)
    assert measured.scores.merging_lesions == 1
    assert measured.scores.split_lesions == 0
    lesions = measured.lesions.set_index("side")
    assert lesions.loc["reference", "matched_lits"].tolist() == [True, True]
    assert not lesions["matched"].any()
    assert list(measured.matching.columns) == MATCHING.names[2:]


def test_groups_of_matched_lesions_by_hand():
    spacing = (1.0, 1.0, 1.0)
    reference, prediction = label_map(LEFT, RIGHT, FAR, spacing=spacing), label_map(BRIDGE, FAR)
    measured = measure_scan(prediction, reference, matching=("any_overlap", "one_to_one"))
    groups = measured.groups.set_index(["rule", "references"])
    assert list(measured.groups.columns) == GROUPS.names[2:]
    merged = groups.loc[("any_overlap", "1+2")]
    assert merged["predictions"] == "1"
    # 4 reference and 6 predicted voxels, 4 shared; the bridge's inner two are 1 mm off.
    assert merged["dice"] == pytest.approx(8 / 10)
    assert merged["voe"] == pytest.approx(1 / 3)
    assert merged["rvd"] == pytest.approx(1 / 2)
    assert merged["assd_mm"] == pytest.approx(2 / 10)
    assert merged["mssd_mm"] == 1
    assert merged[["reference_ml", "predicted_ml"]].tolist() == pytest.approx([0.004, 0.006])
    # One to one, the bridge (6) has LEFT (2) alone: 2 shared voxels; its far end is 4 mm off.
    alone = groups.loc[("one_to_one", "1")]
    assert alone["dice"] == pytest.approx(4 / 8)
    assert alone["mssd_mm"] == 4
    assert groups.loc[("one_to_one", "3"), "dice"] == 1
    assert ("one_to_one", "2") not in groups.index


CASES = {
    "both": (label_map(LEFT, FAR), label_map(LEFT, RIGHT)),
    "neither": (label_map(), label_map()),
    "the prediction alone": (label_map(FAR), label_map()),
    "the reference alone": (label_map(), label_map(LEFT)),
    "no label": (label_map(liver=False), label_map(liver=False)),
    "no reference": (label_map(LEFT), None),
}


@pytest.mark.parametrize("case", CASES)
def test_tables_of_a_scan_keep_their_contracts(case):
    rules = ("any_overlap", "iou_0.5")
    measured = measure_scan(*CASES[case], matching=rules)
    check(scan_table("a", "m", "single", measured.scores), SCANS, "detection/m/scans.tsv")
    tables = {
        "lesions": lesions_by(rules),
        "matching": MATCHING,
        "groups": GROUPS,
    }
    for name, contract in tables.items():
        table = getattr(measured, name).assign(series="a", model="m")[contract.names]
        check(table, contract, f"detection/m/batches/b0001.{name}.tsv")
        if name == "lesions":
            check(table, LESIONS, "detection/m/lesions.tsv")


def test_flags_of_lesions_are_those_of_the_rules():
    contract = lesions_by(("any_overlap", "lits"))
    assert contract.names == [*LESIONS.names[:-1], "matched_any_overlap", "matched_lits"]


@pytest.mark.parametrize("connectivity", [6, 18, 26])
def test_the_scans_distances_do_not_depend_on_what_makes_a_lesion(connectivity):
    random = np.random.default_rng(3)
    masks = random.random((2, 6, 7, 8)) < 0.3
    images = [sitk.GetImageFromArray(mask.astype(np.uint8) * 2) for mask in masks]
    measured, whole = (
        measure_scan(*images, connectivity=connectivity),
        measure_scan(*images, connectivity=26),
    )
    assert len(measured.lesions) >= len(whole.lesions)
    for name in ("assd_mm", "mssd_mm", "hd95_mm", "surface_dice"):
        one, other = (getattr(one.scores, f"lesion_{name}") for one in (measured, whole))
        assert one == pytest.approx(other)


def test_empty_borders_around_the_labels_change_nothing():
    inner = label_map(LEFT, FAR, liver=False), label_map(BRIDGE, liver=False)
    padded = [sitk.ConstantPad(image, (3, 2, 1), (2, 4, 5), 0) for image in inner]
    small, large = measure_scan(*inner), measure_scan(*padded)
    assert small.scores == large.scores
    # The padded image's origin has moved with its border.
    pd.testing.assert_frame_equal(small.lesions, large.lesions)
    pd.testing.assert_frame_equal(small.groups, large.groups)
