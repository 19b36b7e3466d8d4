"""The features of a phantom, from PyRadiomics' own way to IBSI's, one difference after another."""

import numpy as np
import pandas as pd
import radiomics
import SimpleITK as sitk

from livermet.images import array_of, on_grid_of
from livermet.radiomics.features import feature_extractor, mask_features
from livermet.radiomics.ibsi.configurations import Configuration
from livermet.radiomics.ibsi.preprocessing import (
    intensity_limits,
    resampled_ct,
    resampled_mask,
    resampling_grid,
)

OWN = "pyradiomics"
PREPROCESSING_STEPS = ("resegmentation", "grid", "mask", "rounding")
DEFINITION_STEPS = ("numbering", "covariance", "excess_kurtosis")
STEPS = (OWN, *PREPROCESSING_STEPS, *DEFINITION_STEPS)
# What livermet computes when it is given the image and mask that IBSI asks for.
PREPROCESSED = PREPROCESSING_STEPS[-1]
KURTOSIS = "original_firstorder_Kurtosis"
AXIS_LENGTHS = [f"original_shape_{axis}AxisLength" for axis in ("Major", "Minor", "Least")]
TEXTURE_CLASSES = ("glcm", "gldm", "glrlm", "glszm", "ngtdm")


def values_by_step(ct: sitk.Image, mask: sitk.Image, configuration: Configuration) -> pd.DataFrame:
    """Compute the 107 features in PyRadiomics' way, then with each difference from IBSI removed.

    ct: int16 HU, as livermet stores it. One row a feature, one column a step, cumulative: the
    column `rounding` has re-segmentation, grid, mask and rounding as IBSI asks for. A step that
    changes nothing in a configuration repeats the values before it.
    """
    values = {OWN: _features(ct, mask, configuration.settings())}
    image, roi = ct, mask
    for number, step in enumerate(PREPROCESSING_STEPS):
        if _changes(step, configuration):
            applied = PREPROCESSING_STEPS[: number + 1]
            image, roi = _preprocessed(ct, mask, configuration, applied)
            values[step] = _features(image, roi, _settings(image, roi, configuration))
    table = pd.DataFrame(values).reindex(columns=list(STEPS)).ffill(axis=1)
    numbered = _renumbered_features(image, roi, configuration)
    table.loc[numbered.index, list(DEFINITION_STEPS)] = numbered.to_numpy()[:, None]
    voxels = np.count_nonzero(array_of(roi) == 1)
    table.loc[AXIS_LENGTHS, ["covariance", "excess_kurtosis"]] *= np.sqrt(voxels / (voxels - 1))
    table.loc[KURTOSIS, "excess_kurtosis"] -= 3
    return table


def _changes(step: str, configuration: Configuration) -> bool:
    if step == "resegmentation":
        return configuration.range_hu is not None and configuration.outliers
    return configuration.spacing_mm is not None


def _features(ct: sitk.Image, mask: sitk.Image, settings: dict) -> pd.Series:
    values, reason = mask_features(ct, mask, feature_extractor(settings))
    if reason:
        raise ValueError(f"The phantom's features are not all defined: {reason}")
    return pd.Series(values)


def _preprocessed(
    ct: sitk.Image, mask: sitk.Image, configuration: Configuration, applied: tuple[str, ...]
) -> tuple[sitk.Image, sitk.Image]:
    assert configuration.spacing_mm is not None
    grid = resampling_grid(ct, configuration.spacing_mm, centred="grid" in applied)
    return (
        resampled_ct(ct, grid, configuration.interpolator, to_nearest="rounding" in applied),
        resampled_mask(mask, grid, partial_volume="mask" in applied),
    )


def _settings(ct: sitk.Image, mask: sitk.Image, configuration: Configuration) -> dict:
    limits = intensity_limits(ct, mask, configuration)
    range_setting = {} if limits is None else {"resegmentRange": [float(limit) for limit in limits]}
    return {**configuration.feature_settings(), **range_setting}


def _renumbered_features(
    ct: sitk.Image, mask: sitk.Image, configuration: Configuration
) -> pd.Series:
    """Compute the texture features with grey levels numbered from the re-segmentation's lower end.

    PyRadiomics' own classes, in which the lowest bin of the mask is level 1 otherwise. Empty where
    the bins' number is fixed or no range is given: IBSI's level 1 is then the mask's lowest too.
    """
    width = configuration.discretisation.get("binWidth")
    if width is None or configuration.range_hu is None:
        return pd.Series(dtype=float)
    limits = intensity_limits(ct, mask, configuration)
    assert limits is not None
    lower, upper = limits
    values = array_of(ct)
    inside = (array_of(mask) == 1) & (values >= lower) & (values <= upper)
    offset = int(np.floor((values[inside].min() - lower) / width))
    roi = on_grid_of(inside.astype(np.uint8), mask)
    found: dict[str, float] = {}
    for name in TEXTURE_CLASSES:
        numbered = _numbered_higher(radiomics.getFeatureClasses()[name], offset)
        of_class = numbered(ct, roi, **configuration.feature_settings()).execute()
        found |= {f"original_{name}_{feature}": float(v) for feature, v in of_class.items()}
    return pd.Series(found)


def _numbered_higher(feature_class: type, offset: int) -> type:
    """Derive PyRadiomics' class of features with its grey levels numbered `offset` higher."""

    class Numbered(feature_class):
        # Its logger, whose level `feature_extractor` has set, is named after its module.
        __module__ = feature_class.__module__

        def _applyBinning(self, matrix):  # noqa: N802, PyRadiomics' name
            matrix = super()._applyBinning(matrix)
            matrix[self.maskArray] += offset
            self.coefficients["grayLevels"] = self.coefficients["grayLevels"] + offset
            self.coefficients["Ng"] += offset
            return matrix

    return Numbered
