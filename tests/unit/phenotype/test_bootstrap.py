"""Metrics of all bootstrap draws at once are those of scikit-learn, draw by draw."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.exceptions import UndefinedMetricWarning

from livermet.contracts import check
from livermet.phenotype.bootstrap import (
    METRICS,
    Predictions,
    interval,
    metrics_of_draws,
    patient_draws,
    published_draws,
    study_draws,
)
from livermet.phenotype.metrics import (
    FOLDS_SUMMARY,
    TEST_METRICS,
    bootstrap_metrics,
    summarise_folds,
)


def by_scikit_learn(label, predicted, probability):
    """The same metrics by scikit-learn, on the series of one draw."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        precision, recall = sklearn_metrics.precision_score, sklearn_metrics.recall_score
        return {
            "accuracy": sklearn_metrics.accuracy_score(label, predicted),
            "ppv": precision(label, predicted, zero_division=np.nan),
            "npv": precision(label, predicted, pos_label=0, zero_division=np.nan),
            "sensitivity": recall(label, predicted, zero_division=np.nan),
            "specificity": recall(label, predicted, pos_label=0, zero_division=np.nan),
            "f1": sklearn_metrics.f1_score(label, predicted, zero_division=np.nan),
            "auc": sklearn_metrics.roc_auc_score(label, probability, labels=[0, 1]),
        }


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("positive_share", [0.5, 0.9])
def test_every_metric_of_every_draw_is_scikit_learns(seed, positive_share):
    random = np.random.default_rng(seed)
    series = 12
    label = (random.uniform(size=series) < positive_share).astype(int)
    # One decimal makes ties; few series make draws of one class and of one call.
    probability = random.uniform(size=series).round(1)
    predicted = (probability > 0.5).astype(int)
    draws = random.integers(0, series, size=(40, 4))
    counts = np.array([np.bincount(draw, minlength=series) for draw in draws])
    ours = metrics_of_draws(counts, Predictions(label, predicted, probability))
    theirs = [by_scikit_learn(label[d], predicted[d], probability[d]) for d in draws]
    single = [len(set(label[draw])) == 1 for draw in draws]
    tied = [set(probability[d][label[d] == 1]) & set(probability[d][label[d] == 0]) for d in draws]
    # What the comparison is about is there: draws of one class, and ties between the classes,
    # which some of the cases with few negatives lack.
    assert any(single)
    assert any(tied) or positive_share > 0.5
    assert list(np.isnan(ours["auc"])) == single
    for metric in METRICS:
        expected = np.array([scores[metric] for scores in theirs])
        np.testing.assert_allclose(ours[metric], expected, rtol=0, atol=1e-12, err_msg=metric)


def test_auc_within_folds_is_scikit_learns_of_each_fold_weighted_by_its_pairs():
    random = np.random.default_rng(7)
    label = np.array([0, 1] * 10)
    probability = random.uniform(size=20).round(1)
    fold = np.repeat([0, 1, 2, 3], 5)
    draws = random.integers(0, 20, size=(40, 12))
    counts = np.array([np.bincount(draw, minlength=20) for draw in draws])
    facts = Predictions(label, label, probability, fold)
    expected = []
    for draw in draws:
        inside = [draw[fold[draw] == number] for number in range(4)]
        pairs = [label[rows].sum() * (1 - label[rows]).sum() for rows in inside]
        areas = [
            sklearn_metrics.roc_auc_score(label[rows], probability[rows])
            for rows, count in zip(inside, pairs, strict=True)
            if count
        ]
        expected.append(np.average(areas, weights=[count for count in pairs if count]))
    found = metrics_of_draws(counts, facts)["within_fold_auc"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_a_case_counted_by_hand():
    # 3 positives (2 called), 2 negatives (1 called): TP 2, FN 1, FP 1, TN 1. Of 6 pairs the
    # positive ranks higher in 3 (0.9 over both, 0.6 over 0.3), ties in 1 (0.6 with 0.6): 3.5 / 6.
    facts = Predictions(
        np.array([1, 1, 1, 0, 0]), np.array([1, 1, 0, 1, 0]), np.array([0.9, 0.6, 0.2, 0.6, 0.3])
    )
    found = metrics_of_draws(np.ones((1, 5), dtype=int), facts)
    assert {metric: values[0] for metric, values in found.items()} == pytest.approx(
        {
            "accuracy": 3 / 5,
            "ppv": 2 / 3,
            "npv": 1 / 2,
            "sensitivity": 2 / 3,
            "specificity": 1 / 2,
            "f1": 2 / 3,
            "auc": 3.5 / 6,
            "balanced_accuracy": (2 / 3 + 1 / 2) / 2,
        },
        abs=1e-15,
    )


def test_published_draws_are_the_legacy_generators_choices():
    studies = np.array(list("bbacccca"))
    generator = np.random.RandomState(822)
    expected = np.zeros((50, 8), dtype=int)
    for draw in expected:
        for series in ([2, 7], [0, 1], [3, 4, 5, 6]):
            draw[generator.choice(series, 1, replace=False)[0]] = 1
    np.testing.assert_array_equal(published_draws(studies, 50), expected)


@pytest.mark.parametrize("make", [published_draws, lambda s, n: study_draws(s, n, seed=1)])
def test_a_draw_has_one_series_of_each_study(make):
    studies = np.array(list("aabcccbd"))
    counts = make(studies, 300)
    for study in "abcd":
        assert (counts[:, studies == study].sum(axis=1) == 1).all()
    # Each of c's three series comes in about a third of the draws.
    assert counts[:, studies == "c"].mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.1)


def test_a_patient_draw_brings_all_studies_of_a_patient_together():
    patients = np.array(["p", "p", "p", "q", "r", "r"])
    studies = np.array(["p1", "p1", "p2", "q1", "r1", "r1"])
    counts = patient_draws(patients, studies, 500, seed=4)
    of_study = {study: counts[:, studies == study].sum(axis=1) for study in np.unique(studies)}
    np.testing.assert_array_equal(of_study["p1"], of_study["p2"])
    assert (of_study["p1"] + of_study["q1"] + of_study["r1"] == 3).all()
    assert of_study["q1"].mean() == pytest.approx(1, abs=0.15)
    assert len(np.unique(counts, axis=0)) > 5


def test_interval_leaves_undefined_draws_out():
    assert interval(np.array([0.0, np.nan, 1.0])) == pytest.approx((0.5, 0.025, 0.975, 2))
    assert interval(np.array([np.nan]))[3] == 0


def scored(protocol, **columns):
    """Predictions of one model: four patients, one study each; P0 has two series."""
    return pd.DataFrame(
        {
            "protocol": protocol,
            "model": "LR",
            "weighting": "none",
            "set": "test",
            "fold": 0,
            "series": ["a", "b", "c", "d", "e"],
            "study": ["s0", "s0", "s1", "s2", "s3"],
            "patient": ["P0", "P0", "P1", "P2", "P3"],
            "label": [1, 1, 1, 0, 0],
            "probability": [0.9, 0.1, 0.8, 0.2, 0.3],
            "predicted": [1, 0, 1, 0, 0],
        }
        | columns
    )


def folds_of(*predictions):
    """One fold of each model of some predictions."""
    facts = pd.concat(predictions)[["protocol", "model", "weighting"]].drop_duplicates()
    return facts.assign(fold=0, f1=0.5, auc=0.5)


def bootstrapped(*predictions, draws):
    return bootstrap_metrics(folds_of(*predictions), pd.concat(predictions), draws, seed=0)


def test_published_interval_knows_one_uncertain_series_only():
    rows = bootstrapped(scored("published"), draws=400).set_index("metric")
    # P0 is right or wrong by the series drawn; all else is right: accuracy 1 or 3/4, never less.
    assert (rows.at["accuracy", "low"], rows.at["accuracy", "high"]) == (0.75, 1.0)
    assert rows.at["specificity", "low"] == 1.0
    assert set(rows["unit"]) == {"series"}
    assert (rows["draws"] == 400).all()


def test_corrected_interval_resamples_patients():
    rows = bootstrapped(scored("corrected"), draws=400).set_index("metric")
    # The mean stays the test set's own; draws of one class have no AUC.
    assert rows.at["accuracy", "mean"] == pytest.approx(0.875, abs=0.03)
    assert rows.at["accuracy", "low"] < 0.75
    assert 0 < rows.at["auc", "draws"] < 400
    assert set(rows["unit"]) == {"patient"}


def test_order_of_the_models_rows_does_not_matter():
    one, other = scored("published"), scored("published", model="RF").iloc[::-1]
    rows = bootstrapped(one, other, draws=50)
    by_model = [group["mean"].to_list() for _, group in rows.groupby("model")]
    assert by_model[0] == by_model[1]


def test_a_model_without_test_predictions_has_empty_numbers():
    validated = scored("published", set="validation")
    rows = bootstrapped(validated, draws=10)
    check(rows, TEST_METRICS, "phenotype/nnunet/published/metrics.tsv")
    assert list(rows["metric"]) == list(METRICS)
    assert rows["mean"].isna().all()
    assert (rows["draws"] == 0).all()


def test_folds_are_summarised_and_pooled_where_each_series_was_held_out_once():
    folds = pd.DataFrame(
        {
            "protocol": "corrected",
            "model": "LR",
            "weighting": "none",
            "f1": [0.5, 1.0],
            "auc": [0.75, np.nan],
        }
    )
    rows = summarise_folds(folds, scored("corrected", set="validation"), 100, seed=0)
    check(rows, FOLDS_SUMMARY, "phenotype/nnunet/corrected/cross_validation.tsv")
    rows = rows.set_index("metric")[["mean", "low", "high"]]
    assert list(rows.loc["f1"]) == [0.75, 0.5, 1.0]
    assert list(rows.loc["auc"]) == [0.75, 0.75, 0.75]
    assert list(rows.index) == ["f1", "auc", "pooled_f1", "pooled_auc", "within_fold_auc"]
    published = scored("published", set="validation")
    assert "pooled_auc" not in list(
        summarise_folds(folds.assign(protocol="published"), published, 100, 0)["metric"]
    )
