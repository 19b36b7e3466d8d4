"""What the header of one file of an archive says, read by the quick walk or else by pydicom.

Both give the same: the slices that ingestion would see (`livermet.ingest.headers.Slice`), and the
few fields more that a sheet is made of. Nothing here is a pseudonym yet; nothing of it is kept.
"""

import io
import re
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from livermet.archive.elements import (
    META_CLASS,
    META_INSTANCE,
    Layout,
    NotPlainError,
    TooShortError,
    Walker,
)
from livermet.ingest.headers import (
    DAMAGED,
    EMPTY,
    FUNCTIONAL_GROUPS,
    LITTER,
    NO_DICOM,
    NO_IMAGE,
    NUMBERS,
    TAGS,
    TEXTS,
    Slice,
    frames_of,
    is_blank,
    is_other,
    kinds_in,
    may_be_dicom,
    read_dataset,
)
from livermet.ingest.rtstruct import RTSTRUCT_CLASS
from livermet.ingest.seg import SEG_CLASSES

# What is read beside the fields of ingestion.
OF_A_SHEET = (
    "StudyInstanceUID",
    "StudyDate",
    "SeriesDate",
    "ContentDate",
    "PatientSex",
    "PatientAge",
    "PatientBirthDate",
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
)
# Where segmentations and contours name the images that they belong to.
REFERRING = (
    "ReferencedSeriesSequence",
    "ReferencedFrameOfReferenceSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "SourceImageSequence",
)
REFERENCE_CLASSES = (*SEG_CLASSES, RTSTRUCT_CLASS)
# Classic images, of which a file is a slice.
CLASSIC = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2",  # CT
        "1.2.840.10008.5.1.4.1.1.4",  # MR
        "1.2.840.10008.5.1.4.1.1.128",  # PET
    }
)
UNCOMPRESSED = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"})
# The beginning that holds the header of nearly every slice; more is read where it does not.
FIRST_BYTES, MOST_BYTES = 8192, 2**20
MISSING_MODALITY = ""


def tag_of(name: str) -> int:
    """Return the tag of a field by its keyword."""
    tag = tag_for_keyword(name)
    assert tag is not None, "the dictionary has every name that is read here"
    return tag


_TEXT_TAGS = {tag_of(name): name for name in (*TEXTS, *OF_A_SHEET)}
_NUMBER_TAGS = {tag_of(name): (name, count) for name, count in NUMBERS.items()}
_FRAMES, _TABLE = map(tag_of, ("NumberOfFrames", "ModalityLUTSequence"))
_BITS, _ROWS, _COLUMNS = map(tag_of, ("BitsAllocated", "Rows", "Columns"))
_VR = {
    tag: dictionary_VR(BaseTag(tag)).encode()
    for tag in (*_TEXT_TAGS, *_NUMBER_TAGS, _FRAMES, _TABLE, _BITS)
}
_WALKER = Walker(_VR)
_NO_PATH = Path()
_REAL = frozenset({b"FL", b"FD"})
_UNSIGNED = {b"US": struct.Struct("<H"), b"UL": struct.Struct("<I")}
_DECIMAL = re.compile(r" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *")
_INTEGER = re.compile(r"0|-?[1-9]\d{0,8}")


class Walked(NamedTuple):
    """How a header lay in its file, and the size of the smallest file that its pixels fit in."""

    layout: Layout
    least_size: int


@dataclass(frozen=True)
class Header:
    """A DICOM object of the archive.

    slices: what ingestion would read of it. texts: the fields of `OF_A_SHEET`.
    about: Modality, SOPClassUID, SOPInstanceUID, SeriesInstanceUID and PatientID of what is no
        slice, such as a segmentation; of slices they are their own.
    series, instances: UIDs of the series and images that a segmentation or contours refer to.
    walked: of a header that pydicom did not have to read.
    """

    slices: tuple[Slice, ...]
    texts: dict[str, str]
    about: dict[str, str]
    series: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    walked: Walked | None = None


def read_header(
    stream: BinaryIO, size: int, name: str = "", begin: bytes | None = None
) -> Header | str:
    """Read the header of a file of `size` bytes, or return why it has none, as ingestion says it.

    `name` is the file's, by which what systems leave behind is known. `begin` are its first bytes,
    `FIRST_BYTES` of them or all, where they have been read already.
    """
    data = stream.read(FIRST_BYTES) if begin is None else begin
    litter = name.startswith(".") or name.lower() in LITTER
    if not data:
        return NO_DICOM if litter else EMPTY
    if is_blank(data):
        return NO_DICOM if litter else DAMAGED
    if not may_be_dicom(data[:132]):
        return NO_DICOM
    while True:
        try:
            return quick_header(data, size)
        except TooShortError as short:
            if short.needed > MOST_BYTES or len(data) >= size:
                break
            data += stream.read(max(short.needed, 2 * len(data)) - len(data))
        except NotPlainError:
            break
    stream.seek(0)
    return slow_header(stream, litter)


def vr_of(tag: int) -> bytes:
    """Return the VR that a field which is read has by the standard."""
    return _VR[tag]


# By the walk.


def quick_header(data: bytes, size: int) -> Header | str:
    """Read a classic image from the beginning of its file (`size` bytes in all).

    Raises NotPlainError and TooShortError.
    """
    layout = _WALKER.layout_of(data)
    found = layout.held_in(data)
    texts: dict[str, str] = {}
    for tag, name in _TEXT_TAGS.items():
        if value := found.get(tag):
            texts[name] = plain_text(value, _VR[tag])
    kind = texts.get("SOPClassUID") or plain_text(found.get(META_CLASS, b""), b"UI")
    if kind not in CLASSIC or not found.get(_ROWS) or not found.get(_COLUMNS):
        raise NotPlainError
    if found.get(_FRAMES, b"").strip(b" \0"):
        raise NotPlainError
    least_size = _least_size(found, layout.syntax)
    if size < least_size:
        return DAMAGED
    more = {name: texts[name] for name in OF_A_SHEET if name in texts}
    texts = {name: texts[name] for name in TEXTS if texts.get(name)}
    texts["SOPInstanceUID"] = (
        texts.get("SOPInstanceUID") or plain_text(found.get(META_INSTANCE, b""), b"UI") or ""
    )
    texts["SOPClassUID"] = kind
    numbers = {}
    for tag, (name, count) in _NUMBER_TAGS.items():
        if (value := found.get(tag)) and (read := plain_numbers(value, _VR[tag], count)):
            numbers[name] = read
    kinds = kinds_in(texts)
    one = Slice(
        _NO_PATH,
        0,
        None,
        numbers,
        texts,
        kinds,
        layout.syntax,
        frozenset(),
        _TABLE in found,
    )
    return Header((one,), more, texts, walked=Walked(layout, least_size))


def _least_size(found: dict[int, bytes], syntax: str) -> int:
    """Return the bytes that a file's pixels take alone; 0 where that is not known."""
    bits = found.get(_BITS)
    if syntax not in UNCOMPRESSED or not bits or len(bits) != 2:
        return 0
    rows, columns = (_UNSIGNED[b"US"].unpack(found[tag][:2])[0] for tag in (_ROWS, _COLUMNS))
    return rows * columns * _UNSIGNED[b"US"].unpack(bits)[0] // 8


@lru_cache(maxsize=4096)
def plain_text(value: bytes, kind: bytes) -> str:
    """Return a text (`kind` is its VR) as ingestion does, if it is ASCII and has no odd blanks.

    Raises NotPlainError for any other.
    """
    if kind in _UNSIGNED:
        if len(value) != _UNSIGNED[kind].size:
            raise NotPlainError
        return str(_UNSIGNED[kind].unpack(value)[0])
    if kind in _REAL:
        raise NotPlainError
    try:
        text = value.rstrip(b"\0 ").decode("ascii")
    except UnicodeDecodeError:
        raise NotPlainError from None
    if not text.isprintable() or " \\" in text or "\\ " in text:
        raise NotPlainError
    if kind == b"IS" and text and not _INTEGER.fullmatch(text.strip(" ")):
        raise NotPlainError
    if "\\" in text:
        text = "\\".join(part for part in text.split("\\") if part)
    return " ".join(text.split())


@lru_cache(maxsize=4096)
def plain_numbers(value: bytes, kind: bytes, count: int) -> tuple[float, ...]:
    """Return the numbers of a field, () where it is empty; NotPlainError for what is odd."""
    if kind in _UNSIGNED:
        if len(value) != _UNSIGNED[kind].size:
            raise NotPlainError
        return (float(_UNSIGNED[kind].unpack(value)[0]),)
    try:
        text = value.rstrip(b"\0 ").decode("ascii")
    except UnicodeDecodeError:
        raise NotPlainError from None
    if not text:
        return ()
    parts = text.split("\\")
    plain = _INTEGER if kind == b"IS" else _DECIMAL
    if len(parts) != count or not all(plain.fullmatch(p.strip(" ")) for p in parts):
        # Malformed, or written in a way that pydicom has to judge.
        raise NotPlainError
    return tuple(float(part) for part in parts)


# By pydicom.


def slow_header(stream: BinaryIO, litter: bool = False) -> Header | str:
    """Read any DICOM object as ingestion does; return its words for what is none."""
    header = read_dataset(stream, [*TAGS, *OF_A_SHEET, "BitsAllocated", *REFERRING])  # type: ignore[arg-type]
    if header is None:
        return NO_DICOM if litter else DAMAGED
    kind = _field(header, "SOPClassUID") or _field(header.file_meta, "MediaStorageSOPClassUID")
    texts = {name: text for name in OF_A_SHEET if (text := _field(header, name))}
    if kind in REFERENCE_CLASSES:
        return Header((), texts, _about(header, kind), *_referred(header))
    if "Rows" not in header and not any(tag in header for tag in FUNCTIONAL_GROUPS):
        if not is_other(header):
            return NO_DICOM if litter else DAMAGED
        about = _about(header, kind)
        return Header((), texts, about) if about["SeriesInstanceUID"] else NO_IMAGE
    try:
        slices = tuple(frames_of(header, _NO_PATH, 0))
        return Header(slices, texts, slices[0].texts)
    # Whatever the bytes lead pydicom to.
    except Exception:
        return DAMAGED


def _about(header: Dataset, kind: str) -> dict[str, str]:
    names = ("Modality", "SOPInstanceUID", "SeriesInstanceUID", "PatientID")
    about = {name: _field(header, name) for name in names}
    about["SOPInstanceUID"] = about["SOPInstanceUID"] or _field(
        header.file_meta, "MediaStorageSOPInstanceUID"
    )
    return {**about, "SOPClassUID": kind}


def _field(header: Dataset, name: str) -> str:
    """Return a field as one line of text, '' where there is none or it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = header.get(name)
            if isinstance(value, pydicom.multival.MultiValue | list):
                value = "\\".join(str(part) for part in value if str(part).strip())
            return "" if value is None else " ".join(str(value).split())
        except Exception:
            return ""


def _referred(header: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List the UIDs of the series and images that an object refers to, each once."""
    series: dict[str, None] = {}
    instances: dict[str, None] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for tag in REFERRING:
                for one in _items(header, tag):
                    for element in _below(one):
                        if element.keyword == "SeriesInstanceUID":
                            series[str(element.value)] = None
                        elif element.keyword == "ReferencedSOPInstanceUID":
                            instances[str(element.value)] = None
        except Exception:
            # What was found up to there holds.
            pass
    return tuple(series), tuple(instances)


def _items(header: Dataset, tag: str) -> list[Dataset]:
    return list(header[tag].value) if tag in header and header[tag].VR == "SQ" else []


def _below(item: Dataset) -> Iterator:
    for element in item:
        if element.VR == "SQ":
            for inner in element.value:
                yield from _below(inner)
        else:
            yield element


def header_of(content: bytes, name: str = "") -> Header | str:
    """Read the header of a file that lies in memory."""
    return read_header(io.BytesIO(content), len(content), name)
