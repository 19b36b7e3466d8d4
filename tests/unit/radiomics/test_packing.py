"""Parts of a scattered mask, packed side by side, keep every texture matrix as it was."""

import numpy as np
import pytest
from radiomics import getFeatureClasses

from livermet.radiomics.extractor import BINNED, TEXTURES, images
from livermet.radiomics.packing import packed

SETTINGS = {"label": 1, "distances": [1], "binWidth": 1, "force2D": False}
ISOTROPIC = (1.0, 1.0, 1.0)


def levels(shape, seed=0):
    return np.random.default_rng(seed).integers(1, 7, shape).astype(np.int32)


def lesions():
    """Four parts far apart; two of them with boxes that overlap, none that touch."""
    mask = np.zeros((24, 60, 70), bool)
    mask[0:5, 0:6, 0:7] = True
    mask[3:9, 40:44, 2:60] = mask[3:9, 44:58, 2:5] = True
    mask[4:8, 48:56, 20:41] = True
    mask[23, 59, 69] = True
    return mask


def test_parts_stand_side_by_side_whole():
    mask = lesions()
    values = np.where(mask, levels(mask.shape), 0)
    moved, inside = packed(values, mask)
    assert moved.size < mask.size / 2
    assert inside.sum() == mask.sum()
    assert sorted(moved[inside]) == sorted(values[mask])
    assert (moved[~inside] == 0).all()


def both_ways(mask, seed=0):
    """Each texture class of the mask as it stands by PyRadiomics, and of its parts side by side."""
    values = np.where(mask, levels(mask.shape, seed), 0)
    as_it_stands, side_by_side = (
        images(*pair, ISOTROPIC) for pair in ((values, mask), packed(values, mask))
    )
    for name in TEXTURES:
        expected = getFeatureClasses()[name](*as_it_stands, **SETTINGS).execute()
        found = BINNED[name](*side_by_side, **SETTINGS).execute()
        yield name, *({key: float(of[key]) for key in expected} for of in (found, expected))


def assert_same(name, found, expected):
    # Matrices of counts are the same; NGTDM sums differences in the order of the voxels' places.
    assert found == (pytest.approx(expected, rel=1e-12) if name == "ngtdm" else expected), name


def test_textures_are_those_of_pyradiomics():
    for compared in both_ways(lesions()):
        assert_same(*compared)


@pytest.mark.parametrize("seed", range(8))
def test_textures_of_random_parts(seed):
    random = np.random.default_rng(seed)
    mask = np.zeros((40, 40, 40), bool)
    for _ in range(6):
        first = random.integers(0, 34, 3)
        part = tuple(slice(a, a + n) for a, n in zip(first, random.integers(1, 7, 3), strict=True))
        mask[part] |= random.random(mask[part].shape) < 0.8
    mask[0, 0, 0] = mask[39, 39, 39] = True
    for compared in both_ways(mask, seed):
        assert_same(*compared)


def test_one_slice_is_left_as_it_is():
    # PyRadiomics leaves out the directions that leave the slice, and must go on doing so.
    mask = np.zeros((1, 80, 80), bool)
    mask[0, :5, :5] = mask[0, 70:, 70:] = True
    assert packed(levels(mask.shape), mask) is None


def test_one_lesion_is_left_as_it_is():
    mask = np.ones((6, 7, 8), bool)
    assert packed(levels(mask.shape), mask) is None
