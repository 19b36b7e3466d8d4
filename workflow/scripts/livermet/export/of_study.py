"""Which series of a study are written as DICOM, and what of."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from livermet.vocabulary import ExportedAs

if TYPE_CHECKING:
    from livermet.study import Study


@dataclass(frozen=True, eq=False)
class Exports:
    """What of a study is written as DICOM."""

    study: "Study"

    @cached_property
    def model(self) -> str | None:
        """The model whose results are written as DICOM: the final one, or None."""
        is_wanted = self.study.config["export"]["dicom"] != ExportedAs.NONE
        return self.study.final_model if is_wanted else None

    @cached_property
    def series(self) -> list[str]:
        """The predicted series that came from DICOM, in the sheet's order."""
        if not self.model:
            return []
        every = self.study.predicted_series(self.model)
        return [series for series in every if self.study.sources.kind(series) == "dicom"]

    @cached_property
    def batches(self) -> dict[str, list[str]]:
        """The batches of the series that are written as DICOM."""
        return self.study.batches_of(self.series)

    def without_dicom(self) -> list[str]:
        """List the predicted series that did not come from DICOM, in the sheet's order."""
        if not self.model:
            return []
        known = set(self.series)
        return [name for name in self.study.predicted_series(self.model) if name not in known]

    def no_dicom(self) -> list[str]:
        """Say why a run that is to write DICOM (`export.dicom`) writes none; nothing else."""
        if self.study.config["export"]["dicom"] == ExportedAs.NONE or self.series:
            return []
        if self.study.from_table:
            why = "the run begins with a feature table (phenotype.table), so that no model predicts"
        elif not self.model:
            why = "masks are given (segmentation.source: reference), so that no model predicts"
        else:
            why = f"no series that {self.model} predicts came from DICOM"
        return [f"No DICOM SEG or report is written, although export.dicom asks for them: {why}."]

    def of_batch(self, batch: str) -> dict[str, dict]:
        """Say of each series of a batch whose it is and how it was predicted."""
        assert self.model, "there are batches of an export alone"
        return {
            series: {
                "patient": self.study.patients[series],
                "study_date": f"{self.study.rows[series]['study_date']:%Y-%m-%d}",
                "kind": self.study.prediction_kind(self.model, series),
                **dict.fromkeys(("sources", "cts", "predictions", "qualities"), True),
            }
            for series in self.batches[batch]
        }
