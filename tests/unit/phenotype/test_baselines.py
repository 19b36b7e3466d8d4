"""The trivial rules see one column each, and are scored as the classifiers are."""

import numpy as np
import pandas as pd
import pytest

from livermet.contracts import check
from livermet.phenotype.baselines import (
    BASELINES,
    fit_baseline,
    fit_baselines,
    fit_untuned_baselines,
)
from livermet.phenotype.corrected import score_test
from livermet.phenotype.metrics import (
    COMPARISONS,
    INTERVALS,
    compare_baselines,
    intervals_by_unit,
)

from .. import phenotype_phantoms as made


@pytest.fixture(scope="module")
def table():
    """Positive patients have the larger volumes, whatever else the table holds."""
    table = made.feature_table()
    return table.assign(burden_ml=np.where(table["label"] == 1, 40.0, 10.0) + table["score"])


def test_always_positive_calls_every_series_positive(table):
    fitted = fit_baseline(table, "always_positive", seed=0)
    predictions = fitted.prediction_table()
    assert (predictions["predicted"] == 1).all()
    assert (predictions["probability"] == 1).all()
    assert (fitted.cross_validation_table()["auc"] == 0.5).all()
    tested = score_test(table, fitted.models["none"], "always_positive", "none")
    assert (tested["predicted"] == 1).all()


def test_volume_alone_tells_the_classes_where_it_does(table):
    predictions = fit_baseline(table, "volume", seed=0).prediction_table()
    assert (predictions["predicted"] == predictions["label"]).all()
    count = fit_baseline(table, "lesion_count", seed=0).cross_validation_table()
    assert count["auc"].mean() < 0.8


def test_a_baseline_sees_only_its_own_column(table):
    other = table.assign(**{made.SIGNAL: 0.0, "score": 0.0, "Num_Lesions": 3.0})
    one, same = (fit_baseline(t, "volume", seed=0).prediction_table() for t in (table, other))
    np.testing.assert_array_equal(one["probability"], same["probability"])


def test_without_a_tuned_threshold_probabilities_are_the_same(table):
    every = zip(fit_untuned_baselines(table), fit_baselines(table, seed=0), strict=True)
    for untuned, tuned in every:
        assert untuned.model == tuned.model
        own, theirs = untuned.prediction_table(), tuned.prediction_table()
        pd.testing.assert_series_equal(own["probability"], theirs["probability"])
        assert (own["threshold"] == 0.5).all()


def test_training_rows_of_one_class_give_the_prevalence(table):
    positive = table.assign(label=1)
    for fitted in fit_baselines(positive, seed=0):
        assert (fitted.prediction_table()["probability"] == 1).all()


def test_differences_are_paired():
    """The model is right where its baseline is and on one more of four patients, always."""
    facts = {"protocol": "corrected", "weighting": "none", "set": "test", "fold": "ensemble"}
    rows = {
        "series": list("abcd"),
        "study": list("abcd"),
        "patient": list("abcd"),
        "label": [1, 1, 0, 0],
    }
    model = pd.DataFrame(rows | {"probability": [0.9, 0.8, 0.1, 0.7], "predicted": [1, 1, 0, 1]})
    trivial = pd.DataFrame(rows | {"probability": 1.0, "predicted": 1})
    scored = pd.concat(
        [model.assign(model="RF", **facts), trivial.assign(model="always_positive", **facts)]
    )
    found = compare_baselines(scored, draws=400, seed=0)
    check(found, COMPARISONS, "tables/baselines.csv")
    check(intervals_by_unit(scored, draws=100, seed=0), INTERVALS, "tables/intervals.csv")
    found = found.set_index("metric")
    assert next(iter(BASELINES)) == "always_positive"
    assert set(found["baseline"]) == {"always_positive"}
    # Accuracy 3/4 against 2/4; patient c alone decides, drawn 0 to 4 times of 4: the difference is
    # a share of 4 trials of 1/4 each, with sd sqrt(3)/8; t(0.975, 3) is 3.182. Cut at 1.
    assert found.at["accuracy", "difference"] == pytest.approx(0.25)
    half = 3.182 * np.sqrt(3) / 8
    assert found.at["accuracy", "low"] == pytest.approx(0.25 - half, abs=0.06)
    assert found.at["accuracy", "high"] == pytest.approx(0.25 + half, abs=0.06)
    # All positives rank above all negatives but for d, which lies below them too: AUC 1 to 0.5.
    # Two patients of a class are too few.
    assert found.at["auc", "difference"] == pytest.approx(0.5)
    assert found.loc["auc", ["low", "high", "p"]].isna().all()


def test_one_family_of_comparisons_is_corrected_by_holm():
    """Each model has two baselines, each with one metric that decides, in one set."""
    random = np.random.default_rng(3)
    label = np.repeat([0, 1], 10)
    patients = [f"P{number:02}" for number in range(20)]
    facts = {"protocol": "corrected", "weighting": "none", "set": "test", "fold": "ensemble"}
    rows = {"series": patients, "study": patients, "patient": patients, "label": label}
    scored = pd.concat(
        pd.DataFrame(rows | {"probability": random.uniform(size=20) / 2 + better * label})
        .assign(model=name, **facts)
        .assign(predicted=lambda table: (table["probability"] > 0.4).astype(int))
        for name, better in (("LR", 0.3), ("always_positive", 0.0), ("volume", 0.1))
    )
    found = compare_baselines(scored, draws=300, seed=0)
    check(found, COMPARISONS, "tables/baselines.csv")
    family = found[found["p_holm"].notna()].set_index("baseline")
    assert family["metric"].to_dict() == {"always_positive": "f1", "volume": "auc"}
    # Holm by hand: the smaller p twice, the greater one once and not below it.
    least, most = sorted(family["p"])
    assert sorted(family["p_holm"]) == pytest.approx([2 * least, max(most, 2 * least)])
