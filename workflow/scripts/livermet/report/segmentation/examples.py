"""Which scans figure 2 shows, and the slice of each that shows most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.images import BACKGROUND, LESION, array_of, read_image, voxel_volume_ml

MARGIN_MM = 25.0
# Towards what each axis of DICOM's patient coordinates grows, and what lies the other way.
TOWARDS = (("L", "R"), ("P", "A"), ("H", "F"))
# An axis that is tilted by more towards another one is named by both, as DICOM has it.
TILTED = float(np.sin(np.radians(15)))
HIGHEST, LOWEST = "highest", "lowest"


@dataclass(frozen=True)
class Example:
    """One axial slice as a radiologist sees it: rows run to posterior, columns to the left.

    ct: HU; reference, prediction: labels, and prediction is None where the masks were given.
    pixel_mm: height and width of a pixel. number, slices: which slice it is, counted from 1 at the
    feet, and of how many. letters: what lies to the left, right, top and bottom of the picture.
    place, value: 'highest' or 'lowest', and its Dice or burden in words.
    """

    series: str
    place: str
    value: str
    ct: np.ndarray
    reference: np.ndarray
    prediction: np.ndarray | None
    pixel_mm: tuple[float, float]
    number: int
    slices: int
    letters: tuple[str, str, str, str] = ("R", "L", "A", "P")

    @property
    def box_mm(self) -> tuple[float, float, float, float]:
        """Left, right, top and bottom of all that is labelled, in mm from the picture's corner."""
        drawn = [mask for mask in (self.reference, self.prediction) if mask is not None]
        shown = np.any([mask != BACKGROUND for mask in drawn], axis=0)
        if not shown.any():
            shown = np.ones_like(shown)
        sides = []
        for axis, size_mm in ((0, self.pixel_mm[1]), (1, self.pixel_mm[0])):
            places = np.flatnonzero(shown.any(axis=axis))
            sides += [places[0] * size_mm, (places[-1] + 1) * size_mm]
        left, right, top, bottom = map(float, sides)
        return left, right, top, bottom


def extremes(scans: pd.DataFrame, by: str) -> list[tuple[str, pd.Series]]:
    """Choose the scans with the highest and the lowest value of a column; one where it is alone.

    Where any scan has reference lesions, those without are left out: two empty masks agree, and
    show nothing. So are scans whose value is missing; of equals the first by name is taken.
    """
    known = scans.dropna(subset=[by]).sort_values("series")
    if "reference_lesions" in known and known["reference_lesions"].gt(0).any():
        known = known[known["reference_lesions"].gt(0)]
    if known.empty:
        return []
    places = [known[by].idxmax(), known[by].idxmin()]
    if known[by].nunique() == 1 and len(known) > 1:
        places[1] = known.index[1]
    named = zip((HIGHEST, LOWEST), dict.fromkeys(places), strict=False)
    return [(name, known.loc[place]) for name, place in named]


def scans_by_burden(facts: pd.DataFrame, masks: Mapping[str, str | Path]) -> pd.DataFrame:
    """Return the scans that may stand as examples where the masks were given: series, burden_ml.

    They are the classified ones among `masks` (series to label map), whose burden `facts` knows, or
    else all of `masks`, with the burden of the mask itself.
    """
    known = facts[facts["series"].isin(masks) & facts["included"] & facts["burden_ml"].notna()]
    if len(known):
        return known[["series", "burden_ml"]]
    burdens = [mask_burden_ml(path) for path in masks.values()]
    return pd.DataFrame({"series": list(masks), "burden_ml": burdens})


def mask_burden_ml(path: str | Path) -> float:
    """Measure the volume of all lesions of a label map."""
    image = read_image(path)
    return float(np.count_nonzero(array_of(image) == LESION) * voxel_volume_ml(image))


def read_example(
    row: tuple[str, str, str], ct: str | Path, reference: str | Path, prediction: str | Path | None
) -> Example:
    """Read a scan's axial slice with the largest lesion area; `row` is series, place and value.

    The area is that of the reference; without reference lesions that of the prediction, and then
    that of the liver.
    """
    image = sitk.DICOMOrient(read_image(ct), "LPS")
    labels = [
        array_of(sitk.DICOMOrient(read_image(path), "LPS"))
        for path in (reference, prediction)
        if path
    ]
    z = fullest_slice(labels)
    columns_mm, rows_mm = image.GetSpacing()[:2]
    return Example(
        *row,
        ct=array_of(image)[z].astype(np.float32),
        reference=labels[0][z],
        prediction=labels[1][z] if prediction else None,
        pixel_mm=(rows_mm, columns_mm),
        number=z + 1,
        slices=len(labels[0]),
        letters=letters_of(image.GetDirection()),
    )


def letters_of(direction: Sequence[float]) -> tuple[str, str, str, str]:
    """Name what lies to the left, right, top and bottom of a slice, from direction cosines.

    `direction` is SimpleITK's: nine numbers, row by row, whose first and second column are the
    directions of columns and rows in DICOM's coordinates (left, posterior, head).
    """
    cosines = np.reshape(direction, (3, 3))
    along, down = cosines[:, 0], cosines[:, 1]
    return _letters(-along), _letters(along), _letters(-down), _letters(down)


def _letters(axis: np.ndarray) -> str:
    order = np.argsort(-np.abs(axis), kind="stable")
    return "".join(
        TOWARDS[place][int(axis[place] < 0)] for place in order if abs(axis[place]) > TILTED
    )


def fullest_slice(labels: list[np.ndarray]) -> int:
    """Return the slice with most lesion voxels, by the first label map that has any, else liver."""
    for wanted in (lambda label: label == LESION, lambda label: label != BACKGROUND):
        for label in labels:
            area = wanted(label).sum(axis=(1, 2))
            if area.any():
                return int(area.argmax())
    return labels[0].shape[0] // 2
