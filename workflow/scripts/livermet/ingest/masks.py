"""Masks that are no volume: planes and contours with a place of their own, laid on a CT's slices.

DICOM SEG, folders of DICOM masks, RTSTRUCT and 3D Slicer's segmentations come as segments. Each
plane or contour is laid on the slice at its own position; nothing is interpolated. Points are in
RAS+ mm; a plane's values are in (column, row) order.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from skimage.draw import polygon

from livermet.errors import InputError

# What headers that round their numbers move a voxel by, within its plane.
IN_PLANE_MM = 0.1
# A slice counts as evenly placed while it lies off by less than a twentieth of the spacing; a
# mask's plane may be as far from the place that the CT gives the slice, and rounded on top of it.
ACROSS_SHARE = 0.1
# A contour of which more lies within another one is a hole in it; drawn by hand, it may touch.
HOLE_SHARE = 0.9
ACROSS_MM = 0.1


@dataclass(frozen=True)
class Frame:
    """One plane of a segment: where it is (column, row), its steps (3 x 2) and its first voxel."""

    inside: np.ndarray
    steps: np.ndarray
    origin: np.ndarray


@dataclass(frozen=True)
class Segment:
    """A structure: its number and name in its file, and its planes or closed contours (n x 3)."""

    number: int
    name: str
    frames: tuple[Frame, ...] = ()
    contours: tuple[np.ndarray, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        return not self.contours and not any(frame.inside.any() for frame in self.frames)


@dataclass(frozen=True)
class Segments:
    """The structures that a file, or a folder of files, holds; they may overlap.

    planes: all slices that they were drawn on, where the files tell.
    """

    segments: tuple[Segment, ...]
    warnings: tuple[str, ...] = ()
    planes: "Planes | None" = None


@dataclass(frozen=True)
class Planes:
    """Parallel slices: steps to the next column and row (3 x 2), the first voxel of each (n x 3).

    They need not lie above each other (gantry tilt) nor evenly.
    """

    steps: np.ndarray
    origins: np.ndarray
    columns: int
    rows: int

    @property
    def normal(self) -> np.ndarray:
        """The direction of length 1 across the slices."""
        normal = np.cross(self.steps[:, 0], self.steps[:, 1])
        return normal / np.linalg.norm(normal)

    @property
    def depths(self) -> np.ndarray:
        """The place of each slice along the normal, mm."""
        return self.origins @ self.normal

    @property
    def across_mm(self) -> float:
        """How far a mask's plane may lie from a slice along the normal, mm."""
        gaps = np.abs(np.diff(np.sort(self.depths)))
        spacing = float(np.median(gaps)) if len(gaps) else 0.0
        return max(ACROSS_MM, ACROSS_SHARE * spacing)

    def record(self) -> dict[str, Any]:
        """Return what `from_record` reads: lists of numbers for a JSON file."""
        return {
            "steps": self.steps.tolist(),
            "origins": self.origins.tolist(),
            "columns": self.columns,
            "rows": self.rows,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any] | None) -> "Planes | None":
        """Read the record of the slices that a CT was resampled from; None where it was not."""
        if not record:
            return None
        return cls(
            np.array(record["steps"], dtype=float),
            np.array(record["origins"], dtype=float),
            int(record["columns"]),
            int(record["rows"]),
        )


def numbered(items: Iterable[tuple[int, str]], what: str) -> dict[int, str]:
    """Return the names of segments by their numbers; raise InputError for a number of two."""
    names: dict[int, str] = {}
    for number, name in items:
        if number in names:
            raise InputError(
                f"{what} gives several segments the number {number}, so that nobody can tell which "
                "of them its mask is; export it again."
            )
        names[number] = name
    return names


def frames_of(inside: np.ndarray, affine: np.ndarray, axis: int = 2) -> Iterator[Frame]:
    """Cut a mask (x, y, z) into planes across an axis, without those that hold nothing."""
    first, second = (a for a in range(3) if a != axis)
    for k in np.flatnonzero(inside.any(axis=(first, second))):
        origin = affine[:3, 3] + affine[:3, axis] * k
        yield cropped(Frame(inside.take(k, axis), affine[:3, [first, second]], origin))


def cropped(frame: Frame) -> Frame:
    """Cut a plane to the box of what is inside it, which keeps many planes small."""
    columns = np.flatnonzero(frame.inside.any(axis=1))
    rows = np.flatnonzero(frame.inside.any(axis=0))
    if not len(columns):
        return replace(frame, inside=frame.inside[:0, :0])
    box = frame.inside[columns[0] : columns[-1] + 1, rows[0] : rows[-1] + 1]
    return Frame(box.copy(), frame.steps, frame.origin + frame.steps @ [columns[0], rows[0]])


def planes_of(shape: Sequence[int], affine: np.ndarray, axis: int = 2) -> Planes:
    """Return the slices of a volume across one of its axes."""
    first, second = (a for a in range(3) if a != axis)
    origins = affine[:3, 3] + np.arange(shape[axis])[:, None] * affine[:3, axis]
    return Planes(affine[:3, [first, second]], origins, shape[first], shape[second])


def segment_on(
    segment: Segment,
    shape: Sequence[int],
    affine: np.ndarray,
    source: Planes | None,
    what: str,
    within_mm: float = np.inf,
) -> tuple[np.ndarray, list[str]]:
    """Lay a segment on a CT of a shape (x, y, z) and affine; give where it is, and warnings.

    `source` are the slices that the CT was resampled from, if it was: there the mask belongs, and
    it goes with them. Raises InputError for a plane or a contour that lies on no slice, and for
    voxels outside the CT.
    """
    if segment.is_empty:
        return np.zeros(shape, dtype=bool), []
    if source is not None:
        laid, told = _on_planes(segment, source, what)
        return carried(laid, source, shape, affine, within_mm), told
    normal = _normal_of(segment)
    axis = int(
        np.argmax(np.abs(normal @ (affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))))
    )
    laid, told = _on_planes(segment, planes_of(shape, affine, axis), what)
    return np.moveaxis(laid, 2, axis), told


def _normal_of(segment: Segment) -> np.ndarray:
    if segment.frames:
        steps = segment.frames[0].steps
        normal = np.cross(steps[:, 0], steps[:, 1])
        return normal / np.linalg.norm(normal)
    points = max(segment.contours, key=len)
    return np.linalg.svd(points - points.mean(axis=0))[2][2]


def _on_planes(segment: Segment, planes: Planes, what: str) -> tuple[np.ndarray, list[str]]:
    laid = np.zeros((planes.columns, planes.rows, len(planes.origins)), dtype=bool)
    told = []
    lost = sum(_lay_frame(frame, planes, laid, what) for frame in segment.frames)
    if segment.contours:
        beyond, missed = _draw_contours(segment.contours, planes, laid, what)
        lost += beyond
        if missed:
            told.append(
                "Contours that hold the centre of no voxel, so that nothing is left of them: "
                f"{missed}."
            )
    if lost:
        raise InputError(
            f"{what} reaches beyond its CT: {lost} voxels of it lie outside. It belongs to another "
            "series, or the CT was cut; name the series that it was drawn on."
        )
    used = np.flatnonzero(laid.any(axis=(0, 1)))
    holes = int(used[-1] - used[0] + 1 - len(used)) if len(used) else 0
    if holes and segment.contours:
        told.append(
            f"Its contours leave out {holes} slices between its first and last; these hold no mask."
        )
    return laid, told


def _slice_at(points: np.ndarray, planes: Planes, what: str) -> int:
    """Return the slice that points (n x 3) lie on; refuse points between slices or across them."""
    depths = points @ planes.normal
    off = np.abs(planes.depths - depths.mean())
    nearest = int(np.argmin(off))
    if np.ptp(depths) > 2 * planes.across_mm:
        raise InputError(
            f"{what} lies in planes that are not parallel to the slices of its CT, so that it "
            "would have to be resampled; export it on the series that the sheet names."
        )
    if off[nearest] > planes.across_mm:
        raise InputError(
            f"{what} has planes that lie on no slice of its CT (one is {off[nearest]:.2f} mm from "
            "the nearest); it was drawn on another series or another spacing: name the series that "
            "it was drawn on, or export it there. It is not resampled."
        )
    return nearest


def _lay_frame(frame: Frame, planes: Planes, laid: np.ndarray, what: str) -> int:
    """Lay a plane on its slice; return how many of its voxels lie beyond the slice."""
    if not frame.inside.any():
        return 0
    last = np.array(frame.inside.shape) - 1
    corners = np.array([[0, 0], [last[0], 0], [0, last[1]], last])
    points = frame.origin + corners @ frame.steps.T
    k = _slice_at(points, planes, what)
    to_index = np.linalg.pinv(planes.steps)
    turn = np.rint(to_index @ frame.steps)
    start = to_index @ (frame.origin - planes.origins[k])
    shift = np.rint(start)
    exact = start + corners @ (to_index @ frame.steps).T
    off = np.linalg.norm((exact - (shift + corners @ turn.T)) @ planes.steps.T, axis=1).max()
    if sorted(np.abs(turn).ravel()) != [0, 0, 1, 1] or off > IN_PLANE_MM:
        steps = " x ".join(f"{step:.4g}" for step in np.linalg.norm(frame.steps, axis=0))
        wanted = " x ".join(f"{step:.4g}" for step in np.linalg.norm(planes.steps, axis=0))
        raise InputError(
            f"{what} does not lie on the voxels of its CT: its planes have voxels of {steps} mm, "
            f"the CT's slices of {wanted} mm, and they are up to {off:.3g} mm apart. Name the "
            "series that it was drawn on, or export it there. It is not resampled."
        )
    places = (np.argwhere(frame.inside) @ turn.T + shift).astype(int)
    held = ((places >= 0) & (places < laid.shape[:2])).all(axis=1)
    laid[places[held, 0], places[held, 1], k] = True
    return int(np.count_nonzero(~held))


def _draw_contours(
    contours: Iterable[np.ndarray], planes: Planes, laid: np.ndarray, what: str
) -> tuple[int, int]:
    """Fill closed contours (n x 3 points), each on its slice; a contour within another is a hole.

    A voxel is inside if its centre is. Contours that overlap otherwise count together, and a
    contour that is given twice counts once. Return how many voxels lie beyond the slices, and how
    many contours hold no voxel.
    """
    to_index = np.linalg.pinv(planes.steps)
    drawn: dict[tuple[int, bytes], np.ndarray] = {}
    missed = 0
    for points in contours:
        k = _slice_at(points, planes, what)
        places = to_index @ (points - planes.origins[k]).T
        # scikit-image draws nothing at negative places, which would hide that they are outside.
        first = np.floor(places.min(axis=1, keepdims=True))
        inside = np.array(polygon(*(places - first))) + first.astype(int)
        missed += not inside.size
        drawn[k, inside.tobytes()] = inside
    lost = 0
    # The outer ones first, whatever their order in the file.
    for (k, _), inside in sorted(drawn.items(), key=lambda one: -one[1].shape[1]):
        held = ((inside >= 0) & (inside < np.array(laid.shape[:2])[:, None])).all(axis=0)
        lost += int(np.count_nonzero(~held))
        columns, rows = inside[:, held]
        is_hole = laid[columns, rows, k].mean() > HOLE_SHARE if len(columns) else False
        laid[columns, rows, k] = not is_hole
    return lost, missed


def carried(
    labels: np.ndarray,
    source: Planes,
    shape: Sequence[int],
    affine: np.ndarray,
    within_mm: float = np.inf,
) -> np.ndarray:
    """Take labels (column, row, slice) on the slices that a CT was resampled from to that CT.

    Each slice of the CT (x, y, z) takes the nearest source slice, and there the nearest voxel,
    since labels cannot be averaged as the CT was. A slice of the CT without a source slice within
    some mm stays empty.
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    axis = int(np.argmax(np.abs(source.normal @ axes)))
    to = planes_of(shape, affine, axis)
    to_index = np.linalg.pinv(source.steps)
    turn = to_index @ to.steps
    depths = source.depths
    made = np.zeros((to.columns, to.rows, len(to.origins)), dtype=labels.dtype)
    i, j = np.arange(to.columns)[:, None], np.arange(to.rows)[None, :]
    for k, origin in enumerate(to.origins):
        apart = np.abs(depths - origin @ source.normal)
        nearest = int(np.argmin(apart))
        if apart[nearest] > within_mm:
            continue
        start = to_index @ (origin - source.origins[nearest])
        # Halves go one way in all slices, whatever was rounded before.
        column = np.floor(turn[0, 0] * i + turn[0, 1] * j + start[0] + 0.5 - 1e-6).astype(int)
        row = np.floor(turn[1, 0] * i + turn[1, 1] * j + start[1] + 0.5 - 1e-6).astype(int)
        held = (column >= 0) & (column < source.columns) & (row >= 0) & (row < source.rows)
        made[:, :, k][held] = labels[column[held], row[held], nearest]
    return np.moveaxis(made, 2, axis)


def fits_straightened(source: Planes, shape: Sequence[int], affine: np.ndarray) -> bool:
    """Tell whether a CT can be these slices, or others beside them, once they were straightened.

    Geometry tells: every slice lies in a slice of the CT, with the same voxels, moved by the same
    amount from each slice to the next; and the first or the last slice of the CT was not moved.
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    along = np.abs(source.normal @ axes)
    axis = int(np.argmax(along))
    to = planes_of(shape, affine, axis)
    if along[axis] < 1 - 1e-5 or len(source.origins) < 2:
        return False
    apart = np.abs(source.depths[:, None] - to.origins @ source.normal)
    at = np.argmin(apart, axis=1)
    if apart.min(axis=1).max() > source.across_mm or len(set(at.tolist())) < len(at):
        return False
    to_index = np.linalg.pinv(source.steps)
    turn = to_index @ to.steps
    if np.abs(turn - np.rint(turn)).max() > 1e-3:
        return False
    moved = (to.origins[at] - source.origins) @ to_index.T
    line = np.polynomial.polynomial.polyfit(at.astype(float), moved, 1)
    ends = line[0] + np.array([[0.0], [len(to.origins) - 1.0]]) * line[1]
    sizes = np.linalg.norm(source.steps, axis=0)
    bent = np.abs(moved - (line[0] + at[:, None] * line[1])) * sizes
    off = (np.abs(ends - np.rint(ends)) * sizes).max(axis=1)
    return bool(bent.max() <= IN_PLANE_MM and off.min() <= IN_PLANE_MM)


def place_labels(
    values: np.ndarray,
    own: np.ndarray,
    shape: Sequence[int],
    affine: np.ndarray,
    what: str,
) -> np.ndarray | None:
    """Lay labels (x, y, z) of a box with its own affine on the grid of a CT, turned alike.

    Return None where the box does not lie on the CT's voxels. Raises InputError where labels lie
    outside the CT.
    """
    steps = own[:3, :3] - affine[:3, :3]
    start = np.linalg.inv(affine) @ own[:, 3]
    shift = np.rint(start[:3]).astype(int)
    last = np.array(values.shape) - 1
    corners = np.array(
        [[i, j, k] for i in (0, last[0]) for j in (0, last[1]) for k in (0, last[2])]
    )
    off = corners @ steps.T + affine[:3, :3] @ (start[:3] - shift)
    if np.linalg.norm(off, axis=1).max() > IN_PLANE_MM:
        return None
    low, high = np.maximum(shift, 0), np.minimum(shift + values.shape, shape)
    made = np.zeros(tuple(shape), dtype=values.dtype)
    held = 0
    if (high > low).all():
        to = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        taken = values[tuple(slice(a, b) for a, b in zip(low - shift, high - shift, strict=True))]
        made[to] = taken
        held = int(np.count_nonzero(taken))
    lost = int(np.count_nonzero(values)) - held
    if lost:
        raise InputError(
            f"{what} reaches beyond its CT: {lost} voxels of it lie outside. It belongs to another "
            "series, or the CT was cut; name the series that it was drawn on."
        )
    return made
