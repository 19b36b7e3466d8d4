"""What the page is made from: a run's tables, figures and settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from livermet.phenotype.chosen import Choice, chosen_models

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Results:
    """What a run made: tables and figures (SVG) by file name without suffix, and its checks.

    `facts` is the table of every series; `burden` the phenotype stage's statistics; `audit` the
    leakage audit and `stale` the training cases that have changed (model, series, file, state);
    `choice` the corrected protocol's record of its chosen model, None without that protocol.
    """

    tables: Tables
    figures: Mapping[str, bytes]
    facts: pd.DataFrame
    burden: pd.DataFrame
    audit: pd.DataFrame
    stale: pd.DataFrame
    choice: pd.DataFrame | None = None


@dataclass(frozen=True)
class Run:
    """Results with the settings that they were made by (`livermet.report.content.compose`)."""

    results: Results
    settings: Mapping

    @property
    def tables(self) -> Tables:
        """The run's tables by file name without suffix."""
        return self.results.tables

    @property
    def final(self) -> str | None:
        """The final model; None without models."""
        return self.settings["final_model"]

    @property
    def target(self) -> str:
        """The target cohort."""
        return self.settings["target"]

    @cached_property
    def chosen(self) -> dict[str, Choice]:
        """The model that cross-validation chose for each protocol."""
        return chosen_models(self.tables["tableS2_cross_validation"], self.results.choice)


@dataclass(frozen=True)
class Headline:
    """A number that stands out, and the words below it."""

    number: str
    label: str


def rows_with(tables: Tables, name: str, column: str) -> pd.DataFrame:
    """Take the rows of a table that have a value in a column; none where the table is missing."""
    return tables[name].dropna(subset=column) if name in tables else pd.DataFrame()
