"""What a table promises to its readers: its columns, their units, and what they may hold.

A contract stands beside the function that makes the table. `livermet.tables.write_table` asks for
it and checks every table before it is written; the page 'Tables' of the documentation is written
from it. No number depends on a contract's words and limits, so that a better word makes nothing
again (`livermet.provenance.code`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from livermet.errors import ContractError

PACKAGE = Path(__file__).parent
# A mean of ones may come out a little above 1.
ROUNDING = 1e-9
# The names that a module gives, and not those that it imports.
ASSIGNED = re.compile(r"^([A-Z][A-Z0-9_]*)\b[^=\n]* = ", re.M)


class Kind(Enum):
    """What the cells of a column are."""

    TEXT = "text"
    COUNT = "whole number"
    NUMBER = "number"
    SHARE = "number from 0 to 1"
    FLAG = "True or False"


TEXT, COUNT, NUMBER, SHARE, FLAG = Kind


@dataclass(frozen=True)
class Column:
    """A column of a table, or a family of columns that are alike.

    name: its name; for a family what stands for the names in the documentation.
    what: what it holds, in the field's words.
    unit: mm, ml, HU, days, ...; '' without.
    low, high: limits, themselves included. A count is never below 0.
    words: what a text may be; () for anything.
    missing: when a cell is empty; '' for never.
    family: the names of a family, () for a single column; None for any name from here on.
    """

    name: str
    kind: Kind
    what: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    missing: str = ""
    family: tuple[str, ...] | None = ()

    @property
    def told(self) -> tuple[str, str, str, str, str]:
        """What a reader has to know: name, what it holds, unit, values, when it is empty."""
        lowest, highest = self.limits
        values = " or ".join(self.words) or self.kind.value
        if self.kind in (COUNT, NUMBER):
            values += f" from {lowest:g}" if np.isfinite(lowest) else ""
            values += f" to {highest:g}" if np.isfinite(highest) else ""
        return self.name, self.what, self.unit, values, self.missing

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and highest value."""
        lowest = 0.0 if self.kind in (COUNT, SHARE) else -np.inf
        highest = 1.0 if self.kind is SHARE else np.inf
        return (
            lowest if self.low is None else self.low,
            highest if self.high is None else self.high,
        )


@dataclass(frozen=True, kw_only=True)
class Contract:
    """A table's columns in their order.

    files: where a run writes it, as patterns from the run's folder on.
    row: what a row is.
    key: the columns that no two rows share; () where rows may be equal.
    optional: of a table that people write, columns that they may leave out.
    """

    files: tuple[str, ...]
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    optional: tuple[Column, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of the columns; those of an open family are not known."""
        return [name for column in self.columns for name in column.family or (column.name,)]

    def writes(self, path: str | Path) -> bool:
        """Say whether a file is one of the contract's."""
        return any(PurePath(path).match(pattern) for pattern in self.files)


def check(table: pd.DataFrame, contract: Contract, path: str | Path) -> None:
    """Raise a ContractError that lists every promise that a table breaks.

    The names and their order, empty cells, kinds, limits and words, and rows of the same key.
    """
    broken = list(_breaches(table, contract, path))
    if broken:
        raise ContractError(
            f"{path} was not written, since its table is not what it has to be:\n"
            + "\n".join(f"- {breach}" for breach in broken)
            + "\nlivermet should not have made such a table: please report these lines."
        )


def _breaches(table: pd.DataFrame, contract: Contract, path: str | Path) -> Iterable[str]:
    if not contract.writes(path):
        yield f"the file is none of its contract's ({', '.join(contract.files)})"
    found = list(map(str, table.columns))
    pairs = _columns_of(contract, found)
    wanted = [name for name, _ in pairs]
    if found != wanted:
        yield _other_columns(found, wanted)
        return
    for name, column in pairs:
        yield from _broken_by(table[name], column)
    if contract.key and len(table) and table.duplicated(list(contract.key)).any():
        double = table.loc[table.duplicated(list(contract.key)), list(contract.key)].iloc[0]
        told = ", ".join(f"{name} {value}" for name, value in double.items())
        yield f"two rows are of {told}"


def _other_columns(found: list[str], wanted: list[str]) -> str:
    lacking = [name for name in wanted if name not in found]
    foreign = [name for name in found if name not in wanted]
    if lacking or foreign:
        told = [f"lacks {name}" for name in lacking] + [f"has {name}" for name in foreign]
        return f"among its columns it {', '.join(told)}"
    moved = next(pair for pair in zip(found, wanted, strict=True) if len(set(pair)) > 1)
    return f"where its column {moved[1]} has to be, it has {moved[0]}"


def _columns_of(contract: Contract, found: list[str]) -> list[tuple[str, Column]]:
    pairs: list[tuple[str, Column]] = []
    for column in contract.columns:
        family = found[len(pairs) :] if column.family is None else column.family or (column.name,)
        pairs += [(name, column) for name in family]
    return pairs


def _broken_by(cells: pd.Series, column: Column) -> Iterable[str]:
    # An empty text is written as an empty cell, and so is a missing value.
    empty = cells.isna() | cells.eq("")
    filled = cells[~empty]
    if empty.any() and not column.missing:
        yield _told(cells, empty, "has no value")
    if filled.empty:
        return
    match column.kind:
        case Kind.TEXT:
            wrong = ~filled.astype(str).isin(column.words) if column.words else None
            said = f"has to be one of {', '.join(column.words)}"
        case Kind.FLAG:
            wrong, said = ~filled.isin([True, False]), "has to be True or False"
        case _:
            wrong, said = _wrong_numbers(filled, column)
    if wrong is not None and wrong.any():
        yield _told(filled, wrong, said)


def _wrong_numbers(cells: pd.Series, column: Column) -> tuple[pd.Series, str]:
    values = pd.to_numeric(cells, errors="coerce").astype(float)
    lowest, highest = column.limits
    right = np.isfinite(values) & values.between(lowest - ROUNDING, highest + ROUNDING)
    if column.kind is COUNT:
        right &= values.mod(1).eq(0)
    ends = [f"at least {lowest:g}"] * bool(np.isfinite(lowest))
    ends += [f"at most {highest:g}"] * bool(np.isfinite(highest))
    said = f"has to be a {'whole ' * (column.kind is COUNT)}number"
    said += f" of {' and '.join(ends)}" if ends else ""
    return ~right, said


def _told(cells: pd.Series, wrong: pd.Series, said: str) -> str:
    place = int(np.flatnonzero(wrong)[0])
    more = int(wrong.sum()) - 1
    cell = cells.iloc[place]
    value = "" if pd.isna(cell) or cell == "" else f" is {cell} and"
    others = f", as in {more} more" if more else ""
    return f"column {cells.name}{value} {said} (row {cells.index[place]}{others})"


def all_contracts() -> dict[str, list[Contract]]:
    """Return every contract of the package by the stage, or the module, that makes its tables."""
    found: dict[str, list[Contract]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        # Only where one is made: other modules may ask for the packages of another environment.
        if "Contract(" in text and path != Path(__file__):
            parts = path.relative_to(PACKAGE).with_suffix("").parts
            module = import_module(".".join(("livermet", *parts)))
            values = (getattr(module, name) for name in ASSIGNED.findall(text))
            found.setdefault(parts[0], []).extend(v for v in values if isinstance(v, Contract))
    return found


# Columns that many tables share, so that a name means the same in each.
SERIES = Column("series", TEXT, "name of the series")
STUDY = Column("study", TEXT, "name of the study: patient and date")
PATIENT = Column("patient", TEXT, "pseudonym of the patient")
COHORT = Column("cohort", TEXT, "name of the cohort")
