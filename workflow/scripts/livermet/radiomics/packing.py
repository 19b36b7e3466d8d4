"""The parts of a scattered mask side by side, for features that only look at neighbouring voxels.

Lesions that lie far apart span a box that is nearly empty, and PyRadiomics' texture classes walk
through all of it. What a texture matrix counts are neighbours within the mask, and runs and zones
that do not leave it: parts of a mask that do not touch may stand anywhere, and the matrices stay
what they are.
"""

import cc3d
import numpy as np

from livermet.components import connected_components

# Below this share of the box, packing costs less than it saves.
WORTHWHILE = 0.5
GAP = 1


def packed(values: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Move the parts of a mask closer together, a voxel apart; None where it is no use.

    values and mask (bool) are (z, y, x), the mask's own box. Gives both in a smaller shape; values
    outside of the mask are 0. A part is a component of 26 neighbours, so that voxels of two parts
    are no neighbours. An axis of one slice has to stay one: PyRadiomics leaves out the directions
    in which a mask has no depth.
    """
    if min(mask.shape) == 1:
        return None
    parts = connected_components(mask, connectivity=26)
    boxes = cc3d.statistics(parts)["bounding_boxes"][1:]
    sizes = np.array([[edge.stop - edge.start for edge in box] for box in boxes])
    corners, shape = _shelves(sizes)
    if min(shape) == 1 or np.prod(shape) > WORTHWHILE * mask.size:
        return None
    moved = np.zeros(shape, values.dtype), np.zeros(shape, bool)
    for number, (box, corner, size) in enumerate(zip(boxes, corners, sizes, strict=True), start=1):
        place = tuple(slice(first, first + n) for first, n in zip(corner, size, strict=True))
        own = parts[box] == number
        moved[0][place] = np.where(own, values[box], 0)
        moved[1][place] = own
    return moved


def _shelves(sizes: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Place boxes (n, 3) in rows on floors, the tallest first: their corners, and the shape."""
    side = max(sizes[:, 1:].max(), int(np.ceil(np.cbrt(np.prod(sizes + GAP, axis=1).sum()))))
    corners = np.zeros_like(sizes)
    z = y = x = height = depth = 0
    for index in np.lexsort((sizes[:, 1], sizes[:, 0]))[::-1]:
        tall, deep, wide = sizes[index]
        if x + wide > side:
            x, y, depth = 0, y + depth + GAP, 0
        if y + deep > side:
            x, y, z, depth, height = 0, 0, z + height + GAP, 0, 0
        corners[index] = z, y, x
        x += wide + GAP
        height, depth = max(height, tall), max(depth, deep)
    return corners, tuple((corners + sizes).max(axis=0).tolist())
