"""Tables by batches: written as each part stands, read in the sheet's order, and whole."""

import pandas as pd
import pytest

from livermet.contracts import COUNT, FLAG, NUMBER, SERIES, TEXT, Column, Contract, check
from livermet.errors import ContractError, InputError
from livermet.ledger.batches import as_values, read_batches, stop_on_missing, write_parts

COUNTS = Contract(
    files=("t.tsv",),
    row="a series",
    columns=(SERIES, Column("lesions", COUNT, "number of lesions", missing="without a mask")),
    key=("series",),
)
LESIONS = Contract(
    files=("[12].tsv",), row="a lesion", columns=(SERIES, Column("lesion", TEXT, "its name"))
)


def test_parts_stand_below_one_another_as_each_would_alone(tmp_path):
    whole = pd.DataFrame({"series": ["a"], "lesions": [3]})
    without = pd.DataFrame({"series": ["b"], "lesions": [float("nan")]})
    none = whole.iloc[:0]
    write_parts([none, whole, without], tmp_path / "t.tsv", COUNTS, "how they were made")
    # Joined first, the 3 would have become 3.0.
    assert (tmp_path / "t.tsv").read_text() == "# how they were made\nseries\tlesions\na\t3\nb\t\n"


def test_rows_come_in_the_sheets_order_and_without_withdrawn_series(tmp_path):
    first = pd.DataFrame({"series": ["c", "a", "a"], "lesion": ["1", "1", "2"]})
    second = pd.DataFrame({"series": ["b", "gone"], "lesion": ["NA", "1"]})
    for name, table in (("1", first), ("2", second)):
        write_parts([table], tmp_path / f"{name}.tsv", LESIONS)
    table = read_batches([tmp_path / "1.tsv", tmp_path / "2.tsv"], ["b", "a", "c", "empty"])
    rows = list(table.itertuples(index=False, name=None))
    assert rows == [("b", "NA"), ("a", "1"), ("a", "2"), ("c", "1")]


def test_a_part_that_breaks_its_contract_leaves_no_file(tmp_path):
    whole = pd.DataFrame({"series": ["a"], "lesions": [3]})
    with pytest.raises(ContractError, match=r"column lesions is 0\.5 and has to be a whole number"):
        write_parts([whole, whole.assign(lesions=0.5)], tmp_path / "t.tsv", COUNTS)
    assert list(tmp_path.iterdir()) == []


def test_written_texts_are_checked_and_written_as_they_were(tmp_path):
    contract = Contract(
        files=("t.tsv",),
        row="a series",
        columns=(
            SERIES,
            Column("found", FLAG, "whether one was found", missing="without a mask"),
            Column("lesions", COUNT, "number of lesions"),
            Column("volume_ml", NUMBER, "their volume", missing="without a lesion"),
        ),
    )
    text = "series\tfound\tlesions\tvolume_ml\n01\tTrue\t2\t0.10\n02\tFalse\t0\t\nNA\t\t3\t1e-05\n"
    (tmp_path / "t.tsv").write_text(text)
    table = as_values(read_batches([tmp_path / "t.tsv"], ["01", "02", "NA"]))
    check(table, contract, "t.tsv")
    assert table["found"].tolist()[:2] == [True, False]
    assert pd.isna(table["found"].iloc[2])
    assert table.to_csv(sep="\t", index=False) == text
    with pytest.raises(ContractError, match="column lesions is two"):
        check(table.assign(lesions="two"), contract, "t.tsv")


def test_a_series_without_a_row_is_named():
    table = pd.DataFrame({"series": ["a"]})
    stop_on_missing(table, ["a"], "the scores of unet")
    with pytest.raises(InputError, match="Series 'b' has no row among the scores of unet"):
        stop_on_missing(table, ["a", "b"], "the scores of unet")
