"""Pictures of series: planes, sides and outlines of phantoms that can be counted by hand."""

import io

import numpy as np
import pytest
from PIL import Image

from livermet.images import LESION, LIVER
from livermet.ingest import pictures
from livermet.ingest.pictures import (
    GAP,
    LESION_COLOUR,
    LIVER_COLOUR,
    MOST_BYTES,
    SIDE,
    encoded,
    picture_of,
)

AXIAL, CORONAL, SAGITTAL = (number * (SIDE + GAP) for number in range(3))


def cube(length=64):
    return np.full((length,) * 3, -160, dtype=np.int16)


def middle_of(shown):
    """The mean row and column of the pixels that are shown."""
    return tuple(float(np.mean(places)) for places in np.nonzero(shown))


def test_right_is_left_the_front_is_above_and_the_head_is_up():
    ct = cube()
    # High x is the right, high y the front, high z the head; so far from the middle.
    ct[54:58, 40:44, 46:50] = 240
    labels = np.zeros(ct.shape, dtype=np.uint8)
    labels[54:58, 40:44, 46:50] = LESION
    drawn = picture_of(ct, labels, (1, 1, 1))
    assert drawn.shape == (SIDE, 3 * SIDE + 2 * GAP, 3)
    # Four pixels a voxel; the block's centre is at voxel 47.5, 41.5 and 55.5 of 0 to 63.
    x, y, z = (4 * (63 - place) + 1.5 for place in (47.5, 41.5, 55.5))
    lesion = (drawn == LESION_COLOUR).all(axis=2)
    for left, expected in ((AXIAL, (y, x)), (CORONAL, (z, x)), (SAGITTAL, (z, y))):
        assert middle_of(lesion[:, left : left + SIDE]) == pytest.approx(expected)


def test_pixels_are_as_wide_as_they_are_high():
    ct = np.full((20, 64, 64), 240, dtype=np.int16)
    drawn = picture_of(ct, None, (1, 1, 5)).any(axis=2)
    # 64 by 64 mm, and 100 by 64 mm: the longer side fills the square.
    assert drawn[:, AXIAL : AXIAL + SIDE].all()
    coronal = drawn[:, CORONAL : CORONAL + SIDE]
    assert coronal.any(axis=1).sum() == SIDE
    assert coronal.any(axis=0).sum() == round(0.64 * SIDE)


def test_the_plane_shows_most_of_the_lesions_or_else_of_the_liver():
    labels = np.zeros((8, 8, 8), dtype=np.uint8)
    labels[2, 2:6, 2:6] = LIVER
    assert pictures._places(labels.shape, labels)[0] == 2
    labels[5, 7, 1] = LESION
    assert pictures._places(labels.shape, labels) == [5, 7, 1]
    assert pictures._places(labels.shape, None) == [4, 4, 4]
    assert pictures._places(labels.shape, 0 * labels) == [4, 4, 4]


def test_the_smallest_lesion_is_seen_in_the_largest_ct():
    labels = np.zeros((1, 1024, 1024), dtype=np.uint8)
    labels[0, 501:520, 501:520] = LIVER
    labels[0, 511, 513] = LESION
    drawn = picture_of(np.zeros(labels.shape, dtype=np.int16), labels, (1, 1, 1))
    axial = drawn[:, AXIAL : AXIAL + SIDE]
    assert (axial == LESION_COLOUR).all(axis=2).sum() == 1
    assert (axial == LIVER_COLOUR).all(axis=2).any()


def test_what_falls_into_a_pixel_is_averaged():
    values = np.arange(16).reshape(4, 4)
    assert pictures._averaged(values, 2, 2).tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert pictures._averaged(values[:2, :2], 4, 2).tolist() == [[0, 1], [0, 1], [4, 5], [4, 5]]


@pytest.mark.parametrize("kind", ["flat", "noise"])
def test_a_picture_has_its_size_whatever_it_shows(kind):
    shape = (SIDE, 3 * SIDE + 2 * GAP, 3)
    random = np.random.default_rng(1)
    made = np.zeros(shape, np.uint8) if kind == "flat" else random.integers(0, 256, shape, np.uint8)
    content = encoded(made)
    assert len(content) <= MOST_BYTES
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("WEBP", (shape[1], shape[0]))
