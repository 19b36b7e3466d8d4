"""The studies that a model judges without a molecular sample, and what their pages are made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from livermet.cohort.matching import study_names

if TYPE_CHECKING:
    from livermet.study import Study

# Why a series has no class: `EXCLUSIONS` of the matching, those that a sample would end.
WITHOUT_SAMPLE = ("no_sample", "outside_window", "other_treatment")


@dataclass(frozen=True, eq=False)
class NewPatients:
    """Studies of the target cohort, as a packed model or the run's own classifier judges them."""

    study: "Study"

    @cached_property
    def studies(self) -> dict[str, list[str]]:
        """The series of each study of the target cohort, in the sheet's order."""
        target = self.study.series.loc[self.study.target_series]
        found: dict[str, list[str]] = {}
        for series, study in zip(target.index, study_names(target), strict=True):
            found.setdefault(study, []).append(series)
        return found

    @cached_property
    def unsampled(self) -> dict[str, str]:
        """The study of each target series that has a mask and no sample of its time.

        None where a run takes no features of scans, or has a packed model, which judges all series.
        """
        if self.study.from_table or self.study.is_packed:
            return {}
        target = self.study.series.loc[self.study.masked_series(self.study.phenotype_mask)]
        matched = self.study.matched(target)
        lacking = matched[matched["excluded_by"].isin(WITHOUT_SAMPLE)]
        return dict(zip(lacking["series"], lacking["study"], strict=True))

    def features_of_unsampled(self, table: str) -> list[str]:
        """List the tables of features of one kind, one a batch, of series without samples."""
        return self._features_of(self.unsampled, table)

    def scans_of_unsampled(self) -> list[str]:
        """List the final model's tables of scans, one a batch, of series without samples.

        None where masks are given, in which nothing was detected.
        """
        return self._scans_of(self.unsampled) if self.study.final_model else []

    def patient(self, study: str) -> str:
        """Return the patient of a study."""
        return self.study.patients[self.studies[study][0]]

    def names(self, study: str) -> list[str]:
        """List the series of a study."""
        return self.studies[study]

    def series(self, study: str) -> dict[str, dict]:
        """Say of each series of a study what it is, and which inputs have a file of it."""
        has = dict.fromkeys(("acquisition", "cts", "predictions", "qualities"), True)
        return {
            series: {**self.study.cohort_and_phase(series), **has} for series in self.studies[study]
        }

    def records(self, study: str, kind: str) -> list[str]:
        """List a study's records of ingest of one kind."""
        return self.study.records_of_ingest(self.studies[study], kind)

    def cts(self, study: str) -> list[str]:
        """List the CTs of a study."""
        return [self.study.ct(series) for series in self.studies[study]]

    def predictions(self, study: str) -> list[str]:
        """List the final model's predictions of a study."""
        assert self.study.final_model is not None, (
            "only a run with networks is asked for predictions"
        )
        return [
            self.study.prediction(self.study.final_model, series) for series in self.studies[study]
        ]

    def features(self, study: str, table: str) -> list[str]:
        """List the tables of features of one kind, one a batch, that hold a study's series."""
        return self._features_of(self.studies[study], table)

    def scans(self, study: str) -> list[str]:
        """List the final model's tables of scans, one a batch, that hold a study's series."""
        return self._scans_of(self.studies[study])

    def _scans_of(self, names: Iterable[str]) -> list[str]:
        folder = f"{self.study.run}/detection/{self.study.final_model}/batches"
        return [f"{folder}/{batch}.scans.tsv" for batch in self.study.batches_of(names)]

    def _features_of(self, names: Iterable[str], table: str) -> list[str]:
        folder = f"{self.study.run}/radiomics/{self.study.phenotype_mask}/batches"
        return [f"{folder}/{batch}.{table}.tsv" for batch in self.study.batches_of(names)]

    def views(self, study: str) -> list[str]:
        """List the viewer's pages of a study's series, where they get some."""
        return [self.study.views.page(series) for series in self._viewed_of(study)]

    def told(self, study: str, version: str, model: str) -> dict:
        """Return what the page of a study tells beside results; `model` is its name for readers."""
        views = {s: f"../viewer/series/{s}.html" for s in self._viewed_of(study)}
        told = {"run": self.study.config["run"], "version": version, "model": model}
        return {**told, "phantoms": False, "views": views}

    def _viewed_of(self, study: str) -> list[str]:
        return [series for series in self.studies[study] if series in self._viewed]

    @cached_property
    def _viewed(self) -> frozenset[str]:
        """A look for each study: a list of all series would be walked through each time."""
        return frozenset(self.study.views.series)
