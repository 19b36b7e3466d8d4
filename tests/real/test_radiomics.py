"""Features of real CTs are PyRadiomics' own, and its published baselines."""

import csv

import pandas as pd
import pytest
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

from livermet.images import read_image
from livermet.radiomics.extractor import FEATURE_CLASSES
from livermet.radiomics.features import (
    FEATURES,
    feature_extractor,
    mask_features,
)
from livermet.radiomics.scans import LESION_COUNT

# The settings that PyRadiomics' baseline tables name, where they differ from its defaults, and how
# many of the 107 features each case has a stored value of: cases of texture alone have no others.
BASELINES = {
    "lung1": ({"binWidth": 25, "voxelArrayShift": 2000, "minimumROIDimensions": 1}, 107),
    "lung1_resampling": ({"resampledPixelSpacing": [2, 2, 2]}, 107),
    "lung1_resegmentation": ({"resegmentRange": [-3, 3], "resegmentMode": "sigma"}, 93),
    "lung1_normalization": ({"normalize": True, "normalizeScale": 100, "binWidth": 5}, 93),
    "lung1_2d": ({"force2D": True}, 75),
    "lung1_FBN": ({"binCount": 64}, 75),
    "lung1_flatRegion": ({"resegmentRange": [0], "binWidth": 5000}, 75),
    "lung1_combined": ({"weightingNorm": "no_weighting"}, 40),
}
# Largest relative difference when this was written: 4e-12.
TOLERANCE = 1e-9


def baseline(folder, case):
    """The stored value of each of the 107 features that the case has."""
    tables = [
        pd.read_csv(folder / f"baseline_{name}.csv", index_col="featureName", dtype=str)
        for name in FEATURE_CLASSES
    ]
    stored = pd.concat(table[case] for table in tables if case in table)
    return stored[stored.index.isin(FEATURES)].astype(float)


@pytest.mark.parametrize("case", BASELINES)
def test_features_are_those_of_pyradiomics_baseline(shared_data, case):
    folder = shared_data("pyradiomics")
    settings, count = BASELINES[case]
    values, reason = mask_features(
        read_image(folder / "lung1_image.nrrd"),
        read_image(folder / "lung1_label.nrrd"),
        feature_extractor(settings),
    )
    expected = baseline(folder / "baseline", case)
    assert reason == ""
    assert expected.notna().sum() == count
    found = {name: values[name] for name in expected.index}
    assert found == pytest.approx(expected.to_dict(), rel=TOLERANCE)


@pytest.mark.parametrize("case", ["lung2", "lung2_resampling"])
def test_shape_of_a_mask_without_its_ct(shared_data, case):
    # The CT of lung2 is not at hand; shape features do not look at it.
    folder = shared_data("pyradiomics")
    mask = read_image(folder / "lung2_label.nrrd")
    blank = sitk.Image(mask.GetSize(), sitk.sitkInt16)
    blank.CopyInformation(mask)
    settings, _ = BASELINES[case.replace("lung2", "lung1")]
    values, _ = mask_features(blank, mask, feature_extractor(settings))
    shape = [name for name in FEATURES if name.startswith("original_shape_")]
    expected = baseline(folder / "baseline", case)[shape]
    assert len(shape) == 14
    assert [values[name] for name in shape] == pytest.approx(expected.tolist(), rel=TOLERANCE)


# The largest tumour, one of a few thousand voxels, and one whose box touches the volume's border.
@pytest.mark.parametrize("patient", ["STS_019", "STS_022", "STS_031"])
def test_all_features_at_1_mm_are_those_of_plain_execute(shared_data, patient):
    folder = shared_data("sts") / "nifti" / patient
    ct, mask = (read_image(folder / f"CT_{name}.nii.gz") for name in ("image", "mask"))
    settings = {"resampledPixelSpacing": [1, 1, 1], "binWidth": 25}
    values, reason = mask_features(ct, mask, feature_extractor(settings))
    found = RadiomicsFeatureExtractor(**settings).execute(ct, mask)
    assert reason == ""
    # Sums over the mesh and over texture matrices are made in another order: last digits differ.
    assert values == pytest.approx({name: float(found[name]) for name in FEATURES}, rel=1e-11)
    exact = [name for name in FEATURES if "_firstorder_" in name]
    assert len(exact) == 18
    assert all(values[name] == float(found[name]) for name in exact)


def test_features_have_the_order_of_the_authors_table(shared_data):
    path = shared_data("paper") / "Final_ResampledClassificationData.csv"
    with open(path, newline="") as table:
        header = next(csv.reader(table))
    first, last = header.index("original_shape_Elongation"), header.index(LESION_COUNT)
    assert header[first : last + 1] == [*FEATURES, LESION_COUNT]
