"""All headers of an archive, read by several processes, each file once: the index knows the rest.

Files are read while the archive is still being walked. What crosses between processes, and what
is kept, are facts; a header stays where it was read.
"""

import logging
import os
import re
import signal
import warnings
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from livermet.archive.facts import Kept, Shared, Whitelist, from_written, written
from livermet.archive.header import FIRST_BYTES, Header, read_header
from livermet.archive.index import Index, Part
from livermet.archive.packed import kind_of, members
from livermet.archive.pseudonyms import Pseudonyms
from livermet.archive.repeats import Repeats
from livermet.archive.walk import Found, Walk
from livermet.errors import InputError
from livermet.ingest.headers import DAMAGED, LOST, NO_DICOM, UNOPENED

BATCH = 64
# Batches that wait for each process: enough to keep it at work, few enough to stop at once.
AHEAD = 3
PACKED_OTHERWISE = "packed in a way that is not read (7z, rar, gz, encrypted)"
PACKED_WITHIN = "packed within a packed file"
UNREADABLE_PACK = "a packed file that is damaged"


class Entry(NamedTuple):
    """A DICOM object of the archive: its file below it, the member of a packed one or -1.

    shared, own: what is kept of it, as the index has it.
    """

    path: str
    member: int
    shared: Shared
    own: str

    @property
    def series(self) -> str:
        """The digest of its SeriesInstanceUID; '' for none."""
        return self.shared.series

    def kept(self, number: int) -> Kept:
        """Return what is kept of it; `number` becomes that of its slices' file."""
        return from_written(self.shared.content, self.own, number)

    @property
    def folder(self) -> str:
        """The folder, or the packed file, that the object lies in."""
        return os.path.dirname(self.path) if self.member < 0 else self.path


@dataclass
class Reading:
    """What was read of an archive.

    root: the folder that the entries' paths begin at. files: how many files were found. fresh: how
    many of them were opened in this run.
    passed_over: how many files are no DICOM object, by the reason. lost: by folder or packed file
    (below the archive), how many files may have been slices. blocked: folders that cannot be
    opened. others: folder and pattern of the names of files that are no DICOM, in which a
    portal's page that was stored for a slice is known by its name.
    """

    root: Path
    entries: list[Entry] = field(default_factory=list)
    files: int = 0
    fresh: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    blocked: int = 0
    others: set[tuple[str, str]] = field(default_factory=set)
    # One copy of each, which processes give again and again.
    _shared: dict[Shared, Shared] = field(default_factory=dict)

    def take(self, path: str, parts: Sequence[Part]) -> None:
        """Add what was read of a file."""
        for part in parts:
            if part.shared:
                shared = self._shared.setdefault(part.shared, part.shared)
                self.entries.append(Entry(path, part.member, shared, part.own))
            elif part.reason:
                self.passed_over[part.reason] += 1
                if part.reason == NO_DICOM and part.member == -1:
                    self.others.add((os.path.dirname(path), pattern_of(path)))
                if part.reason in (*LOST, UNREADABLE_PACK):
                    packed = part.member != -1 or part.reason == UNREADABLE_PACK
                    self.lost[path if packed else os.path.dirname(path)] += 1


def unread(reading: Reading, but: Collection[str] = ()) -> list[str]:
    """Say how many files and folders were passed over, and why; not those of the reasons `but`."""
    told = []
    reasons = [
        (word, count) for word, count in reading.passed_over.most_common() if word not in but
    ]
    if reasons:
        named = ", ".join(f"{word} {count:,}" for word, count in reasons)
        told.append(f"Files passed over: {named}.")
    if reading.blocked:
        told.append(
            f"{reading.blocked:,} folders cannot be opened; ask for the right to read them, and "
            "run the same command again."
        )
    return told


def pattern_of(path: str) -> str:
    """Return a file's name with # for each number in it, as ingestion compares names."""
    return re.sub(r"[0-9]+", "#", os.path.basename(path))


Progress = Callable[[int, int], None]


def read_archive(
    archive: Path,
    pseudonyms: Pseudonyms,
    index_path: Path,
    processes: int,
    without: Sequence[Path] = (),
    progress: Progress = lambda done, known: None,
) -> Reading:
    """Read the headers of all files below a folder, or of a packed file.

    `progress` is told how many files are done, and how many of them were known from the index.
    Folders `without` are not entered. Raises InputError where the index cannot be written, and
    where a process was ended from outside.
    """
    reading = Reading(archive if archive.is_dir() else archive.parent)
    walk = Walk(archive, tuple(without))
    index = Index(index_path, pseudonyms.key("index"))
    try:
        with told_if_ended(), _Readers(reading.root, pseudonyms, processes) as submit:
            for batch, parts in _in_order(_batches(walk, index, submit), AHEAD * processes):
                _take(reading, index, batch, parts)
                progress(reading.files, reading.files - reading.fresh)
    finally:
        index.close()
    reading.blocked = walk.blocked
    reading.files += len(walk.lost)
    for path in walk.lost:
        reading.take(path, [Part(-1, reason=UNOPENED)])
    return reading


@contextmanager
def told_if_ended() -> Iterator[None]:
    """Turn the end of one of several processes into an InputError."""
    try:
        yield
    except BrokenProcessPool:
        raise InputError(
            "A process that read headers was ended from outside, perhaps for want of memory. What "
            "was read is kept: run the same command again, with fewer processes (--processes)."
        ) from None


def begin_process() -> None:
    """Leave it to the process that the user started to tell the others when to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@dataclass
class _Batch:
    """Files one after the other, each known from the index or read by the job."""

    files: list[tuple[Found, bytes]]
    known: dict[int, list[Part]]
    job: Callable[[], list[list[Part]]]


def _batches(walk: Walk, index: Index, submit: Callable) -> Iterator[_Batch]:
    files: list[tuple[Found, bytes]] = []
    known: dict[int, list[Part]] = {}

    def batch() -> _Batch:
        new = [(one.path, one.size) for n, (one, _) in enumerate(files) if n not in known]
        return _Batch(files, known, submit(new) if new else list)

    for found in walk.files():
        key = index.key_of(os.fsencode(found.path))
        parts = index.known(key, found.size, found.changed)
        if parts is not None:
            known[len(files)] = parts
        files.append((found, key))
        # Known files cost nothing: only the new ones fill a batch.
        if len(files) - len(known) >= BATCH or len(files) >= 32 * BATCH:
            yield batch()
            files, known = [], {}
    if files:
        yield batch()


def _in_order(batches: Iterator[_Batch], ahead: int) -> Iterator[tuple[_Batch, list[list[Part]]]]:
    """Give the batches with what was read of them, in their order; a few are read ahead."""
    waiting: deque[_Batch] = deque()
    for batch in batches:
        waiting.append(batch)
        if len(waiting) > ahead:
            first = waiting.popleft()
            yield first, first.job()
    while waiting:
        first = waiting.popleft()
        yield first, first.job()


def _take(reading: Reading, index: Index, batch: _Batch, read: list[list[Part]]) -> None:
    fresh = iter(read)
    rows = []
    for number, (found, key) in enumerate(batch.files):
        parts = batch.known.get(number)
        if parts is None:
            parts = next(fresh)
            reading.fresh += 1
            # A file that could not be opened may be opened the next time.
            if all(part.reason != UNOPENED for part in parts):
                rows.append((key, found.size, found.changed, parts))
        reading.files += 1
        reading.take(found.path, parts)
    if rows:
        index.add(rows)


# The processes that read.


class _Readers:
    """Processes that read headers; with one process, this one."""

    def __init__(self, root: Path, pseudonyms: Pseudonyms, processes: int) -> None:
        self._given = (root, pseudonyms)
        self._pool = (
            ProcessPoolExecutor(processes, initializer=_begin, initargs=(*self._given, True))
            if processes > 1
            else None
        )

    def __enter__(self) -> Callable[[list[tuple[str, int]]], Callable[[], list[list[Part]]]]:
        if self._pool is None:
            _begin(*self._given, False)
        return self._submit

    def _submit(self, files: list[tuple[str, int]]) -> Callable[[], list[list[Part]]]:
        if self._pool is None:
            return lambda: _read_files(files)
        future: Future = self._pool.submit(_read_files, files)
        return future.result

    def __exit__(self, *error) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


class _Reader(NamedTuple):
    root: str
    whitelist: Whitelist
    repeats: Repeats


_READER: list[_Reader] = []


def _begin(root: Path, pseudonyms: Pseudonyms, alone: bool) -> None:
    if alone:
        begin_process()
        warnings.simplefilter("ignore")
    # A warning would quote the value that it complains about.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    whitelist = Whitelist(pseudonyms)
    _READER[:] = [_Reader(str(root), whitelist, Repeats(whitelist))]


def _read_files(files: list[tuple[str, int]]) -> list[list[Part]]:
    (reader,) = _READER
    return [_read_file(reader, path, size) for path, size in files]


def _read_file(reader: _Reader, path: str, size: int) -> list[Part]:
    place = os.path.join(reader.root, path)
    try:
        # On a network drive each call is waited for: one read tells of most files.
        opened = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            begin = os.read(opened, FIRST_BYTES)
            if repeated := reader.repeats.read(begin, size):
                return [Part(-1, *repeated)]
            name = os.path.basename(path)
            kind = kind_of(begin, name)
            if kind == "other":
                return [Part(-1, reason=PACKED_OTHERWISE)]
            if not kind:
                with open(opened, "rb", buffering=0, closefd=False) as stream:
                    return [_part(reader, -1, read_header(stream, size, name, begin), begin)]
        finally:
            os.close(opened)
    except OSError:
        return [Part(-1, reason=UNOPENED)]
    # What a file leads pydicom to, beyond what ingestion has met.
    except Exception:
        return [Part(-1, reason=DAMAGED)]
    return _read_members(reader, Path(place), kind)


def _read_members(reader: _Reader, place: Path, kind: str) -> list[Part]:
    parts: list[Part] = []
    try:
        for one in members(place, kind):
            if one is None:
                parts.append(Part(-2 - len(parts), reason=PACKED_OTHERWISE))
                continue
            begin = one.stream.read(FIRST_BYTES)
            if repeated := reader.repeats.read(begin, one.size):
                parts.append(Part(one.number, *repeated))
                continue
            if kind_of(begin, one.name):
                parts.append(Part(one.number, reason=PACKED_WITHIN))
                continue
            header = read_header(one.stream, one.size, one.name, begin)
            parts.append(_part(reader, one.number, header, begin))
    # What is wrong in a packed file, or in a member, beyond what ingestion has met.
    except Exception:
        parts.append(Part(-1, reason=UNREADABLE_PACK))
    return parts or [Part(-1, reason="a packed file without files")]


def _part(reader: _Reader, member: int, header: Header | str, begin: bytes) -> Part:
    if isinstance(header, str):
        return Part(member, reason=header)
    shared, own = written(reader.whitelist.kept_of(header))
    if header.walked:
        reader.repeats.learn(begin, header.walked, shared)
    return Part(member, shared, own)
