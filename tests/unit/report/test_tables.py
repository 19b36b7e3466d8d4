"""Tables of the page have the numbers of the result tables, in the article's order."""

import pandas as pd
import pytest

from livermet.cohort.facts import (
    classes_of_test_studies,
    facts_of_features,
    facts_of_sheet,
    kinds_of_classified,
    series_without_features,
    studies_with_burden,
)
from livermet.models import classifiers_of
from livermet.phenotype.bootstrap import METRICS
from livermet.phenotype.table import RADIOMIC_FEATURES
from livermet.report.classification.content import wide_scores
from livermet.report.classification.tables import table4_classification, table_s3_weighted
from livermet.report.cohort.tables import (
    flow_of_facts,
    median_and_range,
    splits_of_facts,
    table1_cohort,
    table2_splits,
    table_s1_acquisition,
)

from .. import report_phantoms as made


@pytest.fixture
def sheet() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "series": ["p1_a", "p1_b", "p2", "l1"],
            "patient": ["p1", "p1", "p2", "l1"],
            "cohort": ["T", "T", "T", "S"],
            "study_date": pd.to_datetime(["2020-01-02", "2020-01-02", "2020-03-04", "2015-01-01"]),
            "sex": ["F", "F", "M", ""],
            "age": [60.0, 60.0, 70.0, float("nan")],
        }
    )


@pytest.fixture
def facts(sheet) -> pd.DataFrame:
    places = pd.DataFrame({"patient": ["p1", "p2", "l1"], "place": ["0", "test", "3"]})
    matching = pd.DataFrame(
        {
            "series": ["p1_a", "p1_b", "p2"],
            "class": [1, 1, 0],
            "score": [0.4, 0.4, -0.2],
            "sample_type": ["biopsy", "biopsy", "cfdna"],
            "included": [True, True, True],
        }
    )
    masks = pd.DataFrame(
        {
            "series": ["p1_a", "p1_b", "p2", "p1_a"],
            "burden_ml": [10.0, 12.0, 0.0, 99.0],
            "lesions": [3, 4, 0, 99],
            "measured": [True, False, False, None],
            "kind": ["out_of_fold", "out_of_fold", "ensemble", "out_of_fold"],
        }
    )
    return facts_of_sheet(sheet, places, matching, masks)


def test_facts_join_sheet_ledger_matching_and_masks(facts):
    rows = facts.set_index("series")
    assert list(rows["place"]) == ["train", "train", "test", "train"]
    assert list(rows["label"]) == ["positive", "positive", "negative", ""]
    assert list(rows["included"]) == [True, True, True, False]
    assert rows.loc["p1_a", "study"] == "p1_20200102"
    # The first mask named for a series counts: the feature table's comes before the detection's.
    assert rows.loc["p1_a", "burden_ml"] == 10.0


def test_table1_counts_each_unit_once(facts):
    table = table1_cohort(facts, ["S", "T"], "T", "NE").set_index(["characteristic", "statistic"])
    assert list(table.columns) == [
        "S train",
        "S test",
        "T train",
        "T test",
        "classified train positive",
        "classified train negative",
        "classified test positive",
        "classified test negative",
    ]
    assert table.loc[("patients", "number"), "T train"] == "1"
    assert table.loc[("series", "number"), "T train"] == "2"
    assert table.loc[("sex", "female"), "T train"] == "1"
    assert table.loc[("sample type", "biopsy"), "classified train positive"] == "1"
    # Two series of 10 and 12 ml.
    assert table.loc[("tumour burden, ml", "median (range)"), "T train"] == "11.0 (10.0 to 12.0)"
    assert table.loc[("NE score", "median (range)"), "classified test negative"] == (
        "-0.20 (-0.20 to -0.20)"
    )
    assert table.loc[("age, years", "median (range)"), "S train"] == ""
    # The age, the sex and the burden of the one patient of S are not known, nor is a sample.
    missing = table.xs("not recorded", level="statistic")["S train"]
    assert missing.to_dict() == {
        "age, years": "1",
        "sex": "1",
        "sample type": "1",
        "NE score": "1",
        "tumour burden, ml": "1",
        "lesions": "1",
    }
    # p1 and its two series lack nothing.
    assert set(table.xs("not recorded", level="statistic")["T train"]) == {"0"}


def test_table1_counts_what_is_missing_of_each_unit(facts):
    known = facts.assign(
        cohort="T",
        sex="F",
        age=[50.0, 50.0, float("nan"), 70.0],
        score=0.1,
        sample_type="biopsy",
        burden_ml=[1.0, float("nan"), 2.0, 3.0],
        lesions=1,
    )
    table = table1_cohort(known, ["T"], "T", "NE").set_index(["characteristic", "statistic"])
    missing = table.xs("not recorded", level="statistic")
    # p2 of the test patients has no age, one series of p1 no burden; of sex and lesions none is.
    assert list(missing.index) == ["age, years", "tumour burden, ml"]
    assert missing["T test"].to_list() == ["1", "0"]
    assert missing["T train"].to_list() == ["0", "1"]


def test_studies_and_missing_features_are_counted_over_classified_series(facts):
    assert list(studies_with_burden(facts)["series"]) == ["p1_a", "p2"]
    assert classes_of_test_studies(facts) == (0, 1)
    counts = series_without_features(facts)
    # p1_b has lesions that could not be measured, p2 has none.
    assert (counts.series, counts.unmeasured, counts.lesion_free) == (3, 2, 1)
    # By lesion p1_a is not measured either.
    by_lesion = facts.assign(measured_by_lesion=[False, False, False, None])
    counts = series_without_features(by_lesion, by_lesion=True)
    assert (counts.series, counts.unmeasured, counts.lesion_free) == (3, 3, 1)
    assert kinds_of_classified(facts) == {"train": {"out_of_fold": 2}, "test": {"ensemble": 1}}


def test_a_sheet_without_sample_types_and_classes_leaves_them_empty(sheet, recwarn):
    nothing = [float("nan")] * 3
    matching = pd.DataFrame(
        {"series": ["p1_a", "p1_b", "p2"], "class": nothing, "score": nothing}
        | {"sample_type": nothing, "included": [False] * 3}
    )
    places = pd.DataFrame({"patient": ["p1", "p2", "l1"], "place": ["0", "test", "3"]})
    masks = pd.DataFrame({"series": ["p2"], "burden_ml": [1.0], "lesions": [1]})
    facts = facts_of_sheet(sheet, places, matching, masks)
    assert list(facts["sample_type"]) == list(facts["label"]) == ["", "", "", ""]
    assert facts["kind"].isna().all()
    assert not recwarn.list


def test_median_and_range_of_nothing_is_empty():
    assert median_and_range(pd.Series([], dtype=float), 1) == ""
    assert median_and_range(pd.Series([1, 2, 4, None]), 0) == "2 (1 to 4)"


def test_a_feature_table_gives_facts_splits_and_a_flow():
    features = pd.DataFrame(
        {
            "File": ["a", "b", "c"],
            "unique_pt": ["p", "p", "q"],
            "unique_scandate": ["p_1", "p_1", "q_1"],
            "Group": ["train", "val", "test"],
            "Risk_Score": [0.1, 0.1, -0.3],
            "Risk_Class": [1, 1, 0],
            "Sample_Type": [None, None, None],
            "Burden_ml": [2.0, 3.0, 0.5],
            "Num_Lesions": [2, 3, 1],
        }
        | {feature: [1.0, 1.0, 1.0] for feature in RADIOMIC_FEATURES}
    )
    features.loc[1, RADIOMIC_FEATURES[3]] = None
    facts = facts_of_features(features, "Risk", "T")
    assert list(facts["measured"]) == [True, False, True]
    assert list(facts["burden_ml"]) == [2.0, 3.0, 0.5]
    splits = splits_of_facts(facts)
    train = splits[splits["place"].eq("train")].iloc[0]
    assert (train["patients"], train["studies"], train["series"]) == (1, 1, 2)
    assert (train["positive_series"], train["negative_series"]) == (2, 0)
    flow = flow_of_facts(facts).iloc[0]
    assert (flow["left_series"], flow["left_studies"], flow["left_patients"]) == (3, 2, 2)
    assert flow["removed_series"] == 0


def test_table2_puts_segmentation_and_training_first():
    table = table2_splits(made.splits())
    assert list(zip(table["task"], table["place"], table["cohort"], strict=True)) == [
        # Cohorts stay in the order of the sheet.
        ("segmentation", "train", "mSCLC"),
        ("segmentation", "train", "LiTS"),
        ("segmentation", "test", "mSCLC"),
        ("segmentation", "test", "LiTS"),
        ("classification", "train", "mSCLC"),
        ("classification", "test", "mSCLC"),
    ]


def test_scores_are_parted_by_weighting_and_ordered_as_in_the_paper():
    shuffled = made.scores(protocols=("published",)).sample(frac=1, random_state=0)
    table = table4_classification(shuffled)
    columns = ["protocol", "model", "weighting", "metric", "mean", "low", "high"]
    assert list(table.columns) == columns
    assert len(table) == 21
    assert list(table["metric"][:7]) == list(METRICS)
    assert set(table["weighting"]) == {"none"}
    weighted = table_s3_weighted(shuffled)
    assert list(weighted.columns) == columns
    assert set(weighted["weighting"]) == {"balanced"}


def test_of_the_corrected_protocol_only_the_chosen_model_stands_in_table_4():
    # No other classifier of the protocol has scored the test set.
    table = table4_classification(made.scores())
    corrected = table[table["protocol"].eq("corrected")]
    assert set(corrected["model"]) == {"RF"}
    assert set(table["weighting"]) == {"none"}
    published = table[table["protocol"].eq("published")]
    assert set(published["model"]) == set(classifiers_of("published"))
    assert set(table_s3_weighted(made.scores())["protocol"]) == {"published"}


def test_wide_scores_show_means_with_intervals_and_leave_undefined_ones_empty():
    wide = wide_scores(table4_classification(made.scores(protocols=("published",))))
    assert list(wide.columns) == ["protocol", "model", *METRICS]
    rows = wide.set_index("model")
    # Of four test studies one is right by its first series and wrong by its second.
    assert rows.loc["LR", "accuracy"] == "0.87 (0.75 to 1.00)"
    assert rows.loc["RF", "npv"] == ""
    assert "weighting" in wide_scores(table_s3_weighted(made.scores())).columns


def test_acquisition_counts_series_and_says_what_is_not_recorded():
    table = table_s1_acquisition(made.acquisition()).set_index(["characteristic", "statistic"])
    assert table.loc[("scanner", "Acme One"), "mSCLC"] == "2"
    assert table.loc[("scanner", "not recorded"), "LiTS"] == "1"
    assert list(table.loc["tube voltage, kVp"].index) == ["100", "120", "not recorded"]
    assert table.loc[("slice spacing, mm", "median (range)"), "mSCLC"] == "5.00 (1.00 to 5.00)"
    assert table.loc[("slice thickness, mm", "median (range)"), "LiTS"] == ""
