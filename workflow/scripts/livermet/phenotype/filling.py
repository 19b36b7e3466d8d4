"""Stated values for the features of scans whose lesions could not be measured, or not in full."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from livermet.phenotype.table import FEATURES, RADIOMIC_FEATURES

# Lengths, areas, volumes, and sums over voxels, runs or zones: 0 where there is nothing to sum.
EXTENT_FEATURES = frozenset(
    f"original_{feature}"
    for feature in (
        "shape_LeastAxisLength",
        "shape_MajorAxisLength",
        "shape_MinorAxisLength",
        "shape_Maximum2DDiameterColumn",
        "shape_Maximum2DDiameterRow",
        "shape_Maximum2DDiameterSlice",
        "shape_Maximum3DDiameter",
        "shape_MeshVolume",
        "shape_SurfaceArea",
        "shape_VoxelVolume",
        "firstorder_Energy",
        "firstorder_TotalEnergy",
        "gldm_DependenceNonUniformity",
        "gldm_GrayLevelNonUniformity",
        "glrlm_GrayLevelNonUniformity",
        "glrlm_RunLengthNonUniformity",
        "glszm_GrayLevelNonUniformity",
        "glszm_SizeZoneNonUniformity",
    )
)
UNMEASURED, PARTLY = "No_Measured_Lesion", "Partly_Measured"
CANDIDATES = (*FEATURES, UNMEASURED, PARTLY)


class LesionFreeFiller(TransformerMixin, BaseEstimator):
    """Fill in stated values of features that a scan lacks.

    Features of extent (EXTENT_FEATURES) are 0: no lesion has no volume. Every other feature, which
    has no value without voxels, is the median of the training rows. Added columns let a model tell
    filled rows from measured ones: No_Measured_Lesion is 1 where a row has no radiomic feature at
    all, Partly_Measured where it has some of them, as small lesions have no texture.
    """

    def fit(self, features: pd.DataFrame, labels=None) -> "LesionFreeFiller":
        """Learn the medians of the training rows."""
        # A column that no training row has is of no use either way; 0 keeps it constant.
        values = features[list(FEATURES)].to_numpy(dtype=float)
        known = np.isfinite(values).any(axis=0)
        medians = np.zeros(len(FEATURES))
        medians[known] = np.nanmedian(values[:, known], axis=0)
        medians[[name in EXTENT_FEATURES for name in FEATURES]] = 0.0
        self.values_ = pd.Series(medians, index=list(FEATURES))
        return self

    def transform(self, features: pd.DataFrame) -> pd.DataFrame:
        """Fill what is missing; the result has the columns CANDIDATES."""
        values = features[list(FEATURES)].to_numpy(dtype=float)
        missing = np.isnan(values)
        filled = np.where(missing, self.values_.to_numpy(), values)
        radiomic = missing[:, : len(RADIOMIC_FEATURES)]
        unmeasured = radiomic.all(axis=1)
        partly = radiomic.any(axis=1) & ~unmeasured
        columns = np.column_stack([filled, unmeasured.astype(float), partly.astype(float)])
        return pd.DataFrame(columns, index=features.index, columns=list(CANDIDATES))
