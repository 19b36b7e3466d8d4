"""Phantoms: what a row asks for is in the volume, and nothing else decides it."""

import numpy as np
import pytest
from scipy import ndimage

from livermet.demo.phantoms import phantom, phantom_images
from livermet.images import LESION, LIVER, array_of, grid_difference

ROW = {
    "patient_seed": 3,
    "study_seed": 411,
    "noise_seed": 5,
    "matrix": 48,
    "pixel_mm": 6.5,
    "slices": 25,
    "slice_mm": 8.0,
    "lesions": 3,
    "radius_min_mm": 14.0,
    "radius_max_mm": 22.0,
    "liver_hu": 110.0,
    "contrast_hu": 65.0,
    "texture_hu": 10.0,
    "texture_mm": 6.0,
    "noise_hu": 12.0,
}
THICK = ROW | {"slices": 20, "slice_mm": 10.0, "noise_seed": 6}


def lesion_count(labels) -> int:
    return ndimage.label(labels == LESION, np.ones((3, 3, 3)))[1]


def test_a_row_decides_every_voxel():
    first, second = phantom(ROW), phantom(dict(ROW))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_shape_spacing_and_types():
    hu, labels, spacing = phantom(ROW)
    assert hu.shape == labels.shape == (25, 48, 48)
    assert (hu.dtype, labels.dtype) == (np.int16, np.uint8)
    assert spacing == (8.0, 6.5, 6.5)
    assert hu.min() == -1024  # air of -1000 HU with noise, clipped
    assert set(np.unique(labels)) == {0, 1, 2}


@pytest.mark.parametrize("lesions", [0, 1, 3, 6])
def test_lesions_are_as_many_as_asked(lesions):
    _, labels, _ = phantom(ROW | {"lesions": lesions})
    assert lesion_count(labels) == lesions


def test_thick_and_thin_series_show_the_same_lesions():
    volumes = {}
    for name, row in (("thin", ROW), ("thick", THICK)):
        _, labels, spacing = phantom(row)
        assert lesion_count(labels) == 3
        volumes[name] = np.sum(labels == LESION) * np.prod(spacing)
    assert volumes["thick"] == pytest.approx(volumes["thin"], rel=0.1)


def test_another_study_of_a_patient_has_other_lesions_in_a_similar_liver():
    _, first, _ = phantom(ROW)
    _, second, _ = phantom(ROW | {"study_seed": 412})
    assert np.mean((first == LESION) & (second == LESION)) < 0.5 * np.mean(first == LESION)
    liver, other = first > 0, second > 0
    assert 2 * np.sum(liver & other) / (liver.sum() + other.sum()) > 0.7


def test_noise_is_what_two_noise_seeds_differ_by():
    soft = slice(8, 17), slice(18, 30), slice(18, 30)  # far from air, where HU are clipped
    one, other = (phantom(ROW | {"noise_seed": seed})[0][soft] for seed in (1, 2))
    # The difference of two independent noises of 12 HU has a standard deviation of 12 * sqrt(2).
    assert np.std(one - other) == pytest.approx(12 * np.sqrt(2), rel=0.05)


def test_liver_and_lesion_intensities():
    hu, labels, _ = phantom(ROW)
    inner_liver = ndimage.binary_erosion(ndimage.binary_erosion(labels == LIVER))
    assert hu[inner_liver].mean() == pytest.approx(110, abs=3)
    # 65 HU below liver, give or take 5 a lesion and 15 in a necrotic core.
    inner_lesion = ndimage.binary_erosion(labels == LESION)
    assert 55 < 110 - hu[inner_lesion].mean() < 80


def test_texture_shows_as_standard_deviation_inside_lesions():
    spread = {}
    for texture_hu in (0.0, 20.0):
        row = ROW | {"texture_hu": texture_hu, "lesions": 1, "noise_hu": 1.0, "study_seed": 8}
        hu, labels, _ = phantom(row)
        spread[texture_hu] = np.std(hu[ndimage.binary_erosion(labels == LESION)])
    assert spread[20.0] > spread[0.0] + 5


def test_a_slice_has_to_be_whole_fine_slices():
    with pytest.raises(ValueError, match=r"multiple of 2\.0 mm, not 5\.0"):
        phantom(ROW | {"slice_mm": 5.0})


def test_a_liver_has_room_for_only_so_many_lesions():
    with pytest.raises(ValueError, match="no room"):
        phantom(ROW | {"lesions": 60})


def test_images_lie_in_patient_coordinates():
    ct, reference = phantom_images(ROW)
    assert grid_difference(ct, reference) == ""
    assert ct.GetSpacing() == (6.5, 6.5, 8.0)
    liver = np.argwhere(array_of(reference) > 0).mean(axis=0)[::-1]
    x, y, _ = ct.TransformContinuousIndexToPhysicalPoint(liver.tolist())
    assert x < -20  # LPS: the liver lies on the patient's right
    bone = np.argwhere(array_of(ct) > 250).mean(axis=0)[::-1]
    assert ct.TransformContinuousIndexToPhysicalPoint(bone.tolist())[1] > y  # spine behind it


def test_thick_and_thin_series_fill_the_same_box():
    thin, thick = phantom_images(ROW)[0], phantom_images(THICK)[0]
    # Origins are middles of the lowest slices, 4 and 5 mm above the box's lowest face.
    assert thin.GetOrigin()[2] - 4 == thick.GetOrigin()[2] - 5
    assert thin.GetOrigin()[:2] == thick.GetOrigin()[:2]
