"""Lesions of a label map, their match between prediction and reference, and the scores that follow.

A lesion is one connected component of label 2. Matching follows the paper's reading, any overlap:
a reference lesion is detected if at least one voxel of any predicted lesion lies in it; a predicted
lesion is a true positive if at least one of its voxels lies in any reference lesion, and a false
positive otherwise. So a predicted lesion that merges two reference lesions detects both and is one
true positive, and two predicted parts of one reference lesion detect it once and are both true
positives.

Scans without lesions have stated results:

==================  ===================  ==================================================
reference lesions   predicted lesions    result
==================  ===================  ==================================================
none                none                 lesion Dice 1, no entry in sensitivity or PPV
none                some                 lesion Dice 0, every predicted lesion false positive
some                none                 lesion Dice 0, no reference lesion detected
==================  ===================  ==================================================

Arrays are in SimpleITK's order (z, y, x); patient coordinates are mm in DICOM's axes (x to the
patient's left, y to the back, z to the head), which are those of SimpleITK.
"""

from dataclasses import asdict, dataclass

import cc3d
import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.errors import InputError
from livermet.images import LESION, LIVER, array_of, grid_difference, voxel_volume_ml

SUMMARY_COLUMNS = (
    "model",
    "cohort",
    "scans",
    "median_dice",
    "median_liver_dice",
    "lesion_sensitivity",
    "lesion_ppv",
    "false_positives_per_scan",
)
LESION_COLUMNS = (
    "series",
    "model",
    "side",
    "lesion",
    "voxels",
    "volume_ml",
    "diameter_mm",
    "x_mm",
    "y_mm",
    "z_mm",
    "matched",
)


@dataclass(frozen=True)
class ScanScores:
    """One scan's scores; None where there is no reference to measure against.

    Volumes are in ml. `detected_lesions` are reference lesions that a predicted lesion touches,
    `true_positive_lesions` predicted lesions that touch a reference lesion. The liver includes its
    lesions (label 1 or 2). A burden is the volume of all lesions.
    """

    has_reference: bool
    reference_lesions: int | None
    predicted_lesions: int
    detected_lesions: int | None
    true_positive_lesions: int | None
    false_positives: int | None
    liver_dice: float | None
    lesion_dice: float | None
    reference_burden_ml: float | None
    predicted_burden_ml: float
    reference_liver_ml: float | None
    predicted_liver_ml: float


def lesion_components(
    labels: np.ndarray, connectivity: int = 26, minimum_voxels: int = 1
) -> np.ndarray:
    """Number the lesions of a label map 1 to n by decreasing volume; 0 elsewhere.

    labels: (z, y, x), 0 background, 1 liver, 2 lesion. connectivity: 6 (faces), 18 (and edges) or
    26 (and corners). Lesions of equal volume are ordered by their first voxel in (z, y, x) order.
    Components of fewer than `minimum_voxels` voxels are left out.
    """
    components, found = cc3d.connected_components(
        labels == LESION, connectivity=connectivity, return_N=True
    )
    flat = components.ravel()
    _, first, voxels = np.unique(flat[np.flatnonzero(flat)], return_index=True, return_counts=True)
    order = np.lexsort((first, -voxels))
    kept = order[voxels[order] >= minimum_voxels]
    numbers = np.zeros(found + 1, components.dtype)
    numbers[kept + 1] = np.arange(1, len(kept) + 1)
    return numbers[components]


def lesion_table(components: np.ndarray, grid: sitk.Image) -> pd.DataFrame:
    """Measure each lesion of a component map that lies on an image's grid.

    components: (z, y, x), 0 or a lesion's number 1 to n. One row a lesion: lesion, voxels,
    volume_ml, diameter_mm (of the sphere of equal volume), x_mm, y_mm, z_mm (centroid in patient
    coordinates).
    """
    places = np.nonzero(components)
    numbers = components[places]
    voxels = np.bincount(numbers)[1:]
    volume_ml = voxels * voxel_volume_ml(grid)
    index = np.stack([np.bincount(numbers, weights=axis)[1:] for axis in places[::-1]], axis=-1)
    centroids = [
        grid.TransformContinuousIndexToPhysicalPoint(point.tolist())
        for point in index / voxels[:, np.newaxis]
    ]
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
    reference, prediction = reference.ravel(), prediction.ravel()
    shared = np.flatnonzero((reference != 0) & (prediction != 0))
    columns = int(prediction.max(initial=0)) + 1
    joint = reference[shared].astype(np.int64) * columns + prediction[shared]
    pairs, voxels = np.unique(joint, return_counts=True)
    return pd.DataFrame(
        {"reference": pairs // columns, "prediction": pairs % columns, "voxels": voxels}
    )


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Give the Dice coefficient of two masks of one shape; 1 where both are empty (stated)."""
    total = np.count_nonzero(one) + np.count_nonzero(other)
    return 2.0 * np.count_nonzero(one & other) / total if total else 1.0


def measure_scan(
    prediction: sitk.Image,
    reference: sitk.Image | None,
    connectivity: int = 26,
    minimum_lesion_voxels: int = 1,
) -> tuple[ScanScores, pd.DataFrame]:
    """Measure one scan's prediction, against its reference where there is one.

    Label maps 0 background, 1 liver, 2 lesion on one grid. Predicted lesions of fewer than
    `minimum_lesion_voxels` voxels count as liver, in every score and in the burden; the reference
    is never filtered. Returns the scan's scores and one row a lesion of either side (side,
    lesion, voxels, volume_ml, diameter_mm, x_mm, y_mm, z_mm, matched), reference first; `matched`
    is empty without a reference. Raises InputError where the grids differ.
    """
    predicted = array_of(prediction)
    found = lesion_components(predicted, connectivity, minimum_lesion_voxels)
    found_table = lesion_table(found, prediction).assign(side="prediction", matched=None)
    voxel_ml = voxel_volume_ml(prediction)
    if reference is None:
        scores = ScanScores(
            has_reference=False,
            reference_lesions=None,
            predicted_lesions=len(found_table),
            detected_lesions=None,
            true_positive_lesions=None,
            false_positives=None,
            liver_dice=None,
            lesion_dice=None,
            reference_burden_ml=None,
            predicted_burden_ml=float(found_table["volume_ml"].sum()),
            reference_liver_ml=None,
            predicted_liver_ml=np.count_nonzero(predicted >= LIVER) * voxel_ml,
        )
        return scores, found_table
    if difference := grid_difference(prediction, reference):
        raise InputError(
            f"prediction and reference lie on different grids: {difference}; "
            "run the prediction and the ingest of this series again."
        )
    truth = array_of(reference)
    known = lesion_components(truth, connectivity)
    pairs = overlapping_pairs(known, found)
    known_table = lesion_table(known, reference).assign(side="reference")
    known_table["matched"] = known_table["lesion"].isin(pairs["reference"])
    found_table["matched"] = found_table["lesion"].isin(pairs["prediction"])
    scores = ScanScores(
        has_reference=True,
        reference_lesions=len(known_table),
        predicted_lesions=len(found_table),
        detected_lesions=int(known_table["matched"].sum()),
        true_positive_lesions=int(found_table["matched"].sum()),
        false_positives=int((~found_table["matched"]).sum()),
        liver_dice=dice(truth >= LIVER, predicted >= LIVER),
        lesion_dice=dice(known > 0, found > 0),
        reference_burden_ml=float(known_table["volume_ml"].sum()),
        predicted_burden_ml=float(found_table["volume_ml"].sum()),
        reference_liver_ml=np.count_nonzero(truth >= LIVER) * voxel_ml,
        predicted_liver_ml=np.count_nonzero(predicted >= LIVER) * voxel_ml,
    )
    return scores, pd.concat([known_table, found_table], ignore_index=True)


def scan_table(series: str, model: str, kind: str, scores: ScanScores) -> pd.DataFrame:
    """Give a scan's scores as a table of one row, led by series, model and kind of prediction."""
    row = {"series": series, "model": model, "kind": kind, **asdict(scores)}
    return pd.DataFrame([row]).astype(object)


def summarise(scans: pd.DataFrame, cohort: str) -> pd.DataFrame:
    """Summarise the scans of a cohort as table 3 does: one row a model, in order of appearance.

    scans: rows of `scan_table`, any models; scans without a reference are left out. median_dice
    (lesions) and median_liver_dice are medians over scans, with Dice 1 for a scan that has no
    lesion in reference and prediction; lesion_sensitivity (detected of all reference lesions) and
    lesion_ppv (true positives of all predicted lesions) pool the lesions of all scans, NaN where
    there are none; false_positives_per_scan is their mean over scans.
    """
    measured = scans[scans["has_reference"].astype(bool)]
    rows = [
        {
            "model": model,
            "cohort": cohort,
            "scans": len(table),
            "median_dice": table["lesion_dice"].astype(float).median(),
            "median_liver_dice": table["liver_dice"].astype(float).median(),
            "lesion_sensitivity": _share(table["detected_lesions"], table["reference_lesions"]),
            "lesion_ppv": _share(table["true_positive_lesions"], table["predicted_lesions"]),
            "false_positives_per_scan": table["false_positives"].astype(float).mean(),
        }
        for model, table in measured.groupby("model", sort=False)
    ]
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def _share(part: pd.Series, whole: pd.Series) -> float:
    total = whole.astype(float).sum()
    return part.astype(float).sum() / total if total else float("nan")
