"""The files below an archive's folder, while they are found; links are followed, circles end."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class Found(NamedTuple):
    """A file of the archive: where it lies below it, its size and the time it was changed (ns)."""

    path: str
    size: int
    changed: int


@dataclass
class Walk:
    """A walk through an archive in the names' order; what cannot be opened is counted.

    blocked: folders that cannot be opened. lost: files that cannot be reached, such as links that
    lead nowhere; their paths below the archive.
    """

    archive: Path
    without: tuple[Path, ...] = ()
    blocked: int = 0
    lost: list[str] = field(default_factory=list)

    def files(self) -> Iterator[Found]:
        """Give each file once it is found; the folders `without` are not entered."""
        # The archive itself may be where tables are written to.
        entered = {place for folder in self.without if (place := _place_of(folder))}
        entered.discard(_place_of(self.archive) or (0, 0))
        if self.archive.is_dir():
            yield from self._below(str(self.archive), "", entered)
        elif found := self._file(str(self.archive), self.archive.name):
            yield found

    def _below(self, top: str, start: str, entered: set[tuple[int, int]]) -> Iterator[Found]:
        # No recursion: an archive may be of any depth.
        waiting = [start]
        while waiting:
            below = waiting.pop()
            folder = os.path.join(top, below) if below else top
            place = _place_of(folder)
            if place in entered:
                continue
            if place:
                entered.add(place)
            try:
                with os.scandir(folder) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError:
                self.blocked += 1
                continue
            folders = []
            for entry in found:
                path = os.path.join(below, entry.name)
                if _is_folder(entry):
                    folders.append(path)
                elif one := self._file(entry.path, path):
                    yield one
            waiting += reversed(folders)

    def _file(self, place: str, path: str) -> Found | None:
        try:
            facts = os.stat(place)
        except OSError:
            self.lost.append(path)
            return None
        if not stat.S_ISREG(facts.st_mode):
            # A pipe or a device would never end.
            return None
        return Found(path, facts.st_size, facts.st_mtime_ns)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _place_of(folder: str | Path) -> tuple[int, int] | None:
    try:
        facts = os.stat(folder)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
