"""Texture matrices are those of PyRadiomics' C code, and so are the features over them."""

import numpy as np
import pytest
from radiomics import cMatrices, getFeatureClasses

from livermet.radiomics.extractor import BINNED, TEXTURES, _texture, images
from livermet.radiomics.matrices import Matrices

SETTINGS = {"distances": [1], "force2D": False, "weightingNorm": None, "symmetricalGLCM": True}


def noise(shape, levels, share, seed=1):
    random = np.random.default_rng(seed)
    grey = random.integers(1, levels + 1, shape)
    grey[random.random(shape) > share] = 0
    return grey.astype(np.int32)


def line():
    """Make three voxels in a row of two levels, and one that touches none of them."""
    grey = np.zeros((3, 4, 6), np.int32)
    grey[1, 1, 1:4] = 1, 1, 2
    grey[2, 3, 5] = 3
    return grey


MASKS = {
    "noise": noise((7, 9, 11), 6, 0.7),
    "smooth": np.sort(noise((6, 8, 9), 3, 0.9), axis=0),
    "scattered": noise((8, 8, 8), 5, 0.05),
    "one slice": noise((1, 9, 9), 4, 0.8),
    "one row in slices": noise((5, 1, 8), 4, 0.8),
    "one level": noise((5, 6, 7), 1, 0.6),
    "levels that are absent": noise((5, 6, 7), 4, 0.8) * 3,
    "a line and a voxel": line(),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("cutoff", [0, 1])
def test_matrices_are_pyradiomics_own(name, cutoff):
    grey = MASKS[name]
    given = grey, grey > 0
    levels, ones = int(grey.max()), np.array([1])
    ours = Matrices(grey, cutoff)
    for method in ("calculate_glcm", "calculate_ngtdm"):
        found, expected = (
            getattr(module, method)(*given, ones, levels, False, 0) for module in (ours, cMatrices)
        )
        if method == "calculate_glcm":
            assert (found[1] == expected[1]).all()
            found, expected = found[0], expected[0]
        assert found == pytest.approx(expected, rel=1e-12)
    found, expected = (
        module.calculate_gldm(*given, ones, levels, cutoff, False, 0)
        for module in (ours, cMatrices)
    )
    assert (found == expected).all()
    found, expected = (
        module.calculate_glrlm(*given, levels, max(grey.shape), False, 0)
        for module in (ours, cMatrices)
    )
    assert (found[0] == expected[0]).all()
    # Of its zones PyRadiomics makes a matrix with a column for each size up to the largest.
    expected = cMatrices.calculate_glszm(*given, levels, np.count_nonzero(grey), False, 0)
    level, size = ours.zones
    counted = np.zeros_like(expected)
    np.add.at(counted, (0, level - 1, size - 1), 1)
    assert (counted == expected).all()


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("norm", [None, "euclidean"])
def test_features_over_them_are_pyradiomics_own(name, norm):
    grey = MASKS[name]
    settings = {**SETTINGS, "weightingNorm": norm}
    pair = images(grey, grey > 0, (1.0, 1.0, 2.0))
    matrices = Matrices(grey, 0)
    for texture in TEXTURES:
        assert issubclass(BINNED[texture], getFeatureClasses()[texture])
        found = _texture(texture, pair, matrices, settings).execute()
        expected = _texture(texture, pair, None, settings).execute()
        assert list(found) == list(expected)
        values = [[float(value) for value in some.values()] for some in (found, expected)]
        assert values[0] == pytest.approx(values[1], rel=1e-10, nan_ok=True)
