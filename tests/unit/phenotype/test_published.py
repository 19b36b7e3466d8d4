"""The published protocol does what the authors' code does, its traps included."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import ShuffleSplit
from sklearn.tree import DecisionTreeClassifier

from livermet.contracts import check
from livermet.errors import InputError
from livermet.phenotype import published
from livermet.phenotype.classifiers import published_classifier
from livermet.phenotype.columns import WEIGHTS
from livermet.phenotype.fits import CROSS_VALIDATION, PREDICTIONS, SELECTION
from livermet.phenotype.table import FEATURES

from .. import phenotype_phantoms as made


@pytest.fixture(scope="module")
def table():
    return made.feature_table()


@pytest.fixture(scope="module")
def selection(table):
    return published.select(table, alpha=0.1)


def test_selection_is_one_lasso_on_raw_features_of_all_training_rows(table, selection):
    training = table[table["group"] != "test"]
    lasso = Lasso(alpha=0.1).fit(training[list(FEATURES)], training["score"])
    chosen = np.flatnonzero(lasso.coef_)
    assert list(selection["feature"]) == [FEATURES[i] for i in chosen]
    np.testing.assert_array_equal(selection["coefficient"], lasso.coef_[chosen])
    deviations = training[list(selection["feature"])].std(ddof=0).to_numpy()
    assert selection["standardised_coefficient"].to_numpy() == pytest.approx(
        lasso.coef_[chosen] * deviations
    )
    assert set(selection["fold"]) == {"all"}


def test_folds_and_the_refitted_model_are_scikit_learns(table, selection):
    fit = published.fit(table, selection, "LR", ["none"], trees=10)
    training, testing = table[table["group"] != "test"], table[table["group"] == "test"]
    features = list(selection["feature"])

    def model():
        return LogisticRegression(
            C=3, solver="newton-cg", max_iter=10000, random_state=2024, class_weight=None
        )

    expected = []
    for inside, outside in ShuffleSplit(5, test_size=0.2, random_state=2024).split(training):
        seen, held_out = training.iloc[inside], training.iloc[outside]
        fitted = model().fit(seen[features], seen["label"])
        probability = fitted.predict_proba(held_out[features])[:, 1]
        expected.append(roc_auc_score(held_out["label"], probability))
    assert fit.cross_validation_table()["auc"].to_list() == expected
    predictions = fit.prediction_table()
    tested = predictions[predictions["set"] == "test"]
    again = model().fit(training[features], training["label"])
    np.testing.assert_array_equal(
        tested["probability"], again.predict_proba(testing[features])[:, 1]
    )
    np.testing.assert_array_equal(tested["predicted"], again.predict(testing[features]))
    assert set(tested["fold"]) == {"ensemble"}


def test_scans_without_lesions_are_dropped(table):
    unmeasured = table.index[[0, 5, 40]]
    emptied = made.without_lesions(table, unmeasured)
    selection = published.select(emptied, alpha=0.1)
    fit = published.fit(emptied, selection, "XGB", ["none"], trees=10)
    assert not set(emptied.loc[unmeasured, "series"]) & set(fit.prediction_table()["series"])


@pytest.mark.parametrize("left", ["negative", "none"])
def test_too_few_lesions_found_leave_a_stated_result(table, left):
    gone = table.index[table["label"] == 1] if left == "negative" else table.index
    emptied = made.without_lesions(table, gone)
    selection = published.select(emptied, 0.1)
    fit = published.fit(emptied, selection, "LR", ["balanced"], trees=10)
    scores, predictions = fit.cross_validation_table(), fit.prediction_table()
    folder = "phenotype/nnunet/published"
    check(selection, SELECTION, f"{folder}/selection.tsv")
    check(scores, CROSS_VALIDATION, f"{folder}/LR/cross_validation.tsv")
    check(predictions, PREDICTIONS, f"{folder}/LR/predictions.tsv")
    assert len(scores) == 5
    assert scores["auc"].isna().all()
    # All that was learnt from is negative, or there was nothing to learn from.
    assert (predictions["probability"] == 0).all()
    assert len(predictions) == 0 if left == "none" else len(predictions) > 0


@pytest.mark.parametrize("classifier", ["LR", "RF", "XGB"])
def test_weights_of_the_positive_class_raise_its_probability(table, selection, classifier):
    fit = published.fit(table, selection, classifier, ["none", "balanced", "auc", "f1"], trees=30)
    predictions = fit.prediction_table()
    tested = predictions[predictions["set"] == "test"]
    means = tested.groupby("weighting")["probability"].mean()
    order = ["auc", "f1", "none"] if classifier == "XGB" else ["auc", "none", "f1"]
    # Printed weights: LR 0.25 and 4.9, RF 0.3 and 8.6, XGB 0.05 and 0.8. In a forest they move the
    # splits of trees that grow until their leaves are nearly pure, which orders nothing.
    if classifier != "RF":
        assert list(means[order].sort_values().index) == order
    weights = fit.cross_validation_table().groupby("weighting")["positive_weight"].first()
    assert weights["auc"] == published.PRINTED_WEIGHTS[classifier, "auc"]
    training = table[table["group"] != "test"]
    assert weights["balanced"] == pytest.approx(
        (training["label"] == 0).sum() / training["label"].sum(), rel=0.25
    )


def test_an_empty_selection_is_the_prevalence(table):
    selection = published.select(table, alpha=1e6)
    assert selection["feature"].isna().all()
    assert len(selection) == 1
    fit = published.fit(table, selection, "LR", ["none"], trees=10)
    predictions = fit.prediction_table()
    tested = predictions[predictions["set"] == "test"]
    prevalence = table.loc[table["group"] != "test", "label"].mean()
    assert tested["probability"].to_numpy() == pytest.approx(prevalence)


def test_search_of_weights_takes_the_first_best(table, selection):
    assert len(published.CANDIDATE_WEIGHTS) == 200
    assert published.CANDIDATE_WEIGHTS[[0, -1]] == pytest.approx([0.05, 10.0])
    weights = published.CANDIDATE_WEIGHTS[::20]
    found = published.search_weights(table, selection, "XGB", 10, weights)
    check(found, WEIGHTS, "phenotype/nnunet/published/XGB/weights/1.tsv")
    fit = published.fit(table, selection, "XGB", ["f1"], trees=10, found=found)
    best = found.loc[found["f1"] == found["f1"].max(), "weight"].iloc[0]
    assert fit.cross_validation_table()["positive_weight"].iloc[0] == best


def test_parts_of_a_search_are_the_whole_search(table, selection):
    weights = published.CANDIDATE_WEIGHTS[::40]
    whole = published.search_weights(table, selection, "LR", 10, weights)
    parts = [
        published.search_weights(table, selection, "LR", 10, weights[i : i + 2]) for i in (0, 2)
    ]
    last = published.search_weights(table, selection, "LR", 10, weights[4:])
    pd.testing.assert_frame_equal(pd.concat([*parts, last], ignore_index=True), whole)
    # The order in which parts arrive decides nothing.
    assert published.best_weight(pd.concat([last, *parts]), "auc") == published.best_weight(
        whole, "auc"
    )


def test_a_tuning_split_of_one_class_has_no_best_auc(table, selection):
    single = table.copy()
    single.loc[single["fold"] == 0, ["label", "score"]] = 1, 0.5
    found = published.search_weights(single, selection, "XGB", 10, [0.5, 1.0])
    with pytest.raises(InputError, match="has no AUC: the tuning split"):
        published.best_weight(found, "auc")


def test_a_forests_class_weights_weigh_the_samples_of_each_tree(table, selection):
    """As scikit-learn did until 1.8: equal draws, and the class weight times the times drawn."""
    training = table[table["group"] != "test"]
    features, labels = training[list(selection["feature"])], training["label"].to_numpy()
    forest = published_classifier("RF", 8.6, 10, labels).fit(features, labels)
    trees = []
    for tree in forest.estimators_:
        drawn = np.random.RandomState(tree.random_state).randint(0, len(labels), len(labels))
        times = np.bincount(drawn, minlength=len(labels))
        alone = DecisionTreeClassifier(
            max_features="sqrt", min_samples_leaf=2, random_state=tree.random_state
        )
        weights = times * np.where(labels == 1, 8.6, 1.0)
        trees.append(alone.fit(features.to_numpy(), labels, sample_weight=weights))
    expected = np.mean([tree.predict_proba(features.to_numpy()) for tree in trees], axis=0)
    np.testing.assert_allclose(forest.predict_proba(features), expected, rtol=1e-12)


def test_balanced_is_the_ratio_of_all_training_rows_for_xgboost(table, selection):
    labels = table.loc[table["group"] != "test", "label"]
    fit = published.fit(table, selection, "XGB", ["balanced"], trees=10)
    ratio = (labels == 0).sum() / (labels == 1).sum()
    assert set(fit.cross_validation_table()["positive_weight"]) == {ratio}
