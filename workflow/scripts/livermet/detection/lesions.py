"""Lesions of a label map: connected components of label 2, their measures and their overlaps.

Arrays are in SimpleITK's order (z, y, x); patient coordinates are mm in DICOM's axes (x to the
patient's left, y to the back, z to the head), which are those of SimpleITK.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage

from livermet.components import connected_components
from livermet.images import LESION, LIVER, voxel_volume_ml


def labelled_box(*maps: np.ndarray) -> tuple[slice, ...]:
    """Return the smallest box that holds every labelled voxel of label maps of one shape.

    Projections along the axes, so that no map is copied; a box without voxels where there is none.
    """
    seen_from_above = np.maximum.reduce([labels.max(axis=0, initial=0) for labels in maps])
    heights = np.maximum.reduce([labels.max(axis=(1, 2), initial=0) for labels in maps])
    rows, columns = (seen_from_above.max(axis=axis, initial=0) for axis in (1, 0))
    lines = (heights, rows, columns)
    ends = [np.flatnonzero(line)[[0, -1]] if line.any() else (0, -1) for line in lines]
    return tuple(slice(int(first), int(last) + 1) for first, last in ends)


def moved_box(box: tuple[slice, ...], corner: Sequence[int]) -> tuple[slice, ...]:
    """Return a box of a part whose first voxel is the whole's voxel `corner`, in the whole."""
    return tuple(
        slice(edge.start + first, edge.stop + first)
        for edge, first in zip(box, corner, strict=True)
    )


def lesion_boxes(components: np.ndarray) -> list[tuple[slice, ...]]:
    """Return the smallest box of each lesion 1 to n of a component map."""
    return ndimage.find_objects(components) if components.size else []


def lesion_components(
    labels: np.ndarray, connectivity: int = 26, minimum_voxels: int = 1
) -> np.ndarray:
    """Number the lesions of a label map 1 to n by decreasing volume; 0 elsewhere.

    labels: (z, y, x), 0 background, 1 liver, 2 lesion. connectivity: 6 (faces), 18 (and edges) or
    26 (and corners). Lesions of equal volume are ordered by their first voxel in (z, y, x) order.
    Components of fewer than `minimum_voxels` voxels are left out.
    """
    lesions = np.zeros(labels.shape, np.uint32)
    box = labelled_box(labels)
    if not labels[box].size:
        return lesions
    components = connected_components(labels[box] == LESION, connectivity)
    places, component = voxels_of(components)
    voxels = np.bincount(component)[1:]
    first = np.empty(len(voxels), np.int64)
    # Where an index repeats, NumPy keeps the value that was assigned last.
    first[component[::-1] - 1] = places[::-1]
    order = np.lexsort((first, -voxels))
    kept = order[voxels[order] >= minimum_voxels]
    numbers = np.zeros(len(voxels) + 1, lesions.dtype)
    numbers[kept + 1] = np.arange(1, len(kept) + 1)
    # Lesions are few of the voxels, and the map's other pages stay untouched.
    lesions[box][np.unravel_index(places, components.shape)] = numbers[component]
    return lesions


def without_small_lesions(
    labels: np.ndarray, connectivity: int, minimum_voxels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a label map whose small lesions are liver, as in scores, and its lesions' numbers.

    labels: (z, y, x), 0 background, 1 liver, 2 lesion. The numbers are those of detection's tables.
    """
    components = lesion_components(labels, connectivity, minimum_voxels)
    kept = np.where((labels == LESION) & (components == 0), LIVER, labels).astype(np.uint8)
    return kept, components


def voxels_of(components: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat index of every lesion voxel of a component map, and the lesion it is of."""
    flat = components.ravel()
    places = np.flatnonzero(flat)
    return places, flat[places].astype(np.int64)


def lesion_table(
    components: np.ndarray, grid: sitk.Image, corner: Sequence[int] = (0, 0, 0)
) -> pd.DataFrame:
    """Measure each lesion of a component map that lies on an image's grid, or is a part of it.

    components: (z, y, x), 0 or a lesion's number 1 to n; its first voxel is the grid's voxel
    `corner` (z, y, x). One row a lesion: lesion, voxels, volume_ml, diameter_mm (of the sphere of
    equal volume), x_mm, y_mm, z_mm (centroid in patient coordinates).
    """
    places, lesion = voxels_of(components)
    voxels = np.bincount(lesion)[1:]
    index = np.stack(
        [
            np.bincount(lesion, weights=along)[1:] / voxels + first
            for along, first in zip(np.unravel_index(places, components.shape), corner, strict=True)
        ],
        axis=1,
    )
    centroids = [
        grid.TransformContinuousIndexToPhysicalPoint(point) for point in index[:, ::-1].tolist()
    ]
    volume_ml = voxels * voxel_volume_ml(grid)
    table = pd.DataFrame(
        {
            "lesion": np.arange(1, len(voxels) + 1),
            "voxels": voxels,
            "volume_ml": volume_ml,
            "diameter_mm": np.cbrt(6000.0 * volume_ml / np.pi),
        }
    )
    table[["x_mm", "y_mm", "z_mm"]] = np.reshape(centroids, (-1, 3))
    return table


def overlapping_pairs(reference: np.ndarray, prediction: np.ndarray) -> pd.DataFrame:
    """Count the shared voxels of each pair of a reference and a predicted lesion that overlap.

    Both are component maps of one shape. One pass over the voxels of both, however many lesions.
    Columns reference, prediction (lesion numbers) and voxels; one row a pair, sorted by it.
    """
    places, of_reference = voxels_of(reference)
    of_prediction = prediction.ravel()[places]
    shared = of_prediction != 0
    columns = int(of_prediction.max(initial=0)) + 1
    joint = of_reference[shared] * columns + of_prediction[shared]
    pairs, voxels = np.unique(joint, return_counts=True)
    return pd.DataFrame(
        {"reference": pairs // columns, "prediction": pairs % columns, "voxels": voxels}
    )
