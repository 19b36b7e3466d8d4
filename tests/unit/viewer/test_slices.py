"""The CT of a page: its window, its crop, and that it fits."""

import imagecodecs
import numpy as np
import pytest

from livermet.viewer.slices import FINENESS, as_shown, averaged, body_box, encoded, grey_of


def test_grey_values_are_the_windows_steps():
    hu = np.array([-1024, -160, 40, 240, 3000], np.int16)
    # 40 HU is the middle of -160 to 240: 127.5, which rounds to the even number.
    assert grey_of(hu).tolist() == [0, 0, 128, 255, 255]


def test_a_page_shows_the_front_above_and_the_right_on_the_left():
    volume = np.zeros((2, 3, 4))
    # (z, y, x): the voxel nearest to the head, the front and the patient's right.
    volume[1, 2, 3] = 1
    assert as_shown(volume)[1, 0, 0] == 1


def test_the_crop_holds_the_body_and_all_that_is_labelled():
    ct = np.full((3, 40, 60), -1000, np.int16)
    ct[1, 10:30, 20:40] = 40
    assert body_box(ct) == ((6, 34), (16, 44))
    mask = np.zeros(ct.shape, np.uint8)
    # At the edge of the CT there is no margin left.
    mask[2, 39, 0] = 2
    assert body_box(ct, mask) == ((6, 40), (0, 44))
    assert body_box(np.full_like(ct, -1000)) == ((0, 40), (0, 60))


def test_averaging_keeps_what_is_left_over_at_the_ends():
    plane = np.arange(15, dtype=np.int16).reshape(3, 5)
    # Mean of 0, 1, 5, 6; of 4, 9; of 10, 11; of 14.
    assert averaged(plane, 2)[[0, 0, 1, 1], [0, 2, 0, 2]].tolist() == [3, 6.5, 10.5, 14]
    assert averaged(plane, 1) is plane


@pytest.fixture(scope="module")
def noise():
    hu = np.random.default_rng(1).normal(40, 15, (6, 128, 128))
    return hu.astype(np.int16)


def test_slices_are_as_fine_as_the_bytes_allow(noise):
    box = ((8, 128), (0, 100))
    sizes = []
    for most in (200_000, 40_000, 5_000):
        made = encoded(noise, box, most)
        sizes.append(sum(map(len, made.images)))
        assert sizes[-1] <= most
        shape = imagecodecs.jpeg_decode(made.images[0]).shape
        assert shape == (-(-120 // made.step), -(-100 // made.step))
    assert sizes == sorted(sizes, reverse=True)
    best = encoded(noise, box, 200_000)
    assert (best.step, best.quality) == FINENESS[0]
    # What JPEG of this quality loses of white noise; another slice would be 17 HU away.
    seen = imagecodecs.jpeg_decode(best.images[2]) * (400 / 255) - 160
    assert np.abs(seen - noise[2, 8:128, 0:100]).mean() < 5


def test_the_coarsest_is_taken_where_nothing_fits(noise):
    made = encoded(noise, ((0, 128), (0, 128)), 10)
    assert (made.step, made.quality) == FINENESS[-1]
    assert len(made.images) == 6
