"""What is made faster than scikit-learn's own gives its numbers, bit for bit."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csc_matrix
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LassoCV
from sklearn.metrics import f1_score
from sklearn.tree import DecisionTreeClassifier

from livermet.phenotype.bootstrap import published_draws
from livermet.phenotype.classifiers import Tree, corrected_classifier, published_classifier
from livermet.phenotype.corrected import CheckedOnce
from livermet.phenotype.fits import f1


def rows(seed: int, number: int = 90, features: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Random rows of which the first two features tell something of the target."""
    random = np.random.default_rng(seed)
    values = np.asfortranarray(random.normal(size=(number, features)))
    return values, values[:, 0] - values[:, 1] + random.normal(size=number)


# With fewer rows than features there is no Gram matrix.
@pytest.mark.parametrize(("seed", "number"), [(1, 90), (2, 90), (3, 60), (4, 30)])
def test_lasso_whose_input_is_checked_once_is_lasso(seed, number):
    values, target = rows(seed, number)
    own, theirs = (
        model(cv=5, eps=0.02, alphas=50, max_iter=10000).fit(values, target)
        for model in (CheckedOnce, LassoCV)
    )
    assert own.alpha_ == theirs.alpha_
    np.testing.assert_array_equal(own.coef_, theirs.coef_)
    np.testing.assert_array_equal(own.mse_path_, theirs.mse_path_)


def unlike(own: RandomForestClassifier, theirs: RandomForestClassifier) -> list[str]:
    """Name what differs between the trees of two forests, their nodes and values among it."""
    found = []
    for tree, other in zip(own.estimators_, theirs.estimators_, strict=True):
        assert vars(tree).keys() == vars(other).keys()
        for name, value in vars(tree).items():
            theirs_of_it = vars(other)[name]
            if name == "tree_":
                value, theirs_of_it = (pickle.dumps(one) for one in (value, theirs_of_it))
            same = np.array_equal(value, theirs_of_it) and type(value) is type(theirs_of_it)
            found += [] if same else [name]
    return found


def forest(seed: int, class_weight: dict | None = None, **changes) -> RandomForestClassifier:
    """Scikit-learn's forest of scikit-learn's trees."""
    given = {"n_estimators": 30, "min_samples_leaf": 2, "random_state": seed} | changes
    made = RandomForestClassifier(**given)
    made.estimator = DecisionTreeClassifier(class_weight=class_weight)
    return made


# Two features in three bins: rows are alike and splits tie.
@pytest.mark.parametrize(("features", "bins"), [(40, None), (2, 3), (1, None)])
def test_a_forest_is_scikit_learns(features, bins):
    values, target = rows(5, features=max(features, 2))
    values = values[:, :features]
    values = values if bins is None else np.digitize(values, [-0.5, 0.5]).astype(float)
    labels = (target > 0.5).astype(int)
    own = corrected_classifier("RF", 30, 7).fit(values, labels)
    assert unlike(own, forest(7).fit(values, labels)) == []
    np.testing.assert_array_equal(
        own.predict_proba(values), forest(7).fit(values, labels).predict_proba(values)
    )
    sample_weight = np.where(labels == 1, 0.3, 1.7)
    own = corrected_classifier("RF", 30, 7).fit(values, labels, sample_weight=sample_weight)
    theirs = forest(7).fit(values, labels, sample_weight=sample_weight)
    assert unlike(own, theirs) == []
    for weight in ({0: 1, 1: 0.3}, "balanced"):
        given = weight if isinstance(weight, str) else weight[1]
        own = published_classifier("RF", given, 30, labels).fit(values, labels)
        assert unlike(own, forest(200, weight).fit(values, labels)) == []
    assert "tree_" in unlike(own, forest(200).fit(values, labels))


@pytest.mark.parametrize(
    "change",
    [
        {"max_depth": 2},
        {"criterion": "entropy"},
        {"max_features": None},
        {"max_leaf_nodes": 4},
        {"min_impurity_decrease": 0.05},
        {"min_weight_fraction_leaf": 0.1},
        {"ccp_alpha": 0.02},
        {"min_samples_split": 20},
        {"min_samples_split": 0.3},
        {"min_samples_leaf": 0.1},
        {"bootstrap": False},
    ],
)
def test_a_forest_of_other_parameters_is_scikit_learns_too(change):
    values, target = rows(6)
    labels = (target > 0).astype(int)
    own = forest(3, **change)
    own.estimator = Tree()
    assert unlike(own.fit(values, labels), forest(3, **change).fit(values, labels)) == []


def test_a_forest_of_sparse_rows_is_scikit_learns_too():
    values, target = rows(9)
    labels = (target > 0).astype(int)
    sparse = csc_matrix(np.where(values > 0, values, 0.0))
    own = corrected_classifier("RF", 30, 3).fit(sparse, labels)
    assert unlike(own, forest(3).fit(sparse, labels)) == []


def test_a_forest_of_two_outcomes_is_scikit_learns_too():
    values, target = rows(8)
    both = np.stack([target > 0, values[:, 2] > 0.3], axis=1).astype(int)
    own = forest(3)
    own.estimator = Tree()
    np.testing.assert_array_equal(
        own.fit(values, both).predict(values), forest(3).fit(values, both).predict(values)
    )


def test_a_forest_learns_from_missing_values_as_scikit_learns_does():
    values, target = rows(7)
    values[::4, 0] = np.nan
    labels = (target > 0).astype(int)
    own = corrected_classifier("RF", 30, 7).fit(values, labels)
    assert unlike(own, forest(7).fit(values, labels)) == []


@pytest.mark.parametrize("seed", range(20))
def test_f1_is_scikit_learns(seed):
    random = np.random.default_rng(seed)
    # Few rows, so that some have no positive and some no call.
    labels = random.integers(0, 2, 3)
    probability = random.choice([0.2, 0.5, 0.8], 3)
    theirs = f1_score(labels, probability > 0.5, zero_division=np.nan)
    np.testing.assert_equal(f1(labels, probability), theirs)


def test_draws_that_models_share_cannot_be_changed():
    studies = np.array(["a", "a", "b"])
    with pytest.raises(ValueError, match="read-only"):
        published_draws(studies, 20)[0, 0] = 5
