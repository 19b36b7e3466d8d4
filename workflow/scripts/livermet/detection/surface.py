"""Distances between the surfaces of two sides' lesions, for whole scans and for matched lesions.

Two kinds of surface, each by the definition that its scores have in the field:

- Voxels: those of a lesion with one of their 18 neighbours (faces and edges) outside of it; beyond
  the image is outside. ASSD, MSSD and HD95 are taken over their centres, as the LiTS organisers do
  (Heimann et al. 2009; MedPy's `Surface`).
- Elements: DeepMind's, with their areas (Nikolov et al. 2021): one at each corner where inside and
  outside voxels meet, with the area of the triangles that separate them there. The normalised
  surface Dice is taken over these.

The nearest point is found by k-d trees over surface points and not by distance transforms over
voxels: lesions are small and lie far apart. One query a side answers for the whole scan; matched
lesions reuse it wherever the nearest point lies on their own partner, and ask again elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from scipy.spatial import cKDTree
from surface_distance.lookup_tables import (
    ENCODE_NEIGHBOURHOOD_3D_KERNEL,
    create_table_neighbour_code_to_surface_area,
)

from livermet.detection.lesions import lesion_boxes

FACES, FACES_AND_EDGES, ALL = 6, 18, 26
# A distance that equals the tolerance must not depend on how its coordinates were rounded.
ROUNDING_MM = 1e-6


@dataclass(frozen=True)
class SurfaceScores:
    """Distances in mm between two surfaces, and their normalised surface Dice (0 to 1).

    `assd_mm` is the mean over the surface voxels of both sides together, `mssd_mm` the largest
    distance, `hd95_mm` the larger of the two sides' 95th percentiles. NaN where a side is empty;
    the surface Dice is 0 where one side is and 1 where both are.
    """

    assd_mm: float
    mssd_mm: float
    hd95_mm: float
    surface_dice: float


@dataclass(frozen=True)
class Points:
    """Points of the surfaces of lesions 0 to n - 1, sorted by lesion.

    `places` (points, 3) in mm; `starts` (n + 1) tells where each lesion's points begin; `areas` in
    mm2, or None where all points count equally.
    """

    places: np.ndarray
    starts: np.ndarray
    areas: np.ndarray | None = None

    @classmethod
    def of(cls, places: list[np.ndarray], areas: list[np.ndarray] | None = None) -> "Points":
        """Join the points of lesions."""
        starts = np.cumsum([0, *(len(some) for some in places)])
        joined = np.concatenate([np.zeros((0, 3)), *places])
        return cls(joined, starts, None if areas is None else np.concatenate([[], *areas]))

    @cached_property
    def lesion(self) -> np.ndarray:
        """Return the lesion of each point."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def of_lesions(self, lesions: Sequence[int]) -> np.ndarray:
        """Return the indices of some lesions' points."""
        return np.concatenate([np.arange(*self.starts[lesion : lesion + 2]) for lesion in lesions])


@dataclass(frozen=True)
class Surfaces:
    """One side's lesions as surface voxels and as surface elements."""

    voxels: Points
    elements: Points


def surfaces_of(
    components: np.ndarray, spacing_mm: Sequence[float], neighbours: int = FACES_AND_EDGES
) -> Surfaces:
    """Find the surfaces of the lesions 1 to n of a component map, each in its own bounding box.

    components: (z, y, x); spacing_mm in the same order. neighbours: which of a voxel's neighbours
    make it a surface voxel where they are outside (6, 18 or 26). Where lesions touch (components
    of fewer than 26 neighbours), each has its own surface between them.
    """
    areas_of_code = np.asarray(create_table_neighbour_code_to_surface_area(tuple(spacing_mm)))
    centres, corners, areas = [], [], []
    for number, box in enumerate(lesion_boxes(components), start=1):
        # One voxel of outside on every side.
        mask = np.pad(components[box] == number, 1)
        first = np.array([edge.start for edge in box])
        centres.append((np.argwhere(_edges(mask, neighbours)) + first) * spacing_mm)
        codes = _corner_codes(mask)
        on_surface = (codes != 0) & (codes != 255)
        corners.append((np.argwhere(on_surface) + first - 0.5) * spacing_mm)
        areas.append(areas_of_code[codes[on_surface]])
    return Surfaces(Points.of(centres), Points.of(corners, areas))


def _edges(mask: np.ndarray, neighbours: int) -> np.ndarray:
    """Mark the voxels with an outside neighbour; `mask` has a margin that the result has not."""
    steps = {FACES: 1, FACES_AND_EDGES: 2, ALL: 3}[neighbours]
    inner = mask[1:-1, 1:-1, 1:-1].copy()
    inside = inner.copy()
    for step in product((-1, 0, 1), repeat=3):
        if 0 < sum(map(abs, step)) <= steps:
            z, y, x = (slice(1 + s, n - 1 + s) for s, n in zip(step, mask.shape, strict=True))
            inside &= mask[z, y, x]
    return inner & ~inside


def _corner_codes(mask: np.ndarray) -> np.ndarray:
    """Return each corner's code of the eight voxels around it, by DeepMind's bits.

    A mask of n voxels along an axis, margin included, has n - 1 inner corners along it.
    """
    codes = np.zeros(np.subtract(mask.shape, 1), np.uint8)
    for place in product((0, 1), repeat=3):
        z, y, x = (slice(s, n - 1 + s) for s, n in zip(place, mask.shape, strict=True))
        codes |= mask[z, y, x].astype(np.uint8) * np.uint8(ENCODE_NEIGHBOURHOOD_3D_KERNEL[place])
    return codes


class SurfaceDistances:
    """The distances between two sides' surfaces, of all lesions or of matched ones."""

    def __init__(self, reference: Surfaces, prediction: Surfaces, tolerance_mm: float):
        """Take both sides' surfaces, and the tolerance (mm) of the surface Dice."""
        self._voxels = _Nearest(reference.voxels, prediction.voxels)
        self._elements = _Nearest(reference.elements, prediction.elements)
        self._tolerance_mm = tolerance_mm

    def of_scan(self) -> SurfaceScores:
        """Score all lesions of a side as one surface."""
        filled = [len(points.places) > 0 for points in self._voxels.sides]
        if not all(filled):
            return SurfaceScores(np.nan, np.nan, np.nan, 0.0 if any(filled) else 1.0)
        return self._scores(self._voxels.of_all(), self._elements.of_all())

    def of_group(self, references: Sequence[int], predictions: Sequence[int]) -> SurfaceScores:
        """Score some lesions of the reference, as one surface, against some of the prediction.

        Lesions are numbered from 0; both sides have at least one.
        """
        return self._scores(
            self._voxels.of_group(references, predictions),
            self._elements.of_group(references, predictions),
        )

    def _scores(self, voxels: "_Distances", elements: "_Distances") -> SurfaceScores:
        sides = (voxels.reference, voxels.prediction)
        # Voxels count equally; elements have areas.
        assert elements.reference_areas is not None
        assert elements.prediction_areas is not None
        near = [
            area[mm <= self._tolerance_mm + ROUNDING_MM].sum()
            for mm, area in (
                (elements.reference, elements.reference_areas),
                (elements.prediction, elements.prediction_areas),
            )
        ]
        area = elements.reference_areas.sum() + elements.prediction_areas.sum()
        return SurfaceScores(
            assd_mm=float(sum(mm.sum() for mm in sides) / sum(map(len, sides))),
            mssd_mm=float(max(mm.max() for mm in sides)),
            hd95_mm=float(max(np.percentile(mm, 95) for mm in sides)),
            surface_dice=float(sum(near) / area),
        )


@dataclass(frozen=True)
class _Distances:
    """Distances of each side's points to the other side (mm), and the points' areas."""

    reference: np.ndarray
    prediction: np.ndarray
    reference_areas: np.ndarray | None
    prediction_areas: np.ndarray | None


class _Nearest:
    """The nearest point of the other side for every point of both sides."""

    def __init__(self, reference: Points, prediction: Points):
        self.sides = (reference, prediction)

    @cached_property
    def answers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return each side's distances and the indices of the nearest points of the other side."""
        trees = [_tree(points.places) for points in self.sides]
        return [
            tree.query(points.places)
            for points, tree in zip(self.sides, reversed(trees), strict=True)
        ]

    def of_all(self) -> _Distances:
        mm = [distances for distances, _ in self.answers]
        return _Distances(*mm, *(points.areas for points in self.sides))

    def of_group(self, references: Sequence[int], predictions: Sequence[int]) -> _Distances:
        members = (references, predictions)
        chosen = [
            points.of_lesions(lesions) for points, lesions in zip(self.sides, members, strict=True)
        ]
        mm = [self._of_side(side, chosen[side], members, chosen[1 - side]) for side in (0, 1)]
        areas = [
            None if points.areas is None else points.areas[some]
            for points, some in zip(self.sides, chosen, strict=True)
        ]
        return _Distances(*mm, *areas)

    def _of_side(
        self,
        side: int,
        points: np.ndarray,
        members: tuple[Sequence[int], Sequence[int]],
        partners: np.ndarray,
    ) -> np.ndarray:
        """Return the distances of some of a side's points to the partners' points (mm)."""
        distances, nearest = (answer[points] for answer in self.answers[side])
        other = self.sides[1 - side]
        away = ~np.isin(other.lesion[nearest], members[1 - side])
        if away.any():
            partner = _tree(other.places[partners])
            distances[away], _ = partner.query(self.sides[side].places[points[away]])
        return distances


def _tree(places: np.ndarray) -> cKDTree:
    # Points on a lattice: splitting boxes in their middle is quicker than at medians.
    return cKDTree(places, leafsize=32, balanced_tree=False, compact_nodes=False)
