"""Baselines that every classifier must beat: always positive, volume only, lesion count only.

They are fitted in the corrected protocol's folds and tuned as its classifiers are; their features
are given, so that nothing is selected.
"""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from livermet.phenotype.classifiers import THRESHOLD
from livermet.phenotype.columns import VOLUME
from livermet.phenotype.corrected import (
    UNWEIGHTED,
    FoldModel,
    Recipe,
    fit_folds,
    held_out_probabilities,
    youden_threshold,
)
from livermet.phenotype.fits import Fit
from livermet.phenotype.table import LESION_COUNT

ALWAYS_POSITIVE = "always_positive"
BASELINES = {ALWAYS_POSITIVE: None, VOLUME: "burden_ml", "lesion_count": LESION_COUNT}


def fit_baselines(table: pd.DataFrame, seed: int) -> list[Fit]:
    """Fit the baselines of BASELINES in each fold and score the fold's held-out rows."""
    return [fit_baseline(table, name, seed) for name in BASELINES]


def fit_untuned_baselines(table: pd.DataFrame) -> list[Fit]:
    """Fit the baselines with the threshold 0.5 and all else as `fit_baselines` does.

    A threshold takes inner folds of its own, and decides no AUC.
    """

    def untuned(name: str) -> Fit:
        def models_of(rows: pd.DataFrame, fold: int) -> dict[str, FoldModel]:
            return {UNWEIGHTED: FoldModel(_recipe(name)(rows)[0], THRESHOLD, 1.0)}

        return fit_folds(table, name, [UNWEIGHTED], models_of)

    return [untuned(name) for name in BASELINES]


def fit_baseline(table: pd.DataFrame, name: str, seed: int) -> Fit:
    """Fit one baseline in each fold: a logistic regression on log(1 + value), or a constant."""

    def models_of(rows: pd.DataFrame, fold: int) -> dict[str, FoldModel]:
        return {UNWEIGHTED: _fitted(rows, name, seed)}

    return fit_folds(table, name, [UNWEIGHTED], models_of)


def _fitted(rows: pd.DataFrame, name: str, seed: int) -> FoldModel:
    recipe = _recipe(name)
    if name == ALWAYS_POSITIVE:
        return FoldModel(recipe(rows)[0], THRESHOLD, 1.0)
    labels = rows["label"].to_numpy()
    threshold = youden_threshold(labels, held_out_probabilities(rows, recipe, seed)[0])
    return FoldModel(recipe(rows)[0], threshold, 1.0)


def _recipe(name: str) -> Recipe:
    def fit_rows(rows: pd.DataFrame) -> list[Pipeline]:
        labels = rows["label"].to_numpy()
        if name == ALWAYS_POSITIVE:
            constant = DummyClassifier(strategy="constant", constant=1)
            return [make_pipeline(constant).fit(rows, np.ones(len(rows), dtype=int))]
        if len(set(labels)) < 2:
            return [make_pipeline(DummyClassifier(strategy="prior")).fit(rows, labels)]
        scale = make_pipeline(FunctionTransformer(np.log1p), StandardScaler())
        column = ColumnTransformer([("value", scale, [BASELINES[name]])])
        return [make_pipeline(column, LogisticRegression()).fit(rows, labels)]

    return fit_rows
