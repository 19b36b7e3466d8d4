"""Intervals of scores: what a formula gives, what other code gives, and where there is none."""

import numpy as np
import pytest
from scipy import stats

from livermet.phenotype.bootstrap import Predictions
from livermet.phenotype.intervals import (
    Support,
    interval_of_difference,
    interval_of_share,
    supports,
)

DRAWN = np.array([0.5, 0.7, 0.6, np.nan])


def test_the_interval_of_a_share_by_its_formula():
    # The three draws have the standard deviation 0.1; t(0.975, 4) is 2.776 in any table.
    low, high = interval_of_share(0.6, DRAWN, Support(5, 5))
    half = 2.7764451 * 0.1 / 0.24
    assert np.log(low / (1 - low)) == pytest.approx(np.log(1.5) - half, abs=1e-6)
    assert np.log(high / (1 - high)) == pytest.approx(np.log(1.5) + half, abs=1e-6)


def test_an_interval_of_a_share_stays_between_0_and_1():
    low, high = interval_of_share(0.97, np.array([0.8, 1.0, 1.0, 0.95]), Support(14, 5))
    assert 0 < low < 0.97 < high < 1


@pytest.mark.parametrize(
    ("value", "drawn", "support"),
    [
        (1.0, np.ones(9), Support(8, 3)),
        (1.0, DRAWN, Support(8, 3)),
        (1 - 1e-15, DRAWN, Support(8, 3)),
        (0.0, DRAWN, Support(8, 3)),
        (0.6, DRAWN, Support(8, 2)),
        (0.6, np.full(9, 0.6), Support(8, 3)),
        (0.6, np.array([0.6, np.nan]), Support(8, 3)),
        (np.nan, DRAWN, Support(8, 3)),
    ],
    ids=["separated", "one", "rounded", "zero", "two of a class", "one value", "one draw", "none"],
)
def test_too_few_patients_have_no_interval(value, drawn, support):
    assert np.isnan(interval_of_share(value, drawn, support)).all()


def test_the_interval_of_a_difference_is_a_t_interval():
    # Scipy's t test of one sample whose mean has the same standard error and degrees of freedom.
    sample = np.array([0.1, 0.3, -0.1, 0.4, 0.2])
    theirs = stats.ttest_1samp(sample, 0)
    error = sample.std(ddof=1) / np.sqrt(5)
    drawn = np.array([-error, error]) / np.sqrt(2)
    low, high, p = interval_of_difference(sample.mean(), drawn, Support(5, 5))
    expected = theirs.confidence_interval()
    assert (low, high) == pytest.approx((expected.low, expected.high))
    assert p == pytest.approx(theirs.pvalue)


def test_a_difference_without_spread_or_with_too_few_patients_has_no_p():
    assert np.isnan(interval_of_difference(0.0, np.zeros(9), Support(9, 9))).all()
    assert np.isnan(interval_of_difference(0.1, DRAWN, Support(9, 2))).all()


def test_each_metric_rests_on_the_patients_that_it_needs():
    """Patient a has both classes; b and c are positive, and c alone is not called so; d is not."""
    label, called = np.array([1, 0, 1, 1, 0]), np.array([1, 1, 1, 0, 0])
    found = supports(Predictions(label, called, called), np.array(list("aabcd")))
    assert found["accuracy"] == (4, 4)
    assert found["sensitivity"] == (3, 3)
    assert found["specificity"] == (2, 2)
    assert found["ppv"] == (2, 2)
    assert found["npv"] == (2, 2)
    assert found["f1"] == (3, 3)
    # Ranks rest on all four; of the negative class there are two.
    assert found["auc"] == found["within_fold_auc"] == (4, 2)
