"""The index file: what has been read of an archive, so that a later run reads only what is new.

A file is known by a keyed digest of its path below the archive, its size and its time; what the
index holds of it are facts (`livermet.archive.facts`). Neither a path nor a header's text is in it.
It is an SQLite database, written by one process; what was read is safe every few seconds.
"""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from livermet import __version__
from livermet.archive.facts import Shared
from livermet.archive.header import OF_A_SHEET, REFERRING
from livermet.errors import InputError
from livermet.ingest.headers import TAGS

# Grows with every change of what facts are.
FORMAT = 4
SECONDS_BETWEEN_COMMITS = 2.0
# What every SQLite file begins with.
SQLITE = b"SQLite format 3"


class Part(NamedTuple):
    """What was read of a file, or of a member of a packed file.

    member: its number within the packed file, -1 for a file itself. shared, own: what is kept of
    it (`livermet.archive.facts.written`); None and '' for what is no DICOM object, and then
    `reason` says why.
    """

    member: int
    shared: Shared | None = None
    own: str = ""
    reason: str = ""


Row = tuple[bytes, int, int, Sequence[Part]]


class Index:
    """An index file, opened; one of another secret or version is begun anew."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._key = key
        self._written = time.monotonic()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._base = self._opened(path)
            self._shared = self._read_shared()
            self._known = self._read_all()
            self._stale: set[bytes] = set()
        except (OSError, sqlite3.Error):
            raise InputError(
                f"The index {path} cannot be written; is another `livermet sheet` at work, or the "
                "disk full? Name another place with --index."
            ) from None

    def _opened(self, path: Path) -> sqlite3.Connection:
        if path.exists() and path.stat().st_size and not _begins_as_database(path):
            raise InputError(f"{path} is no index of livermet; name another place with --index.")
        base = sqlite3.connect(path, timeout=5, isolation_level=None)
        os.chmod(path, 0o600)
        base.execute("PRAGMA locking_mode=EXCLUSIVE")
        base.execute("BEGIN IMMEDIATE")
        tables = {name for (name,) in base.execute("SELECT name FROM sqlite_master")}
        if tables and not {"about", "parts"} <= tables:
            raise InputError(f"{path} is no index of livermet; name another place with --index.")
        mark = hashlib.blake2b(
            json.dumps([FORMAT, __version__, *TAGS, *OF_A_SHEET, *REFERRING]).encode(),
            key=self._key,
            digest_size=16,
        ).hexdigest()
        if tables and base.execute("SELECT mark FROM about").fetchall() == [(mark,)]:
            return base
        for table in tables & {"about", "shared", "parts"}:
            base.execute(f"DROP TABLE {table}")
        base.execute("CREATE TABLE about (mark TEXT)")
        base.execute("CREATE TABLE shared (number INTEGER PRIMARY KEY, series TEXT, content TEXT)")
        base.execute(
            "CREATE TABLE parts (key BLOB, member INT, size INT, time INT, shared INT, own TEXT, "
            "reason TEXT, PRIMARY KEY (key, member)) WITHOUT ROWID"
        )
        base.execute("INSERT INTO about VALUES (?)", (mark,))
        return base

    def key_of(self, path: bytes) -> bytes:
        """Return the digest that a path, relative to the archive, is known by."""
        return hashlib.blake2b(path, key=self._key, digest_size=16).digest()

    def known(self, key: bytes, size: int, changed: int) -> list[Part] | None:
        """Return what was read of a file, None if it is new or has changed."""
        found = self._known.pop(key, None)
        if found and found[:2] == (size, changed):
            return found[2]
        if found:
            self._stale.add(key)
        return None

    def _read_shared(self) -> dict[Shared, int]:
        rows = self._base.execute("SELECT number, series, content FROM shared")
        return {Shared(series, content): number for number, series, content in rows}

    def _read_all(self) -> dict[bytes, tuple[int, int, list[Part]]]:
        """Read what is known: one look for all is faster than one a file."""
        known: dict[bytes, tuple[int, int, list[Part]]] = {}
        shared = {number: one for one, number in self._shared.items()}
        rows = self._base.execute(
            "SELECT key, size, time, member, shared, own, reason FROM parts ORDER BY key, member"
        )
        for key, size, changed, member, number, own, reason in rows:
            part = Part(member, shared.get(number), own, reason)
            known.setdefault(key, (size, changed, []))[2].append(part)
        return known

    def add(self, rows: Iterable[Row]) -> None:
        """Keep what was read of files that are not known: key, size, time, parts."""
        rows = list(rows)
        stale = [(row[0],) for row in rows if row[0] in self._stale]
        self._base.executemany("DELETE FROM parts WHERE key=?", stale)
        self._base.executemany(
            "INSERT INTO parts VALUES (?,?,?,?,?,?,?)",
            [
                (key, member, size, changed, self._number_of(shared), own, reason)
                for key, size, changed, parts in rows
                for member, shared, own, reason in parts
            ],
        )
        if time.monotonic() - self._written > SECONDS_BETWEEN_COMMITS:
            self.save()

    def _number_of(self, shared: Shared | None) -> int | None:
        if shared is None:
            return None
        number = self._shared.get(shared)
        if number is None:
            number = self._shared[shared] = len(self._shared) + 1
            self._base.execute("INSERT INTO shared VALUES (?,?,?)", (number, *shared))
        return number

    def save(self) -> None:
        """Make safe what was added."""
        with suppress(sqlite3.OperationalError):
            self._base.execute("COMMIT")
        self._base.execute("BEGIN IMMEDIATE")
        self._written = time.monotonic()

    def close(self) -> None:
        """Make safe what was added, and close the file."""
        with suppress(sqlite3.OperationalError):
            self._base.execute("COMMIT")
        self._base.close()


def _begins_as_database(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(SQLITE)) == SQLITE
