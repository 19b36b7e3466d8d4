"""Net benefit at each threshold, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from livermet.contracts import check
from livermet.statistics.decision_curve import DECISIONS, THRESHOLDS, decision_curve, of_chosen


def predictions(label, probability, studies=None, **columns):
    names = [f"s{number}" for number in range(len(label))]
    return pd.DataFrame(
        {
            "protocol": "corrected",
            "model": "LR",
            "weighting": "none",
            "set": "test",
            "study": names if studies is None else studies,
            "patient": names if studies is None else studies,
            "label": label,
            "probability": probability,
        }
        | columns
    )


def at(curve, threshold):
    """The three net benefits at one threshold."""
    row = curve[np.isclose(curve["threshold"], threshold)].iloc[0]
    return [row["net_benefit"], row["call_all"], row["call_none"]]


def cohort(patients, flips=0):
    """So many patients of each class with two series each; the first of a class are miscalled."""
    label = np.repeat([1, 0], patients)
    wrong = np.tile(np.arange(patients) < flips, 2)
    probability = np.where((label == 1) != wrong, 0.8, 0.2)
    names = [f"p{number}" for number in range(2 * patients)]
    return predictions(*(np.repeat(values, 2) for values in (label, probability, names)))


def test_the_band_is_that_of_draws_of_patients():
    curve = decision_curve(cohort(12, flips=3), seed=1)
    # At 0.5 it is the share of right positives less that of false alarms: (9 - 3) / 24.
    row = curve[np.isclose(curve["threshold"], 0.5)].iloc[0]
    assert row["net_benefit"] == pytest.approx(6 / 24)
    # Each of 24 patients is worth 1 (9), -1 (3) or 0 (12): a variance of 0.5 - 0.0625, so that by
    # the normal approximation half the band is 1.96 * sqrt(0.4375 / 24).
    half = 1.96 * np.sqrt(0.4375 / 24)
    assert row["high"] - row["low"] == pytest.approx(2 * half, rel=0.1)
    assert row["low"] < 6 / 24 < row["high"]
    # A patient's second series makes no band narrower, and another seed moves it little.
    again = decision_curve(cohort(12, flips=3), seed=2)
    assert again["low"].to_numpy() == pytest.approx(curve["low"].to_numpy(), abs=0.1)


def test_fewer_than_ten_patients_of_a_class_have_no_band():
    few = decision_curve(cohort(9), seed=1)
    assert few[["low", "high"]].isna().all(axis=None)
    check(few, DECISIONS, "tables/decision_curve.csv")
    assert decision_curve(cohort(10), seed=1)["low"].notna().all()


def test_net_benefit_by_hand():
    # At 0.2 (odds 1/4) three of the four are called, two rightly: 2/4 - 1/4 * 1/4. All called: the
    # same and one false alarm more. At 0.5 (odds 1) one true and one false alarm: 0.
    curve = decision_curve(predictions([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1]), seed=1)
    assert at(curve, 0.2) == pytest.approx([2 / 4 - 1 / 16, 2 / 4 - 2 / 16, 0])
    assert at(curve, 0.5) == pytest.approx([0, 0, 0])
    # At 0.75 (odds 3) only the best is called; calling all costs 3 * 2/4.
    assert at(curve, 0.75) == pytest.approx([1 / 4, 2 / 4 - 6 / 4, 0])


def test_each_study_counts_once():
    # Study x, positive, has three series, two of them called: 2/3 of one of two studies.
    curve = decision_curve(
        predictions([1, 1, 1, 0], [0.9, 0.8, 0.1, 0.3], ["x", "x", "x", "y"]), seed=1
    )
    assert at(curve, 0.5) == pytest.approx([1 / 3, 0, 0])


def test_a_perfect_model_gains_the_prevalence_and_no_model_beats_it():
    random = np.random.default_rng(0)
    label = random.integers(0, 2, 60)
    perfect = decision_curve(predictions(label, label.astype(float)), seed=1)
    assert perfect["net_benefit"].to_numpy() == pytest.approx(label.mean())
    other = decision_curve(predictions(label, random.uniform(size=60)), seed=1)
    assert (other["net_benefit"] <= label.mean() + 1e-12).all()


def test_a_probability_equal_to_the_threshold_is_not_called():
    curve = decision_curve(predictions([1, 0], [0.3, 0.1]), seed=1)
    assert at(curve, 0.29)[0] == pytest.approx(1 / 2)
    assert at(curve, 0.3)[0] == 0


def test_a_model_above_every_threshold_calls_all():
    curve = decision_curve(predictions([1, 0, 1], [1.0, 1.0, 1.0]), seed=1)
    pd.testing.assert_series_equal(curve["net_benefit"], curve["call_all"], check_names=False)
    assert list(curve["threshold"]) == pytest.approx(list(THRESHOLDS))
    check(curve, DECISIONS, "tables/decision_curve.csv")
    assert (THRESHOLDS[0], THRESHOLDS[-1], len(THRESHOLDS)) == (0.01, 0.99, 99)


def test_the_chosen_models_rows():
    rows = pd.concat(
        [
            predictions([1, 0], [0.6, 0.4], model=["LR", "RF"]),
            predictions([1], [0.6], model="RF", set="validation"),
            predictions([1], [0.6], model="RF", weighting="balanced"),
            predictions([1], [0.6], model="RF", protocol="published"),
        ]
    )
    choice = pd.DataFrame(
        {"model": ["LR", "RF"], "weighting": "none", "auc": [0.5, 0.6], "chosen": [False, True]}
    )
    kept = of_chosen(rows, choice)
    assert set(kept["model"]) == {"RF"}
    assert list(kept["set"]) == ["test", "validation"]
    assert set(kept["protocol"]) == {"corrected"}


def test_no_predictions_give_an_empty_table():
    check(decision_curve(predictions([], []), seed=1), DECISIONS, "tables/decision_curve.csv")
