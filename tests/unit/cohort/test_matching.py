"""Matching, exclusions and the split's report, on studies that can be counted by hand."""

import pandas as pd

from livermet.cohort.matching import (
    FLOW,
    MATCHING,
    SPLITS,
    exclusion_flow,
    match_samples,
    patient_strata,
    split_report,
    unusable_for_classes,
    wrong_treatments,
)
from livermet.contracts import check


def series_table(*rows):
    table = pd.DataFrame(rows, columns=["series", "patient", "study_date", "lesions_read"])
    table["study_date"] = pd.to_datetime(table["study_date"])
    table["cohort"] = "mSCLC"
    table["reference"] = ""
    return table.set_index("series", drop=False)


def samples(*rows):
    table = pd.DataFrame(rows, columns=["patient", "sample_date", "sample_type", "score"])
    table["sample_date"] = pd.to_datetime(table["sample_date"])
    return table


def lines_of_treatment(series_lines, sample_lines):
    """Three studies and two samples of a patient, each of a line of treatment."""
    series = series_table(
        *(
            (f"s{n}", "a", date, "")
            for n, date in enumerate(["2020-01-01", "2020-02-20", "2020-06-01"])
        )
    ).assign(treatment_line=series_lines)
    molecular = samples(
        ("a", "2020-01-10", "biopsy", 0.2), ("a", "2020-03-01", "biopsy", -0.2)
    ).assign(treatment_line=sample_lines)
    return series, molecular


def test_the_nearest_sample_within_an_inclusive_window_of_92_days():
    series = series_table(
        # 2020-01-01 + 92 days is 2020-04-02 (2020 is a leap year: 31 + 29 + 31 = 91 to 1 April).
        ("near", "a", "2020-01-01", "present"),
        ("edge", "b", "2020-01-01", "present"),
        ("past", "c", "2020-01-01", "present"),
        ("none", "d", "2020-01-01", "present"),
        ("tie", "e", "2020-01-11", "present"),
    )
    molecular = samples(
        ("a", "2020-03-01", "biopsy", 0.1),
        ("a", "2019-12-30", "cfdna", -0.2),
        ("b", "2020-04-02", "biopsy", 0.3),
        ("c", "2020-04-03", "biopsy", 0.4),
        ("e", "2020-01-16", "biopsy", 0.5),
        ("e", "2020-01-06", "cfdna", 0.6),
    )
    matched = match_samples(series, molecular, 92, 0.0)
    placed = matched.assign(place="0")[MATCHING.names]
    check(placed, MATCHING, "cohort/matching.tsv")
    matched = matched.set_index("series")
    assert matched["days_apart"].dropna().to_dict() == {"near": -2, "edge": 92, "tie": -5}
    assert matched.at["near", "class"] == 0
    assert matched.at["edge", "class"] == 1
    assert matched.at["tie", "score"] == 0.6
    assert list(matched["excluded_by"]) == ["", "", "outside_window", "no_sample", ""]
    assert matched.loc[["past", "none"], ["score", "class", "sample_type"]].isna().all(axis=None)
    assert matched.at["near", "study"] == "a_20200101"


def test_a_score_at_the_threshold_is_negative():
    matched = match_samples(
        series_table(("s", "a", "2020-01-01", "present")),
        samples(("a", "2020-01-01", "biopsy", 0.0)),
        92,
        0.0,
    )
    assert list(matched["class"]) == [0]


def test_a_sample_type_has_its_own_threshold():
    series = series_table(("a1", "a", "2020-01-01", ""), ("b1", "b", "2020-01-01", ""))
    molecular = samples(("a", "2020-01-01", "cfdna", 0.1), ("b", "2020-01-01", "biopsy", 0.1))
    matched = match_samples(series, molecular, 92, 0.0, {"cfdna": 0.15})
    assert list(matched["class"]) == [0, 1]


def test_no_match_spans_a_change_of_treatment():
    # The second CT lies 10 days before the second sample and 41 days after the first one, whose
    # line it is of. The third lies within the window of the second sample alone, of its own line.
    series, molecular = lines_of_treatment(["1", "1", "2"], ["1", "2"])
    matched = match_samples(series, molecular, 92, 0.0)
    assert list(matched["days_apart"]) == [9, -41, -92]
    assert list(matched["class"]) == [1, 1, 0]


def test_a_series_without_a_sample_of_its_line_is_excluded_with_the_reason():
    series, molecular = lines_of_treatment(["1", "3", "2"], ["1", "2"])
    matched = match_samples(series, molecular, 92, 0.0)
    assert list(matched["excluded_by"]) == ["", "other_treatment", ""]
    assert matched.loc[1, ["score", "sample_type", "class"]].isna().all()
    flow = exclusion_flow(matched).set_index("step")
    assert flow.at["other_treatment", "removed_series"] == 1
    # The step stands in the flow only where it removes something.
    kept = match_samples(*lines_of_treatment(["1", "1", "2"], ["1", "2"]), 92, 0.0)
    assert "other_treatment" not in set(exclusion_flow(kept)["step"])


def test_lines_are_marked_in_both_sheets_and_in_every_row_of_a_patient():
    series, molecular = lines_of_treatment(["1", "", "2"], ["1", "2"])
    (told,) = wrong_treatments(series, molecular, "series.tsv", "molecular.tsv")
    assert told.startswith("series.tsv, row 3: the column 'treatment_line' is empty")
    bare = molecular.drop(columns="treatment_line")
    (told,) = wrong_treatments(series, bare, "series.tsv", "molecular.tsv")
    assert told.startswith("molecular.tsv lacks the column 'treatment_line'")
    assert wrong_treatments(series.drop(columns="treatment_line"), bare, "s", "m") == []
    # Nobody has marked this patient: all is one line.
    empty = lines_of_treatment([""] * 3, [""] * 2)
    assert wrong_treatments(*empty, "s", "m") == []
    assert match_samples(*empty, 92, 0.0)["included"].all()


def test_exclusions_one_by_one():
    series = series_table(
        ("a1", "a", "2020-01-01", "present"),
        ("a2", "a", "2020-01-01", "present"),
        ("a3", "a", "2021-01-01", "present"),  # no sample within the window of this study
        ("b1", "b", "2020-01-01", "absent"),
        ("c1", "c", "2020-01-01", "absent"),  # counted at the first step that removes it
    )
    molecular = samples(("a", "2020-01-01", "biopsy", 0.1), ("b", "2020-01-01", "biopsy", 0.1))
    flow = exclusion_flow(match_samples(series, molecular, 92, 0.0))
    check(flow, FLOW, "cohort/exclusions.tsv")
    flow = flow.set_index("step")
    units = ["series", "studies", "patients"]
    assert flow.loc["begin", [f"left_{unit}" for unit in units]].tolist() == [5, 4, 3]
    removed = flow[[f"removed_{unit}" for unit in units]]
    assert removed.loc["no_sample"].tolist() == [1, 1, 1]
    assert removed.loc["outside_window"].tolist() == [1, 1, 0]
    assert removed.loc["lesions_absent"].tolist() == [1, 1, 1]
    assert flow.loc["lesions_absent", [f"left_{unit}" for unit in units]].tolist() == [2, 1, 1]


def test_a_series_without_a_given_mask_is_excluded_by_name():
    series = series_table(
        ("a1", "a", "2020-01-01", "present"),
        ("b1", "b", "2020-01-01", "present"),
        ("b2", "b", "2020-01-01", "present"),
        # Without a sample it has left before anybody asks for its mask.
        ("c1", "c", "2020-01-01", "present"),
    )
    series.loc["b1", "reference"] = "b1.nii.gz"
    molecular = samples(("a", "2020-01-01", "biopsy", 0.1), ("b", "2020-01-01", "biopsy", -0.1))
    matched = match_samples(series, molecular, 92, 0.0, masks_given=True)
    assert list(matched["excluded_by"]) == ["no_mask", "", "no_mask", "no_sample"]
    check(matched.assign(place="0")[MATCHING.names], MATCHING, "cohort/matching.tsv")
    flow = exclusion_flow(matched)
    check(flow, FLOW, "cohort/exclusions.tsv")
    step = flow.set_index("step").loc["no_mask"]
    assert step["reason"] == "no mask of its lesions is given"
    assert [step[f"removed_{unit}"] for unit in ("series", "studies", "patients")] == [2, 1, 1]
    split = split_report(series, matched, pd.Series({"a": "0", "b": "0", "c": "0"}), [])
    assert list(split["series"]) == [1, 0]
    # Where networks make the masks, all of them are classified, and the flow has no such step.
    predicted = match_samples(series, molecular, 92, 0.0)
    assert predicted["included"].sum() == 3
    assert "no_mask" not in set(exclusion_flow(predicted)["step"])
    assert patient_strata(matched).to_dict() == {
        "a": "unmatched",
        "b": "any_negative",
        "c": "unmatched",
    }


def test_strata_are_any_negative_study_or_none():
    series = series_table(
        ("a1", "a", "2020-01-01", "present"),
        ("a2", "a", "2020-06-01", "present"),
        ("b1", "b", "2020-01-01", "present"),
        ("c1", "c", "2020-01-01", "present"),
        ("d1", "d", "2020-01-01", "absent"),
    )
    molecular = samples(
        ("a", "2020-01-01", "biopsy", 0.1),
        ("a", "2020-06-01", "biopsy", -0.1),
        ("b", "2020-01-01", "biopsy", 0.1),
        ("d", "2020-01-01", "biopsy", -0.1),
    )
    strata = patient_strata(match_samples(series, molecular, 92, 0.0))
    assert strata.to_dict() == {
        "a": "any_negative",
        "b": "only_positive",
        "c": "unmatched",
        "d": "unmatched",
    }


def test_classifiers_need_both_classes_in_training_and_a_test_series():
    series = series_table(
        ("a1", "a", "2020-01-01", "present"),
        ("b1", "b", "2020-01-01", "present"),
        ("c1", "c", "2020-01-01", "absent"),
    )
    molecular = samples(
        ("a", "2020-01-01", "biopsy", 0.1),
        ("b", "2020-01-01", "biopsy", -0.1),
        ("c", "2020-01-01", "biopsy", 0.1),
    )
    matched = match_samples(series, molecular, 92, 0.0)
    # Patient c is excluded and so no test patient; the others are of both classes.
    (sentence,) = unusable_for_classes(matched, {"a": "0", "b": "1", "c": "test"})
    assert "No included series is of a test patient" in sentence
    (sentence,) = unusable_for_classes(matched, {"a": "0", "b": "test", "c": "1"})
    assert "No included training series of the target cohort is negative" in sentence


def test_the_report_of_the_split_counts_both_tasks():
    series = series_table(
        ("a1", "a", "2020-01-01", "present"),
        ("a2", "a", "2020-01-01", "present"),
        ("b1", "b", "2020-01-01", "present"),
        ("c1", "c", "2020-01-01", "present"),
    )
    series["reference"] = ["a1.nii", "", "b1.nii", ""]
    molecular = samples(
        ("a", "2020-01-01", "biopsy", 0.1),
        ("b", "2020-01-01", "biopsy", -0.1),
        ("c", "2020-01-01", "biopsy", 0.1),
    )
    matched = match_samples(series, molecular, 92, 0.0)
    places = pd.Series({"a": "0", "b": "test", "c": "test"})
    report = split_report(series, matched, places, ["a1"])
    check(report, SPLITS, "cohort/splits.tsv")
    # Where masks are given, nothing is segmented.
    check(split_report(series, matched, places, []), SPLITS, "cohort/splits.tsv")
    report = report.set_index(["task", "place"])
    units = ["patients", "studies", "series"]
    assert report.loc[("segmentation", "train"), units].tolist() == [1, 1, 1]
    assert report.loc[("segmentation", "test"), units].tolist() == [1, 1, 1]
    assert report.loc[("classification", "train"), units].tolist() == [1, 1, 2]
    assert report.loc[("classification", "test"), units].tolist() == [2, 2, 2]
    assert report.loc[("classification", "train"), "positive_series"] == 2
    assert report.loc[("classification", "test"), "negative_series"] == 1
