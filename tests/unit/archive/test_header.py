"""The quick walk through a header gives what pydicom gives, on every file that pydicom tests with.

Where the walk cannot be sure, it leaves the file to pydicom; that it never differs is the claim.
"""

import io
from pathlib import Path

import pytest
from pydicom.data import get_testdata_files
from pydicom.uid import ImplicitVRLittleEndian
from unit.dicom_phantoms import make_enhanced, make_slices, write_slices

from livermet.archive.elements import NotPlainError, TooShortError
from livermet.archive.header import (
    FIRST_BYTES,
    Header,
    header_of,
    quick_header,
    read_header,
    slow_header,
)
from livermet.ingest.headers import DAMAGED, EMPTY, NO_DICOM, read_headers

FILES = sorted(Path(path) for path in get_testdata_files() if Path(path).is_file())


def content_of(one) -> bytes:
    stream = io.BytesIO()
    one.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def plain(header):
    """Return a header as values that can be compared."""
    if isinstance(header, str):
        return header
    return [vars(one) for one in header.slices], header.texts, header.about


def quick(content: bytes):
    """Return what the walk reads, None where it leaves the file to pydicom."""
    try:
        return quick_header(content, len(content))
    except (NotPlainError, TooShortError):
        return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_walk_reads_what_pydicom_reads(path):
    content = path.read_bytes()
    header = quick(content)
    if header is not None:
        assert plain(header) == plain(slow_header(io.BytesIO(content)))


def test_the_walk_reads_most_of_the_classic_images_among_them():
    """Were all left to pydicom, the test above would hold of nothing."""
    read = [path for path in FILES if isinstance(quick(path.read_bytes()), Header)]
    assert len(FILES) > 100
    assert len(read) >= 10


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"RescaleType": "HU", "AcquisitionNumber": 3, "SeriesDescription": " liver  portal "},
        {"ImageType": ["ORIGINAL", "", "AXIAL"], "ConvolutionKernel": ["Br40d", "3"]},
        {"PatientID": "  17 ", "StudyDescription": "", "PatientName": "Müller^Jörg"},
        {"SeriesDescription": "Bauch ö", "SpecificCharacterSet": "ISO_IR 100"},
        {"WindowCenter": [40, 400], "PixelSpacing": ["0.50", "5e-1"]},
        {"KVP": None, "SliceThickness": None, "InstanceNumber": None},
    ],
)
@pytest.mark.parametrize("implicit", [False, True])
def test_phantoms_are_read_alike(change, implicit):
    for one in make_slices()[:2]:
        if implicit:
            one.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        for tag, value in change.items():
            setattr(one, tag, value)
        content = content_of(one)
        header = header_of(content)
        assert plain(header) == plain(slow_header(io.BytesIO(content)))
        assert header.slices[0].numbers["Rows"] == (10.0,)


def test_the_slices_are_those_that_ingestion_reads(tmp_path):
    folder = write_slices(tmp_path / "ct")
    for one in read_headers(folder).slices:
        header = header_of(one.path.read_bytes())
        (other,) = header.slices
        assert (other.numbers, other.texts, other.kinds) == (one.numbers, one.texts, one.kinds)


def test_frames_are_slices():
    header = header_of(content_of(make_enhanced()))
    assert [one.frame for one in header.slices] == list(range(6))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", EMPTY),
        (bytes(4000), DAMAGED),
        (bytes(128) + b"DICM" + bytes(10**6), DAMAGED),
        (b"<html>no image</html>" * 20, NO_DICOM),
        (b"PK", NO_DICOM),
        (content_of(make_slices()[0])[:300], DAMAGED),
    ],
)
def test_what_is_no_image_is_told_as_ingestion_tells_it(content, reason, tmp_path):
    assert header_of(content) == reason
    (tmp_path / "IM1").write_bytes(content)
    assert read_headers(tmp_path).passed_over == {reason: [1]}


def test_a_file_that_is_too_small_for_its_pixels_is_cut_short():
    content = content_of(make_slices()[0])
    assert header_of(content[:-2]) != DAMAGED
    # 12 x 10 pixels of 2 bytes cannot lie in the bytes of the header alone.
    big = make_slices()[0]
    big.Rows = big.Columns = 512
    assert header_of(content_of(big)) == DAMAGED


def test_a_header_longer_than_the_first_bytes_is_read_on():
    one = make_slices()[0]
    block = one.private_block(0x0009, "Maker", create=True)
    block.add_new(1, "OB", bytes(3 * FIRST_BYTES))
    content = content_of(one)

    class Counted(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            data = super().read(size)
            self.taken += len(data)
            return data

    stream = Counted(content)
    header = read_header(stream, len(content))
    assert plain(header) == plain(slow_header(io.BytesIO(content)))
    assert stream.taken <= len(content)
