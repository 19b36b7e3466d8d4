"""The 107 features of a mask: PyRadiomics' original image in its seven three-dimensional classes.

They stand in the order of the authors' table; PyRadiomics computes them, with the settings of the
config under its own names. Its resampling grid starts at the volume's origin and depends on the
mask's absolute voxel indices; volumes are therefore never cropped before.
"""

import logging
import warnings
from copy import copy

import numpy as np
import pandas as pd
import pykwalify.errors
import radiomics
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor
from radiomics.imageoperations import checkMask

from livermet.errors import InputError

FEATURE_CLASSES = ("shape", "firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")
FEATURES = tuple(
    f"original_{name}_{feature}"
    for name in FEATURE_CLASSES
    for feature, deprecated in radiomics.getFeatureClasses()[name].getFeatureNames().items()
    if not deprecated
)


def feature_extractor(settings: dict) -> RadiomicsFeatureExtractor:
    """Make PyRadiomics' extractor of the 107 features.

    settings: PyRadiomics' own names and values (resampledPixelSpacing, binWidth, ...), checked by
    its schema. Its diagnostic columns, which hash every image, are left out. Raises InputError for
    a name or value that PyRadiomics does not know.
    """
    # Its own handler writes beside ours, and its warnings repeat for every mask.
    radiomics.setVerbosity(60)
    logging.getLogger("radiomics").setLevel(logging.ERROR)
    logging.getLogger("pykwalify").setLevel(logging.CRITICAL)
    try:
        return RadiomicsFeatureExtractor(
            {
                "setting": {**settings, "additionalInfo": False},
                "imageType": {"Original": {}},
                "featureClass": {name: [] for name in FEATURE_CLASSES},
            }
        )
    except (pykwalify.errors.SchemaError, ValueError) as error:
        told = " ".join(str(getattr(error, "msg", error)).split())
        raise InputError(
            f"config, radiomics: PyRadiomics refuses these settings ({told}); "
            "use the names and types of its documentation."
        ) from None


def mask_features(
    ct: sitk.Image, mask: sitk.Image, extractor: RadiomicsFeatureExtractor
) -> tuple[dict[str, float], str]:
    """Compute the 107 features of a mask (1 inside, 0 outside) on the grid of a CT in HU.

    Where PyRadiomics refuses the mask or a class of features cannot be computed on it (a single
    voxel, a line, voxels without neighbours), their values are NaN and the second part of the
    result says why; it is empty where all values are finite.
    """
    values = dict.fromkeys(FEATURES, float("nan"))
    try:
        # Refuses what the resampled mask would be refused for too, without resampling the CT.
        checkMask(ct, mask, **{**extractor.settings, "minimumROISize": None})
    except ValueError as error:
        return values, str(error)
    with warnings.catch_warnings():
        # Means over no voxel pairs: the reason names these features once.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            found, reasons = extractor.execute(ct, mask), []
        except (ValueError, IndexError):
            found, reasons = _class_by_class(ct, mask, extractor)
    values |= {name: float(value) for name, value in found.items() if np.isfinite(value)}
    return values, "; ".join([*reasons, *_undefined(found)])


def _class_by_class(
    ct: sitk.Image, mask: sitk.Image, extractor: RadiomicsFeatureExtractor
) -> tuple[dict, list[str]]:
    found, reasons = {}, {}
    for name in FEATURE_CLASSES:
        of_class = copy(extractor)
        of_class.enabledFeatures = {name: []}
        try:
            found |= of_class.execute(ct, mask)
        except (ValueError, IndexError) as error:
            reasons.setdefault(str(error), []).append(name)
    if not found:
        return found, list(reasons)
    return found, [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]


def _undefined(found: dict) -> list[str]:
    names = pd.Series([name for name, value in found.items() if not np.isfinite(value)], dtype=str)
    counts = names.str.split("_").str[1].value_counts(sort=False)
    return [f"{name}: {count} features are not defined here" for name, count in counts.items()]
