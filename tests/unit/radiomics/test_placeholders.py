"""Placeholders of PyRadiomics have no value in a table of lesions, and stay in that of unions."""

import numpy as np
import pytest
import SimpleITK as sitk

from livermet.radiomics.aggregation import aggregate
from livermet.radiomics.features import FEATURES
from livermet.radiomics.scans import PLAIN, LesionRules, scan_features

SETTINGS = {"binWidth": 25}
SHAPE = (12, 20, 20)
BIG, SPECK = np.s_[1:9, 1:11, 1:11], np.s_[9:11, 15:17, 15:17]
# PyRadiomics' own values of a mask with one grey level, by its documentation.
FLAT = {
    "firstorder_Kurtosis": 0,
    "firstorder_Skewness": 0,
    "glcm_Correlation": 1,
    "glcm_Imc1": 0,
    "glcm_MCC": 1,
    "ngtdm_Busyness": 0,
    "ngtdm_Coarseness": 1e6,
    "ngtdm_Contrast": 0,
    "ngtdm_Strength": 0,
}
PLACEHOLDERS = [f"original_{name}" for name in FLAT]
COARSENESS = "original_ngtdm_Coarseness"
TEXTURE = [name for name in FEATURES if name.split("_")[1] not in ("shape", "firstorder")]


def scan(hu, *lesions, rules=PLAIN):
    """Measure lesions on cubes of 1 mm."""
    labels = np.ones(SHAPE, np.uint8)
    for lesion in lesions:
        labels[lesion] = 2
    images = sitk.GetImageFromArray(hu.astype(np.int16)), sitk.GetImageFromArray(labels)
    union, each = scan_features(*images, SETTINGS, rules=rules)
    return union.assign(series="s"), each.assign(series="s")


def noise():
    return np.random.default_rng(3).normal(80, 40, SHAPE).round()


def test_a_flat_lesion_has_no_value_where_pyradiomics_has_a_placeholder():
    union, lesions = scan(np.full(SHAPE, 60), BIG)
    assert union.iloc[0][PLACEHOLDERS].tolist() == pytest.approx(list(FLAT.values()), abs=1e-12)
    assert union.at[0, "reason"] == ""
    lesion = lesions.iloc[0]
    assert [name for name in FEATURES if np.isnan(lesion[name])] == [
        name for name in FEATURES if name in PLACEHOLDERS
    ]
    for name in FLAT:
        assert name in lesion["reason"]
    assert "no value but PyRadiomics' placeholder" in lesion["reason"]
    same = [name for name in FEATURES if name not in PLACEHOLDERS]
    assert lesion[same].tolist() == union.iloc[0][same].tolist()


def test_a_flat_speck_does_not_move_the_coarseness_of_a_scan():
    hu = noise()
    hu[SPECK] = 60
    union, lesions = scan(hu, BIG, SPECK)
    assert lesions["voxels"].tolist() == [800, 8]
    row = aggregate(union, lesions, "volume_weighted_mean").iloc[0]
    # The larger lesion's, to the last digit.
    assert row[COARSENESS] == lesions.at[0, COARSENESS] < 0.1
    assert row["reason"].startswith("1 of 2 lesions: ")


def test_one_flat_direction_is_a_placeholder_in_the_mean_over_directions():
    # Two slices whose corners alone differ: pairs along the diagonal through all three axes lie
    # between voxels of one grey level.
    hu = np.full(SHAPE, 60)
    hu[1, 1, 2] = 90
    _, lesions = scan(hu, np.s_[1:3, 1:3, 1:3])
    assert np.isnan(lesions.at[0, "original_glcm_Correlation"])
    assert np.isfinite(lesions.at[0, COARSENESS])


def test_voxels_without_neighbours_have_no_ngtdm():
    # One lesion only by its corners: on a grid of 26 neighbours they touch, so three apart.
    hu = noise()
    labels = [np.s_[1, 1, 1], np.s_[5, 5, 5], np.s_[9, 9, 9]]
    union, lesions = scan(hu, *labels)
    assert union.at[0, COARSENESS] == 1e6
    assert lesions[list(FEATURES)].isna().all(axis=None)


@pytest.mark.parametrize(("minimum", "has"), [(8, True), (9, False)])
def test_a_lesion_of_too_few_voxels_has_no_texture(minimum, has):
    rules = LesionRules(texture_minimum_voxels=minimum)
    union, lesions = scan(noise(), BIG, SPECK, rules=rules)
    assert lesions.loc[1, TEXTURE].notna().any() == has
    assert lesions.loc[1, "original_firstorder_Mean"] > 0
    assert lesions.loc[1, "original_shape_VoxelVolume"] == 8
    row = aggregate(union, lesions, "volume_weighted_mean").iloc[0]
    if not has:
        assert lesions.at[1, "reason"] == "texture: fewer than 9 voxels"
        assert row[TEXTURE].tolist() == lesions.loc[0, TEXTURE].tolist()
    # The union is PyRadiomics' whatever the rules are.
    assert union.iloc[0][TEXTURE].notna().all()
