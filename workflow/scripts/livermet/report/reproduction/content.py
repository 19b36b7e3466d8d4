"""The article's printed numbers beside the run's, on the page."""

import pandas as pd

from livermet.report import words
from livermet.report.layout import exact, numbers, spreads
from livermet.report.run import Headline, Run
from livermet.vocabulary import Agreement

AGREEMENT = {
    Agreement.EXACT: "Agree at two decimals",
    Agreement.CLOSE: "Within 0.01",
    Agreement.APART: "Do not agree",
    Agreement.IMPOSSIBLE: "Not in the table",
}


def weight_search(table: pd.DataFrame) -> pd.DataFrame:
    """Show the printed and the found weight, each with its AUC and F1 on the tuning split."""
    shown = table[["model", "optimised_for"]].copy()
    for name in ("printed", "found"):
        weight = f"{name.capitalize()} weight"
        shown[weight] = numbers(table[f"{name}_weight"])
        for metric in ("auc", "f1"):
            title = f"its {words.value('metric', metric)}"
            shown[f"{weight}: {title}"] = numbers(table[f"{name}_{metric}"])
    return shown.join(table[["tuning_series", "tuning_patients"]])


def reproduction(table: pd.DataFrame) -> pd.DataFrame:
    """Count the printed numbers of each source by how they agree; the last row counts all."""
    groups = [*table.groupby("source", sort=False), ("all", table)]
    return pd.DataFrame(
        [
            {"source": name, "Numbers": len(rows)}
            | dict(zip(AGREEMENT.values(), agreements(rows), strict=True))
            for name, rows in groups
        ]
    )


def agreements(rows: pd.DataFrame) -> list[int]:
    """Count printed numbers by how they agree, in the order of `AGREEMENT`."""
    return [int(rows["agreement"].eq(state).sum()) for state in AGREEMENT]


def reproduction_differences(table: pd.DataFrame) -> pd.DataFrame:
    """List the numbers that do not agree: printed, ours, the range over repeats, and the reason."""
    rows = table[table["agreement"].eq("no")]
    shown = rows[["source", "model", "weighting", "metric", "statistic"]].copy()
    shown["printed"], shown["ours"] = exact(rows["printed"]), exact(rows["ours"])
    if rows["range_low"].notna().any():
        shown["Range over repeats"] = spreads(rows, "range_low", "range_high")
    return shown.join(rows["note"])


def reproduction_not_possible(table: pd.DataFrame) -> pd.DataFrame:
    """List the printed numbers that the table cannot give, with the reason."""
    rows = table[table["agreement"].eq("not reproducible")]
    shown = rows[["source", "model", "metric", "statistic", "note"]].copy()
    shown.insert(4, "printed", exact(rows["printed"]))
    return shown


def sentences(run: Run) -> list[str]:
    """Count the printed numbers that come out again."""
    table = run.table("reproduction")
    if table is None:
        return []
    agree, close, apart, left = agreements(table)
    sentence = (
        f"Of {agree + close + apart} printed numbers that the table can give, {agree} come out "
        f"again at two decimals, {close} more within 0.01 and {apart} do not"
    )
    return [sentence + (f"; {left} cannot be had from the table." if left else ".")]


def headlines(run: Run) -> list[Headline]:
    """Count the printed numbers that come out again within 0.01."""
    table = run.table("reproduction")
    agree, close, apart, _ = agreements(table) if table is not None else (0, 0, 0, 0)
    possible = agree + close + apart
    label = "printed numbers that come out again within 0.01"
    return [Headline(f"{agree + close} of {possible}", label)] if possible else []
