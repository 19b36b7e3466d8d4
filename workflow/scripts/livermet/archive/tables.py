"""Other tables of a study under the same pseudonyms: the molecular table with its dates.

Only the columns that are named go on. No sentence repeats a cell, since it may name a patient.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd

from livermet.archive.pseudonyms import Pseudonyms, near_identities, plain
from livermet.errors import InputError, stop_on
from livermet.sheets import MOLECULAR_COLUMNS
from livermet.spreadsheets import SEPARATORS, read_text, rows_in_words

LEAST_OF_AN_IDENTITY = 4


@dataclass
class Pseudonymised:
    """A table under pseudonyms, and what a person has to be told of it."""

    table: pd.DataFrame
    told: list[str] = field(default_factory=list)


def read_cells(path: Path) -> pd.DataFrame:
    """Read any table as text: its index are the rows as a spreadsheet numbers them.

    Tabs, semicolons, commas or bars separate its cells; empty rows are passed over. Raises
    InputError for what is no text, and FileNotFoundError.
    """
    text = read_text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)
    rows = [
        (number, [cell.strip() for cell in cells])
        for number, cells in enumerate(
            csv.reader(io.StringIO(text, newline=""), delimiter=separator), 1
        )
    ]
    rows = [(number, cells) for number, cells in rows if any(cells)]
    if not rows:
        raise InputError(f"{path} is empty.")
    header = rows[0][1]
    odd = [number for number, cells in rows[1:] if any(cells[len(header) :])]
    if odd:
        raise InputError(f"{path}, {rows_in_words(odd)}: more cells than the header has columns.")
    return pd.DataFrame.from_dict(
        {number: (cells + [""] * len(header))[: len(header)] for number, cells in rows[1:]},
        orient="index",
        columns=header,
        dtype=str,
    )


def pseudonymise(
    what: str,
    cells: pd.DataFrame,
    pseudonyms: Pseudonyms,
    patient: str,
    dates: Mapping[str, str],
    keep: Mapping[str, str],
    known: Iterable[str] = (),
) -> Pseudonymised:
    """Return the rows of a table with pseudonyms, moved dates and the columns that are kept.

    `what` names the table in sentences. `patient` is the column of identities and becomes
    'patient'; `dates` and `keep` are columns with the names that they get. `known` are pseudonyms
    that have series, against which patients without are looked for. Raises InputError listing all
    that is wrong, by rows.
    """
    _refuse_columns(what, cells, [patient, *dates, *keep])
    identities = cells[patient].map(plain)
    problems = _said(what, cells.index[identities == ""], f"the column '{patient}' is empty")
    names = {one: pseudonyms.pseudonym(one) for one in identities[identities != ""].unique()}
    lacking = identities.map(lambda one: one != "" and names[one] is None)
    problems += _said(what, cells.index[lacking], "the table of pseudonyms lacks the patient")
    everyone = {one for one in names if len(one) >= LEAST_OF_AN_IDENTITY}
    made = pd.DataFrame({"patient": identities.map(names)}, index=cells.index)
    for column, name in dates.items():
        read = cells[column].map(date_in_text)
        problems += _said(
            what,
            cells.index[read.isna() & (cells[column] != "")],
            f"the column '{column}' holds no date; write it as YYYY-MM-DD",
        )
        made[name] = [
            "" if pd.isna(day) or not identity else _moved(pseudonyms, identity, day)
            for identity, day in zip(identities, read, strict=True)
        ]
    for column, name in keep.items():
        told = [
            _tells(identity, cell, everyone)
            for identity, cell in zip(identities, cells[column], strict=True)
        ]
        problems += _said(
            what,
            cells.index[told],
            f"the column '{column}' holds the identity of this or another patient; take it out of "
            "--keep",
        )
        made[name] = cells[column]
    stop_on(problems)
    first = ["patient", *dates.values(), *keep.values()]
    order = [name for name in MOLECULAR_COLUMNS if name in first]
    made = made[[*order, *(name for name in first if name not in order)]]
    return Pseudonymised(
        made.reset_index(drop=True),
        _of_strangers(what, identities, made["patient"], pseudonyms, set(known)),
    )


def _tells(identity: str, cell: str, everyone: Set[str]) -> bool:
    """Tell whether a cell holds its patient's identity, zeros in front or not, or another's.

    An identity that is a number is no part of a longer one, nor of a decimal.
    """
    if everyone & {plain(word) for word in re.split(r"[\s,;:()\[\]/|]+", cell)}:
        return True
    bare = identity.lstrip("0")
    if len(bare) < LEAST_OF_AN_IDENTITY:
        return False
    if bare.isdecimal():
        return bool(re.search(rf"(?<![\d.])0*{bare}(?!\d|\.\d*[1-9])", plain(cell)))
    return bare in plain(cell)


def _refuse_columns(what: str, cells: pd.DataFrame, wanted: Sequence[str]) -> None:
    missing = [name for name in dict.fromkeys(wanted) if name not in cells.columns]
    twice = [name for name in dict.fromkeys(wanted) if list(cells.columns).count(name) > 1]
    repeated = [name for name in dict.fromkeys(wanted) if list(wanted).count(name) > 1]
    stop_on(
        [f"{what} has no column '{name}'{_columns_of(cells)}." for name in missing]
        + [f"{what} has the column '{name}' more than once; keep one of them." for name in twice]
        + [f"The column '{name}' is named twice among the options." for name in repeated]
    )


def _columns_of(cells: pd.DataFrame) -> str:
    """List a table's columns, unless its first row looks like a patient's and no header."""
    if any(re.search(r"\d", name) for name in cells.columns):
        return "; its first row has to name the columns"
    return f"; its columns are {', '.join(cells.columns)}"


def _said(what: str, rows: Iterable[int], sentence: str) -> list[str]:
    found = list(rows)
    return [f"{what}, {rows_in_words(found)}: {sentence}."] if found else []


def date_in_text(text: str) -> date | None:
    """Return the day of a text that begins with the year, as sheets do; None for any other."""
    parts = re.fullmatch(
        r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|(\d\d)(\d\d))([T ]\d\d?:\d\d[\d:.]*)?", text
    )
    if not parts:
        return None
    year, _, month, day, plain_month, plain_day, _ = parts.groups()
    try:
        return date(int(year), int(month or plain_month), int(day or plain_day))
    except ValueError:
        return None


def _moved(pseudonyms: Pseudonyms, identity: str, day: date) -> str:
    try:
        return pseudonyms.shifted(identity, day).isoformat()
    except OverflowError:
        return ""


def _of_strangers(
    what: str,
    identities: pd.Series,
    patients: pd.Series,
    pseudonyms: Pseudonyms,
    known: set[str],
) -> list[str]:
    """Name the rows of patients that have series under an identity as another system writes it."""
    if not known:
        return []
    strangers = identities[~patients.isin(known)]
    told = [
        f"{patients.isin(known).sum()} of {len(patients)} rows of {what} are of patients with "
        "series."
    ]
    near = []
    for row, identity in strangers.items():
        if any(pseudonyms.pseudonym(one) in known for one in near_identities(identity)):
            near.append(row)
    if near:
        told.append(
            f"{what}, {rows_in_words(near)}: the patient has no series, but one whose identity "
            "differs in zeros in front or in punctuation alone has; write the identity as the "
            "archive's headers do, and run the command again."
        )
    return told
