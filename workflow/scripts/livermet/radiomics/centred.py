"""A CT and a mask resampled as IBSI asks: what comes out does not depend on how a file was turned.

PyRadiomics' grid begins at the volume's first corner, so that the same volume stored from another
corner has other new voxels. Three things make the difference (IBSI reference manual,
arXiv:1612.07003, 2.4):

- The centres of both grids coincide, and the new one is as large as the extent asks, rounded up.
- A voxel is inside the mask where at least half of it is, by trilinear interpolation. The nearest
  voxel would be a matter of order where two are equally near.
- CT numbers are rounded to the nearest, so that the last digit of a sum does not decide on a HU.

Arrays are (z, y, x).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np

from livermet.radiomics.resampling import Box, SplineVolume

# Half a voxel inside, but for the rounding of a sum.
HALF = 0.5 - 1e-9


@dataclass(frozen=True)
class Line:
    """The new voxels along one axis near a mask: their places in old voxels, and their spacing."""

    places: np.ndarray
    spacing_mm: float


def centred_lines(
    volume: SplineVolume, box: Box, spacing_mm: Sequence[float], keep_one_slice: bool
) -> list[Line] | None:
    """Lay a grid whose centre is the volume's over a mask's box: a line an axis, (z, y, x).

    spacing_mm is (x, y, z), 0 keeps the volume's; `keep_one_slice` keeps it where the box has one
    slice. None where the volume's own voxels stay.
    """
    own = volume.geometry.spacing[::-1]
    asked = np.array(spacing_mm[::-1], dtype=float)
    slices = np.array([edge.stop - edge.start for edge in box])
    kept = (asked == 0) | (keep_one_slice & (slices == 1))
    new = np.where(kept, own, asked)
    if np.allclose(own, new):
        return None
    sizes = volume.geometry.size[::-1]
    return [
        Line(_places(int(size), edge, step / length), float(step))
        for size, edge, length, step in zip(sizes, box, own, new, strict=True)
    ]


def _places(size: int, edge: slice, ratio: float) -> np.ndarray:
    # An extent of a whole number of new voxels must not gain one by rounding.
    count = ceil(size / ratio - 1e-9)
    middle, centre = (size - 1) / 2, (count - 1) / 2
    first = max(floor((edge.start - 1 - middle) / ratio + centre), 0)
    last = min(ceil((edge.stop - middle) / ratio + centre), count - 1)
    return middle + (np.arange(first, last + 1) - centre) * ratio


def resample_centred(
    volume: SplineVolume, mask: np.ndarray, box: Box, lines: Sequence[Line]
) -> tuple[np.ndarray, np.ndarray]:
    """Resample the CT at a mask's voxels, and the mask: HU and bool on the grid of the lines.

    `mask` is the part of the mask in `box`. The CT is 0 outside of the resampled mask; whole HU of
    a CT of whole numbers.
    """
    inside = _share_inside(volume, mask, box, lines) >= HALF
    z, y, x = np.nonzero(inside)
    volume.prepare(box)
    positions = np.stack([lines[2].places[x], lines[1].places[y], lines[0].places[z]])
    hu = np.zeros(inside.shape, volume.kind)
    hu[z, y, x] = volume.at(positions, to_nearest=True)
    return hu, inside


def _share_inside(
    volume: SplineVolume, mask: np.ndarray, box: Box, lines: Sequence[Line]
) -> np.ndarray:
    """Interpolate a mask linearly along each axis; the volume's edge voxels go on beyond it."""
    share = mask.astype(float)
    sizes = volume.geometry.size[::-1]
    for axis, (line, edge, size) in enumerate(zip(lines, box, sizes, strict=True)):
        places = np.clip(line.places, 0, size - 1)
        away = np.abs(places[:, np.newaxis] - np.arange(edge.start, edge.stop))
        weights = np.maximum(1 - away, 0)
        share = np.moveaxis(np.tensordot(weights, share, (1, axis)), 0, axis)
    return share
