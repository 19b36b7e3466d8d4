"""Which series of a study get a page of the viewer, and what it is made of."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livermet.study import Study


@dataclass(frozen=True, eq=False)
class Views:
    """The viewer's pages of a study."""

    study: "Study"

    @cached_property
    def series(self) -> list[str]:
        """The series that get a page of the viewer, in the sheet's order."""
        wanted = self.study.config["viewer"]["series"]
        every = [] if self.study.from_table or wanted == "none" else list(self.study.rows)
        return [
            name
            for name in every
            if wanted == "all" or self.study.rows[name]["cohort"] == self.study.target
        ]

    @cached_property
    def batches(self) -> dict[str, list[str]]:
        """The batches of the series that get a page of the viewer."""
        return self.study.batches_of(self.series)

    def page(self, series: str) -> str:
        """Return the viewer's page of a series."""
        return f"{self.study.run}/viewer/series/{series}.html"

    def of_batch(self, batch: str) -> dict[str, dict]:
        """Say of each series of a batch what its page shows, and which inputs have a file of it."""
        segmented = set(self.study.series_to_segment)
        return {
            series: {
                **self.study.cohort_and_phase(series),
                "has_lesions": self.study.has_reference(series),
                "phantom": self.study.is_phantom(series),
                "kinds": (kinds := self._kinds_of(series)),
                "cts": True,
                "references": series in segmented,
                **{f"predictions_{model}": True for model in kinds},
                **{f"probabilities_{model}": self.study.saves_probabilities for model in kinds},
            }
            for series in self.batches[batch]
        }

    def inputs(self, batch: str) -> dict[str, list[str]]:
        """List what the pages of a batch are made of: volumes by series, detection by model."""
        rows = self.of_batch(batch)
        kinds = {model for row in rows.values() for model in row["kinds"]}
        models = [model for model in self.study.models if model in kinds]
        files = {
            "cts": [self.study.ct(series) for series in rows],
            "references": [self.study.reference(s) for s, row in rows.items() if row["references"]],
        }
        for model in models:
            predicted = [series for series, row in rows.items() if model in row["kinds"]]
            files[f"predictions_{model}"] = [self.study.prediction(model, s) for s in predicted]
            files[f"probabilities_{model}"] = self.study.probabilities(model, predicted)
        folders = [f"{self.study.run}/detection/{model}/batches" for model in models]
        for table in ("scans", "lesions", "groups"):
            files[table] = [f"{folder}/{batch}.{table}.tsv" for folder in folders]
        return files

    def _kinds_of(self, series: str) -> dict[str, str]:
        kinds = {model: self.study.prediction_kind(model, series) for model in self.study.models}
        return {model: kind for model, kind in kinds.items() if kind}
