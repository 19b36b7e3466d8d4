"""The published protocol on the authors' own table gives the figures that they print."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from livermet.phenotype import published
from livermet.phenotype.burden import correlate_burden
from livermet.phenotype.fits import FITTED
from livermet.phenotype.table import import_table, measured
from livermet.reproduction import comparison
from livermet.tables import read_table
from livermet.validation.variation import over_time

TREES, DRAWS = 1000, 1000
WEIGHTINGS = ["none", "balanced", "auc", "f1"]
NO_REPEATS = pd.DataFrame(columns=[*comparison.KEYS, "kind", "answer", "value"])
# What a process of its own computes under one kernel of the linear algebra library.
UNDER_A_KERNEL = """
import sys
from livermet.phenotype import published
from livermet.reproduction import comparison
from livermet.phenotype.table import import_table
table = import_table(sys.argv[1], "NE", folds=5, seed=0)
selection = published.select(table, alpha=0.35)
weightings = ["none", "balanced", "auc", "f1"]
numbers = comparison.repeat_logistic_regression(table, selection, weightings, draws=1000)
numbers.to_csv(sys.argv[2], sep="\t", index=False)
"""


@pytest.fixture(scope="module")
def path(shared_data):
    return shared_data("paper") / "Final_ResampledClassificationData.csv"


@pytest.fixture(scope="module")
def printed(root):
    return yaml.safe_load((root / "config" / "published_values.yaml").read_text())


@pytest.fixture(scope="module")
def table(path):
    return import_table(path, "NE", folds=5, seed=0)


@pytest.fixture(scope="module")
def selection(table):
    return published.select(table, alpha=0.35)


@pytest.fixture(scope="module")
def compare(table, selection, printed):
    """Return a function that sets one classifier's numbers beside the printed ones."""

    def compared(model: str, numbers: pd.DataFrame, repeats=NO_REPEATS) -> pd.DataFrame:
        compared = comparison.compare(printed, numbers, repeats)
        return compared[compared["model"] == model]

    return compared


@pytest.fixture(scope="module")
def forest(table, selection, compare):
    fit = published.fit(table, selection, "RF", WEIGHTINGS, TREES)
    return compare("RF", comparison.scores_of_fit(fit, DRAWS))


@pytest.fixture(scope="module")
def under_kernel(path, root, tmp_path_factory):
    """Return a function from a kernel's name to the logistic regression's numbers under it."""
    facts = Path("/proc/cpuinfo")
    if not facts.exists() or "avx2" not in facts.read_text():
        pytest.skip("this CPU lacks the kernel that the article's logistic regression needs")

    def numbers(kernel: str) -> pd.DataFrame:
        output = tmp_path_factory.mktemp("kernels") / f"{kernel}.tsv"
        paths = {"PYTHONPATH": str(root / "workflow" / "scripts"), "OPENBLAS_CORETYPE": kernel}
        command = [sys.executable, "-W", "ignore", "-c", UNDER_A_KERNEL, str(path), str(output)]
        subprocess.run(command, env=os.environ | paths, check=True, capture_output=True)
        written = read_table(output, **FITTED)
        # Elsewhere than with OpenBLAS there is nothing to pin.
        if written["answer"].iloc[0] != kernel:
            pytest.skip(f"NumPy's linear algebra library has no kernel {kernel}")
        return written

    return numbers


@pytest.fixture(scope="module")
def pinned(under_kernel):
    return under_kernel("Haswell")


def counts(comparison):
    """Count the numbers that agree at two decimals by source and weighting."""
    exact = comparison["agreement"] == "two decimals"
    return exact.groupby([comparison["source"], comparison["weighting"]]).sum()


def numbers_of(comparison, *keys):
    """Take printed and our numbers of a source, weighting and, if given, metric."""
    names = ["source", "weighting", "metric"]
    rows = comparison.set_index(names).sort_index().loc[keys]
    return rows["printed"].to_numpy(), rows["ours"].to_numpy()


def test_the_file_of_printed_numbers_has_what_the_article_prints(printed, shared_data):
    article = json.loads((shared_data("paper") / "published_tables.json").read_text())
    assert printed["table_4"] == article["table4_test_unweighted"]
    names = {"Logistic regression": "LR", "Random forest": "RF", "XGBoost": "XGB"}
    weightings = {None: "none", "AUC": "auc", "BAL": "balanced", "F1": "f1"}
    for row in article["table_s2_cross_validation"]:
        ours = printed["table_s2"][names[row["model"]]][weightings[row["optimised_for"]]]
        assert (ours["f1"], ours["auc"]) == (row["f1"], row["auc"])
        assert ours.get("weight") == row["positive_class_weight"]
    for row in article["table_s3_test_weighted"]:
        ours = printed["table_s3"][row["model"]][weightings[row["optimised_for"]]]
        assert ours == {metric: row[metric] for metric in ours}
    assert printed["table_3"] == article["table3_segmentation"]
    assert printed["figure_3"] == article["figure3_tumour_burden"]
    assert printed["figure_4"] == {
        "selected": article["figure4_selected_features"],
        "top_five": article["figure4_top5"],
    }


def test_facts_of_the_table(table, selection, printed):
    """Table 2's cohort, figure 4's features and top five, figure 3a's Spearman, lesions 1-148."""
    assert measured(table).all()
    facts = comparison.facts_of_table(table, selection, correlate_burden(table), printed)
    rows = comparison.compare(printed, facts, NO_REPEATS).dropna(subset="ours")
    possible = rows[rows["agreement"] != "not reproducible"]
    agree = possible["agreement"] == "two decimals"
    # Six counts of table 2, two ends of the lesions' range, three of figure 4, Spearman's rho and p
    # and XGBoost's balanced weight, 43 / 134.
    assert agree.sum() == 6 + 2 + 3 + 2 + 1
    apart = possible[~agree].set_index("metric")
    # 346 - 92 - 19 - 6 = 229.
    assert set(apart.index) == {"series left"}
    assert set(table["Num_Lesions"] - table["mask_lesions"]) == {1}


def test_burden_and_score_by_study_and_by_patient(table):
    """Printed: rho 0.252, p 0.0059. With whole patients exchanged another count gave p 0.018."""
    row = correlate_burden(table, seed=1).iloc[0]
    assert (row["spearman_rho"], row["spearman_p"]) == pytest.approx((0.25205, 0.005898), abs=5e-6)
    assert row["spearman_p_by_patient"] == pytest.approx(0.018, abs=0.01)
    # Percentiles over draws of patients gave 0.04 to 0.49.
    assert (row["spearman_low"], row["spearman_high"]) == pytest.approx((0.04, 0.49), abs=0.06)


def test_studies_of_one_patient_that_follow_each_other(table):
    """Counted again with nothing but the standard library, from the names of the studies."""
    by_patient: dict[str, list[tuple[datetime, int]]] = {}
    for row in table.drop_duplicates("study").itertuples():
        date = datetime.strptime(row.study.rsplit("_", 1)[1], "%Y%m%d")
        by_patient.setdefault(row.patient, []).append((date, row.label))
    pairs = [
        pair
        for studies in by_patient.values()
        for pair in zip(sorted(studies), sorted(studies)[1:], strict=False)
    ]
    days = sorted((later - earlier).days for (earlier, _), (later, _) in pairs)
    changes = sum(before != after for (_, before), (_, after) in pairs)
    # A model that is always right: its calls follow the class wherever that changes.
    known = table.assign(set="validation", probability=table["label"], threshold=0.5)
    found = over_time(known, table.set_index("series")["burden_ml"], "LR").set_index("pairs_of")
    assert found.loc["all", "pairs"] == len(pairs) == 118 - 50
    assert found.loc["all", "patients"] == sum(len(studies) > 1 for studies in by_patient.values())
    assert found.loc["all", "undated"] == 0
    assert found.loc["all", "days"] == median(days)
    assert found.loc["class changes", ["pairs", "call_changes", "followed"]].tolist() == (
        [changes] * 3
    )
    assert found.loc["class stays", "call_changes"] == 0


def test_no_choice_of_series_gives_the_printed_rank_sum_test(table):
    ordered = table.sort_values("series")
    largest = ordered.sort_values("burden_ml").drop_duplicates("study", keep="last")
    first, last = (ordered.drop_duplicates("study", keep=end) for end in ("first", "last"))
    z = [
        stats.ranksums(*(rows.loc[rows["label"] == label, "burden_ml"] for label in (1, 0)))[0]
        for rows in (first, last, largest, ordered)
    ]
    # Printed: 2.191.
    assert z == pytest.approx([1.48, 1.41, 1.48, 1.99], abs=0.005)


def test_logistic_regression_of_table_4(compare, pinned):
    comparison = compare("LR", pinned)
    assert counts(comparison)["table 4", "none"] == 21


def test_logistic_regression_in_cross_validation(compare, pinned, under_kernel):
    comparison = compare("LR", pinned)
    for metric, tolerance in (("f1", 0.0101), ("auc", 0.03)):
        theirs, ours = numbers_of(comparison, "table S2", "none", metric)
        assert ours == pytest.approx(theirs, abs=tolerance)
    # Its F1 depends on the kernel: mean 0.845 (printed 0.85) under Haswell, 0.849 under this one.
    theirs, ours = numbers_of(compare("LR", under_kernel("Sandybridge")), "table S2", "none", "f1")
    np.testing.assert_array_equal(ours.round(2), theirs)


def test_logistic_regression_with_class_weights(compare, pinned, table, selection):
    agree = counts(compare("LR", pinned))
    # Of 21 numbers each.
    assert agree["table S3", "f1"] == 10
    assert agree["table S3", "balanced"] == 3
    # A weight of 0.25 calls fewer series positive. The printed sensitivity, 1.00, is that of a
    # weight above 1, such as its inverse.
    assert agree["table S3", "auc"] == 0
    sensitivity = {}
    for weight in (0.25, 4.0):
        found = pd.DataFrame({"weight": [weight], "auc": [0.5], "f1": [0.5]})
        fit = published.fit(table, selection, "LR", ["auc"], TREES, found)
        numbers = comparison.scores_of_fit(fit, DRAWS).set_index(["metric", "statistic"])["value"]
        sensitivity[weight] = numbers["sensitivity", "mean"]
    assert sensitivity[0.25] < 0.35
    assert sensitivity[4.0] > 0.95


def test_figure_5_as_found(compare, pinned):
    rows = compare("LR", pinned).set_index(["source", "metric", "statistic"])["ours"]
    # Printed: 0.127 and -0.007; 18, 4, 2 and 2 studies.
    assert rows["figure 5a", "score_right", "mean"] == pytest.approx(0.130, abs=0.0005)
    assert rows["figure 5a", "score_wrong", "mean"] == pytest.approx(-0.006, abs=0.0005)
    ways = ("all right", "all wrong", "series disagree", "one series, right")
    assert [rows["figure 5b", way, "value"] for way in ways] == [17, 4, 3, 2]


def test_random_forest_of_tables_4_s2_and_s3(forest):
    agree = counts(forest)
    assert agree["table 4"].to_dict() == {"none": 21}
    assert agree["table S2"].to_dict() == dict.fromkeys(WEIGHTINGS, 6)
    # With scikit-learn 1.2 to 1.8 the balanced forest's mean AUC is 0.616, as printed: 0.62.
    assert agree["table S3"].to_dict() == {"auc": 21, "balanced": 20, "f1": 21}
    apart = forest[forest["agreement"] != "two decimals"]
    assert list(zip(apart["weighting"], apart["metric"], strict=True)) == [("balanced", "auc")]
    assert apart["agreement"].to_list() == ["within 0.01"]


def test_xgboost_has_a_range_and_one_answer_without_a_race(table, selection, compare):
    repeats = pd.concat(comparison.repeat_xgboost(table, selection, ["none"], DRAWS, 5, 2))
    once = comparison.scores_of_fit(published.fit(table, selection, "XGB", ["none"], TREES), DRAWS)
    compared = compare("XGB", once, repeats).dropna(subset="deterministic")
    # One thread gives what the updater without a race gives.
    assert compared["ours"].to_numpy() == pytest.approx(
        compared["deterministic"].to_numpy(), abs=1e-6
    )
    row = compared.set_index(["source", "metric", "statistic"]).loc["table 4", "auc", "mean"]
    assert row["deterministic"] == pytest.approx(0.593, abs=0.0005)
    # How far up the threads race depends on the machine, on how they wait and on what else runs: up
    # to 0.655 on one, to 0.674 on another (docs/reproduction.md). None was seen below 0.593.
    assert row["range_low"] > 0.59
    aucs = repeats[
        repeats["source"].eq("table 4")
        & repeats["metric"].eq("auc")
        & repeats["statistic"].eq("mean")
        & repeats["kind"].eq("repeat")
    ]["value"]
    assert len(aucs) == 5
    assert (row["range_low"], row["range_high"]) == (aucs.min(), aucs.max())


def test_the_search_finds_the_printed_weights_of_xgboost(table, selection):
    found = published.search_weights(table, selection, "XGB", TREES)
    best = {metric: published.best_weight(found, metric) for metric in ("auc", "f1")}
    assert best == {"auc": 0.05, "f1": 0.8}
    tuning = published.tuning_rows(table)
    assert (len(tuning), tuning["patient"].nunique()) == (32, 8)
