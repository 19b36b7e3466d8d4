"""The files below a folder, in one order for all who read them, whatever their names are."""

import os
from dataclasses import dataclass
from pathlib import Path

# Snakemake lays it into folders that rules make, and writes it anew.
TIMESTAMP = ".snakemake_timestamp"


@dataclass(frozen=True)
class Listing:
    """The files below a folder in the order of their names; how many folders cannot be opened."""

    files: list[Path]
    blocked: int


def list_files(place: str | Path) -> Listing:
    """List the files below a folder, or the file itself; links that lead nowhere are among them.

    Links to folders are followed, but no folder is entered twice, so that links in a circle end.
    """
    place = Path(place)
    if not place.is_dir():
        return Listing([place] if os.path.lexists(place) else [], 0)
    files: list[Path] = []
    blocked: list[OSError] = []
    entered = set()
    for folder, folders, names in os.walk(place, followlinks=True, onerror=blocked.append):
        facts = os.stat(folder)
        if (facts.st_dev, facts.st_ino) in entered:
            folders.clear()
            continue
        entered.add((facts.st_dev, facts.st_ino))
        folders.sort()
        files += [Path(folder, name) for name in names if name != TIMESTAMP]
    return Listing(sorted(files), len(blocked))
