"""IBSI's preprocessing where it differs from PyRadiomics': grid, mask, rounding, re-segmentation.

Sections of the IBSI reference manual (arXiv:1612.07003): 2.4 interpolation, 2.5 re-segmentation.
"""

import numpy as np
import SimpleITK as sitk

from livermet.images import array_of, on_grid_of
from livermet.radiomics.ibsi.configurations import OUTLIER_SIGMA, Configuration


def resampling_grid(image: sitk.Image, spacing_mm: tuple, centred: bool) -> sitk.Image:
    """Lay a grid of another spacing (mm; 0 keeps an axis) over an image; its voxels are 0.

    centred: the centres of both grids coincide, as IBSI asks; otherwise their first corners do, as
    in PyRadiomics. Size: the image's extent over the spacing, rounded up.
    """
    size, spacing = np.array(image.GetSize()), np.array(image.GetSpacing())
    ratio = np.where(np.array(spacing_mm) == 0, spacing, spacing_mm) / spacing
    new_size = np.ceil(size / ratio).astype(int)
    first = (size - 1 - (new_size - 1) * ratio) / 2 if centred else (ratio - 1) / 2
    grid = sitk.Image(new_size.tolist(), sitk.sitkUInt8)
    grid.SetSpacing((spacing * ratio).tolist())
    grid.SetDirection(image.GetDirection())
    grid.SetOrigin(image.TransformContinuousIndexToPhysicalPoint(first.tolist()))
    return grid


def resampled_mask(mask: sitk.Image, grid: sitk.Image, partial_volume: bool) -> sitk.Image:
    """Bring a mask (1 inside) to a grid.

    partial_volume: voxels of which at least half lies inside by trilinear interpolation, as IBSI
    asks; otherwise the nearest voxel's label, as in PyRadiomics.
    """
    identity = sitk.Transform()
    if not partial_volume:
        return sitk.Resample(mask, grid, identity, sitk.sitkNearestNeighbor)
    inside = sitk.Resample(
        sitk.Cast(mask, sitk.sitkFloat64), grid, identity, sitk.sitkLinear, 0.0, sitk.sitkFloat64
    )
    return sitk.Cast(inside >= 0.5, sitk.sitkUInt8)


def resampled_ct(
    ct: sitk.Image, grid: sitk.Image, interpolator: str, to_nearest: bool
) -> sitk.Image:
    """Bring a CT (int16 HU) to a grid in whole HU.

    to_nearest: rounded to the nearest, as IBSI asks; otherwise truncated towards zero, which is
    what SimpleITK, and so PyRadiomics, makes of a CT of integers.
    """
    exact = sitk.Resample(
        sitk.Cast(ct, sitk.sitkFloat64),
        grid,
        sitk.Transform(),
        getattr(sitk, interpolator),
        0.0,
        sitk.sitkFloat64,
    )
    values = array_of(exact)
    whole = np.rint(values) if to_nearest else np.trunc(values)
    return on_grid_of(whole.astype(np.int16), exact)


def intensity_limits(
    ct: sitk.Image, mask: sitk.Image, configuration: Configuration
) -> tuple[float, float] | None:
    """Return the closed range of HU that re-segmentation keeps, None where it keeps everything.

    Mean and standard deviation of the outlier filter are those of the whole mask.
    """
    limits = configuration.range_hu
    if configuration.outliers:
        values = array_of(ct)[array_of(mask) == 1].astype(float)
        distance = OUTLIER_SIGMA * values.std()
        lower, upper = limits or (-np.inf, np.inf)
        limits = max(lower, values.mean() - distance), min(upper, values.mean() + distance)
    return limits
