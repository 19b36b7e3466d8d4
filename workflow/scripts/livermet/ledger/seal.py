"""The ledger's seal: what `make assign` wrote, line by line, so that other hands are noticed.

`seal.tsv` lies beside the ledger's tables and has one row for each of their data lines: the file,
the line's number as an editor counts it (the header is line 1), and the first 16 hex digits of the
SHA-256 of its text. It grows only at its end. What git has committed stands behind it: a seal that
does not begin with the committed one has been rewritten.

The hashes are not chained. Without a chain each line is known by its own hash wherever it stands,
so that the lines that moved, changed or went can be named. A chain would notice somebody who
exchanges two lines in a table and in the seal alike, but that person can as well compute a chain
again: no seal without a secret key holds against intent. The committed seal does notice it, and
beyond that a change of the ledger is a commit that others can read.
"""

import hashlib
import io
import subprocess
import tarfile
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath

import pandas as pd

from livermet.contracts import COUNT, TEXT, Column, Contract
from livermet.errors import stop_on
from livermet.tables import write_table

SEAL = "seal.tsv"
DIGITS = 16
FIRST_LINE = 2
# Folders of the ledger's that have a table a name.
NAMED = ("training_sets", "scorings", "scores")
MOST_RUNS = 5
SEALED = Contract(
    files=(SEAL,),
    row="a line of a table of the ledger, its header left out",
    columns=(
        Column("file", TEXT, "the table, as a path in the folder of the ledger"),
        Column("line", COUNT, "number of the line; the header is line 1", low=FIRST_LINE),
        Column("sha256", TEXT, f"first {DIGITS} digits of the SHA-256 of the line"),
    ),
    key=("file", "line"),
)

# Data lines of the ledger's files: name below the ledger's folder to (number, digest) in order.
Lines = dict[str, list[tuple[int, str]]]


def alterations(folder: str | Path, unfinished: bool = False) -> list[str]:
    """Say what in a ledger's folder is not as `make assign` wrote it, one sentence a file.

    The seal knows every line. Where git has a committed version, the seal must begin with it.
    Where there is no seal, the tables of an earlier livermet must begin with the committed ones.
    Where there is neither a seal nor a commit (or no git, or git refuses to read the folder),
    nothing can be known and nothing is said. What has been committed is believed.

    `unfinished` accepts tables that end before the seal does, as an interrupted `make assign`
    leaves them.
    """
    folder = Path(folder)
    present, committed = _texts(folder), _committed_texts(folder)
    tables = _of_tables(present)
    if SEAL in present:
        seal, problems = _parsed(present[SEAL], folder)
        # Most often the seal begins with the committed one as it stands, and no line is looked at.
        if not problems and not (SEAL in committed and present[SEAL].startswith(committed[SEAL])):
            problems = [
                f"{folder / SEAL} has been rewritten since its last commit, in its rows of {name} "
                f"({found}). {_remedy(folder / SEAL)}"
                for name, lines in _committed_lines(committed, folder).items()
                if (found := _compared(lines, seal.get(name, []), growing=True).told())
            ]
        if not problems:
            return _differing(seal, tables, folder, unfinished=unfinished)
    else:
        lost = f"{folder / SEAL} is missing. {_remedy(folder / SEAL)}"
        problems = [lost] if SEAL in committed else []
    return problems + _differing(_committed_lines(committed, folder), tables, folder, growing=True)


def _of_tables(texts: Mapping[str, bytes]) -> Lines:
    return {name: _data_lines(text) for name, text in texts.items() if name != SEAL}


def _committed_lines(texts: Mapping[str, bytes], folder: Path) -> Lines:
    """Return the lines that a commit knows: by its seal, or by the tables of a time without one."""
    return _parsed(texts[SEAL], folder)[0] if SEAL in texts else _of_tables(texts)


def extend_seal(folder: str | Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Add to the seal, as one whole file, the lines by which the tables are longer than it.

    `tables` are all of the ledger's, by their names below `folder`. Raises InputError where they
    do not begin with what is sealed, and leaves the seal as it is.
    """
    folder = Path(folder)
    text = _texts(folder).get(SEAL)
    seal, problems = _parsed(text, folder) if text is not None else ({}, [])
    new = {name: _data_lines(_written(table)) for name, table in tables.items()}
    problems += [
        f"{folder / name} would not begin as {SEAL} says ({found}): an earlier make assign was "
        "interrupted, and the sheets or the config have changed since, or lines were taken out. "
        "Run make assign with the sheets and the config of that time, or restore the folder from "
        f"version control, for example with 'git checkout -- {folder}'."
        for name, lines in seal.items()
        if (found := _compared(lines, new.get(name, []), growing=True).told())
    ]
    stop_on(problems)
    rows: list[tuple] = [] if text is None else [tuple(row) for _, row in _rows(text)[1:]]
    for name, lines in new.items():
        rows += [(name, *line) for line in lines[len(seal.get(name, [])) :]]
    write_table(pd.DataFrame(rows, columns=SEALED.names), folder / SEAL, SEALED)


@dataclass
class Differences:
    """Numbers of lines: `missing` by what is known, the others by what is there."""

    changed: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)
    added: list[int] = field(default_factory=list)

    def told(self) -> str:
        """Name the lines by what happened to them; nothing if nothing did."""
        kinds = {
            "changed": self.changed,
            "missing": self.missing,
            "out of place": self.moved,
            "not written by make assign": self.added,
        }
        return "; ".join(f"{kind}: {_named(lines)}" for kind, lines in kinds.items() if lines)


def _differing(
    known: Lines, tables: Lines, folder: Path, growing: bool = False, unfinished: bool = False
) -> list[str]:
    problems = []
    for name in known | tables:
        lines, found = known.get(name, []), tables.get(name, [])
        told = _compared(lines, found, growing).told()
        # A commit is finished work; only the seal can be ahead of the tables.
        ends_early = not growing and _begins_with(lines, found)
        if told and ends_early and not unfinished:
            what = "ends before" if name in tables else "is missing, with all of"
            problems.append(
                f"{folder / name} {what} the lines that {SEAL} knows ({told}): make assign was "
                "interrupted, or lines were taken out. Run make assign again with the same sheets; "
                f"if it refuses, restore the folder, for example with 'git checkout -- {folder}'."
            )
        elif told and not ends_early:
            problems.append(
                f"{folder / name} is not as make assign wrote it ({told}). {_remedy(folder / name)}"
            )
    return problems


def _remedy(path: Path) -> str:
    return (
        "Nobody edits the ledger by hand: restore the file from version control, for example with "
        f"'git checkout -- {path}'; new lines come from make assign and are committed with {SEAL}."
    )


def _compared(
    known: list[tuple[int, str]], found: list[tuple[int, str]], growing: bool
) -> Differences:
    """Tell how the found lines differ from those known; `growing` allows new ones at the end.

    As many lines as possible count as in place. Between two of these, a new line stands for the
    known one that is gone, which was then changed; what is left over was added or is missing.
    """
    if _begins_with(found, known) and (growing or len(found) == len(known)):
        return Differences()
    index = {digest: at for at, (_, digest) in enumerate(known)}
    first = {digest: at for at, (_, digest) in reversed(list(enumerate(found)))}
    # A line's second copy is no longer the line that was written.
    where = [
        index.get(digest, -1) if first[digest] == at else -1 for at, (_, digest) in enumerate(found)
    ]
    kept = _longest_increasing(where)
    result = Differences(moved=[found[at][0] for at in _others(where, kept)])
    anchors = [(-1, -1), *((where[at], at) for at in kept), (len(known), len(found))]
    present = set(where)
    for (known_from, found_from), (known_to, found_to) in pairwise(anchors):
        gone = [known[at][0] for at in range(known_from + 1, known_to) if at not in present]
        new = [found[at][0] for at in range(found_from + 1, found_to) if where[at] < 0]
        paired = min(len(gone), len(new))
        result.changed += new[:paired]
        result.missing += gone[paired:]
        if not (growing and known_to == len(known)):
            result.added += new[paired:]
    return result


def _others(where: list[int], kept: list[int]) -> list[int]:
    """List the places of lines that are known and not among those in place."""
    in_place = set(kept)
    return [at for at, known in enumerate(where) if known >= 0 and at not in in_place]


def _longest_increasing(values: list[int]) -> list[int]:
    """Return the places of a longest increasing part of the values, those below 0 left out.

    `ends[n]` is the smallest value that such a part of n + 1 values can end with so far.
    """
    ends: list[int] = []
    places: list[int] = []
    before: dict[int, int] = {}
    for place, value in enumerate(values):
        if value < 0:
            continue
        length = bisect_left(ends, value)
        before[place] = places[length - 1] if length else -1
        ends[length : length + 1] = [value]
        places[length : length + 1] = [place]
    chain = []
    place = places[-1] if places else -1
    while place >= 0:
        chain.append(place)
        place = before[place]
    return chain[::-1]


def _named(numbers: list[int]) -> str:
    """Name lines, neighbours as one: 'line 2', 'lines 4-6'; past five runs they are counted."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    named = [f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs[:MOST_RUNS]]
    more = sum(map(len, runs[MOST_RUNS:]))
    word = "line" if len(numbers) == 1 else "lines"
    return f"{word} {', '.join(named)}" + (f" and {more} more" if more else "")


def _begins_with(lines: list[tuple[int, str]], first: list[tuple[int, str]]) -> bool:
    # By the text alone: empty lines in between move the numbers.
    return [digest for _, digest in lines[: len(first)]] == [digest for _, digest in first]


def _numbered(text: bytes) -> list[tuple[int, bytes]]:
    # A checkout may end its lines with CR LF, and an editor may leave empty lines behind.
    lines = enumerate(text.replace(b"\r\n", b"\n").split(b"\n"), start=1)
    return [(number, line) for number, line in lines if line]


def _data_lines(text: bytes) -> list[tuple[int, str]]:
    return [
        (number, hashlib.sha256(line).hexdigest()[:DIGITS]) for number, line in _numbered(text)[1:]
    ]


def _rows(text: bytes) -> list[tuple[int, list[str]]]:
    return [(number, line.decode(errors="replace").split("\t")) for number, line in _numbered(text)]


def _parsed(text: bytes, folder: Path) -> tuple[Lines, list[str]]:
    """Read a seal; its lines number each file's without a gap, or it is no seal of ours."""
    rows = _rows(text) or [(1, [""])]
    seal: Lines = {}
    odd = [1] if rows[0][1] != SEALED.names else []
    for number, row in rows[1:]:
        name, line, digest = row if len(row) == len(SEALED.names) else ("", "", "")
        lines = seal.setdefault(name, [])
        if line == str(len(lines) + FIRST_LINE) and len(digest) == DIGITS:
            lines.append((int(line), digest))
        else:
            odd.append(number)
    if not odd:
        return seal, []
    path = folder / SEAL
    return seal, [
        f"{path} is not as make assign wrote it (changed, or after a line that is missing or out "
        f"of place: {_named(odd)}). {_remedy(path)}"
    ]


def _written(table: pd.DataFrame) -> bytes:
    return table.to_csv(sep="\t", index=False, lineterminator="\n").encode()


def _is_ledgers(name: str) -> bool:
    """Tell whether a name below the folder is a table or the seal, and no leftover of a writer."""
    path = PurePosixPath(name)
    in_its_place = name in (SEAL, "splits.tsv", "batches.tsv") or (
        str(path.parent) in NAMED and path.suffix == ".tsv"
    )
    return in_its_place and not path.name.startswith(".")


def _texts(folder: Path) -> dict[str, bytes]:
    paths = [path for name in (".", *NAMED) for path in sorted(folder.glob(f"{name}/*.tsv"))]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in names.items() if _is_ledgers(name)}


def _committed_texts(folder: Path) -> dict[str, bytes]:
    """Read the ledger's files as git last committed them, in one call; none without git."""
    folder = folder.resolve()
    # The folder itself may have been deleted.
    start = next(path for path in (folder, *folder.parents) if path.is_dir())
    below = folder.relative_to(start).as_posix()
    try:
        run = subprocess.run(
            ["git", "archive", "--format=tar", "HEAD", below],
            cwd=start,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return {}
    with tarfile.open(fileobj=io.BytesIO(run.stdout), mode="r:") as archive:
        files = {
            PurePosixPath(member.name).relative_to(below).as_posix(): archive.extractfile(member)
            for member in archive
            if member.isfile()
        }
        return {name: file.read() for name, file in files.items() if file and _is_ledgers(name)}
