"""A lesion's place in the liver, counted by hand on small label maps."""

import numpy as np
import pytest
import SimpleITK as sitk

from livermet.detection.lesions import labelled_box, lesion_components, lesion_table
from livermet.radiomics.position import POSITION, lesion_positions

SHAPE = (12, 14, 16)
SPACING = (1.0, 2.0, 3.0)
# 8 x 10 x 10 voxels (z, y, x), which leave a margin on every side.
LIVER = np.s_[2:10, 2:12, 3:13]
FRACTIONS = ["right_to_left", "front_to_back", "feet_to_head"]


def label_map(*lesions, liver=LIVER):
    array = np.zeros(SHAPE, np.uint8)
    if liver is not None:
        array[liver] = 1
    for lesion in lesions:
        array[lesion] = 2
    return array


def located(array, direction=None, cropped=True):
    grid = sitk.GetImageFromArray(array)
    grid.SetSpacing(SPACING)
    grid.SetOrigin((-100.0, 40.0, -7.0))
    if direction is not None:
        grid.SetDirection(direction)
    components = lesion_components(array)
    table = lesion_table(components, grid)
    box = labelled_box(array) if cropped else np.s_[0:, 0:, 0:]
    corner = [edge.start for edge in box]
    return lesion_positions(array[box], components[box], table, grid, corner)


@pytest.mark.parametrize("cropped", [True, False])
def test_a_lesion_by_hand(cropped):
    # Voxels x 5-6, y 4, z 3-5 of a liver over x 3-12, y 2-11, z 2-9.
    table = located(label_map(np.s_[3:6, 4, 5:7]), cropped=cropped)
    assert list(table.columns[-5:]) == [column.name for column in POSITION]
    row = table.iloc[0]
    # Centroid 5.5, 4, 4 from the box's edges 2.5, 1.5, 1.5, of 10, 10, 8 voxels.
    assert row[FRACTIONS].tolist() == pytest.approx([0.3, 0.25, 2.5 / 8])
    # To x = 3 two voxels of 1 mm; y = 2 is two of 2 mm away, z = 2 one of 3 mm.
    assert row["surface_mm"] == pytest.approx(2.0)
    assert row["position_reason"] == ""


def test_the_distance_is_measured_in_mm_and_not_in_voxels():
    # One voxel of 3 mm to z = 2; four of 1 mm to x = 3; three of 2 mm to y = 2.
    assert located(label_map(np.s_[3, 5, 7])).at[0, "surface_mm"] == pytest.approx(3.0)


def test_a_lesion_at_the_surface_has_the_distance_0():
    assert located(label_map(np.s_[5:7, 5:7, 3:5])).at[0, "surface_mm"] == 0


def test_axes_are_the_patients_however_voxels_are_stored():
    array = label_map(np.s_[3:6, 4, 5:7])
    # Rows to the right and columns to the front, as ingested volumes lie (RAS+).
    row = located(array, direction=(-1, 0, 0, 0, -1, 0, 0, 0, 1)).iloc[0]
    assert row[FRACTIONS].tolist() == pytest.approx([0.7, 0.75, 2.5 / 8])
    assert row["surface_mm"] == pytest.approx(2.0)


def test_each_lesion_has_its_own_place():
    table = located(label_map(np.s_[3:6, 4, 5:7], np.s_[8, 10, 11]))
    assert table["surface_mm"].tolist() == pytest.approx([2.0, 1.0])
    assert table["right_to_left"].tolist() == pytest.approx([0.3, 0.85])


def test_lesions_that_touch_are_measured_each_by_itself():
    # By faces alone these two are two lesions; the larger one stands between the other and x = 12.
    array = label_map(np.s_[5, 6, 8:12], np.s_[6, 7, 7])
    components = lesion_components(array, connectivity=6)
    grid = sitk.GetImageFromArray(array)
    table = lesion_positions(array, components, lesion_table(components, grid), grid)
    # x = 11 is one voxel from x = 12; z = 6, y = 7, x = 7: three from z = 9, four from the others.
    assert table["surface_mm"].tolist() == pytest.approx([1.0, 3.0])


def test_a_hole_in_the_mask_is_no_surface():
    array = label_map(np.s_[5:7, 6, 7])
    array[5, 6, 8] = 0
    assert located(array).at[0, "surface_mm"] == pytest.approx(4.0)


def test_a_speck_of_liver_elsewhere_changes_nothing():
    array = label_map(np.s_[3:6, 4, 5:7])
    array[11, 13, 15] = 1
    row = located(array).iloc[0]
    assert row[FRACTIONS].tolist() == pytest.approx([0.3, 0.25, 2.5 / 8])


def test_a_lesion_outside_of_the_liver_says_so():
    table = located(label_map(np.s_[3:6, 4, 5:7], np.s_[11, 13, 15]))
    assert table["position_reason"].tolist() == ["", "not in the liver's largest part"]
    assert table.loc[1, [*FRACTIONS, "surface_mm"]].isna().all()


def test_the_edge_of_the_volume_is_no_surface():
    # The scan begins in the liver: the lesion lies in its first slice, x = 3 is three voxels away.
    table = located(label_map(np.s_[0, 6, 6], liver=np.s_[0:10, 2:12, 3:13]))
    assert table.at[0, "surface_mm"] == pytest.approx(3.0)
    assert table.at[0, "feet_to_head"] == pytest.approx(0.05)


def test_a_liver_that_fills_the_volume_has_no_surface():
    table = located(label_map(np.s_[5, 5, 5], liver=np.s_[:, :, :]))
    assert table["surface_mm"].isna().all()
    assert table.at[0, "right_to_left"] == pytest.approx(5.5 / 16)
    assert table["position_reason"].tolist() == ["the liver has no surface in the volume"]


def test_a_mask_of_lesions_alone():
    table = located(label_map(np.s_[3:6, 4, 5:7], liver=None))
    assert table[[*FRACTIONS, "surface_mm"]].isna().all(axis=None)
    assert table["position_reason"].tolist() == ["the mask has no liver outside of lesions"]


def test_without_a_lesion_there_is_no_row():
    table = located(label_map())
    assert table.empty
    assert {column.name for column in POSITION} <= set(table.columns)


def test_distances_are_those_of_a_distance_transform():
    from scipy.ndimage import binary_erosion, distance_transform_edt, generate_binary_structure

    place = np.indices((40, 44, 48)).transpose(1, 2, 3, 0)
    array = (((place - [20, 21, 24]) / [17, 18, 21]) ** 2).sum(axis=-1) < 1
    array = array.astype(np.uint8)
    for centre, radius in (((20, 21, 24), 6), ((12, 16, 20), 4), ((26, 30, 30), 3)):
        array[((place - centre) ** 2).sum(axis=-1) < radius**2] = 2
    grid = sitk.GetImageFromArray(array)
    grid.SetSpacing((0.8, 0.8, 2.5))
    components = lesion_components(array)
    table = lesion_positions(array, components, lesion_table(components, grid), grid)
    surface = (array > 0) & ~binary_erosion(array > 0, generate_binary_structure(3, 2))
    mm = distance_transform_edt(~surface, sampling=(2.5, 0.8, 0.8))
    expected = [mm[components == lesion].min() for lesion in table["lesion"]]
    assert len(expected) == 2
    assert table["surface_mm"].tolist() == pytest.approx(expected)
