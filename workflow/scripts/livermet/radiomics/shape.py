"""PyRadiomics' shape class, with its mesh measured in time that grows with the surface alone.

PyRadiomics compares every pair of its mesh's vertices for four diameters. Only vertices of the
convex hull can be the farthest apart, and only lines' ends can be on the hull. Area and volume are
sums over the mesh's cells of two by two by two voxels, whose 256 kinds are measured once, by
PyRadiomics itself: of its mesh nothing is repeated here.

Arrays are (z, y, x). A vertex lies halfway between a voxel inside and a neighbour outside.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product

import numpy as np
from radiomics import cShape
from radiomics.shape import RadiomicsShape
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

# Up to here PyRadiomics' comparison of all pairs is quicker; a ball of 18 mm at 1 mm.
FEW_VERTICES = 4_000
FEW_POINTS = 200
CORNERS = tuple(product((0, 1), repeat=3))


class Shape(RadiomicsShape):
    """PyRadiomics' features of shape over the measures of this module."""

    maskArray: np.ndarray  # noqa: N815

    def _initSegmentBasedCalculation(self):  # noqa: N802
        # PyRadiomics' own start, with `mesh_measures` in the place of its C function.
        self.pixelSpacing = np.array(self.inputImage.GetSpacing()[::-1])
        super(RadiomicsShape, self)._initSegmentBasedCalculation()
        self.maskArray = np.pad(self.maskArray, 1)
        self.labelledVoxelCoordinates = np.nonzero(self.maskArray)
        self.SurfaceArea, self.Volume, self.diameters = mesh_measures(
            self.maskArray, self.pixelSpacing
        )
        self.eigenValues = _principal_variances(self.labelledVoxelCoordinates, self.pixelSpacing)


def mesh_measures(
    mask: np.ndarray, spacing_mm: Sequence[float] | np.ndarray
) -> tuple[float, float, tuple[float, ...]]:
    """Measure the mesh of a mask: area (mm2), volume (mm3) and largest diameters (mm).

    `mask` is bool with a margin of one voxel outside; `spacing_mm` in its order. The diameters are
    those within planes of constant z, y and x (PyRadiomics' Slice, Column and Row), and in space.
    """
    edges = sum(
        np.count_nonzero(np.diff(mask.view(np.uint8), axis=axis)) for axis in range(mask.ndim)
    )
    if edges <= FEW_VERTICES:
        return cShape.calculate_coefficients(mask, np.asarray(spacing_mm))
    spacing = tuple(float(mm) for mm in spacing_mm)
    return (*area_and_volume(mask, spacing), diameters(mask, spacing))


def _principal_variances(voxels: Sequence[np.ndarray], spacing_mm: np.ndarray) -> np.ndarray:
    """Return the variances (mm2) along the principal axes, the smallest first, as PyRadiomics."""
    places = np.array(voxels).T * spacing_mm
    places -= places.mean(axis=0)
    places /= np.sqrt(len(places))
    found = np.linalg.eigvals(np.dot(places.T.copy(), places))
    # Of a flat mask one is 0 but for rounding.
    found[(found < 0) & (found > -1e-10)] = 0
    return np.sort(found)


def area_and_volume(mask: np.ndarray, spacing_mm: tuple[float, ...]) -> tuple[float, float]:
    """Sum the area (mm2) and the volume (mm3) of the mesh over its cells."""
    area, volume, growth = _cells(spacing_mm)
    codes = _codes(mask)
    places = np.flatnonzero((codes != 0) & (codes != 255))
    kinds = codes.ravel()[places]
    # The part of the volume below a cell's triangles grows with the cell's place.
    at = np.column_stack(np.unravel_index(places, codes.shape))
    total = volume[kinds].sum() + (at * growth[kinds]).sum()
    return float(area[kinds].sum()), float(total)


def _codes(mask: np.ndarray) -> np.ndarray:
    """Number each cell of two by two by two voxels by which of them are inside."""
    codes = np.zeros(np.subtract(mask.shape, 1), np.uint8)
    for bit, place in enumerate(CORNERS):
        z, y, x = (slice(s, n - 1 + s) for s, n in zip(place, mask.shape, strict=True))
        codes |= mask[z, y, x].view(np.uint8) << np.uint8(bit)
    return codes


@cache
def _cells(spacing_mm: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure the 256 kinds of cells: area, volume at the origin, its growth by a voxel's step."""
    voxels = np.arange(256)[:, np.newaxis] >> np.arange(8) & 1
    cells = voxels.reshape(-1, 2, 2, 2).astype(bool)
    spacing = np.array(spacing_mm)
    area, volume = np.transpose(
        [cShape.calculate_coefficients(cell, spacing)[:2] for cell in cells]
    )
    growth = np.zeros((256, 3))
    for kind, cell in enumerate(cells):
        for axis in range(3):
            # One layer outside before the cell: it makes another cell, whose volume is known.
            moved = np.concatenate([np.zeros_like(cell.take([0], axis)), cell], axis)
            before = int(_codes(moved.take([0, 1], axis))[0, 0, 0])
            both = cShape.calculate_coefficients(np.ascontiguousarray(moved), spacing)[1]
            growth[kind, axis] = both - volume[before] - volume[kind]
    return area, volume, growth


def diameters(mask: np.ndarray, spacing_mm: tuple[float, ...]) -> tuple[float, ...]:
    """Return the largest distances (mm) of vertices in planes of constant z, y, x, and in space."""
    ends = [_ends(mask, axis) for axis in range(3)]
    everywhere = np.concatenate(ends) * (np.array(spacing_mm) / 2)
    return (
        *(_in_planes(mask, ends, axis, spacing_mm) for axis in range(3)),
        farthest(everywhere, 0.0),
    )


def _ends(mask: np.ndarray, axis: int) -> np.ndarray:
    """Return the outermost vertices of each line along an axis, in half voxels (n, 3)."""
    lines = np.ascontiguousarray(np.moveaxis(mask, axis, -1))
    others = [other for other in range(mask.ndim) if other != axis]
    first = lines.argmax(axis=-1)
    last = lines.shape[-1] - 1 - lines[..., ::-1].argmax(axis=-1)
    hit = np.nonzero(lines.any(axis=-1))
    found = np.empty((2, len(hit[0]), mask.ndim), np.int64)
    for other, places in zip(others, hit, strict=True):
        found[:, :, other] = 2 * places
    found[0, :, axis], found[1, :, axis] = 2 * first[hit] - 1, 2 * last[hit] + 1
    return found.reshape(-1, mask.ndim)


def _in_planes(
    mask: np.ndarray, ends: list[np.ndarray], axis: int, spacing_mm: tuple[float, ...]
) -> float:
    """Return the largest distance (mm) of two vertices in one plane across an axis."""
    inside = [other for other in range(3) if other != axis]
    half = np.array(spacing_mm)[inside] / 2
    points = np.concatenate([ends[other] for other in inside])
    order = np.argsort(points[:, axis], kind="stable")
    points = points[order]
    planes, starts = np.unique(points[:, axis], return_index=True)
    slices = np.split(points[:, inside] * half, starts[1:])
    boxes = np.array([[some.min(axis=0), some.max(axis=0)] for some in slices])
    best = 0.0
    for plane in _longest_first(boxes):
        best = farthest(slices[plane], best)
    # Between two slices lie the vertices of voxels that one of them has and the other has not.
    pairs = np.flatnonzero(np.diff(planes) == 2)
    both = np.stack([boxes[pairs], boxes[pairs + 1]])
    between = np.stack([both[:, :, 0].min(axis=0), both[:, :, 1].max(axis=0)], axis=1)
    for pair in _longest_first(between):
        if _diagonals(between[[pair]])[0] <= best:
            break
        place = planes[pairs[pair]] // 2
        differs = mask.take(place, axis) != mask.take(place + 1, axis)
        vertices = np.concatenate([_line_ends(differs, along) for along in (0, 1)])
        best = farthest(vertices * (2 * half), best)
    return best


def _line_ends(plane: np.ndarray, axis: int) -> np.ndarray:
    """Return the first and the last marked pixel of each line of a plane (n, 2)."""
    lines = np.moveaxis(plane, axis, -1)
    hit = np.flatnonzero(lines.any(axis=-1))
    last = lines.shape[-1] - 1 - lines[hit, ::-1].argmax(axis=-1)
    places = np.concatenate([lines[hit].argmax(axis=-1), last])
    columns = [np.tile(hit, 2), places]
    return np.column_stack(columns if axis == 1 else columns[::-1])


def _diagonals(boxes: np.ndarray) -> np.ndarray:
    return np.linalg.norm(boxes[:, 1] - boxes[:, 0], axis=1)


def _longest_first(boxes: np.ndarray) -> Iterator[int]:
    return iter(np.argsort(-_diagonals(boxes), kind="stable").tolist())


def farthest(points: np.ndarray, least: float) -> float:
    """Return the largest distance of two points (n, 2 or 3), or `least` where none is larger."""
    for _ in range(2):
        if len(points) < 2:
            return least
        # What lies nearer than the best so far to the farthest corner has no partner; a rounding's
        # width is left, so that a distance is never cut by its last digit.
        low, high = points.min(axis=0), points.max(axis=0)
        reach = (np.maximum(points - low, high - points) ** 2).sum(axis=1)
        hopeful = reach > least**2 * (1 - 1e-12)
        points, reach = points[hopeful], reach[hopeful]
        if not len(points):
            return least
        start = points[reach.argmax()]
        for _ in range(3):
            distance = np.sqrt(((points - start) ** 2).sum(axis=1))
            start = points[distance.argmax()]
            least = max(least, float(distance.max()))
    if len(points) > FEW_POINTS:
        points = _on_hull(points)
    return float(pdist(points).max(initial=least))


def _on_hull(points: np.ndarray) -> np.ndarray:
    """Keep the points on the convex hull; all of them where they lie on one line or plane."""
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:
        return points
