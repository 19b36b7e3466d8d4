"""Masks and probabilities as a page holds them."""

import base64
import gzip

import numpy as np
import pytest

from livermet.detection.lesions import without_small_lesions
from livermet.viewer.overlays import packed, packed_probability


def unpacked(made, shape):
    volume = np.zeros(shape, np.uint8)
    values = np.frombuffer(gzip.decompress(base64.b64decode(made["values"])), np.uint8)
    box = tuple(slice(a, a + n) for a, n in zip(made["start"], made["size"], strict=True))
    volume[box] = values.reshape(made["size"])
    return volume


def test_a_mask_comes_back_whole():
    labels = np.random.default_rng(2).integers(0, 3, (5, 7, 6)).astype(np.uint8)
    labels[:2] = labels[:, :, 5:] = 0
    made = packed(labels)
    assert made["start"][0] == 2
    assert made["size"][2] <= 5
    assert np.array_equal(unpacked(made, labels.shape), labels)
    assert packed(labels) == made


def test_an_empty_mask_has_no_values():
    made = packed(np.zeros((4, 5, 6), np.uint8))
    assert 0 in made["size"]
    assert not unpacked(made, (4, 5, 6)).any()


def test_lesions_that_are_not_scored_are_liver():
    labels = np.ones((1, 3, 8), np.uint8)
    labels[0, 0, :3], labels[0, 2, 7] = 2, 2
    kept, numbers = without_small_lesions(labels, 26, 2)
    assert kept[0, 0].tolist() == [2, 2, 2, 1, 1, 1, 1, 1]
    assert (kept[0, 2] == 1).all()
    assert numbers.max() == 1
    assert (without_small_lesions(labels, 26, 1)[0] == labels).all()


def test_a_threshold_shows_exactly_the_voxels_that_reach_it():
    """A byte of 255 p reaches 0.35 from 90 on, since 0.35 of 255 is 89.25."""
    bytes_of = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    made = packed_probability(bytes_of)
    assert made["steps"] == 20
    steps = unpacked(made, bytes_of.shape)
    for step in range(1, 21):
        assert np.array_equal(steps >= step, bytes_of >= step / 20 * 255 - 1e-9)
    assert bytes_of[steps >= 7].min() == 90


@pytest.mark.parametrize(("most", "steps"), [(10**6, 20), (1, 5)])
def test_steps_are_coarser_where_bytes_are_short(most, steps):
    values = np.random.default_rng(3).integers(0, 256, (6, 16, 16)).astype(np.uint8)
    assert packed_probability(values, most)["steps"] == steps
