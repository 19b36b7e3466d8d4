"""NRRD and MetaImage files: headers checked by us, values read by SimpleITK.

ITK takes what a header leaves out for the usual (left to right, from 0), and does not hold
compressed data against their checksum. Both are looked at before it reads. It is given a link in a
scratch folder, so that its messages, which go past Python to the terminal, name no place of an
archive, and so that a path of any letters can be read.
"""

import bz2
import gzip
import os
import re
import tempfile
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from livermet.errors import InputError
from livermet.ingest.masks import Frame, Segment, Segments, frames_of
from livermet.ingest.volume import Volume, affine_of, three_dimensional

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
        data = _data_file(path, fields)
        (_check_nrrd_data if is_nrrd else _check_meta_data)(data or path, fields, start)
        image = _read(path, head, data, is_nrrd)
        if image.GetDimension() == 4 and image.GetSize()[3] == 1:
            image = image[:, :, :, 0]
    except _Plain as problem:
        raise InputError(f"{what} {problem}") from None
    except (*DAMAGE, RuntimeError, KeyError, IndexError, MemoryError) as error:
        raise InputError(
            f"{what} cannot be read as a volume ({'NRRD' if is_nrrd else 'MetaImage'}): it is "
            "damaged or cut short, or its data file is not beside it; copy it again with all its "
            "files."
        ) from error
    if is_nrrd and "segment0_id" in fields:
        return _slicer_segments(image, fields, what)
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"{what} is not one three-dimensional volume; export the series as one volume."
        )
    values = three_dimensional(sitk.GetArrayFromImage(image).transpose(2, 1, 0), what)
    return Volume(values, affine_of(image), warnings=tuple(told))


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
    if "space origin" not in fields:
        return ["Its header gives no origin; it was taken to be 0, 0, 0 mm."]
    return []


def _meta_orientation(fields: dict[str, str]) -> list[str]:
    matrix = next(
        (fields[key] for key in ("transformmatrix", "rotation", "orientation") if key in fields), ""
    )
    if not matrix:
        raise _Plain(
            "gives no directions of its axes (MetaImage field TransformMatrix), so left and right "
            "are unknown; export it again with an orientation."
        )
    told = []
    if not any(key in fields for key in ("offset", "position", "origin")):
        told.append("Its header gives no origin; it was taken to be 0, 0, 0 mm.")
    said = fields.get("anatomicalorientation", "").upper()
    if re.fullmatch("[RLAPIS]{3}", said) and said != (true := _letters(matrix)):
        told.append(
            f"Its header says {said} as AnatomicalOrientation and {true} by its TransformMatrix, "
            "which was used; look whether left and right are as they should be."
        )
    return told


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
    """Read compressed data to their end, where the checksum is."""
    coding = fields.get("encoding", "").lower()
    detached = "data file" in fields or "datafile" in fields
    skip = int(fields.get("byte skip", 0) or 0)
    if coding in ("gzip", "gz"):
        unpacked = gzip.decompress(path.read_bytes()[0 if detached else start :])
    elif coding in ("bzip2", "bz2"):
        unpacked = bz2.decompress(path.read_bytes()[0 if detached else start :])
    else:
        return
    kinds = {"1": r"(u?char|u?int8|u?int8_t|(un)?signed char)", "2": r"(u?short|u?int16).*"}
    kind = fields.get("type", "").lower()
    size = next((int(n) for n, names in kinds.items() if re.fullmatch(names, kind)), 1)
    expected = size * int(np.prod([int(n) for n in fields["sizes"].split()], dtype=object))
    if max(skip, 0) + expected > len(unpacked):
        raise EOFError


def _check_meta_data(path: Path, fields: dict[str, str], start: int) -> None:
    sizes = {"CHAR": 1, "SHORT": 2, "INT": 4, "FLOAT": 4, "DOUBLE": 8, "LONG_LONG": 8}
    kind = fields.get("elementtype", "").upper().removeprefix("MET_")
    size = sizes.get(kind.removeprefix("U"), 1)
    channels = int(fields.get("elementnumberofchannels", 1))
    voxels = int(np.prod([int(n) for n in fields["dimsize"].split()], dtype=object))
    begin = start if fields["elementdatafile"].upper() == "LOCAL" else 0
    if fields.get("compresseddata", "").lower() in ("true", "1", "t"):
        # zlib or gzip, as the writer liked; both end with a checksum.
        engine = zlib.decompressobj(47)
        length = len(engine.decompress(path.read_bytes()[begin:]))
        if not engine.eof:
            raise EOFError
    elif fields.get("binarydata", "true").lower() in ("true", "1", "t"):
        length = path.stat().st_size - begin
    else:
        return
    if length < voxels * size * channels:
        raise EOFError


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
    segments = []
    for number in range(len(fields)):
        if f"segment{number}_id" not in fields:
            break
        value = int(fields.get(f"segment{number}_labelvalue", "1"))
        layer = int(fields.get(f"segment{number}_layer", "0"))
        if not 0 <= layer < layers.shape[3]:
            raise InputError(f"{what} lacks a layer that its header names; export it again.")
        inside = (layers[..., layer] == value).transpose(2, 1, 0)
        frames: tuple[Frame, ...] = tuple(frames_of(inside, affine))
        segments.append(Segment(value, fields.get(f"segment{number}_name", ""), frames))
    return Segments(tuple(segments))
