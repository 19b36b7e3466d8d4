"""Packed files, zip and tar: their members are read in place and taken out one by one."""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

# What members raise that are damaged, encrypted or packed in a way that Python has no code for (the
# last two are kinds of RuntimeError).
FAULTS = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
)
ZIP_MAGIC = b"PK\x03\x04"
GZIP_MAGIC, BZIP_MAGIC, XZ_MAGIC = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
# Zip files of another purpose.
DOCUMENTS = (".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".jar", ".npz", ".whl", ".apk")
TARS = (".tar.gz", ".tgz")
VOLUMES = (".nii.gz", ".mgz", ".nrrd.gz")
NOT_READ = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07")


class Member(NamedTuple):
    """A file within a packed file: its number, from 0, its name, its size, and its bytes."""

    number: int
    name: str
    size: int
    stream: BinaryIO


def kind_of(begin: bytes, name: str) -> str:
    """Return 'zip', 'tar' or '' by a file's first 512 bytes; 'other' for 7z, rar and a lone gz."""
    lower = name.lower()
    if begin.startswith(ZIP_MAGIC):
        return "" if lower.endswith(DOCUMENTS) else "zip"
    if begin.startswith(NOT_READ):
        return "other"
    if begin[TAR_MAGIC_AT : TAR_MAGIC_AT + 5] == TAR_MAGIC:
        return "tar"
    if begin.startswith((GZIP_MAGIC, BZIP_MAGIC, XZ_MAGIC)):
        if lower.endswith(VOLUMES):
            return ""
        return "other" if _is_lone_gzip(begin) and not lower.endswith(TARS) else "tar"
    return ""


def _is_lone_gzip(begin: bytes) -> bool:
    """Tell whether gzip holds a single file, such as a slice, and no tar."""
    try:
        held = zlib.decompressobj(31).decompress(begin, 512)
    except zlib.error:
        return False
    return held[TAR_MAGIC_AT : TAR_MAGIC_AT + 5] != TAR_MAGIC


def members(path: Path, kind: str, only: Collection[int] | None = None) -> Iterator[Member | None]:
    """Give the members of a packed file in their order; None for one that cannot be read.

    With `only`, those of these numbers. Raises one of `FAULTS` where the packed file itself cannot
    be read, or its rest.
    """
    if kind == "zip":
        with zipfile.ZipFile(path) as archive:
            for number, facts in enumerate(archive.infolist()):
                if facts.is_dir() or (only is not None and number not in only):
                    continue
                try:
                    with archive.open(facts) as stream:
                        yield Member(number, _last(facts.filename), facts.file_size, stream)  # type: ignore[arg-type]
                except FAULTS:
                    yield None
        return
    with tarfile.open(path) as packed:
        for number, one in enumerate(packed):
            if not one.isreg() or (only is not None and number not in only):
                continue
            content = packed.extractfile(one)
            if content is not None:
                yield Member(number, _last(one.name), one.size, content)  # type: ignore[arg-type]


def _last(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]
