"""Transforms that take skewness or volume out of features, learnt from training rows alone."""

from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

from livermet.vocabulary import Transform

# Powers: those of the folds and inner folds of one procedure.
REMEMBERED = 50


class Unskewed(TransformerMixin, BaseEstimator):
    """Transform each column of a table: 'log', or 'yeo_johnson' with parameters of its own.

    The logarithm is sign(x) log(1 + |x|), which learns nothing. Yeo and Johnson's power (Biometrika
    2000) is that of standardised values, fitted by maximum likelihood.
    """

    def __init__(self, kind: str):
        self.kind = kind

    def fit(self, features: pd.DataFrame, labels=None) -> "Unskewed":
        """Learn the powers of the training rows."""
        self.power_ = None
        if self.kind == Transform.YEO_JOHNSON:
            values = np.ascontiguousarray(features.to_numpy(dtype=float))
            self.power_ = _yeo_johnson(values.tobytes(), values.shape)
        return self

    def transform(self, features: pd.DataFrame) -> pd.DataFrame:
        """Transform rows; index and columns stay."""
        values = features.to_numpy(dtype=float)
        if self.power_ is None:
            found = np.sign(values) * np.log1p(np.abs(values))
        else:
            found = self.power_.transform(values)
        return pd.DataFrame(found, index=features.index, columns=features.columns)


@lru_cache(maxsize=REMEMBERED)
def _yeo_johnson(values: bytes, shape: tuple[int, int]) -> Pipeline:
    """Fit the powers of some rows once, since several classifiers learn from the same ones."""
    power = make_pipeline(StandardScaler(), PowerTransformer("yeo-johnson"))
    return power.fit(np.frombuffer(values).reshape(shape))


class FreeOfVolume(TransformerMixin, BaseEstimator):
    """Complete rows, and take out of each feature what a line on log(1 + burden) tells of it.

    `completing` makes the features of rows as they were read, whose burden_ml (ml) is the volume of
    all lesions. What is left has no linear relation to the log of the training rows' volume.
    """

    def __init__(self, completing: Pipeline):
        self.completing = completing

    def fit(self, rows: pd.DataFrame, labels=None) -> "FreeOfVolume":
        """Learn to complete the training rows, and each feature's line."""
        self.completing_ = clone(self.completing)
        complete = self.completing_.fit_transform(rows)
        self.line_ = LinearRegression().fit(_log_volume(rows), complete.to_numpy())
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return what is left of the rows' features; index as the rows'."""
        complete = self.completing_.transform(rows)
        return complete - self.line_.predict(_log_volume(rows))


def _log_volume(rows: pd.DataFrame) -> np.ndarray:
    return np.log1p(rows[["burden_ml"]].to_numpy(dtype=float))
