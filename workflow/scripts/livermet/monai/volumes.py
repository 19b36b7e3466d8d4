"""A CT on a network's grid, and a network's answer back on the CT's own grid.

A network's grid is canonical (RAS+), has the settings' spacing and covers the CT's whole extent,
centred on it. Arrays are in (z, y, x) order.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from livermet.errors import InputError
from livermet.images import (
    LESION,
    array_of,
    grid_difference,
    on_grid_of,
    probability_bytes,
    read_image,
)

LOWEST_HU = -1024


def network_grid(ct: sitk.Image, spacing_mm: Sequence[float]) -> sitk.Image:
    """Make the empty image of a network's grid for a CT of any orientation.

    `spacing_mm` is in (x, y, z) order of the canonical volume. An oblique CT stays oblique: its
    axes are only exchanged and flipped.
    """
    oriented = sitk.DICOMOrient(ct, "RAS")
    extent = np.multiply(oriented.GetSize(), oriented.GetSpacing())
    # A thousandth of a voxel is rounding, not extent.
    size = [max(1, math.ceil(length - 1e-3)) for length in extent / np.asarray(spacing_mm)]
    direction = np.reshape(oriented.GetDirection(), (3, 3))
    centre = oriented.TransformContinuousIndexToPhysicalPoint(
        [(n - 1) / 2 for n in oriented.GetSize()]
    )
    half = np.multiply(np.subtract(size, 1) / 2, spacing_mm)
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing([float(step) for step in spacing_mm])
    grid.SetDirection(oriented.GetDirection())
    grid.SetOrigin([float(value) for value in centre - direction @ half])
    return grid


def resample(image: sitk.Image, grid: sitk.Image, interpolator: int) -> sitk.Image:
    """Resample an image to another grid; voxels beyond its outermost centres take the nearest."""
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(grid)
    resampler.SetInterpolator(interpolator)
    resampler.SetUseNearestNeighborExtrapolator(True)
    resampler.SetOutputPixelType(image.GetPixelID())
    return resampler.Execute(image)


def ct_on_network_grid(ct: sitk.Image, grid: sitk.Image) -> np.ndarray:
    """Return a CT's HU on a network's grid (linear interpolation), int16, (z, y, x)."""
    resampled = resample(ct, grid, sitk.sitkLinear)
    return array_of(resampled).astype(np.int16)


def read_case(
    ct_path: str | Path, reference_path: str | Path, spacing_mm: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Read a CT and its reference on a network's grid: HU (int16) and labels (uint8), (z, y, x).

    Raises InputError where the two files' grids differ.
    """
    ct, reference = read_image(ct_path), read_image(reference_path)
    if difference := grid_difference(ct, reference):
        raise InputError(
            f"The grids of {ct_path} and {reference_path} differ: {difference}; "
            "give a reference that was drawn on this CT."
        )
    grid = network_grid(ct, spacing_mm)
    labels = resample(reference, grid, sitk.sitkNearestNeighbor)
    return ct_on_network_grid(ct, grid), array_of(labels).astype(np.uint8)


def labels_on_ct_grid(probabilities: np.ndarray, grid: sitk.Image, ct: sitk.Image) -> sitk.Image:
    """Return the most probable class of every CT voxel, as a uint8 image on the CT's grid.

    `probabilities` (class, z, y, x) lie on a network's grid. Each class is interpolated linearly
    and compared with the best so far, so that the CT's grid holds one class at a time.
    """
    best = labels = None
    for label, probability in enumerate(probabilities):
        on_ct = _on_ct_grid(probability, grid, ct)
        if best is None:
            best, labels = on_ct.copy(), np.zeros(on_ct.shape, np.uint8)
        else:
            labels[on_ct > best] = label  # type: ignore[index]
            np.maximum(best, on_ct, out=best)
    return on_grid_of(labels, ct)  # type: ignore[arg-type]


def lesion_probability_on_ct_grid(
    probabilities: np.ndarray, grid: sitk.Image, ct: sitk.Image
) -> sitk.Image:
    """Return every CT voxel's lesion probability times 255, as a uint8 image on the CT's grid.

    `probabilities` (class, z, y, x) lie on a network's grid; interpolated linearly.
    """
    return on_grid_of(probability_bytes(_on_ct_grid(probabilities[LESION], grid, ct)), ct)


def _on_ct_grid(probability: np.ndarray, grid: sitk.Image, ct: sitk.Image) -> np.ndarray:
    image = on_grid_of(np.ascontiguousarray(probability, dtype=np.float32), grid)
    return array_of(resample(image, ct, sitk.sitkLinear))
