"""PyRadiomics' extractor of the original image's features, over quicker parts of its own kind.

PyRadiomics stays the engine: its checks, its resegmentation, its classes and their C code give
every number. What it computes again for each class, or for voxels that no feature looks at, is
computed once, or not: voxels are binned once, intensities stand in a row without the box around
them, and a scattered mask's parts stand side by side (`packing`). The shape class is `shape.Shape`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk
from radiomics import getFeatureClasses
from radiomics.featureextractor import RadiomicsFeatureExtractor
from radiomics.imageoperations import cropToTumorMask

from livermet.radiomics.matrices import Matrices, Zones, over
from livermet.radiomics.packing import packed
from livermet.radiomics.placeholders import placeholders
from livermet.radiomics.shape import Shape

FEATURE_CLASSES = ("shape", "firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")
TEXTURES = FEATURE_CLASSES[2:]
B_SPLINES = ("sitkBSpline", sitk.sitkBSpline)


class Binned:
    """A texture class whose image holds grey levels from 1 already."""

    maskArray: np.ndarray  # noqa: N815
    coefficients: dict

    def _applyBinning(self, matrix):  # noqa: N802
        levels = np.unique(matrix[self.maskArray])
        self.coefficients |= {"grayLevels": levels, "Ng": int(levels[-1])}
        return matrix


def _binned(feature_class: type) -> type:
    # The module's name is that of the class's log, which PyRadiomics' verbosity rules.
    return type(
        feature_class.__name__, (Binned, feature_class), {"__module__": feature_class.__module__}
    )


BINNED = {name: _binned(getFeatureClasses()[name]) for name in TEXTURES}
ZONES = type("RadiomicsGLSZM", (Zones, BINNED["glszm"]), {"__module__": "radiomics.glszm"})
FIRST_ORDER = getFeatureClasses()["firstorder"]


@dataclass
class Told:
    """What a mask's features alone do not tell.

    voxels: how many voxels intensities and texture were computed on. placeholders: names of the
    features that have no value there but PyRadiomics' placeholder.
    """

    voxels: int = 0
    placeholders: list[str] = field(default_factory=list)


class Extractor(RadiomicsFeatureExtractor):
    """PyRadiomics' extractor, for a CT and a mask that are on their final grid.

    One that `on_final_grid` made serves one mask, of which `told` speaks.
    """

    told: Told

    @property
    def spacing_mm(self) -> list[float] | None:
        """Return the spacing (x, y, z) that the settings resample to, or None."""
        return self.settings["resampledPixelSpacing"] if self.settings["interpolator"] else None

    @property
    def needs_whole_volume(self) -> bool:
        """Tell whether voxels far from the mask count, or it is no B-spline that resamples."""
        by_other = self.spacing_mm and self.settings["interpolator"] not in B_SPLINES
        return bool(self.settings["normalize"] or by_other)

    def on_final_grid(self) -> "Extractor":
        """Return the extractor of images that are resampled and normalised already."""
        made = self._with({**self.settings, "resampledPixelSpacing": None, "normalize": False})
        made.told = Told()
        return made

    def of_class(self, name: str) -> "Extractor":
        """Return the extractor of one class of features."""
        made = self._with(self.settings)
        made.enabledFeatures = {name: []}
        return made

    def _with(self, settings: dict) -> "Extractor":
        made = Extractor.__new__(Extractor)
        made.__dict__.update(self.__dict__, settings=settings)
        return made

    def computeShape(self, image, mask, boundingBox, **kwargs):  # noqa: N802
        """Compute the features of shape of a mask."""
        if "shape" not in self.enabledFeatures:
            return {}
        found = Shape(*cropToTumorMask(image, mask, boundingBox), **kwargs).execute()
        return {f"original_shape_{name}": value for name, value in found.items()}

    def computeFeatures(self, image, mask, imageTypeName, **kwargs):  # noqa: N802
        """Compute the features of intensity and texture of a mask in its own box."""
        inside = sitk.GetArrayViewFromImage(mask) == kwargs["label"]
        # In the order of their places, so that sums are PyRadiomics' to the last bit.
        voxels = sitk.GetArrayViewFromImage(image)[inside]
        first_order = FIRST_ORDER(*images(_row(voxels), None, image.GetSpacing()), **kwargs)
        found: dict = {}
        self.told.voxels = len(voxels)
        if "firstorder" in self.enabledFeatures:
            found |= self._computed(imageTypeName, "firstorder", first_order)
        textures = [name for name in TEXTURES if name in self.enabledFeatures]
        if textures:
            levels = np.zeros(inside.shape, np.int32)
            levels[inside] = first_order.discretizedImageArray.ravel()
            # Further neighbours than the next would meet across the gap between two parts.
            smaller = packed(levels, inside) if kwargs["distances"] == [1] else None
            grey, present = smaller or (levels, inside)
            pair = images(grey, present, image.GetSpacing())
            near = kwargs["distances"] == [1] and not kwargs["force2D"]
            matrices = Matrices(grey, kwargs.get("gldm_a", 0)) if near else None
            for name in textures:
                computing = _texture(name, pair, matrices, kwargs)
                found |= self._computed(imageTypeName, name, computing)
        return found

    def _computed(self, image_type: str, name: str, computing) -> dict:
        found = computing.execute()
        stood_in = dict.fromkeys(placeholders(name, computing))
        self.told.placeholders += _named(image_type, name, stood_in)
        return _named(image_type, name, found)


def _texture(name: str, pair: tuple, matrices: Matrices | None, kwargs: dict):
    """Make a texture class of PyRadiomics, over our matrices where there are any."""
    if not matrices:
        return BINNED[name](*pair, **kwargs)
    if name != "glszm":
        return over(BINNED[name](*pair, **kwargs), matrices)
    made = ZONES(*pair, **kwargs)
    made.matrices = matrices
    return made


def _row(voxels: np.ndarray) -> np.ndarray:
    return voxels.reshape(1, 1, -1)


def images(
    values: np.ndarray, inside: np.ndarray | None, spacing_mm: Iterable[float]
) -> tuple[sitk.Image, sitk.Image]:
    """Make images of values and a mask (z, y, x); without a mask, every voxel is inside.

    spacing_mm in (x, y, z). No feature depends on where the images lie.
    """
    # PyRadiomics' own type of a mask.
    mask = np.ones(values.shape, np.uint32) if inside is None else inside.astype(np.uint32)
    made = sitk.GetImageFromArray(values), sitk.GetImageFromArray(mask)
    for image in made:
        image.SetSpacing(tuple(spacing_mm))
    return made


def _named(image_type: str, feature_class: str, values: dict) -> dict:
    return {f"{image_type}_{feature_class}_{name}": value for name, value in values.items()}
