"""An external validation in lines: whom it is of, and each score with what is to be known of it."""

import pandas as pd

from livermet.pack.validation import (
    BENEFIT,
    BENEFIT_OF_ALL,
    BRIER,
    INTERCEPT,
    OE,
    PREVALENCE,
    SLOPE,
    Validated,
)
from livermet.report import words
from livermet.report.layout import TOO_FEW

NAMES = {
    OE: "observed over expected positives",
    SLOPE: "calibration slope",
    INTERCEPT: "calibration intercept",
    BRIER: "Brier score",
    BENEFIT: "net benefit",
    BENEFIT_OF_ALL: "net benefit of calling all positive",
    PREVALENCE: "prevalence",
}


def told(validated: Validated) -> list[str]:
    """Say an external validation in lines."""
    return [*_cohort(validated), *validated.failures, *map(_score, validated.scores.itertuples())]


def _cohort(validated: Validated) -> list[str]:
    """Say whom the scores are of, and who among them lies outside."""
    series = words.counted(validated.series, "series", "series")
    studies = words.counted(validated.studies, "study", "studies")
    lines = [
        f"{words.capital(words.model(validated.classifier))}, frozen, on {series} of {studies} and "
        f"{words.counted(validated.patients, 'patient')}; {validated.positive_studies} of the "
        f"studies {'is' if validated.positive_studies == 1 else 'are'} positive."
    ]
    if validated.left_out:
        left = words.counted(validated.left_out, "series", "series")
        lines.append(f"Left out, since measured in another voxel than in training: {left}.")
    if validated.outside:
        lines.append(
            f"Outside of what it was trained on, and scored all the same: {validated.outside} of "
            f"{series}."
        )
    return lines


def _score(row) -> str:
    name = words.capital(NAMES.get(row.metric, words.value("metric", row.metric)))
    if pd.isna(row.value):
        return f"{name}: not defined{f' ({row.note})' if row.note else ''}."
    lacking = TOO_FEW if row.note.startswith(TOO_FEW) else ""
    number = words.estimate(row.value, row.low, row.high, lacking=lacking)
    rest = row.note.removeprefix(lacking).removeprefix("; ")
    return f"{name}: {number}{f'; {rest}' if rest else ''}.{_planned(row)}"


def _planned(row) -> str:
    """Set the patients that Riley's criterion asks for beside those there are."""
    if pd.isna(row.required_patients):
        return ""
    return (
        f" Riley's criterion asks for {words.counted(row.required_patients, 'patient')}; there "
        f"{'is' if row.patients == 1 else 'are'} {row.patients}."
    )
