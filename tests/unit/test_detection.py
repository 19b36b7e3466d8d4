import math

import cc3d
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from scipy import ndimage

from livermet.detection import (
    ScanScores,
    dice,
    lesion_components,
    lesion_table,
    measure_scan,
    overlapping_pairs,
    scan_table,
    summarise,
)
from livermet.errors import InputError
from livermet.files import read_table, write_table


def label_map(*lesions, shape=(6, 7, 8), spacing=(1.0, 1.0, 1.0), liver=True):
    """A liver that fills the volume, with lesions given as (z, y, x) index expressions."""
    array = np.full(shape, 1 if liver else 0, np.uint8)
    for lesion in lesions:
        array[lesion] = 2
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    return image


def array_of_lesions(*lesions, **options):
    return sitk.GetArrayFromImage(label_map(*lesions, **options))


# Lesions of the scans below: two voxels each, far apart, and a bridge over the gap between them.
LEFT, RIGHT, FAR = np.s_[1, 1, 1:3], np.s_[1, 1, 5:7], np.s_[4, 5, 1:3]
BRIDGE = np.s_[1, 1, 1:7]


def test_voxels_that_share_a_corner_are_one_lesion_by_26_and_two_by_6_neighbours():
    corner = array_of_lesions(np.s_[1, 1, 1], np.s_[2, 2, 2])
    assert lesion_components(corner, connectivity=26).max() == 1
    assert lesion_components(corner, connectivity=18).max() == 2
    assert lesion_components(corner, connectivity=6).max() == 2


def test_voxels_that_share_an_edge_are_one_lesion_by_18_neighbours():
    edge = array_of_lesions(np.s_[1, 1, 1], np.s_[1, 2, 2])
    assert lesion_components(edge, connectivity=18).max() == 1
    assert lesion_components(edge, connectivity=6).max() == 2


def test_liver_voxels_are_no_lesions():
    assert lesion_components(array_of_lesions()).max() == 0


def test_lesions_are_numbered_by_volume_then_by_first_voxel():
    labels = array_of_lesions(np.s_[0, 0, 0], np.s_[0, 0, 3], np.s_[5, 4:6, 0:2])
    components = lesion_components(labels)
    assert components[5, 4, 0] == 1
    assert components[0, 0, 0] == 2
    assert components[0, 0, 3] == 3


def test_small_components_are_left_out():
    labels = array_of_lesions(np.s_[0, 0, 0], np.s_[3, 3, 3:6], np.s_[5, 5, 0:2])
    components = lesion_components(labels, minimum_voxels=2)
    assert components.max() == 2
    assert components[0, 0, 0] == 0
    assert components[3, 3, 3] == 1
    assert components[5, 5, 0] == 2


def test_components_are_those_of_scipy_on_random_maps():
    labels = np.random.default_rng(1).integers(0, 3, (9, 10, 11)).astype(np.uint8)
    ours = lesion_components(labels, connectivity=6)
    theirs, count = ndimage.label(labels == 2)
    # The same partition: each of their components meets one of ours, and the other way round.
    pairs = {(a, b) for a, b in zip(ours.ravel(), theirs.ravel(), strict=True)}
    assert ours.max() == count
    assert len(pairs) == count + 1


def test_volume_and_diameter_of_anisotropic_voxels():
    image = label_map(np.s_[1, 1, 1:5], spacing=(0.5, 2.0, 5.0))
    table = lesion_table(lesion_components(sitk.GetArrayFromImage(image)), image)
    # 4 voxels of 0.5 x 2 x 5 = 5 mm3 are 20 mm3; a sphere of 20 mm3 has the radius (15 / pi)^(1/3).
    assert table["voxels"].tolist() == [4]
    assert table["volume_ml"].tolist() == pytest.approx([0.020])
    assert table["diameter_mm"].tolist() == pytest.approx([2 * (15 / math.pi) ** (1 / 3)])


def test_centroid_lies_in_patient_coordinates():
    image = label_map(np.s_[2, 1, 1:4], spacing=(2.0, 3.0, 5.0))
    image.SetOrigin((10.0, 20.0, 30.0))
    # RAS+ volumes as SimpleITK sees them: x and y run against the patient's axes.
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    table = lesion_table(lesion_components(sitk.GetArrayFromImage(image)), image)
    # Mean index (x, y, z) = (2, 1, 2), so 4, 3 and 10 mm along the axes from the origin.
    assert table[["x_mm", "y_mm", "z_mm"]].iloc[0].tolist() == pytest.approx([6.0, 17.0, 40.0])


def test_centroid_under_a_direction_that_swaps_axes():
    image = label_map(np.s_[3, 2, 1], spacing=(2.0, 3.0, 5.0))
    # Index x runs along patient y, index y along patient x.
    image.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, 1))
    table = lesion_table(lesion_components(sitk.GetArrayFromImage(image)), image)
    assert table[["x_mm", "y_mm", "z_mm"]].iloc[0].tolist() == pytest.approx([6.0, 2.0, 15.0])


def test_table_without_lesions_has_its_columns():
    image = label_map()
    table = lesion_table(lesion_components(sitk.GetArrayFromImage(image)), image)
    assert len(table) == 0
    assert list(table.columns) == [
        "lesion", "voxels", "volume_ml", "diameter_mm", "x_mm", "y_mm", "z_mm"
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_those_of_a_loop_over_all_lesions(seed):
    random = np.random.default_rng(seed)
    masks = random.random((2, 12, 13, 14)) < 0.15
    one, other = (cc3d.connected_components(mask, connectivity=6) for mask in masks)
    expected = [
        (a, b, voxels)
        for a in range(1, one.max() + 1)
        for b in range(1, other.max() + 1)
        if (voxels := int(((one == a) & (other == b)).sum()))
    ]
    found = overlapping_pairs(one, other)
    assert list(found.itertuples(index=False, name=None)) == expected


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
    scores, lesions = measure_scan(label_map(LEFT, FAR), label_map(LEFT, RIGHT))
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
    scores, _ = measure_scan(label_map(np.s_[1, 1, 2:5]), label_map(LEFT))
    assert counts(scores) == (1, 1, 1, 1, 0)
    assert scores.lesion_dice == pytest.approx(2 * 1 / 5)


def test_touching_without_a_shared_voxel_is_no_detection():
    scores, _ = measure_scan(label_map(np.s_[1, 1, 3:5]), label_map(LEFT))
    assert counts(scores) == (1, 0, 1, 0, 1)


def test_a_prediction_that_merges_two_lesions_detects_both():
    scores, _ = measure_scan(label_map(BRIDGE), label_map(LEFT, RIGHT))
    assert counts(scores) == (2, 2, 1, 1, 0)


def test_a_prediction_that_splits_a_lesion_detects_it_once():
    scores, _ = measure_scan(label_map(LEFT, RIGHT), label_map(BRIDGE))
    assert counts(scores) == (1, 1, 2, 2, 0)


def test_both_empty_is_dice_1():
    scores, lesions = measure_scan(label_map(), label_map())
    assert counts(scores) == (0, 0, 0, 0, 0)
    assert scores.lesion_dice == 1
    assert len(lesions) == 0


def test_prediction_only_is_dice_0_and_false_positives():
    scores, _ = measure_scan(label_map(LEFT, FAR), label_map())
    assert counts(scores) == (0, 0, 2, 0, 2)
    assert scores.lesion_dice == 0


def test_reference_only_is_dice_0_and_nothing_detected():
    scores, _ = measure_scan(label_map(), label_map(LEFT, FAR))
    assert counts(scores) == (2, 0, 0, 0, 0)
    assert scores.lesion_dice == 0


def test_without_a_reference_only_the_prediction_is_measured():
    scores, lesions = measure_scan(label_map(LEFT, spacing=(10.0, 10.0, 10.0)), None)
    assert not scores.has_reference
    assert counts(scores) == (None, None, 1, None, None)
    assert scores.liver_dice is None
    assert scores.lesion_dice is None
    assert scores.predicted_burden_ml == pytest.approx(2.0)
    assert lesions["matched"].tolist() == [None]


def test_burden_and_liver_volume_in_ml():
    spacing = (10.0, 10.0, 5.0)  # 0.5 ml a voxel
    scores, _ = measure_scan(
        label_map(LEFT, FAR, spacing=spacing), label_map(LEFT, spacing=spacing)
    )
    assert scores.reference_burden_ml == pytest.approx(1.0)
    assert scores.predicted_burden_ml == pytest.approx(2.0)
    # The liver holds its lesions: 6 x 7 x 8 voxels.
    assert scores.reference_liver_ml == scores.predicted_liver_ml == pytest.approx(168.0)


def test_a_minimum_size_filters_the_prediction_and_not_the_reference():
    single, pair = np.s_[4, 5, 1], LEFT
    scores, lesions = measure_scan(
        label_map(pair, single), label_map(pair, single), minimum_lesion_voxels=2
    )
    assert counts(scores) == (2, 1, 1, 1, 0)
    assert scores.lesion_dice == pytest.approx(2 * 2 / (3 + 2))
    assert scores.liver_dice == 1
    assert scores.predicted_burden_ml == pytest.approx(0.002)
    assert len(lesions) == 3


def test_different_grids_end_with_a_sentence():
    with pytest.raises(InputError, match="different grids"):
        measure_scan(label_map(spacing=(1, 1, 2)), label_map())


def scan(series, model, prediction, reference):
    scores, _ = measure_scan(prediction, reference)
    return scan_table(series, model, "ensemble", scores)


def test_summary_by_hand():
    scans = pd.concat(
        [
            scan("a", "unet", label_map(LEFT, FAR), label_map(LEFT, RIGHT)),  # Dice 0.5, 1 of 2
            scan("b", "unet", label_map(), label_map()),  # Dice 1
            scan("c", "unet", label_map(FAR), label_map()),  # Dice 0, a false positive
            scan("d", "unet", label_map(LEFT), label_map(BRIDGE)),  # Dice 4 / 8, 1 of 1
            scan("e", "unet", label_map(LEFT, RIGHT, FAR), None),  # has no place in table 3
            scan("a", "nnunet", label_map(), label_map(LEFT)),
        ],
        ignore_index=True,
    )
    table = summarise(scans, "LiTS").set_index("model")
    unet = table.loc["unet"]
    assert unet["cohort"] == "LiTS"
    assert unet["scans"] == 4
    assert unet["median_dice"] == pytest.approx(0.5)
    assert unet["median_liver_dice"] == 1
    assert unet["lesion_sensitivity"] == pytest.approx(2 / 3)
    assert unet["lesion_ppv"] == pytest.approx(2 / 4)
    assert unet["false_positives_per_scan"] == pytest.approx(2 / 4)
    # Nothing predicted: sensitivity 0, and no lesion to have a predictive value.
    assert table.loc["nnunet", "lesion_sensitivity"] == 0
    assert math.isnan(table.loc["nnunet", "lesion_ppv"])


def test_summary_reads_its_own_file(tmp_path):
    scans = pd.concat(
        [
            scan("01", "unet", label_map(LEFT), label_map(LEFT, RIGHT)),
            scan("02", "unet", label_map(LEFT), None),
        ],
        ignore_index=True,
    )
    write_table(scans, tmp_path / "scans.tsv")
    read = read_table(tmp_path / "scans.tsv", dtype={"series": str})
    assert read["series"].tolist() == ["01", "02"]
    assert read["reference_lesions"].isna().tolist() == [False, True]
    pd.testing.assert_frame_equal(summarise(read, "LiTS"), summarise(scans, "LiTS"))


def test_summary_of_no_measured_scan_is_empty():
    scans = scan("e", "unet", label_map(LEFT), None)
    assert summarise(scans, "LiTS").empty
