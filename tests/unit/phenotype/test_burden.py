"""Tumour burden against score and class, one series of each study."""

import numpy as np
import pandas as pd
import pytest

from livermet.contracts import check
from livermet.phenotype.burden import BURDEN, correlate_burden


def studies(burden, score, sample_type="biopsy"):
    return pd.DataFrame(
        {
            "series": [f"s{number}" for number in range(len(burden))],
            "study": [f"d{number}" for number in range(len(burden))],
            "patient": [f"p{number // 2}" for number in range(len(burden))],
            "burden_ml": burden,
            "score": score,
            "label": (np.array(score) > 0).astype(int),
            "sample_type": sample_type,
        }
    )


def test_tests_counted_by_hand():
    table = studies([1.0, 2, 3, 4, 5, 6], [-3.0, -1, -2, 1, 3, 2])
    row = correlate_burden(table).iloc[0]
    # Ranks of the score 1 3 2 4 6 5: squared differences 0 1 1 0 1 1, rho = 1 - 6 * 4 / (6 * 35).
    assert row["spearman_rho"] == pytest.approx(1 - 24 / 210)
    # The positives hold ranks 4 5 6: W = 15, mean 10.5, sd sqrt(3 * 3 * 7 / 12).
    assert row["ranksum_statistic"] == pytest.approx(4.5 / np.sqrt(5.25))
    assert row["reason"] == ""


def test_first_series_of_a_study_by_name():
    table = studies([1.0, 2, 3, 4, 5, 6], [-3.0, -1, -2, 1, 3, 2])
    later = table.assign(series=table["series"] + "_2", burden_ml=99.0)
    row = correlate_burden(pd.concat([later, table])).iloc[0]
    assert (row["series"], row["studies"]) == (12, 6)
    assert row["spearman_rho"] == pytest.approx(1 - 24 / 210)


def test_a_row_for_all_and_for_each_sample_type_of_the_data():
    table = studies(np.arange(6.0), [-3.0, -1, -2, 1, 3, 2], ["b", "a", "a", "b", None, "a"])
    assert list(correlate_burden(table)["subset"]) == ["all", "a", "b"]
    untyped = correlate_burden(table.assign(sample_type=np.nan))
    assert list(untyped["subset"]) == ["all"]


def test_too_few_studies_give_a_reason_and_no_number():
    tested = correlate_burden(studies([1.0, 2, 3, 4], [-1.0, 1, 2, 3]))
    check(tested, BURDEN, "phenotype/nnunet/burden.tsv")
    row = tested.iloc[0]
    assert np.isnan(row["spearman_rho"])
    assert np.isnan(row["ranksum_p"])
    assert row["reason"] == (
        "Spearman: 4 studies, 5 needed; "
        "rank-sum: 3 positive and 1 negative studies, 3 of each needed"
    )


def test_equal_burdens_have_no_correlation():
    row = correlate_burden(studies([0.0] * 6, [-3.0, -1, -2, 1, 3, 2])).iloc[0]
    assert np.isnan(row["spearman_rho"])
    assert row["reason"] == "Spearman: all burdens are equal"


def test_whole_patients_are_exchanged():
    row = correlate_burden(studies(np.arange(6.0), np.arange(6.0) - 2.5)).iloc[0]
    assert (row["patients"], row["studies"]) == (3, 6)
    # Three patients of two studies have six orders, of which one alone gives rho 1 again; the
    # reversed one gives 1 - 6 * 64 / 210. As if studies were independent p would be 0.
    assert row["spearman_p_by_patient"] == pytest.approx(1 / 6, abs=0.03)
    assert row["spearman_p"] < 1e-6
    # Classes 00 01 11: ranks less their mean sum to 4.5, and in the reversed order to -3.5.
    assert row["ranksum_p_by_patient"] == pytest.approx(1 / 6, abs=0.03)
    # A correlation of 1 has no interval, as a score of 1 has none.
    assert np.isnan(row["spearman_low"])


def test_a_patient_of_many_studies_widens_the_interval():
    random = np.random.default_rng(4)
    burden = random.normal(size=24)
    table = studies(burden + 5, burden + random.normal(size=24))
    alone = correlate_burden(table.assign(patient=table["study"])).iloc[0]
    # Fisher's interval, with the variance for rank correlations of Bonett and Wright (2000).
    rho = alone["spearman_rho"]
    half = 1.96 * np.sqrt((1 + rho**2 / 2) / (24 - 3))
    expected = np.tanh([np.arctanh(rho) - half, np.arctanh(rho) + half])
    assert [alone["spearman_low"], alone["spearman_high"]] == pytest.approx(expected, abs=0.1)
    twice = pd.concat(
        [table, table.assign(study=table["study"] + "b", series=table["series"] + "b")]
    )
    again = correlate_burden(twice.assign(patient=twice["study"].str.rstrip("b"))).iloc[0]
    # The same patients seen twice tell no more, although a naive p would have it so.
    assert again["spearman_p"] < alone["spearman_p"]
    width = alone["spearman_high"] - alone["spearman_low"]
    assert again["spearman_high"] - again["spearman_low"] == pytest.approx(width, abs=0.05)


def test_two_patients_are_too_few():
    table = studies(np.arange(6.0), np.arange(6.0) - 2.5).assign(patient=list("aaabbb"))
    row = correlate_burden(table).iloc[0]
    assert np.isfinite(row["spearman_rho"])
    assert row[["spearman_low", "spearman_p_by_patient", "ranksum_p_by_patient"]].isna().all()
