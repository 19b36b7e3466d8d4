"""The list of all scans for a radiologist: what each mask measures, and what is implausible of it.

A flag asks for a look at the scan and excludes nothing. Healthy livers measure 594 to 2,250 ml on
CT (369 adults; Feng et al., World J Gastroenterol 2017;23:4968) and 1,710 +- 288 ml in men, 1,411
+- 263 ml in women (Geraghty et al., Abdom Imaging 2004;29:482). A resected liver is smaller, one
full of metastases larger, so that the limits of the volume lie wider. Those of the share and of the
number of lesions are no limits of any study: they pick out masks that a reader should see.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from livermet.cohort.matching import PLACE
from livermet.contracts import COHORT, COUNT, NUMBER, SERIES, SHARE, TEXT, Column, Contract

LOWEST_LIVER_ML, HIGHEST_LIVER_ML = 500.0, 4000.0
HIGHEST_LESION_SHARE = 0.5
MOST_LESIONS = 50
REFERENCE = "reference"
NO_MASK = "without a mask"
SCAN_LIST = Contract(
    files=("tables/scan_list.csv",),
    row="a series, those with most flags first, then those with most warnings",
    columns=(
        SERIES,
        COHORT,
        PLACE,
        Column(
            "mask",
            TEXT,
            f"whose mask is measured: the final model's name, or {REFERENCE}",
            missing="where the series has neither",
        ),
        Column(
            "liver_ml",
            NUMBER,
            "volume of the liver, its lesions included",
            unit="ml",
            low=0,
            missing=f"{NO_MASK} of the liver",
        ),
        Column("lesions", COUNT, "number of lesions", missing="where they were not counted"),
        Column(
            "burden_ml",
            NUMBER,
            "volume of all lesions",
            unit="ml",
            low=0,
            missing=f"{NO_MASK} of lesions",
        ),
        Column(
            "lesion_share",
            SHARE,
            "volume of all lesions over that of the liver",
            missing=f"{NO_MASK} of either",
        ),
        Column(
            "lesion_dice",
            SHARE,
            "Dice of the final model's lesions with the reference's",
            missing="without a prediction or a reference",
        ),
        Column("warnings", COUNT, "warnings of ingestion, about the CT or the reference"),
        Column(
            "flags",
            TEXT,
            "what is implausible, joined by '; '",
            missing="where nothing is",
        ),
    ),
    key=("series",),
)


def scan_list(
    facts: pd.DataFrame,
    acquisition: pd.DataFrame,
    scans: pd.DataFrame,
    lesions_read: Mapping[str, str],
) -> pd.DataFrame:
    """List every series with its volumes, warnings and flags (`SCAN_LIST`).

    facts: `facts.FACTS`; acquisition: `acquisition.ACQUISITION`; scans: those that the final model
    predicts (`measured.SCANS`), empty where masks are given; lesions_read: the radiology report's
    word on each series, present, absent or empty. A series that the model does not predict is
    measured by its reference.
    """
    recorded = acquisition.set_index("series")
    predicted = scans.set_index("series")
    rows = []
    for fact in facts.itertuples():
        record = recorded.loc[fact.series]
        measured = (
            _predicted(predicted.loc[fact.series])
            if fact.series in predicted.index
            else _of_reference(record, fact.lesions)
        )
        share = _share(measured["burden_ml"], measured["liver_ml"])
        told = [*_flags(measured, share, lesions_read.get(fact.series, ""))]
        rows.append(
            {"series": fact.series, "cohort": fact.cohort, "place": fact.place}
            | measured
            | {"lesion_share": share, "warnings": _warnings(record), "flags": "; ".join(told)}
            | {"_flags": len(told)}
        )
    table = pd.DataFrame(rows, columns=[*SCAN_LIST.names, "_flags"])
    order = {"by": ["_flags", "warnings", "series"], "ascending": [False, False, True]}
    return table.sort_values(**order, ignore_index=True)[SCAN_LIST.names]


def _predicted(scan: pd.Series) -> dict:
    return {
        "mask": scan["model"],
        "liver_ml": scan["predicted_liver_ml"],
        "lesions": scan["predicted_lesions"],
        "burden_ml": scan["predicted_burden_ml"],
        "lesion_dice": scan["lesion_dice"],
    }


def reference_liver_ml(record: pd.Series) -> float:
    """Return the volume of a reference's liver, lesions included, by its record of ingestion.

    NaN where nobody has segmented the liver.
    """
    lesion = record["reference_voxels_lesion"]
    voxels = record["reference_voxels_liver"] + (0 if pd.isna(lesion) else lesion)
    return float(voxels * _voxel_ml(record))


def _voxel_ml(record: pd.Series) -> float:
    return float(np.prod([float(step) for step in str(record["spacing_mm"]).split(";")]) / 1000)


def _of_reference(record: pd.Series, lesions: float) -> dict:
    """Measure a reference by its record of ingestion; `lesions` is their number, if known."""
    liver, lesion = record["reference_voxels_liver"], record["reference_voxels_lesion"]
    neither = pd.isna(liver) and pd.isna(lesion)
    return {
        "mask": "" if neither else REFERENCE,
        "liver_ml": reference_liver_ml(record),
        "lesions": np.nan if pd.isna(lesion) else lesions,
        "burden_ml": lesion * _voxel_ml(record),
        "lesion_dice": np.nan,
    }


def implausible(measured: Mapping) -> list[str]:
    """List what is implausible of a mask by itself: liver_ml, lesions and burden_ml."""
    return [*_flags(measured, _share(measured["burden_ml"], measured["liver_ml"]), "")]


def _share(burden_ml: float, liver_ml: float) -> float:
    return burden_ml / liver_ml if liver_ml > 0 else np.nan


def _warnings(record: pd.Series) -> int:
    told = (record["warnings"], record["reference_warnings"])
    return sum(len(str(one).split("; ")) for one in told if pd.notna(one) and one)


def _flags(measured: Mapping, share: float, read: str) -> Iterator[str]:
    liver_ml, lesions, burden_ml = (measured[name] for name in ("liver_ml", "lesions", "burden_ml"))
    if liver_ml == 0:
        yield "no liver in the mask"
    elif liver_ml > HIGHEST_LIVER_ML or liver_ml < LOWEST_LIVER_ML:
        yield f"liver of {liver_ml / 1000:.1f} l"
    if share > HIGHEST_LESION_SHARE:
        yield f"lesions take {share:.0%} of the liver"
    if lesions > MOST_LESIONS:
        yield f"{lesions:.0f} lesions"
    if read == "present" and burden_ml == 0:
        yield "no lesion, though lesions were read"
    if read == "absent" and burden_ml > 0:
        yield f"lesions of {burden_ml:.1f} ml, though none were read"
