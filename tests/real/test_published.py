"""The published protocol on the authors' own table gives the figures that they print."""

import json

import numpy as np
import pytest

from livermet.phenotype import published
from livermet.phenotype.burden import correlate_burden
from livermet.phenotype.metrics import bootstrap_metrics, summarise_folds
from livermet.phenotype.table import import_table, measured

TREES = 1000


@pytest.fixture(scope="module")
def printed(shared_data):
    return json.loads((shared_data("paper") / "published_tables.json").read_text())


@pytest.fixture(scope="module")
def table(shared_data):
    path = shared_data("paper") / "Final_ResampledClassificationData.csv"
    return import_table(path, "NE", folds=5, seed=0)


@pytest.fixture(scope="module")
def selection(table):
    return published.select(table, alpha=0.35)


@pytest.fixture(scope="module")
def fits(table, selection):
    return {
        name: published.fit(table, selection, name, ["none"], TREES) for name in ("LR", "RF", "XGB")
    }


def numbers(scores):
    """Mean, low and high of each metric of a table of one model."""
    return scores.set_index("metric")[["mean", "low", "high"]]


def test_the_table_is_the_papers_cohort(table, printed):
    places = printed["table2_splits"]["classification"]
    for group, rows in table.groupby(table["group"].replace("val", "train")):
        assert rows["patient"].nunique() == places[group]["patients"]
        assert rows["study"].nunique() == places[group]["scans"]
        assert len(rows) == places[group]["series"]
    assert measured(table).all()


def test_lasso_selects_the_20_features_of_figure_4_and_its_top_five(selection, printed):
    assert set(selection["feature"]) == set(printed["figure4_selected_features"])
    assert len(selection) == 20
    sizes = selection.set_index("feature")["coefficient"].abs().sort_values(ascending=False)
    assert list(sizes.index[:5]) == printed["figure4_top5"]


def test_spearman_of_burden_and_score(table):
    row = correlate_burden(table).iloc[0]
    # Printed 0.252 and 0.0059, the latter for 0.00596.
    assert row["spearman_rho"] == pytest.approx(0.252, abs=0.0005)
    assert row["spearman_p"] == pytest.approx(0.006, abs=0.0005)
    assert (row["series"], row["studies"]) == (227, 118)


# The logistic regression stops short of its optimum on unscaled features, so that its AUC depends
# on the linear algebra kernel: where this was written all 21 of its numbers agree at two decimals.
@pytest.mark.parametrize("name", ["LR", "RF"])
def test_table_4(fits, printed, name):
    fit = fits[name]
    metrics = bootstrap_metrics(fit.cross_validation_table(), fit.prediction_table(), 1000, seed=0)
    ours = numbers(metrics)
    for metric, expected in printed["table4_test_unweighted"][name].items():
        difference = np.abs(ours.loc[metric].round(2).to_numpy() - expected)
        assert difference.max() < 0.0101, (metric, list(ours.loc[metric]), expected)


def test_xgboost_of_one_thread_is_near_its_printed_auc(fits, printed):
    fit = fits["XGB"]
    metrics = bootstrap_metrics(fit.cross_validation_table(), fit.prediction_table(), 1000, seed=0)
    # Its updater races between threads: 0.60 to 0.66 from run to run, 0.59 on one thread here.
    assert numbers(metrics).at["auc", "mean"] == pytest.approx(
        printed["table4_test_unweighted"]["XGB"]["auc"][0], abs=0.06
    )


# Random forest at two decimals. The logistic regression's F1 is 0.845 for 0.85 and its AUC 0.557
# for 0.55 (its highest fold 0.69 for 0.67), and both move with the linear algebra kernel.
@pytest.mark.parametrize(
    ("name", "model", "f1_tolerance", "auc_tolerance"),
    [("RF", "Random forest", 0.0051, 0.0051), ("LR", "Logistic regression", 0.0151, 0.03)],
)
def test_cross_validation_of_table_s2(fits, printed, name, model, f1_tolerance, auc_tolerance):
    (row,) = (
        row
        for row in printed["table_s2_cross_validation"]
        if row["model"] == model and not row["weighted"]
    )
    folds, predictions = fits[name].cross_validation_table(), fits[name].prediction_table()
    ours = numbers(summarise_folds(folds, predictions, 10, seed=0))
    assert ours.loc["f1"].to_list() == pytest.approx(row["f1"], abs=f1_tolerance)
    assert ours.loc["auc"].to_list() == pytest.approx(row["auc"], abs=auc_tolerance)
