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
from livermet.radiomics.scans import COUNT

# The settings that PyRadiomics' baseline tables name, where they differ from its defaults.
BASELINE_SETTINGS = {
    "lung1": {"binWidth": 25, "voxelArrayShift": 2000, "minimumROIDimensions": 1},
    "lung1_resampling": {"resampledPixelSpacing": [2, 2, 2]},
}
# Largest relative difference when this was written: 4e-12.
TOLERANCE = 1e-9


def baseline(folder, case):
    """The stored value of each of the 107 features; NaN for one without a stored value."""
    stored = pd.concat(
        pd.read_csv(folder / f"baseline_{name}.csv", index_col="featureName", dtype=str)[case]
        for name in FEATURE_CLASSES
    )
    return stored[stored.index.str.startswith("original_")].reindex(list(FEATURES)).astype(float)


@pytest.mark.parametrize("case", BASELINE_SETTINGS)
def test_all_features_are_those_of_pyradiomics_baseline(shared_data, case):
    folder = shared_data("pyradiomics")
    values, reason = mask_features(
        read_image(folder / "lung1_image.nrrd"),
        read_image(folder / "lung1_label.nrrd"),
        feature_extractor(BASELINE_SETTINGS[case]),
    )
    expected = baseline(folder / "baseline", case)
    assert reason == ""
    assert expected.notna().all()
    assert values == pytest.approx(expected.to_dict(), rel=TOLERANCE)


def test_shape_of_a_mask_without_its_ct(shared_data):
    # The CT of lung2 is not at hand; shape features do not look at it.
    folder = shared_data("pyradiomics")
    mask = read_image(folder / "lung2_label.nrrd")
    blank = sitk.Image(mask.GetSize(), sitk.sitkInt16)
    blank.CopyInformation(mask)
    values, _ = mask_features(blank, mask, feature_extractor(BASELINE_SETTINGS["lung1"]))
    shape = [name for name in FEATURES if name.startswith("original_shape_")]
    expected = baseline(folder / "baseline", "lung2")[shape]
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
    # Sums over the mesh and over neighbours are made in another order: their last digits differ.
    assert values == pytest.approx({name: float(found[name]) for name in FEATURES}, rel=1e-11)
    exact = [name for name in FEATURES if "_shape_" not in name and "_ngtdm_" not in name]
    assert all(values[name] == float(found[name]) for name in exact)


def test_features_have_the_order_of_the_authors_table(shared_data):
    path = shared_data("paper") / "Final_ResampledClassificationData.csv"
    with open(path, newline="") as table:
        header = next(csv.reader(table))
    first, last = header.index("original_shape_Elongation"), header.index(COUNT)
    assert header[first : last + 1] == [*FEATURES, COUNT]
