"""Files that appear whole or not at all: written beside their place, then renamed."""

import errno
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from livermet.errors import InputError

# What is left on a disk where a file of some MB could not be written.
LEAST_FREE_BYTES = 2**20


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

    The system's own word for it counts, wherever it stands in the chain of errors, and so does a
    disk that has hardly a byte left: libraries tell of it in their own words, or not at all.
    """
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, OSError) and chain.errno in (errno.ENOSPC, errno.EDQUOT):
            break
        chain = chain.__cause__ or chain.__context__
    free = shutil.disk_usage(folder).free if folder.is_dir() else None
    if chain is None and (free is None or free >= LEAST_FREE_BYTES):
        return ""
    return (
        f"There is no room left for {folder} (its disk is full, or a quota is used up). Make room, "
        "or let the run's folder lie elsewhere; then run snakemake again."
    )


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
