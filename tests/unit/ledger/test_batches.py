"""Tables by batches: written as each part stands, read in the sheet's order, and whole."""

import pandas as pd
import pytest

from livermet.errors import InputError
from livermet.ledger.batches import read_batches, stop_on_missing, write_parts


def test_parts_stand_below_one_another_as_each_would_alone(tmp_path):
    whole = pd.DataFrame({"series": ["a"], "lesions": [3]})
    without = pd.DataFrame({"series": ["b"], "lesions": [float("nan")]})
    none = whole.iloc[:0]
    write_parts([none, whole, without], tmp_path / "t.tsv", "how they were made")
    # Joined first, the 3 would have become 3.0.
    assert (tmp_path / "t.tsv").read_text() == "# how they were made\nseries\tlesions\na\t3\nb\t\n"


def test_rows_come_in_the_sheets_order_and_without_withdrawn_series(tmp_path):
    first = pd.DataFrame({"series": ["c", "a", "a"], "lesion": ["1", "1", "2"]})
    second = pd.DataFrame({"series": ["b", "gone"], "lesion": ["NA", "1"]})
    for name, table in (("1", first), ("2", second)):
        write_parts([table], tmp_path / f"{name}.tsv")
    table = read_batches([tmp_path / "1.tsv", tmp_path / "2.tsv"], ["b", "a", "c", "empty"])
    rows = list(table.itertuples(index=False, name=None))
    assert rows == [("b", "NA"), ("a", "1"), ("a", "2"), ("c", "1")]


def test_a_series_without_a_row_is_named():
    table = pd.DataFrame({"series": ["a"]})
    stop_on_missing(table, ["a"], "the scores of unet")
    with pytest.raises(InputError, match="Series 'b' has no row among the scores of unet"):
        stop_on_missing(table, ["a", "b"], "the scores of unet")
