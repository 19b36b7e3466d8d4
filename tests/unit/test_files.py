"""Files that appear whole or not at all."""

import pandas as pd
import pytest

from livermet.contracts import COUNT, SHARE, TEXT, Column, Contract
from livermet.errors import ContractError
from livermet.files import (
    read_json,
    read_table,
    remove_parts,
    whole_file,
    write_json,
    write_table,
)

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


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("old")

    def write_half():
        with whole_file(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_not_there_before_the_block_ends(tmp_path):
    path = tmp_path / "folder" / "volume.nii.gz"
    with whole_file(path) as beside:
        beside.write_text("x")
        assert not path.exists()
        assert beside.name.endswith(".nii.gz")
    assert path.read_text() == "x"


def test_parts_that_a_killed_writer_left_are_removed_and_nothing_else(tmp_path):
    kept = ["ct.nii.gz", ".12.mask.nii.gz", ".hidden.ct.nii.gz", "12.ct.nii.gz"]
    for name in [*kept, ".12.ct.nii.gz", ".345.ct.nii.gz"]:
        (tmp_path / name).write_text("x")
    (tmp_path / ".12.dicom").mkdir()
    (tmp_path / ".12.dicom" / "0001.dcm").write_text("x")
    remove_parts([tmp_path / "ct.nii.gz", tmp_path / "dicom", tmp_path / "not_there" / "t.tsv"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


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


def test_json_passes_through(tmp_path):
    write_json({"b": 1, "a": [1.5, None]}, tmp_path / "r.json")
    assert read_json(tmp_path / "r.json") == {"a": [1.5, None], "b": 1}


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
