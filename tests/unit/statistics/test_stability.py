"""Stability of a selection is Nogueira's measure, over halves of the patients."""

import numpy as np
import pandas as pd
import pytest

from livermet.contracts import check
from livermet.phenotype import corrected, published
from livermet.phenotype.filling import UNMEASURED
from livermet.phenotype.table import FEATURES
from livermet.statistics.stability import (
    STABILITY,
    SUMMARY,
    resample_selections,
    stability_index,
    summarise_selections,
    tabulate_stability,
)

from .. import phenotype_phantoms as made

SEED = 7


@pytest.fixture(scope="module")
def table():
    return made.feature_table()


@pytest.fixture(scope="module")
def chosen(table):
    return resample_selections(table, "score", SEED, resamples=20)


def test_the_same_selection_every_time_has_index_1():
    same = np.tile([True, True, False, False, False], (10, 1))
    assert stability_index(same) == pytest.approx((1, 1, 1), abs=1e-12)


def test_index_counted_by_hand():
    # Two of three resamples select feature 1, one selects feature 2, of four features: frequencies
    # 2/3 and 1/3, each with sample variance 1/3. The mean of variances is (1/3 + 1/3) / 4 = 1/6;
    # a quarter of the features are selected, at random 1/4 * 3/4 = 3/16: 1 - 16/18 = 1/9.
    found = stability_index(np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]))
    assert found[0] == pytest.approx(1 / 9)


def test_index_of_equal_sizes_is_kunchevas():
    # With k of d features each time the index is Kuncheva's (2007), the mean over pairs of
    # (r - k^2 / d) / (k - k^2 / d) of r shared features (Nogueira et al., theorem 6).
    random = np.random.default_rng(0)
    resamples, size, features = 12, 4, 15
    chosen = np.zeros((resamples, features), dtype=bool)
    for row in chosen:
        row[random.choice(features, size, replace=False)] = True
    shared = (chosen.astype(int) @ chosen.T)[np.triu_indices(resamples, 1)]
    by_chance = size**2 / features
    expected = ((shared - by_chance) / (size - by_chance)).mean()
    assert stability_index(chosen)[0] == pytest.approx(expected, abs=1e-12)


def test_random_selections_have_index_0_and_intervals_that_cover_it():
    random = np.random.default_rng(1)
    found = np.array([stability_index(random.uniform(size=(60, 40)) < 0.2) for _ in range(300)])
    assert found[:, 0].mean() == pytest.approx(0, abs=0.002)
    assert 0.9 < ((found[:, 1] < 0) & (found[:, 2] > 0)).mean() <= 1


def test_the_interval_covers_the_index_of_many_resamples():
    random = np.random.default_rng(2)
    # Features of unequal frequency, and selections of unequal size.
    rates = np.linspace(0, 0.9, 30)

    def draw(resamples):
        sizes = random.uniform(0.5, 1.1, size=(resamples, 1))
        return random.uniform(size=(resamples, 30)) < rates * sizes

    truth = stability_index(draw(200_000))[0]
    found = np.array([stability_index(draw(100)) for _ in range(300)])
    covered = ((found[:, 1] < truth) & (truth < found[:, 2])).mean()
    # 95% of 300: a standard error of 1.3%.
    assert 0.9 < covered < 0.99
    # The analytic deviation is the one that repetition shows.
    deviation = (found[:, 2] - found[:, 1]).mean() / (2 * 1.96)
    assert deviation == pytest.approx(found[:, 0].std(), rel=0.1)


@pytest.mark.parametrize(
    "chosen",
    [np.zeros((5, 4), bool), np.ones((5, 4), bool), np.eye(1, 4, dtype=bool), np.zeros((0, 4))],
)
def test_nothing_or_everything_selected_has_no_index(chosen):
    assert np.isnan(stability_index(chosen)).all()


def test_halves_of_the_patients_find_the_signal(table, chosen):
    assert chosen.shape == (20, len(FEATURES))
    assert UNMEASURED not in chosen
    counts = tabulate_stability(chosen)
    assert counts["feature"].iloc[0] == made.SIGNAL
    assert counts["frequency"].iloc[0] > 0.7
    assert (counts["resamples"] == 20).all()
    assert counts["selected"].is_monotonic_decreasing
    assert counts["selected"].sum() == chosen.to_numpy().sum()


def test_each_resample_is_the_corrected_selection_from_half_of_the_patients(table, chosen):
    training = table[table["group"] != "test"]
    patients = training["patient"].unique()
    generator = np.random.default_rng(SEED)
    for resample in range(3):
        half = generator.choice(patients, len(patients) // 2, replace=False)
        assert len(set(half)) == 11
        rows = training[training["patient"].isin(half)]
        selection = corrected.select_in(rows, "score", SEED, "all")
        ours = chosen.columns[chosen.iloc[resample]]
        assert list(ours) == list(selection["feature"].dropna())


def test_the_test_set_changes_nothing(table, chosen):
    spoiled = table.copy()
    spoiled.loc[spoiled["group"] == "test", list(FEATURES)] *= 50
    pd.testing.assert_frame_equal(resample_selections(spoiled, "score", SEED, 20), chosen)


@pytest.mark.parametrize("target", ["score", "class"])
def test_few_patients_and_no_lesions_do_not_break_it(target):
    table = made.feature_table(patients=14, test_patients=4, folds=2)
    training = table.loc[table["group"] != "test", "patient"].unique()
    for kept in (2, 4, 5):
        rows = table[(table["group"] == "test") | table["patient"].isin(training[:kept])]
        chosen = resample_selections(rows, target, SEED, resamples=5)
        assert len(chosen) == (5 if kept >= 4 else 0)
        counts = tabulate_stability(chosen)
        assert counts["frequency"].isna().all() == (kept < 4)
        check(counts, STABILITY, "tables/stability.csv")
    empty = made.without_lesions(table, table.index)
    counts = tabulate_stability(resample_selections(empty, target, SEED, resamples=5))
    assert counts["selected"].sum() == 0


def test_the_summary_counts_fits_and_their_features(table, chosen):
    selection = pd.DataFrame(
        {
            "protocol": ["published"] * 2 + ["corrected"] * 4,
            "fold": ["all"] * 2 + ["0", "0", "1", "2"],
            "feature": ["a", "b", "a", "b", None, "c"],
        }
    )
    summary = summarise_selections(selection, chosen).set_index("protocol")
    counts = ["fits", "empty_fits", "features_min", "features_median", "features_max"]
    assert list(summary.loc["published", counts]) == [1, 0, 2, 2, 2]
    assert list(summary.loc["corrected", counts]) == [3, 1, 0, 1, 2]
    assert np.isnan(summary.at["published", "stability"])
    assert summary.at["published", "resamples"] == 0
    bounds = ["stability", "stability_low", "stability_high"]
    assert list(summary.loc["corrected", bounds]) == pytest.approx(
        stability_index(chosen.to_numpy())
    )
    assert summary.at["corrected", "resamples"] == 20


def test_the_summary_reads_both_protocols_selections(table, chosen):
    both = [published.select(table, 0.35), corrected.select(table, "score", SEED)]
    summary = summarise_selections(pd.concat(both), chosen)
    assert list(summary["protocol"]) == ["published", "corrected"]
    assert list(summary["fits"]) == [1, 5]
    check(summary, SUMMARY, "tables/selection_summary.csv")
