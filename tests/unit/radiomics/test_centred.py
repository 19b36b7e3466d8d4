"""A grid from the volume's centre: turned files have the same features, and IBSI's own voxels."""

import numpy as np
import pytest
import SimpleITK as sitk

from livermet.images import array_of
from livermet.radiomics.centred import centred_lines, resample_centred
from livermet.radiomics.features import FEATURES, feature_extractor, region_features
from livermet.radiomics.ibsi.preprocessing import resampled_ct, resampling_grid
from livermet.radiomics.resampling import SplineVolume
from livermet.vocabulary import Grid

SHAPE = (9, 20, 24)
SETTINGS = {"resampledPixelSpacing": [1, 1, 1], "binWidth": 25}
SPACINGS = [(0.8, 0.8, 3.3), (0.75, 0.75, 5.0), (2.0, 2.0, 1.0), (0.6, 0.9, 2.5)]


def volume(spacing):
    """Make noise in HU, and a ball with a dent that no axis mirrors."""
    hu = np.random.default_rng(5).normal(60, 60, SHAPE).round().astype(np.int16)
    z, y, x = np.indices(SHAPE)
    inside = ((z - 4) / 3) ** 2 + ((y - 9) / 6) ** 2 + ((x - 11) / 7) ** 2 <= 1
    inside[5:, 10:, :9] = False
    images = sitk.GetImageFromArray(hu), sitk.GetImageFromArray(inside.astype(np.uint8))
    for image in images:
        image.SetSpacing(spacing)
        image.SetOrigin((-120.5, 33.25, 7.125))
    return images


def box_of(mask):
    places = np.argwhere(mask)
    return tuple(
        slice(int(low), int(high) + 1)
        for low, high in zip(places.min(axis=0), places.max(axis=0), strict=True)
    )


def features(images, grid):
    ct, mask = images
    inside = array_of(mask) == 1
    box = box_of(inside)
    extractor = feature_extractor(SETTINGS)
    found = region_features(SplineVolume(ct), inside[box], box, extractor, grid)
    assert found.reason == ""
    return np.array([found.values[name] for name in FEATURES])


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("orientation", ["RAS", "LPI", "RPS"])
def test_a_turned_file_has_the_same_features(spacing, orientation):
    images = volume(spacing)
    turned = [sitk.DICOMOrient(image, orientation) for image in images]
    here, there = (features(pair, Grid.CENTRE) for pair in (images, turned))
    assert here == pytest.approx(there, rel=1e-9, abs=1e-9)


def test_pyradiomics_grid_begins_at_another_corner_of_a_turned_file():
    images = volume(SPACINGS[0])
    turned = [sitk.DICOMOrient(image, "RAS") for image in images]
    here, there = (features(pair, Grid.CORNER) for pair in (images, turned))
    assert (np.abs(here - there) > 0.01 * np.abs(here)).sum() > 10


@pytest.mark.parametrize("spacing", SPACINGS)
def test_voxels_are_those_of_ibsi_over_the_whole_volume(spacing):
    ct, mask = volume(spacing)
    grid = resampling_grid(ct, (1, 1, 1), centred=True)
    # ITK's sums may fall short of a half by their last digit.
    share = sitk.Resample(
        sitk.Cast(mask, sitk.sitkFloat64), grid, sitk.Transform(), sitk.sitkLinear
    )
    expected = array_of(share) >= 0.5 - 1e-9
    values = array_of(resampled_ct(ct, grid, "sitkBSpline", to_nearest=True))[expected]
    inside = array_of(mask) == 1
    box = box_of(inside)
    spline = SplineVolume(ct)
    lines = centred_lines(spline, box, (1, 1, 1), keep_one_slice=True)
    hu, resampled = resample_centred(spline, inside[box], box, lines)
    assert np.count_nonzero(resampled) == len(values)
    own = box_of(resampled)
    assert (resampled[own] == expected[box_of(expected)]).all()
    # A sum that ends on half a HU may be rounded up by one and down by the other.
    assert np.abs(hu[resampled].astype(int) - values).max() <= 1
    assert (hu[resampled] == values).mean() > 0.99


def test_a_grid_that_the_volume_has_already():
    ct, mask = volume((1.0, 1.0, 1.0))
    box = box_of(array_of(mask))
    assert centred_lines(SplineVolume(ct), box, (1, 1, 1), keep_one_slice=True) is None
    assert centred_lines(SplineVolume(ct), box, (0, 0, 1), keep_one_slice=True) is None


def test_an_extent_of_ten_new_voxels_has_ten():
    # 5 voxels of 2 mm: new centres lie a quarter of an old voxel beside the old ones.
    ct = sitk.Image([5, 5, 5], sitk.sitkInt16)
    ct.SetSpacing((2.0, 2.0, 2.0))
    whole = (slice(0, 5),) * 3
    for line in centred_lines(SplineVolume(ct), whole, (1, 1, 1), keep_one_slice=True):
        assert line.places.tolist() == [k / 2 - 0.25 for k in range(10)]
        assert line.spacing_mm == 1
