"""Origins: which job made each file of a run and of what, read from the run's folder alone."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from livermet.errors import InputError
from livermet.provenance.journal import Journal, environment_path, journal_path, read_journal
from livermet.provenance.records import (
    BY_SERIES,
    FROZEN,
    NETWORK,
    RAW,
    Record,
    read_hints,
    read_record,
)

SETTINGS = "provenance/settings.json"
A_PATH = "(a path of the machine)"
# Where a path of the machine begins in a text: /x, ~/, ../, C:\, \\server or file:/, after nothing,
# a blank or what stands before a value.
PATH = re.compile(
    r"""(?:^|[\s'"=:,;([])(?:file:)?(?:/+[^/\s]|~[\w/]*/|~$|\.\./|[A-Za-z]:[\\/]|\\\\)"""
)
URL = re.compile(r"\b(?:https?|doi):\S+")
# What DICOM headers and sheets say of a person or a scanner, by the names of columns and params.
OF_HEADERS = frozenset(
    {
        *("age", "body_part", "contrast_agent", "kernel", "kvp", "manufacturer", "sample_date"),
        *("sex", "study_date"),
    }
)
NOT_TOLD = "(of a header or a sheet)"


@dataclass(frozen=True)
class Job:
    """A job that has ended: its name is its record's path below `records/`."""

    name: str
    record: Record
    journal: Journal | None

    @property
    def step(self) -> str:
        """The rule, or what the rules are called that were made in a loop."""
        return self.name.partition("/")[0]

    @property
    def by_series(self) -> Mapping[str, Any]:
        """The series that a job works through one by one, if it does."""
        return self.record.params.get(BY_SERIES, {})

    @property
    def is_network(self) -> bool:
        """Whether it trained a network: what came of it stays, whatever happens to its cases."""
        return NETWORK in self.record.params

    @property
    def is_frozen(self) -> bool:
        """Whether it trained a network, or planned for one."""
        return bool(FROZEN & self.record.params.keys())

    @property
    def is_raw(self) -> bool:
        """Whether it made phantoms in the place of raw data."""
        return RAW in self.record.params


@dataclass(frozen=True)
class Origins:
    """All jobs of a run by name, and what the run was told to do; paths begin at its folder."""

    folder: Path
    jobs: dict[str, Job]
    settings: dict[str, Any]

    @property
    def base(self) -> Path:
        """The folder that snakemake ran in."""
        return self.folder.parents[min(1, len(self.folder.parents) - 1)]

    @property
    def place(self) -> str:
        """The run's folder as snakemake called it."""
        return "/".join(self.folder.parts[-2:])

    @cached_property
    def makers(self) -> dict[str, str]:
        """The job that wrote each file: {path: job}."""
        return {path: name for name, job in self.jobs.items() for path in job.record.outputs}

    @cached_property
    def series(self) -> list[str]:
        """The series of the study; where that is not known yet, those that jobs worked on."""
        if "series" in self.settings:
            return self.settings["series"]
        return sorted(self._worked_on)

    @cached_property
    def known_series(self) -> set[str]:
        """The series of the study, and those that have been withdrawn."""
        return self._worked_on | self._current

    @cached_property
    def _worked_on(self) -> set[str]:
        found = {path.split("/")[1] for path in self.makers if path.startswith("series/")}
        return found.union(*(job.by_series for job in self.jobs.values()))

    def is_current(self, path: str) -> bool:
        """Tell whether a file is of no series, or of one that the study still has."""
        series = self.series_of(path)
        return series is None or series in self._current

    @cached_property
    def _current(self) -> set[str]:
        return set(self.series)

    def series_of(self, path: str) -> str | None:
        """Return the series whose a file is, by its name."""
        for part in path.split("/"):
            for name in (part, part.partition(".")[0]):
                if name in self.known_series:
                    return name
        return None

    @cached_property
    def environments(self) -> dict[str, dict]:
        """The lists of installed packages that journals name, by their digests."""
        names = {job.journal.environment for job in self.jobs.values() if job.journal}
        place = journal_path(Path(self.place, "records", "any"))
        return {
            name: read_hints(self.base / environment_path(place, name)) for name in sorted(names)
        }

    @cached_property
    def shown(self) -> set[str]:
        """The jobs behind what is made for readers; all where none of that is there yet."""
        targets = {*self.settings.get("targets", []), SETTINGS}
        waiting = {self.makers[path] for path in targets if path in self.makers}
        if not waiting - {self.makers.get(SETTINGS)}:
            return set(self.jobs)
        found: set[str] = set()
        while waiting:
            name = waiting.pop()
            found.add(name)
            makers = (self.makers.get(path or "") for path, *_ in self.jobs[name].record.inputs)
            waiting |= {maker for maker in makers if maker} - found
        return found


def read_origins(folder: str | Path) -> Origins:
    """Read the records and journals of a run.

    Raises InputError where the folder holds no record.
    """
    # A link is not followed: what was read before is known by the name that snakemake used.
    folder = Path(os.path.abspath(folder))
    jobs = {job.name: job for job in _jobs(folder)}
    if not jobs:
        raise InputError(
            f"There is no record of a job in {folder.name}; name the folder of a run, "
            "results/ and the key 'run' of its config."
        )
    return Origins(folder, jobs, as_told(read_hints(folder / SETTINGS)))


def _jobs(folder: Path) -> Iterator[Job]:
    for place in sorted((folder / "records").rglob("*.json")):
        name = place.relative_to(folder / "records")
        record = read_record(place)
        # A name that begins with a dot is what a killed job has left.
        if record and not name.name.startswith("."):
            # Phantoms may lie elsewhere, in the place of raw data.
            inside = {
                path: checksum
                for path, checksum in record.outputs.items()
                if not os.path.isabs(path)
            }
            record = replace(record, outputs=inside)
            journal = read_journal(folder / "journal" / name)
            yield Job(str(name.with_suffix("")), record, journal)


def as_told(value: Any) -> Any:
    """Return params or settings with words in the place of paths and of what headers say."""
    if isinstance(value, dict):
        return {
            as_told(name): NOT_TOLD if name in OF_HEADERS and one else as_told(one)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [as_told(one) for one in value]
    is_path = isinstance(value, str) and PATH.search(URL.sub("", value))
    return A_PATH if is_path else value
