"""A new patient of two series whose lesions are boxes, and the page that the study gets.

The thin series has slices of 2.5 mm and pixels of 2 mm; the liver is a box of 40 x 30 x 20 voxels
(x, y, z), 240 ml. Lesion 1 is 10 x 8 x 4 voxels, 3.2 ml, lesion 2 is 4 x 4 x 2, 0.32 ml, lesion 3 a
single voxel, 0.01 ml. The thick series shows lesion 1 alone, in slices of 5 mm.
"""

import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.patients.measured import Measured, measure
from livermet.patients.page import compose
from livermet.patients.rendering import PATIENT, render
from livermet.patients.results import Verdicts, prediction_table

STUDY, PATIENT_NAME = "pbcdfghjklmnp_20240301", "pbcdfghjklmnp"
THIN, THICK = f"{STUDY}_2.5mm_aaaaaa", f"{STUDY}_5mm_bbbbbb"
COMPONENTS = {"connectivity": 26, "minimum_lesion_voxels": 1}
CLASSIFIER = {
    "name": "NE",
    "classifier": "LR",
    "folds": [{}, {}, {}, {}, {}],
    "patients": 40,
    "series": 61,
    "validation": {
        "auc": 0.71,
        "lowest": 0.62,
        "highest": 0.78,
        "deals": 20,
        "volume_auc": 0.55,
    },
}
LIVER = np.s_[5:25, 20:50, 12:52]
FIRST, SECOND, THIRD = np.s_[10:14, 30:38, 20:30], np.s_[18:20, 26:30, 40:44], np.s_[8, 44, 16]
HU = {1: 110, 2: 60}


def volumes(thick: bool = False) -> tuple[sitk.Image, sitk.Image]:
    """The CT and the label map of a series."""
    labels = np.zeros((30, 72, 64), np.uint8)
    labels[LIVER] = 1
    for place in (FIRST,) if thick else (FIRST, SECOND, THIRD):
        labels[place] = 2
    _, y, x = np.ogrid[:30, :72, :64]
    body = ((y - 36) / 34) ** 2 + ((x - 32) / 30) ** 2 <= 1
    hu = np.where(np.broadcast_to(body, labels.shape), 40, -1000).astype(np.int16)
    for label, value in HU.items():
        hu[labels == label] = value
    if thick:
        hu, labels = hu[::2].copy(), labels[::2].copy()
    images = []
    for array in (hu, labels):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((2.0, 2.0, 5.0 if thick else 2.5))
        # Canonical: x to the right, y to the front.
        image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
        images.append(image)
    return images[0], images[1]


def measured(both: bool = True) -> list[Measured]:
    """The thick series, which comes first in the sheet, and the thin one."""
    names = [(THICK, True), (THIN, False)] if both else [(THIN, False)]
    return [measure(name, *volumes(thick), COMPONENTS) for name, thick in names]


def judged(withheld: str = "") -> pd.DataFrame:
    """What the classifier says of both series and of the study."""
    rows = [
        ("series", THICK, 0.62, 0.40, 0.81, ""),
        ("series", THIN, 0.70, 0.55, 0.86, ""),
        ("study", "", 0.66, 0.40, 0.86, ""),
    ]
    columns = ["level", "series", "probability", "lowest", "highest", "reasons"]
    table = pd.DataFrame(rows, columns=columns).assign(study=STUDY, called=1, verdict="predicted")
    if withheld:
        table[["probability", "lowest", "highest", "called"]] = np.nan
        table = table.assign(verdict="no validated prediction", reasons=withheld)
    return table


def verdicts(withheld: str = "") -> Verdicts:
    return Verdicts(judged(withheld), "NE")


def content(said: Verdicts | None = None, both: bool = True) -> dict:
    """What the page of the study shows."""
    series, said = measured(both), said or verdicts()
    prediction = prediction_table(STUDY, PATIENT_NAME, series, said).iloc[0].to_dict()
    classifier = CLASSIFIER if said.table is not None else None
    views = {one.series: f"../viewer/series/{one.series}.html" for one in series}
    told = {
        "run": "predict",
        "version": "0",
        "phantoms": False,
        "model": "nnU-Net, fine-tuned",
        "networks": 5,
        "views": views,
    }
    return compose(prediction, series, said, classifier, {THIN: ["a warning."]}, told)


def page(said: Verdicts | None = None, both: bool = True) -> str:
    """The page of the study."""
    return render(content(said, both), PATIENT)
