"""A CT resampled where a mask is, with the very numbers of ITK's filter over the whole volume.

PyRadiomics resamples a CT by cubic B-splines (ITK's ResampleImageFilter), for which ITK prefilters
the whole volume, and interpolates every voxel of the mask's box. Features only look at the mask's
voxels. Here the prefilter runs over the mask's box and a margin, and the spline is evaluated at
the mask's voxels alone.

The grid is PyRadiomics' own: it begins at the volume's origin and depends on the mask's absolute
voxel indices, so that it is computed on the whole volume and only data are cropped. The arithmetic
is ITK's, operation by operation (BSplineDecompositionImageFilter, BSplineInterpolateImageFunction,
ResampleImageFilter; Unser 1993, Thevenaz 2000): resampled whole numbers are cut off, so that a last
digit that differs in a flat region would change a HU. MARGIN is long enough for the recursion to
forget where it began, to the last bit.

Arrays are (z, y, x), or (lines, x) where a line runs along x; points and matrices are in ITK's
order (x, y, z).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import SimpleITK as sitk

POLE = np.sqrt(3.0) - 2.0
GAIN = (1.0 - POLE) * (1.0 - 1.0 / POLE)
# ITK's horizon of the first coefficient: where POLE to that power is below its tolerance of 1e-10.
HORIZON = int(np.ceil(np.log(1e-10) / np.log(abs(POLE))))
# POLE to the 28th is below a double's precision; the rest lets the last bits settle.
MARGIN = 48
SUPPORT = 4
# Voxels that are interpolated at once: their positions and weights stay in the cache.
CHUNK = 20_000
# Lines that are filtered at once.
LINES = 4_096

Box = tuple[slice, ...]


@dataclass(frozen=True)
class Geometry:
    """A grid in space: size (voxels), spacing (mm), origin (mm) and direction, all in (x, y, z)."""

    size: np.ndarray
    spacing: np.ndarray
    origin: np.ndarray
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image) -> "Geometry":
        """Take an image's grid."""
        return cls(
            np.array(image.GetSize()),
            np.array(image.GetSpacing()),
            np.array(image.GetOrigin()),
            image.GetDirection(),
        )

    @cached_property
    def _matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """Return ITK's own matrices: from indices to mm, and back."""
        point = sitk.Image([1, 1, 1], sitk.sitkUInt8)
        point.SetSpacing(self.spacing.tolist())
        point.SetDirection(self.direction)
        units = np.eye(3)
        to_mm = [point.TransformContinuousIndexToPhysicalPoint(unit.tolist()) for unit in units]
        to_index = [point.TransformPhysicalPointToContinuousIndex(unit.tolist()) for unit in units]
        return np.transpose(to_mm), np.transpose(to_index)

    def points(self, indices: np.ndarray) -> np.ndarray:
        """Return the points (mm) of voxel indices (n, 3)."""
        to_mm, _ = self._matrices
        found = self.origin + to_mm[:, 0] * indices[:, :1]
        found += to_mm[:, 1] * indices[:, 1:2]
        return found + to_mm[:, 2] * indices[:, 2:]

    def continuous_indices(self, points: np.ndarray) -> np.ndarray:
        """Return the continuous indices of points (mm; n, 3)."""
        _, to_index = self._matrices
        from_origin = points - self.origin
        found = to_index[:, 0] * from_origin[:, :1]
        found += to_index[:, 1] * from_origin[:, 1:2]
        return found + to_index[:, 2] * from_origin[:, 2:]


def resampled_grid(
    volume: sitk.Image,
    box: Box,
    spacing_mm: Sequence[float],
    padding: int,
    keep_one_slice: bool = True,
) -> Geometry | None:
    """Return PyRadiomics' grid of a mask in a volume; None where the volume's own spacing is kept.

    `box` is the mask's in the volume, `spacing_mm` the new spacing (x, y, z; 0 keeps the volume's);
    `padding` voxels of the new grid surround the mask. The definition is that of
    radiomics.imageoperations.resampleImage, which keeps the volume's spacing along an axis in which
    the mask spans one slice; without `keep_one_slice` such an axis is resampled too.
    """
    size, own = np.array(volume.GetSize()), np.array(volume.GetSpacing())
    first = np.array([edge.start for edge in reversed(box)])
    slices = np.array([edge.stop - edge.start for edge in reversed(box)])
    new = np.where(np.equal(spacing_mm, 0) | (keep_one_slice & (slices == 1)), own, spacing_mm)
    if np.allclose(own, new):
        return None
    ratio = own / new
    lower = np.maximum(np.floor((first - 0.5) * ratio - padding), 0)
    upper = np.ceil((first + slices - 0.5) * ratio + padding)
    upper = np.minimum(upper, np.ceil(size * ratio) - 1)
    corner = 0.5 * (new - own) / own + lower / ratio
    origin = volume.TransformContinuousIndexToPhysicalPoint(corner.tolist())
    return Geometry((upper - lower + 1).astype(int), new, np.array(origin), volume.GetDirection())


class SplineVolume:
    """A CT's cubic B-spline, prefiltered where it is asked for."""

    def __init__(self, ct: sitk.Image):
        """Take a CT (HU) of one number a voxel."""
        self.ct = ct
        self.geometry = Geometry.of(ct)
        # A view is enough while the image lives, which this object sees to.
        self.hu = sitk.GetArrayViewFromImage(ct)
        self.kind = self.hu.dtype
        self._first = np.zeros(3, int)
        self._coefficients = np.zeros((0, 0, 0))

    def prepare(self, box: Box) -> None:
        """Prefilter a box of the CT and what interpolation inside of it reaches."""
        # Half a voxel beyond the box's edge voxels, and two voxels of support.
        reach = [slice(max(e.start - 3, 0), min(e.stop + 3, n)) for e, n in self._edges(box)]
        first = np.array([edge.start for edge in reach])
        end = np.array([edge.stop for edge in reach])
        if (first >= self._first).all() and (end <= self._first + self._coefficients.shape).all():
            return
        self._first, self._coefficients = first, spline_coefficients(self.hu, tuple(reach))

    def _edges(self, box: Box) -> list[tuple[slice, int]]:
        return list(zip(box, self.hu.shape, strict=True))

    def at(self, positions: np.ndarray, to_nearest: bool = False) -> np.ndarray:
        """Interpolate at continuous indices (3, n; x, y, z) in the prepared box, in HU.

        0 outside of the volume, and values of the CT's own type. Whole numbers are cut off, as ITK
        does, or rounded to the nearest, where a difference below 1e-6 decides nothing.
        """
        # ITK's rule of what is inside: up to half a voxel beyond the outermost centres.
        end = self.geometry.size[:, np.newaxis] - 0.5
        inside = ((positions >= -0.5) & (positions < end)).all(axis=0)
        found = np.zeros(positions.shape[1])
        places = np.flatnonzero(inside)
        for start in range(0, len(places), CHUNK):
            chunk = places[start : start + CHUNK]
            found[chunk] = self._evaluate(positions[:, chunk])
        if np.issubdtype(self.kind, np.integer):
            if to_nearest:
                found = np.rint(np.round(found, 6))
            limits = np.iinfo(self.kind)
            found = np.clip(found, limits.min, limits.max)
        return found.astype(self.kind)

    def _evaluate(self, positions: np.ndarray) -> np.ndarray:
        axes = []
        for axis, size in enumerate(self.geometry.size):
            x = positions[axis]
            # ITK takes the floor of a single-precision number.
            first = np.floor(x.astype(np.float32)).astype(np.int64) - 1
            weights = _weights(x - (first + 1))
            places = [_mirrored(first + step, size) - self._first[2 - axis] for step in range(4)]
            axes.append((weights, places))
        (along_x, columns), (along_y, rows), (along_z, slices) = axes
        values = self._coefficients.ravel()
        _, height, width = self._coefficients.shape
        found = np.zeros(positions.shape[1])
        for z, y in product(range(SUPPORT), repeat=2):
            line = (slices[z] * height + rows[y]) * width
            for x in range(SUPPORT):
                weight = along_x[x] * along_y[y] * along_z[z]
                found += weight * values[line + columns[x]]
        return found


def _weights(w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the four weights of a cubic B-spline at 0 to 1 behind its second point."""
    last = (1.0 / 6.0) * w * w * w
    first = (1.0 / 6.0) + 0.5 * w * (w - 1.0) - last
    third = w + first - 2.0 * last
    return first, 1.0 - first - third - last, third, last


def _mirrored(places: np.ndarray, size: int) -> np.ndarray:
    """Mirror indices at the outermost centres."""
    period = max(2 * (size - 1), 1)
    places = places % period
    return np.minimum(places, period - places) if size > 1 else places


def spline_coefficients(hu: np.ndarray, box: Box) -> np.ndarray:
    """Prefilter a volume (z, y, x) for cubic B-spline interpolation, and give a box of the result.

    Filtered along x, y and z in turn, as ITK does; each pass keeps the margin that the later ones
    need. Mirrored at the volume's ends.
    """
    wide = [
        slice(max(edge.start - MARGIN, 0), min(edge.stop + MARGIN, size))
        for edge, size in zip(box, hu.shape, strict=True)
    ]
    inner = [
        slice(edge.start - margin.start, edge.stop - margin.start)
        for edge, margin in zip(box, wide, strict=True)
    ]
    values = hu[tuple(wide)]
    depth, height, width = (edge.stop - edge.start for edge in wide)
    along_z = np.empty((depth, *(edge.stop - edge.start for edge in box[1:])))
    # Some slices at a time: both passes inside of a slice then stay in the cache.
    slab = max(1, LINES // max(height, width))
    for start in range(0, depth, slab):
        some = slice(start, start + slab)
        along_x = _filtered(values[some].transpose(2, 0, 1), inner[2])
        along_z[some] = _filtered(along_x.transpose(2, 1, 0), inner[1]).transpose(1, 0, 2)
    _filter(along_z)
    return np.ascontiguousarray(along_z[inner[0]])


def _filtered(lines: np.ndarray, inner: slice) -> np.ndarray:
    """Filter a copy along its first axis, and give a part of that axis."""
    copied = np.ascontiguousarray(lines, dtype=np.float64)
    _filter(copied)
    return copied[inner]


def _filter(lines: np.ndarray) -> None:
    """Filter along the first axis in place: a causal and an anticausal recursion."""
    if len(lines) == 1:
        return
    lines *= GAIN
    lines[0] = _first_coefficient(lines)
    step = np.empty_like(lines[0])
    for n in range(1, len(lines)):
        np.multiply(lines[n - 1], POLE, out=step)
        lines[n] += step
    lines[-1] = (POLE / (POLE * POLE - 1.0)) * (POLE * lines[-2] + lines[-1])
    for n in range(len(lines) - 2, -1, -1):
        np.subtract(lines[n + 1], lines[n], out=step)
        np.multiply(step, POLE, out=lines[n])


def _first_coefficient(lines: np.ndarray) -> np.ndarray:
    """Sum the mirrored signal before the first point, as far as ITK does."""
    size = len(lines)
    power = POLE
    if size > HORIZON:
        total = lines[0].copy()
        for n in range(1, HORIZON):
            total += power * lines[n]
            power *= POLE
        return total
    inverse = 1.0 / POLE
    mirrored = POLE ** (size - 1)
    total = lines[0] + mirrored * lines[-1]
    mirrored *= mirrored * inverse
    for n in range(1, size - 1):
        total += (power + mirrored) * lines[n]
        power *= POLE
        mirrored *= inverse
    return total / (1.0 - power * power)


@dataclass(frozen=True)
class ScanLines:
    """Where the lines along x of a new grid run in a volume: continuous indices (lines, 3).

    ITK maps both ends of a line, the far one a voxel beyond the last, and goes evenly between them.
    Lines are ordered as the new grid's (z, y).
    """

    first: np.ndarray
    end: np.ndarray
    length: int

    @classmethod
    def of(cls, grid: Geometry, volume: Geometry) -> "ScanLines":
        """Map a new grid's lines into a volume."""
        length, rows, slices = grid.size
        z, y = (axis.ravel() for axis in np.indices((slices, rows)))
        first, end = (
            volume.continuous_indices(grid.points(np.column_stack([np.full_like(y, x), y, z])))
            for x in (0, length)
        )
        return cls(first, end, int(length))

    def positions(self, lines: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return the continuous indices (3, n) of voxels: their lines, and their places on them."""
        along = places / self.length
        found = np.empty((3, len(lines)))
        for axis, (first, end) in enumerate(zip(self.first.T, self.end.T, strict=True)):
            found[axis] = first[lines]
            if (first != end).any():
                found[axis] += along * (end - first)[lines]
        return found

    def whole(self, lines: slice) -> list[np.ndarray]:
        """Return the continuous indices of whole lines, for x, y and z: (lines, length).

        Of one line where all lines are alike, of one place where a line does not move.
        """
        along = np.arange(self.length) / self.length
        found = []
        for first, end in zip(self.first[lines].T, self.end[lines].T, strict=True):
            if (first == end).all():
                found.append(first[:, np.newaxis])
                continue
            if np.ptp(first) == 0 and np.ptp(end) == 0:
                first, end = first[:1], end[:1]
            found.append(first[:, np.newaxis] + along * (end - first)[:, np.newaxis])
        return found


def nearest_mask(mask: np.ndarray, corner: np.ndarray, lines: ScanLines) -> np.ndarray:
    """Resample a mask by its nearest voxels: bool, (lines, length).

    `mask` (z, y, x) is a box of the volume whose first voxel is `corner` (z, y, x); outside of the
    box is outside of the mask.
    """
    found = np.empty((len(lines.first), lines.length), bool)
    # One step outside of the box is enough to be outside.
    padded = np.pad(mask, 1)
    # Slabs of lines, so that positions stay in the cache.
    slab = max(1, CHUNK // lines.length)
    for start in range(0, len(found), slab):
        some = slice(start, start + slab)
        x, y, z = (
            np.clip(np.floor(position + 0.5).astype(np.int64) - first + 1, 0, size - 1)
            for position, first, size in zip(
                lines.whole(some), reversed(corner), reversed(padded.shape), strict=True
            )
        )
        found[some] = padded[z, y, x]
    return found


def resample(
    volume: SplineVolume, mask: np.ndarray, box: Box, grid: Geometry
) -> tuple[np.ndarray, np.ndarray]:
    """Resample the CT at a mask's voxels, and the mask: HU and bool, (z, y, x) of the whole grid.

    `mask` (z, y, x) is the part of the mask in `box`, which is the smallest that holds it. The CT
    is 0 outside of the resampled mask.
    """
    corner = np.array([edge.start for edge in box])
    lines = ScanLines.of(grid, volume.geometry)
    inside = nearest_mask(mask, corner, lines)
    line, place = np.nonzero(inside)
    volume.prepare(box)
    hu = np.zeros(inside.shape, volume.kind)
    hu[line, place] = volume.at(lines.positions(line, place))
    shape = grid.size[::-1]
    return hu.reshape(shape), inside.reshape(shape)
