"""What is measured of a new patient's scan: counted by hand from boxes (patient_phantoms)."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from livermet.detection.obliquity import plane_told
from livermet.errors import InputError
from livermet.patients.measured import measurable_from_mm, measure, shown_of, study_lesions, targets
from livermet.patients.tables import NEW_LESIONS

from ..patient_phantoms import COMPONENTS, STUDY, THICK, THIN, measured, volumes


def test_lesions_have_volume_axes_density_and_slice():
    lesions = measure(THIN, *volumes(), COMPONENTS).lesions
    # 320, 32 and 1 voxels of 2 x 2 x 2.5 mm.
    assert lesions["volume_ml"].tolist() == pytest.approx([3.2, 0.32, 0.01])
    # The outline of 10 x 8 pixels goes from (-5, -3.5) to (5, 3.5), pixels of 2 mm; that of 4 x 4
    # pixels from (-2, -1.5) to (2, 1.5).
    longest = [2 * (10**2 + 7**2) ** 0.5, 2 * 5.0, 2.0]
    assert lesions["long_mm"].tolist() == pytest.approx(longest)
    assert (lesions["short_mm"] <= lesions["long_mm"] + 1e-9).all()
    # The first of lesion 1's slices 10 to 13, counted from 1.
    assert lesions["slice"].tolist() == [11, 19, 9]
    assert lesions["mean_hu"].tolist() == [60, 60, 60]


def test_the_sum_of_diameters_is_of_the_two_largest_measurable_lesions():
    row = measure(THIN, *volumes(), COMPONENTS).row
    assert row["diameters_mm"] == pytest.approx(2 * (10**2 + 7**2) ** 0.5 + 10)
    assert (row["lesions"], row["measurable_from_mm"]) == (3, 10)
    assert row["burden_ml"] == pytest.approx(3.53)
    # 40 x 30 x 20 voxels of 0.01 ml, the lesions among them.
    assert row["liver_ml"] == pytest.approx(240)


@pytest.mark.parametrize(
    ("degrees", "plane"),
    [
        (0, "axial slice"),
        (5, "axial slice"),
        (23, "slice of the scan, tilted by 23 degrees to the axial plane"),
    ],
)
def test_axes_of_an_oblique_ct_lie_in_its_own_slices(degrees, plane):
    images = volumes()
    upright = measure(THIN, *images, COMPONENTS)
    for image in images:
        turn = sitk.VersorTransform((1, 0, 0), math.radians(degrees)).GetMatrix()
        image.SetDirection((np.reshape(turn, (3, 3)) @ np.diag([-1, -1, 1])).ravel().tolist())
    found = measure(THIN, *images, COMPONENTS)
    assert found.tilt_degrees == pytest.approx(degrees, abs=1e-5)
    assert plane_told(found.tilt_degrees) == plane
    for axis in ("long_mm", "short_mm"):
        assert found.lesions[axis].tolist() == pytest.approx(upright.lesions[axis].tolist())


def test_small_components_are_liver_as_in_detection():
    found = measure(THIN, *volumes(), COMPONENTS | {"minimum_lesion_voxels": 2})
    assert len(found.lesions) == 2
    assert found.liver_ml == pytest.approx(240)
    assert (found.labels == 2).sum() == 352


@pytest.mark.parametrize(
    ("apart_mm", "from_mm"), [(1, 10), (5, 10), (5.0000002, 10), (5.5, 11), (10, 20)]
)
def test_thick_slices_ask_for_longer_lesions(apart_mm, from_mm):
    assert measurable_from_mm(apart_mm) == from_mm


def test_targets_are_two_at_most_and_none_below_ten_mm():
    lengths = pd.Series([12.0, 30.0, 10.0, 25.0, 9.9])
    assert targets(lengths, 1.0).tolist() == [False, True, False, True, False]
    assert targets(lengths, 10.0).tolist() == [False, True, False, True, False]
    assert targets(lengths[:1], 1.0).tolist() == [True]
    assert not targets(lengths, 20.0).any()
    assert targets(pd.Series(dtype=float), 1.0).empty


def test_the_thinnest_series_tells_the_study():
    assert shown_of(measured()).series == THIN


def test_a_thinner_series_of_the_chest_does_not_tell_of_the_liver():
    thick, thin = measured()
    # 240 ml in both; a series that ends within the liver has 215 of them, or none.
    for liver_ml, shown in ((217.0, THIN), (215.0, THICK), (0.0, THICK)):
        assert shown_of([thick, replace(thin, liver_ml=liver_ml)]).series == shown
    assert shown_of([replace(one, liver_ml=0.0) for one in (thick, thin)]).series == THIN


def test_a_study_without_lesions_has_a_table_without_rows():
    ct, labels = volumes()
    found = measure(THIN, ct, labels == 1, COMPONENTS)
    table = study_lesions(STUDY, [found])
    assert table.empty
    assert list(table.columns) == NEW_LESIONS.names
    assert found.row["diameters_mm"] == 0


def test_a_mask_on_another_grid_is_refused():
    ct, _ = volumes()
    _, other = volumes(thick=True)
    with pytest.raises(InputError, match="lie on different grids"):
        measure(THIN, ct, other, COMPONENTS)
