"""Findings: what is missing, altered or stale in a run, held against the records of its jobs."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from livermet.listing import TIMESTAMP
from livermet.provenance.origins import Job, Origins
from livermet.provenance.records import (
    VERIFIED,
    Checksums,
    hints_path,
    read_hints,
)

# What the audit writes into a run's folder.
MANIFEST = "provenance/manifest.json"
CRATE = "provenance/ro-crate-metadata.json"
PAGE = "provenance/audit.html"
WHEN = "provenance/run.html"
WORKFLOW = "provenance/Snakefile"
OWN_FILES = frozenset({MANIFEST, CRATE, PAGE, WHEN, WORKFLOW})
# What stands beside the results and is none.
NO_RESULTS = ("logs", "benchmarks", "records", "journal")
MOST_NAMED = 3


class Kind(Enum):
    """What is wrong with a file; the value follows the file's name in a sentence."""

    ALTERED = "was changed by hand after its job had written it"
    MISSING = "is not there"
    STALE = "was made from another version of files than their jobs have left"
    UNRECORDED = "has no record of how it was made, and results were made from it"
    UNKNOWN = "has no record of how it was made"
    BEHIND = "hangs on a stale file"
    TRAINED = "was trained on cases that have since changed or been withdrawn"
    LEFT = "is left over from earlier: no page shows it"


# What a run is not to have; the others are told.
FAULTS = (Kind.ALTERED, Kind.MISSING, Kind.STALE, Kind.UNRECORDED)


@dataclass(frozen=True)
class Found:
    """One file, what is wrong with it, the job that wrote it, and the files that this hangs on."""

    kind: Kind
    path: str
    job: str = ""
    because: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Name the file, what is wrong with it, and the first files that this hangs on."""
        more = len(self.because) - MOST_NAMED
        named = ", ".join(self.because[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        return f"{self.path} {self.kind.value}{f' ({named})' if named else ''}."


def known_checksums(origins: Origins) -> Checksums:
    """Return the checksums that jobs and earlier audits have taken on this machine."""
    sums = Checksums(origins.base)
    sums.learn(read_hints(origins.base / VERIFIED))
    records = Path(origins.place, "records")
    for name in origins.jobs:
        sums.learn(read_hints(origins.base / hints_path(records / f"{name}.json")))
    return sums


def examine(origins: Origins, sums: Checksums) -> list[Found]:
    """Hold every file of a run against its record; faults first, each kind by path."""
    unknown = list(_unknown(origins))
    # A record that is gone would else hide an edited file behind a note.
    read = {
        path
        for name in origins.shown
        for path, *_ in origins.jobs[name].record.inputs
        if path and path not in origins.makers
    }
    unknown = [replace(one, kind=Kind.UNRECORDED) if one.path in read else one for one in unknown]
    found = [*_written(origins, sums), *_read(origins, sums), *unknown]
    found += _behind(origins, [one for one in found if one.kind is Kind.STALE])
    order = list(Kind)
    return sorted(found, key=lambda one: (order.index(one.kind), one.path))


def _written(origins: Origins, sums: Checksums) -> Iterator[Found]:
    """Find the files that are not there, or not as their job left them."""
    for job in origins.jobs.values():
        for path, checksum in job.record.outputs.items():
            now = sums.of(f"{origins.place}/{path}")
            # Phantoms stand for raw data, which anyone may change.
            if now is None or (now != checksum and not job.is_raw):
                kind = Kind.MISSING if now is None else Kind.ALTERED
                counts = _counts(origins, job, path)
                yield Found(kind if counts else Kind.LEFT, path, job.name)


def _read(origins: Origins, sums: Checksums) -> Iterator[Found]:
    """Find the jobs that read another version of a file than there is now."""
    for job in origins.jobs.values():
        changed, lost = [], []
        for path, _, checksum in job.record.inputs:
            # A file outside of the run has no name, and is the next plan's to look at.
            if not path:
                continue
            if not origins.is_current(path):
                # A batch has lost nothing where a series is withdrawn.
                changed += [path] if job.is_network else []
                continue
            maker = origins.jobs.get(origins.makers.get(path, ""))
            if maker and not maker.is_raw:
                now = maker.record.outputs[path]
            else:
                now = sums.of(f"{origins.place}/{path}")
                if now is None and maker is None and job.name in origins.shown:
                    lost.append(path)
                    continue
            if now != checksum:
                changed.append(path)
        if not job.is_frozen:
            yield from (Found(Kind.MISSING, path) for path in lost)
        if changed:
            kind = Kind.TRAINED if job.is_frozen else Kind.STALE
            kind = kind if job.name in origins.shown else Kind.LEFT
            for path in _first_outputs(job):
                yield Found(kind, path, job.name, tuple(changed))


def _behind(origins: Origins, stale: list[Found]) -> Iterator[Found]:
    """Find what was made of stale files, step by step; a trained network stays what it is."""
    readers: dict[str, set[str]] = {}
    for name in sorted(origins.shown):
        job = origins.jobs[name]
        for maker in {origins.makers.get(path or "", "") for path, *_ in job.record.inputs}:
            if not job.is_frozen:
                readers.setdefault(maker, set()).add(name)
    first = {one.job: one.path for one in reversed(stale)}
    waiting, seen = list(first), set(first)
    while waiting:
        name = waiting.pop()
        for reader in sorted(readers.get(name, set()) - seen):
            seen.add(reader)
            waiting.append(reader)
            first[reader] = first[name]
            for path in _first_outputs(origins.jobs[reader]):
                yield Found(Kind.BEHIND, path, reader, (first[name],))


def _first_outputs(job: Job) -> list[str]:
    """Name what a job wrote; of what it made series by series the first file stands for all."""
    outputs = list(job.record.outputs)
    return outputs[:1] if job.by_series or job.is_frozen else outputs


def _counts(origins: Origins, job: Job, path: str) -> bool:
    return job.name in origins.shown and origins.is_current(path)


def _unknown(origins: Origins) -> Iterator[Found]:
    """Find the files that no record tells of."""
    made = origins.makers
    for folder, folders, files in os.walk(origins.folder):
        below = os.path.relpath(folder, origins.folder)
        prefix = "" if below == "." else f"{below}/"
        # A folder that is an output is known by all that it holds.
        folders[:] = [
            name
            for name in folders
            if not (f"{prefix}{name}" in made or (not prefix and name in NO_RESULTS))
        ]
        for name in files:
            path = f"{prefix}{name}"
            if path not in made and path not in OWN_FILES and not name.startswith((".", TIMESTAMP)):
                yield Found(Kind.UNKNOWN, path)
