"""The list of scans on the page, and the limits behind its flags."""

import pandas as pd

from livermet.cohort.scan_list import (
    HIGHEST_LESION_SHARE,
    HIGHEST_LIVER_ML,
    LOWEST_LIVER_ML,
    MOST_LESIONS,
    REFERENCE,
)
from livermet.report import words
from livermet.report.run import Run

# Flags that a sentence names; the table has all.
NAMED = 3


def scan_list(table: pd.DataFrame) -> pd.DataFrame:
    """Show what to look at beside each series, its volumes, and how many warnings it carries."""
    shown = pd.DataFrame(
        {
            "series": table["series"],
            "To look at": table["flags"].fillna(""),
            "Liver, ml": table["liver_ml"].map(lambda value: words.number(value, 0)),
            "Lesions": table["lesions"],
            "Lesions, ml": table["burden_ml"].map(lambda value: words.number(value, 1)),
            "Share of the liver": table["lesion_share"].map(_percent),
            "Lesion Dice": table["lesion_dice"].map(words.number),
            "Warnings": table["warnings"],
            "cohort": table["cohort"],
            "place": table["place"],
            "Measured in": table["mask"].fillna("").map(_mask),
        }
    )
    # Where masks are given there is no second one to overlap with.
    return shown if table["lesion_dice"].notna().any() else shown.drop(columns="Lesion Dice")


def _percent(share: float) -> str:
    return words.MISSING if pd.isna(share) else f"{100 * share:.1f}%"


def _mask(name: str) -> str:
    return "reference" if name == REFERENCE else words.value("model", name)


def sentences(run: Run) -> list[str]:
    """Say how many scans carry a flag, name the first ones, and tell the limits."""
    table = run.table("scan_list")
    if table is None:
        return []
    flagged = table[table["flags"].fillna("").ne("")]
    every = words.counted(len(table), "series", "series")
    if flagged.empty:
        told = f"No mask of {every} is implausible."
    else:
        named = [f"{row.series} ({row.flags})" for row in flagged.head(NAMED).itertuples()]
        more = ", the first of them " if len(flagged) > NAMED else ": "
        told = f"To look at first: {len(flagged)} of {every}{more}{words.listed(named)}."
    return [told, limits()]


def limits() -> str:
    """Tell from where on a scan is flagged, and where the limits come from."""
    return (
        f"Flagged are a liver under {LOWEST_LIVER_ML / 1000:g} or over {HIGHEST_LIVER_ML / 1000:g} "
        "litres (healthy adults have 0.6 to 2.3: Feng et al., World J Gastroenterol 2017; a "
        "resected one is smaller, one full of metastases larger), and, by limits of our own, "
        f"lesions that take more than {HIGHEST_LESION_SHARE:.0%} of the liver, more than "
        f"{MOST_LESIONS} lesions, and a mask that says other than the radiology report."
    )
