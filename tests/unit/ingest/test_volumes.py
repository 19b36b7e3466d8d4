"""Volumes from files as archives hold them: damaged, without orientation, in every spelling."""

import bz2
import gzip
import random
import struct
import tracemalloc
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from livermet.errors import InputError
from livermet.formats import format_of
from livermet.ingest.series import ingest_volume
from livermet.ingest.volume import read_volume

AFFINE = np.diag([1.5, 2, 5, 1.0])
NAME = "Doe^Jane"


def values() -> np.ndarray:
    """HU (x, y, z) from -1000 up that tell each voxel's place; noise so that gzip has work."""
    i, j, k = np.mgrid[:12, :10, :8]
    return (-1000 + 7 * i + 50 * j + 100 * k).astype(np.int16)


def nifti(path: Path, codes=(1, 1), affine=AFFINE, data=None, kind=nib.Nifti1Image) -> Path:
    image = kind(values() if data is None else data, affine)
    image.set_qform(affine, codes[0])
    image.set_sform(affine, codes[1])
    nib.save(image, path)
    return path


def floats() -> np.ndarray:
    return values().astype(np.float32)


def longer(path: Path, more: bytes) -> Path:
    return written(path, path.read_bytes() + more)


def zipped_in_two(path: Path) -> Path:
    content = gzip.decompress(path.read_bytes())
    return written(path, gzip.compress(content[:1000]) + gzip.compress(content[1000:]))


def by_itk(path: Path) -> Path:
    image = sitk.GetImageFromArray(values().transpose(2, 1, 0))
    image.SetSpacing((1.5, 2, 5))
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    sitk.WriteImage(image, str(path), useCompression=path.suffix == ".mha")
    return path


def renamed(path: Path, name: str) -> Path:
    return path.rename(path.with_name(name))


def changed(path: Path, offset: int, form: str, *numbers) -> Path:
    """Write other bytes into the header of a NIfTI file, zipped or not."""
    content = bytearray(path.read_bytes())
    zipped = content[:2] == b"\x1f\x8b"
    content = bytearray(gzip.decompress(content)) if zipped else content
    struct.pack_into(form, content, offset, *numbers)
    path.write_bytes(gzip.compress(bytes(content)) if zipped else bytes(content))
    return path


def pair(folder: Path, ending=".img") -> Path:
    nifti(folder / "a.img", kind=nib.Nifti1Pair)
    return folder / f"a{ending}"


def detached(folder: Path, name: str, odd: str) -> Path:
    path = by_itk(folder / name)
    text = path.read_bytes()
    data = next(one for one in folder.iterdir() if one != path)
    path.write_bytes(text.replace(data.name.encode(), odd.encode()))
    data.rename(data.with_name(odd))
    return path


READ = {
    "nii": lambda f: nifti(f / "a.nii"),
    "nii.gz": lambda f: nifti(f / "a.nii.gz"),
    "capitals": lambda f: renamed(nifti(f / "a.nii.gz"), "A.NII.GZ"),
    "a plain file named .gz": lambda f: renamed(nifti(f / "a.nii"), "b.nii.gz"),
    "a zipped file named .nii": lambda f: renamed(nifti(f / "a.nii.gz"), "b.nii"),
    "NIfTI-2": lambda f: nifti(f / "a.nii", kind=nib.Nifti2Image),
    "a pair by its header": lambda f: pair(f, ".hdr"),
    "a pair by its image": pair,
    "four dimensions, one long": lambda f: nifti(f / "a.nii", data=values()[..., None]),
    "big endian": lambda f: nifti(f / "a.nii", data=values().astype(">i2")),
    "qform alone": lambda f: nifti(f / "a.nii", (1, 0)),
    "sform alone": lambda f: nifti(f / "a.nii", (0, 1)),
    "odd letters": lambda f: renamed(nifti(f / "a.nii.gz"), "M\u00fcller {1}.nii.gz"),
    "Latin-1 bytes": lambda f: renamed(by_itk(f / "a.nrrd"), "M\udcfcller.nrrd"),
    "nrrd": lambda f: by_itk(f / "a.nrrd"),
    "NRRD capitals": lambda f: renamed(by_itk(f / "a.nrrd"), "A.NRRD"),
    "nhdr": lambda f: by_itk(f / "a.nhdr"),
    "mha": lambda f: by_itk(f / "a.mha"),
    "mhd": lambda f: by_itk(f / "a.mhd"),
    "a zip of two parts": lambda f: zipped_in_two(nifti(f / "a.nii.gz")),
    "zeros behind a zip": lambda f: longer(nifti(f / "a.nii.gz"), bytes(512)),
    "zeros behind the values": lambda f: longer(nifti(f / "a.nii"), bytes(512)),
    "five dimensions, two long": lambda f: nifti(f / "a.nii", data=values()[..., None, None]),
    "slope 0": lambda f: changed(nifti(f / "a.nii", data=floats()), 112, "<2f", 0, 0),
    "a negative spacing": lambda f: changed(nifti(f / "a.nii", (0, 1)), 80, "<3f", -1.5, -2, -5),
    "float64": lambda f: nifti(f / "a.nii", data=floats().astype(np.float64)),
    "int32": lambda f: nifti(f / "a.nii", data=values().astype(np.int32)),
    "NRRD in RAS": lambda f: nrrd(f, RAS),
    "NRRD zipped": lambda f: nrrd(f, RAS, "gzip", gzip.compress(RAW)),
    "NRRD in mm, said thrice": lambda f: nrrd(f, RAS + 'space units: "mm" "mm" "mm"\n'),
    "NRRD in hexadecimals": lambda f: nrrd(f, RAS, "hex", RAW.hex().encode()),
    "NRRD of the other byte order": lambda f: text_of(
        nrrd(f, RAS, data=np.frombuffer(RAW, "<i2").astype(">i2").tobytes()),
        b"endian: little",
        b"endian: big",
    ),
    "mhd with a blank in its data's name": lambda f: detached(f, "a.mhd", "a \u00fc 1.raw"),
}


@pytest.mark.parametrize("kind", READ)
def test_a_volume_is_read_whole(tmp_path, kind):
    path = READ[kind](tmp_path)
    ct, acquisition, quality = ingest_volume("a1", path)
    assert (sitk.GetArrayFromImage(ct).transpose(2, 1, 0) == values()).all()
    assert ct.GetSpacing() == pytest.approx((1.5, 2, 5))
    assert acquisition["source_format"] == format_of(path.name)
    assert [w for w in quality["warnings"] if "HU" not in w] == []


TOLD = {
    # w of the quaternion is the root of 1 - b^2, which is below 0 here.
    "a quaternion a little too long": (
        lambda f: changed(nifti(f / "a.nii.gz"), 256, "<3f", 1.0000004, 0, 0),
        "quaternion longer than 1",
    ),
    "a quaternion far too long": (
        lambda f: changed(nifti(f / "a.nii"), 256, "<3f", 3, 0, 0),
        "qform cannot be read; the sform was used",
    ),
    "lengths in metres": (
        lambda f: changed(
            nifti(f / "a.nii", affine=np.diag([0.0015, 0.002, 0.005, 1])), 123, "B", 1
        ),
        "lengths in meters, which were turned to mm",
    ),
    "metres that are mm": (
        lambda f: changed(nifti(f / "a.nii"), 123, "B", 1),
        "names meters as the unit of length, and was read as mm",
    ),
    "another spacing beside a lone sform": (
        lambda f: changed(nifti(f / "a.nii", (0, 1)), 80, "<3f", 0.7, 0.7, 1),
        "pixdim says a spacing of 0.7 x 0.7 x 1 mm and the sform of 1.5 x 2 x 5 mm",
    ),
    "a qform elsewhere": (
        lambda f: changed(nifti(f / "a.nii"), 268, "<f", 7),
        "qform and sform differ by up to 7 mm; the sform was used",
    ),
    "NRRD in cm": (
        lambda f: nrrd(f, f'{RAS_AXES}space units: "cm" "cm" "cm"\n'),
        "lengths in cm, which were turned to mm",
    ),
    "NRRD without an origin": (
        lambda f: text_of(by_itk(f / "a.nrrd"), rb"space origin: [^\n]*\n", b""),
        "gives no origin",
    ),
    "MetaImage that contradicts itself": (
        lambda f: text_of(
            by_itk(f / "a.mhd"), rb"AnatomicalOrientation = \w+", b"AnatomicalOrientation = RAI"
        ),
        "says RAI as AnatomicalOrientation and LPI by its TransformMatrix",
    ),
}


def text_of(path: Path, pattern: bytes, other: bytes) -> Path:
    import re

    content, count = re.subn(pattern, other, path.read_bytes(), count=1)
    assert count == 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", TOLD)
def test_what_is_unusual_is_read_with_a_warning(tmp_path, kind):
    make, sentence = TOLD[kind]
    ct, _, quality = ingest_volume("a1", make(tmp_path))
    assert any(sentence in warning for warning in quality["warnings"]), quality["warnings"]
    assert ct.GetSpacing() == pytest.approx((1.5, 2, 5))
    assert (sitk.GetArrayFromImage(ct).transpose(2, 1, 0) == values()).all()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def nrrd(folder: Path, middle: str, coding="raw", data=None) -> Path:
    head = (
        f"NRRD0004\ntype: short\ndimension: 3\nsizes: 12 10 8\n{middle}"
        f"encoding: {coding}\nendian: little\n\n"
    )
    raw = values().transpose(2, 1, 0).tobytes() if data is None else data
    return written(folder / "a.nrrd", head.encode() + raw)


RAS_AXES = (
    "space: right-anterior-superior\nspace directions: (0.15,0,0) (0,0.2,0) (0,0,0.5)\n"
    "space origin: (0,0,0)\n"
)
AXES = "space directions: (1.5,0,0) (0,2,0) (0,0,5)\nspace origin: (0,0,0)\n"
LPS = "space: left-posterior-superior\n" + AXES
RAS = "space: right-anterior-superior\n" + AXES


def meta(folder: Path, middle: str, data=None, name="a.mha", file="LOCAL") -> Path:
    head = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"{middle}ElementSpacing = 1.5 2 5\nDimSize = 12 10 8\nElementType = MET_SHORT\n"
        f"ElementDataFile = {file}\n"
    )
    raw = values().transpose(2, 1, 0).tobytes() if data is None else data
    return written(folder / name, head.encode() + raw)


MATRIX = "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\n"
RAW = values().transpose(2, 1, 0).tobytes()
UNKNOWN = "left and right are unknown"
TOO_MANY = "more than any CT has"
DAMAGED = "damaged or cut short"
MORE = "holds more values than its header tells"
OTHER_KIND = "of another kind under this name"


def zeros() -> bytes:
    """Pack 134 MB of zeros into less than 1 MB."""
    return gzip.compress(bytes(2**27), 1)


WITHOUT_END = {
    "behind the values": (
        lambda f: longer(nifti(f / "a.nii.gz"), zeros()),
        MORE,
    ),
    "no header": (lambda f: written(f / "a.nii.gz", zeros()), "is no NIfTI file by its header"),
    "NRRD": (lambda f: nrrd(f, LPS, coding="gzip", data=zeros()), MORE),
    "MetaImage": (lambda f: replaced_data(by_itk(f / "a.mha"), zeros()), MORE),
}


def replaced_data(path: Path, data: bytes) -> Path:
    """Put other packed data behind the header of a MetaImage file."""
    head, field, _ = path.read_bytes().partition(b"ElementDataFile = LOCAL\n")
    return written(path, head + field + data)


def with_voxel(folder: Path, value: float) -> Path:
    data = floats()
    data[3, 3, 3] = value
    return nifti(folder / "a.nii.gz", data=data)


def cut(path: Path, count=100) -> Path:
    return written(path, path.read_bytes()[:-count])


def flip(content: bytes, place: int) -> bytes:
    changed_content = bytearray(content)
    changed_content[place] ^= 4
    return bytes(changed_content)


WRONG = {
    "no NIfTI orientation": (lambda f: nifti(f / "a.nii", (0, 0)), UNKNOWN),
    "ANALYZE": (
        lambda f: (nib.save(nib.AnalyzeImage(values(), None), f / "a.img"), f / "a.hdr")[1],
        UNKNOWN,
    ),
    "an unknown datatype": (
        lambda f: changed(nifti(f / "a.nii.gz"), 70, "<h", 4096),
        "header is malformed",
    ),
    "two dimensions": (
        lambda f: nifti(f / "a.nii", data=values()[..., 0]),
        "three-dimensional volume",
    ),
    "two volumes": (
        lambda f: nifti(f / "a.nii", data=np.stack([values()] * 2, -1)),
        "three-dimensional",
    ),
    "one slice": (lambda f: nifti(f / "a.nii", data=values()[..., :1]), "one voxel thick"),
    "colours": (
        lambda f: nifti(
            f / "a.nii", data=np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
        ),
        "no plain numbers",
    ),
    "complex numbers": (
        lambda f: nifti(f / "a.nii", data=values().astype(np.complex64)),
        "no plain numbers",
    ),
    "no size of a voxel": (
        lambda f: changed(nifti(f / "a.nii"), 280, "<4f", 0, 0, 0, 0),
        "must be positive",
    ),
    "an affine that is no number": (
        lambda f: changed(nifti(f / "a.nii"), 280, "<4f", float("nan"), 0, 0, 0),
        "an origin or axes that are no numbers",
    ),
    "an origin that is no number": (
        lambda f: changed(nifti(f / "a.nii", (0, 1)), 292, "<f", float("nan")),
        "an origin or axes that are no numbers",
    ),
    "NRRD of two times": (
        lambda f: text_of(
            text_of(
                nrrd(f, LPS.replace("(0,0,5)", "(0,0,5) none"), data=RAW * 2),
                b"dimension: 3",
                b"dimension: 4",
            ),
            b"12 10 8",
            b"12 10 8 2",
        ),
        "its header is malformed",
    ),
    "huge dimensions": (
        lambda f: changed(nifti(f / "a.nii.gz"), 40, "<4h", 3, 32000, 32000, 32000),
        TOO_MANY,
    ),
    "NRRD of huge dimensions": (
        lambda f: text_of(nrrd(f, LPS), b"12 10 8", b"30000 30000 30000"),
        TOO_MANY,
    ),
    "MetaImage of huge dimensions": (
        lambda f: text_of(by_itk(f / "a.mha"), b"12 10 8", b"30000 9000 90"),
        TOO_MANY,
    ),
    "negative dimensions": (lambda f: changed(nifti(f / "a.nii"), 40, "<4h", 3, -12, 10, 8), "a1"),
    "an empty file": (lambda f: written(f / "a.nii.gz", b""), "no NIfTI file by its header"),
    "text": (lambda f: written(f / "a.nii", NAME.encode()), "no NIfTI file by its header"),
    "a cut .nii": (lambda f: cut(nifti(f / "a.nii")), DAMAGED),
    "a cut .nii.gz": (lambda f: cut(nifti(f / "a.nii.gz"), 9), DAMAGED),
    "a header without its image": (
        lambda f: ((f / "a.img").unlink(), p)[1] if (p := pair(f, ".hdr")) else p,
        DAMAGED,
    ),
    "a flipped bit": (
        lambda f: written(f / "b.nii.gz", flip(nifti(f / "a.nii.gz").read_bytes(), -6)),
        DAMAGED,
    ),
    "a folder named .nii": (
        lambda f: ((f / "a.nii").mkdir(), f / "a.nii")[1],
        "holds no DICOM file",
    ),
    "a missing file": (lambda f: f / "a.nii.gz", DAMAGED),
    "NRRD without a space": (lambda f: nrrd(f, "spacings: 1.5 2 5\n"), UNKNOWN),
    "NRRD of no anatomy": (lambda f: nrrd(f, "space: 3D-right-handed\n" + AXES), UNKNOWN),
    "NRRD space dimension": (lambda f: nrrd(f, "space dimension: 3\n" + AXES), UNKNOWN),
    "NRRD without directions": (
        lambda f: nrrd(f, "space: left-posterior-superior\nspacings: 1.5 2 5\n"),
        UNKNOWN,
    ),
    "NRRD cut short": (lambda f: nrrd(f, LPS, data=RAW[:-50]), DAMAGED),
    "NRRD with a flipped bit": (
        lambda f: nrrd(f, LPS, "gzip", flip(gzip.compress(RAW), -6)),
        DAMAGED,
    ),
    "NRRD zipped and cut": (lambda f: nrrd(f, LPS, "gzip", gzip.compress(RAW)[:-4]), DAMAGED),
    "NRRD of too few values": (lambda f: nrrd(f, LPS, "gzip", gzip.compress(RAW[:-50])), DAMAGED),
    "NRRD that is text": (
        lambda f: written(f / "a.nrrd", b"no volume"),
        "cannot be read as a volume",
    ),
    "a .nhdr without its data": (
        lambda f: (p := by_itk(f / "a.nhdr"), [o.unlink() for o in f.iterdir() if o != p])[0],
        "whose data file is not there",
    ),
    "MetaImage without a matrix": (lambda f: meta(f, ""), UNKNOWN),
    "MetaImage cut short": (lambda f: meta(f, MATRIX, RAW[:-50]), DAMAGED),
    "MetaImage zipped and damaged": (
        lambda f: meta(f, MATRIX + "CompressedData = True\n", flip(zlib.compress(RAW), -2)),
        DAMAGED,
    ),
    "MetaImage zipped and cut": (
        lambda f: meta(f, MATRIX + "CompressedData = True\n", zlib.compress(RAW)[:-5]),
        DAMAGED,
    ),
    "a .mhd without its data": (
        lambda f: meta(f, MATRIX, b"", "a.mhd", "a.raw"),
        "whose data file is not there",
    ),
    "a .mhd of a list": (lambda f: meta(f, MATRIX, b"", "a.mhd", "LIST"), "in a list of files"),
    "a mask as a CT": (lambda f: as_mask(f), "is a mask and no image"),
    "more than a zip": (lambda f: longer(nifti(f / "a.nii.gz"), b"more"), DAMAGED),
    "more than the values": (lambda f: longer(nifti(f / "a.nii"), b"more"), MORE),
    "a slice less than the values": (
        lambda f: changed(nifti(f / "a.nii.gz"), 40, "<4h", 3, 12, 10, 7),
        MORE,
    ),
    "values that begin beyond the end": (
        lambda f: changed(nifti(f / "a.nii.gz"), 108, "<f", 100000),
        DAMAGED,
    ),
    "values that begin nowhere": (
        lambda f: changed(nifti(f / "a.nii"), 108, "<f", float("nan")),
        "header is malformed",
    ),
    "a voxel that is no number": (lambda f: with_voxel(f, np.nan), "not numbers (NaN or infinite)"),
    "an infinite voxel": (lambda f: with_voxel(f, np.inf), "not numbers (NaN or infinite)"),
    "a voxel beyond any metal": (lambda f: with_voxel(f, 40000), "a wrong sign or rescale"),
    "an infinite slope": (
        lambda f: changed(nifti(f / "a.nii"), 112, "<2f", float("inf"), 0),
        "header is malformed",
    ),
    "an intercept that is no number": (
        lambda f: changed(nifti(f / "a.nii"), 112, "<2f", 1, float("nan")),
        "header is malformed",
    ),
    "a sign lost": (
        lambda f: nifti(f / "a.nii", data=values().astype(np.uint16)),
        "a wrong sign or rescale",
    ),
    "qform and sform mirrored": (
        lambda f: changed(nifti(f / "a.nii"), 280, "<4f", -1.5, 0, 0, 16.5),
        "an axis runs two opposite ways",
    ),
    "a huge spacing": (
        lambda f: nifti(f / "a.nii", affine=np.diag([1e6, 2, 5, 1])),
        "which no CT has",
    ),
    "a tiny spacing": (
        lambda f: nifti(f / "a.nii", affine=np.diag([1e-6, 2, 5, 1])),
        "which no CT has",
    ),
    "sheared axes": (
        lambda f: nifti(f / "a.nii", (0, 1), AFFINE + np.outer([1, 0, 0, 0], [0, 0, 2, 0])),
        "not at right angles",
    ),
    "a label map as a CT": (
        lambda f: nifti(f / "a.nii", data=np.where(values() > 0, 2, 0).astype(np.uint8)),
        "as a mask is and no CT",
    ),
    "NRRD by bzip2": (lambda f: nrrd(f, LPS, "bzip2", bz2.compress(RAW)), "packed by bzip2"),
    "a packed folder": (lambda f: written(f / "a.nii.gz", b"PK\3\4" + bytes(400)), OTHER_KIND),
    "DICOM under the name": (
        lambda f: written(f / "a.nii", bytes(128) + b"DICM" + bytes(400)),
        OTHER_KIND,
    ),
    "NRRD without one direction": (
        lambda f: nrrd(f, LPS.replace("(1.5,0,0)", "none")),
        "no direction of one of its axes",
    ),
    "NRRD of a direction 0": (lambda f: nrrd(f, LPS.replace("1.5", "0")), "a1"),
    "NRRD of a direction that is no number": (lambda f: nrrd(f, LPS.replace("1.5", "nan")), "a1"),
    "NRRD of more values": (lambda f: nrrd(f, LPS, data=RAW + b"more"), MORE),
    "NRRD of another type": (
        lambda f: text_of(nrrd(f, LPS), b"type: short", b"type: float"),
        DAMAGED,
    ),
    "NRRD of an unknown type": (
        lambda f: text_of(nrrd(f, LPS), b"type: short", b"type: shot"),
        "names no type of number",
    ),
    "NRRD of an origin that is no place": (
        lambda f: nrrd(f, LPS.replace("origin: (0,0,0)", "origin: none")),
        "an origin that is not one place",
    ),
    "NRRD of two origins": (
        lambda f: nrrd(f, LPS.replace("origin: (0,0,0)", "origin: (0,0,0) (1,0,0)")),
        "an origin that is not one place",
    ),
    # ITK takes it for true, and gives back what lay in the memory.
    "MetaImage that is packed by half": (
        lambda f: meta(f, MATRIX + "CompressedData = 1 2\n"),
        "says neither True nor False",
    ),
    "MetaImage of an odd byte order": (
        lambda f: text_of(meta(f, MATRIX), b"OrderMSB = False", b"OrderMSB = Truly"),
        "says neither True nor False",
    ),
    "NRRD of no size": (lambda f: text_of(nrrd(f, LPS), b"12 10 8", b"12 x 8"), DAMAGED),
    "MetaImage of a negative spacing": (
        lambda f: text_of(meta(f, MATRIX), b"= 1.5 2", b"= -1.5 2"),
        "no positive spacing",
    ),
    "MetaImage without a spacing": (
        lambda f: text_of(meta(f, MATRIX), b"ElementSpacing = 1.5 2 5\n", b""),
        "no positive spacing",
    ),
    "MetaImage of long axes": (
        lambda f: meta(f, MATRIX.replace("1", "2")),
        "axes that are not of length 1",
    ),
    "MetaImage of five axes' numbers": (
        lambda f: meta(f, MATRIX.replace("1 0 0 0 1 0 0 0 1", "1 0 0 0 1")),
        "cannot be read as a volume",
    ),
    "MetaImage with a slope": (
        lambda f: meta(f, MATRIX + "ElementToIntensityFunctionSlope = 2\n"),
        "by a slope and an offset",
    ),
    "MetaImage with a second header": (
        lambda f: meta(f, MATRIX + "HeaderSize = 5\n"),
        "other data before its values",
    ),
    "MetaImage as text": (
        lambda f: text_of(meta(f, MATRIX), b"BinaryData = True", b"BinaryData = False"),
        "holds its values as text",
    ),
    "MetaImage of more values": (lambda f: meta(f, MATRIX, RAW + b"more"), MORE),
    "NRRD of two units": (
        lambda f: nrrd(f, RAS + 'space units: "mm" "mm" "cm"\n'),
        "names several units of length",
    ),
    "NRRD in steps of a range": (
        lambda f: nrrd(f, RAS + "old min: -1000\nold max: 3000\n"),
        "as steps of a range",
    ),
    "MetaImage of two spacings": (
        lambda f: text_of(meta(f, MATRIX), b"1.5 2 5", b"1.5 2"),
        "does not give one number an axis",
    ),
    "MetaImage of an origin of two numbers": (
        lambda f: meta(f, MATRIX.replace("Offset = 0 0 0", "Offset = 0 0")),
        "does not give one number an axis",
    ),
    "MetaImage of an origin that is no number": (
        lambda f: meta(f, MATRIX.replace("Offset = 0", "Offset = nan")),
        "an origin or a spacing that is no number",
    ),
    "MetaImage of an infinite origin": (
        lambda f: meta(f, MATRIX.replace("Offset = 0", "Position = inf")),
        "an origin or a spacing that is no number",
    ),
    "a picture's window": (
        lambda f: nifti(f / "a.nii", data=np.clip(values() + 160, 0, 255).astype(np.uint8)),
        "windowed, scaled or moved",
    ),
    "moved by 1024 and cut at 0": (
        lambda f: nifti(f / "a.nii", data=np.where(values() < -300, 0, values() + 1024)),
        "windowed, scaled or moved",
    ),
    "MetaImage that is text": (
        lambda f: written(f / "a.mha", NAME.encode()),
        "cannot be read as a volume",
    ),
}


def as_mask(folder: Path) -> Path:
    path = by_itk(folder / "a.nrrd")
    fields = b"Segment0_ID:=a\nSegment0_LabelValue:=1\nSegment0_Layer:=0\nencoding: "
    return text_of(path, b"encoding: ", fields)


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_whole_volume_is_refused(tmp_path, kind, capfd):
    make, sentence = WRONG[kind]
    path = make(tmp_path)
    with pytest.raises(InputError) as told:
        ingest_volume("a1", path)
    assert str(told.value).startswith("series a1: its CT")
    assert sentence in str(told.value)
    printed = "".join(capfd.readouterr())
    for secret in (str(tmp_path), NAME):
        assert secret not in str(told.value) + printed


@pytest.mark.parametrize("kind", WITHOUT_END)
def test_zeros_without_end_take_no_memory(tmp_path, kind):
    make, sentence = WITHOUT_END[kind]
    path = make(tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=sentence):
            ingest_volume("a1", path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The zeros alone are 134 MB.
    assert peak < 30e6


def blank(data):
    data[:, :, 3] = 0


def repeated(data):
    data[:, :, 3] = data[:, :, 2]


def turned_over(data):
    # 12 stored bits end at 2047: what is above comes out 4096 lower.
    data[4:7, 5, 5] = 900, 2500 - 4096, 900


def windowed(data):
    data[:] = np.clip(data, -250, 250)


def scaled(data):
    # Most voxels then lie between -2500 and -1200, 75 of 100 values apart.
    data[:] = np.where(data < 0, data * 3 - 1000, data)


def constant(data):
    data[:] = 0


def bright(data):
    data[5, 5, 5] = 20000


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (blank, "1 of 8 slices hold one value alone, the first of them slice 4 from the feet"),
        (repeated, "1 of 8 slices repeat the one below them"),
        (turned_over, "2 voxels far below -1024 HU touch bone or metal"),
        (constant, "All values are 0 HU"),
        (windowed, "No value lies below -250 HU"),
        (scaled, "of many values lie below -1200 HU, where no padding is"),
        (bright, "there is metal, or these are no HU"),
    ],
)
def test_values_that_no_scan_has_are_told(tmp_path, change, sentence):
    data = values()
    change(data)
    _, _, quality = ingest_volume("a1", nifti(tmp_path / "a.nii.gz", data=data))
    assert any(sentence in warning for warning in quality["warnings"]), quality["warnings"]


@pytest.mark.parametrize("kind", ["nifti", "nrrd"])
def test_a_header_that_nobody_filled_in_is_told(tmp_path, kind):
    if kind == "nifti":
        path = nifti(tmp_path / "a.nii", affine=np.eye(4))
    else:
        path = tmp_path / "a.nrrd"
        sitk.WriteImage(sitk.GetImageFromArray(values().transpose(2, 1, 0)), str(path))
    _, _, quality = ingest_volume("a1", path)
    assert "voxels of 1 mm that begin at 0, 0, 0 mm" in quality["warnings"][0]


def test_padding_of_one_value_is_no_fault(tmp_path):
    data = values()
    data[:2] = -3024
    _, _, quality = ingest_volume("a1", nifti(tmp_path / "a.nii", data=data))
    assert quality["padding_voxels"] == 160
    assert not [w for w in quality["warnings"] if "padding" in w]


def test_a_negative_slope_is_told(tmp_path):
    path = changed(nifti(tmp_path / "a.nii"), 112, "<2f", -1, 0)
    _, _, quality = ingest_volume("a1", path)
    assert "Its slope is negative" in quality["warnings"][0]


@pytest.mark.parametrize("what", ["its CT", "its reference", "its liver mask"])
def test_a_damaged_gzip_never_passes(tmp_path, what):
    random.seed(0)
    whole = nifti(tmp_path / "a.nii.gz").read_bytes()
    refused = 0
    for _ in range(40):
        content = flip(whole, random.randrange(20, len(whole) - 9))
        try:
            gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            refused += 1
            with pytest.raises(InputError, match="damaged"):
                read_volume(written(tmp_path / "b.nii.gz", content), f"series a1: {what}")
    assert refused > 30
