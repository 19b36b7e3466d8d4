"""Notes on the matching: counted by hand on patients who each show one thing."""

import pandas as pd

from livermet.cohort.notes import NOTE_COUNTS, SAMPLE_NOTES, note_counts, sample_notes
from livermet.contracts import check

from .test_matching import lines_of_treatment, samples, series_table


def noted(series, molecular, thresholds=None):
    notes = sample_notes(series, molecular, 92, 0.0, thresholds or {})
    check(notes, SAMPLE_NOTES, "cohort/sample_notes.tsv")
    check(note_counts(notes), NOTE_COUNTS, "tables/sample_notes.csv")
    return notes


def test_what_each_patient_shows_is_noted():
    series = series_table(
        ("a1", "a", "2020-01-01", ""),
        ("a1_thick", "a", "2020-01-01", ""),
        ("a2", "a", "2020-02-01", ""),
        ("b1", "b", "2020-01-11", ""),
        ("c1", "c", "2020-01-01", ""),
        ("d1", "d", "2020-01-01", ""),
    )
    molecular = samples(
        # One sample for two studies, of three series.
        ("a", "2020-01-15", "biopsy", 0.2),
        # Five days before and five days after, of different classes.
        ("b", "2020-01-06", "cfdna", -0.1),
        ("b", "2020-01-16", "biopsy", 0.3),
        # Two samples of one day, of different classes.
        ("c", "2020-01-03", "biopsy", 0.4),
        ("c", "2020-01-03", "cfdna", -0.4),
        # A conflict outside of the window, which no study takes.
        ("d", "2022-01-01", "biopsy", 0.4),
        ("d", "2022-01-01", "cfdna", -0.4),
    )
    notes = noted(series, molecular).set_index(["note", "patient"])
    assert list(notes.index) == [
        ("shared", "a"),
        ("tie", "b"),
        ("tie", "c"),
        ("conflict", "c"),
        ("conflict", "d"),
    ]
    assert notes.at[("shared", "a"), "studies"] == "a_20200101; a_20200201"
    assert not notes.at[("shared", "a"), "changes_class"]
    assert notes.loc[("tie", "b"), ["taken", "passed_over", "changes_class"]].tolist() == [
        "2020-01-06 cfdna -0.100",
        "2020-01-16 biopsy 0.300",
        True,
    ]
    assert notes.at[("conflict", "c"), "taken"] == "2020-01-03 biopsy 0.400"
    assert notes.at[("conflict", "d"), "studies"] == ""
    assert notes.at[("conflict", "d"), "study_count"] == 0
    counted = note_counts(noted(series, molecular)).set_index("note")
    assert counted["cases"].to_dict() == {"shared": 1, "tie": 2, "conflict": 2, "treatment": 0}
    assert counted["other_class"].to_dict() == {
        "shared": 0,
        "tie": 2,
        "conflict": 2,
        "treatment": 0,
    }


def test_a_study_without_anything_to_know_has_no_note():
    series = series_table(("a1", "a", "2020-01-01", ""))
    molecular = samples(("a", "2020-01-02", "biopsy", 0.2), ("a", "2020-03-02", "biopsy", -0.2))
    assert noted(series, molecular).empty


def test_samples_of_one_day_are_compared_by_the_thresholds_of_their_types():
    series = series_table(("a1", "a", "2020-01-01", ""))
    both = samples(("a", "2020-01-01", "cfdna", 0.2), ("a", "2020-01-01", "biopsy", 0.1))
    # Both are positive: no conflict.
    assert list(noted(series, both, {"cfdna": 0.15})["note"]) == ["tie"]
    assert list(noted(series, both, {"cfdna": 0.25})["note"]) == ["tie", "conflict"]


def test_a_nearer_sample_of_another_line_of_treatment_is_noted():
    series, molecular = lines_of_treatment(["1", "1", "2"], ["1", "2"])
    notes = noted(series, molecular)
    assert list(notes["note"]) == ["shared", "treatment"]
    last = notes.iloc[-1]
    assert last["studies"] == "a_20200220"
    assert last["passed_over"] == "2020-03-01 biopsy -0.200"
    assert last["changes_class"]


def test_a_sheet_without_series_or_samples_has_no_notes():
    series = series_table(("a1", "a", "2020-01-01", ""))
    assert noted(series, samples(("b", "2020-01-01", "biopsy", 0.2))).empty
    assert isinstance(note_counts(noted(series.iloc[:0], samples())), pd.DataFrame)
