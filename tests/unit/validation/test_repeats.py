"""Repeats deal the folds of all patients anew; every series is held out once a repeat."""

import numpy as np
import pandas as pd
import pytest

from livermet.contracts import check
from livermet.phenotype.baselines import BASELINES
from livermet.phenotype.corrected import Settings
from livermet.phenotype.folds import dealt_anew
from livermet.validation.repeats import (
    REPEATED,
    SUMMARY,
    repeat_baselines,
    repeat_cross_validation,
    summarise_repeats,
)

from .. import phenotype_phantoms as made

SETTINGS = Settings("score", 20, 3)


@pytest.fixture(scope="module")
def table():
    return made.feature_table(patients=16, test_patients=4, folds=2)


@pytest.fixture(scope="module")
def predictions(table):
    return repeat_cross_validation(table, "LR", folds=3, repeats=2, settings=SETTINGS)


def test_every_series_of_all_patients_is_held_out_once_a_repeat(table, predictions):
    check(predictions, REPEATED, "phenotype/reference/corrected/repeats/LR.tsv")
    for _, repeat in predictions.groupby("repeat"):
        assert sorted(repeat["series"]) == sorted(table["series"])
        assert repeat.groupby("patient")["fold"].nunique().eq(1).all()
    assert set(predictions["repeat"]) == {1, 2}


def test_folds_are_dealt_anew_and_the_same_for_every_model(table, predictions):
    one, other = (part.set_index("series")["fold"] for _, part in predictions.groupby("repeat"))
    assert (one != other[one.index]).any()
    baselines = repeat_baselines(table, folds=3, repeats=2, seed=3)
    check(baselines, REPEATED, "phenotype/reference/corrected/repeats/baselines.tsv")
    assert set(baselines["model"]) == set(BASELINES)
    volume = baselines[(baselines["model"] == "volume") & (baselines["repeat"] == 1)]
    assert (volume.set_index("series")["fold"][one.index] == one).all()


def test_dealing_uses_the_test_patients_and_leaves_the_table(table):
    dealt = dealt_anew(table, 3, 0)
    assert (dealt["group"] == "train").all()
    assert set(dealt["fold"]) == {0, 1, 2}
    assert (table["group"] == "test").any()


def test_a_summary_counted_by_hand():
    """Two repeats over two patients: AUC 1 and 0, accuracy 1 and 1/2."""
    rows = pd.DataFrame(
        {
            "protocol": "corrected",
            "model": "LR",
            "series": list("abab"),
            "study": list("abab"),
            "patient": list("abab"),
            "label": [1, 0, 1, 0],
            "fold": 0,
            "probability": [0.9, 0.1, 0.6, 0.7],
            "predicted": [1, 0, 1, 1],
            "repeat": [1, 1, 2, 2],
        }
    )
    summary = summarise_repeats(rows, draws=100, seed=0)
    check(summary, SUMMARY, "tables/repeated_cross_validation.csv")
    found = summary.set_index("metric")
    for metric, mean, low, high in (("auc", 0.5, 0, 1), ("accuracy", 0.75, 0.5, 1)):
        row = found.loc[metric]
        assert (row["mean"], row["repeat_low"], row["repeat_high"]) == (mean, low, high)
    assert found.at["within_fold_auc", "mean"] == 0.5
    assert (found[["repeats", "patients", "series"]] == 2).all().all()
    # Repeats share their patients: how far they lie apart is no interval, and none is given.
    assert not {"low", "high"} & set(summary)
    assert np.isfinite(found["mean"]).sum() >= 7
