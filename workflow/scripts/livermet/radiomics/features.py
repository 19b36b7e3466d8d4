"""The 107 features of a mask: PyRadiomics' original image in its seven three-dimensional classes.

They stand in the order of the authors' table; PyRadiomics computes them, with the settings of the
config under its own names. Its resampling grid starts at the volume's origin and depends on the
mask's absolute voxel indices; volumes are therefore never cropped before.
"""

import logging
import warnings

import numpy as np
import pandas as pd
import pykwalify.errors
import radiomics
import SimpleITK as sitk
from radiomics.imageoperations import checkMask

from livermet.contracts import NUMBER, Column
from livermet.detection.lesions import labelled_box
from livermet.errors import InputError
from livermet.images import on_grid_of
from livermet.radiomics.extractor import FEATURE_CLASSES, Extractor, images
from livermet.radiomics.resampling import Box, SplineVolume, resample, resampled_grid

FEATURES = tuple(
    f"original_{name}_{feature}"
    for name in FEATURE_CLASSES
    for feature, deprecated in radiomics.getFeatureClasses()[name].getFeatureNames().items()
    if not deprecated
)
FEATURE_COLUMNS = Column(
    "original_<class>_<feature>",
    NUMBER,
    "PyRadiomics' feature, of the original image",
    missing="where it could not be measured: reason says why",
    family=FEATURES,
)


def feature_extractor(settings: dict) -> Extractor:
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
        return Extractor(
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
    ct: sitk.Image, mask: sitk.Image, extractor: Extractor
) -> tuple[dict[str, float], str]:
    """Compute the 107 features of a mask (1 inside, 0 outside) on the grid of a CT in HU.

    Where PyRadiomics refuses the mask or a class of features cannot be computed on it (a single
    voxel, a line, voxels without neighbours), their values are NaN and the second part of the
    result says why; it is empty where all values are finite.
    """
    inside = sitk.GetArrayViewFromImage(mask)
    box = labelled_box(inside)
    return region_features(SplineVolume(ct), inside[box] == 1, box, extractor)


def region_features(
    volume: SplineVolume, inside: np.ndarray, box: Box, extractor: Extractor
) -> tuple[dict[str, float], str]:
    """Compute the 107 features of a mask that is given in its box of a CT, as `mask_features`.

    inside: bool, (z, y, x), of the shape of `box`, the smallest that holds the mask. Masks of one
    CT are best given the same volume, which is prefiltered once.
    """
    values = dict.fromkeys(FEATURES, float("nan"))
    if refusal := _refusal(inside, extractor):
        return values, refusal
    image, mask = _on_final_grid(volume, inside, box, extractor)
    with warnings.catch_warnings():
        # Means over no voxel pairs: the reason names these features once.
        warnings.simplefilter("ignore", RuntimeWarning)
        extractor = extractor.on_final_grid()
        reasons: list[str] = []
        try:
            found = extractor.execute(image, mask)
        except (ValueError, IndexError):
            found, reasons = _class_by_class(image, mask, extractor)
    values |= {name: float(value) for name, value in found.items() if np.isfinite(value)}
    return values, "; ".join([*reasons, *_undefined(found)])


def _refusal(inside: np.ndarray, extractor: Extractor) -> str:
    """Say why PyRadiomics would refuse a mask in any voxel size, in its own words; or ''."""
    if not inside.any():
        return "no voxels in this mask"
    # Its checks look at a mask's box alone.
    box = np.zeros([min(size, 2) for size in inside.shape], np.uint32)
    box[(0, 0, 0)] = box[(-1, -1, -1)] = 1
    image = sitk.GetImageFromArray(box)
    try:
        checkMask(image, image, **{**extractor.settings, "minimumROISize": None})
    except ValueError as error:
        return str(error)
    return ""


def _on_final_grid(
    volume: SplineVolume, inside: np.ndarray, box: Box, extractor: Extractor
) -> tuple[sitk.Image, sitk.Image]:
    """Return CT and mask in the voxels that the settings ask for, normalised if they say so."""
    if extractor.needs_whole_volume:
        whole = np.zeros(volume.ct.GetSize()[::-1], np.uint32)
        whole[box] = inside
        return extractor.loadImage(
            volume.ct, on_grid_of(whole, volume.ct), None, **extractor.settings
        )
    spacing_mm = extractor.spacing_mm
    grid = spacing_mm and resampled_grid(
        volume.ct, box, spacing_mm, extractor.settings["padDistance"]
    )
    if not grid:
        return images(volume.hu[box], inside, volume.ct.GetSpacing())
    hu, resampled = resample(volume, inside, box, grid)
    if resampled.any():
        own = labelled_box(resampled)
        hu, resampled = hu[own], resampled[own]
    return images(hu, resampled, grid.spacing)


def _class_by_class(
    image: sitk.Image, mask: sitk.Image, extractor: Extractor
) -> tuple[dict, list[str]]:
    found: dict[str, float] = {}
    reasons: dict[str, list[str]] = {}
    for name in FEATURE_CLASSES:
        try:
            found |= extractor.of_class(name).execute(image, mask)
        except (ValueError, IndexError) as error:
            reasons.setdefault(str(error), []).append(name)
    if not found:
        return found, list(reasons)
    return found, [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]


def _undefined(found: dict) -> list[str]:
    names = pd.Series([name for name, value in found.items() if not np.isfinite(value)], dtype=str)
    counts = names.str.split("_").str[1].value_counts(sort=False)
    return [f"{name}: {count} features are not defined here" for name, count in counts.items()]
