"""Features of a scan and of each lesion are PyRadiomics' own."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

from livermet.config.loading import load_config
from livermet.contracts import check
from livermet.detection.scores import measure_scan
from livermet.errors import InputError
from livermet.ledger.batches import as_values
from livermet.radiomics.aggregation import aggregate
from livermet.radiomics.features import FEATURES, feature_extractor, mask_features
from livermet.radiomics.scans import LESION_COUNT, LESIONS, UNIONS, LesionRules, scan_features
from livermet.radiomics.tables import cohort_features, feature_table

BATCH = "radiomics/nnunet/batches/b0001"
SETTINGS = {"resampledPixelSpacing": [1, 1, 1], "binWidth": 25}
SHAPE = (8, 12, 14)
BIG, SMALL = np.s_[1:4, 2:6, 2:7], np.s_[5:7, 8:11, 9:12]


def ct(spacing=(2.0, 2.0, 3.0), hu=None):
    """Noise of a seeded generator in HU, or one value everywhere."""
    if hu is None:
        array = np.random.default_rng(7).normal(80, 40, SHAPE).astype(np.int16)
    else:
        array = np.full(SHAPE, hu, np.int16)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    return image


def labels(*lesions, spacing=(2.0, 2.0, 3.0)):
    """A liver everywhere with lesions given as (z, y, x) index expressions."""
    array = np.ones(SHAPE, np.uint8)
    for lesion in lesions:
        array[lesion] = 2
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    return image


def mask(*lesions, **options):
    return sitk.Cast(labels(*lesions, **options) == 2, sitk.sitkUInt8)


def by_execute(image, inside):
    """Plain PyRadiomics, all classes of the original image, with its diagnostics."""
    found = RadiomicsFeatureExtractor(**SETTINGS).execute(image, inside)
    return {name: float(value) for name, value in found.items() if name.startswith("original")}


def values_of(row):
    return row[list(FEATURES)].astype(float).to_dict()


def test_107_features_in_seven_classes():
    assert len(FEATURES) == len(set(FEATURES)) == 107
    assert Counter(name.split("_")[1] for name in FEATURES) == {
        "shape": 14,
        "firstorder": 18,
        "glcm": 24,
        "gldm": 14,
        "glrlm": 16,
        "glszm": 16,
        "ngtdm": 5,
    }


def test_union_and_lesions_are_those_of_plain_execute():
    union, lesions = scan_features(ct(), labels(BIG, SMALL), SETTINGS)
    assert values_of(union.iloc[0]) == by_execute(ct(), mask(BIG, SMALL))
    # The compiled matrices of a lesion sum in another order.
    assert values_of(lesions.iloc[0]) == pytest.approx(by_execute(ct(), mask(BIG)), rel=1e-10)
    assert values_of(lesions.iloc[1]) == pytest.approx(by_execute(ct(), mask(SMALL)), rel=1e-10)
    assert union[LESION_COUNT].tolist() == [2]
    assert lesions["lesion"].tolist() == [1, 2]
    assert union["reason"].tolist() == [""]
    assert lesions["reason"].tolist() == ["", ""]


def test_the_configs_settings_are_pyradiomics_own_at_1_mm(root):
    settings = load_config([root / "config" / "config.yaml"])["radiomics"]["settings"]
    union, _ = scan_features(ct(), labels(BIG, SMALL), settings)
    assert values_of(union.iloc[0]) == pytest.approx(by_execute(ct(), mask(BIG, SMALL)), rel=1e-9)


def test_a_lesions_row_has_what_detection_measures_and_its_place():
    _, lesions = scan_features(ct(), labels(BIG, SMALL), SETTINGS, per_lesion=False)
    detected = measure_scan(labels(BIG, SMALL), None).lesions
    for column in ("lesion", "voxels", "volume_ml", "diameter_mm", "x_mm", "y_mm", "z_mm"):
        assert lesions[column].tolist() == detected[column].tolist()
    assert list(lesions.columns) == LESIONS.names[1:]
    check(lesions.assign(series="s")[LESIONS.names], LESIONS, f"{BATCH}.lesions.tsv")
    # The liver fills these 14 x 12 x 8 voxels; the lesions' centres are 4, 3.5, 2 and 10, 9, 5.5.
    assert lesions["right_to_left"].tolist() == pytest.approx([4.5 / 14, 10.5 / 14])
    assert lesions["front_to_back"].tolist() == pytest.approx([4 / 12, 9.5 / 12])
    assert lesions["feet_to_head"].tolist() == pytest.approx([2.5 / 8, 6 / 8])


def test_a_lesions_row_tells_the_voxel_that_it_is_measured_in():
    _, lesions = scan_features(ct(), labels(BIG, np.s_[6, 8:11, 9:12]), SETTINGS)
    assert lesions["voxel_mm"].tolist() == ["(1.0, 1.0, 1.0)", "(1.0, 1.0, 3.0)"]
    _, lesions = scan_features(ct(), labels(BIG), {"binWidth": 25})
    assert lesions["voxel_mm"].tolist() == ["(2.0, 2.0, 3.0)"]


@pytest.mark.parametrize("grid", ["corner", "centre"])
@pytest.mark.parametrize(
    ("one_slice", "voxel", "volume_mm3"),
    [
        # 3 x 3 pixels of 2 x 2 mm in a slice of 3 mm.
        ("as_measured", "(1.0, 1.0, 3.0)", 108),
        ("resampled", "(1.0, 1.0, 1.0)", 108),
        ("left_out", "(1.0, 1.0, 3.0)", np.nan),
    ],
)
def test_a_lesion_of_one_slice_by_the_rules(grid, one_slice, voxel, volume_mm3):
    rules = LesionRules(grid, one_slice)
    union, lesions = scan_features(ct(), labels(BIG, np.s_[6, 8:11, 9:12]), SETTINGS, rules=rules)
    small = lesions.iloc[1]
    assert lesions["voxel_mm"].tolist() == ["(1.0, 1.0, 1.0)", voxel]
    if (grid, one_slice) == ("centre", "resampled"):
        # Of a box's eight corners less than half lies inside.
        volume_mm3 -= 8
    assert small["original_shape_VoxelVolume"] == pytest.approx(volume_mm3, nan_ok=True)
    assert small["volume_ml"] == pytest.approx(0.108)
    assert ("one slice" in small["reason"]) == (one_slice == "left_out")
    # The union resamples its lesions alike, whatever the rules are.
    assert union["voxel_mm"].tolist() == ["(1.0, 1.0, 1.0)"]
    row = aggregate(union.assign(series="s"), lesions.assign(series="s"), "sum").iloc[0]
    assert (row["voxel_mm"] == "(1.0, 1.0, 1.0)") == (one_slice != "as_measured")
    assert row[LESION_COUNT] == 2


def test_resampled_lesions_of_one_slice_add_up_to_the_union():
    rules = LesionRules(one_slice="resampled")
    union, lesions = scan_features(ct(), labels(BIG, np.s_[6, 8:11, 9:12]), SETTINGS, rules=rules)
    for name in ("original_shape_VoxelVolume", "original_firstorder_Energy"):
        assert lesions[name].sum() == union.at[0, name]


def test_the_only_lesion_in_one_slice_is_not_the_unions_voxel():
    one = labels(np.s_[6, 8:11, 9:12])
    union, lesions = scan_features(ct(), one, SETTINGS, rules=LesionRules(one_slice="resampled"))
    assert union["voxel_mm"].tolist() == ["(1.0, 1.0, 3.0)"]
    assert lesions["voxel_mm"].tolist() == ["(1.0, 1.0, 1.0)"]
    assert lesions.at[0, "original_shape_LeastAxisLength"] > 0
    assert union.at[0, "original_shape_LeastAxisLength"] == 0


def test_volumes_in_ml():
    union, lesions = scan_features(ct(), labels(BIG, SMALL), SETTINGS, per_lesion=False)
    # 3 x 4 x 5 and 2 x 3 x 3 voxels of 2 x 2 x 3 = 12 mm3.
    assert lesions["volume_ml"].tolist() == pytest.approx([0.720, 0.216])
    assert union["burden_ml"].tolist() == pytest.approx([0.936])


def test_a_cube_on_its_own_grid_by_hand():
    image, spacing = ct((1.0, 1.0, 1.0)), (1.0, 1.0, 1.0)
    cube = np.s_[1:4, 1:4, 1:4]
    union, _ = scan_features(image, labels(cube, spacing=spacing), {"binWidth": 25})
    hu = sitk.GetArrayFromImage(image)[cube].astype(float)
    row = union.iloc[0]
    assert row["original_shape_VoxelVolume"] == 27
    assert row["original_firstorder_Mean"] == pytest.approx(hu.mean())
    assert row["original_firstorder_Variance"] == pytest.approx(hu.var())
    assert row["original_firstorder_Energy"] == pytest.approx((hu**2).sum())


def test_the_only_lesion_is_the_union():
    union, lesions = scan_features(ct(), labels(BIG), SETTINGS)
    assert values_of(lesions.iloc[0]) == values_of(union.iloc[0])


def test_single_lesions_can_be_left_out():
    _, lesions = scan_features(ct(), labels(BIG, SMALL), SETTINGS, per_lesion=False)
    assert len(lesions) == 2
    assert lesions[list(FEATURES)].isna().all(axis=None)
    assert lesions["reason"].str.contains("per_lesion is false").all()


def test_a_scan_without_lesions():
    union, lesions = scan_features(ct(), labels(), SETTINGS)
    assert union[LESION_COUNT].tolist() == [0]
    assert union["burden_ml"].tolist() == [0]
    assert union[list(FEATURES)].isna().all(axis=None)
    assert union["reason"].tolist() == ["no lesions"]
    assert lesions.empty
    check(union.assign(series="s")[UNIONS.names], UNIONS, f"{BATCH}.union.tsv")
    check(lesions.assign(series="s")[LESIONS.names], LESIONS, f"{BATCH}.lesions.tsv")


def test_small_components_of_a_prediction_are_left_out():
    found = labels(BIG, np.s_[7, 11, 13])
    kept, _ = scan_features(ct(), found, SETTINGS, minimum_lesion_voxels=2)
    assert kept[LESION_COUNT].tolist() == [1]
    assert values_of(kept.iloc[0]) == pytest.approx(by_execute(ct(), mask(BIG)), rel=1e-10)
    assert scan_features(ct(), found, SETTINGS, per_lesion=False)[0][LESION_COUNT].tolist() == [2]


@pytest.mark.parametrize(
    ("lesion", "reason"),
    [
        (np.s_[3, 3, 3], "only contains 1 segmented voxel"),
        (np.s_[3, 3, 3:8], "too few dimensions"),
    ],
)
def test_a_voxel_and_a_line_have_a_reason_and_no_values(lesion, reason):
    values, told = mask_features(ct(), mask(lesion), feature_extractor(SETTINGS))
    assert list(values) == list(FEATURES)
    assert np.isnan(list(values.values())).all()
    assert reason in told


def test_a_mask_of_voxels_without_neighbours_has_no_glcm():
    # Three voxels at 1 mm, no two of them within a distance of one voxel: no pair to count.
    spacing = (1.0, 1.0, 1.0)
    apart = mask(np.s_[1, 1, 1], np.s_[4, 4, 4], np.s_[7, 8, 8], spacing=spacing)
    values, told = mask_features(ct(spacing), apart, feature_extractor(SETTINGS))
    assert np.isnan(values["original_glcm_Contrast"])
    assert values["original_firstorder_Maximum"] > 0
    assert "glcm: " in told
    assert "not defined" in told


def test_a_class_that_cannot_be_computed_does_not_cost_the_others(monkeypatch):
    from radiomics.ngtdm import RadiomicsNGTDM

    def fail(self, voxelCoordinates=None):
        raise IndexError("Calculation of NGTDM Failed.")

    # What PyRadiomics' C extension raises when a matrix cannot be made.
    monkeypatch.setattr(RadiomicsNGTDM, "_calculateMatrix", fail)
    values, told = mask_features(ct(), mask(BIG), feature_extractor(SETTINGS))
    assert told == "ngtdm: Calculation of NGTDM Failed."
    assert np.isnan(values["original_ngtdm_Busyness"])
    assert np.isfinite(values["original_glszm_ZoneEntropy"])


def test_a_lesion_lost_in_resampling_has_a_reason():
    # Two voxels in a corner-to-corner pair vanish on a grid of 9 mm.
    coarse = feature_extractor({**SETTINGS, "resampledPixelSpacing": [9, 9, 9]})
    values, told = mask_features(ct(), mask(np.s_[2, 2, 2], np.s_[3, 3, 3]), coarse)
    assert np.isnan(list(values.values())).all()
    assert told


def test_one_slice_keeps_its_thickness():
    # PyRadiomics does not resample along an axis in which the mask spans one slice: 4 x 4 pixels of
    # 2 mm are 8 x 8 pixels of 1 mm, in a slice that stays 3 mm thick.
    values, told = mask_features(ct(), mask(np.s_[3, 4:8, 4:8]), feature_extractor(SETTINGS))
    assert told == ""
    assert values["original_shape_VoxelVolume"] == pytest.approx(8 * 8 * 3)


def test_a_flat_lesion_has_values():
    # On its own grid: B-spline resampling of whole numbers truncates some 60 to 59.
    values, told = mask_features(ct(hu=60), mask(BIG), feature_extractor({"binWidth": 25}))
    assert told == ""
    assert values["original_firstorder_Mean"] == 60
    assert values["original_firstorder_Variance"] == 0


@pytest.mark.parametrize(
    "settings", [{"binwidth": 25}, {"binWidth": "wide"}, {"interpolator": "cubic"}]
)
def test_settings_that_pyradiomics_does_not_know(settings):
    with pytest.raises(InputError, match="PyRadiomics refuses these settings"):
        feature_extractor(settings)


def test_different_grids_end_with_a_sentence():
    with pytest.raises(InputError, match="different grids"):
        scan_features(ct(), labels(BIG, spacing=(2.0, 2.0, 4.0)), SETTINGS)


def test_feature_table_has_the_authors_columns():
    features = dict.fromkeys(FEATURES, 0.5)
    unions = pd.DataFrame(
        [
            {"series": "b", **features, LESION_COUNT: 3, "burden_ml": 12.5, "reason": ""},
            {"series": "a", LESION_COUNT: 0, "burden_ml": 0.0, "reason": "no lesions"},
            {"series": "out", **features, LESION_COUNT: 1, "burden_ml": 1.0, "reason": ""},
        ]
    ).assign(voxel_mm=["(1.0, 1.0, 5.0)", "", "(1.0, 1.0, 1.0)"])
    matching = pd.DataFrame(
        {
            "series": ["a", "b", "out", "no_mask"],
            "patient": ["p1", "p2", "p3", "p4"],
            "study": ["p1_20200101", "p2_20200202", "p3_20200303", "p4_20200404"],
            "place": ["3", "test", "0", "1"],
            "sample_type": ["biopsy", "cfdna", None, "biopsy"],
            "score": [-0.25, 0.75, np.nan, 0.5],
            "class": pd.array([0, 1, None, 1], "Int64"),
            "included": [True, True, False, True],
        }
    )
    table = feature_table(unions, matching, "NE")
    assert list(table.columns) == [
        "File",
        "unique_scandate",
        "unique_pt",
        *FEATURES,
        "Num_Lesions",
        "NE_Score",
        "NE_Status",
        "NE_Class",
        "Group",
        "Fold",
        "Sample_Type",
        "Burden_ml",
        "diagnostics_Image-interpolated_Spacing",
        "Reason",
    ]
    assert table["diagnostics_Image-interpolated_Spacing"].tolist() == ["", "(1.0, 1.0, 5.0)"]
    assert table["File"].tolist() == ["a", "b"]
    assert table["unique_scandate"].tolist() == ["p1_20200101", "p2_20200202"]
    assert table["NE_Score"].tolist() == [-0.25, 0.75]
    assert table["NE_Status"].tolist() == ["negative", "positive"]
    assert table["NE_Class"].tolist() == [0, 1]
    assert table["Group"].tolist() == ["train", "test"]
    assert table["Fold"].tolist() == ["3", ""]
    assert table["Burden_ml"].tolist() == [0.0, 12.5]
    # A scan without lesions stays, with empty features.
    assert table["Num_Lesions"].tolist() == [0, 3]
    assert table["original_glcm_Id"].isna().tolist() == [True, False]
    check(as_values(table), cohort_features("NE"), "radiomics/reference/features_sum.csv")
