"""Warnings are counted by what they say, whatever their numbers."""

import pytest

from livermet.contracts import check
from livermet.ingest.warned import WARNINGS, kind_of, warning_counts

from ..report_phantoms import ingested


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (
            "7% of the mask lie below -200 HU (air).",
            "12% of the mask lie below -200 HU (air).",
            "…% of the mask lie below … HU (air).",
        ),
        (
            "The files 3, 4 and 9 of 62 were left out.",
            "The file 1 of 60 were left out.",
            "The files … of … were left out.",
        ),
        ("It is 1.5 mm off.", "It is 0.25 mm off.", "It is … mm off."),
        ("It is 1,024 mm off.", "It is 2 mm off.", "It is … mm off."),
        ("A CT_SOM5 of b0012.", "A CT_SOM5 of b0012.", "A CT_SOM5 of b0012."),
    ],
)
def test_warnings_that_differ_in_numbers_are_one(one, other, kind):
    assert kind_of(one) == kind_of(other) == kind


def test_series_are_counted_by_warning():
    counts = warning_counts(ingested())
    check(counts, WARNINGS, "tables/quality_warnings.csv")
    # Of three series two have a reference, and those are the ones with a warning.
    assert counts[["about", "series", "asked"]].to_numpy().tolist() == [
        ["either", 2, 3],
        ["CT", 1, 3],
        ["reference", 2, 2],
        ["reference", 1, 2],
    ]
    assert counts["warning"].iloc[2] == "…% of the mask lie below … HU (air)."


def test_a_run_without_warnings_has_a_row_that_says_so():
    counts = warning_counts({"plain": ingested()["plain"]})
    assert counts.to_numpy().tolist() == [["either", "any warning", 0, 1]]
