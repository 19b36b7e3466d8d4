"""IBSI's grids, masks, rounding and tolerances, counted by hand."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from livermet.errors import InputError
from livermet.images import array_of
from livermet.radiomics.features import FEATURES
from livermet.radiomics.ibsi.comparison import explaining_step, read_phantom
from livermet.radiomics.ibsi.configurations import CONFIGURATIONS, Configuration
from livermet.radiomics.ibsi.page import BEGIN, END, rewritten, shown
from livermet.radiomics.ibsi.preprocessing import (
    intensity_limits,
    resampled_ct,
    resampled_mask,
    resampling_grid,
)
from livermet.radiomics.ibsi.reference import aggregated_tag, agrees, feature_codes
from livermet.radiomics.ibsi.steps import STEPS


def row(values, spacing_mm=1.0, kind=np.int16):
    """An image of one row of voxels."""
    image = sitk.GetImageFromArray(np.array([[values]], dtype=kind))
    image.SetSpacing((spacing_mm, 1.0, 1.0))
    return image


def test_every_feature_has_an_entry_and_every_code_one_feature():
    codes = feature_codes()
    assert codes["feature"].tolist() == list(FEATURES)
    assert (codes["code"] == "").tolist() == (codes["tag"] == "").tolist()
    uncoded = codes.loc[codes["code"] == "", "feature"].str.removeprefix("original_").tolist()
    assert uncoded == [
        "shape_Maximum2DDiameterColumn",
        "shape_Maximum2DDiameterRow",
        "shape_Maximum2DDiameterSlice",
        "firstorder_TotalEnergy",
        "glcm_MCC",
    ]
    coded = codes[codes["code"] != ""]
    assert coded["code"].is_unique
    assert coded["tag"].is_unique


def test_aggregation_follows_class_and_space():
    assert aggregated_tag("original_glcm_Id", "cm_inv_diff", False) == "cm_inv_diff_3D_avg"
    assert (
        aggregated_tag("original_glrlm_RunEntropy", "rlm_rl_entr", True) == "rlm_rl_entr_2_5D_avg"
    )
    assert aggregated_tag("original_gldm_x", "ngl_lde", False) == "ngl_lde_3D"
    assert aggregated_tag("original_ngtdm_x", "ngt_contrast", True) == "ngt_contrast_2_5D"
    assert aggregated_tag("original_firstorder_Mean", "stat_mean", True) == "stat_mean"


def test_tolerance_0_asks_for_the_three_printed_digits():
    values = pd.Series([2.1486, 2.1551, 1494.6, 0.1054, 0.1056])
    consensus = pd.Series([2.15, 2.15, 1490.0, 0.1, 0.1])
    tolerance = pd.Series([0, 0, 0, 0.005, 0.005])
    assert agrees(values, consensus, tolerance).tolist() == [True, False, True, True, False]


def test_grid_covers_the_extent_from_the_corner_or_around_the_centre():
    # 5 voxels of 1 mm, centres at 0 to 4, corner at -0.5: three voxels of 2 mm cover 6 mm.
    image = row([0] * 5)
    corner = resampling_grid(image, (2, 0, 0), centred=False)
    centre = resampling_grid(image, (2, 0, 0), centred=True)
    assert corner.GetSize() == centre.GetSize() == (3, 1, 1)
    assert corner.GetSpacing() == centre.GetSpacing() == (2, 1, 1)
    assert corner.GetOrigin() == (0.5, 0, 0)
    assert centre.GetOrigin() == (0, 0, 0)


def test_whole_hu_are_rounded_or_truncated_towards_zero():
    # Four places a voxel from the first centre on: -10, -7.5, -5, -2.5, 0, 2.5, 5, 7.5, 10 HU.
    ct = row([-10, 0, 10])
    grid = sitk.Image(9, 1, 1, sitk.sitkUInt8)
    grid.SetSpacing((0.25, 1.0, 1.0))
    rounded = resampled_ct(ct, grid, "sitkLinear", to_nearest=True)
    truncated = resampled_ct(ct, grid, "sitkLinear", to_nearest=False)
    assert array_of(rounded).ravel().tolist() == [-10, -8, -5, -2, 0, 2, 5, 8, 10]
    assert array_of(truncated).ravel().tolist() == [-10, -7, -5, -2, 0, 2, 5, 7, 10]
    by_simpleitk = sitk.Resample(ct, grid, sitk.Transform(), sitk.sitkLinear)
    assert (array_of(by_simpleitk) == array_of(truncated)).all()


def test_mask_takes_half_and_more_or_the_nearest_voxel():
    # Voxels of 4 mm with centres at 0, 4, 8, 12; inside are the first two. On a grid of 1 mm from
    # 0 the share inside falls from 1 at 4 mm to 0 at 8 mm: it is a half at 6 mm.
    mask = row([1, 1, 0, 0], spacing_mm=4.0, kind=np.uint8)
    grid = sitk.Image(13, 1, 1, sitk.sitkUInt8)
    partial = array_of(resampled_mask(mask, grid, partial_volume=True)).ravel()
    assert partial.tolist() == [1] * 7 + [0] * 6


def test_limits_are_the_range_the_outliers_or_both():
    # Mean 0, standard deviation 10 of the mask; the voxel of 400 HU lies outside of it.
    ct, mask = row([-10, 10, -10, 10, 400]), row([1, 1, 1, 1, 0], kind=np.uint8)
    assert intensity_limits(ct, mask, Configuration("", {}, "")) is None
    assert intensity_limits(ct, mask, Configuration("", {}, "", range_hu=(-20, 400))) == (-20, 400)
    assert intensity_limits(ct, mask, Configuration("", {}, "", outliers=True)) == (-30, 30)
    both = Configuration("", {}, "", outliers=True, range_hu=(-20, 400))
    assert intensity_limits(ct, mask, both) == (-20, 30)


def test_settings_are_pyradiomics_own():
    a, b, _, d, e = (configuration.settings() for configuration in CONFIGURATIONS)
    assert a == {
        "binWidth": 25,
        "force2D": True,
        "force2Ddimension": 0,
        "resegmentRange": [-500, 400],
    }
    assert (b["binCount"], b["resampledPixelSpacing"]) == (32, [2, 2, 0])
    assert (d["resegmentMode"], d["resegmentRange"]) == ("sigma", [-3, 3])
    assert (e["interpolator"], e["resegmentRange"]) == ("sitkBSpline", [-1000, 400])


def test_explaining_step_is_the_first_from_which_on_a_value_agrees():
    table = pd.DataFrame(
        {
            "agrees": [1, 1, 1, 1, 1, 1, 1, 1],
            "agrees by chance, then for good": [1, 0, 0, 1, 1, 1, 1, 1],
            "from step 3 on": [0, 1, 0, 1, 1, 1, 1, 1],
            "from the last step on": [0, 0, 0, 0, 0, 0, 0, 1],
            "never": [0, 1, 1, 1, 1, 1, 1, 0],
        },
        index=list(STEPS),
    ).T.astype(bool)
    numbers = explaining_step(table, STEPS[0])
    assert numbers[:4].tolist() == [0, 0, 3, 7]
    assert np.isnan(numbers["never"])


def test_block_is_put_between_its_marks():
    page = f"before\n{BEGIN}\nold\n{END}\nafter"
    assert rewritten(page, f"{BEGIN}\nnew\n{END}") == f"before\n{BEGIN}\nnew\n{END}\nafter"
    with pytest.raises(InputError, match="lacks the line"):
        rewritten("a page without marks", "new")


def test_numbers_have_four_digits_and_no_exponent_where_they_are_large():
    assert [shown(x) for x in (2438812345.6, -48.978, 0.0000933123, 3)] == [
        "2439000000",
        "-48.98",
        "9.331e-05",
        "3",
    ]


def test_missing_phantoms_are_named(tmp_path):
    with pytest.raises(InputError, match="get IBSI's data sets"):
        read_phantom(tmp_path, "ct_phantom")
