"""A folder of its own for each usable series, under its new name: links to the archive's files.

Neither the folders' nor the links' names hold anything of the archive's. A link leads to where the
file lies, so that the folder belongs on the machine, or the drive, that holds the archive. Members
of packed files are taken out, those of usable series alone.
"""

import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from livermet.archive.draft import Placed, reference_file, references_folder
from livermet.archive.packed import FAULTS, kind_of, members
from livermet.archive.reading import Entry
from livermet.errors import InputError
from livermet.ingest.headers import SLICE_NAME, slice_name

# As before names told how many files there are; these are laid anew.
OURS = re.compile(rf"\d{{4,}}\.dcm|{SLICE_NAME.pattern}")


def lay_out(
    placed: Sequence[Placed],
    entries: Sequence[Entry],
    root: Path,
    folder: Path,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Make the folders of series and the links to references below `folder`.

    `root` is the folder that the entries' paths begin at.
    What lies there as it has to be is left as it is. Raises InputError for a folder that holds
    anything else than earlier links of this function, and for a packed file that has changed.
    """
    wanted: dict[Path, Entry] = {}
    folders: set[Path] = set()
    for one in placed:
        places = _places(folder / one.name, len(one.numbers))
        folders.add(folder / one.name)
        wanted |= {place: entries[n] for place, n in zip(places, one.numbers, strict=True)}
        if len(one.references) == 1:
            wanted[folder / reference_file(one.name)] = entries[one.references[0].number]
        elif one.references:
            beside = folder / references_folder(one.name)
            folders.add(beside)
            places = _places(beside, len(one.references))
            wanted |= {
                place: entries[reference.number]
                for place, reference in zip(places, one.references, strict=True)
            }
    for beside in sorted(folders):
        _prepare(beside)
    done = 0
    packed: dict[str, dict[int, Path]] = defaultdict(dict)
    kept: dict[Path, set[str]] = defaultdict(set)
    for place, entry in wanted.items():
        kept[place.parent].add(place.name)
        if entry.member >= 0:
            packed[entry.path][entry.member] = place
            continue
        _link(place, os.path.abspath(root / entry.path))
        done += 1
        progress(done)
    for path, taken in packed.items():
        _take_out(root / path, taken)
        done += len(taken)
        progress(done)
    for beside in folders:
        _remove_others(beside, kept[beside])


def _places(folder: Path, count: int) -> list[Path]:
    return [folder / slice_name(number, count) for number in range(1, count + 1)]


def _prepare(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder} is no folder; move it away, or name another --data-root.")
    folder.mkdir(parents=True, exist_ok=True)
    strange = [name for name in os.listdir(folder) if not OURS.fullmatch(name.lstrip("."))]
    if strange:
        raise InputError(
            f"{folder} holds files that livermet did not lay there; move them away, or name "
            "another --data-root."
        )


def _link(place: Path, target: str) -> None:
    with suppress(OSError):
        if os.readlink(place) == target:
            return
    beside = place.with_name(f".{place.name}")
    beside.unlink(missing_ok=True)
    os.symlink(target, beside)
    os.replace(beside, place)


def _take_out(path: Path, places: dict[int, Path]) -> None:
    """Take members out of a packed file; those that lie there since it was changed stay."""
    changed = os.stat(path).st_mtime_ns
    lacking = {n: place for n, place in places.items() if not _is_of(place, changed)}
    if not lacking:
        return
    with path.open("rb") as stream:
        kind = kind_of(stream.read(512), path.name)
    try:
        for one in members(path, kind, lacking.keys()):
            if one is None:
                continue
            place = lacking.pop(one.number)
            beside = place.with_name(f".{place.name}")
            with beside.open("wb") as stream:
                shutil.copyfileobj(one.stream, stream)
            # The time of the packed file says later that it was taken out of this one.
            os.utime(beside, ns=(changed, changed))
            os.replace(beside, place)
    except FAULTS as error:
        if isinstance(error, OSError) and error.errno:
            raise
        lacking = lacking or places
    if lacking:
        raise InputError(
            f"{len(lacking)} files of a packed file cannot be taken out of it; it is damaged, or "
            "has changed while it was read: copy it again, and run the same command."
        )


def _is_of(place: Path, changed: int) -> bool:
    try:
        facts = os.lstat(place)
    except OSError:
        return False
    return not place.is_symlink() and facts.st_mtime_ns == changed


def _remove_others(folder: Path, names: Iterable[str]) -> None:
    for other in set(os.listdir(folder)) - set(names):
        (folder / other).unlink()
