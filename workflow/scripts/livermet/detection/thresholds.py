"""Lesions at each threshold of the lesion probability, of one scan: what FROC is made from.

At each threshold the voxels at or above it are the prediction; its components are counted as
lesions anew and matched by the same rules as the label map's. A threshold therefore changes which
lesions there are, and their extent, and not only which of them count. The label map itself (the
most probable of three classes) is no point of the curve, but lies close to threshold 0.5.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.detection.lesions import (
    labelled_box,
    lesion_components,
    overlapping_pairs,
    voxels_of,
)
from livermet.detection.matching import Overlap, match_lesions
from livermet.detection.measured import COUNTS
from livermet.detection.scores import matching_row
from livermet.errors import InputError
from livermet.images import LESION, WHOLE_PROBABILITY, array_of, grid_difference

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))


def froc_counts(
    probability: sitk.Image,
    reference: sitk.Image,
    connectivity: int,
    minimum_lesion_voxels: int,
    matching: Sequence[str],
    thresholds: Iterable[float] = THRESHOLDS,
) -> pd.DataFrame:
    """Count a scan's lesions at each threshold: `COUNTS` without series and model.

    `probability` holds each voxel's lesion probability times 255 (uint8) on the reference's grid.
    Raises InputError where the grids differ.
    """
    if difference := grid_difference(probability, reference):
        raise InputError(
            f"probability and reference lie on different grids: {difference}; "
            "run the prediction and the ingest of this series again."
        )
    levels, labels = array_of(probability), array_of(reference)
    box = labelled_box(levels, labels)
    levels, labels = levels[box], labels[box]
    known = lesion_components(labels, connectivity)
    known_voxels = np.bincount(voxels_of(known)[1])[1:]
    rows = []
    for threshold in thresholds:
        # The same bytes as by the product itself, which would turn the volume into floats.
        above = levels >= math.ceil(threshold * WHOLE_PROBABILITY)
        labels = np.where(above, np.uint8(LESION), np.uint8(0))
        found = lesion_components(labels, connectivity, minimum_lesion_voxels)
        found_voxels = np.bincount(voxels_of(found)[1])[1:]
        overlap = Overlap.of(known_voxels, found_voxels, overlapping_pairs(known, found))
        rows += [
            {"threshold": threshold, **matching_row(rule, match_lesions(overlap, rule))}
            for rule in matching
        ]
    return pd.DataFrame(rows, columns=COUNTS.names[2:])
