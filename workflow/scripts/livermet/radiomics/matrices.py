"""PyRadiomics' texture matrices, counted in whole arrays: the same numbers in less time.

PyRadiomics' C code visits every voxel of the box and each of its neighbours by three coordinates.
Here a mask's voxels are a row of places in a padded array, and a neighbour lies a fixed step on.
Matrices are whole numbers, but for the sums of NGTDM, and stand in PyRadiomics' own shapes, behind
the names of its module, for distances of one voxel in three dimensions.

Grey levels are (z, y, x), whole numbers from 1, 0 outside of the mask.
"""

from dataclasses import dataclass, field
from functools import cached_property
from types import FunctionType, MethodType
from typing import Any

import cc3d
import numpy as np
from radiomics import cMatrices

# Voxels whose neighbours are looked up at once: they stay in the cache.
CHUNK = 32_768


@dataclass
class Neighbours:
    """What the matrices of neighbours are made of.

    pairs: (levels + 1, levels + 1, angles), how often a level (row) has a level (column; 0 outside)
    along each angle. similar, near, total: of each voxel, how many neighbours differ by no more
    than a cutoff, how many there are, and the sum of their levels.
    """

    pairs: np.ndarray
    similar: np.ndarray
    near: np.ndarray
    total: np.ndarray


@dataclass(frozen=True)
class Matrices:
    """The matrices of one mask, under the names of PyRadiomics' module; counted when asked for."""

    grey: np.ndarray
    cutoff: float
    angles: np.ndarray = field(init=False)

    def __post_init__(self):
        angles = cMatrices.generate_angles(
            np.array(self.grey.shape), np.array([1]), False, False, 0
        )
        object.__setattr__(self, "angles", np.asarray(angles))

    def calculate_glcm(self, image, mask, distances, levels, *rest):
        """Count pairs of levels: (1, levels, levels, angles), and the angles."""
        return self._neighbours.pairs[None, 1:, 1:].astype(float), self.angles

    def calculate_gldm(self, image, mask, distances, levels, *rest):
        """Count voxels by level and similar neighbours: (1, levels, 4 x angles + 1)."""
        # Twice as wide as there are neighbours, as PyRadiomics' own.
        width = 4 * len(self.angles) + 1
        places = self._own * width + self._neighbours.similar
        counted = np.bincount(places, minlength=(levels + 1) * width)
        return counted.reshape(1, levels + 1, width)[:, 1:].astype(float)

    def calculate_ngtdm(self, image, mask, distances, levels, *rest):
        """Sum by level: voxels, and their differences from their neighbours' mean: (1, levels, 3).

        A voxel without neighbours counts, with no difference.
        """
        near, total, own = self._neighbours.near, self._neighbours.total, self._own
        apart = np.abs(own - np.where(near > 0, total, own) / np.maximum(near, 1))
        found = np.zeros((1, levels, 3))
        found[0, :, 0] = np.bincount(own, minlength=levels + 1)[1:]
        found[0, :, 1] = np.bincount(own, weights=apart, minlength=levels + 1)[1:]
        found[0, :, 2] = np.arange(1, levels + 1)
        return found

    def calculate_glrlm(self, image, mask, levels, longest, *rest):
        """Count runs by level and length: (1, levels, longest, angles), and the angles."""
        found = np.zeros((1, levels, longest, len(self.angles)))
        for number, step in enumerate(self._steps.tolist()):
            runs = self._runs(step, levels, longest)
            if runs[:, 1:].any() or self._shares_a_line(self.angles[number]):
                found[0, :, :, number] = runs
        return found, self.angles

    @cached_property
    def zones(self) -> tuple[np.ndarray, np.ndarray]:
        """Return level and size of each zone, parts of one level by all neighbours."""
        zones = cc3d.connected_components(self.grey.astype(np.uint32), connectivity=26)
        inside = self.grey > 0
        numbers = zones[inside]
        sizes = np.bincount(numbers)
        level = np.zeros(len(sizes), np.int64)
        level[numbers] = self.grey[inside]
        return level[1:], sizes[1:]

    @cached_property
    def _padded(self) -> np.ndarray:
        kind = np.int16 if self.grey.max(initial=0) < np.iinfo(np.int16).max else np.int32
        return np.pad(self.grey.astype(kind), 1)

    @cached_property
    def _places(self) -> np.ndarray:
        return np.flatnonzero(self._padded)

    @cached_property
    def _own(self) -> np.ndarray:
        return self._padded.ravel()[self._places].astype(np.int64)

    @cached_property
    def _steps(self) -> np.ndarray:
        """Return how far on in the padded array the neighbour of each angle lies."""
        _, height, width = self._padded.shape
        return self.angles @ np.array([height * width, width, 1])

    @cached_property
    def _neighbours(self) -> Neighbours:
        flat, places = self._padded.ravel(), self._places
        levels = int(flat.max(initial=0)) + 1
        pairs = np.zeros((len(self._steps), levels * levels), np.int64)
        similar, near, total = (np.zeros(len(places), np.int64) for _ in range(3))
        for start in range(0, len(places), CHUNK):
            some = slice(start, start + CHUNK)
            here, own = places[some], flat[places[some]]
            row = own.astype(np.int64) * levels
            for number, step in enumerate(self._steps.tolist()):
                for sign in (1, -1):
                    other = flat[here + sign * step]
                    if sign == 1:
                        pairs[number] += np.bincount(row + other, minlength=levels * levels)
                    present = other > 0
                    similar[some] += present & (np.abs(own - other) <= self.cutoff)
                    near[some] += present
                    total[some] += other
        square = pairs.reshape(-1, levels, levels).transpose(1, 2, 0)
        return Neighbours(square, similar, near, total)

    def _runs(self, step: int, levels: int, longest: int) -> np.ndarray:
        """Count the runs along a step: (levels, longest)."""
        step, flat = abs(step), self._padded.ravel()
        # Lines along the step, one behind the other: the padding between them ends every run.
        lines = np.zeros(-(-flat.size // step) * step, flat.dtype)
        lines[: flat.size] = flat
        lines = np.ascontiguousarray(lines.reshape(-1, step).T).ravel()
        starts = np.flatnonzero(lines[1:] != lines[:-1]) + 1
        lengths = np.diff(starts, append=len(lines))
        level = lines[starts].astype(np.int64)
        runs = level > 0
        places = (level[runs] - 1) * longest + lengths[runs] - 1
        return np.bincount(places, minlength=levels * longest).reshape(levels, longest)

    def _shares_a_line(self, angle: np.ndarray) -> bool:
        """Tell whether any two voxels lie on one line; where none do, the angle has no runs."""
        places = np.argwhere(self.grey > 0)
        (axis, *_) = np.flatnonzero(angle)
        steps = places[:, axis] * angle[axis]
        return len(np.unique(places - steps[:, np.newaxis] * angle, axis=0)) < len(places)


def over(computing: Any, matrices: Matrices) -> Any:
    """Let an object of PyRadiomics' texture classes compute over these matrices; returns it.

    Its own method that makes a matrix of the counts runs as it is, with the counts of this module
    in the place of its C module's.
    """
    method = type(computing)._calculateMatrix
    names = {**method.__globals__, "cMatrices": matrices}
    own = FunctionType(method.__code__, names, method.__name__, method.__defaults__)
    computing._calculateMatrix = MethodType(own, computing)
    return computing


class Zones:
    """PyRadiomics' GLSZM class over zones, without a column for each size that no zone has."""

    matrices: Matrices
    coefficients: dict
    P_glszm: np.ndarray

    def _calculateMatrix(self, voxelCoordinates=None):  # noqa: N802
        level, size = self.matrices.zones
        levels, row = np.unique(level, return_inverse=True)
        sizes, column = np.unique(size, return_inverse=True)
        places = row * len(sizes) + column
        counted = np.bincount(places, minlength=len(levels) * len(sizes)).astype(float)
        self.coefficients |= {"ivector": levels.astype(float), "jvector": sizes.astype(float)}
        return counted.reshape(1, len(levels), len(sizes))

    def _calculateCoefficients(self):  # noqa: N802
        of_size, of_level = self.P_glszm.sum(axis=1), self.P_glszm.sum(axis=2)
        voxels = (of_size * self.coefficients["jvector"]).sum(axis=1)
        zones = of_size.sum(axis=1)
        self.coefficients |= {"ps": of_size, "pg": of_level, "Np": voxels, "Nz": zones}
