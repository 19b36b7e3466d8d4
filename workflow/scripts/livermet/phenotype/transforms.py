"""Transforms that take the skewness of features, learnt from training rows alone."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

from livermet.vocabulary import Transform


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
            self.power_ = make_pipeline(StandardScaler(), PowerTransformer("yeo-johnson"))
            self.power_.fit(features.to_numpy(dtype=float))
        return self

    def transform(self, features: pd.DataFrame) -> pd.DataFrame:
        """Transform rows; index and columns stay."""
        values = features.to_numpy(dtype=float)
        if self.power_ is None:
            found = np.sign(values) * np.log1p(np.abs(values))
        else:
            found = self.power_.transform(values)
        return pd.DataFrame(found, index=features.index, columns=features.columns)
