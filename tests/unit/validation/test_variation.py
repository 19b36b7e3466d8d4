"""Lesions of a scan and studies of a patient, counted by hand on `variation_phantoms`."""

import numpy as np
import pandas as pd
import pytest

from livermet.contracts import check
from livermet.statistics.reproducibility import ONE_WAY, icc_by_pingouin
from livermet.validation.variation import (
    HETEROGENEITY,
    LESION_CALLS,
    OVER_TIME,
    STUDY_PAIRS,
    heterogeneity,
    over_time,
    score_lesions,
    study_pairs,
)

from .. import segmentation_error_phantoms as scans
from .. import variation_phantoms as made
from ..segmentation_error_phantoms import LOOKED_AT, probability


def test_the_variance_within_scans_is_what_pingouins_icc_leaves():
    table = made.differing()
    check(table, HETEROGENEITY, "tables/heterogeneity.csv")
    row = table.set_index("feature").loc[LOOKED_AT]
    # 24 training scans and v0; the other test scans have one lesion.
    assert (row["lesions"], row["scans"], row["patients"]) == (50, 25, 25)
    lesions = made.lesions()
    pairs = [lesions[lesions["lesion"].eq(number)].set_index("series") for number in (1, 2)]
    values = np.array([one.loc[pairs[1].index, LOOKED_AT] for one in pairs])
    assert row["within_share"] == pytest.approx(1 - icc_by_pingouin(values, ONE_WAY))
    # All but two scans have two equal lesions.
    assert row["median_range"] == 0
    constant = table[table["feature"].ne(LOOKED_AT)]
    assert constant[["within_share", "median_range"]].isna().all(axis=None)


def test_of_a_studys_series_one_counts_and_few_scans_have_no_share():
    rows = scans.table()
    rows["study"] = rows["study"].mask(rows["series"].eq("t01"), "t00")
    counted = heterogeneity(rows, made.lesions()).set_index("feature").loc[LOOKED_AT]
    assert counted["scans"] == 24
    few = made.lesions()[lambda one: one["series"].isin(["t00", "t01", "v0"])]
    row = heterogeneity(scans.table(), few).set_index("feature").loc[LOOKED_AT]
    assert (row["scans"], row["lesions"]) == (3, 6)
    assert np.isnan(row["within_share"])
    # Ranges of 2, 0 and 2.
    values = [1, -1, -1, -1, 1, 3]
    assert row["median_range"] == pytest.approx(2 / np.std(values, ddof=1))


def test_a_lesion_that_lacks_a_feature_does_not_count_for_it():
    lesions = made.lesions()
    lesions.loc[lesions["series"].eq("t05") & lesions["lesion"].eq(2), LOOKED_AT] = np.nan
    row = heterogeneity(scans.table(), lesions).set_index("feature").loc[LOOKED_AT]
    # The other lesion of t05 is then alone.
    assert (row["lesions"], row["scans"]) == (48, 24)


def test_single_lesions_are_scored_as_the_only_one_of_their_scan():
    scored = score_lesions(scans.table(), made.lesions(), scans.chosen())
    rows = scored[scored["series"].isin(["t00", "v0"])]
    assert rows["probability"].tolist() == pytest.approx([probability(x) for x in (1, -1, 1, 3)])
    assert rows["called"].tolist() == [1, 0, 1, 1]
    assert rows["set"].tolist() == ["validation"] * 2 + ["test"] * 2


def test_scans_whose_lesions_are_called_apart_are_counted():
    table = made.calls()
    check(table, LESION_CALLS, "tables/lesion_calls.csv")
    held_out, tested = (table.set_index("set").loc[name] for name in ("validation", "test"))
    assert held_out[["scans", "patients", "lesions"]].tolist() == [24, 24, 48]
    assert held_out[["alike", "mixed", "against"]].tolist() == [23, 1, 1]
    assert held_out["median_range"] == 0
    assert held_out["largest_range"] == pytest.approx(probability(1) - probability(-1))
    # Of the test scans v0 alone has several lesions, both positive.
    assert tested[["scans", "lesions", "alike", "mixed", "against"]].tolist() == [1, 2, 1, 0, 0]


def test_changes_from_one_study_to_the_next_by_hand():
    table = made.changes()
    check(table, OVER_TIME, "tables/over_time.csv")
    rows = table.set_index("pairs_of")
    assert rows["pairs"].to_dict() == {"all": 3, "class stays": 2, "class changes": 1}
    assert rows.loc["all", ["patients", "undated"]].tolist() == [2, 1]
    # From 0.8 to 0.3 the call follows the class; from 0.3 to 0.6 it changes without.
    assert rows["call_changes"].to_dict() == {"all": 2, "class stays": 1, "class changes": 1}
    assert rows["followed"].to_dict() == {"all": 1, "class stays": 0, "class changes": 1}
    # 30 and 60 days (2020 has a 29th of February), the third pair has no dates.
    assert rows["days"].to_dict() == {"all": 45, "class stays": 60, "class changes": 30}
    assert rows.loc["all", "probability_change"] == pytest.approx(0.3)
    ends = ["probability_change_first_quartile", "probability_change_third_quartile"]
    assert rows.loc["all", ends].tolist() == pytest.approx([0.25, 0.4])
    # 0.4, 0.1 and 0; -6, 1 and 0 ml.
    assert rows.loc["all", "score_change"] == pytest.approx(0.1)
    assert rows.loc["all", "burden_change_ml"] == 0
    assert rows.loc["class changes", "burden_change_ml"] == -6


def test_a_studys_probability_is_the_mean_over_its_series():
    rows, burden = made.of_studies()
    second = rows[rows["study"].eq("a_20200131")].assign(series="other", probability=0.8)
    both = pd.concat([rows, second])
    table = over_time(both, burden, "LR").set_index("pairs_of")
    # 0.3 and 0.8 are 0.55 together, which is called positive: no change follows the class.
    assert table.loc["all", ["call_changes", "followed"]].tolist() == [0, 0]
    assert table.loc["class changes", "probability_change"] == pytest.approx(0.25)


def test_patients_with_one_study_have_no_pair():
    rows, burden = made.of_studies()
    table = over_time(rows.drop_duplicates("patient"), burden, "LR")
    check(table, OVER_TIME, "tables/over_time.csv")
    assert table["pairs"].eq(0).all()
    assert table["days"].isna().all()


def test_each_pair_of_studies_has_its_changes():
    pairs = made.pairs()
    check(pairs, STUDY_PAIRS, "phenotype/table/corrected/study_pairs.tsv")
    # Patient a by date: positive 0.3 and 0.8, negative -0.1 and 0.3, negative -0.2 and 0.6; the
    # calls are positive, negative, positive. Patient b stays as it was.
    assert pairs["study"].tolist() == ["a_20200101", "a_20200131", "b_first"]
    assert pairs["next_study"].tolist() == ["a_20200131", "a_20200331", "b_second"]
    assert pairs["class_changes"].tolist() == [True, False, False]
    assert pairs["call_changes"].tolist() == [True, True, False]
    assert pairs["score_change"].tolist() == pytest.approx([-0.4, -0.1, 0.0])
    assert pairs["probability_change"].tolist() == pytest.approx([-0.5, 0.3, -0.2])
    # The counts are those of the table.
    rows = made.changes().set_index("pairs_of")
    assert rows.loc["all", ["pairs", "call_changes"]].tolist() == [
        len(pairs),
        pairs["call_changes"].sum(),
    ]


def test_one_study_a_patient_makes_no_pair():
    rows, burden = made.of_studies()
    pairs = study_pairs(rows.drop_duplicates("patient"), burden, "LR")
    check(pairs, STUDY_PAIRS, "phenotype/table/corrected/study_pairs.tsv")
    assert pairs.empty
