"""The sheet of an archive from beginning to end: what the command `livermet sheet` does."""

from collections import Counter as Counts
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from livermet.archive.checking import check_sheet
from livermet.archive.draft import ARCHIVE_TABLE, Draft, draft_contract, make_draft
from livermet.archive.folders import lay_out
from livermet.archive.given import read_pseudonyms
from livermet.archive.progress import Counter
from livermet.archive.pseudonyms import Pseudonyms, make_secret, read_secret
from livermet.archive.reading import Reading, read_archive, unread
from livermet.archive.series import find_series
from livermet.archive.tables import pseudonymise, read_cells
from livermet.errors import InputError, stop_on
from livermet.files import whole_file
from livermet.tables import read_table, write_table
from livermet.vocabulary import Verdict

# Below data_root: the folders of series, and the index.
FOLDER, INDEX = "archive", "index.sqlite"
MOST_NAMED = 5


@dataclass(frozen=True)
class Wish:
    """What a user asks of a sheet; the fields are the options of `livermet sheet`."""

    archive: Path
    to: Path
    cohort: str
    secret: Path
    make_secret: bool = False
    pseudonyms: Path | None = None
    data_root: Path = Path("data")
    index: Path | None = None
    accept: Sequence[str] = ()
    processes: int = 1
    replace: bool = False
    check: Path | None = None


def make_sheet(wish: Wish, counter: Counter, tell: Callable[[str], None]) -> str:
    """Write series.tsv and archive.tsv of an archive, lay out its usable series, and sum it up.

    With `check`, nothing is written but the index: that sheet is held against the headers.
    `tell` is told sentences for the terminal while the work goes on. Raises InputError for what
    cannot be used: an archive that is not there, a sheet that is there already, a secret that is
    not kept secret.
    """
    if not wish.archive.exists():
        raise InputError("There is no archive where ARCHIVE says; name its folder, or a zip file.")
    series_path, archive_path = wish.to / "series.tsv", wish.to / "archive.tsv"
    there = [path.name for path in (series_path, archive_path) if path.exists()]
    if there and not wish.replace and not wish.check:
        raise InputError(
            f"{wish.to} has a {' and a '.join(there)} already; name another folder with --to, or "
            "add --replace to write over it."
        )
    folder = wish.data_root / FOLDER
    pseudonyms = _pseudonyms(wish, folder, tell)
    index = wish.index or folder / INDEX

    def progress(done: int, known: int) -> None:
        counter.tell("files read", done, done - known)

    reading = read_archive(
        wish.archive, pseudonyms, index, wish.processes, [folder, wish.to], progress
    )
    counter.tell("files read", reading.files, reading.fresh, at_last=True)
    draft = make_draft(
        find_series(reading, wish.accept, wish.processes), pseudonyms, wish.cohort, FOLDER
    )
    if wish.check:
        return _checked(wish.check, draft)
    lay_out(
        draft.placed,
        reading.entries,
        reading.root,
        folder,
        lambda done: counter.tell("files of usable series laid out", done),
    )
    fewer = _fewer_than_before(archive_path, draft.archive)
    write_table(draft.archive, archive_path, ARCHIVE_TABLE)
    write_table(draft.series, series_path, draft_contract())
    return "\n".join([summary(reading, draft, wish), *fewer])


def _fewer_than_before(path: Path, archive: pd.DataFrame) -> list[str]:
    """Say which series had more files when the table that is there was made.

    A series is known by the last part of its name, which no file changes.
    """
    if not path.exists():
        return []
    try:
        before = read_table(path, dtype=str)
        counts = dict(
            zip(before["series"].map(_last_part), before["files"].astype(int), strict=True)
        )
    except (KeyError, ValueError):
        # A table of another making tells nothing.
        return []
    held = archive["series"].map(_last_part).map(counts).fillna(0)
    names = archive["series"][held > archive["files"]].tolist()
    if not names:
        return []
    shown = ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
    return [
        f"{len(names)} series have fewer files than in the archive.tsv that was there ({shown}): "
        "put the files back and run the command again, or look whether these series are whole."
    ]


def _last_part(series: str) -> str:
    return series.rpartition("_")[2]


def _checked(path: Path, draft: Draft) -> str:
    try:
        problems, told = check_sheet(path, draft.archive)
    except FileNotFoundError:
        raise InputError(f"There is no sheet at {path}; correct the path.") from None
    stop_on([*problems, told] if problems else [])
    return f"{told} Patients and dates are those of the headers."


def _pseudonyms(wish: Wish, folder: Path, tell: Callable[[str], None]) -> Pseudonyms:
    beside = [wish.archive, wish.to, folder]
    if wish.make_secret and make_secret(wish.secret, beside):
        tell(
            "A new secret was made. Keep a copy of its file where patients' names are kept: "
            "without it no further series gets the same pseudonyms."
        )
    secret = read_secret(wish.secret, beside)
    return Pseudonyms(secret, read_pseudonyms(wish.pseudonyms) if wish.pseudonyms else None)


def summary(reading: Reading, draft: Draft, wish: Wish) -> str:
    """Say what was found and what to do next; no name of a file or a patient is in it."""
    verdicts = Counts(draft.archive["verdict"])
    usable = verdicts.pop(str(Verdict.USABLE), 0)
    patients = draft.series["patient"].nunique()
    lines = [
        f"{reading.files:,} files ({reading.fresh:,} read now), {len(reading.entries):,} DICOM "
        f"objects, {len(draft.archive):,} series.",
        f"Usable: {usable:,} CT series of {patients:,} patients.",
    ]
    if verdicts:
        told = ", ".join(f"{word} {count:,}" for word, count in verdicts.most_common())
        lines.append(f"Not usable: {told}.")
    lines += unread(reading)
    lines += draft.told
    lines.append(
        f"Written: {wish.to / 'series.tsv'}, a draft: check each row; {wish.to / 'archive.tsv'}, "
        f"one row a series with its verdict; {wish.data_root / FOLDER}/, a folder of links for "
        f"each usable series (data_root: {wish.data_root})."
    )
    return "\n".join(lines)


def pseudonymise_file(
    path: Path,
    to: Path,
    patient: str,
    dates: Mapping[str, str],
    keep: Mapping[str, str],
    secret: Path,
    given: Path | None = None,
    series: Path | None = None,
    replace: bool = False,
) -> str:
    """Write a table under pseudonyms, tab separated, and say what has become of its columns.

    The arguments are the options of `livermet pseudonymise`. Raises InputError.
    """
    if to.exists() and not replace:
        raise InputError(f"{to} is there already; name another file, or add --replace.")
    pseudonyms = Pseudonyms(
        read_secret(secret, [to.parent]), read_pseudonyms(given) if given else None
    )
    try:
        cells = read_cells(path)
        known = set(read_table(series, dtype=str)["patient"].dropna()) if series else set()
    except FileNotFoundError:
        raise InputError(
            "The table, or the sheet of series, is not there; correct its path."
        ) from None
    except (KeyError, UnicodeDecodeError):
        raise InputError(f"{series} is no sheet of series: it has no column patient.") from None
    made = pseudonymise(str(path), cells, pseudonyms, patient, dates, keep, known)
    with whole_file(to) as beside:
        made.table.to_csv(beside, sep="\t", index=False)
    left = len(cells.columns) - 1 - len(dates) - len(keep)
    return "\n".join(
        [
            f"{len(made.table)} rows of {made.table['patient'].nunique()} patients are in {to}: "
            f"{', '.join(made.table.columns)}. Columns left out: {left}.",
            *made.told,
        ]
    )
