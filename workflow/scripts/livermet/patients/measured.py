"""What is measured of a new patient's scan: each lesion's size and axes, burden, liver, RECIST.

Arrays are in SimpleITK's order (z, y, x) of a canonical CT, whose slices go from the feet to the
head and are axial, or tilted where the CT is oblique.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.detection.obliquity import tilt_degrees
from livermet.detection.readings import read_scan
from livermet.errors import InputError
from livermet.images import array_of, grid_difference
from livermet.patients.tables import NEW_LESIONS

# RECIST 1.1 (Eisenhauer, Eur J Cancer 2009): at most two target lesions an organ, each of 10 mm in
# its long axis; of slices thicker than 5 mm, of twice their thickness.
MOST_TARGETS, MEASURABLE_MM, THICK_MM = 2, 10.0, 5.0
# Of the largest liver of a study's series, what another one has to hold to tell of its lesions: a
# thin series of the chest ends within the liver. Slices of 5 mm move a volume by less.
WHOLE_LIVER = 0.9


@dataclass(frozen=True)
class Measured:
    """A series that was measured.

    hu and labels: (z, y, x), labels 0 background, 1 liver, 2 lesion, those too small left out as in
    detection. spacing_mm: (z, y, x). lesions: one row a lesion, `NEW_LESIONS` without the study.
    tilt_degrees: of the slices to the body's axial plane.
    """

    series: str
    hu: np.ndarray
    labels: np.ndarray
    spacing_mm: tuple[float, float, float]
    lesions: pd.DataFrame
    liver_ml: float
    tilt_degrees: float = 0.0

    @property
    def row(self) -> dict:
        """What the series counts: columns of `NEW_SERIES`."""
        return {
            "series": self.series,
            "slice_spacing_mm": self.spacing_mm[0],
            "lesions": len(self.lesions),
            "burden_ml": float(self.lesions["volume_ml"].sum()),
            "liver_ml": self.liver_ml,
            "diameters_mm": float(self.lesions.loc[self.lesions["target"], "long_mm"].sum()),
            "measurable_from_mm": measurable_from_mm(self.spacing_mm[0]),
        }


def measure(
    series: str, ct: sitk.Image, mask: sitk.Image, components: Mapping[str, int]
) -> Measured:
    """Measure a series by its CT and a label map on its grid.

    components: connectivity and minimum_lesion_voxels, as in detection. Raises InputError where the
    two lie on different grids.
    """
    if difference := grid_difference(mask, ct):
        raise InputError(
            f"Series '{series}': its CT and its prediction lie on different grids ({difference}); "
            "remove the prediction, and run again."
        )
    reading = read_scan(ct, mask, components)
    spacing_mm = _three(ct.GetSpacing()[::-1])
    lesions = reading.lesions.assign(
        # People count slices from 1.
        slice=reading.lesions["slice"] + 1,
        target=targets(reading.lesions["long_mm"], spacing_mm[0]),
        series=series,
    )
    return Measured(
        series,
        array_of(ct),
        reading.labels,
        spacing_mm,
        lesions[[name for name in NEW_LESIONS.names if name != "study"]],
        reading.liver_ml,
        tilt_degrees(ct),
    )


def measurable_from_mm(slice_spacing_mm: float) -> float:
    """Return the long axis (mm) from which on a lesion is measurable, by the slices' distance."""
    # NIfTI's spacing has 32 bits: 5 mm may be a little more.
    return round(2 * slice_spacing_mm, 4) if slice_spacing_mm > THICK_MM else MEASURABLE_MM


def targets(long_mm: pd.Series, slice_spacing_mm: float) -> pd.Series:
    """Tell which lesions are targets: of those measurable the two with the longest long axis.

    Of equals the first counts, which is the one of larger volume.
    """
    # A length that is exactly as long may be rounded below it.
    measurable = long_mm[long_mm.round(6) >= measurable_from_mm(slice_spacing_mm)]
    longest = measurable.sort_values(ascending=False, kind="stable").index[:MOST_TARGETS]
    return pd.Series(long_mm.index.isin(longest), index=long_mm.index, dtype=bool)


def shown_of(measured: Sequence[Measured]) -> Measured:
    """Choose the series that tells of a study's lesions: the thinnest slices of the whole liver.

    A series has the whole liver that has `WHOLE_LIVER` of the largest liver of all.
    """
    whole = WHOLE_LIVER * max(one.liver_ml for one in measured)
    return min(
        (one for one in measured if one.liver_ml >= whole), key=lambda one: one.spacing_mm[0]
    )


def study_lesions(study: str, measured: Sequence[Measured]) -> pd.DataFrame:
    """Return one row a lesion of a study's series: `NEW_LESIONS`."""
    tables = [one.lesions for one in measured if len(one.lesions)]
    if not tables:
        return pd.DataFrame(columns=NEW_LESIONS.names)
    return pd.concat(tables, ignore_index=True).assign(study=study)[NEW_LESIONS.names]


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    first, second, third = map(float, values)
    return first, second, third
