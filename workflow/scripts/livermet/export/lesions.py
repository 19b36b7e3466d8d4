"""What an export tells of a scan: the lesions as detection numbers them, and what is measured.

Arrays are in SimpleITK's order (z, y, x) on the CT's grid.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from livermet.detection.axes import AxialAxes, axial_axes
from livermet.detection.lesions import lesion_boxes, lesion_table
from livermet.images import LIVER, array_of, voxel_volume_ml
from livermet.viewer.overlays import without_small_lesions

# Segment 1 is the liver, and lesion n is segment n + 1.
LIVER_SEGMENT = 1


@dataclass(frozen=True)
class Lesion:
    """One lesion: its number, volume, mean of the CT's HU, and its diameters on an axial slice."""

    number: int
    volume_ml: float
    mean_hu: float
    axes: AxialAxes

    @property
    def segment(self) -> int:
        """The number of its segment."""
        return LIVER_SEGMENT + self.number


@dataclass(frozen=True)
class Findings:
    """A scan's segments (0: none, 1: liver, n + 1: lesion n), its lesions, and its volumes.

    liver_ml: of the liver with its lesions. burden_ml: of all lesions.
    """

    segments: np.ndarray
    lesions: list[Lesion]
    liver_ml: float
    burden_ml: float


def findings_of(prediction: sitk.Image, ct: sitk.Image, components: Mapping[str, int]) -> Findings:
    """Number and measure the lesions of a prediction (0, 1 liver, 2 lesion) on its CT's grid.

    components: connectivity and minimum_lesion_voxels. Lesions of fewer voxels are liver, as
    detection counts them.
    """
    labels, numbers = without_small_lesions(
        array_of(prediction), components["connectivity"], components["minimum_lesion_voxels"]
    )
    hu, voxel_ml = array_of(ct), voxel_volume_ml(ct)
    spacing = ct.GetSpacing()[::-1]
    lesions = []
    rows = lesion_table(numbers, ct).itertuples(index=False)
    for box, row in zip(lesion_boxes(numbers), rows, strict=True):
        inside = numbers[box] == row.lesion
        lesions.append(
            Lesion(
                int(row.lesion),
                float(row.volume_ml),
                float(hu[box][inside].mean()),
                axial_axes(inside, spacing),
            )
        )
    segments = np.where(numbers, numbers + LIVER_SEGMENT, labels == LIVER).astype(np.uint16)
    return Findings(
        segments,
        lesions,
        float(np.count_nonzero(labels) * voxel_ml),
        sum(lesion.volume_ml for lesion in lesions),
    )
