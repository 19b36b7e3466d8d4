"""The list of scans measures the mask that counts, and flags what a reader has to look at."""

import numpy as np
import pandas as pd
import pytest

from livermet.cohort.scan_list import SCAN_LIST, scan_list
from livermet.contracts import check

# Voxels of 1 x 1 x 2 mm: 500 of them are a millilitre.
SPACING = "1.0; 1.0; 2.0"


def facts(**lesions) -> pd.DataFrame:
    """One row a series of a training patient, with the number of lesions."""
    table = pd.DataFrame({"series": list(lesions), "lesions": list(lesions.values())})
    return table.assign(cohort="mSCLC", place="train")


def acquisition(**voxels) -> pd.DataFrame:
    """Voxels of liver and of lesions of each series' reference, None where nobody drew them."""
    table = pd.DataFrame(voxels.values(), columns=["reference_voxels_liver", "voxels"])
    table = table.rename(columns={"voxels": "reference_voxels_lesion"}).astype(float)
    told = {"spacing_mm": SPACING, "warnings": np.nan, "reference_warnings": np.nan}
    return table.assign(series=list(voxels), **told)


def scans(**volumes) -> pd.DataFrame:
    """Liver, burden (ml), lesions and Dice of each predicted series."""
    names = ["predicted_liver_ml", "predicted_burden_ml", "predicted_lesions", "lesion_dice"]
    table = pd.DataFrame(list(volumes.values()), columns=names)
    return table.assign(series=list(volumes), model="unet")


def listed(facts, acquisition, scans, read=None) -> pd.DataFrame:
    """The list, held to its contract, by series."""
    table = scan_list(facts, acquisition, scans, read or {})
    check(table, SCAN_LIST, "tables/scan_list.csv")
    return table.set_index("series", drop=False)


def test_a_liver_of_seven_litres_is_flagged_and_comes_first():
    table = listed(
        facts(a=2, b=1, chest=3),
        acquisition(a=(None, None), b=(None, None), chest=(None, None)),
        scans(a=(1500.0, 30.0, 2, 0.8), b=(480.0, 0.5, 1, np.nan), chest=(7100.0, 9.0, 3, 0.1)),
    )
    assert table["flags"].to_dict() == {"b": "liver of 0.5 l", "chest": "liver of 7.1 l", "a": ""}
    # Of as many flags and warnings the name decides.
    assert list(table.index) == ["b", "chest", "a"]
    # 30 of 1,500 ml.
    assert table.loc["a", "lesion_share"] == pytest.approx(0.02)
    assert table.loc["a", ["mask", "lesion_dice"]].tolist() == ["unet", 0.8]


@pytest.mark.parametrize(
    ("volumes", "flags"),
    [
        ((500.0, 0.0, 0, np.nan), ""),
        ((499.0, 0.0, 0, np.nan), "liver of 0.5 l"),
        ((4000.0, 0.0, 0, np.nan), ""),
        ((4100.0, 0.0, 0, np.nan), "liver of 4.1 l"),
        ((1000.0, 500.0, 50, np.nan), ""),
        ((1000.0, 510.0, 51, np.nan), "lesions take 51% of the liver; 51 lesions"),
        ((0.0, 0.0, 0, np.nan), "no liver in the mask"),
    ],
)
def test_limits_themselves_are_no_flag(volumes, flags):
    table = listed(facts(a=0), acquisition(a=(None, None)), scans(a=volumes))
    assert table.loc["a", "flags"] == flags


def test_what_the_radiologist_read_is_held_against_the_mask():
    table = listed(
        facts(a=0, b=1, c=0),
        acquisition(a=(None, None), b=(None, None), c=(None, None)),
        scans(a=(1500.0, 0.0, 0, 0.0), b=(1500.0, 2.04, 1, 0.0), c=(1500.0, 0.0, 0, 1.0)),
        {"a": "present", "b": "absent", "c": "absent"},
    )
    assert table["flags"].to_dict() == {
        "a": "no lesion, though lesions were read",
        "b": "lesions of 2.0 ml, though none were read",
        "c": "",
    }


def test_a_scan_without_a_prediction_is_measured_by_its_reference():
    table = listed(
        facts(whole=3, lesions=1, liver=np.nan, neither=np.nan),
        acquisition(
            whole=(700_000, 50_000),
            lesions=(None, 500),
            liver=(600_000, None),
            neither=(None, None),
        ),
        scans(),
    )
    # 750,000 voxels are 1,500 ml, of which 50,000 voxels are lesions: 100 ml.
    whole = table.loc["whole"]
    assert whole[["mask", "liver_ml", "burden_ml", "lesions"]].tolist() == [
        "reference",
        1500.0,
        100.0,
        3,
    ]
    assert whole["lesion_share"] == pytest.approx(100 / 1500)
    assert pd.isna(table.loc["lesions", "liver_ml"])
    assert table.loc["lesions", "burden_ml"] == 1.0
    assert table.loc["liver", "liver_ml"] == 1200.0
    assert pd.isna(table.loc["liver", "burden_ml"])
    assert table.loc["neither", "mask"] == ""
    assert table["flags"].eq("").all()


def test_warnings_are_counted_and_come_after_flags():
    recorded = acquisition(a=(None, None), b=(None, None), c=(None, None))
    recorded["warnings"] = [np.nan, "One; two", "One"]
    recorded["reference_warnings"] = [np.nan, "Three", np.nan]
    volumes = scans(a=(9000.0, 0, 0, 0), b=(1500.0, 0, 0, 0), c=(1500.0, 0, 0, 0))
    table = listed(facts(a=0, b=0, c=0), recorded, volumes)
    assert table["warnings"].to_dict() == {"a": 0, "b": 3, "c": 1}
