"""What a run left behind, as its page, its checklists and its cards read it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from livermet.phenotype.chosen import Choice, chosen_models
from livermet.report.phrases import phrases_of
from livermet.tables import AS_WRITTEN, read_table

# They may be numbers, and are names.
TEXTS = dict.fromkeys(("patient", "place", "fold"), str)


@dataclass(frozen=True)
class Run:
    """What a run left behind: settings, and tables and figures (SVG) by file name without suffix.

    settings: what `livermet.report.phrases.phrases_of` takes, run, versions, phantoms (a sentence,
    or ''), viewed, models, weightings, lasso_alpha, lasso_target, trees and radiomics (PyRadiomics'
    settings). The page takes seed, deals, permutations, feature_transform, redundancy, monai and
    nnunet (settings of their training) too, which its methods tell, dicom (whether series are
    written as such) and no_dicom (sentences why none is).
    tables: those of the registry that the run made, and facts (every series), leakage_audit,
    stale_models (the training cases that have changed) and choice (the corrected protocol's record
    of its chosen model, where it has that protocol). The page takes burden (the phenotype stage's
    statistics) too, the checklists exclusions.
    """

    settings: Mapping
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def entry(self) -> str:
        """What the run began with: scans, masks or table."""
        return self.settings["entry"]

    @property
    def final(self) -> str | None:
        """The final model; None without models."""
        return self.settings["final_model"]

    @property
    def target(self) -> str:
        """The target cohort."""
        return self.settings["target"]

    def ran(self, protocol: str) -> bool:
        """Tell whether the run followed a protocol."""
        return protocol in self.settings["protocols"]

    @cached_property
    def phrases(self) -> dict:
        """The settings, and the phrases that follow from them."""
        return phrases_of(self.settings)

    @cached_property
    def chosen(self) -> dict[str, Choice]:
        """The model that cross-validation chose for each protocol."""
        validation = self.tables.get("tableS2_cross_validation")
        return {} if validation is None else chosen_models(validation, self.tables.get("choice"))

    def table(self, name: str) -> pd.DataFrame | None:
        """Return a table; None where the run did not make it or it has no rows."""
        found = self.tables.get(name)
        return None if found is None or found.empty else found

    def rows(self, name: str, column: str) -> pd.DataFrame:
        """Take the rows of a table that have a value in a column; none without the table."""
        return self.tables[name].dropna(subset=column) if name in self.tables else pd.DataFrame()


def read_run(settings: Mapping, paths: Iterable[str | Path]) -> Run:
    """Read the tables of a run, each under its file's name without suffix; it has no figures."""
    tables = {
        path.stem: read_table(path, **AS_WRITTEN, dtype=TEXTS)
        for path in map(Path, sorted(set(map(str, paths))))
    }
    return Run(settings, tables)


@dataclass(frozen=True)
class Headline:
    """A number that stands out, the words below it, and what to be warned of, if anything."""

    number: str
    label: str
    warning: str = ""
