"""Scores of a sheet's samples from the files that the config names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from livermet.cohort.assays import Assay, Scores, as_settings
from livermet.cohort.expression import (
    Reference,
    checksum_of_aliases,
    on_reference,
    read_aliases,
    read_expression,
    read_reference,
)
from livermet.cohort.scoring import scored
from livermet.errors import InputError, stop_on


@dataclass(frozen=True)
class Measure:
    """An assay with its reference and aliases, as read from their files."""

    assay: Assay
    reference: Reference
    aliases: dict[str, str]

    def settings(self, scores: Scores) -> dict[str, str]:
        """Return what decides the assay's scores and classes."""
        checksums = {"reference": self.reference.checksum}
        if self.aliases:
            checksums["aliases"] = checksum_of_aliases(self.aliases)
        return as_settings(self.assay, scores, checksums)


def read_measures(scores: Scores) -> dict[str, Measure]:
    """Read the reference and the aliases of each assay that is scored from expression, by name.

    Raises InputError with what is wrong with all of them.
    """
    found: dict[str, Measure] = {}
    problems: list[str] = []
    for assay in scores.computed:
        try:
            aliases = read_aliases(assay.aliases) if assay.aliases else {}
            reference = read_reference(assay.reference or "", scores.method)
            found[assay.name] = Measure(assay, reference, aliases)
        except InputError as error:
            problems += str(error).splitlines()
    stop_on(problems)
    return found


def score_samples(
    samples: pd.DataFrame, measures: Mapping[str, Measure], scores: Scores, sheet: str
) -> pd.DataFrame:
    """Score samples by the tables of expression of their types; the rest is left out.

    `samples`: rows of the molecular sheet, whose index is the row's place. Returns
    `livermet.cohort.scoring.SCORED`. Raises InputError that tells what is wrong with every type.
    """
    tables: list[pd.DataFrame] = []
    problems: list[str] = []
    for name, measure in measures.items():
        rows = samples[samples["sample_type"] == name]
        if rows.empty:
            continue
        try:
            expression = read_expression(measure.assay.expression or "", list(rows["sample"]))
            values = on_reference(expression, measure.reference, measure.aliases, measure.assay)
            tables.append(scored(rows, values, measure.reference, scores, sheet))
        except InputError as error:
            problems += str(error).splitlines()
    stop_on(problems)
    return pd.concat(tables) if tables else pd.DataFrame()


def wrong_samples(molecular: pd.DataFrame, scores: Scores, sheet: str) -> list[str]:
    """Say which rows of the molecular sheet cannot be scored from expression as they stand."""
    rows = molecular[molecular["sample_type"].isin(scores.computed_types)]
    if rows.empty:
        return []
    if "sample" not in molecular:
        return [
            f"{sheet} lacks the column 'sample', which names a sample's column in the table of "
            f"expression; samples of {' and '.join(scores.computed_types)} are scored from it."
        ]
    empty, twice = rows["sample"] == "", rows.duplicated(["sample_type", "sample"], keep=False)
    return (
        [
            f"{sheet}, row {row + 2}: the column 'sample' is empty; name the sample's column in "
            "the table of expression."
            for row in rows.index[empty]
        ]
        + [
            f"{sheet}, row {row + 2}: sample '{rows.at[row, 'sample']}' stands in several rows; a "
            "sample has one row, and serves every CT of its patient that lies within the window."
            for row in rows.index[twice & ~empty]
        ]
        + [
            f"{sheet}, row {row + 2}: sample type {rows.at[row, 'sample_type']} has its scores "
            "computed (molecular.assays), and the row gives one; empty the cell, or take "
            "expression out of the config."
            for row in rows.index[rows["score"].notna()]
        ]
    )


def missing_tables(scores: Scores) -> list[str]:
    """Say which files of the assays are not there."""
    return [
        f"Config key 'molecular.assays.{assay.name}.{key}': there is no table at {path}; put it "
        "there, or correct the key."
        for assay in scores.computed
        for key, path in assay.files.items()
        if not Path(path).is_file()
    ]
