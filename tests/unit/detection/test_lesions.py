"""Lesions are connected components of label 2, measured in mm and ml."""

import math

import cc3d
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from livermet.detection.lesions import (
    labelled_box,
    lesion_boxes,
    lesion_components,
    lesion_table,
    overlapping_pairs,
)

from ..detection_phantoms import array_of_lesions, label_map


def test_the_box_holds_what_any_of_the_maps_labels():
    one, other = np.zeros((2, 4, 5, 6), np.uint8)
    one[1, 2, 3] = 1
    other[2, 2, 5] = 2
    assert labelled_box(one, other) == np.s_[1:3, 2:3, 3:6]


def test_the_box_of_empty_maps_holds_nothing():
    assert np.zeros((4, 5, 6))[labelled_box(np.zeros((4, 5, 6)))].size == 0


def test_voxels_that_share_a_corner_are_one_lesion_by_26_and_two_by_6_neighbours():
    corner = array_of_lesions(np.s_[1, 1, 1], np.s_[2, 2, 2])
    assert lesion_components(corner, connectivity=26).max() == 1
    assert lesion_components(corner, connectivity=18).max() == 2
    assert lesion_components(corner, connectivity=6).max() == 2


def test_voxels_that_share_an_edge_are_one_lesion_by_18_neighbours():
    edge = array_of_lesions(np.s_[1, 1, 1], np.s_[1, 2, 2])
    assert lesion_components(edge, connectivity=18).max() == 1
    assert lesion_components(edge, connectivity=6).max() == 2


def test_neither_liver_nor_background_is_a_lesion():
    assert lesion_components(array_of_lesions()).max() == 0
    assert lesion_components(array_of_lesions(liver=False)).max() == 0


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


def test_a_part_of_a_grid_knows_where_it_lies():
    image = label_map(np.s_[3, 4, 5], spacing=(2.0, 3.0, 5.0))
    components = lesion_components(sitk.GetArrayFromImage(image))
    part = lesion_table(components[2:, 1:, 3:], image, corner=(2, 1, 3))
    assert part[["x_mm", "y_mm", "z_mm"]].iloc[0].tolist() == pytest.approx([10.0, 12.0, 15.0])


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


@pytest.mark.parametrize("seed", range(3))
def test_measures_are_those_of_connected_components_3d(seed):
    mask = np.random.default_rng(seed).random((9, 10, 11)) < 0.1
    # An empty border: the lesions' box is not the map.
    components = lesion_components(np.pad(mask * np.uint8(2), (1, 2)))
    measures = cc3d.statistics(components)
    table = lesion_table(components, sitk.GetImageFromArray(components))
    assert table["voxels"].tolist() == measures["voxel_counts"][1:].tolist()
    centroids = table[["z_mm", "y_mm", "x_mm"]].to_numpy()
    np.testing.assert_allclose(centroids, measures["centroids"][1:], rtol=1e-12)
    assert lesion_boxes(components) == list(measures["bounding_boxes"][1:])


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


@pytest.mark.parametrize("connectivity", [6, 18, 26])
def test_every_small_mask_has_the_components_of_scipy(connectivity):
    neighbours = ndimage.generate_binary_structure(3, {6: 1, 18: 2, 26: 3}[connectivity])
    generator = np.random.default_rng(0)
    masks = [np.array([[[1, 0, 1]]], bool), np.indices((3, 3, 3)).sum(axis=0) % 2 == 0]
    masks += [
        generator.random(generator.integers(1, 6, 3)) < share
        for share in (0.2, 0.5, 0.8)
        for _ in range(300)
    ]
    for mask in masks:
        expected, count = ndimage.label(mask, neighbours)
        found = lesion_components(np.where(mask, 2, 0).astype(np.uint8), connectivity)
        assert found.max() == count
        # One number of ours for each of SciPy's, and as many pairs of numbers as components.
        assert len({*zip(expected[mask], found[mask], strict=True)}) == count
