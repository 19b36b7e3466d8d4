"""Phantoms of lesions of a scan and of studies of a patient.

Scans and models are those of `segmentation_error_phantoms`: a positive scan has x = 1, a negative
one -1. Each of the 24 training scans has two lesions with its own x, but t00, whose second lesion
has x = -1; of the test scans v0 has lesions of x = 1 and 3, the others have one.

Two patients of a test set, each with a series a study. Patient a: 2020-01-01 positive (probability
0.8, score 0.3, 10 ml), 2020-01-31 negative (0.3, -0.1, 4 ml), 2020-03-31 negative (0.6, -0.2,
5 ml). Patient b has two studies whose names hold no date, both positive (0.9 and 0.7).
"""

import numpy as np
import pandas as pd

from livermet.phenotype.fits import PREDICTIONS
from livermet.phenotype.table import RADIOMIC_FEATURES
from livermet.validation.variation import (
    heterogeneity,
    over_time,
    score_lesions,
    study_pairs,
    tabulate_lesion_calls,
)

from . import segmentation_error_phantoms as scans
from .segmentation_error_phantoms import LOOKED_AT, probability
from .written import read_back

STUDIES = {
    # label, score, probability, burden
    "a_20200331": (0, -0.2, 0.6, 5.0),
    "a_20200101": (1, 0.3, 0.8, 10.0),
    "a_20200131": (0, -0.1, 0.3, 4.0),
    "b_first": (1, 0.2, 0.9, 1.0),
    "b_second": (1, 0.2, 0.7, 1.0),
}


def lesions() -> pd.DataFrame:
    table = scans.table().set_index("series")
    rows = []
    for series in table.index:
        several = series.startswith("t") or series == "v0"
        for lesion in range(1, 2 + several):
            rows.append({"series": series, "lesion": lesion, "volume_ml": 2.0 / lesion})
    found = pd.DataFrame(rows).join(table[list(RADIOMIC_FEATURES)], on="series")
    second = found["lesion"].eq(2)
    found.loc[second & found["series"].eq("t00"), LOOKED_AT] = -1.0
    found.loc[second & found["series"].eq("v0"), LOOKED_AT] = 3.0
    return found


def predictions() -> pd.DataFrame:
    """The model's own scores of the scans."""
    rows = scans.table()
    tested = rows["group"].eq("test")
    rows = rows.assign(protocol="corrected", model="LR", weighting="none", threshold=0.5)
    rows["set"] = np.where(tested, "test", "validation")
    rows["fold"] = rows["fold"].astype(str).mask(tested, "ensemble")
    rows["probability"] = rows[LOOKED_AT].map(probability)
    rows["predicted"] = rows["probability"].gt(0.5).astype(int)
    return rows[PREDICTIONS.names]


def of_studies() -> tuple[pd.DataFrame, pd.Series]:
    """Predictions of the two patients' studies, and the burden of each series."""
    facts = ["label", "score", "probability", "burden_ml"]
    rows = pd.DataFrame.from_dict(STUDIES, orient="index", columns=facts)
    rows = rows.rename_axis("study").reset_index()
    rows = rows.assign(series=rows["study"], patient=rows["study"].str[0], threshold=0.5)
    rows["predicted"] = rows["probability"].gt(0.5).astype(int)
    told = {"protocol": "corrected", "model": "LR", "weighting": "none", "set": "test"}
    rows = rows.assign(**told, fold="ensemble")
    return rows[PREDICTIONS.names], rows.set_index("series")["burden_ml"]


def differing() -> pd.DataFrame:
    return read_back(heterogeneity(scans.table(), lesions()))


def calls() -> pd.DataFrame:
    scored = score_lesions(scans.table(), lesions(), scans.chosen())
    return read_back(tabulate_lesion_calls(scored, predictions(), "LR"))


def changes() -> pd.DataFrame:
    return read_back(over_time(*of_studies(), "LR"))


def pairs() -> pd.DataFrame:
    return read_back(study_pairs(*of_studies(), "LR"))
