"""Riley's criteria for external validation give what pmvalsampsize gives."""

import math

import numpy as np
import pytest
from scipy.special import expit

from livermet.statistics.validation_size import (
    CRITERIA,
    for_slope,
    linear_predictor,
    required_for_validation,
)


# pmvalsampsize 0.2.1 (Python), type 'b', its defaults: O:E, C-slope, C-statistic. It takes the
# standard error of O:E in steps of 0.0001, past the width that was asked for.
@pytest.mark.parametrize(
    ("prevalence", "auc", "of_oe", "of_auc"), [(0.297, 0.8, 911, 362), (0.7527, 0.7, 127, 559)]
)
def test_oe_and_auc_are_pmvalsampsizes(prevalence, auc, of_oe, of_auc):
    found = dict(
        zip(CRITERIA, required_for_validation(prevalence, auc, 0.5, 0.7, 0.7), strict=True)
    )
    assert found["O:E within 0.2"] == pytest.approx(of_oe, rel=0.003)
    assert found["AUC within 0.1"] == of_auc


# The same runs, with the linear predictor normal (mean, SD), 300,000 of it simulated.
@pytest.mark.parametrize(("mean", "deviation", "slope"), [(-1.1, 1.2, 2500), (1.3, 1.0, 3277)])
def test_the_slopes_patients_are_pmvalsampsizes(mean, deviation, slope):
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    found = for_slope(mean + deviation * nodes, weights / weights.sum())
    assert found == pytest.approx(slope, rel=0.01)


def test_the_linear_predictor_has_the_prevalence_and_the_auc_that_it_is_made_of():
    linear, share = linear_predictor(0.3, 0.8)
    assert share @ expit(linear) == pytest.approx(0.3, abs=1e-6)
    generator = np.random.default_rng(0)
    drawn = generator.choice(linear, size=200_000, p=np.abs(share) / np.abs(share).sum())
    positive = generator.random(len(drawn)) < expit(drawn)
    ranks = drawn.argsort().argsort() + 1.0
    wins = ranks[positive].sum() - positive.sum() * (positive.sum() + 1) / 2
    assert wins / (positive.sum() * (~positive).sum()) == pytest.approx(0.8, abs=0.02)


def test_net_benefit_is_as_precise_as_it_is_asked_for():
    """The standardised net benefit of many simulated cohorts of the size that is asked for."""
    prevalence, threshold, sensitivity, specificity = 0.4, 0.3, 0.8, 0.6
    patients = required_for_validation(prevalence, 0.7, threshold, sensitivity, specificity)[3]
    generator = np.random.default_rng(0)
    shape = (4000, int(patients))
    label = generator.random(shape) < prevalence
    called = generator.random(shape) < np.where(label, sensitivity, 1 - specificity)
    odds = threshold / (1 - threshold)
    benefit = (label & called).mean(axis=1) - (~label & called).mean(axis=1) * odds
    standardised = benefit / label.mean(axis=1)
    width = 2 * 1.96 * standardised.std()
    assert width == pytest.approx(0.2, rel=0.05)


def test_what_has_no_answer_is_missing():
    assert all(map(math.isnan, required_for_validation(1.0, 0.7, 0.5, 1.0, math.nan)))
    of_oe, of_slope, of_auc, of_benefit = required_for_validation(0.5, 0.5, 0.5, math.nan, 0.5)
    assert math.isnan(of_slope)
    assert math.isnan(of_benefit)
    assert of_oe > 0
    assert of_auc > 0


@pytest.mark.parametrize(("sensitivity", "specificity"), [(1.0, 1.0), (0.0, 1.0)])
def test_calls_without_variance_do_not_ask_for_no_patients(sensitivity, specificity):
    found = required_for_validation(0.75, 0.7, 0.6, sensitivity, specificity)
    assert math.isnan(found[3])
    # By hand, of specificity 0.5 alone: odds 0.5, 0.25 * (0.25 + 0.25 / 0.75) / 0.25 = 0.58333,
    # of which 0.58333 / (0.1 / 1.96)^2 are 224.1.
    assert required_for_validation(0.75, 0.7, 0.6, 1.0, 0.5)[3] == 225
