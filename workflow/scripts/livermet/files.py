"""Files that appear whole or not at all: written beside their place, then renamed."""

import errno
import gzip
import json
import math
import os
import re
import shutil
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from livermet.errors import InputError

# What is left on a disk where a file of some MB could not be written.
LEAST_FREE_BYTES = 2**20
# How torch and NumPy tell of a write that the system cut short, without the system's own word: of
# torch in the first two, of NumPy's arrays in the last.
CUT_SHORT = re.compile(
    r"PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+|\d+ requested and \d+ written"
)
# How a compressed file begins, and what its header and end take.
GZIP, LEAST_GZIP_BYTES = b"\x1f\x8b", 18
# Of a NIfTI-1 header: its bytes; where dimensions, bits a voxel and the first voxel's place are.
HEADER_BYTES, DIMENSIONS_AT, BITS_AT, FIRST_AT = 348, 40, 72, 108


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Return a path beside `path` of the same suffixes; rename it to `path` if the block succeeds.

    The name starts with a dot and the process id, so that globs and a second writer miss it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield beside
        if path.name.endswith(".nii.gz") and _lacks_its_end(beside):
            raise InputError(_no_room(path.parent))
        os.replace(beside, path)
    except Exception as error:
        # Now, since what has been written goes next, and its room is then free again.
        if sentence := full_disk(error, path.parent):
            raise InputError(sentence) from error
        raise
    finally:
        beside.unlink(missing_ok=True)


def full_disk(error: BaseException, folder: Path) -> str:
    """Say that an error came of a disk without room, if it did; else nothing.

    The system's own word for it counts, wherever it stands in the chain of errors, and those of
    torch and NumPy, which do not pass it on where a quota is used up; and so does a disk that has
    hardly a byte left: other libraries tell of it in words of theirs, or not at all.
    """
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, OSError) and chain.errno in (errno.ENOSPC, errno.EDQUOT):
            break
        if isinstance(chain, OSError | RuntimeError) and CUT_SHORT.search(str(chain)):
            break
        chain = chain.__cause__ or chain.__context__
    free = shutil.disk_usage(folder).free if folder.is_dir() else None
    if chain is None and (free is None or free >= LEAST_FREE_BYTES):
        return ""
    return _no_room(folder)


def _no_room(folder: Path) -> str:
    return (
        f"There is no room left for {folder} (its disk is full, or a quota is used up). Make room, "
        "or let the run's folder lie elsewhere; then run snakemake again."
    )


def _lacks_its_end(volume: Path) -> bool:
    """Tell whether a compressed NIfTI file was cut: ITK raises no error where a disk is full.

    The last four bytes of a file that is whole are the number of bytes before compression (modulo
    2**32), and the header says how many there should be. What is no such file is not looked into.
    """
    with volume.open("rb") as stream:
        first, size = stream.read(2), volume.stat().st_size
        if not GZIP.startswith(first):
            return False
        if size < LEAST_GZIP_BYTES:
            return True
        stream.seek(-4, os.SEEK_END)
        (told,) = struct.unpack("<I", stream.read(4))
    try:
        with gzip.open(volume) as stream:
            header = stream.read(HEADER_BYTES)
    except (EOFError, OSError, zlib.error):
        return True
    if len(header) < HEADER_BYTES or struct.unpack_from("<i", header)[0] != HEADER_BYTES:
        return False
    number, *sizes = struct.unpack_from("<8h", header, DIMENSIONS_AT)
    (bits,) = struct.unpack_from("<h", header, BITS_AT)
    (before,) = struct.unpack_from("<f", header, FIRST_AT)
    wanted = int(before) + math.prod(sizes[:number]) * bits // 8
    return told != wanted % 2**32


def onto_disk(path: str | Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def remove_parts(paths: Iterable[str | Path]) -> None:
    """Remove what killed writers of some files or folders have left beside them.

    Nobody may be writing them.
    """
    names: dict[Path, set[str]] = {}
    for path in map(Path, paths):
        names.setdefault(path.parent, set()).add(path.name)
    for folder, wanted in names.items():
        for beside in folder.glob(".*"):
            part = re.fullmatch(r"\.\d+\.(.+)", beside.name)
            if part and part.group(1) in wanted:
                shutil.rmtree(beside) if beside.is_dir() else beside.unlink()


def write_json(content: dict, path: str | Path) -> None:
    """Write a JSON object with sorted keys."""
    with whole_file(path) as beside:
        beside.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def read_json(path: str | Path) -> dict:
    """Read a JSON object."""
    return json.loads(Path(path).read_text())
