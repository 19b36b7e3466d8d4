"""Slices that do not belong where they lie are told by their neighbours; phantoms of a body."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from unit.dicom_phantoms import write_slices

from livermet.errors import InputError
from livermet.ingest.neighbours import blocks_of, disturbed, refuse_disturbed
from livermet.ingest.series import ingest_dicom, ingest_volume

SPACING = (2.0, 2.0)
PLACES = np.hypot(*np.meshgrid(np.linspace(-1, 1, 120), np.linspace(-1, 1, 120)))
BODY, LIVER = PLACES < 0.9, PLACES < 0.5


def body(slices=30, seed=0):
    """Make a phantom (slice, row, column) that changes as organs do, with noise."""
    draw = np.random.default_rng(seed)
    organs = ndimage.gaussian_filter(draw.normal(size=(slices, 120, 120)), (3, 6, 6))
    made = np.where(BODY, 40 + 30 * organs / organs.std(), -1000.0)
    made[:, LIVER] += 60
    return (made + draw.normal(scale=15, size=made.shape)).astype(np.int16)


def told_of(volume):
    found = disturbed(
        blocks_of(volume, SPACING), lambda places: f"slices {[k + 1 for k in places]}"
    )
    return [(doubt.sentence, doubt.certain) for doubt in found]


@pytest.mark.parametrize("thinned", [1, 2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_an_undisturbed_phantom_is_not_doubted(thinned, seed):
    assert told_of(body(48, seed)[::thinned]) == []


def test_noise_alone_is_not_doubted():
    draw = np.random.default_rng(1)
    flat = np.where(BODY, 50, -1000) + draw.normal(scale=30, size=(40, 120, 120))
    assert told_of(flat) == []


def test_two_phases_by_turns():
    mixed = body()
    mixed[::2, LIVER] += 40
    ((sentence, certain),) = told_of(mixed)
    assert certain
    assert "two phases" in sentence
    assert "HU brighter in every second slice" in sentence
    # As many HU as were added, up to the noise of organs.
    (height,) = [int(word) for word in sentence.split() if word.isdigit()]
    assert 30 <= height <= 42


def test_two_phases_by_turns_in_a_part():
    mixed = body(40)
    mixed[14:26:2, LIVER] += 40
    ((sentence, certain),) = told_of(mixed)
    assert certain
    # 15 to 25 are brighter; the first and the last slices of the part are among those named.
    named = sentence[sentence.index("[") + 1 : sentence.index("]")].split(", ")
    assert {*range(15, 26)} <= {*map(int, named)} <= {*range(14, 28)}


@pytest.mark.parametrize("length", [2, 3, 5])
def test_blocks_of_two_phases_are_told(length):
    mixed = body(40)
    mixed += (45 * (LIVER & (np.arange(40) // length % 2 == 1)[:, None, None])).astype(np.int16)
    ((sentence, certain),) = told_of(mixed)
    assert f"every {length} slices" in sentence
    assert not certain


@pytest.mark.parametrize(
    "change",
    [
        lambda volume: volume[12][:, ::-1],
        lambda volume: volume[12][::-1],
        lambda volume: volume[25],
        lambda volume: body(30, seed=9)[12],
        lambda volume: np.full_like(volume[12], -1024),
    ],
    ids=["mirrored", "upside down", "of another place", "of another patient", "blank"],
)
def test_a_slice_that_is_not_of_its_place(change):
    volume = body()
    volume[12] = change(volume)
    ((sentence, certain),) = told_of(volume)
    assert certain
    assert sentence.startswith("Slices [13] is unlike the slices on both sides")


def test_a_run_of_slices_from_another_scan():
    volume = body()
    volume[12:14] = body(30, seed=9)[12:14]
    ((sentence, certain),) = told_of(volume)
    assert certain
    assert sentence.startswith("Slices [13, 14] are unlike")


def test_two_slices_exchanged():
    volume = body()
    volume[[12, 13]] = volume[[13, 12]]
    ((sentence, certain),) = told_of(volume)
    assert certain
    assert sentence.startswith("Slices [13, 14] are exchanged")


def test_of_few_slices_or_little_body_nothing_is_known():
    mixed = body(5)
    mixed[::2, LIVER] += 40
    assert told_of(mixed) == []
    small = body()[:, 50:60, 50:60]
    small[::2] += 40
    assert told_of(small) == []


def test_what_is_certain_is_refused_and_can_be_accepted():
    mixed = body()
    mixed[::2, LIVER] += 40
    blocks = blocks_of(mixed, SPACING)
    with pytest.raises(InputError, match=r"add mixed_slices to the config key ingest\.accept"):
        refuse_disturbed("series a1", blocks, str, [])
    (told,) = refuse_disturbed("series a1", blocks, str, ["mixed_slices"])
    assert "two phases" in told


def test_a_series_whose_headers_tell_nothing_is_refused_by_its_files(tmp_path):
    volume = body()
    volume[12] = volume[12][:, ::-1]
    folder = write_slices(tmp_path / "ct", volume + 1024)
    with pytest.raises(InputError, match="File 13 of 30 is unlike the slices on both sides"):
        ingest_dicom("a1", folder)
    _, _, quality = ingest_dicom("a1", folder, accept=["mixed_slices"])
    assert any("File 13 of 30 is unlike" in one for one in quality["warnings"])


def test_a_volume_is_refused_by_its_slices(tmp_path):
    volume = body()
    volume[[12, 13]] = volume[[13, 12]]
    path = tmp_path / "ct.nii.gz"
    nib.save(nib.Nifti1Image(volume.transpose(2, 1, 0), np.diag([2.0, 2.0, 3.0, 1.0])), path)
    with pytest.raises(InputError, match="Slices 13 to 14 of 30 from the feet are exchanged"):
        ingest_volume("a1", path)
    _, _, quality = ingest_volume("a1", path, accept=["mixed_slices"])
    assert any("are exchanged" in one for one in quality["warnings"])
