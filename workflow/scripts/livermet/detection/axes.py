"""Axes of a lesion: the long and the short diameter that a reader would measure on an axial slice.

A diameter reaches from edge to edge, so that a voxel counts with its width: the outline of a slice
runs through the middles of the pixel edges between inside and outside. Between centres, a lesion
would be a pixel too short, and one of a single voxel would have no length; between corners, a round
lesion would be about a pixel too long. It is also the outline of PyRadiomics' mesh within a slice.
A lesion that falls into parts on a slice is measured in each part, since nobody would draw a line
across what lies between them; a notch within a part is bridged.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist, squareform

from livermet.components import connected_components

# Lengths (mm) that differ by less are one length that was rounded twice.
SAME_MM = 1e-6


class AxialAxes(NamedTuple):
    """The two diameters of a lesion (mm), and the axial slice, from 0, on which both lie."""

    long_mm: float
    short_mm: float
    slice: int


def axial_axes(mask: np.ndarray, spacing_mm: Sequence[float]) -> AxialAxes:
    """Measure the longest diameter of a mask on any axial slice, and the longest across it.

    mask: (z, y, x), True inside the lesion, its slices axial; spacing_mm in the same order. The
    short axis is at right angles to the long one, in the same slice and part. Of diameters that are
    equally long the one with the longer short axis counts, then that of the first slice.
    Raises ValueError for a mask without a voxel.
    """
    best = AxialAxes(0.0, 0.0, -1)
    for place, part in _parts(mask):
        long_mm, short_mm = _axes_of_part(part, np.asarray(spacing_mm[1:], float))
        longer = long_mm - best.long_mm
        if longer > SAME_MM or (longer > -SAME_MM and short_mm > best.short_mm + SAME_MM):
            best = AxialAxes(long_mm, short_mm, place)
    if best.slice < 0:
        raise ValueError("a mask without a voxel has no axes")
    return best


def _parts(mask: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Give each connected part of each slice: the slice, and the part's pixels as rows (y, x)."""
    for place in np.flatnonzero(mask.any(axis=(1, 2))):
        rows, columns = (np.flatnonzero(mask[place].any(axis=axis)) for axis in (1, 0))
        first = np.array([rows[0], columns[0]])
        box = np.ascontiguousarray(
            mask[place, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], dtype=bool
        )
        parts = connected_components(box, 8)
        for number in range(1, int(parts.max()) + 1):
            yield int(place), np.argwhere(parts == number) + first


def _axes_of_part(pixels: np.ndarray, spacing_mm: np.ndarray) -> tuple[float, float]:
    """Return the longest diameter (mm) of one part of a slice, and the longest across it."""
    middles = np.concatenate([_edges(pixels, axis) for axis in (0, 1)]) * spacing_mm
    outline = middles[ConvexHull(middles).vertices]
    lengths = pdist(outline)
    longest = lengths.max()
    apart = squareform(lengths)
    pairs = np.argwhere(np.triu(apart > longest - SAME_MM, k=1))
    return float(longest), max(_longest_across(outline, *outline[pair]) for pair in pairs)


def _edges(pixels: np.ndarray, axis: int) -> np.ndarray:
    """Return the middles of a part's outermost pixel edges along an axis, two in each line."""
    across = 1 - axis
    in_lines = pixels[np.lexsort((pixels[:, axis], pixels[:, across]))]
    begins = np.flatnonzero(np.diff(in_lines[:, across], prepend=-1))
    ends = np.append(begins[1:], len(in_lines)) - 1
    half = np.eye(2)[axis] / 2
    return np.concatenate([in_lines[begins] - half, in_lines[ends] + half])


def _longest_across(outline: np.ndarray, begin: np.ndarray, end: np.ndarray) -> float:
    """Return the longest chord (mm) of a convex outline at right angles to a line from end to end.

    Along the line the chords' length is straight between the outline's corners, so that the longest
    one ends in a corner.
    """
    along = (end - begin) / np.linalg.norm(end - begin)
    across = np.array([-along[1], along[0]])
    place, height = (outline - begin) @ along, (outline - begin) @ across
    # The line divides the outline into two sides; its ends are the first and last of both.
    upper, lower = (side[np.argsort(place[side])] for side in _sides(height))
    heights = [np.interp(place, place[side], height[side]) for side in (upper, lower)]
    return float((heights[0] - heights[1]).max())


def _sides(height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners above and those below a line, both with what lies on it."""
    return np.flatnonzero(height >= -SAME_MM), np.flatnonzero(height <= SAME_MM)
