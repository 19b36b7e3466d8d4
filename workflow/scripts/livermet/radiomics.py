"""PyRadiomics features of a scan's lesions: of their union as in the paper, and of each by itself.

The 107 features are those of the original image in PyRadiomics' seven three-dimensional classes, in
the order of the authors' table; PyRadiomics computes them, with the settings of the config under
its own names. The CT is resampled by PyRadiomics, whose grid starts at the volume's origin and
depends on the mask's absolute voxel indices; volumes are therefore never cropped before.
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

from livermet.detection import lesion_components, lesion_table
from livermet.errors import InputError
from livermet.images import array_of, grid_difference, on_grid_of

FEATURE_CLASSES = ("shape", "firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")
FEATURES = tuple(
    f"original_{name}_{feature}"
    for name in FEATURE_CLASSES
    for feature, deprecated in radiomics.getFeatureClasses()[name].getFeatureNames().items()
    if not deprecated
)
COUNT = "Num_Lesions"
UNION_COLUMNS = ("series", *FEATURES, COUNT, "burden_ml", "reason")
LESION_COLUMNS = ("series", "lesion", "volume_ml", *FEATURES, "reason")

LOG = logging.getLogger("livermet")


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


def scan_features(
    ct: sitk.Image,
    labels: sitk.Image,
    settings: dict,
    connectivity: int = 26,
    minimum_lesion_voxels: int = 1,
    per_lesion: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compute the features of a scan's lesions, of their union and of each one.

    ct in HU; labels 0 background, 1 liver, 2 lesion on the same grid. Lesions are numbered as
    detection does, those of fewer than `minimum_lesion_voxels` voxels left out. Returns the union
    (one row: the 107 features, Num_Lesions, burden_ml, reason) and the lesions (one row each:
    lesion, volume_ml, the 107 features, reason). Without a lesion the union's features are NaN and
    Num_Lesions is 0; without `per_lesion` the lesions' features are NaN. Raises InputError where
    the grids differ.
    """
    if difference := grid_difference(ct, labels):
        raise InputError(
            f"CT and label map lie on different grids: {difference}; "
            "run the ingest or the prediction of this series again."
        )
    extractor = feature_extractor(settings)
    components = lesion_components(array_of(labels), connectivity, minimum_lesion_voxels)
    lesions = lesion_table(components, ct)[["lesion", "volume_ml"]]
    if lesions.empty:
        union, reason = {}, "no lesions"
    else:
        LOG.info("union of %d lesions, %.1f ml", len(lesions), lesions["volume_ml"].sum())
        union, reason = mask_features(ct, _mask(components > 0, ct), extractor)
    union_row = {
        **union,
        COUNT: len(lesions),
        "burden_ml": float(lesions["volume_ml"].sum()),
        "reason": reason,
    }
    rows = []
    for lesion, volume_ml in lesions.itertuples(index=False):
        if not per_lesion:
            features, reason = {}, "not computed: radiomics, per_lesion is false"
        elif len(lesions) == 1:
            features = union
        else:
            LOG.info("lesion %d of %d, %.2f ml", lesion, len(lesions), volume_ml)
            features, reason = mask_features(ct, _mask(components == lesion, ct), extractor)
        rows.append({"lesion": lesion, "volume_ml": volume_ml, **features, "reason": reason})
    return (
        pd.DataFrame([union_row], columns=list(UNION_COLUMNS[1:])),
        pd.DataFrame(rows, columns=list(LESION_COLUMNS[1:])),
    )


def _mask(inside: np.ndarray, grid: sitk.Image) -> sitk.Image:
    return on_grid_of(inside.astype(np.uint8), grid)


def feature_table(unions: pd.DataFrame, matching: pd.DataFrame, name: str) -> pd.DataFrame:
    """Join the union features of a cohort with its molecular results, in the authors' columns.

    unions: one row a series (series, the 107 features, Num_Lesions, burden_ml, reason). matching:
    one row a target series (series, patient, study, place, sample_type, score, class 1 or 0,
    included). name: the phenotype, which heads the columns of score, status and class (NE_Score).
    One row for each series that the matching includes and that has features, in its order. Group
    is train or test, Fold the training patient's fold and empty for a test patient, Reason says
    why features are missing.
    """
    included = matching[matching["included"].astype(bool)]
    rows = included.merge(unions, on="series", how="inner", validate="one_to_one")
    test = rows["place"].astype(str) == "test"
    status = rows["class"].astype(int).map({1: "positive", 0: "negative"})
    return pd.DataFrame(
        {
            "File": rows["series"],
            "unique_scandate": rows["study"],
            "unique_pt": rows["patient"],
            **{feature: rows[feature] for feature in (*FEATURES, COUNT)},
            f"{name}_Score": rows["score"],
            f"{name}_Status": status,
            f"{name}_Class": rows["class"].astype(int),
            "Group": test.map({True: "test", False: "train"}),
            "Fold": rows["place"].astype(str).where(~test, ""),
            "Sample_Type": rows["sample_type"],
            "Burden_ml": rows["burden_ml"],
            "Reason": rows["reason"],
        }
    )
