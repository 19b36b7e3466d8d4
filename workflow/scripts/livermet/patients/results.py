"""The results of a study, put together from its measures and from what the classifier says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from livermet.pack.judged import OF_SERIES, OF_STUDY, WITHHELD
from livermet.patients.measured import Measured, shown_of
from livermet.patients.tables import COUNTED, NEW_SERIES, PREDICTIONS, SAID

NAMES = [column.name for column in SAID]


@dataclass(frozen=True)
class Verdicts:
    """What is said of a study and of each of its series: columns SAID.

    table: `pack.judged.JUDGED`, or None where the model has no classifier, for the reason that
    `lacks` gives. phenotype: its name.
    """

    table: pd.DataFrame | None
    phenotype: str = ""
    lacks: str = ""

    @property
    def of_study(self) -> dict[str, Any]:
        """What is said of the study."""
        return self._row(OF_STUDY)

    def of_series(self, series: str) -> dict[str, Any]:
        """What is said of a series."""
        return self._row(OF_SERIES, series)

    def _row(self, level: str, series: str = "") -> dict[str, Any]:
        if self.table is None:
            return dict.fromkeys(NAMES) | {"verdict": WITHHELD, "reasons": self.lacks}
        rows = self.table[self.table["level"].eq(level) & self.table["series"].eq(series)]
        return rows.iloc[0][NAMES].to_dict()


def series_table(study: str, measured: Sequence[Measured], verdicts: Verdicts) -> pd.DataFrame:
    """Return one row a series of a study: `NEW_SERIES`."""
    shown = shown_of(measured).series
    rows = [
        {**one.row, **verdicts.of_series(one.series), "study": study, "shown": one.series == shown}
        for one in measured
    ]
    return _typed(rows)[NEW_SERIES.names]


def prediction_table(
    study: str, patient: str, measured: Sequence[Measured], verdicts: Verdicts
) -> pd.DataFrame:
    """Return a study's row: `PREDICTIONS`. Its lesions are those of the series that is shown."""
    shown = shown_of(measured)
    row: Mapping[str, Any] = {
        "study": study,
        "patient": patient,
        "series": len(measured),
        "shown_series": shown.series,
        **{column.name: shown.row[column.name] for column in COUNTED},
        "phenotype": verdicts.phenotype,
        **verdicts.of_study,
    }
    return _typed([row])[PREDICTIONS.names]


def _typed(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    shares = dict.fromkeys(("probability", "lowest", "highest"), float)
    return table.astype({**shares, "called": "Float64"}).astype({"called": "Int64"})
