"""NRRD and MetaImage files: headers checked by us, values read by SimpleITK.

ITK takes what a header leaves out for the usual (left to right, from 0), and does not hold
compressed data against their checksum. Both are looked at before it reads. It is given a link in a
scratch folder, so that its messages, which go past Python to the terminal, name no place of an
archive, and so that a path of any letters can be read.
"""

import math
import os
import re
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import SimpleITK as sitk

from livermet.errors import InputError
from livermet.ingest.bounded import count_of, gunzipped, inflated, plain, refuse_too_many
from livermet.ingest.masks import Frame, Segment, Segments, frames_of
from livermet.ingest.volume import MORE_VALUES, Volume, affine_of, three_dimensional

# Of more than this a header is none.
LONGEST_HEADER = 2**20
ANATOMICAL_SPACES = {
    "right-anterior-superior",
    "ras",
    "left-anterior-superior",
    "las",
    "left-posterior-superior",
    "lps",
    "right-anterior-superior-time",
    "rast",
    "left-anterior-superior-time",
    "last",
    "left-posterior-superior-time",
    "lpst",
}
TRUE, FALSE = ("true", "1", "t"), ("false", "0", "f", "")
# By which ITK reads the values, taking any word that begins as true does for true.
META_FLAGS = ("binarydata", "binarydatabyteordermsb", "elementbyteordermsb", "compresseddata")
NRRD_SIZES = {
    1: r"((un)?signed |u)?char|u?int8(_t)?",
    2: r"((un)?signed |u)?short( int)?|u?int16(_t)?",
    4: r"((un)?signed |u)?int|u?int32(_t)?|float",
    8: r"((un)?signed |u)?long ?long( int)?|u?int64(_t)?|double",
}
NRRD_CODINGS: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    "raw": plain,
    **dict.fromkeys(("gzip", "gz"), gunzipped),
}
ORIGINS = ("offset", "position", "origin")
META_SIZES = {"CHAR": 1, "SHORT": 2, "INT": 4, "FLOAT": 4, "DOUBLE": 8, "LONG": 4, "LONG_LONG": 8}
# mm of the units of length that a NRRD header may name.
NRRD_UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001}
DAMAGE = (OSError, EOFError, ValueError, zlib.error)


class _Plain(Exception):  # noqa: N818
    """What is wrong with a header, in words that tell none of its values."""


def read_itk(path: Path, what: str) -> Volume | Segments:
    """Read NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd); of a .seg.nrrd give its segments.

    Raises InputError for a header without anatomical orientation, data that are damaged, cut short
    or not there, several volumes, and values that are no plain numbers.
    """
    is_nrrd = path.name.lower().endswith((".nrrd", ".nhdr"))
    try:
        with path.open("rb") as stream:
            head = stream.read(LONGEST_HEADER)
        fields, start = _nrrd_fields(head) if is_nrrd else _meta_fields(head)
        told = (_nrrd_orientation if is_nrrd else _meta_orientation)(fields)
        factor, more = _unit(fields) if is_nrrd else (1.0, [])
        sizes = fields["sizes" if is_nrrd else "dimsize"]
        refuse_too_many([int(n) for n in sizes.split()], what)
        data = _data_file(path, fields)
        (_check_nrrd_data if is_nrrd else _check_meta_data)(data or path, fields, start)
        image = _read(path, head, data, is_nrrd)
        if image.GetDimension() == 4 and image.GetSize()[3] == 1:
            image = image[:, :, :, 0]
    except InputError:
        raise
    except _Plain as problem:
        raise InputError(f"{what} {problem}") from None
    except (*DAMAGE, RuntimeError, KeyError, IndexError, MemoryError) as error:
        raise InputError(
            f"{what} cannot be read as a volume ({'NRRD' if is_nrrd else 'MetaImage'}): it is "
            "damaged or cut short, its header is malformed, or its data file is not beside it; "
            "copy it again with all its files, or export it again as one volume."
        ) from error
    if is_nrrd and any(re.match(r"segment\d+_id$", field) for field in fields):
        return _slicer_segments(image, fields, what)
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"{what} is not one three-dimensional volume; export the series as one volume."
        )
    values = three_dimensional(sitk.GetArrayFromImage(image).transpose(2, 1, 0), what)
    affine = affine_of(image)
    if is_nrrd:
        affine[:3] *= factor
        told += more
    return Volume(values, affine, warnings=tuple(told))


def _nrrd_fields(head: bytes) -> tuple[dict[str, str], int]:
    """Return the fields of a header by their names in small letters, and where the data begin."""
    if not head.startswith(b"NRRD"):
        raise ValueError
    end = re.search(rb"\r?\n\r?\n", head)
    text = head[: end.start()] if end else head
    lines = text.decode("latin-1").splitlines()[1:]
    pairs = (re.match(r"([^#:][^:]*):[= ]\s*(.*)", line) for line in lines)
    fields = {pair[1].strip().lower(): pair[2].strip() for pair in pairs if pair}
    return fields, end.end() if end else len(head)


def _meta_fields(head: bytes) -> tuple[dict[str, str], int]:
    end = re.search(rb"ElementDataFile[ \t]*=[^\n]*\n?", head)
    if end is None:
        raise ValueError
    lines = head[: end.end()].decode("latin-1").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}, end.end()


def _nrrd_orientation(fields: dict[str, str]) -> list[str]:
    if fields.get("space", "").lower() not in ANATOMICAL_SPACES:
        raise _Plain(
            "names no anatomical space (NRRD field space), so left and right are unknown; export "
            "it again with an orientation."
        )
    if "space directions" not in fields:
        raise _Plain(
            "gives no directions of its axes (NRRD field space directions), so left and right are "
            "unknown; export it again with an orientation."
        )
    vectors = re.findall(r"\([^)]*\)|none", fields["space directions"], re.I)
    if fields.get("dimension") == "3" and "none" in (one.lower() for one in vectors):
        raise _Plain(
            "gives no direction of one of its axes (NRRD field space directions), so its spacing is"
            " unknown; export it again."
        )
    if {"old min", "oldmin", "old max", "oldmax"} & fields.keys():
        raise _Plain(
            "gives its values as steps of a range (NRRD field old min), which are not read; export "
            "it in Hounsfield units, or a mask with its labels."
        )
    origin = fields.get("space origin", "")
    if origin and not _is_place(origin):
        raise _Plain("gives an origin that is not one place (NRRD field space origin); export it.")
    if not origin:
        return ["Its header gives no origin; it was taken to be 0, 0, 0 mm."]
    return []


def _is_place(vector: str) -> bool:
    """Tell whether a vector of NRRD is three finite numbers, or four of which the last is time."""
    held = re.fullmatch(r"\(([^()]*)\)", vector)
    try:
        parts = [float(part) for part in held[1].split(",")] if held else []
    except ValueError:
        return False
    return len(parts) in (3, 4) and all(map(math.isfinite, parts[:3]))


def _unit(fields: dict[str, str]) -> tuple[float, list[str]]:
    """Return the mm of a NRRD header's unit of length, and say so where it is not mm."""
    named = set(re.findall(r'"([^"]*)"', fields.get("space units", ""))) - {""}
    if len(named) > 1:
        raise _Plain("names several units of length (NRRD field space units); export it in mm.")
    if named <= {"mm"}:
        return 1.0, []
    if len(named) == 1 and (unit := named.pop()) in NRRD_UNITS:
        return NRRD_UNITS[unit], [f"Its header gives lengths in {unit}, which were turned to mm."]
    return 1.0, ["Its header names units of length that are not known; they were read as mm."]


def _meta_orientation(fields: dict[str, str]) -> list[str]:
    matrix = next(
        (fields[key] for key in ("transformmatrix", "rotation", "orientation") if key in fields), ""
    )
    if not matrix:
        raise _Plain(
            "gives no directions of its axes (MetaImage field TransformMatrix), so left and right "
            "are unknown; export it again with an orientation."
        )
    _check_meta_numbers(fields, matrix)
    told = []
    if not any(fields.get(key) for key in ORIGINS):
        told.append("Its header gives no origin; it was taken to be 0, 0, 0 mm.")
    said = fields.get("anatomicalorientation", "").upper()
    if re.fullmatch("[RLAPIS]{3}", said) and said != (true := _letters(matrix)):
        told.append(
            f"Its header says {said} as AnatomicalOrientation and {true} by its TransformMatrix, "
            "which was used; look whether left and right are as they should be."
        )
    return told


def _check_meta_numbers(fields: dict[str, str], matrix: str) -> None:
    """Refuse what ITK would take for something else in silence."""
    if any(fields.get(flag, "").lower() not in TRUE + FALSE for flag in META_FLAGS):
        raise _Plain(
            "says neither True nor False in a field that tells how its values are stored (such as "
            "CompressedData); export it again."
        )
    count = int(fields["ndims"])
    spacing = _numbers_of(fields, ("elementspacing", "elementsize"))
    if not spacing or min(spacing) <= 0:
        raise _Plain("gives no positive spacing (MetaImage field ElementSpacing); export it again.")
    origin = _numbers_of(fields, ORIGINS)
    if {len(spacing), len(origin or spacing), len(fields["dimsize"].split())} != {count}:
        raise _Plain(
            "does not give one number an axis (MetaImage fields DimSize, ElementSpacing, Offset); "
            "export it again."
        )
    if not np.isfinite([*spacing, *origin]).all():
        raise _Plain("gives an origin or a spacing that is no number; export it again.")
    axes = np.array([float(part) for part in matrix.split()]).reshape(count, count)
    if not np.allclose(np.linalg.norm(axes, axis=1), 1, atol=1e-2):
        raise _Plain(
            "gives axes that are not of length 1 (MetaImage field TransformMatrix), so that its "
            "spacing is not certain; export it again."
        )
    line = [fields.get(f"elementtointensityfunction{key}", "") for key in ("slope", "offset")]
    if [float(line[0] or 1), float(line[1] or 0)] != [1, 0]:
        raise _Plain(
            "gives its values by a slope and an offset (MetaImage field "
            "ElementToIntensityFunctionSlope), which are not read; export it in Hounsfield units."
        )
    if fields.get("binarydata", "true").lower() not in TRUE:
        raise _Plain("holds its values as text; export it again, binary.")
    if int(fields.get("headersize", 0) or 0) not in (0, -1):
        raise _Plain("has other data before its values (MetaImage field HeaderSize); export it.")


def _numbers_of(fields: dict[str, str], names: Sequence[str]) -> list[float]:
    """Return the numbers of the first of some fields that is there, [] if none is."""
    text = next((fields[name] for name in names if name in fields), "")
    return [float(part) for part in text.split()]


def _letters(matrix: str) -> str:
    """Name where the axes of a MetaImage begin, in its own letters: RAI for DICOM's axes."""
    axes = np.array([float(part) for part in matrix.split()[:9]]).reshape(3, 3)
    return "".join(
        "RAI"[a] if axis[a] > 0 else "LPS"[a] for axis in axes for a in [int(np.abs(axis).argmax())]
    )


def _data_file(path: Path, fields: dict[str, str]) -> Path | None:
    """Return the file that a header names for its data; None where they follow it."""
    name = fields.get("data file", fields.get("datafile", fields.get("elementdatafile", "LOCAL")))
    if name.upper() == "LOCAL":
        return None
    if name.upper().startswith("LIST") or "%" in name:
        raise _Plain("has its data in a list of files; export it as one file.")
    # A header is Latin-1 or UTF-8; a path is what the file system says.
    for coded in (name, os.fsdecode(name.encode("latin-1"))):
        if (path.parent / coded).is_file():
            return path.parent / coded
    raise _Plain(
        "is a header whose data file is not there; copy the two files together, or export it as "
        "one file."
    )


def _check_nrrd_data(path: Path, fields: dict[str, str], start: int) -> None:
    """Hold the data against the header's size; read compressed ones to their end, the checksum."""
    coding = fields.get("encoding", "").lower()
    detached = "data file" in fields or "datafile" in fields
    if coding in ("bzip2", "bz2"):
        raise _Plain("is packed by bzip2, which is not read; export it packed by gzip.")
    if coding not in NRRD_CODINGS:
        return
    kind = fields.get("type", "").lower()
    size = next((n for n, names in NRRD_SIZES.items() if re.fullmatch(names, kind)), None)
    if size is None:
        raise _Plain("names no type of number that is read (NRRD field type); export it again.")
    skipped = {name: int(fields.get(f"{name} skip", 0) or 0) for name in ("byte", "line")}
    if any(skipped.values()):
        # Where the values begin is for ITK to find; it reads none that is not there.
        return
    with path.open("rb") as stream:
        stream.seek(0 if detached else start)
        _check_length(NRRD_CODINGS[coding](stream), size * _product(fields["sizes"]))


def _check_meta_data(path: Path, fields: dict[str, str], start: int) -> None:
    kind = fields.get("elementtype", "").upper().removeprefix("MET_")
    size = META_SIZES[kind.removeprefix("U")] * int(fields.get("elementnumberofchannels", 1))
    # zlib or gzip, as the writer liked; both end with a checksum.
    read = inflated if fields.get("compresseddata", "").lower() in TRUE else plain
    with path.open("rb") as stream:
        stream.seek(start if fields["elementdatafile"].upper() == "LOCAL" else 0)
        _check_length(read(stream), size * _product(fields["dimsize"]))


def _check_length(pieces: Iterable[bytes], expected: int) -> None:
    count, goes_on = count_of(pieces, expected)
    if goes_on:
        raise _Plain(MORE_VALUES)
    if count < expected:
        raise EOFError


def _product(sizes: str) -> int:
    return math.prod(int(n) for n in sizes.split())


def _read(path: Path, head: bytes, data: Path | None, is_nrrd: bool) -> sitk.Image:
    """Let ITK read a link to the file; of a header with a data file, both under other names."""
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    with tempfile.TemporaryDirectory(prefix="livermet_") as scratch:
        if data is None:
            place = Path(scratch, "volume.nrrd" if is_nrrd else "volume.mha")
            os.symlink(path.resolve(), place)
        else:
            name = b"data" + os.path.splitext(os.fsencode(data.name))[1].lower()
            place = Path(scratch, "volume.nhdr" if is_nrrd else "volume.mhd")
            field = rb"(?im)^(data ?file:[ \t]*|ElementDataFile[ \t]*=[ \t]*)[^\r\n]*"
            place.write_bytes(re.sub(field, lambda found: found[1] + name, head))
            os.symlink(data.resolve(), Path(scratch, os.fsdecode(name)))
        reader = sitk.ImageFileReader()
        reader.SetImageIO("NrrdImageIO" if is_nrrd else "MetaImageIO")
        reader.SetFileName(str(place))
        return reader.Execute()


def _slicer_segments(image: sitk.Image, fields: dict[str, str], what: str) -> Segments:
    """Return the segments of 3D Slicer's .seg.nrrd: each has a layer, a value there, and a name."""
    values = sitk.GetArrayFromImage(image)
    layers = values[..., None] if values.ndim == 3 else values
    if layers.ndim != 4:
        raise InputError(f"{what} is no three-dimensional segmentation; export it again.")
    affine = affine_of(image)
    segments, placed = [], set()
    rest = layers != 0
    # Numbers may have gaps, where a segment was deleted.
    for begin in [found[1] for field in fields if (found := re.match(r"(segment\d+_)id$", field))]:
        try:
            value = int(fields.get(f"{begin}labelvalue", "1"))
            layer = int(fields.get(f"{begin}layer", "0"))
        except ValueError:
            raise InputError(
                f"{what} gives a segment a layer or a value that is no number; export it again."
            ) from None
        if not 0 <= layer < layers.shape[3]:
            raise InputError(f"{what} lacks a layer that its header names; export it again.")
        if (layer, value) in placed:
            raise InputError(
                f"{what} gives two segments the value {value}, so that nobody can tell which of "
                "them its voxels are; export it again."
            )
        placed.add((layer, value))
        inside = layers[..., layer] == value
        rest[..., layer] &= ~inside
        frames: tuple[Frame, ...] = tuple(frames_of(inside.transpose(2, 1, 0), affine))
        segments.append(Segment(value, fields.get(f"{begin}name", ""), frames))
    if rest.any():
        # Voxels of values that no segment has: reference_labels has to say what they are.
        unnamed = rest.any(axis=3).transpose(2, 1, 0)
        segments.append(Segment(0, "", tuple(frames_of(unnamed, affine))))
    return Segments(tuple(segments))
