"""Which series were written as DICOM, and why the others were not."""

from collections.abc import Iterable, Mapping
from typing import NoReturn

import pandas as pd

from livermet.contracts import FLAG, SERIES, TEXT, Column, Contract


class NotExportedError(Exception):
    """Why nothing is written for a series, in one sentence that holds no header's text."""


def refuse(reason: str) -> NoReturn:
    """Raise NotExportedError.

    The reason is written into a table, and a job whose words change has to run again: what a call
    is given counts for the code's hash, what a raised error is given does not.
    """
    raise NotExportedError(reason)


EXPORTED = Contract(
    files=("dicom/exported.tsv", "dicom/*/batches/*.tsv"),
    row="a series that the final model predicts",
    columns=(
        SERIES,
        Column("model", TEXT, "name of the network"),
        Column("exported", FLAG, "whether its SEG and its report were written"),
        Column("reason", TEXT, "why they were not", missing="where they were"),
    ),
    key=("series", "model"),
)
NO_DICOM = "its source is no DICOM, so that there is no series to refer to"


def exported_table(model: str, reasons: Mapping[str, str | None]) -> pd.DataFrame:
    """Lay out why each of some series was not exported; None for those that were."""
    rows = [(series, model, reason is None, reason) for series, reason in reasons.items()]
    return pd.DataFrame(rows, columns=EXPORTED.names)


def resampled_reason(resampled: str | None) -> str | None:
    """Say why a CT that ingest resampled (`resampled` of its quality record) is not exported."""
    if not resampled:
        return None
    return (
        f"ingest resampled its slices ({resampled}), so that the CT's planes are none of its slices"
    )


def without_source(model: str, series: Iterable[str]) -> pd.DataFrame:
    """List series that are stored otherwise than as DICOM."""
    return exported_table(model, dict.fromkeys(series, NO_DICOM))
