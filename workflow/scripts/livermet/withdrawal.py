"""What `livermet withdraw` does: rows leave the sheets, and the files of their series the run.

The ledger keeps every line: a place stays taken, and nobody else moves. What a run has of many
series together is made again by its next run; until then `naming` finds what still names a series.
"""

import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from livermet.cohort.assays import scores_of
from livermet.errors import InputError, stop_on
from livermet.files import whole_file
from livermet.ledger.tables import Ledger, read_ledger
from livermet.provenance.records import BY_SERIES, read_record
from livermet.sheets import check_molecular, check_series
from livermet.sources import LINKS
from livermet.spreadsheets import Sheet, did_you_mean, rows_in_words

# Of a series, what names of files have behind its name: a suffix, or nnU-Net's channel before it.
CHANNEL = "_0000"
# Where jobs by batches write, and what a table, a page or a log is called.
TEXTS = (".tsv", ".csv", ".json", ".log", ".html", ".svg", ".txt")
# What tells how results came about; it names series, and holds nothing of them.
KEPT = ("records", "journal")
# The jobs that judge a new patient's study as a whole.
BY_STUDY = ("judge_study", "write_patient")
MOST_NAMED = 5


@dataclass(frozen=True)
class Withdrawal:
    """Who leaves: series, and rows by sheet; `sets` are training sets that hold a series."""

    series: list[str]
    rows: dict[str, list[int]] = field(default_factory=dict)
    sets: list[str] = field(default_factory=list)


def withdraw(
    config: Mapping[str, Any],
    series: Sequence[str] = (),
    patients: Sequence[str] = (),
    left: bool = False,
    plan: bool = False,
) -> str:
    """Withdraw series, all of some patients, or all that have `left` the sheet; say what was done.

    With `plan` nothing is changed. Raises InputError, before anything is changed, for names that
    neither the sheet nor the ledger knows, and for sheets whose rows cannot be taken out by line.
    """
    if config["phenotype"]["table"]:
        raise InputError(
            "The study begins with a finished feature table (phenotype.table); take the rows out "
            "of that table, and run snakemake."
        )
    sheets, ledger = config["sheets"], read_ledger(config["ledger"])
    of_series = check_series(sheets["series"], config["cohorts"].values())
    # New patients of a packed model have no samples.
    of_samples = Sheet("", pd.DataFrame(columns=["patient"]))
    if sheets["molecular"]:
        of_samples = check_molecular(sheets["molecular"], scores_of(config).computed_types)
    chosen = choose(of_series, of_samples, ledger, series, patients, left)
    names = [*chosen.series, *patients]
    texts = {path: _without_rows(Path(path), rows, names) for path, rows in chosen.rows.items()}
    run = Path("results", config["run"])
    known = {*of_series.table["series"], *ledger.batches["series"]}
    files = files_of(run, chosen.series, known, ledger)
    links = [LINKS / config["run"] / name for name in chosen.series]
    links = [link for link in links if link.is_dir()]
    if not plan:
        # Rows first: what a killed command has left is taken out by the next one, with `left`.
        for path, text in texts.items():
            with whole_file(path) as beside:
                beside.write_bytes(text)
        for path in [*files, *links]:
            _remove(path)
    return _told(chosen, run, files, [] if plan else naming(run, chosen.series), plan)


def choose(
    of_series: Sheet,
    of_samples: Sheet,
    ledger: Ledger,
    series: Sequence[str],
    patients: Sequence[str],
    left: bool = False,
) -> Withdrawal:
    """Find what leaves by its names; raise InputError that lists the names that nobody knows."""
    table, samples = of_series.table, of_samples.table
    placed = set(ledger.batches["series"])
    known = {*table["series"], *placed}
    homes = {*table["patient"], *ledger.splits["patient"], *samples["patient"]}
    stop_on(
        [
            f"No sheet and no ledger has the {kind} '{name}'{did_you_mean(name, names) or '.'}"
            for kind, asked, names in (("series", series, known), ("patient", patients, homes))
            for name in asked
            if name not in names
        ]
    )
    of_patients = table["patient"].isin(list(patients))
    named = [*series, *table.loc[of_patients, "series"]]
    # Those of a patient who has left the sheet are known where networks were trained on them.
    for cases in ledger.training_sets.values():
        named += [name for name, patient in cases.items() if patient in patients]
    if left:
        named += [name for name in ledger.batches["series"] if name not in set(table["series"])]
    names = list(dict.fromkeys(named))
    rows = {
        of_series.path: list(table.index[of_patients | table["series"].isin(names)]),
        of_samples.path: list(samples.index[samples["patient"].isin(list(patients))]),
    }
    sets = [name for name, cases in ledger.training_sets.items() if set(names) & set(cases)]
    if not names and not any(rows.values()):
        raise InputError("Nothing is to be withdrawn: every series of the ledger is in the sheet.")
    return Withdrawal(names, {path: found for path, found in rows.items() if found}, sets)


def _without_rows(path: Path, rows: Collection[int], names: Collection[str]) -> bytes:
    """Return a sheet without some rows, all other bytes as they are.

    `names` are the series and patients who leave, one of whom each row has to name.
    """
    lines = path.read_bytes().splitlines(keepends=True)
    # In another encoding, or where a cell breaks its line, lines are no rows.
    plain = max(rows) <= len(lines) and all(
        any(name.encode() in lines[row - 1] for name in names) for row in rows
    )
    if not plain or any(b"\0" in line or b'"' in line for line in lines):
        raise InputError(
            f"{path} is no plain text of one line a row, so that its rows are yours to take out: "
            f"{rows_in_words(sorted(rows))}. Then run the same command with --left in place of "
            "the names."
        )
    return b"".join(line for number, line in enumerate(lines, 1) if number not in set(rows))


def files_of(
    run: Path, series: Collection[str], known: Collection[str], ledger: Ledger
) -> list[Path]:
    """List a run's files and folders of some series, and what else of their batches names one.

    Of a new patient's study, which is judged as a whole, all is listed.

    A file is of the series with the longest name that its own begins with: with the series p1 and
    p1.b, 'p1.b.nii.gz' is of the latter. `known` are all series.
    """
    wanted = set(series)
    batches = dict(zip(ledger.batches["series"], ledger.batches["batch"], strict=True))
    by_batch: dict[str, list[str]] = {}
    for name in wanted & set(batches):
        by_batch.setdefault(batches[name], []).append(name)
    found = []
    for folder, folders, files in os.walk(run):
        for name in list(folders):
            if name in wanted:
                found.append(Path(folder, name))
                folders.remove(name)
        for name in files:
            path = Path(folder, name)
            # A log is read by nobody but people, and not written again while its batch stands.
            is_log = path.relative_to(run).parts[0] == "logs"
            naming = wanted if is_log else by_batch.get(name.split(".")[0])
            if owner_of(name, known) in wanted or _names(path, naming):
                found.append(path)
    found = [path for path in found if not _is_kept(path, run) or path.stem in wanted]
    return sorted({*found, *_files_of_studies(run, wanted)})


def _files_of_studies(run: Path, series: Collection[str]) -> Iterator[Path]:
    """List the files of new patients' studies that some series are of."""
    for place in run.glob("records/*/*.json"):
        record = read_record(place) if place.parent.name in BY_STUDY else None
        if record and not set(series).isdisjoint(record.params[BY_SERIES]):
            study = place.stem
            patterns = [f"patients/studies/{study}", f"patients/{study}.html"]
            patterns += [f"{kind}/*/{study}.*" for kind in (*KEPT, "logs", "benchmarks")]
            for pattern in patterns:
                yield from run.glob(pattern)


def owner_of(name: str, known: Collection[str]) -> str | None:
    """Return the series that a file's name begins with, before a suffix; None for no series."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        stem = ".".join(parts[:length])
        for one in (stem, stem.removesuffix(CHANNEL)):
            if one in known:
                return one
    return None


def _is_kept(path: Path, run: Path) -> bool:
    return path.relative_to(run).parts[0] in KEPT


def _names(path: Path, series: Iterable[str] | None) -> bool:
    """Tell whether a text names one of some series."""
    if not series or path.suffix not in TEXTS:
        return False
    content = path.read_bytes()
    return any(name.encode() in content for name in series)


def naming(run: Path, series: Collection[str]) -> list[Path]:
    """List a run's tables and pages that name one of some series; records are left out."""
    paths = (Path(folder, name) for folder, _, files in os.walk(run) for name in files)
    return sorted(path for path in paths if not _is_kept(path, run) and _names(path, series))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _told(
    chosen: Withdrawal, run: Path, files: Sequence[Path], naming: Sequence[Path], plan: bool
) -> str:
    would = "would be " if plan else ""
    names = ", ".join(chosen.series[:MOST_NAMED])
    more = len(chosen.series) - MOST_NAMED
    lines = [f"Withdrawn: {len(chosen.series)} series: {names}{f' and {more} more' * (more > 0)}."]
    if plan:
        lines = [f"Nothing is changed yet. {lines[0]}"]
    lines += [
        f"{path}: {would}taken out: {rows_in_words(rows)}." for path, rows in chosen.rows.items()
    ]
    lines.append(f"{run}: {would}removed: {len(files)} files and folders.")
    lines += [f"- {path}" for path in files if plan]
    if chosen.sets:
        lines.append(
            f"The training sets {', '.join(chosen.sets)} hold them: networks that were trained "
            "on them stay as they are, and provenance/stale_models.tsv names them. To train "
            "without them, name a new training set (docs/how-to/withdraw.md)."
        )
    if naming:
        lines.append(
            f"{len(naming)} tables and pages of all series still name them, until snakemake has "
            "run."
        )
    lines.append(
        "The ledger keeps their places. Raw data stay where they are."
        + ("" if plan else " Commit the sheets, and run snakemake.")
    )
    return "\n".join(lines)


def left_behind(run: str, ledger: Ledger, series: pd.Index) -> list[str]:
    """Say which series of the ledger have left the sheet, and whether a run still has their CT."""
    there_now = set(series)
    gone = [name for name in ledger.batches["series"] if name not in there_now]
    if not gone:
        return []
    some = ", ".join(gone[:MOST_NAMED])
    some += f" and {len(gone) - MOST_NAMED} more" * (len(gone) > MOST_NAMED)
    there = sum(Path(run, "series", name).is_dir() for name in gone)
    remedy = (
        f" {run}/series still has {there} of them; to remove all files of theirs: livermet "
        "withdraw --left."
        if there
        else ""
    )
    return [f"Withdrawn, in the ledger and not in the sheet: {len(gone)} series: {some}.{remedy}"]
