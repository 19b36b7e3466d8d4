"""Resampled CTs and masks are SimpleITK's, voxel by voxel."""

import numpy as np
import pytest
import SimpleITK as sitk
from radiomics.imageoperations import resampleImage
from scipy.spatial.transform import Rotation

from livermet.detection.lesions import labelled_box
from livermet.radiomics.resampling import (
    MARGIN,
    Geometry,
    SplineVolume,
    resample,
    resampled_grid,
    spline_coefficients,
)

TILTED = Rotation.from_euler("xyz", [4, -7, 11], degrees=True).as_matrix()
# A header's rounding: no axis is exactly the scanner's.
ROUNDED = Rotation.from_rotvec([2e-8, -3e-8, 5e-8]).as_matrix()
TURNED = np.diag([-1.0, -1.0, 1.0])
DIRECTIONS = {"turned": TURNED, "tilted": TILTED, "rounded": ROUNDED}


def ct(shape, spacing, direction=None, kind=np.int16, hu=None):
    array = np.random.default_rng(11).normal(80, 40, shape) if hu is None else np.full(shape, hu)
    image = sitk.GetImageFromArray(array.astype(kind))
    image.SetSpacing(spacing)
    image.SetOrigin((-211.7, 38.25, 1003.1))
    image.SetDirection((TURNED if direction is None else direction).ravel().tolist())
    return image


def scattered(shape, box):
    """Mark six of ten voxels in a box, its corners among them."""
    mask = np.zeros(shape, bool)
    mask[box] = np.random.default_rng(5).random(mask[box].shape) < 0.6
    for corner in ((0, 0, 0), (-1, -1, -1)):
        mask[box][corner] = True
    return mask


def ours(image, mask, spacing):
    box = labelled_box(mask)
    grid = resampled_grid(image, box, spacing, 5)
    return grid, *resample(SplineVolume(image), mask[box], box, grid)


def of_pyradiomics(image, mask, spacing):
    label = sitk.GetImageFromArray(mask.astype(np.uint32))
    label.CopyInformation(image)
    settings = {"interpolator": "sitkBSpline", "padDistance": 5}
    hu, inside = resampleImage(image, label, resampledPixelSpacing=spacing, **settings)
    return Geometry.of(hu), sitk.GetArrayFromImage(hu), sitk.GetArrayFromImage(inside) == 1


def assert_same(found, expected):
    """Compare grid, mask and the mask's voxels, to the last bit."""
    for fact in ("size", "spacing", "origin", "direction"):
        np.testing.assert_array_equal(getattr(found[0], fact), getattr(expected[0], fact))
    inside = expected[2]
    assert inside.any()
    np.testing.assert_array_equal(found[2], inside)
    assert found[1].dtype == expected[1].dtype
    np.testing.assert_array_equal(found[1][inside], expected[1][inside])


INNER = np.s_[60:75, 70:95, 65:100]
CASES = {
    "thin to 1 mm": ((120, 150, 160), (0.75, 0.75, 1.0), [1, 1, 1], INNER),
    "thick to 1 mm": ((30, 120, 130), (0.8, 0.8, 5.0), [1, 1, 1], np.s_[10:14, 50:75, 60:90]),
    "whole steps": ((40, 60, 60), (3.0, 3.0, 3.0), [1, 1, 1], np.s_[15:22, 20:30, 25:40]),
    "downsampled, ties": ((40, 60, 60), (1.0, 1.0, 1.0), [2, 2, 2], np.s_[15:32, 20:41, 25:40]),
    "at the first corner": ((24, 60, 60), (0.8, 0.8, 5.0), [1, 1, 1], np.s_[:5, :9, :11]),
    "at the last corner": ((24, 60, 60), (0.8, 0.8, 5.0), [1, 1, 1], np.s_[20:, 50:, 48:]),
    "one slice": ((24, 60, 60), (0.8, 0.8, 5.0), [1, 1, 1], np.s_[7:8, 20:31, 25:40]),
    "in plane alone": ((24, 60, 60), (0.8, 0.8, 5.0), [1, 1, 0], np.s_[7:12, 20:31, 25:40]),
    "a short volume": ((5, 12, 18), (0.8, 0.9, 5.0), [1, 1, 1], np.s_[1:4, 2:9, 3:16]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "direction", [TURNED, TILTED, ROUNDED], ids=["turned", "tilted", "rounded"]
)
def test_every_voxel_is_that_of_pyradiomics_to_the_last_bit(case, direction):
    shape, spacing, new, box = CASES[case]
    image, mask = ct(shape, spacing, direction), scattered(shape, box)
    if case == "a single voxel":
        # Its spacing is kept along every axis.
        assert resampled_grid(image, labelled_box(mask), new, 5) is None
        return
    assert_same(ours(image, mask, new), of_pyradiomics(image, mask, new))


@pytest.mark.parametrize("new", [[3, 3, 4], [0, 0, 0], [1, 1, 1]])
def test_a_grid_whose_spacing_stays_is_none(new):
    # The third is asked for, but a single voxel spans one slice along every axis.
    box = np.s_[7:8, 20:21, 25:26] if new == [1, 1, 1] else np.s_[7:10, 20:25, 25:26]
    assert resampled_grid(ct((24, 60, 60), (3.0, 3.0, 4.0)), box, new, 5) is None


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8, np.int32])
def test_every_type_of_ct(kind):
    shape, spacing, new, box = CASES["thick to 1 mm"]
    image, mask = ct(shape, spacing, kind=kind), scattered(shape, box)
    assert_same(ours(image, mask, new), of_pyradiomics(image, mask, new))


def test_a_flat_ct_stays_within_a_hu():
    # ITK cuts whole numbers off: 60 HU everywhere become 60 or 59 by the last digit of a sum.
    shape, spacing, new, box = CASES["thick to 1 mm"]
    image, mask = ct(shape, spacing, hu=60), scattered(shape, box)
    for _, hu, inside in (ours(image, mask, new), of_pyradiomics(image, mask, new)):
        assert set(np.unique(hu[inside])) <= {59, 60}


def test_masks_of_one_volume_share_its_spline():
    shape, spacing, new, _ = CASES["thin to 1 mm"]
    image = ct(shape, spacing)
    volume = SplineVolume(image)
    for box in (INNER, np.s_[62:66, 75:80, 70:90], np.s_[30:40, 100:120, 30:50]):
        mask = scattered(shape, box)
        own = labelled_box(mask)
        grid = resampled_grid(image, own, new, 5)
        assert_same((grid, *resample(volume, mask[own], own, grid)), ours(image, mask, new))


@pytest.mark.parametrize("shape", [(1, 2, 3), (4, 9, 17), (18, 19, 20), (2 * MARGIN, 40, 30)])
def test_the_spline_of_a_whole_volume_is_itks(shape):
    image = ct(shape, (1.0, 1.0, 1.0), kind=np.float64)
    whole = tuple(slice(0, size) for size in shape)
    found = spline_coefficients(sitk.GetArrayFromImage(image), whole)
    expected = sitk.GetArrayFromImage(sitk.BSplineDecomposition(image, 3))
    np.testing.assert_array_equal(found, expected)


def test_the_spline_of_a_box_is_that_of_the_whole():
    hu = sitk.GetArrayFromImage(ct((130, 140, 150), (1.0, 1.0, 1.0)))
    box = np.s_[60:70, 55:80, 70:90]
    whole = spline_coefficients(hu, tuple(slice(0, size) for size in hu.shape))
    np.testing.assert_array_equal(spline_coefficients(hu, box), whole[box])
