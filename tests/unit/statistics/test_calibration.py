"""Calibration: bins, slope and intercept against known answers."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit
from sklearn.calibration import calibration_curve as scikit_learns_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from livermet.contracts import check
from livermet.statistics.calibration import (
    CALIBRATION,
    CLIP,
    CURVE,
    brier,
    calibrate,
    calibration_curve,
    clipped_logits,
    intercept,
    judged,
    slope,
    study_weights,
)

LIMITS = ("low", "high")


def predictions(label, probability, studies=None, patients=None, **columns):
    """Predictions of one model; a study and a patient each series unless given."""
    names = [f"s{number:03}" for number in range(len(label))]
    studies = names if studies is None else studies
    return pd.DataFrame(
        {
            "protocol": "corrected",
            "model": "LR",
            "weighting": "none",
            "set": "test",
            "series": names,
            "study": studies,
            "patient": studies if patients is None else patients,
            "label": label,
            "probability": probability,
        }
        | columns
    )


def drawn(seed=0, series=400, steepness=1.0, shift=0.0):
    """Probabilities, and labels that are positive with logit steepness * logit(p) + shift."""
    random = np.random.default_rng(seed)
    probability = random.uniform(0.05, 0.95, series)
    label = random.uniform(size=series) < expit(steepness * logit(probability) + shift)
    return label.astype(float), probability


def test_each_study_counts_once():
    studies = np.array(["b", "a", "b", "b", "c"])
    assert study_weights(studies) == pytest.approx([1 / 3, 1, 1 / 3, 1 / 3, 1])


def test_slope_is_that_of_scikit_learns_regression_without_a_penalty():
    label, probability = drawn(series=60)
    weights = np.random.default_rng(1).integers(0, 4, 60)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        logit(probability)[:, None], label, weights
    )
    assert slope(label, probability, weights) == pytest.approx(theirs.coef_[0, 0], abs=1e-6)


def test_intercept_is_the_greatest_likelihood_beside_a_slope_of_1():
    label, probability = drawn(seed=2, series=60)
    weights = np.random.default_rng(3).uniform(0.2, 1, 60)
    sign = 2 * label - 1

    def loss(shift):
        return -(weights * log_expit(sign * (logit(probability) + shift[0]))).sum()

    expected = minimize(loss, [0.0], tol=1e-12).x[0]
    assert intercept(label, probability, weights) == pytest.approx(expected, abs=1e-6)


# Statsmodels' regression with an offset runs away from some of these.
@pytest.mark.parametrize("seed", range(20))
def test_the_intercept_makes_the_mean_probability_the_share_of_positives(seed):
    random = np.random.default_rng(seed)
    probability = random.choice([0, 0.001, 0.5, 0.7, 1], 12)
    label = np.r_[0.0, 1.0, random.integers(0, 2, 10)]
    weights = np.r_[1, 1, random.uniform(0.2, 1, 10)]
    moved = expit(clipped_logits(probability) + intercept(label, probability, weights))
    assert np.average(moved, weights=weights) == pytest.approx(
        np.average(label, weights=weights), abs=1e-9
    )


def test_what_was_put_into_the_labels_is_found():
    ones = np.ones(20000)
    label, probability = drawn(series=20000)
    assert slope(label, probability, ones) == pytest.approx(1, abs=0.05)
    assert intercept(label, probability, ones) == pytest.approx(0, abs=0.05)
    label, probability = drawn(series=20000, steepness=0.5)
    assert slope(label, probability, ones) == pytest.approx(0.5, abs=0.05)
    label, probability = drawn(series=20000, shift=0.7)
    assert intercept(label, probability, ones) == pytest.approx(0.7, abs=0.05)


def test_brier_is_scikit_learns():
    label, probability = drawn(series=30)
    weights = np.random.default_rng(6).uniform(size=30)
    assert brier(label, probability, weights) == pytest.approx(
        brier_score_loss(label, probability, sample_weight=weights), abs=1e-15
    )


def test_probabilities_of_0_and_1_have_finite_logits():
    assert clipped_logits(np.array([0.0, 0.5, 1.0])) == pytest.approx(
        [logit(CLIP), 0, -logit(CLIP)]
    )


def test_separated_classes_have_no_finite_slope():
    ones = np.ones(4)
    rising = np.array([0.1, 0.4, 0.6, 0.9])
    touching = np.array([0.1, 0.5, 0.5, 0.9])
    label = np.array([0.0, 0, 1, 1])
    assert slope(label, rising, ones) == np.inf
    assert slope(label, rising[::-1], ones) == -np.inf
    assert slope(label, touching, ones) == np.inf
    assert np.isnan(slope(label, np.full(4, 0.7), ones))
    assert np.isnan(slope(np.ones(4), rising, ones))
    assert intercept(np.ones(4), rising, ones) == np.inf
    assert intercept(np.zeros(4), rising, ones) == -np.inf
    # A series that a draw leaves out does not count: without the third the classes overlap less.
    assert slope(np.array([0.0, 1, 0, 1]), rising, np.array([1, 1, 0, 1])) == np.inf


def test_a_table_of_one_model_by_hand():
    # Study x has two series: 3 studies, of which 2 are positive. Prevalence 2/3, its Brier 2/9.
    # Squared differences 0.04 and 0.16 (x), 0.09, 0.36: (0.10 + 0.09 + 0.36) / 3.
    table = calibrate(
        predictions([1, 1, 1, 0], [0.8, 0.6, 0.7, 0.6], ["x", "x", "y", "z"]), seed=0, draws=20
    )
    row = table.iloc[0]
    assert row["series"] == 4
    assert row["brier"] == pytest.approx(0.55 / 3)
    assert row["brier_prevalence"] == pytest.approx(2 / 9)
    assert row["reason"].startswith("slope: the probabilities separate the classes")
    assert np.isnan(row["slope"])
    assert np.isfinite(row["intercept"])


def test_intervals_hold_the_truth_and_widen_when_series_share_a_patient():
    label, probability = drawn(seed=8, series=300)
    alone = calibrate(predictions(label, probability), seed=1).iloc[0]
    assert alone["slope_low"] < 1 < alone["slope_high"]
    assert alone["intercept_low"] < 0 < alone["intercept_high"]
    assert alone["brier_low"] < alone["brier"] < alone["brier_high"]
    assert alone["reason"] == ""
    # Ten copies of 30 series: ten times as many rows, no more patients.
    patients = np.tile([f"p{number}" for number in range(30)], 10)
    few = predictions(np.tile(label[:30], 10), np.tile(probability[:30], 10), patients=patients)
    few = calibrate(few, seed=1).iloc[0]
    width = few["brier_high"] - few["brier_low"]
    assert width > 2 * (alone["brier_high"] - alone["brier_low"])


def test_a_limit_among_separated_draws_is_empty_and_says_so():
    # One series alone keeps the classes from being separated; a draw without it has no slope.
    low, high = np.linspace(0.1, 0.5, 9), np.linspace(0.6, 0.9, 10)
    label = np.array([0] * 10 + [1] * 10)
    probability = np.array([*low, 0.65, *high])
    table = calibrate(predictions(label, probability), seed=0)
    check(table, CALIBRATION, "tables/calibration.csv")
    row = table.iloc[0]
    assert np.isfinite([row["slope"], row["slope_low"]]).all()
    assert np.isnan(row["slope_high"])
    assert "slope's interval: without a limit in" in row["reason"]


@pytest.mark.parametrize(("negatives", "has"), [(9, False), (10, True)])
def test_an_interval_needs_ten_patients_of_each_class(negatives, has):
    """A patient with series of both classes is one of either."""
    random = np.random.default_rng(4)
    label = np.array([0] * negatives + [1] * 20)
    patients = [f"p{number}" for number in range(len(label))]
    # The first positive series is of the first negative patient, and the last two of one.
    patients[negatives], patients[-1] = patients[0], patients[-2]
    table = predictions(label, random.uniform(0.2, 0.8, len(label)), patients=patients)
    found = calibrate(table, seed=0)
    check(found, CALIBRATION, "tables/calibration.csv")
    row = found.iloc[0]
    ends = [row[f"{name}_{end}"] for name in ("slope", "intercept", "brier") for end in LIMITS]
    assert np.isfinite(np.array(ends, dtype=float)).all() == has
    assert np.isnan(np.array(ends, dtype=float)).all() != has
    assert np.isfinite([row["slope"], row["intercept"], row["brier"]]).all()
    told = "no intervals: fewer than 10 patients of a class"
    assert row["reason"] == ("" if has else told)


@pytest.mark.parametrize(
    ("label", "probability", "reason"),
    [
        ([1, 1, 1], [0.2, 0.4, 0.6], "all series are of one class"),
        ([1, 0, 1], [0.6, 0.6, 0.6], "every series has the same probability"),
    ],
)
def test_what_cannot_be_fitted_is_empty_with_a_reason(label, probability, reason):
    table = calibrate(predictions(label, probability), seed=0, draws=10)
    check(table, CALIBRATION, "tables/calibration.csv")
    row = table.iloc[0]
    assert np.isnan(row[["slope", "slope_low", "slope_high"]].astype(float)).all()
    assert f"slope: {reason}" in row["reason"]
    assert np.isfinite(row["brier"])


def test_the_order_of_rows_does_not_matter():
    table = predictions(*drawn(series=40))
    pd.testing.assert_frame_equal(calibrate(table, 0, 20), calibrate(table.iloc[::-1], 0, 20))


def test_what_is_judged():
    published = predictions([1, 0], [0.6, 0.4], protocol="published", set=["test", "validation"])
    weighted = predictions([1, 0], [0.6, 0.4], weighting=["none", "balanced"])
    trivial = predictions([1], [1.0], model="always_positive")
    held_out = predictions([0], [0.3], set="validation")
    kept = judged(pd.concat([published, weighted, trivial, held_out], ignore_index=True))
    facts = [tuple(row) for row in kept[["protocol", "set", "weighting"]].to_numpy()]
    assert facts == [
        ("published", "test", "none"),
        ("corrected", "test", "none"),
        ("corrected", "validation", "none"),
    ]


def test_curve_is_scikit_learns_where_every_study_has_one_series():
    label, probability = drawn(seed=9, series=50)
    observed, predicted = scikit_learns_curve(label, probability, n_bins=5, strategy="quantile")
    curve = calibration_curve(predictions(label, probability))
    assert curve["predicted"].to_numpy() == pytest.approx(predicted, abs=1e-12)
    assert curve["observed"].to_numpy() == pytest.approx(observed, abs=1e-12)
    assert list(curve["series"]) == [10] * 5


def test_curve_counts_studies_and_keeps_ties_together():
    # Study x has two series of weight 1/2. Two bins: half of the four studies' weight is 2.
    table = predictions([1, 0, 0, 1, 1], [0.2, 0.2, 0.2, 0.7, 0.9], ["x", "y", "z", "x", "w"])
    curve = calibration_curve(table, bins=2)
    assert list(curve["series"]) == [3, 2]
    assert list(curve["weight"]) == [2.5, 1.5]
    assert list(curve["observed"]) == pytest.approx([0.5 / 2.5, 1])
    assert list(curve["predicted"]) == pytest.approx([0.2, (0.35 + 0.9) / 1.5])
    check(curve, CURVE, "phenotype/nnunet/calibration_curve.tsv")


def test_constant_probabilities_make_one_bin():
    curve = calibration_curve(predictions([1, 0, 1, 1], [0.7] * 4))
    assert curve[["predicted", "observed", "series"]].to_numpy().tolist() == [[0.7, 0.75, 4]]


def test_no_predictions_give_empty_tables():
    nothing = predictions([], [])
    assert calibrate(nothing, 0).empty
    check(calibrate(nothing, 0), CALIBRATION, "tables/calibration.csv")
    check(calibration_curve(nothing), CURVE, "phenotype/nnunet/calibration_curve.tsv")
