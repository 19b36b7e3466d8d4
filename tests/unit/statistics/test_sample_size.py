"""Riley's criteria give what pmsampsize gives."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from livermet.contracts import check
from livermet.statistics.sample_size import (
    ALL_CRITERIA,
    CRITERIA,
    SAMPLE_SIZE,
    cox_snell_r2,
    maximum_r2,
    plan_sample_size,
    positive_shares,
    required_patients,
)

from .. import phenotype_phantoms as made


# What pmsampsize 0.1.0 (Python, by the criteria's authors) gives for its type 'b'. The first is the
# example of its manual; the second has the inputs of the pre-eclampsia example of Riley et al.,
# BMJ 2020, which asks for 5249 women.
@pytest.mark.parametrize(
    ("parameters", "prevalence", "r2", "expected"),
    [
        (24, 0.174, 0.288, (623, 662, 221)),
        (30, 0.05, 0.05, (5249, 1770, 73)),
        (108, 0.75, 0.1, (9170, 2980, 289)),
        (9, 0.75, 0.1, (765, 249, 289)),
        (5, 0.5, 0.6, (46, 84, 385)),
    ],
)
def test_required_patients_are_pmsampsizes(parameters, prevalence, r2, expected):
    assert required_patients(parameters, prevalence, r2) == expected


# cstat2rsq of pmsampsize 0.1.0, seed 123456: a logistic regression on a million simulated patients,
# whose error is about 1% of these.
@pytest.mark.parametrize(
    ("auc", "prevalence", "simulated"),
    [
        (0.7, 0.7, 0.10277),
        (0.7, 0.3, 0.10312),
        (0.89, 0.174, 0.29081),
        (0.6, 0.5, 0.03099),
        (0.8, 0.05, 0.06225),
        (0.7, 0.7222, 0.09863),
    ],
)
def test_r2_is_what_pmsampsize_simulates(auc, prevalence, simulated):
    assert cox_snell_r2(auc, prevalence) == pytest.approx(simulated, rel=0.01)


# pmsampsize 0.1.0 with the C-statistic itself, R2 by its simulation and rounded to four decimals.
@pytest.mark.parametrize(
    ("parameters", "prevalence", "auc", "expected"),
    [
        (108, 0.75, 0.7, (9947, 2993, 289)),
        (9, 0.75, 0.7, (829, 250, 289)),
        (24, 0.174, 0.89, (615, 660, 221)),
    ],
)
def test_patients_for_an_assumed_auc_are_pmsampsizes(parameters, prevalence, auc, expected):
    ours = required_patients(parameters, prevalence, cox_snell_r2(auc, prevalence))
    assert ours == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("auc", "prevalence"), [(0.55, 0.5), (0.7, 0.75), (0.95, 0.1)])
def test_r2_is_the_integral_of_the_log_likelihood(auc, prevalence):
    # scipy's adaptive quadrature of the likelihood gained over the prevalence, class by class.
    distance = math.sqrt(2) * stats.norm.ppf(auc)

    def gain(x, mean, share, sign):
        log_odds = special.logit(prevalence) + distance * x - distance**2 / 2
        return stats.norm.pdf(x - mean) * (special.log_expit(sign * log_odds) - math.log(share))

    positives = integrate.quad(gain, -12, 16, args=(distance, prevalence, 1), epsabs=1e-12)[0]
    negatives = integrate.quad(gain, -12, 16, args=(0, 1 - prevalence, -1), epsabs=1e-12)[0]
    expected = 1 - math.exp(-2 * (prevalence * positives + (1 - prevalence) * negatives))
    assert cox_snell_r2(auc, prevalence) == pytest.approx(expected, abs=1e-9)


def test_limits_of_r2():
    assert cox_snell_r2(0.5, 0.3) == pytest.approx(0, abs=1e-12)
    assert cox_snell_r2(0.7, 0.2) == pytest.approx(cox_snell_r2(0.7, 0.8), abs=1e-12)
    assert cox_snell_r2(1 - 1e-9, 0.5) == pytest.approx(maximum_r2(0.5), abs=1e-3)
    # Riley et al., BMJ 2020: 0.33 at 5%, 0.48 at 10%, 0.75 at 50%.
    assert [round(maximum_r2(share), 2) for share in (0.05, 0.1, 0.5)] == [0.33, 0.48, 0.75]


def test_a_model_without_features_needs_patients_for_its_prevalence_alone():
    assert required_patients(0, 0.5, 0.1) == (0, 0, 385)


def test_a_patient_counts_as_the_share_of_positive_studies():
    rows = pd.DataFrame(
        {
            "patient": ["P", "P", "P", "P", "Q"],
            "study": ["a", "a", "b", "c", "d"],
            "label": [1, 1, 0, 0, 1],
        }
    )
    # P: one of three studies, the one with two series; Q: its only one.
    assert list(positive_shares(rows)) == pytest.approx([1 / 3, 1])


def test_the_plan_sets_what_is_needed_beside_what_there_is():
    table = made.feature_table()
    selection = pd.DataFrame({"fold": ["0", "0", "1", "2"], "feature": ["a", "b", None, "a"]})
    plan = plan_sample_size(table, selection, auc=0.7)
    assert list(plan["candidates"].unique()) == ["108 candidates", "2 selected"]
    assert list(plan["criterion"]) == [*CRITERIA, ALL_CRITERIA] * 2
    training = positive_shares(table[table["group"] != "test"])
    assert set(plan["available_patients"]) == {22}
    assert plan["available_events"].iloc[0] == pytest.approx(training.sum(), abs=0.05)
    prevalence = positive_shares(table).mean()
    assert plan["prevalence"].to_numpy() == pytest.approx(prevalence)
    assert plan["r2_cs"].to_numpy() == pytest.approx(cox_snell_r2(0.7, prevalence))
    for _, rows in plan.groupby("candidates"):
        needed = rows.set_index("criterion")["required_patients"]
        assert needed[ALL_CRITERIA] == needed[list(CRITERIA)].max()
        events = np.ceil(rows["required_patients"] * prevalence)
        assert list(rows["required_events"]) == list(events)


def test_an_empty_selection_still_has_a_plan():
    selection = pd.DataFrame({"fold": ["0", "1"], "feature": [None, None]})
    plan = plan_sample_size(made.feature_table(), selection, auc=0.7)
    assert plan["candidates"].iloc[-1] == "0 selected"
    assert list(plan["required_patients"].tail(4))[:2] == [0, 0]
    check(plan, SAMPLE_SIZE, "tables/sample_size.csv")
