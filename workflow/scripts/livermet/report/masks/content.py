"""Predicted beside reference masks on the page."""

import pandas as pd

from livermet.report import words
from livermet.report.layout import MAIN_METRICS, MODEL, TOO_FEW, across, estimates
from livermet.report.run import Run
from livermet.vocabulary import Weighting


def masks(table: pd.DataFrame) -> pd.DataFrame:
    """Show each model's main scores on predicted masks, and beside them those on the reference.

    Of the models without class weights alone.
    """
    rows = table[table["metric"].isin(MAIN_METRICS) & table["weighting"].eq(Weighting.NONE)]
    beside = rows["mask"].map(lambda name: ", reference" if name == "reference" else "")
    cells = rows.assign(
        column=rows["metric"].map(words.heading) + beside,
        cell=estimates(rows, "mean", "low", "high", TOO_FEW),
    )
    keys = [*MODEL, "set"]
    order = [words.heading(name) + end for name in MAIN_METRICS for end in ("", ", reference")]
    wide = across(cells, keys, "column", {name: name for name in order})
    counts = rows.assign(column="Series" + beside, cell=rows["series"])
    names = {name: name for name in ("Series", "Series, reference")}
    return wide.merge(across(counts, keys, "column", names), on=keys)


def sentences(run: Run) -> list[str]:
    """Say what segmentation errors cost: the last protocol's AUC on either masks."""
    table = run.table("masks")
    if table is None or not run.chosen:
        return []
    protocol, chosen = list(run.chosen.items())[-1]
    rows = table[table["protocol"].eq(protocol) & table["metric"].eq("auc")]
    rows = rows[rows["set"].eq("test") & rows["weighting"].eq(Weighting.NONE)]
    rows = rows[rows["mean"].notna()]
    predicted = rows[rows["mask"].ne("reference") & rows["model"].eq(chosen.model)]
    reference = rows[rows["mask"].eq("reference")]
    # Under corrected the reference masks' own cross-validation may have chosen another model.
    same = reference[reference["model"].eq(chosen.model)]
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
    return words.estimate(row["mean"], row["low"], row["high"], lacking=TOO_FEW)
