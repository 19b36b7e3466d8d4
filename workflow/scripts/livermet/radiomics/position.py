"""Where a lesion lies in the liver: along the patient's axes, and how far below the surface.

The liver is the largest connected part (26 neighbours) of labels 1 and 2 together, cavities filled,
so that neither a speck elsewhere in the body nor a hole in the mask moves its box or its surface.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy.ndimage import binary_erosion, generate_binary_structure
from scipy.spatial import cKDTree

from livermet.components import largest_component
from livermet.contracts import NUMBER, SHARE, TEXT, Column
from livermet.detection.lesions import labelled_box, lesion_boxes
from livermet.images import BACKGROUND, LIVER, array_of

UNKNOWN = "where it is not known: position_reason says why"
ALONG_AXES = tuple(
    Column(
        name,
        SHARE,
        "place of the lesion's centre in the liver's box along this axis of the patient",
        missing=UNKNOWN,
    )
    for name in ("right_to_left", "front_to_back", "feet_to_head")
)
POSITION = (
    *ALONG_AXES,
    Column(
        "surface_mm",
        NUMBER,
        "smallest distance from a voxel of the lesion to one of the liver's surface",
        unit="mm",
        low=0,
        missing=UNKNOWN,
    ),
    Column(
        "position_reason",
        TEXT,
        "why the lesion's place or distance is not known",
        missing="where both are known",
    ),
)
FRACTIONS = tuple(column.name for column in ALONG_AXES)
FACES_AND_EDGES = generate_binary_structure(3, 2)


def lesion_positions(
    labels: np.ndarray,
    components: np.ndarray,
    lesions: pd.DataFrame,
    grid: sitk.Image,
    corner: Sequence[int] = (0, 0, 0),
) -> pd.DataFrame:
    """Add to each lesion of a label map (0 background, 1 liver, 2 lesion) its place in the liver.

    labels and components (0 or a lesion's number 1 to n): the part (z, y, x) of an image's grid
    that begins at its voxel `corner` and holds all that is labelled; lesions: one row a lesion
    (lesion, x_mm, y_mm, z_mm). right_to_left, front_to_back and feet_to_head are the centroid's
    place in the liver's bounding box along the patient's axes (DICOM PS3.3, C.7.6.2), 0 to 1.
    surface_mm is the smallest distance from the centre of a voxel of the lesion to that of a
    surface voxel of the liver, which has one of its 18 neighbours outside; 0 where a lesion has
    such a voxel itself. The edge of the volume is no surface. What there is not is NaN, and
    position_reason says why.
    """
    table = lesions.assign(**dict.fromkeys((*FRACTIONS, "surface_mm"), np.nan), position_reason="")
    if table.empty:
        return table
    # A voxel of outside on every side, but not beyond the volume.
    margin = [
        (int(first > 0), int(first + length < size))
        for first, length, size in zip(corner, labels.shape, grid.GetSize()[::-1], strict=True)
    ]
    labels, components = (np.pad(array, margin) for array in (labels, components))
    corner = [first - before for first, (before, _) in zip(corner, margin, strict=True)]
    liver = _liver(labels)
    if not (labels[liver] == LIVER).any():
        return table.assign(position_reason="the mask has no liver outside of lesions")
    low, high = _patient_box(labelled_box(liver), corner, grid)
    centroids = lesions[["x_mm", "y_mm", "z_mm"]].to_numpy()
    table[list(FRACTIONS)] = (centroids - low) / (high - low)
    distances, inside = _depths(liver, components, grid.GetSpacing()[::-1])
    table["surface_mm"] = distances
    if np.isnan(distances).any():
        table["position_reason"] = "the liver has no surface in the volume"
    table.loc[~inside, [*FRACTIONS, "surface_mm"]] = np.nan
    table.loc[~inside, "position_reason"] = "not in the liver's largest part"
    return table


def _liver(labels: np.ndarray) -> np.ndarray:
    largest = largest_component(labels != BACKGROUND)
    # Cavities that reach the array's edge stay open.
    filled = sitk.BinaryFillhole(sitk.GetImageFromArray(largest.astype(np.uint8)))
    return array_of(filled) != 0


def _patient_box(
    box: tuple[slice, ...], corner: Sequence[int], grid: sitk.Image
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest patient coordinates (mm) of a box of voxels, edges included."""
    edges = [
        (edge.start + start - 0.5, edge.stop + start - 0.5)
        for edge, start in zip(box, corner, strict=True)
    ]
    corners = [grid.TransformContinuousIndexToPhysicalPoint(p) for p in product(*edges[::-1])]
    return np.min(corners, axis=0), np.max(corners, axis=0)


def _depths(
    liver: np.ndarray, components: np.ndarray, spacing_mm: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return each lesion's distance (mm) to the liver's surface, and whether it is inside."""
    surface = np.argwhere(_edges(liver, beyond=1)) * spacing_mm
    # Lesions ask from deep inside, where only tight boxes tell that a flat part is far away. Points
    # on a lattice: splitting boxes in their middle is quicker than at medians.
    tree = cKDTree(surface, leafsize=32, balanced_tree=False)
    distances, inside = [], []
    for number, box in enumerate(lesion_boxes(components), start=1):
        lesion = components[box] == number
        start = [edge.start for edge in box]
        # The nearest voxel to a point outside is one of the lesion's own surface.
        points = (np.argwhere(_edges(lesion, beyond=0)) + start) * spacing_mm
        distances.append(_smallest_distance(points, tree) if len(surface) else np.nan)
        inside.append(bool((lesion & liver[box]).any()))
    return np.array(distances), np.array(inside)


def _smallest_distance(points: np.ndarray, tree: cKDTree) -> float:
    # A point is nearer to the surface than a point beside it by the way between them at most, so
    # that a few points' answers tell which others can be the nearest of all.
    few = points[::64]
    known, _ = tree.query(few)
    smallest = known.min()
    way, beside = cKDTree(few).query(points)
    hopeful = points[known[beside] - way < smallest]
    distances, _ = tree.query(hopeful, distance_upper_bound=smallest)
    return float(distances.min(initial=smallest))


def _edges(mask: np.ndarray, beyond: int) -> np.ndarray:
    """Mark the voxels with an outside neighbour; `beyond` tells what is behind the array's edge."""
    return mask & ~binary_erosion(mask, FACES_AND_EDGES, border_value=beyond)
