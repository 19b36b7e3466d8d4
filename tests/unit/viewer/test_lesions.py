"""What a page lists of the lesions, against a phantom that is counted by hand."""

import numpy as np
import pytest
import SimpleITK as sitk

from livermet.detection.lesions import lesion_components
from livermet.viewer.lesions import lesions_of

from .. import viewer_phantoms as phantoms


@pytest.fixture(scope="module")
def view():
    return phantoms.view()


def test_missed_lesions_come_first_and_then_false_ones(view):
    lesions = view.predictions[phantoms.MODEL].lesions
    assert [(one["side"], one["lesion"]) for one in lesions] == [
        ("reference", 2),
        ("prediction", 2),
        ("reference", 1),
        ("prediction", 1),
    ]
    missed, false, found, predicted = lesions
    assert missed["matched"] == false["matched"] == {"any_overlap": False, "iou_0.5": False}
    # Two of four slices are shared, of six together: an overlap, and an IoU of a third.
    assert found["matched"] == {"any_overlap": True, "iou_0.5": False}
    assert found["dice"] == predicted["dice"] == pytest.approx(0.5)
    assert missed["dice"] is None


def test_a_lesion_tells_its_size_density_and_probability(view):
    *_, found, predicted = view.predictions[phantoms.MODEL].lesions
    # 4 x 8 x 8 voxels of 9 cubic mm.
    assert found["volume_ml"] == pytest.approx(2.304)
    assert (found["mean_hu"], found["sd_hu"]) == (150, 0)
    # Half lesion of 150 HU, half liver of 60 HU.
    assert (predicted["mean_hu"], predicted["sd_hu"]) == (105, 45)
    assert predicted["probability"] == pytest.approx(0.8)
    assert found["probability"] is None


def test_a_model_has_matches_of_its_own(view):
    lesions = view.predictions[phantoms.OTHER].lesions
    found = {(one["side"], one["lesion"]): one["matched"]["any_overlap"] for one in lesions}
    assert found == {
        ("reference", 1): False,
        ("reference", 2): True,
        ("prediction", 1): True,
    }
    assert all(one["probability"] is None for one in lesions)


def test_the_place_of_a_lesion_is_on_it():
    """The centre of a ring is no part of it."""
    labels = np.zeros((3, 9, 12), np.uint8)
    labels[1, 2:7, 2:7] = 2
    labels[1, 3:6, 3:6] = 0
    components = lesion_components(labels)
    (one,) = lesions_of(
        components, np.zeros(labels.shape), None, sitk.GetImageFromArray(labels), "reference"
    )
    z, row, column = one["at"]
    assert labels[:, ::-1, ::-1][z, row, column] == 2
    # The nearest are those in the middle of a side, two voxels from the centre (4, 4).
    assert abs(8 - row - 4) + abs(11 - column - 4) == 2


def test_without_a_reference_nothing_is_matched():
    given = phantoms.masks()
    measured = phantoms.measured()
    measured["lesions"] = measured["lesions"][measured["lesions"]["side"] == "prediction"].assign(
        **{"matched_any_overlap": None, "matched_iou_0.5": None}
    )
    measured["groups"] = measured["groups"][:0]
    row = phantoms.ROW | {"has_lesions": False}
    shown = phantoms.view_of(
        "a1",
        row,
        phantoms.ct(),
        phantoms.Masks(None, given.predictions, given.probabilities),
        measured,
        phantoms.COMPONENTS,
        phantoms.TOLD,
    )
    assert shown.reference is None
    lesions = shown.predictions[phantoms.MODEL].lesions
    assert [one["volume_ml"] for one in lesions] == pytest.approx([2.304, 0.972])
    assert {one["matched"]["any_overlap"] for one in lesions} == {None}
