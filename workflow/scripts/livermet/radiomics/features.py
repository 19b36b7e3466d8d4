"""The 107 features of a mask: PyRadiomics' original image in its seven three-dimensional classes.

They stand in the order of the authors' table; PyRadiomics computes them, with the settings of the
config under its own names. Its resampling grid starts at the volume's origin and depends on the
mask's absolute voxel indices; volumes are therefore never cropped before. The other grid has the
volume's centre (`centred`).
"""

import logging
import warnings
from dataclasses import dataclass

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
from livermet.radiomics.centred import centred_lines, resample_centred
from livermet.radiomics.extractor import FEATURE_CLASSES, TEXTURES, Extractor, images
from livermet.radiomics.resampling import Box, SplineVolume, resample, resampled_grid
from livermet.vocabulary import Grid

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


@dataclass(frozen=True)
class Measured:
    """The 107 features of a mask as PyRadiomics gives them, and what has to be known of them.

    reason: why values are NaN, '' where none is. voxels: how many voxels texture was computed on.
    placeholders: features without a value, which PyRadiomics fills with a number of its choice.
    """

    values: dict[str, float]
    reason: str
    voxels: int = 0
    placeholders: tuple[str, ...] = ()

    def of_lesion(self, texture_minimum_voxels: int) -> tuple[dict[str, float], str]:
        """Return values and reason for a table of lesions: NaN in the place of placeholders.

        Texture of fewer voxels than the minimum is NaN too.
        """
        unknown, reasons = [], [self.reason] if self.reason else []
        if self.voxels and self.voxels < texture_minimum_voxels:
            unknown = [name for name in FEATURES if name.split("_")[1] in TEXTURES]
            reasons.append(f"texture: fewer than {texture_minimum_voxels} voxels")
        stood_in = [name for name in self.placeholders if name not in unknown]
        if stood_in:
            named = ", ".join(name.removeprefix("original_") for name in stood_in)
            reasons.append(f"{named}: no value but PyRadiomics' placeholder")
        values = self.values | dict.fromkeys([*unknown, *stood_in], float("nan"))
        return values, "; ".join(reasons)


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
    found = region_features(SplineVolume(ct), inside[box] == 1, box, extractor)
    return found.values, found.reason


def region_features(
    volume: SplineVolume,
    inside: np.ndarray,
    box: Box,
    extractor: Extractor,
    grid: Grid = Grid.CORNER,
    keep_one_slice: bool = True,
) -> Measured:
    """Compute the 107 features of a mask that is given in its box of a CT, as `mask_features`.

    inside: bool, (z, y, x), of the shape of `box`, the smallest that holds the mask. Masks of one
    CT are best given the same volume, which is prefiltered once. By default on PyRadiomics' grid,
    where an axis in which the mask spans one slice is not resampled.
    """
    values = dict.fromkeys(FEATURES, float("nan"))
    if refusal := _refusal(inside, extractor):
        return Measured(values, refusal)
    image, mask = _on_final_grid(volume, inside, box, extractor, grid, keep_one_slice)
    with warnings.catch_warnings():
        # Means over no voxel pairs: the reason names these features once.
        warnings.simplefilter("ignore", RuntimeWarning)
        extractor = extractor.on_final_grid()
        reasons: list[str] = []
        try:
            found = extractor.execute(image, mask)
        except (ValueError, IndexError):
            extractor.told.placeholders.clear()
            found, reasons = _class_by_class(image, mask, extractor)
    values |= {name: float(value) for name, value in found.items() if np.isfinite(value)}
    told = extractor.told
    reason = "; ".join([*reasons, *_undefined(found)])
    return Measured(values, reason, told.voxels, tuple(told.placeholders))


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
    volume: SplineVolume,
    inside: np.ndarray,
    box: Box,
    extractor: Extractor,
    kind: Grid,
    keep_one_slice: bool,
) -> tuple[sitk.Image, sitk.Image]:
    """Return CT and mask in the voxels that the settings ask for, normalised if they say so."""
    if extractor.needs_whole_volume:
        whole = np.zeros(volume.ct.GetSize()[::-1], np.uint32)
        whole[box] = inside
        return extractor.loadImage(
            volume.ct, on_grid_of(whole, volume.ct), None, **extractor.settings
        )
    asked_mm, own_mm = extractor.spacing_mm, volume.ct.GetSpacing()
    if not asked_mm:
        return images(volume.hu[box], inside, own_mm)
    if kind == Grid.CENTRE:
        lines = centred_lines(volume, box, asked_mm, keep_one_slice)
        if not lines:
            return images(volume.hu[box], inside, own_mm)
        hu, resampled = resample_centred(volume, inside, box, lines)
        spacing_mm = np.array([line.spacing_mm for line in reversed(lines)])
    else:
        padding = extractor.settings["padDistance"]
        grid = resampled_grid(volume.ct, box, asked_mm, padding, keep_one_slice)
        if not grid:
            return images(volume.hu[box], inside, own_mm)
        hu, resampled = resample(volume, inside, box, grid)
        spacing_mm = grid.spacing
    if resampled.any():
        own = labelled_box(resampled)
        hu, resampled = hu[own], resampled[own]
    return images(hu, resampled, spacing_mm)


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
