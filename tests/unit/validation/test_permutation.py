"""Labels are exchanged by patient, and the whole procedure is run again on each exchange."""

import numpy as np
import pandas as pd
import pytest

from livermet.contracts import check
from livermet.phenotype import corrected
from livermet.phenotype.bootstrap import WITHIN_FOLDS, Predictions, metrics_of_draws
from livermet.phenotype.corrected import Settings
from livermet.phenotype.exchange import permuted, pools_of_patients
from livermet.phenotype.folds import dealt_anew
from livermet.validation.permutation import (
    AUCS,
    PERMUTATION,
    permutation_aucs,
    summarise_permutations,
)

from .. import phenotype_phantoms as made

SETTINGS = Settings("score", 20, 5)


def studies_of(counts):
    """Patients with these numbers of studies, of one series each, and scores that name them."""
    rows = [
        (f"{name}{study}", f"{name}{study}", name, 10.0 * place + study, place % 2)
        for place, (name, count) in enumerate(counts.items())
        for study in range(count)
    ]
    return pd.DataFrame(rows, columns=["series", "study", "patient", "score", "label"])


def test_patients_alone_with_their_count_join_their_neighbours():
    table = studies_of({"a": 1, "b": 1, "c": 2, "d": 3, "e": 3, "f": 7})
    # c (2 studies) joins the threes, f (7) too, as the last of all.
    assert pools_of_patients(table) == [["a", "b"], ["c", "d", "e", "f"]]
    assert pools_of_patients(studies_of({"a": 1, "b": 1, "c": 2, "d": 2})) == [
        ["a", "b"],
        ["c", "d"],
    ]
    assert pools_of_patients(studies_of({"a": 4})) == [["a"]]


def test_whole_sequences_change_hands_between_equal_patients():
    table = studies_of({"a": 3, "b": 3, "c": 3})
    seen = set()
    for seed in range(20):
        drawn = permuted(table, np.random.default_rng(seed))
        sequences = [tuple(rows["score"]) for _, rows in drawn.groupby("patient")]
        assert sorted(sequences) == [(0, 1, 2), (10, 11, 12), (20, 21, 22)]
        seen.add(tuple(sequences))
        assert (drawn["label"] == (drawn["score"] // 10) % 2).all()
    assert len(seen) == 6


def test_unequal_pools_lose_no_label_and_series_of_a_study_stay_alike():
    table = studies_of({"a": 1, "b": 2, "c": 4})
    twice = pd.concat([table, table.assign(series=table["series"] + "_thin")])
    for seed in range(10):
        drawn = permuted(twice, np.random.default_rng(seed))
        assert sorted(drawn["score"]) == sorted(twice["score"])
        assert drawn.groupby("study")["score"].nunique().eq(1).all()
        assert list(drawn["series"]) == list(twice["series"])


def test_the_observed_permutation_is_the_mean_over_deals_that_the_choice_has():
    table = made.feature_table(seed=1, patients=24, test_patients=4)
    aucs = permutation_aucs(table, ["LR"], 5, 2, range(0, 1), SETTINGS)
    dealt = [dealt_anew(corrected.training_rows(table), 5, SETTINGS.seed + deal) for deal in (1, 2)]
    expected = []
    for rows in dealt:
        (fitted,) = corrected.fit_untuned(rows, ["LR"], SETTINGS)
        facts = Predictions.of(fitted.prediction_table())
        once = np.ones((1, len(facts.label)), dtype=int)
        expected.append(metrics_of_draws(once, facts)[WITHIN_FOLDS][0])
    assert expected[0] != expected[1]
    assert aucs["auc"].iloc[0] == pytest.approx(np.mean(expected))


def test_a_signal_stands_out_and_parts_do_not_matter():
    table = made.feature_table(seed=1, patients=24, test_patients=4)
    whole = permutation_aucs(table, ["LR", "XGB"], 5, 1, range(0, 12), SETTINGS)
    check(whole, AUCS, "phenotype/reference/corrected/permutations/0.tsv")
    # Computed again, and not remembered.
    corrected._SELECTED.clear()
    part = permutation_aucs(table, ["XGB"], 5, 1, range(5, 8), SETTINGS)
    # With another classifier or without, and in any part, the same labels are exchanged.
    same = whole[whole["model"].eq("XGB") & whole["permutation"].between(5, 7)]
    pd.testing.assert_frame_equal(same.reset_index(drop=True), part, check_exact=True)
    summary = summarise_permutations(whole, 1).iloc[0]
    assert summary["observed"] > summary["null_high"]
    assert summary["p"] == summary["p_of_choice"] == pytest.approx(1 / 12)


def test_p_counts_the_observed_among_the_permutations():
    aucs = pd.DataFrame({"model": "LR", "permutation": range(5), "auc": [0.6, 0.7, 0.6, 0.5, 0.4]})
    row = summarise_permutations(aucs, 1).iloc[0]
    # Two of four permutations reach 0.6: (1 + 2) / (1 + 4).
    assert (row["observed"], row["p"], row["permutations"]) == (0.6, 0.6, 4)
    assert row["null_mean"] == pytest.approx(0.55)
    empty = summarise_permutations(aucs.assign(auc=np.nan), 1)
    check(empty, PERMUTATION, "tables/permutation.csv")
    nothing = empty.iloc[0]
    assert np.isnan(nothing["p"])
    assert nothing["permutations"] == 0


def test_p_of_choice_counts_the_best_classifier_of_each_permutation():
    lr, rf = [0.6, 0.7, 0.5, 0.5, 0.4], [0.55, 0.3, 0.65, 0.5, 0.58]
    aucs = pd.DataFrame(
        {"permutation": [*range(5)] * 2, "auc": [*lr, *rf], "model": ["LR"] * 5 + ["RF"] * 5}
    )
    found = summarise_permutations(aucs, 1).set_index("model")
    # The best of each permutation: 0.7, 0.65, 0.5, 0.58. Of the four, two reach LR's 0.6 and three
    # RF's 0.55; alone LR reaches its own once and RF twice.
    assert found.loc["LR", ["p", "p_of_choice"]].tolist() == [2 / 5, 3 / 5]
    assert found.loc["RF", ["p", "p_of_choice"]].tolist() == [3 / 5, 4 / 5]


def test_a_forest_is_no_larger_than_it_has_to_be(monkeypatch):
    table = made.feature_table(seed=1, patients=24, test_patients=4)
    monkeypatch.setattr("livermet.validation.permutation.TREES", 3)
    few = permutation_aucs(table, ["RF"], 3, 1, range(1), Settings("score", 3, 5))
    many = permutation_aucs(table, ["RF"], 3, 1, range(1), Settings("score", 30, 5))
    pd.testing.assert_frame_equal(few, many)
