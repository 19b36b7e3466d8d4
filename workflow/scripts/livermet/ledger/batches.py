"""Work that is cut into jobs, tables that jobs write batch by batch, and the rows taken of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from livermet.contracts import Contract, check
from livermet.errors import stop_on
from livermet.files import whole_file
from livermet.tables import PROVENANCE_MARK, read_table

# What a written text stands for where it is no number and no name.
VALUES = {"": None, "True": True, "False": False}


def parts_of(count: int, size: int, first: int) -> dict[str, list[int]]:
    """Cut the numbers from `first` to `count` into parts: {part: [its first, its last]}."""
    starts = range(first, count + 1, size)
    return {str(part): [start, min(start + size - 1, count)] for part, start in enumerate(starts)}


def write_parts(
    parts: Iterable[pd.DataFrame], path: str | Path, contract: Contract, provenance: str = ""
) -> None:
    """Write tables of one contract below one another, tab separated.

    Each is checked and written by itself: joined first, a column of whole numbers beside an empty
    one would become one of decimals. `provenance` stands above the header, as in
    `tables.write_table`.
    """
    with whole_file(path) as beside, beside.open("w", encoding="utf-8", newline="") as stream:
        if provenance:
            stream.write(f"{PROVENANCE_MARK}{provenance}\n")
        for number, part in enumerate(parts):
            check(part, contract, path)
            part.to_csv(stream, sep="\t", index=False, header=number == 0)


def read_batches(paths: Iterable[str | Path], series: Sequence[str]) -> pd.DataFrame:
    """Read the rows of some series from the tables of batches, as text and in the series' order.

    A series that was withdrawn still has rows in the table of its batch.
    """
    tables = [read_table(path, dtype=str, keep_default_na=False) for path in paths]
    table = pd.concat(tables, ignore_index=True)
    place = {name: number for number, name in enumerate(series)}
    table = table[table["series"].isin(place)]
    return table.sort_values("series", key=lambda names: names.map(place), kind="stable")


def as_values(table: pd.DataFrame) -> pd.DataFrame:
    """Turn the texts of `read_batches` into what a contract checks, and what is written the same.

    An empty cell becomes a missing value, and a flag True or False.
    """
    return table.astype(object).map(lambda text: VALUES.get(text, text))


def stop_on_missing(table: pd.DataFrame, series: Iterable[str], what: str) -> None:
    """Raise an InputError that names the series without a row in a table that has one for each."""
    there = set(table["series"])
    stop_on(
        [
            f"Series '{name}' has no row among {what}; remove the tables of its batch, and the "
            "next run makes them again."
            for name in series
            if name not in there
        ]
    )
