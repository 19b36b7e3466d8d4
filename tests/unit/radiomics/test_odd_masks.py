"""Masks that features are hard to measure on: a reason for what is missing, and never a crash."""

import numpy as np
import pytest
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

from livermet.radiomics.aggregation import aggregate
from livermet.radiomics.features import FEATURES
from livermet.radiomics.scans import scan_features
from livermet.vocabulary import AGGREGATIONS

SHAPE = (10, 14, 16)
SPACING = (2.0, 2.0, 3.0)
AT_1_MM = {"resampledPixelSpacing": [1, 1, 1], "binWidth": 25}
BIG = np.s_[1:4, 2:6, 2:7]
# Lesions that no feature can be measured on, and the settings that make it so.
UNMEASURABLE = {
    "a single voxel": (np.s_[7, 9, 9], AT_1_MM),
    "a line": (np.s_[7, 9, 8:14], AT_1_MM),
    "smaller than a resampled voxel": (
        np.s_[7:9, 9:11, 9:11],
        {"resampledPixelSpacing": [11, 11, 11], "binWidth": 25},
    ),
    "no voxel in the range of intensities": (
        np.s_[6:9, 8:12, 9:13],
        {**AT_1_MM, "resegmentRange": [-60, 1000]},
    ),
}
MEASURABLE = {
    "one slice": np.s_[7, 8:12, 9:13],
    "one row of pixels in three slices": np.s_[6:9, 9, 9:13],
    "in a corner of the volume": np.s_[7:10, 10:14, 12:16],
    "on the volume's first slice": np.s_[0:2, 8:12, 9:13],
}


def ct(flat=None):
    """Noise around 80 HU, or one value everywhere."""
    array = np.random.default_rng(7).normal(80, 40, SHAPE).clip(-50, 300).astype(np.int16)
    if flat is not None:
        array[:] = flat
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    return image


def without_range(image):
    """Put the second lesion, with a margin for the spline, at -500 HU."""
    array = sitk.GetArrayFromImage(image)
    array[5:] = -500
    changed = sitk.GetImageFromArray(array)
    changed.CopyInformation(image)
    return changed


def label_map(*lesions):
    array = np.ones(SHAPE, np.uint8)
    for lesion in lesions:
        array[lesion] = 2
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    return image


def rows(image, lesions, settings):
    """Return the union's row, the lesions' rows and the row by each aggregation."""
    union, each = scan_features(image, label_map(*lesions), settings)
    union, each = union.assign(series="s"), each.assign(series="s")
    return each, {name: aggregate(union, each, name).iloc[0] for name in AGGREGATIONS}


def values(row):
    return row[list(FEATURES)].astype(float).to_numpy()


def scan_of(kind, *lesions):
    lesion, settings = UNMEASURABLE[kind]
    image = without_range(ct()) if "resegmentRange" in settings else ct()
    return rows(image, [*lesions, lesion], settings)


@pytest.mark.parametrize("kind", UNMEASURABLE)
def test_a_lesion_without_any_feature_alone(kind):
    each, scan = scan_of(kind)
    assert np.isnan(values(each.iloc[0])).all()
    assert each.at[0, "reason"]
    for aggregation, row in scan.items():
        assert np.isnan(values(row)).all()
        assert each.at[0, "reason"] in row["reason"], aggregation
        assert row["Num_Lesions"] == 1


@pytest.mark.parametrize(
    "kind", [kind for kind in UNMEASURABLE if kind != "smaller than a resampled voxel"]
)
def test_a_lesion_without_any_feature_beside_one_that_has_all(kind):
    each, scan = scan_of(kind, BIG)
    measured, lost = values(each.iloc[0]), values(each.iloc[1])
    assert np.isfinite(measured).all()
    assert np.isnan(lost).all()
    assert each["reason"].astype(bool).tolist() == [False, True]
    assert np.isfinite(values(scan["union"])).all()
    for aggregation in AGGREGATIONS[1:]:
        assert values(scan[aggregation]).tolist() == measured.tolist()
    assert scan["largest"]["reason"] == ""
    for aggregation in ("volume_weighted_mean", "sum"):
        assert scan[aggregation]["reason"] == f"1 of 2 lesions: {each.at[1, 'reason']}"


@pytest.mark.parametrize("kind", MEASURABLE)
def test_thin_and_cut_lesions_have_the_values_of_plain_execute(kind):
    each, scan = rows(ct(), [BIG, MEASURABLE[kind]], AT_1_MM)
    odd = each.sort_values("voxels").iloc[0]
    mask = sitk.Cast(label_map(MEASURABLE[kind]) == 2, sitk.sitkUInt8)
    found = RadiomicsFeatureExtractor(**AT_1_MM).execute(ct(), mask)
    assert values(odd) == pytest.approx([float(found[name]) for name in FEATURES], rel=1e-9)
    assert odd["reason"] == ""
    for row in scan.values():
        assert np.isfinite(values(row)).all()
        assert row["reason"] == ""


@pytest.mark.parametrize("settings", [AT_1_MM, {"binWidth": 25}])
def test_lesions_of_one_intensity_have_a_value_or_a_reason(settings):
    each, scan = rows(ct(flat=50), [BIG, np.s_[6:9, 8:12, 9:13]], settings)
    for row in (each.iloc[0], each.iloc[1], *scan.values()):
        assert row["original_firstorder_Mean"] == pytest.approx(50, abs=1)
        assert row["original_shape_MeshVolume"] > 0
        assert bool(row["reason"]) == bool(np.isnan(values(row)).any())


def test_a_range_of_intensities_leaves_the_others_out():
    # Half of the lesion's voxels lie below 80 HU; on the CT's own grid they can be counted.
    settings = {"binWidth": 25, "resegmentRange": [80, 300], "resegmentShape": True}
    each, _ = rows(ct(), [BIG], settings)
    hu = sitk.GetArrayFromImage(ct())[BIG]
    kept = hu[hu >= 80]
    assert 0 < len(kept) < hu.size
    assert each.at[0, "original_firstorder_Minimum"] == kept.min()
    assert each.at[0, "original_firstorder_Mean"] == pytest.approx(kept.mean())
    assert each.at[0, "original_shape_VoxelVolume"] == pytest.approx(len(kept) * 12)
    # The lesion's own volume is the mask's.
    assert each.at[0, "volume_ml"] == pytest.approx(hu.size * 12 / 1000)
