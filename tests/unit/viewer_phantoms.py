"""A series for the viewer whose lesions can be counted by hand, and the page that it gets."""

import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.detection.scores import measure_scan, scan_table
from livermet.viewer.page import series_page
from livermet.viewer.view import Masks, view_of

# (z, y, x): x grows to the patient's right, y to the front, z to the head; mm by (x, y, z).
SHAPE, SPACING = (20, 48, 64), (1.5, 1.5, 4.0)
BODY = np.s_[:, 6:42, 8:56]
LIVER = np.s_[4:16, 12:36, 30:54]
# Found in part: 4 x 8 x 8 voxels, of which the prediction has the upper half and as many more.
FOUND, PREDICTED = np.s_[6:10, 24:32, 42:50], np.s_[8:12, 24:32, 42:50]
MISSED = np.s_[12:14, 14:18, 34:38]
FALSE = np.s_[5:8, 14:20, 32:38]
# One voxel, which counts as liver.
SMALL = np.s_[15:16, 34:35, 52:53]
# The other predicts the missed lesion alone, and has no probabilities.
MODEL, OTHER = MODELS = ("unet", "segresnet")
RULES = ("any_overlap", "iou_0.5")
COMPONENTS = {"connectivity": 26, "minimum_lesion_voxels": 2}
TOLD = {
    "run": "phantoms",
    "version": "0",
    "phantoms": True,
    "final_model": MODEL,
    "patients": False,
    "models": {MODEL: "U-Net", OTHER: "SegResNet"},
    "rules": {"any_overlap": "any overlap", "iou_0.5": "IoU 0.5"},
}
ROW = {
    "cohort": "mSCLC",
    "phase": "portal venous",
    "has_lesions": True,
    "phantom": True,
    "kinds": {MODEL: "single", OTHER: "single"},
}
# Of the reference's lesions, which the CT shows, and of all else.
LESION_HU, LIVER_HU, BODY_HU = 150, 60, 20


def image(array: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.SetSpacing(SPACING)
    return made


def ct() -> sitk.Image:
    hu = np.full(SHAPE, -1000, np.int16)
    hu[BODY], hu[LIVER] = BODY_HU, LIVER_HU
    for lesion in (FOUND, MISSED):
        hu[lesion] = LESION_HU
    return image(hu)


def labels(*lesions) -> sitk.Image:
    array = np.zeros(SHAPE, np.uint8)
    array[LIVER] = 1
    for lesion in lesions:
        array[lesion] = 2
    return image(array)


def probability() -> np.ndarray:
    """0.8 on the found lesion, 0.6 on the false one, 0.3 on the missed one; a byte a voxel."""
    array = np.zeros(SHAPE, np.uint8)
    for lesion, share in ((PREDICTED, 0.8), (FALSE, 0.6), (MISSED, 0.3)):
        array[lesion] = round(255 * share)
    return array


def masks() -> Masks:
    return Masks(
        labels(FOUND, MISSED),
        {MODEL: labels(PREDICTED, FALSE, SMALL), OTHER: labels(MISSED)},
        {MODEL: probability()},
    )


def measured(series: str = "a1") -> dict[str, pd.DataFrame]:
    """What detection measures of it."""
    given = masks()
    tables: dict[str, list] = {"scans": [], "lesions": [], "groups": []}
    for model in MODELS:
        found = measure_scan(
            given.predictions[model], given.reference, **COMPONENTS, matching=RULES
        )
        tables["scans"].append(scan_table(series, model, "single", found.scores))
        tables["lesions"].append(found.lesions.assign(series=series, model=model))
        tables["groups"].append(found.groups.assign(series=series, model=model))
    return {name: pd.concat(parts) for name, parts in tables.items()}


def view(series: str = "a1"):
    return view_of(series, ROW, ct(), masks(), measured(series), COMPONENTS, TOLD)


def page(series: str = "a1") -> str:
    return series_page(view(series), TOLD)
