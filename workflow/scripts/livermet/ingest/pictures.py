"""One small picture of a series: three planes of its CT, with the outlines of its reference.

Arrays are in SimpleITK's order (z, y, x) of a canonical CT: x grows to the patient's right, y to
the front and z to the head. Pictures are as radiologists look at patients: the patient's right is
on the left, the front is above, and on the left of the sagittal plane.
"""

from collections.abc import Sequence
from typing import Any

import imagecodecs
import numpy as np

from livermet.images import BACKGROUND, LESION

# Wide enough for fat and bone beside the liver, since a wrong CT is looked for and no lesion.
WINDOW_HU = (-160.0, 240.0)
# A plane fits into a square of as many pixels.
SIDE, GAP = 256, 4
# As a data URI a third more: 350 series take 14 MB of a page.
MOST_BYTES = 30_000
QUALITIES = (60, 45, 30, 20, 10, 1)
# Okabe and Ito (2008), which readers with colour-blindness tell apart: sky blue and orange.
LIVER_COLOUR, LESION_COLOUR = (86, 180, 233), (230, 159, 0)


def picture_of(ct: np.ndarray, labels: np.ndarray | None, spacing: Sequence[float]) -> np.ndarray:
    """Draw the axial, coronal and sagittal plane side by side (rows, columns, RGB; uint8).

    `ct` in HU and `labels` (0, 1 liver, 2 lesion; None without a reference) are (z, y, x),
    `spacing` is (x, y, z) in mm. Each plane is the one with most voxels of lesions, or else of
    liver, or else the middle.
    """
    step_x, step_y, step_z = spacing
    z, y, x = _places(ct.shape, labels)
    planes: tuple[tuple[Any, tuple[float, float]], ...] = (
        (np.s_[z, ::-1, ::-1], (step_y, step_x)),
        (np.s_[::-1, y, ::-1], (step_z, step_x)),
        (np.s_[::-1, ::-1, x], (step_z, step_y)),
    )
    drawn = np.zeros((SIDE, 3 * SIDE + 2 * GAP, 3), dtype=np.uint8)
    for number, (cut, pixel_mm) in enumerate(planes):
        plane = drawn_plane(ct[cut], None if labels is None else labels[cut], pixel_mm)
        rows, columns = plane.shape[:2]
        top = (SIDE - rows) // 2
        left = number * (SIDE + GAP) + (SIDE - columns) // 2
        drawn[top : top + rows, left : left + columns] = plane
    return drawn


def encoded(picture: np.ndarray) -> bytes:
    """Encode a picture as WebP of at most `MOST_BYTES`, in the best quality that fits."""
    made = b""
    for shown in (picture, _coarse(picture)):
        for quality in QUALITIES:
            made = bytes(imagecodecs.webp_encode(shown, level=quality, lossless=False))
            if len(made) <= MOST_BYTES:
                return made
    return made


def _coarse(picture: np.ndarray) -> np.ndarray:
    """Show every eighth pixel as a block of eight by eight: only noise asks for it."""
    return np.ascontiguousarray(picture[::8, ::8].repeat(8, axis=0).repeat(8, axis=1))


def _places(shape: Sequence[int], labels: np.ndarray | None) -> list[int]:
    if labels is not None:
        for inside in (labels == LESION, labels != BACKGROUND):
            if inside.any():
                others = ((1, 2), (0, 2), (0, 1))
                return [int(inside.sum(axis=axes).argmax()) for axes in others]
    return [length // 2 for length in shape]


def drawn_plane(
    values: np.ndarray,
    labels: np.ndarray | None,
    pixel_mm: tuple[float, float],
    side: int = SIDE,
) -> np.ndarray:
    """Draw a plane as large as a square allows, with pixels as wide as they are high.

    Returns (rows, columns, RGB; uint8), the longer side of `side` pixels; outlines are drawn inside
    of what they are around.
    """
    extent = np.multiply(values.shape, pixel_mm)
    rows, columns = np.maximum(1, np.rint(extent * side / extent.max())).astype(int)
    low, high = WINDOW_HU
    grey = (_averaged(values, rows, columns) - low) / (high - low) * 255
    plane = np.repeat(np.rint(grey.clip(0, 255)).astype(np.uint8)[..., None], 3, axis=2)
    if labels is not None:
        shown = _highest(labels, rows, columns)
        for inside, colour in (
            (shown > BACKGROUND, LIVER_COLOUR),
            (shown == LESION, LESION_COLOUR),
        ):
            plane[_outline(inside)] = colour
    return plane


def _starts(length: int, count: int) -> np.ndarray:
    return np.arange(count) * length // count


def _averaged(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Average what falls into a pixel; where pixels are more than voxels, repeat them."""
    averaged: np.ndarray = values.astype(np.float32)
    for axis, count in ((0, rows), (1, columns)):
        length = averaged.shape[axis]
        starts = _starts(length, count)
        sizes = np.maximum(1, np.diff([*starts, length])).astype(np.float32)
        sums = np.add.reduceat(averaged, starts, axis=axis)
        averaged = sums / (sizes[:, None] if axis == 0 else sizes)
    return averaged


def _highest(labels: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Take the highest label of a pixel, so that the smallest lesion is seen."""
    highest = np.maximum.reduceat(labels, _starts(labels.shape[0], rows), axis=0)
    return np.maximum.reduceat(highest, _starts(labels.shape[1], columns), axis=1)


def _outline(inside: np.ndarray) -> np.ndarray:
    """Return the pixels inside that have a neighbour outside; beyond the plane is outside."""
    wide = np.pad(inside, 1)
    within = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return inside & ~within
