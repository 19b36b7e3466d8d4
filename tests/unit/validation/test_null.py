"""In cohorts without a signal the published procedure finds one, the corrected one does not."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from livermet.contracts import check
from livermet.phenotype.corrected import Settings
from livermet.phenotype.table import FEATURES, as_published_columns, read_feature_table
from livermet.validation.null import (
    COHORTS,
    NULL,
    Asked,
    exchange,
    null_table,
    simulate,
    summarise_null,
)

from .. import phenotype_phantoms as made

DRAWS = 200


@pytest.fixture(scope="module")
def cohorts():
    return pd.concat([simulate(seed, 5, DRAWS, 0.35, "score") for seed in range(1, 9)])


def test_a_null_cohort_is_a_valid_table_of_the_papers_shape(tmp_path):
    table = null_table(1, 5)
    path = tmp_path / "table.csv"
    as_published_columns(table, "NE").to_csv(path, index=False)
    again = read_feature_table(path, "NE", complete=True)
    assert again["patient"].nunique() == 50
    assert again.loc[again["group"] == "test", "patient"].nunique() == 14
    studies = again.drop_duplicates("study")
    assert studies["label"].mean() == pytest.approx(0.75, abs=0.02)
    assert again.groupby("study")["label"].nunique().eq(1).all()


def test_features_tell_nothing_of_labels_and_much_of_patients():
    p_values, of_patient = [], []
    for seed in range(1, 6):
        patients = null_table(seed, 5).groupby("patient")
        means = patients[list(FEATURES)].mean().rank()
        p_values += [
            stats.spearmanr(means[feature], patients["score"].mean()).pvalue
            for feature in FEATURES[::12]
        ]
        ranks = null_table(seed, 5)[list(FEATURES)].rank()
        between = ranks.groupby(null_table(seed, 5)["patient"]).transform("mean")
        of_patient.append(float((between.var() / ranks.var()).mean()))
    # Of independent pairs 5% are below 0.05; 45 tests, some of them alike.
    assert np.mean(np.array(p_values) < 0.05) < 0.2
    assert np.mean(of_patient) > 0.6


def test_the_published_procedure_finds_what_is_not_there(cohorts):
    check(cohorts, COHORTS, "phenotype/null/0.tsv")
    check(summarise_null(cohorts), NULL, "tables/null_cohorts.csv")
    means = cohorts.groupby(["protocol", "model", "set"])["auc"].mean()
    # Splits of series recognise patients; splits of patients cannot.
    assert means["published", "RF", "cross-validation"] > 0.7
    assert means["published", "LR", "cross-validation"] > 0.6
    for model in ("LR", "RF"):
        assert abs(means["corrected", model, "cross-validation"] - 0.5) < 0.1
        gap = means["published", model, "cross-validation"] - means["published", model, "test"]
        assert gap > 0.1


def test_its_intervals_are_too_narrow_and_the_corrected_ones_wider(cohorts):
    width = (cohorts["high"] - cohorts["low"]).groupby([cohorts["protocol"], cohorts["set"]]).mean()
    assert width["corrected", "test"] > 1.5 * width["published", "test"]


def test_coverage_counted_by_hand():
    rows = pd.DataFrame(
        {
            "seed": range(5),
            "features": "phantom",
            "protocol": "corrected",
            "model": "LR",
            "set": "test",
            "auc": [0.5, 0.6, 0.7, np.nan, 1.0],
            "low": [0.4, 0.5, 0.55, np.nan, np.nan],
            "high": [0.6, 0.7, 0.85, np.nan, np.nan],
        }
    )
    (row,) = summarise_null(rows).itertuples()
    # A cohort of too few patients has an AUC and no interval.
    assert (row.cohorts, row.auc_mean, row.intervals) == (4, pytest.approx(0.7), 3)
    # Clopper and Pearson's interval of 2 in 3.
    assert (row.coverage, row.coverage_low, row.coverage_high) == pytest.approx(
        (2 / 3, 0.0943, 0.9916), abs=1e-4
    )


def test_exchanged_labels_take_a_runs_own_signal_away():
    """Of a score that one feature drives, nothing is left where labels are exchanged."""
    table = made.feature_table(seed=1, patients=30, test_patients=8)
    asked = Asked(DRAWS, 0.05, Settings("score", 20, 1))
    cohorts = pd.concat([exchange(table, table, seed, 4, asked) for seed in range(1, 7)])
    check(cohorts, COHORTS, "phenotype/reference/null/0.tsv")
    assert set(cohorts["features"]) == {"own"}
    means = cohorts.groupby(["protocol", "set"])["auc"].mean()
    assert abs(means["corrected", "cross-validation"] - 0.5) < 0.15
    again = exchange(table, table, 3, 4, asked)
    known = cohorts[cohorts["seed"].eq(3)].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, known, check_exact=True)
