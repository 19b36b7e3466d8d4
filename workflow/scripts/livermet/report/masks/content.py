"""Predicted beside reference masks on the page."""

from collections.abc import Mapping

import pandas as pd

from livermet.phenotype.chosen import Choice
from livermet.report import words
from livermet.report.layout import MAIN_METRICS, across, estimates, model_keys
from livermet.report.run import Run, Tables
from livermet.vocabulary import Protocol, Weighting


def masks(table: pd.DataFrame) -> pd.DataFrame:
    """Show each model's main scores on predicted masks, and beside them those on the reference.

    Of the models with class weights only those that the corrected protocol chose.
    """
    tested = table["protocol"].eq(Protocol.CORRECTED) & table["set"].eq("test")
    shown = table["weighting"].eq(Weighting.NONE) | tested
    rows = table[table["metric"].isin(MAIN_METRICS) & shown]
    beside = rows["mask"].map(lambda name: ", reference" if name == "reference" else "")
    cells = rows.assign(
        column=rows["metric"].map(words.heading) + beside,
        cell=estimates(rows, "mean", "low", "high"),
    )
    keys = [*model_keys(rows), "set"]
    order = [words.heading(name) + end for name in MAIN_METRICS for end in ("", ", reference")]
    wide = across(cells, keys, "column", {name: name for name in order})
    counts = rows.assign(column="Series" + beside, cell=rows["series"])
    names = {name: name for name in ("Series", "Series, reference")}
    return wide.merge(across(counts, keys, "column", names), on=keys)


def mask_sentences(tables: Tables, chosen: Mapping[str, Choice]) -> list[str]:
    """Say what segmentation errors cost: the last protocol's AUC on either masks."""
    if "masks" not in tables or not chosen:
        return []
    table, protocol = tables["masks"], list(chosen)[-1]
    rows = table[table["protocol"].eq(protocol) & table["metric"].eq("auc")]
    rows = rows[rows["set"].eq("test") & rows["weighting"].eq(chosen[protocol].weighting)]
    rows = rows[rows["mean"].notna()]
    predicted = rows[rows["mask"].ne("reference") & rows["model"].eq(chosen[protocol].model)]
    reference = rows[rows["mask"].eq("reference")]
    # Under corrected the reference masks' own cross-validation may have chosen another model.
    same = reference[reference["model"].eq(chosen[protocol].model)]
    reference = same if len(same) else reference
    if reference.empty or predicted.empty:
        return []
    ours, theirs = predicted.iloc[0], reference.iloc[0]
    return [
        f"Errors of segmentation ({protocol} protocol): test AUC {_auc(ours)} with "
        f"{words.model(ours['model'])} on predicted masks ({ours['series']:.0f} series), "
        f"{_auc(theirs)} with {words.model(theirs['model'])} on reference masks "
        f"({theirs['series']:.0f} series, {theirs['shared_series']:.0f} of them in both)."
    ]


def _auc(row: pd.Series) -> str:
    return words.estimate(row["mean"], row["low"], row["high"])


def sentences(run: Run) -> list[str]:
    """Say what errors of segmentation cost."""
    return mask_sentences(run.tables, run.chosen)
