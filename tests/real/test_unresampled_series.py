"""The paper's one series whose features were measured in another voxel: its mask spans one slice.

PyRadiomics does not resample along an axis in which the mask spans one voxel. 226 series of the
authors' table were measured in cubes of 1 mm, this one in voxels of 1 x 1 x 5 mm.
"""

import ast

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from livermet.phenotype.corrected import prepared
from livermet.phenotype.table import read_feature_table
from livermet.radiomics.features import feature_extractor, mask_features

SETTINGS = {"resampledPixelSpacing": [1, 1, 1], "binWidth": 25}
THICK_MM = 5.0


@pytest.fixture(scope="module")
def path(shared_data):
    return shared_data("paper") / "Final_ResampledClassificationData.csv"


@pytest.fixture(scope="module")
def table(path):
    return pd.read_csv(path, low_memory=False).set_index("File")


@pytest.fixture(scope="module")
def odd(table):
    """The series that was not measured in cubes of 1 mm."""
    spacing = table["diagnostics_Image-interpolated_Spacing"]
    (name,) = spacing.index[spacing != "(1.0, 1.0, 1.0)"]
    return table.loc[name]


def told(row, name):
    """Read a diagnostic that the table holds as a tuple in (x, y, z) order."""
    return ast.literal_eval(row[f"diagnostics_{name}"])


def test_its_mask_is_the_only_one_of_one_slice(table, odd):
    sizes = table["diagnostics_Mask-original_BoundingBox"].map(
        lambda box: ast.literal_eval(box)[3:]
    )
    assert list(table.index[[1 in size for size in sizes]]) == [odd.name]
    assert told(odd, "Mask-original_BoundingBox")[3:] == (8, 11, 1)
    assert told(odd, "Image-original_Spacing")[2] == THICK_MM
    assert told(odd, "Image-interpolated_Spacing") == (1.0, 1.0, THICK_MM)


def test_its_values_are_those_of_voxels_of_5_mm3(table, odd):
    voxels = table["diagnostics_Mask-interpolated_VoxelNum"]
    voxel_mm3 = table["original_shape_VoxelVolume"] / voxels
    energy = table["original_firstorder_TotalEnergy"] / table["original_firstorder_Energy"]
    others = table.index != odd.name
    assert voxel_mm3[odd.name] == energy[odd.name] == THICK_MM
    assert np.allclose(voxel_mm3[others], 1, rtol=1e-12)
    assert np.allclose(energy[others], 1, rtol=1e-12)
    # A plane of voxels has no extent along its third axis.
    flat = ["original_shape_LeastAxisLength", "original_shape_Flatness"]
    assert (odd[flat] == 0).all()
    assert (table.loc[others, flat] > 0).all(axis=None)


def test_the_corrected_protocol_leaves_it_out(path, odd):
    table = read_feature_table(path, "NE", complete=True)
    assert set(table["series"]) - set(prepared(table)["series"]) == {odd.name}


def measure(odd, slices, thickness_mm):
    """Measure a box of the mask's place and size in a phantom whose slices are all the same."""
    first_x, first_y, _, width, height, _ = told(odd, "Mask-original_BoundingBox")
    noise = np.random.default_rng(11).normal(80, 40, (first_y + 30, first_x + 30))
    ct = np.repeat(noise[None].astype(np.float32), slices * 7, axis=0)
    inside = np.zeros(ct.shape, np.uint8)
    inside[3 * slices : 4 * slices, first_y : first_y + height, first_x : first_x + width] = 1
    images = [sitk.GetImageFromArray(array) for array in (ct, inside)]
    for image in images:
        image.SetSpacing((*told(odd, "Image-original_Spacing")[:2], thickness_mm))
    values, reason = mask_features(*images, feature_extractor(SETTINGS))
    assert reason == ""
    return {name.removeprefix("original_"): value for name, value in values.items()}


def test_a_phantom_of_its_geometry_keeps_its_slice(odd):
    values = measure(odd, slices=1, thickness_mm=THICK_MM)
    # The table's own box at 1 mm: as many columns and rows, in one slice of 5 mm.
    columns, rows, slices = told(odd, "Mask-interpolated_BoundingBox")[3:]
    assert slices == 1
    assert values["shape_VoxelVolume"] == pytest.approx(columns * rows * THICK_MM)
    assert values["firstorder_TotalEnergy"] == pytest.approx(values["firstorder_Energy"] * THICK_MM)
    assert values["shape_LeastAxisLength"] == values["shape_Flatness"] == 0


def test_what_differs_from_the_same_lesion_in_voxels_of_1_mm(odd):
    # The same 5 mm of tissue, once as one slice and once as five.
    kept = measure(odd, slices=1, thickness_mm=THICK_MM)
    cubes = measure(odd, slices=5, thickness_mm=1.0)
    same = ["shape_VoxelVolume", "firstorder_TotalEnergy", "firstorder_Mean", "firstorder_Entropy"]
    assert [kept[name] for name in same] == pytest.approx([cubes[name] for name in same], rel=1e-4)
    # Five times the voxels: sums over voxels and counts of grey levels are a fifth.
    fifth = ["firstorder_Energy", "gldm_GrayLevelNonUniformity"]
    assert [kept[name] * 5 for name in fifth] == pytest.approx(
        [cubes[name] for name in fifth], rel=1e-4
    )
    # Five layers of 1 mm: variance (25 - 1) / 12 = 2, axis 4 x its square root.
    assert kept["shape_LeastAxisLength"] == 0
    assert cubes["shape_LeastAxisLength"] == pytest.approx(4 * np.sqrt(2), rel=1e-6)
    # Of 13 directions 12 are the plane's four, alone or with a step across slices, and have its
    # contrast; straight across the slices there is none. The one slice has the four alone.
    assert cubes["glcm_Contrast"] == pytest.approx(12 / 13 * kept["glcm_Contrast"], rel=1e-6)
