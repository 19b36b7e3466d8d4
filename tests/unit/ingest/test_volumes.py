"""Volumes from files as archives hold them: damaged, without orientation, in every spelling."""

import gzip
import random
import struct
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


AXES = "space directions: (1.5,0,0) (0,2,0) (0,0,5)\nspace origin: (0,0,0)\n"
LPS = "space: left-posterior-superior\n" + AXES


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
DAMAGED = "damaged or cut short"


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
        "must be positive",
    ),
    "huge dimensions": (
        lambda f: changed(nifti(f / "a.nii.gz"), 40, "<4h", 3, 32000, 32000, 32000),
        DAMAGED,
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


@pytest.mark.parametrize("what", ["its CT", "its reference", "its liver mask"])
def test_a_damaged_gzip_never_passes(tmp_path, what):
    random.seed(0)
    whole = nifti(tmp_path / "a.nii.gz").read_bytes()
    refused = 0
    for _ in range(40):
        content = flip(whole, random.randrange(20, len(whole) - 9))
        try:
            gzip.decompress(content)
        except Exception:
            refused += 1
            with pytest.raises(InputError, match="damaged"):
                read_volume(written(tmp_path / "b.nii.gz", content), f"series a1: {what}")
    assert refused > 30
