"""Every printed number is listed once, and agrees only where all its decimals do."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from livermet.contracts import check
from livermet.phenotype import published
from livermet.reproduction import comparison
from livermet.reproduction.comparison import (
    KEYS,
    REPEATS,
    REPRODUCTION,
    WEIGHT_SEARCH,
    compare,
    printed_numbers,
)

from .. import phenotype_phantoms as made

AUC = ["table 4", "XGB", "none", "auc", "mean"]


@pytest.fixture(scope="module")
def printed(root):
    return yaml.safe_load((root / "config" / "published_values.yaml").read_text())


@pytest.mark.parametrize(
    ("printed", "ours", "agreement"),
    [
        (0.71, 0.7149, "two decimals"),
        (0.71, 0.7151, "within 0.01"),
        (0.71, 0.7201, "no"),
        # A half, rounded up in print and down by Python.
        (0.43, 0.425, "two decimals"),
        # Three printed decimals have to agree.
        (0.252, 0.2517, "two decimals"),
        (0.252, 0.2535, "within 0.01"),
        (18, 18, "two decimals"),
        (18, 17, "no"),
        (0.71, np.nan, "no"),
    ],
)
def test_agreement_asks_for_every_printed_decimal(printed, ours, agreement):
    row = SimpleNamespace(source="table 4", metric="auc", printed=printed, ours=ours)
    assert comparison.agreement(row) == agreement


def test_what_needs_images_or_sample_types_is_not_reproducible():
    for source, metric in (
        ("table 3", "lits median_dice"),
        ("table 2", "segmentation train lits_scans"),
        ("figure 5c", "biopsy auc"),
        ("figure 3a", "ranksum_p"),
    ):
        row = SimpleNamespace(source=source, metric=metric, printed=0.5, ours=0.5)
        assert comparison.agreement(row) == "not reproducible"


def test_every_printed_number_is_listed_once(printed):
    numbers = printed_numbers(printed)
    assert not numbers.duplicated(KEYS).any()
    counts = numbers["source"].value_counts()
    # Seven scores of three models, mean, low and high; weighted, the same thrice.
    assert counts["table 4"] == 7 * 3 * 3
    assert counts["table S3"] == 7 * 3 * 3 * 3
    # F1 and AUC of three models under four weightings, and XGBoost's balanced weight.
    assert counts["table S2"] == 2 * 3 * 3 * 4 + 1
    assert counts["table 3"] == 4 * 4 * 2


def test_the_printed_weights_of_the_protocol_are_those_of_the_article(printed):
    weights = {
        (model, weighting): scores["weight"]
        for model, weightings in printed["table_s2"].items()
        for weighting, scores in weightings.items()
        if weighting in ("auc", "f1")
    }
    assert weights == published.PRINTED_WEIGHTS


def compared(printed, ours, racing=(), settled=None):
    """Compare one number, table 4's mean AUC of XGBoost; give its row."""
    rows = [[*AUC, value, "repeat", str(n)] for n, value in enumerate(racing)]
    rows += [[*AUC, settled, "deterministic", "coord_descent"]] if settled else []
    repeats = pd.DataFrame(rows, columns=REPEATS.names)
    check(repeats, REPEATS, "phenotype/table/published/xgboost_repeats.tsv")
    table = compare(printed, pd.DataFrame([[*AUC, ours]], columns=[*KEYS, "value"]), repeats)
    check(table, REPRODUCTION, "tables/reproduction.csv")
    return table.set_index(KEYS).loc[tuple(AUC)]


def test_a_number_without_one_answer_has_the_range_of_its_repeats(printed):
    row = compared(printed, 0.59, racing=(0.60, 0.66, 0.61), settled=0.593)
    # Printed: 0.63.
    assert row["difference"] == pytest.approx(-0.04)
    assert (row["range_low"], row["range_high"]) == (0.60, 0.66)
    assert row["deterministic"] == 0.593
    assert row["note"] == "printed inside the range of 3 repeats of the racing updater"
    # 0.634 may have been printed as 0.63, 0.636 not.
    assert "inside" in compared(printed, 0.59, racing=(0.634, 0.66))["note"]
    assert "outside" in compared(printed, 0.59, racing=(0.636, 0.66))["note"]


def test_figure_5_counts_right_series_and_their_agreement():
    """Four studies: both series right, both wrong, one of each, and a single right one."""
    rows = [
        ("a1", "a", 1, 1, 0.3),
        ("a2", "a", 1, 1, 0.3),
        ("b1", "b", 0, 1, -0.1),
        ("b2", "b", 0, 1, -0.1),
        ("c1", "c", 1, 1, 0.2),
        ("c2", "c", 1, 0, 0.2),
        ("d1", "d", 0, 0, -0.2),
    ]
    columns = ["series", "study", "label", "predicted", "score"]
    predictions = pd.DataFrame(rows, columns=columns).assign(
        protocol="published", model="LR", weighting="none", set="test", fold="ensemble"
    )
    none = pd.DataFrame(columns=["protocol", *KEYS[1:4], "mean", "low", "high"])
    numbers = comparison.scores_of_models(none, none, predictions).set_index(KEYS[3:])["value"]
    # Right: 0.3, 0.3, 0.2, -0.2; wrong: -0.1, -0.1, 0.2.
    assert numbers["score_right", "mean"] == pytest.approx(0.15)
    assert numbers["score_right", "median"] == pytest.approx(0.25)
    assert (numbers["score_right", "low"], numbers["score_right", "high"]) == (-0.2, 0.3)
    assert numbers["score_wrong", "mean"] == pytest.approx(0.0)
    for way in ("all right", "all wrong", "series disagree", "one series, right"):
        assert numbers[way, "value"] == 1


def test_numbers_of_a_fit_are_those_of_its_tables():
    table = made.feature_table()
    selection = published.select(table, alpha=0.1)
    fit = published.fit(table, selection, "LR", ["none", "balanced"], trees=1)
    numbers = comparison.scores_of_fit(fit, draws=100)
    assert set(numbers["source"]) == {"table 4", "table S2", "table S3", "figure 5a", "figure 5b"}
    answer = numbers.assign(kind="repeat", answer="Haswell")
    check(answer, REPEATS, "phenotype/table/published/kernels/Haswell.tsv")
    folds = fit.cross_validation_table()
    for weighting, scores in folds.groupby("weighting"):
        rows = numbers[(numbers["source"] == "table S2") & (numbers["weighting"] == weighting)]
        values = rows.set_index(["metric", "statistic"])["value"]
        assert values["auc", "mean"] == pytest.approx(scores["auc"].mean())
        assert values["f1", "high"] == scores["f1"].max()


def test_the_found_weight_stands_beside_the_printed_one():
    table = made.feature_table()
    weights = published.CANDIDATE_WEIGHTS
    # The best AUC is at 0.1 and, no better, at 0.2; the best F1 at 9.
    search = pd.DataFrame({"weight": weights, "auc": 0.5, "f1": 0.7})
    search.loc[weights.searchsorted([0.1, 0.2]), "auc"] = 0.6
    search.loc[weights.searchsorted(9), "f1"] = 0.8
    rows = comparison.compare_weights(dict.fromkeys(("LR", "RF", "XGB"), search), table)
    check(rows, WEIGHT_SEARCH, "tables/weight_search.csv")
    row = rows.set_index(["model", "optimised_for"]).loc[("LR", "auc")]
    assert (row["printed_weight"], row["found_weight"]) == (0.25, 0.1)
    assert (row["printed_auc"], row["found_auc"], row["found_f1"]) == (0.5, 0.6, 0.7)
    # Without a group val the tuning split is fold 0.
    tuning = table[table["fold"] == 0]
    assert row["tuning_series"] == len(tuning)
    assert row["tuning_patients"] == tuning["patient"].nunique()
