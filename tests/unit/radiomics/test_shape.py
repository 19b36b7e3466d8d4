"""Shape features are PyRadiomics' own, and those of bodies with known formulas."""

import numpy as np
import pytest
from radiomics import cShape
from scipy import ndimage
from scipy.spatial.distance import pdist

from livermet.radiomics import shape
from livermet.radiomics.shape import area_and_volume, diameters, farthest, mesh_measures

ISOTROPIC, ANISOTROPIC = (1.0, 1.0, 1.0), (5.0, 0.7, 0.9)


def blob(size, seed, smooth=2.0):
    random = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(random.random(size), smooth)
    return noise > np.median(noise)


def apart():
    mask = np.zeros((30, 40, 50), bool)
    mask[1:4, 2:9, 3:12] = mask[20:29, 30:39, 5:11] = mask[10:12, 3:5, 40:49] = True
    return mask


def ring():
    z, y, x = np.indices((7, 31, 31)) - np.array([3, 15, 15])[:, None, None, None]
    return (np.hypot(np.hypot(y, x) - 10, z) < 3) & (np.hypot(y, x) > 8)


def diagonal():
    mask = np.zeros((20, 20, 20), bool)
    steps = np.arange(20)
    mask[steps, steps, steps] = True
    return mask


MASKS = {
    "a voxel": np.ones((1, 1, 1), bool),
    "a line": np.ones((1, 1, 9), bool),
    "one slice": blob((1, 30, 40), 1),
    "a box": np.ones((5, 9, 13), bool),
    "a blob": blob((20, 30, 40), 2),
    "voxels at random": np.random.default_rng(3).random((15, 16, 17)) < 0.5,
    "three lesions": apart(),
    "a ring": ring(),
    "a diagonal": diagonal(),
    "touching the border": ~blob((12, 30, 20), 4),
    "the same slice twice": np.repeat(blob((3, 20, 20), 5), 2, axis=0),
}


def padded(mask):
    return np.pad(mask, 1)


@pytest.mark.parametrize("spacing", [ISOTROPIC, ANISOTROPIC], ids=["isotropic", "anisotropic"])
@pytest.mark.parametrize("name", MASKS)
def test_measures_are_those_of_pyradiomics(name, spacing, monkeypatch):
    monkeypatch.setattr(shape, "FEW_VERTICES", 0)
    area, volume, found = mesh_measures(padded(MASKS[name]), spacing)
    expected = cShape.calculate_coefficients(padded(MASKS[name]), np.array(spacing))
    assert area == pytest.approx(expected[0], rel=1e-11)
    assert volume == pytest.approx(expected[1], rel=1e-11)
    assert found == pytest.approx(expected[2], rel=1e-14)


@pytest.mark.parametrize("seed", range(20))
def test_measures_of_random_lesions(seed, monkeypatch):
    monkeypatch.setattr(shape, "FEW_VERTICES", 0)
    random = np.random.default_rng(seed)
    mask = padded(blob(random.integers(2, 30, 3), seed, random.uniform(0.5, 3)))
    spacing = random.uniform(0.4, 5, 3)
    area, volume, found = mesh_measures(mask, spacing)
    expected = cShape.calculate_coefficients(mask, spacing)
    assert (area, volume) == pytest.approx(expected[:2], rel=1e-11)
    assert found == pytest.approx(expected[2], rel=1e-14)


def test_a_small_mask_goes_to_pyradiomics_itself():
    mask = padded(np.ones((3, 4, 5), bool))
    assert mesh_measures(mask, ISOTROPIC) == cShape.calculate_coefficients(mask, np.ones(3))


def test_a_box_by_hand():
    # Vertices lie half a voxel outside of the outermost centres: of 3 x 4 x 5 voxels of 1 mm, on
    # faces of a box of 3 x 4 x 5 mm whose edges and corners the mesh cuts off.
    mask = padded(np.ones((3, 4, 5), bool))
    in_slice, in_column, in_row, in_space = diameters(mask, ISOTROPIC)
    # Along x from -0.5 to 4.5 while y stays within 0 to 3.
    assert in_slice == pytest.approx(np.hypot(5, 3))
    assert in_column == pytest.approx(np.hypot(5, 2))
    assert in_row == pytest.approx(np.hypot(4, 2))
    assert in_space == pytest.approx(np.sqrt(25 + 9 + 4))


def test_volume_far_from_the_first_corner():
    # PyRadiomics' mesh has holes where voxels touch at edges, and its volume then depends on where
    # the mask stands in its array; ours follows it there.
    far = np.pad(MASKS["a blob"], ((40, 1), (70, 1), (90, 1)))
    expected = cShape.calculate_coefficients(far, np.array(ANISOTROPIC))
    assert area_and_volume(far, ANISOTROPIC) == pytest.approx(expected[:2], rel=1e-11)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("count", [2, 3, 150, 3000])
def test_farthest_points(dimensions, count):
    points = np.random.default_rng(count).normal(size=(count, dimensions))
    largest = pdist(points).max()
    assert farthest(points, 0.0) == pytest.approx(largest, rel=1e-14)
    assert farthest(points, 2 * largest) == 2 * largest


def test_farthest_points_of_one_line_of_one_point_and_of_none():
    line = np.outer(np.arange(1000.0), [1, 2])
    assert farthest(line, 0.0) == pytest.approx(999 * np.sqrt(5))
    assert farthest(line[:1], 3.0) == 3.0
    assert farthest(line[:0], 3.0) == 3.0
