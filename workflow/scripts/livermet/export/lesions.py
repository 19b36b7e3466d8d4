"""What an export tells of a scan: the lesions as detection numbers them, and what is measured.

Arrays are in SimpleITK's order (z, y, x) on the CT's grid.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from livermet.detection.axes import AxialAxes
from livermet.detection.obliquity import tilt_degrees
from livermet.detection.readings import read_scan
from livermet.export.exported import refuse
from livermet.images import LIVER

# Segment 1 is the liver, and lesion n is segment n + 1.
LIVER_SEGMENT = 1
# Numbers of segments have 16 bits.
MOST_LESIONS = 65535 - LIVER_SEGMENT


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

    liver_ml: of the liver with its lesions. burden_ml: of all lesions. tilt_degrees: of the slices,
    which the lesions' axes lie in, to the body's axial plane.
    """

    segments: np.ndarray
    lesions: list[Lesion]
    liver_ml: float
    burden_ml: float
    tilt_degrees: float


def findings_of(prediction: sitk.Image, ct: sitk.Image, components: Mapping[str, int]) -> Findings:
    """Number and measure the lesions of a prediction (0, 1 liver, 2 lesion) on its CT's grid.

    components: connectivity and minimum_lesion_voxels. Lesions of fewer voxels are liver, as
    detection counts them. Raises NotExportedError for more lesions than a SEG has numbers.
    """
    reading = read_scan(ct, prediction, components)
    lesions = [
        Lesion(
            int(row.lesion),
            float(row.volume_ml),
            float(row.mean_hu),
            AxialAxes(row.long_mm, row.short_mm, row.slice),
        )
        for row in reading.lesions.itertuples(index=False)
    ]
    if len(lesions) > MOST_LESIONS:
        refuse(f"a SEG has numbers for {MOST_LESIONS} lesions, and it has more")
    numbers = reading.numbers
    segments = np.where(numbers, numbers + LIVER_SEGMENT, reading.labels == LIVER)
    return Findings(
        segments.astype(np.uint16),
        lesions,
        reading.liver_ml,
        sum(lesion.volume_ml for lesion in lesions),
        tilt_degrees(ct),
    )
