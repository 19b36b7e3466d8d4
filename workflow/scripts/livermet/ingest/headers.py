"""Headers of DICOM images: which files below a folder are slices, and what each slice says.

Every value is parsed once, when its file is read, so that no later step can fail on a malformed
one: what cannot be read is None. A frame of an enhanced multi-frame object is a slice of its own.
Patient coordinates are DICOM's (LPS, mm).
"""

import logging
import math
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID

from livermet.ingest import identities
from livermet.ingest.identities import bare, names_a_person, words_of
from livermet.listing import list_files

# Whole files are read where they are decoded.
FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
# How many numbers a header's field has to hold.
NUMBERS = {
    "ImagePositionPatient": 3,
    "ImageOrientationPatient": 6,
    "PixelSpacing": 2,
    "RescaleSlope": 1,
    "RescaleIntercept": 1,
    "Rows": 1,
    "Columns": 1,
    "SamplesPerPixel": 1,
    "InstanceNumber": 1,
    "ImagesInAcquisition": 1,
    "GantryDetectorTilt": 1,
    # What is only recorded.
    "SliceThickness": 1,
    "KVP": 1,
    "XRayTubeCurrent": 1,
    "Exposure": 1,
}
RECORDED_NUMBERS = ("SliceThickness", "KVP", "XRayTubeCurrent", "Exposure")
RECORDED_TEXTS = (
    "Manufacturer",
    "ManufacturerModelName",
    "ConvolutionKernel",
    "ContrastBolusAgent",
    "BodyPartExamined",
)
TEXTS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "StudyInstanceUID",
    "PatientID",
    "PatientName",
    "Modality",
    "RescaleType",
    "PhotometricInterpretation",
    "LossyImageCompression",
    "LossyImageCompressionMethod",
    "AcquisitionNumber",
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "ContentTime",
    "IrradiationEventUID",
    "TemporalPositionIndex",
    "TemporalPositionIdentifier",
    "TemporalPositionTimeOffset",
    "FrameReferenceDateTime",
    "StackID",
    "ImageType",
    "SeriesNumber",
    "SeriesTime",
    "SeriesDescription",
    "ProtocolName",
    "ContrastBolusStartTime",
    "TriggerTime",
    "NominalPercentageOfCardiacPhase",
    "ReconstructionDiameter",
    "FilterType",
    *RECORDED_TEXTS,
)
# What an enhanced object calls otherwise than a classic one does.
FRAME_NAMES = {
    "FrameType": "ImageType",
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "FrameAcquisitionDateTime": "AcquisitionDateTime",
    "InStackPositionNumber": "InstanceNumber",
}
TAGS = [
    *NUMBERS,
    *TEXTS,
    *FUNCTIONAL_GROUPS,
    "NumberOfFrames",
    "SpecificCharacterSet",
    "ModalityLUTSequence",
]
MONOCHROME1 = "MONOCHROME1"
DICOM_ROOT = "1.2.840.10008."
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
LOSSY_SYNTAXES = frozenset(
    {
        "1.2.840.10008.1.2.4.50",  # JPEG baseline
        "1.2.840.10008.1.2.4.51",  # JPEG extended
        "1.2.840.10008.1.2.4.81",  # JPEG-LS near-lossless
    }
)
# Defined terms of LossyImageCompressionMethod (PS3.3 C.7.6.1.1.5.1) for still images.
LOSSY_METHODS = frozenset({"ISO_10918_1", "ISO_14495_1", "ISO_15444_1", "ISO_15444_15"})
# Files that systems leave in folders; an empty one of them is no slice that was lost.
LITTER = ("thumbs.db", "desktop.ini", "dicomdir", "lockfile", "version")
EMPTY = "empty"
UNOPENED = "cannot be opened"
DAMAGED = "cut short or damaged"
NO_DICOM = "no DICOM"
NO_IMAGE = "DICOM without an image"
PACKED = "packed (zip, gzip, 7z or rar)"
PACKS = (b"PK\3\4", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")
# What tells of a file whether it may be DICOM: preamble, mark and first element.
BEGIN = 140
# How `livermet sheet` names the files of a series' folder: which of how many.
SLICE_NAME = re.compile(r"(\d{4,})_of_(\d{4,})\.dcm")
# Reasons for which a slice may have been lost.
LOST = (EMPTY, UNOPENED, DAMAGED)


@dataclass(frozen=True, eq=False)
class Slice:
    """One slice: a file, or a frame of one, and what its header says; None where it says nothing.

    number: the place of its file among all files of the series, from 1.
    frame: its frame in a file of several, from 0; None for a file of one slice.
    numbers: the fields of `NUMBERS`, each with as many finite numbers as it has to hold.
    texts: the fields of `TEXTS`.
    malformed: the fields that are there and cannot be read.
    """

    path: Path
    number: int
    frame: int | None
    numbers: dict[str, tuple[float, ...]]
    texts: dict[str, str]
    kinds: frozenset[str]
    syntax: str
    malformed: frozenset[str]
    has_table: bool = False

    def value(self, tag: str) -> float | None:
        """Return the number of a field that holds one."""
        held = self.numbers.get(tag)
        return held[0] if held else None

    def text(self, tag: str) -> str:
        """Return a text; '' where there is none."""
        return self.texts.get(tag, "")

    @property
    def is_lossy(self) -> bool:
        """Whether the values have once been compressed with a loss."""
        told = self.text("LossyImageCompression")
        by_method = not told and self.text("LossyImageCompressionMethod") in LOSSY_METHODS
        return told == "01" or by_method or self.syntax in LOSSY_SYNTAXES


@dataclass
class Found:
    """The slices below a folder, and the other files: their numbers by the reason.

    total: how many files there are. blocked: folders that cannot be opened. lacking: how many files
    are not there any more, by the names of the others.
    """

    slices: list[Slice] = field(default_factory=list)
    passed_over: dict[str, list[int]] = field(default_factory=dict)
    total: int = 0
    blocked: int = 0
    lacking: int = 0

    def lost(self) -> list[int]:
        """List the numbers of the files that may have been slices."""
        return sorted(n for reason in LOST for n in self.passed_over.get(reason, []))


def read_headers(place: str | Path) -> Found:
    """Read the headers of every DICOM image below a folder, or of one file, in the names' order.

    Folders and files that are links are followed, each folder once. A file without DICOM's preamble
    is read too. Nothing is raised: what is no image is passed over, and counted by its reason.
    """
    # A warning would quote the value that it complains about, which may be a name.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    listing = list_files(place)
    lacking = _lacking(listing.files)
    found = Found(total=len(listing.files), blocked=listing.blocked, lacking=lacking)
    for number, path in enumerate(listing.files, 1):
        slices, reason = _slices_of(path, number)
        found.slices += slices
        if reason:
            found.passed_over.setdefault(reason, []).append(number)
    _named_as_slices(found, listing.files)
    return found


def slice_name(number: int, count: int) -> str:
    """Name a file of a series' folder that livermet lays out; `number` is from 1."""
    width = max(4, len(str(count)))
    return f"{number:0{width}d}_of_{count:0{width}d}.dcm"


def _lacking(files: Sequence[Path]) -> int:
    named = [found for path in files if (found := SLICE_NAME.fullmatch(path.name))]
    counts = {int(one[2]) for one in named}
    # Folders of several series are refused for what they are.
    return max(0, counts.pop() - len(named)) if len(counts) == 1 else 0


def _named_as_slices(found: Found, files: Sequence[Path]) -> None:
    """Count a file that is no DICOM as damaged where it is named as the slices are.

    A page of a portal that was stored for a slice, or a packed slice, is named so.
    """
    names = {_pattern(s.path) for s in found.slices} - {""}
    for reason in (NO_DICOM, PACKED):
        others = found.passed_over.pop(reason, [])
        damaged = [n for n in others if _pattern(files[n - 1]) in names]
        if damaged:
            found.passed_over[DAMAGED] = sorted(found.passed_over.get(DAMAGED, []) + damaged)
        if left := [n for n in others if n not in damaged]:
            found.passed_over[reason] = left


def _pattern(path: Path) -> str:
    """Return a file's name with # for each number in it; '' where it holds none."""
    name = re.sub(r"[0-9]+", "#", path.name)
    return name if "#" in name else ""


def _slices_of(path: Path, number: int) -> tuple[list[Slice], str]:
    """Return the slices of a file, and why there is none."""
    try:
        if not path.is_file():
            return [], UNOPENED
        with path.open("rb") as stream:
            start = stream.read(BEGIN)
    except OSError:
        return [], UNOPENED
    litter = path.name.startswith(".") or path.name.lower() in LITTER
    if not start:
        return [], NO_DICOM if litter else EMPTY
    if is_blank(start):
        return [], NO_DICOM if litter else DAMAGED
    if not may_be_dicom(start):
        return [], PACKED if start.startswith(PACKS) else NO_DICOM
    header = read_dataset(path, [*TAGS, *identities.FIELDS])
    if header is None:
        return [], NO_DICOM if litter else DAMAGED
    if "Rows" not in header and not any(tag in header for tag in FUNCTIONAL_GROUPS):
        # Only what says itself that it is something else is not taken for a broken slice.
        return [], NO_IMAGE if is_other(header) else NO_DICOM if litter else DAMAGED
    try:
        return list(frames_of(header, path, number)), ""
    except Exception:
        return [], DAMAGED


def is_other(header: Dataset) -> bool:
    """Tell whether a file without an image names a kind that is no CT, in a UID that is whole."""
    told = _text(header, "SOPClassUID") or _text(header.file_meta, "MediaStorageSOPClassUID")
    kind = UID(told or "")
    # Other roots than DICOM's are makers' own kinds.
    known = kind.name != kind if kind.startswith(DICOM_ROOT) else kind.count(".") > 5
    return kind.is_valid and known and not kind.startswith(CT_IMAGE)


def is_blank(start: bytes) -> bool:
    """Tell whether a file begins with zeros alone, or goes on with them behind DICOM's mark.

    As copies that broke off leave them: the room was taken, and little or nothing was written.
    pydicom would read each 8 zeros as an element, to the end of the file.
    """
    blank = not start[:132].strip(b"\0")
    return blank or (start[128:132] == b"DICM" and not start[132:BEGIN].strip(b"\0"))


def may_be_dicom(start: bytes) -> bool:
    """Tell whether a file begins as DICOM: after a preamble, or with group 2 or 8 at once."""
    return start[128:132] == b"DICM" or start[:2] in (b"\2\0", b"\10\0", b"\0\2", b"\0\10")


def read_dataset(path: Path, tags: Sequence[str] | None = None) -> Dataset | None:
    """Read a file, with or without a preamble; with `tags` only these; None where it cannot be.

    The transfer syntax of a file that does not tell its own is that of its encoding.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            header = pydicom.dcmread(
                path,
                force=True,
                stop_before_pixels=tags is not None,
                specific_tags=None if tags is None else list(tags),
            )
            if not header.file_meta.get("TransferSyntaxUID"):
                implicit, little = header.original_encoding
                plain = "1.2.840.10008.1.2" + ("" if implicit else ".1" if little else ".2")
                header.file_meta.TransferSyntaxUID = UID(plain)
        # pydicom raises whatever the bytes lead it to.
        except Exception:
            return None
    return header


def frames_of(header: Dataset, path: Path, number: int) -> Iterator[Slice]:
    """Give the slices of an image read with `TAGS`: itself, or each of its frames."""
    groups = _item(header, "PerFrameFunctionalGroupsSequence")
    if not groups:
        if _number_of_frames(header) > 1:
            # One position cannot be that of all frames: refused later for want of their own.
            yield _parsed(header, path, number, 0, without=("ImagePositionPatient",))
        else:
            yield _parsed(header, path, number, None)
        return
    shared = _item(header, "SharedFunctionalGroupsSequence")
    common = _flat(shared[:1])
    told = _number_of_frames(header)
    if told < len(groups):
        raise ValueError
    # A frame without a group has no position either.
    for frame, group in enumerate([*groups, *[Dataset()] * (told - len(groups))]):
        flat = Dataset()
        flat.file_meta = header.file_meta
        for part in (header, common, _flat([group])):
            for element in part:
                if element.keyword not in FUNCTIONAL_GROUPS:
                    flat[element.tag] = element
        for name, classic in FRAME_NAMES.items():
            if (value := flat.get(name)) is not None:
                setattr(flat, classic, value)
        yield _parsed(flat, path, number, frame)


def _item(header: Dataset, tag: str) -> Sequence[Dataset]:
    return header[tag].value if tag in header and header[tag].VR == "SQ" else []


def _flat(groups: Iterable[Dataset]) -> Dataset:
    """Lay the fields of functional groups side by side."""
    flat = Dataset()
    for group in groups:
        for element in group:
            if element.VR == "SQ":
                for inner in element.value[:1]:
                    for one in inner:
                        if one.VR != "SQ":
                            flat[one.tag] = one
    return flat


def _number_of_frames(header: Dataset) -> int:
    try:
        return int(header.get("NumberOfFrames") or 1)
    except Exception:
        return 1


def _parsed(
    header: Dataset,
    path: Path,
    number: int,
    frame: int | None,
    without: Sequence[str] = (),
) -> Slice:
    numbers, texts, malformed = {}, {}, set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag, count in NUMBERS.items():
            held, is_there = _numbers(header, tag, count) if tag not in without else ((), False)
            if held:
                numbers[tag] = held
            elif is_there:
                malformed.add(tag)
        for tag in TEXTS:
            if text := _text(header, tag):
                texts[tag] = text
            elif text is None:
                malformed.add(tag)
        kinds = kinds_in(texts)
        # What a person typed into a machine's field.
        persons = words_of([t for tag in identities.FIELDS if (t := _text(header, tag))])
        for tag in RECORDED_TEXTS:
            if names_a_person(texts.get(tag, ""), persons):
                del texts[tag]
                malformed.add(tag)
    # Anonymised files may hold what tells them apart in their meta header only.
    for tag in ("SOPInstanceUID", "SOPClassUID"):
        texts[tag] = texts.get(tag) or _text(header.file_meta, f"MediaStorage{tag}") or ""
    return Slice(
        path,
        number,
        frame,
        numbers,
        texts,
        kinds,
        str(header.file_meta.TransferSyntaxUID),
        frozenset(malformed),
        "ModalityLUTSequence" in header,
    )


def kinds_in(texts: dict[str, str]) -> frozenset[str]:
    """Return the words of ImageType, and leave of the text what tells two acquisitions apart.

    Slices of one scan may be original and derived by turns. Of a patient's name its letters and
    digits are left, since systems write them with other marks between.
    """
    kinds = frozenset(texts.pop("ImageType", "").upper().split("\\")) - {""}
    if told := "\\".join(sorted(kinds - {"ORIGINAL", "DERIVED"})):
        texts["ImageType"] = told
    if "PatientName" in texts:
        texts["PatientName"] = bare(texts["PatientName"])
    return kinds


def _numbers(header: Dataset, tag: str, count: int) -> tuple[tuple[float, ...], bool]:
    """Return the numbers of a field, () if they are not as they have to be; whether it is there."""
    try:
        value: Any = header.get(tag)
        if value is None or value == "":
            return (), False
        parts = list(value) if isinstance(value, pydicom.multival.MultiValue | list) else [value]
        if not parts:
            return (), False
        read = tuple(float(part) for part in parts)
    except Exception:
        return (), True
    fits = len(read) == count and all(math.isfinite(one) for one in read)
    return (read if fits else ()), True


def _text(header: Dataset, tag: str) -> str | None:
    """Return a field as one line of text, '' if there is none, None if it cannot be read."""
    try:
        value: Any = header.get(tag)
        if isinstance(value, pydicom.multival.MultiValue | list):
            value = "\\".join(str(part) for part in value if str(part).strip())
        return "" if value is None else " ".join(str(value).split())
    except Exception:
        return None


def acquisition_of(slices: Sequence[Slice]) -> dict:
    """Return what headers say about the acquisition and not about the patient; None where unknown.

    Numbers that change from slice to slice (tube current with dose modulation) are given as their
    median. `slice_thickness_mm` is the header's and need not be the spacing. Without slices, as for
    a NIfTI file, every field is None.
    """
    return {
        "manufacturer": _first(slices, "Manufacturer"),
        "model": _first(slices, "ManufacturerModelName"),
        "kvp": median_of(slices, "KVP"),
        "tube_current_ma": median_of(slices, "XRayTubeCurrent"),
        "exposure_mas": median_of(slices, "Exposure"),
        "kernel": _first(slices, "ConvolutionKernel"),
        "slice_thickness_mm": median_of(slices, "SliceThickness"),
        "contrast_agent": _first(slices, "ContrastBolusAgent"),
        "body_part": _first(slices, "BodyPartExamined"),
    }


def _first(slices: Sequence[Slice], tag: str) -> str | None:
    return slices[0].text(tag) or None if slices else None


def median_of(slices: Sequence[Slice], tag: str) -> float | None:
    """Return the median of a field that holds one number, None where no slice has it."""
    values = sorted(v for s in slices if (v := s.value(tag)) is not None)
    if not values:
        return None
    middle = len(values) // 2
    return round((values[middle] + values[~middle]) / 2, 4)
