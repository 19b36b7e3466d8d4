"""IBSI's phantoms: every feature agrees with the consensus, or its reason is verified."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import SimpleITK as sitk

from livermet.images import array_of, read_image
from livermet.radiomics.features import FEATURES, feature_extractor, mask_features
from livermet.radiomics.ibsi.comparison import (
    agreement,
    compare,
    explaining_step,
    read_phantom,
)
from livermet.radiomics.ibsi.configurations import CONFIGURATIONS, DIGITAL_PHANTOM
from livermet.radiomics.ibsi.page import BEGIN, END, ibsi_block
from livermet.radiomics.ibsi.preprocessing import (
    intensity_limits,
    resampled_ct,
    resampled_mask,
    resampling_grid,
)
from livermet.radiomics.ibsi.reference import feature_codes
from livermet.radiomics.ibsi.steps import DEFINITION_STEPS, OWN, PREPROCESSED, STEPS

BY_NAME = {data_set.name: data_set for data_set in (DIGITAL_PHANTOM, *CONFIGURATIONS)}
RESAMPLED = [name for name, configuration in BY_NAME.items() if configuration.spacing_mm]


@pytest.fixture(scope="module")
def comparisons(shared_data):
    folder = shared_data("ibsi")
    return {name: compare(folder, configuration) for name, configuration in BY_NAME.items()}


@pytest.fixture(scope="module")
def preprocessed(shared_data):
    """Image and mask of each resampled configuration as IBSI asks for them."""
    ct, mask = read_phantom(shared_data("ibsi"), "ct_phantom")
    images = {}
    for name in RESAMPLED:
        grid = resampling_grid(ct, BY_NAME[name].spacing_mm, centred=True)
        image = resampled_ct(ct, grid, BY_NAME[name].interpolator, to_nearest=True)
        images[name] = image, resampled_mask(mask, grid, partial_volume=True)
    return images


def printed(folder, name):
    """IBSI's file of a configuration's values, by tag."""
    table = pd.read_csv(folder / "reference_values" / BY_NAME[name].reference, sep=";")
    return table.drop_duplicates("tag").set_index("tag")


def within(value, consensus, tolerance):
    """Whether a value is within the tolerance of a number printed with three significant digits."""
    last_digit = 10.0 ** (np.floor(np.log10(abs(consensus))) - 2) if consensus else 0
    return abs(value - consensus) <= tolerance + 0.5001 * last_digit


@pytest.mark.parametrize("name", BY_NAME)
def test_every_feature_agrees_or_its_reason_is_verified(comparisons, name):
    comparison = comparisons[name]
    assert list(comparison.index) == list(FEATURES)
    coded = comparison.dropna(subset="code")
    assert len(coded) == 102
    for step in (OWN, PREPROCESSED):
        numbers = explaining_step(agreement(comparison), step)
        unexplained = numbers.index[numbers.isna()].tolist()
        assert unexplained == []
        for feature, row in coded.iterrows():
            # The step that the page names: the value itself, or that with the difference removed.
            value = row[step] if numbers[feature] == 0 else row[STEPS[int(numbers[feature])]]
            assert within(value, row["consensus"], row["tolerance"]), feature


@pytest.mark.parametrize("name", ["A", "B", "D", "E"])
def test_with_ibsi_preprocessing_kurtosis_alone_differs(comparisons, name):
    agreed = agreement(comparisons[name])[PREPROCESSED]
    assert agreed.index[~agreed].tolist() == ["original_firstorder_Kurtosis"]


def test_in_c_only_what_depends_on_the_number_of_a_grey_level_differs_too(comparisons):
    agreed = agreement(comparisons["C"])[PREPROCESSED]
    names = agreed.index[~agreed].str.removeprefix("original_").tolist()
    assert [name for name in names if not ("GrayLevel" in name and name.endswith("Emphasis"))] == [
        "firstorder_Kurtosis",
        "glcm_Autocorrelation",
        "glcm_JointAverage",
        "glcm_SumAverage",
        "ngtdm_Busyness",
    ]


def test_page_holds_what_make_ibsi_writes(root, comparisons):
    page = (root / "docs" / "explanations" / "methods" / "ibsi.md").read_text()
    digital, *chest = ((BY_NAME[name], comparisons[name]) for name in BY_NAME)
    block = page[page.index(BEGIN) : page.index(END) + len(END)]
    assert block == ibsi_block(digital, chest), "type: make ibsi"
    for code in feature_codes()["code"]:
        assert f"| {code or 'none'} |" in block


def test_consensus_kurtosis_is_the_excess(shared_data):
    ct, mask = read_phantom(shared_data("ibsi"), "digital_phantom")
    values = array_of(ct)[array_of(mask) == 1]
    stored = printed(shared_data("ibsi"), DIGITAL_PHANTOM.name)
    assert within(scipy.stats.kurtosis(values), *stored.loc["stat_kurt"].astype(float))


def test_consensus_axis_lengths_divide_by_one_voxel_less(shared_data):
    _, mask = read_phantom(shared_data("ibsi"), "digital_phantom")
    places_mm = np.argwhere(array_of(mask) == 1) * 2.0
    stored = printed(shared_data("ibsi"), DIGITAL_PHANTOM.name)
    tags = ["morph_pca_least_axis", "morph_pca_min_axis", "morph_pca_maj_axis"]
    for ddof, agreeing in ((1, 3), (0, 1)):
        lengths = 4 * np.sqrt(np.linalg.eigvalsh(np.cov(places_mm.T, ddof=ddof)))
        agree = [within(*z) for z in zip(lengths, *stored.loc[tags].to_numpy().T, strict=True)]
        assert sum(agree) == agreeing


def test_consensus_grey_levels_are_numbered_from_the_ranges_lower_end(shared_data, preprocessed):
    image, roi = preprocessed["C"]
    values = array_of(image)[array_of(roi) == 1].astype(float)
    values = values[(values >= -1000) & (values <= 400)]
    stored = printed(shared_data("ibsi"), "C")
    for lower, agrees in ((-1000, True), (25 * np.floor(values.min() / 25), False)):
        levels = np.floor((values - lower) / 25) + 1
        assert within(np.mean(levels**2), *stored.loc["ngl_hgce_3D"]) == agrees
        assert within(np.mean(levels**-2.0), *stored.loc["ngl_lgce_3D"]) == agrees


@pytest.mark.parametrize("name", RESAMPLED)
def test_preprocessing_gives_the_voxels_that_ibsi_counts(shared_data, preprocessed, name):
    image, roi = preprocessed[name]
    inside = array_of(image)[array_of(roi) == 1].astype(float)
    lower, upper = intensity_limits(image, roi, BY_NAME[name])
    kept = inside[(inside >= lower) & (inside <= upper)]
    found = {
        "img_dim_x_interp_img": image.GetSize()[0],
        "img_dim_y_interp_img": image.GetSize()[1],
        "img_dim_z_interp_img": image.GetSize()[2],
        "min_int_interp_img": array_of(image).min(),
        "max_int_interp_img": array_of(image).max(),
        "morph_mask_vox_count_interp_roi": len(inside),
        "int_mask_mean_int_interp_roi": inside.mean(),
        "int_mask_min_int_interp_roi": inside.min(),
        "int_mask_max_int_interp_roi": inside.max(),
        "int_mask_vox_count_reseg_roi": len(kept),
        "int_mask_mean_int_reseg_roi": kept.mean(),
        "int_mask_min_int_reseg_roi": kept.min(),
        "int_mask_max_int_reseg_roi": kept.max(),
    }
    stored = printed(shared_data("ibsi"), name)
    assert {tag: within(value, *stored.loc[tag]) for tag, value in found.items()} == dict.fromkeys(
        found, True
    )


@pytest.mark.parametrize("name", ["B", "C"])
def test_pyradiomics_preprocessing_has_the_differences_that_the_page_names(
    shared_data, comparisons, name
):
    # Corner-aligned grid, nearest label and truncated intensities outside of PyRadiomics give the
    # values that it gives by itself, so that these three are all of its preprocessing.
    ct, mask = read_phantom(shared_data("ibsi"), "ct_phantom")
    configuration = BY_NAME[name]
    grid = resampling_grid(ct, configuration.spacing_mm, centred=False)
    values, _ = mask_features(
        resampled_ct(ct, grid, configuration.interpolator, to_nearest=False),
        resampled_mask(mask, grid, partial_volume=False),
        feature_extractor(
            {**configuration.feature_settings(), "resegmentRange": list(configuration.range_hu)}
        ),
    )
    assert values == pytest.approx(comparisons[name][OWN].to_dict(), rel=1e-9)


def test_definitions_change_nothing_else(comparisons):
    # Without resampling and numbering, kurtosis and axis lengths alone move on the digital phantom.
    values = comparisons[DIGITAL_PHANTOM.name]
    moved = values.index[values[OWN] != values[DEFINITION_STEPS[-1]]]
    assert set(moved.str.removeprefix("original_")) == {
        "firstorder_Kurtosis",
        "shape_LeastAxisLength",
        "shape_MajorAxisLength",
        "shape_MinorAxisLength",
    }


def test_dicom_seg_of_the_digital_phantom_is_its_nifti_mask(shared_data):
    folder = shared_data("ibsi") / "digital_phantom"
    ct, mask = read_phantom(shared_data("ibsi"), "digital_phantom")
    # NIfTI's third axis runs downwards in DICOM's patient coordinates.
    seg = sitk.DICOMOrient(read_image(folder / "dicom/mask/mask.dcm"), "LPI")
    image = sitk.DICOMOrient(read_image(folder / "dicom/image/phantom.dcm"), "LPI")
    assert array_of(mask).sum() == 74
    assert ((array_of(seg) > 0) == (array_of(mask) == 1)).all()
    assert (array_of(image) == array_of(ct)).all()
