"""The classifiers of each protocol, with every hyperparameter that is not the library's default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._criterion import Gini
from sklearn.tree._splitter import BestSplitter
from sklearn.tree._tree import DepthFirstTreeBuilder
from sklearn.tree._tree import Tree as Nodes
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight
from xgboost import XGBClassifier

from livermet.vocabulary import Weighting

# A probability above it is called positive; one that equals it is not, as scikit-learn does.
THRESHOLD = 0.5

# gblinear's updater 'shotgun' races between threads; one thread gives one answer.
ONE_THREAD: Mapping = {"n_jobs": 1}
# Of a classifier that the article does not have, where the ladder takes it as published.
OWN_SEED = 0

# Digits of the corrected protocol's probabilities. A sum over eight features or more ends by its
# row's place in the 16th, and rows that are equal, as scans without lesions are, have to tie.
DIGITS = 12

Weight = float | str | None


@dataclass(frozen=True)
class Published:
    """What the published protocol builds a classifier with.

    `weight` is None, 'balanced' or the weight of the positive class beside 1 for the negative.
    `search` gives the logistic regression the C that the authors' search of weights uses.
    `boosting` says how XGBoost computes: n_jobs, updater.
    """

    weight: Weight
    trees: int
    labels: np.ndarray
    search: bool = False
    boosting: Mapping = field(default_factory=lambda: ONE_THREAD)

    @property
    def by_class(self) -> Mapping | str | None:
        """The weights as scikit-learn's class_weight."""
        return {0: 1, 1: self.weight} if isinstance(self.weight, float) else self.weight


@dataclass(frozen=True)
class Builders:
    """How each protocol builds a classifier.

    The article's classifiers are built as the authors' code does; the text calls these values
    'defaults'. `corrected` takes the forest's trees and a seed, and gets standardised features;
    class weights come as sample weights.
    """

    corrected: Callable[[int, int], ClassifierMixin]
    published: Callable[[Published], ClassifierMixin] | None = None


class Tree(DecisionTreeClassifier):
    """A tree of a forest: scikit-learn's, without what it does again for each tree.

    scikit-learn looks the names of a tree's parameters up by inspection whenever it copies one, and
    checks in each what the forest has checked. Of so few rows that is most of a forest's time.
    """

    def get_params(self, deep: bool = True) -> dict:
        """Return the parameters by name; none of them has parameters of its own."""
        return {name: getattr(self, name) for name in PARAMETERS_OF_TREE}

    def _fit(self, X, y, sample_weight=None, check_input=True, missing_values_in_feature_mask=None):
        special = check_input or sample_weight is None or y.shape[1] > 1 or issparse(X)
        shares = any(isinstance(getattr(self, name), float) for name in COUNTS)
        if special or shares or any(getattr(self, name) != GROWN[name] for name in GROWN):
            return super()._fit(X, y, sample_weight, check_input, missing_values_in_feature_mask)
        # The rows (32 bits), classes (64) and weights are those that the forest has checked.
        weights = sample_weight.astype(np.float64)
        if self.class_weight is not None:
            weights = weights * compute_sample_weight(self.class_weight, y)
        random = check_random_state(self.random_state)
        self.n_features_in_, self.n_outputs_ = X.shape[1], 1
        self.classes_ = np.unique(y)
        sizes = np.array([len(self.classes_)], dtype=np.intp)
        self.n_classes_ = sizes[0]
        self.max_features_ = max(1, int(np.sqrt(X.shape[1])))
        leaf = self.min_samples_leaf
        splitter = BestSplitter(Gini(1, sizes), self.max_features_, leaf, 0.0, random, None)
        fewest = max(self.min_samples_split, 2 * leaf)
        deepest = np.iinfo(np.int32).max
        self.tree_ = Nodes(X.shape[1], sizes, 1)
        builder = DepthFirstTreeBuilder(splitter, fewest, leaf, 0.0, deepest, 0.0)
        builder.build(self.tree_, X, y, weights, missing_values_in_feature_mask)
        return self


PARAMETERS_OF_TREE = tuple(DecisionTreeClassifier().get_params())
# Rows, of which scikit-learn also takes shares.
COUNTS = ("min_samples_leaf", "min_samples_split")
# Of what `Tree` grows itself; with any other value scikit-learn does.
GROWN = {
    "ccp_alpha": 0.0,
    "criterion": "gini",
    "max_depth": None,
    "max_features": "sqrt",
    "max_leaf_nodes": None,
    "min_impurity_decrease": 0.0,
    "min_weight_fraction_leaf": 0.0,
    "monotonic_cst": None,
    "splitter": "best",
}


def _forest(
    trees: int, seed: int, class_weight: Mapping | str | None = None
) -> RandomForestClassifier:
    forest = RandomForestClassifier(n_estimators=trees, min_samples_leaf=2, random_state=seed)
    forest.estimator = Tree(class_weight=class_weight)
    return forest


def _published_regression(asked: Published) -> ClassifierMixin:
    return LogisticRegression(
        C=0.5 if asked.search else 3,
        solver="newton-cg",
        max_iter=10000,
        random_state=2024,
        class_weight=asked.by_class,
    )


def _published_forest(asked: Published) -> ClassifierMixin:
    # Class weights weigh the samples inside each tree, as in the authors' scikit-learn. From 1.9 on
    # a forest's own class_weight draws the bootstrap samples instead (#31529).
    return _forest(asked.trees, seed=200, class_weight=asked.by_class)


def _published_boosting(asked: Published) -> ClassifierMixin:
    """Boost linear base learners (gblinear): a regularised linear model."""
    return XGBClassifier(
        booster="gblinear",
        tree_method="hist",
        seed=100,
        **asked.boosting,
        # It warns that linear base learners have no use for a tree method.
        verbosity=0,
        scale_pos_weight=positive_weight(asked.weight, asked.labels),
    )


def _corrected_regression(trees: int, seed: int) -> ClassifierMixin:
    return LogisticRegression(C=1.0, max_iter=10000)


def _corrected_forest(trees: int, seed: int) -> ClassifierMixin:
    return _forest(trees, seed)


def _corrected_boosting(trees: int, seed: int) -> ClassifierMixin:
    """Boost linear base learners by the updater that gives the same answer every time."""
    return XGBClassifier(
        booster="gblinear", updater="coord_descent", learning_rate=0.5, seed=seed, n_jobs=1
    )


# By the name that `models.yaml` lists a classifier by.
BUILDERS = {
    "LR": Builders(_corrected_regression, _published_regression),
    "RF": Builders(_corrected_forest, _published_forest),
    "XGB": Builders(_corrected_boosting, _published_boosting),
}


def published_classifier(
    name: str,
    weight: Weight,
    trees: int,
    labels: np.ndarray,
    search: bool = False,
    boosting: Mapping = ONE_THREAD,
) -> ClassifierMixin:
    """Make a classifier as the authors' code does; one that is not theirs, as under corrected.

    The arguments are those of `Published`.
    """
    builders = BUILDERS[name]
    if builders.published is None:
        return builders.corrected(trees, OWN_SEED)
    return builders.published(Published(weight, trees, labels, search, boosting))


def corrected_classifier(name: str, trees: int, seed: int) -> ClassifierMixin:
    """Make a classifier for standardised features; class weights come as sample weights."""
    return BUILDERS[name].corrected(trees, seed)


def positive_weight(weight: Weight, labels: np.ndarray) -> float:
    """Return the positive class's weight beside 1; NaN to balance labels without a positive."""
    if weight is None:
        return 1.0
    if weight == Weighting.BALANCED:
        positives = int((labels == 1).sum())
        return (len(labels) - positives) / positives if positives else float("nan")
    return float(weight)


def sample_weights(weight: Weight, labels: np.ndarray) -> np.ndarray:
    """Weight samples by class with mean 1, so that no weighting changes a penalty's strength.

    For 'balanced' these are scikit-learn's balanced class weights.
    """
    weights = np.where(labels == 1, positive_weight(weight, labels), 1.0)
    return weights / weights.mean()


def positive_probability(model: ClassifierMixin, rows: pd.DataFrame) -> np.ndarray:
    """Return the probability of the positive class, also of a model that saw one class only."""
    probability = model.predict_proba(rows)
    columns = np.flatnonzero(model.classes_ == 1)
    return probability[:, columns[0]] if len(columns) else np.zeros(len(rows))


def settled_probability(model: ClassifierMixin, rows: pd.DataFrame) -> np.ndarray:
    """Return the positive class's probability to DIGITS, so that equal rows have equal ones."""
    # XGBoost's are of 32 bits, in which so many digits cannot be written.
    return positive_probability(model, rows).astype(float).round(DIGITS)
