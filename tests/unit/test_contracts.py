"""Contracts: what of a table is checked before it is written, and how a breach is told."""

import numpy as np
import pandas as pd
import pytest

from livermet.contracts import (
    COUNT,
    FLAG,
    NUMBER,
    SERIES,
    SHARE,
    TEXT,
    Column,
    Contract,
    all_contracts,
    check,
)
from livermet.errors import ContractError

SCANS = Contract(
    files=("detection/*/scans.tsv", "tables/scans.csv"),
    row="a scan",
    columns=(
        SERIES,
        Column("side", TEXT, "where", words=("left", "right"), missing="where nobody knows"),
        Column("lesions", COUNT, "how many"),
        Column("change", NUMBER, "relative change", low=-1, missing="without a reference"),
        Column("dice", SHARE, "overlap", missing="without a reference"),
        Column("found", FLAG, "whether one was found", missing="without a reference"),
    ),
    key=("series", "side"),
)
GOOD = {
    "series": ["a", "b", "b"],
    "side": ["left", "left", "right"],
    "lesions": [0, 2, 3],
    "change": [-1.0, 0.5, 7.0],
    "dice": [0.0, 0.5, 1.0],
    "found": [True, False, True],
}
PATH = "results/demo/detection/unet/scans.tsv"


def breaches(table, contract=SCANS, path=PATH):
    """Return what check says of a table, a breach a line."""
    if not isinstance(table, pd.DataFrame):
        table = pd.DataFrame(GOOD | table)
    try:
        check(table, contract, path)
    except ContractError as error:
        first, *lines, last = str(error).splitlines()
        assert first.startswith(f"{path} was not written")
        assert "please report these lines" in last
        return [line.removeprefix("- ") for line in lines]
    return []


def of_one(column, *cells):
    """Return what check says of a table of one column."""
    contract = Contract(files=("t.tsv",), row="a row", columns=(column,))
    return breaches(pd.DataFrame({column.name: list(cells)}), contract, "t.tsv")


def test_a_table_as_promised_passes():
    assert breaches({}) == []


@pytest.mark.parametrize("cell", [None, np.nan, pd.NA, pd.NaT])
def test_what_may_be_missing_may_be_missing_in_any_form(cell):
    empty = dict.fromkeys(("side", "change", "dice", "found"), [cell] * 2 + [None])
    assert breaches(empty | {"series": ["a", "b", "c"]}) == []


def test_a_mean_of_ones_may_be_a_rounding_above_one():
    assert breaches({"dice": [0.0, 0.5, 1 + 1e-12]}) == []
    assert len(breaches({"dice": [0.0, 0.5, 1 + 1e-6]})) == 1


def test_every_breach_is_told():
    told = breaches(
        {
            "series": ["a", None, "b"],
            "side": ["left", "right", "middle"],
            "lesions": [0, 2, 1.5],
            "change": [-1.25, 0, np.inf],
            "dice": [-0.1, 1.1, 0.5],
            "found": [True, False, "yes"],
        }
    )
    assert told == [
        "column series has no value (row 1)",
        "column side is middle and has to be one of left, right (row 2)",
        "column lesions is 1.5 and has to be a whole number of at least 0 (row 2)",
        "column change is -1.25 and has to be a number of at least -1 (row 0, as in 1 more)",
        "column dice is -0.1 and has to be a number of at least 0 and at most 1 (row 0, as in 1 "
        "more)",
        "column found is yes and has to be True or False (row 2)",
    ]


def test_the_row_is_named_as_the_table_names_it():
    table = pd.DataFrame(GOOD | {"lesions": [1, 2, -1]}, index=["x", "y", "z"])
    assert breaches(table) == [
        "column lesions is -1 and has to be a whole number of at least 0 (row z)"
    ]


# Each kind


@pytest.mark.parametrize("cell", ["NA", "1", 5])
def test_a_text_is_anything_that_is_there(cell):
    assert of_one(Column("name", TEXT, "a name"), cell) == []


def test_an_empty_text_is_a_missing_value_as_the_file_has_it():
    words = ("yes", "no")
    assert of_one(Column("said", TEXT, "a word", words=words), "yes", "") == [
        "column said has no value (row 1)"
    ]
    often = Column("said", TEXT, "a word", words=words, missing="where nothing was said")
    assert of_one(often, "yes", "") == []


@pytest.mark.parametrize("cell", [0, 7, 7.0, np.int64(3), np.float64(3), "12"])
def test_a_count_is_a_whole_number(cell):
    assert of_one(Column("n", COUNT, "how many"), cell) == []


@pytest.mark.parametrize("cell", [-1, 0.5, np.inf, "many", "1.5"])
def test_nothing_else_is_a_count(cell):
    (told,) = of_one(Column("n", COUNT, "how many"), cell)
    assert told == f"column n is {cell} and has to be a whole number of at least 0 (row 0)"


def test_a_count_has_its_own_limits():
    assert of_one(Column("class", COUNT, "0 or 1", high=1), 0, 1) == []
    assert of_one(Column("class", COUNT, "0 or 1", high=1), 0, 2) == [
        "column class is 2 and has to be a whole number of at least 0 and at most 1 (row 1)"
    ]
    assert of_one(Column("line", COUNT, "of a file", low=2), 1) == [
        "column line is 1 and has to be a whole number of at least 2 (row 0)"
    ]


def test_a_number_is_finite_and_has_no_limit_unless_told():
    column = Column("hu", NUMBER, "intensity")
    assert of_one(column, -1e300, 0, 1e300, "0.25", np.float32(0.5)) == []
    for cell in (np.inf, -np.inf, "high"):
        assert of_one(column, cell) == [f"column hu is {cell} and has to be a number (row 0)"]
    (told,) = of_one(Column("hu", NUMBER, "intensity", high=5), 5, 6)
    assert told.startswith("column hu is 6 and has to be a number")
    assert told.endswith("at most 5 (row 1)")


def test_a_share_lies_from_0_to_1_unless_told():
    assert of_one(Column("p", SHARE, "p value"), 0, 1, 0.5) == []
    assert len(of_one(Column("p", SHARE, "p value"), 1.0000001)) == 1
    assert of_one(Column("auc", SHARE, "AUC", low=0.5), 0.4) == [
        "column auc is 0.4 and has to be a number of at least 0.5 and at most 1 (row 0)"
    ]


@pytest.mark.parametrize("cell", [True, False, np.True_, np.False_])
def test_a_flag_is_true_or_false(cell):
    assert of_one(Column("found", FLAG, "whether"), cell) == []


@pytest.mark.parametrize("cell", ["true", "yes", 2])
def test_nothing_else_is_a_flag(cell):
    assert of_one(Column("found", FLAG, "whether"), cell) == [
        f"column found is {cell} and has to be True or False (row 0)"
    ]


@pytest.mark.parametrize("kind", [TEXT, COUNT, NUMBER, SHARE, FLAG])
def test_a_cell_without_a_value_is_told_of_every_kind(kind):
    assert of_one(Column("x", kind, "what"), 1, None, np.nan) == [
        "column x has no value (row 1, as in 1 more)"
    ]
    assert of_one(Column("x", kind, "what"), None) == ["column x has no value (row 0)"]


# Columns, files and rows of the same key


def test_columns_have_their_names_and_their_order():
    table = pd.DataFrame(GOOD)
    others = {
        "where its column lesions has to be, it has change": table[
            ["series", "side", "change", "lesions", "dice", "found"]
        ],
        "among its columns it lacks found": table.drop(columns="found"),
        "among its columns it has more": table.assign(more=1),
        "among its columns it lacks dice, has Dice": table.rename(columns={"dice": "Dice"}),
    }
    for told, other in others.items():
        # Of such a table no cell is looked at.
        assert breaches(other.assign(lesions=-1)) == [told]


def test_a_table_without_rows_needs_its_columns():
    assert breaches(pd.DataFrame(columns=SCANS.names)) == []
    assert len(breaches(pd.DataFrame(columns=SCANS.names[1:]))) == 1
    assert len(breaches(pd.DataFrame())) == 1


@pytest.mark.parametrize("path", [PATH, "detection/unet/scans.tsv", "/a/run/tables/scans.csv"])
def test_files_of_a_contract(path):
    assert breaches({}, path=path) == []


@pytest.mark.parametrize(
    "path", ["scans.tsv", "detection/scans.tsv", "detection/unet/batches/scans.tsv", "scans.csv"]
)
def test_a_file_of_no_contract_is_told(path):
    assert breaches({}, path=path) == [
        "the file is none of its contract's (detection/*/scans.tsv, tables/scans.csv)"
    ]


def test_two_rows_of_a_key_are_told():
    twice = {"series": ["a", "b", "b"], "side": ["left", "right", "right"]}
    assert breaches(twice) == ["two rows are of series b, side right"]
    # One of the two columns alone may repeat.
    assert breaches({"series": ["a", "b", "b"], "side": ["left", "left", "right"]}) == []
    without = Contract(files=SCANS.files, row=SCANS.row, columns=SCANS.columns)
    assert breaches(twice, without) == []


# Families of columns


def table_of(*names):
    return pd.DataFrame({"series": ["a"]} | {name: [0.5] for name in names})


def contract_of(family, after=()):
    several = Column("score_<name>", SHARE, "a score", family=family)
    return Contract(files=("*.tsv",), row="a scan", columns=(SERIES, several, *after))


def test_a_family_stands_for_its_names():
    contract = contract_of(("one", "two"), after=(Column("n", NUMBER, "a number"),))
    assert contract.names == ["series", "one", "two", "n"]
    assert breaches(table_of("one", "two", "n"), contract) == []
    assert breaches(table_of("two", "one", "n"), contract) == [
        "where its column one has to be, it has two"
    ]
    assert breaches(table_of("one", "two", "n").assign(two=1.5), contract) == [
        "column two is 1.5 and has to be a number of at least 0 and at most 1 (row 0)"
    ]


def test_an_open_family_takes_any_further_names_and_checks_their_cells():
    contract = contract_of(None)
    assert breaches(table_of(), contract) == []
    assert breaches(table_of("whatever", "else"), contract) == []
    assert breaches(table_of("whatever", "else").assign(whatever=-1), contract) == [
        "column whatever is -1 and has to be a number of at least 0 and at most 1 (row 0)"
    ]
    assert len(breaches(table_of("whatever")[["whatever", "series"]], contract)) == 1


# What readers are told


def test_a_column_is_told_with_its_values():
    volume = Column("volume_ml", NUMBER, "volume", unit="ml", low=0, missing="without a mask")
    assert volume.told == ("volume_ml", "volume", "ml", "number from 0", "without a mask")
    side = Column("side", TEXT, "where", words=("left", "right"))
    assert side.told == ("side", "where", "", "left or right", "")
    assert Column("n", COUNT, "how many", high=3).told[3] == "whole number from 0 to 3"


# The package's own


def faults_of(contract):
    """Say what a contract contradicts itself in."""
    names, last = contract.names, contract.columns[-1]
    if not contract.files or not contract.row:
        yield "no file or no row"
    if len(names) != len(set(names)) or not set(contract.key) <= set(names):
        yield "a name that is there twice, or a key that is none"
    for column in contract.columns:
        lowest, highest = column.limits
        if not column.what or lowest > highest or (column.words and column.kind is not TEXT):
            yield column.name
        # Only the last column can take any further names.
        if column.family is None and column is not last:
            yield f"{column.name} is not the last"


def test_every_contract_of_the_package_holds_together():
    contracts = [one for several in all_contracts().values() for one in several]
    assert len(contracts) > 25
    assert [(one.files, *faults_of(one)) for one in contracts if list(faults_of(one))] == []
