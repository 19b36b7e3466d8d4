"""The CT of a page: slices as JPEG, cropped to the body and as fine as a budget of bytes allows.

Arrays are in a page's order (slice, row, column): slices from the feet to the head, rows from the
front to the back, columns from the patient's right to the left, as radiologists look at patients.
"""

from dataclasses import dataclass

import imagecodecs
import numpy as np

# The window for soft tissue, which the one for the liver lies in: steps of 1.6 HU.
RANGE_HU = (-160.0, 240.0)
# Tried in this order: pixels in plane that are averaged to one (along each side), JPEG's quality.
FINENESS = (
    (1, 92),
    (1, 80),
    (1, 65),
    (1, 50),
    (1, 35),
    (2, 70),
    (2, 50),
    (2, 30),
    (4, 50),
    (4, 20),
    (8, 20),
)
# Denser than air and clothes; what touches the outermost voxels of it is kept too.
BODY_ABOVE_HU = -500.0
MARGIN = 4
# Every so many slices are encoded to see which fineness fits.
SAMPLE = 8


@dataclass(frozen=True)
class Slices:
    """A CT as a page holds it.

    images: a JPEG a slice. box: the cut out rows and columns ((first, last + 1), ...). step: voxels
    along each side of a pixel in plane. quality: JPEG's, from 1 to 100.
    """

    images: list[bytes]
    box: tuple[tuple[int, int], tuple[int, int]]
    step: int
    quality: int


def as_shown(array: np.ndarray) -> np.ndarray:
    """Turn an array of a canonical volume (z, y, x: head, front, right) into a page's order."""
    return array[:, ::-1, ::-1]


def grey_of(values_hu: np.ndarray) -> np.ndarray:
    """Return Hounsfield units as uint8: 0 and 255 are the ends of `RANGE_HU` and beyond."""
    low, high = RANGE_HU
    grey = (values_hu.astype(np.float32) - low) * (255.0 / (high - low))
    return np.rint(grey.clip(0, 255)).astype(np.uint8)


def body_box(ct: np.ndarray, *masks: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the rows and columns that hold the body and every labelled voxel, with a margin.

    Where nothing is dense the whole plane is kept.
    """
    seen = np.asarray((ct > BODY_ABOVE_HU).any(axis=0))
    for mask in masks:
        seen |= mask.any(axis=0)
    if not seen.any():
        seen[:] = True
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    height, width = seen.shape
    return (
        (max(0, int(rows[0]) - MARGIN), min(height, int(rows[-1]) + 1 + MARGIN)),
        (max(0, int(columns[0]) - MARGIN), min(width, int(columns[-1]) + 1 + MARGIN)),
    )


def encoded(ct: np.ndarray, box: tuple[tuple[int, int], tuple[int, int]], most: int) -> Slices:
    """Encode a CT (HU, in a page's order) within rows and columns, in the best fineness that fits.

    What a fineness comes to is estimated from every `SAMPLE`-th slice, and then seen. The coarsest
    is taken even if it is larger than `most` bytes.
    """
    (top, bottom), (left, right) = box
    planes = [np.s_[number, top:bottom, left:right] for number in range(len(ct))]
    sample = planes[:: min(SAMPLE, max(1, len(planes) // SAMPLE))]
    for step, quality in FINENESS:
        coarsest = (step, quality) == FINENESS[-1]
        tried = sum(len(_jpeg(ct[plane], step, quality)) for plane in sample)
        if not coarsest and tried * len(planes) > most * len(sample):
            continue
        images = [_jpeg(ct[plane], step, quality) for plane in planes]
        if coarsest or sum(map(len, images)) <= most:
            break
    return Slices(images, box, step, quality)


def _jpeg(plane: np.ndarray, step: int, quality: int) -> bytes:
    grey = grey_of(averaged(plane, step))
    return bytes(imagecodecs.jpeg_encode(np.ascontiguousarray(grey), level=quality))


def averaged(plane: np.ndarray, step: int) -> np.ndarray:
    """Average squares of `step` by `step` voxels; those at the far ends may be smaller."""
    if step == 1:
        return plane
    sums = plane.astype(np.float32)
    for axis in (0, 1):
        starts = np.arange(0, plane.shape[axis], step)
        counts = np.diff([*starts, plane.shape[axis]]).astype(np.float32)
        sums = np.add.reduceat(sums, starts, axis=axis)
        sums /= counts[:, None] if axis == 0 else counts
    return sums
