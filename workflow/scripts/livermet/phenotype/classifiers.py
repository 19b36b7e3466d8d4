"""The classifiers of each protocol, with every hyperparameter that is not the library's default."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

CLASSIFIERS = ("LR", "RF", "XGB")
# A probability above it is called positive; one that equals it is not, as scikit-learn does.
THRESHOLD = 0.5

# gblinear's updater 'shotgun' races between threads; one thread gives one answer.
ONE_THREAD: Mapping = {"n_jobs": 1}

Weight = float | str | None


def published_classifier(
    name: str,
    weight: Weight,
    trees: int,
    labels: np.ndarray,
    search: bool = False,
    boosting: Mapping = ONE_THREAD,
) -> ClassifierMixin:
    """Make a classifier as the authors' code does; the text calls these values 'defaults'.

    `weight` is None, 'balanced' or the weight of the positive class beside 1 for the negative.
    `search` gives the logistic regression the C that the authors' search of weights uses.
    Gradient boosting has linear base learners (gblinear): it is a regularised linear model.
    `boosting` says how XGBoost computes: n_jobs, updater.
    """
    by_class: Mapping | str | None = {0: 1, 1: weight} if isinstance(weight, float) else weight
    if name == "LR":
        return LogisticRegression(
            C=0.5 if search else 3,
            solver="newton-cg",
            max_iter=10000,
            random_state=2024,
            class_weight=by_class,
        )
    if name == "RF":
        forest = RandomForestClassifier(n_estimators=trees, min_samples_leaf=2, random_state=200)
        # Class weights weigh the samples inside each tree, as in the authors' scikit-learn. From
        # 1.9 on a forest's own class_weight draws the bootstrap samples instead (#31529).
        forest.estimator = DecisionTreeClassifier(class_weight=by_class)
        return forest
    return XGBClassifier(
        booster="gblinear",
        tree_method="hist",
        seed=100,
        **boosting,
        # It warns that linear base learners have no use for a tree method.
        verbosity=0,
        scale_pos_weight=positive_weight(weight, labels),
    )


def corrected_classifier(name: str, trees: int, seed: int) -> ClassifierMixin:
    """Make a classifier for standardised features; class weights come as sample weights.

    Gradient boosting stays linear and takes the updater that gives the same answer every time.
    """
    if name == "LR":
        return LogisticRegression(C=1.0, max_iter=10000)
    if name == "RF":
        return RandomForestClassifier(n_estimators=trees, min_samples_leaf=2, random_state=seed)
    return XGBClassifier(
        booster="gblinear", updater="coord_descent", learning_rate=0.5, seed=seed, n_jobs=1
    )


def positive_weight(weight: Weight, labels: np.ndarray) -> float:
    """Give the positive class's weight beside 1; NaN to balance labels without a positive."""
    if weight is None:
        return 1.0
    if weight == "balanced":
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
    """Give the probability of the positive class, also of a model that has seen one class only."""
    probability = model.predict_proba(rows)
    columns = np.flatnonzero(model.classes_ == 1)
    return probability[:, columns[0]] if len(columns) else np.zeros(len(rows))
