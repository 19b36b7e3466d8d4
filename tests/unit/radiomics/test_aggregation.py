"""One row a scan from its lesions: answers counted by hand, and what adds up to the union."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from livermet.errors import InputError
from livermet.radiomics.aggregation import ADDITIVE, aggregate, features_file
from livermet.radiomics.features import FEATURES
from livermet.radiomics.scans import scan_features
from livermet.vocabulary import AGGREGATIONS

ENERGY, MEAN = "original_firstorder_Energy", "original_firstorder_Mean"
NAN = float("nan")
CUBE, THICK = "(1.0, 1.0, 1.0)", "(1.0, 1.0, 5.0)"


def lesion(series, number, volume_ml, mean, energy, reason=""):
    values = dict.fromkeys(ADDITIVE, energy) | {MEAN: mean}
    row = {"series": series, "lesion": number, "volume_ml": volume_ml, "voxel_mm": CUBE}
    return {**row, **values, "reason": reason}


def union(series, count, reason=""):
    values = dict.fromkeys((*ADDITIVE, MEAN), -1.0)
    values |= {"series": series, "voxel_mm": CUBE}
    return {**values, "Num_Lesions": count, "burden_ml": 9.5, "reason": reason}


UNIONS = pd.DataFrame([union("b", 3), union("none", 0, "no lesions"), union("a", 1)])
LESIONS = pd.DataFrame(
    [
        lesion("a", 1, 0.1, 0.3, 0.7),
        lesion("b", 1, 6.0, 10.0, 100.0),
        lesion("b", 2, 2.0, 50.0, 30.0),
        lesion("b", 3, 1.0, NAN, NAN, "one voxel"),
    ]
)


def by(aggregation, lesions=LESIONS):
    return aggregate(UNIONS, lesions, aggregation).set_index("series")


def test_the_union_passes_as_it_is():
    pd.testing.assert_frame_equal(aggregate(UNIONS, LESIONS, "union"), UNIONS)


@pytest.mark.parametrize(
    ("aggregation", "mean", "energy"),
    [
        ("largest", 10.0, 100.0),
        # (6 x 10 + 2 x 50) / 8 and (6 x 100 + 2 x 30) / 8: the third lesion has neither feature.
        ("volume_weighted_mean", 20.0, 82.5),
        ("sum", 20.0, 130.0),
    ],
)
def test_three_lesions_by_hand(aggregation, mean, energy):
    row = by(aggregation).loc["b"]
    assert row[MEAN] == pytest.approx(mean)
    assert row[list(ADDITIVE)].tolist() == pytest.approx([energy] * 5)
    # What belongs to the scan stays the scan's.
    assert row["Num_Lesions"] == 3
    assert row["burden_ml"] == 9.5


def test_the_reason_counts_the_lesions_that_lack_features():
    others = LESIONS.assign(reason=["", "glcm", "one voxel", "one voxel"])
    told = "1 of 3 lesions: glcm; 2 of 3 lesions: one voxel"
    assert by("volume_weighted_mean", others).at["b", "reason"] == told
    assert by("sum", others).at["b", "reason"] == told
    assert by("largest", others).at["b", "reason"] == "glcm"
    assert by("sum").at["a", "reason"] == ""


def test_the_voxel_is_that_of_the_lesions_that_count():
    # Lesion 3 of b has no feature, so that its voxel counts in no aggregation.
    mixed = LESIONS.assign(voxel_mm=[CUBE, CUBE, THICK, THICK])
    assert by("largest", mixed)["voxel_mm"].tolist() == [CUBE, "", CUBE]
    for aggregation in ("volume_weighted_mean", "sum"):
        assert by(aggregation, mixed)["voxel_mm"].tolist() == [f"{CUBE}; {THICK}", "", CUBE]
        assert by(aggregation)["voxel_mm"].tolist() == [CUBE, "", CUBE]


@pytest.mark.parametrize("aggregation", AGGREGATIONS[1:])
def test_a_scan_without_lesions_keeps_its_row_and_reason(aggregation):
    rows = by(aggregation)
    assert list(rows.index) == ["b", "none", "a"]
    assert rows.loc["none", [MEAN, *ADDITIVE]].isna().all()
    assert rows.at["none", "reason"] == "no lesions"
    assert by(aggregation, LESIONS[:0])[MEAN].isna().all()


@pytest.mark.parametrize("aggregation", AGGREGATIONS[1:])
def test_the_only_lesion_comes_out_to_the_last_digit(aggregation):
    # 0.1 x 0.3 / 0.1 is not 0.3 in floating point.
    row = by(aggregation).loc["a"]
    assert (row[MEAN], row[ENERGY]) == (0.3, 0.7)


@pytest.mark.parametrize("aggregation", AGGREGATIONS[1:])
def test_a_feature_that_no_lesion_has_is_empty(aggregation):
    bare = LESIONS.assign(**{MEAN: NAN, ENERGY: NAN}, reason="flat")
    row = by(aggregation, bare).loc["b"]
    assert np.isnan([row[MEAN], row[ENERGY]]).all()
    assert row["original_shape_MeshVolume"] > 0
    assert row["reason"] == ("flat" if aggregation == "largest" else "3 of 3 lesions: flat")


def test_lesions_of_equal_volume_are_taken_by_their_number():
    equal = pd.concat([LESIONS[:1], LESIONS[1:].assign(volume_ml=2.0)])
    assert by("largest", equal).at["b", MEAN] == 10.0


def phantom():
    """Return noise in HU and two lesions in a liver, a gap of one slice of 3 mm between them."""
    array = np.random.default_rng(7).normal(80, 40, (8, 12, 14)).astype(np.int16)
    labels = np.ones(array.shape, np.uint8)
    labels[1:4, 2:6, 2:7] = 2
    labels[5:7, 6:9, 6:9] = 2
    images = [sitk.GetImageFromArray(voxels) for voxels in (array, labels)]
    for image in images:
        image.SetSpacing((2.0, 2.0, 3.0))
    return images


def test_what_adds_up_to_the_union_and_nothing_else():
    settings = {"resampledPixelSpacing": [1, 1, 1], "binWidth": 25}
    unions, lesions = scan_features(*phantom(), settings)
    unions, lesions = unions.assign(series="s"), lesions.assign(series="s")
    whole, added = unions.iloc[0], lesions[list(FEATURES)].sum()
    # Voxels of 1 mm3, and HU that stay whole numbers in resampling.
    exact = ["original_shape_VoxelVolume", ENERGY, "original_firstorder_TotalEnergy"]
    assert added[exact].tolist() == whole[exact].tolist()
    adding = {name for name in FEATURES if added[name] == pytest.approx(whole[name], rel=1e-9)}
    assert adding == set(ADDITIVE)
    row = aggregate(unions, lesions, "sum").iloc[0]
    assert row[list(ADDITIVE)].tolist() == added[list(ADDITIVE)].tolist()


def test_an_aggregation_that_is_none():
    with pytest.raises(InputError, match="'median' is no aggregation"):
        aggregate(UNIONS, LESIONS, "median")


def test_files_of_the_aggregations():
    assert [features_file(name) for name in AGGREGATIONS] == [
        "features.csv",
        "features_largest.csv",
        "features_volume_weighted_mean.csv",
        "features_sum.csv",
    ]
