"""Subgroups have their counts always, and a score only where both classes have ten patients."""

import numpy as np
import pandas as pd
import pytest

from livermet.contracts import check
from livermet.validation.subgroups import (
    CHARACTERISTICS,
    SUBGROUPS,
    Known,
    groups_of,
    tabulate_subgroups,
)

from .. import statistics_phantoms as made


def at(table, characteristic, group):
    rows = table[table["characteristic"].eq(characteristic) & table["group"].eq(group)]
    return rows.iloc[0]


def test_counts_always_and_a_score_from_ten_patients_of_each_class_on():
    table = made.subgroups()
    check(table, SUBGROUPS, "tables/subgroups.csv")
    assert set(table["characteristic"]) == set(CHARACTERISTICS)
    thin = at(table, "slice thickness", "up to 2.5 mm")
    assert (thin["series"], thin["positive_patients"], thin["negative_patients"]) == (24, 12, 12)
    # One of twelve negative patients is ranked above all positive ones, and called positive.
    assert thin["auc"] == pytest.approx(11 / 12)
    assert thin["low"] < thin["auc"] < thin["high"]
    assert thin["right"] == 23
    old, younger = at(table, "age", "above 70 years"), at(table, "age", "up to 60 years")
    assert (old["series"], old["right"], old["reason"]) == (2, 1, "too few")
    assert np.isnan(old["auc"])
    # The other 22 are eleven of each class.
    assert (younger["positive_patients"], younger["auc"]) == (11, 1.0)


def test_what_the_run_does_not_know_has_one_row_that_says_so():
    table = made.subgroups()
    for name in ("phase", "scanner", "days between CT and sample", "sex"):
        (row,) = table[table["characteristic"].eq(name)].itertuples()
        assert pd.isna(row.group)
        assert (row.series, row.reason) == (0, "not told by this run's data")


def test_groups_by_hand():
    facts = pd.DataFrame(
        {
            "series": ["a", "b", "c"],
            "sample_type": ["biopsy", "cfdna", ""],
            "sex": ["F", "", "M"],
            "age": [60.0, 61.0, np.nan],
            # Spheres of 0.5 ml have a diameter of 9.85 mm, of 5 ml one of 21.2 mm.
            "burden_ml": [1.0, 5.0, 0.0],
            "lesions": [2, 1, 0],
        }
    )
    acquired = pd.DataFrame(
        {"manufacturer": ["Acme", "Other", None], "model": ["One", None, None], "phase": "venous"},
        index=["a", "b", "c"],
    )
    thickness = pd.Series({"a": 2.5, "b": 5.0})
    days = pd.Series({"a": -7.0, "b": 8.0, "c": 31.0})
    groups = groups_of(Known(facts, thickness, 2.5, acquired, days))
    told = groups.astype(object).where(groups.notna(), None).to_dict("list")
    assert told == {
        "slice thickness": ["up to 2.5 mm", "thicker", None],
        "phase": ["venous"] * 3,
        "scanner": ["Acme One", "Other", None],
        "sample type": ["biopsy", "cfdna", None],
        "days between CT and sample": ["up to 7 days", "8 to 30 days", "more than 30 days"],
        "sex": ["F", None, "M"],
        "age": ["up to 60 years", "61 to 70 years", None],
        "lesion size": ["up to 10 mm", "above 20 mm", "no lesion"],
    }


def test_what_is_not_known_of_some_stands_last():
    rows = pd.DataFrame({"series": list("ab"), "study": list("ab"), "patient": list("ab")})
    rows = rows.assign(label=[0, 1], predicted=1, model="RF", set="test")
    groups = pd.DataFrame(None, index=list("ab"), columns=list(CHARACTERISTICS), dtype=object)
    groups.loc["b", "sex"] = "F"
    table = tabulate_subgroups(rows, groups, draws=10, seed=1)
    by_sex = table[table["characteristic"].eq("sex")]
    assert list(by_sex["group"]) == ["F", "not known"]
    assert list(by_sex["right"]) == [1, 0]
