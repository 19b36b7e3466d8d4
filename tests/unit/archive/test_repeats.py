"""A header that repeats another gives what it gives when it is read in full, or is not taken."""

import io
import random

import pytest
from pydicom.datadict import tag_for_keyword
from unit.dicom_phantoms import make_slices

from livermet.archive.facts import Whitelist, written
from livermet.archive.header import OF_A_SHEET, Header, header_of
from livermet.archive.pseudonyms import Pseudonyms
from livermet.archive.repeats import MOST, Repeats
from livermet.ingest.headers import NUMBERS, TEXTS

WHITELIST = Whitelist(Pseudonyms(bytes(range(32))))
# A field of each kind, and what a slice of another series, or a damaged one, may have in its place.
FIELDS = sorted({*TEXTS, *OF_A_SHEET, *NUMBERS})


def content_of(one) -> bytes:
    stream = io.BytesIO()
    one.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def in_full(content: bytes):
    header = header_of(content)
    return written(WHITELIST.kept_of(header)) if isinstance(header, Header) else header


def having_read(content: bytes) -> Repeats:
    repeats = Repeats(WHITELIST)
    header = header_of(content)
    repeats.learn(content, header.walked, in_full(content)[0])
    return repeats


def whole_slice():
    """Return a slice that has nearly every field that is read."""
    one = make_slices()[0]
    for name in FIELDS:
        if name not in one and NUMBERS.get(name, 1) == 1:
            setattr(one, name, VALUES.get(name, "12"))
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID
    one.PhotometricInterpretation, one.ImageType = "MONOCHROME2", ["ORIGINAL", "PRIMARY", "AXIAL"]
    return one


VALUES = {
    "PatientSex": "F",
    "PatientAge": "063Y",
    "PatientBirthDate": "19500101",
    "FrameOfReferenceUID": "1.2.3",
    "IrradiationEventUID": "1.2.4",
    "StudyInstanceUID": "1.2.5",
    "TemporalPositionIndex": 12,
    "SamplesPerPixel": 1,
    "NominalPercentageOfCardiacPhase": None,
    "TemporalPositionTimeOffset": None,
    **{name: "20200301" for name in FIELDS if name.endswith("Date")},
    **{name: "20200301101112" for name in FIELDS if name.endswith("DateTime")},
}


def test_slices_of_a_series_repeat_its_first():
    slices = make_slices()
    for number, one in enumerate(slices):
        # A longer UID moves all that follows, and is left to the whole reading.
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
    contents = [content_of(one) for one in slices]
    repeats = having_read(contents[0])
    read = [repeats.read(content, len(content)) for content in contents]
    assert read == [in_full(content) for content in contents]
    assert len({shared for shared, _ in read}) == 1
    assert len({own for _, own in read}) == len(contents)


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_differs_is_read_or_the_header_is_left_to_the_whole_reading(name):
    first = content_of(whole_slice())
    assert having_read(first).read(first, len(first)) == in_full(first)
    tag = tag_for_keyword(name)
    mark = tag.to_bytes(4, "little")[2:] + tag.to_bytes(4, "little")[:2]
    at = first.index(mark) + 8
    length = int.from_bytes(first[at - 2 : at], "little")
    texts = [
        b"7" * length,
        b"5".ljust(length),
        b" " * length,
        b"\xe4" * length,
        b"1A".ljust(length),
    ]
    for text in texts:
        other = first[:at] + text[:length] + first[at + length :]
        assert having_read(first).read(other, len(other)) in (None, in_full(other)), text


def test_damaged_bytes_are_never_taken_for_a_repeated_header():
    first = content_of(whole_slice())
    end = first.index(b"\xe0\x7f\x10\x00")
    draw, taken = random.Random(28), 0
    repeats = having_read(first)
    for _ in range(3000):
        other = bytearray(first)
        for _ in range(draw.choice([1, 1, 2])):
            other[draw.randrange(end)] ^= 1 << draw.randrange(8)
        if read := repeats.read(bytes(other), len(other)):
            taken += 1
            assert read == in_full(bytes(other))
    # In the values that are not read, and in a slice's own.
    assert 100 < taken < 1500


def test_a_file_that_was_cut_within_its_pixels_is_no_repetition():
    one = make_slices()[0]
    one.Rows, one.Columns = 64, 64
    one.PixelData = bytes(2 * 64 * 64)
    whole = content_of(one)
    repeats = having_read(whole)
    assert repeats.read(whole, len(whole)) is not None
    # 64 x 64 pixels of 2 bytes.
    assert repeats.read(whole[:8000], 8191) is None


def test_headers_that_repeat_nothing_are_not_remembered_for_ever():
    """Where each slice has a series of its own, comparing would cost and give nothing."""
    repeats, known = Repeats(WHITELIST), []
    for number in range(3 * MOST):
        one = make_slices()[0]
        one.SeriesInstanceUID = f"1.2.{number}"
        content = content_of(one)
        assert repeats.read(content, len(content)) is None
        repeats.learn(content, header_of(content).walked, in_full(content)[0])
        known.append(repeats.read(content, len(content)) if number > MOST else None)
    assert known[-1] is None
