"""Tables pass through their files, with their provenance, and are checked before."""

import pandas as pd
import pytest

from livermet.contracts import COUNT, SHARE, TEXT, Column, Contract
from livermet.errors import ContractError
from livermet.tables import read_table, write_table

SCORES = Contract(
    files=("t.tsv", "t.csv"),
    row="a series",
    columns=(
        Column("series", TEXT, "name of the series"),
        Column("dice", SHARE, "Dice", missing="without a reference"),
    ),
)
LESIONS = Contract(
    files=("t.tsv",), row="a scan", columns=(Column("#lesions", COUNT, "number of lesions"),)
)


@pytest.mark.parametrize(("name", "separator"), [("t.tsv", "\t"), ("t.csv", ",")])
def test_tables_pass_through(tmp_path, name, separator):
    table = pd.DataFrame({"series": ["a", "b"], "dice": [0.1, None]})
    write_table(table, tmp_path / name, SCORES)
    assert (tmp_path / name).read_text().splitlines()[0] == f"series{separator}dice"
    pd.testing.assert_frame_equal(read_table(tmp_path / name), table)


def test_a_table_that_breaks_its_contract_leaves_the_old_file(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("old")
    with pytest.raises(ContractError, match=r"column dice is 1\.5"):
        write_table(pd.DataFrame({"series": ["a"], "dice": [1.5]}), path, SCORES)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "separator"), [("t.tsv", "\t"), ("t.csv", ",")])
def test_provenance_stands_above_the_header_and_is_skipped(tmp_path, name, separator):
    table = pd.DataFrame({"series": ["a", "# b"], "dice": [0.1, None]})
    path = tmp_path / name
    write_table(table, path, SCORES, provenance='livermet; {"spacing": [1, 1, 1]}; # twice')
    first, second, *_ = path.read_text().splitlines()
    assert first == '# livermet; {"spacing": [1, 1, 1]}; # twice'
    assert second == f"series{separator}dice"
    # '# ' means something on the first line only.
    pd.testing.assert_frame_equal(read_table(path), table)
    # What docs say to readers without livermet.
    pd.testing.assert_frame_equal(pd.read_csv(path, sep=separator, skiprows=1), table)


def test_a_header_that_begins_with_a_hash_is_no_provenance(tmp_path):
    table = pd.DataFrame({"#lesions": [1, 2]})
    write_table(table, tmp_path / "t.tsv", LESIONS)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.tsv"), table)
