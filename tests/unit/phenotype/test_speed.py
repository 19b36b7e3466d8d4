"""What is made faster than scikit-learn's own gives its numbers, bit for bit."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LassoCV
from sklearn.metrics import f1_score
from sklearn.tree import DecisionTreeClassifier

from livermet.phenotype.bootstrap import published_draws
from livermet.phenotype.classifiers import corrected_classifier, published_classifier
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


def test_a_forest_is_scikit_learns():
    values, target = rows(5)
    labels = (target > 0).astype(int)
    own = corrected_classifier("RF", 30, 7).fit(values, labels)
    theirs = RandomForestClassifier(n_estimators=30, min_samples_leaf=2, random_state=7)
    theirs.fit(values, labels)
    np.testing.assert_array_equal(own.predict_proba(values), theirs.predict_proba(values))
    weighted = published_classifier("RF", 0.3, 30, labels).fit(values, labels)
    theirs = RandomForestClassifier(n_estimators=30, min_samples_leaf=2, random_state=200)
    theirs.estimator = DecisionTreeClassifier(class_weight={0: 1, 1: 0.3})
    theirs.fit(values, labels)
    np.testing.assert_array_equal(weighted.predict_proba(values), theirs.predict_proba(values))
    assert not np.array_equal(own.predict_proba(values), weighted.predict_proba(values))


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
