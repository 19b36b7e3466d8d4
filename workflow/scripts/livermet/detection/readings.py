"""What a reader measures of a scan: each lesion's size, axes and density, and the liver's volume.

Arrays are in SimpleITK's order (z, y, x) of a canonical CT, whose slices are axial and go from the
feet to the head.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.detection.axes import axial_axes
from livermet.detection.lesions import lesion_boxes, lesion_table, without_small_lesions
from livermet.images import BACKGROUND, array_of, voxel_volume_ml


@dataclass(frozen=True)
class Reading:
    """A scan that was measured.

    labels: (z, y, x), 0 background, 1 liver, 2 lesion; numbers: of its lesions, 1 to n by volume,
    0 elsewhere. lesions: `lesion_table` with long_mm and short_mm, the slice from 0 that both axes
    lie on, and mean_hu. liver_ml: of the liver with its lesions.
    """

    labels: np.ndarray
    numbers: np.ndarray
    lesions: pd.DataFrame
    liver_ml: float


def read_scan(ct: sitk.Image, mask: sitk.Image, components: Mapping[str, int]) -> Reading:
    """Measure a label map on the grid of its CT.

    components: connectivity and minimum_lesion_voxels. Lesions of fewer voxels are liver, as
    detection counts them.
    """
    labels, numbers = without_small_lesions(
        array_of(mask), components["connectivity"], components["minimum_lesion_voxels"]
    )
    lesions = lesion_table(numbers, ct)
    hu, spacing_mm = array_of(ct), ct.GetSpacing()[::-1]
    read = [
        _axes_and_density(numbers[box] == lesion, hu[box], box[0].start, spacing_mm)
        for box, lesion in zip(lesion_boxes(numbers), lesions["lesion"], strict=True)
    ]
    names = ["long_mm", "short_mm", "slice", "mean_hu"]
    lesions[names] = pd.DataFrame(read, columns=names, index=lesions.index)
    lesions["slice"] = lesions["slice"].astype(int)
    liver_ml = float(np.count_nonzero(labels != BACKGROUND) * voxel_volume_ml(ct))
    return Reading(labels, numbers, lesions, liver_ml)


def _axes_and_density(
    inside: np.ndarray, hu: np.ndarray, first_slice: int, spacing_mm: Sequence[float]
) -> tuple[float, float, int, float]:
    axes = axial_axes(inside, spacing_mm)
    return axes.long_mm, axes.short_mm, first_slice + axes.slice, float(hu[inside].mean())
