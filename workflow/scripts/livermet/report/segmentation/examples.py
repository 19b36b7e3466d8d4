"""Which scans figure 2 shows, and the slice of each that shows most."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.images import BACKGROUND, LESION, array_of, read_image, voxel_volume_ml

MARGIN_MM = 25.0


@dataclass(frozen=True)
class Example:
    """One axial slice as a radiologist sees it: rows run to posterior, columns to the left.

    `ct` in HU; `reference` and `prediction` hold labels, and `prediction` is None where the masks
    were given. `pixel_mm` is (row, column). `title` names the scan and its Dice or burden.
    """

    title: str
    ct: np.ndarray
    reference: np.ndarray
    prediction: np.ndarray | None
    pixel_mm: tuple[float, float]


def ranked_scans(scans: pd.DataFrame, by: str) -> list[tuple[str, pd.Series]]:
    """Choose the best, the median and the worst scan by a column; fewer where scans are fewer.

    Scans whose value is missing are left out; ties keep the order of the series' names. Of an even
    number of scans the median is the better of the two in the middle.
    """
    ordered = scans.dropna(subset=[by]).sort_values("series")
    ordered = ordered.sort_values(by, ascending=False, kind="stable").reset_index(drop=True)
    last = len(ordered) - 1
    chosen: dict[int, str] = {}
    for place, name in ((0, "best"), (last, "worst"), (last // 2, "median")):
        if 0 <= place <= last:
            chosen.setdefault(place, name)
    return [(chosen[place], ordered.loc[place]) for place in sorted(chosen)]


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
    title: str, ct: str | Path, reference: str | Path, prediction: str | Path | None
) -> Example:
    """Read a scan and cut the axial slice with the largest lesion area, around the liver.

    The area is that of the reference; without reference lesions that of the prediction, and then
    that of the liver. The cut leaves 25 mm around everything that is labelled in the slice.
    """
    image = sitk.DICOMOrient(read_image(ct), "LPS")
    labels = [
        array_of(sitk.DICOMOrient(read_image(path), "LPS")).copy()
        for path in (reference, prediction)
        if path
    ]
    z = fullest_slice(labels)
    columns_mm, rows_mm = image.GetSpacing()[:2]
    shown = np.any([label[z] != BACKGROUND for label in labels], axis=0)
    window = _cut(shown, (rows_mm, columns_mm))
    slices = [label[z][window] for label in labels]
    ct_slice = array_of(image)[z][window].astype(np.float32)
    drawn = slices[1] if prediction else None
    return Example(title, ct_slice, slices[0], drawn, (rows_mm, columns_mm))


def fullest_slice(labels: list[np.ndarray]) -> int:
    """Return the slice with most lesion voxels, by the first label map that has any, else liver."""
    for wanted in (lambda label: label == LESION, lambda label: label != BACKGROUND):
        for label in labels:
            area = wanted(label).sum(axis=(1, 2))
            if area.any():
                return int(area.argmax())
    return labels[0].shape[0] // 2


def _cut(shown: np.ndarray, pixel_mm: tuple[float, float]) -> tuple[slice, slice]:
    if not shown.any():
        return slice(None), slice(None)
    cut = []
    for axis, size_mm in enumerate(pixel_mm):
        places = np.flatnonzero(shown.any(axis=1 - axis))
        margin = int(np.ceil(MARGIN_MM / size_mm))
        cut.append(slice(max(0, places[0] - margin), places[-1] + margin + 1))
    return cut[0], cut[1]
