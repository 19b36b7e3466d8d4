"""The article's printed numbers beside the run's, on the page."""

import pandas as pd

from livermet.report import words
from livermet.report.layout import exact, numbers, spreads
from livermet.report.run import Headline, Run, Tables, rows_with
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
            | {title: int(rows["agreement"].eq(state).sum()) for state, title in AGREEMENT.items()}
            for name, rows in groups
        ]
    )


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


def reproduction_sentences(tables: Tables) -> list[str]:
    """Count the printed numbers that come out again."""
    table = rows_with(tables, "reproduction", "agreement")
    if table.empty:
        return []
    counts = table["agreement"].value_counts()
    possible = len(table) - counts.get("not reproducible", 0)
    agree = counts.get("two decimals", 0)
    sentence = (
        f"Of {possible} printed numbers that the table can give, {agree} come out again at two "
        f"decimals, {counts.get('within 0.01', 0)} more within 0.01 and {counts.get('no', 0)} do "
        "not"
    )
    left = counts.get("not reproducible", 0)
    return [sentence + (f"; {left} cannot be had from the table." if left else ".")]


def reproduction_headlines(tables: Tables) -> list[Headline]:
    """Count the printed numbers that come out again within 0.01."""
    printed = rows_with(tables, "reproduction", "agreement")
    if not len(printed) or not (possible := printed["agreement"].ne("not reproducible").sum()):
        return []
    agree = printed["agreement"].isin(["two decimals", "within 0.01"]).sum()
    return [Headline(f"{agree} of {possible}", "printed numbers that come out again within 0.01")]


def headlines(run: Run) -> list[Headline]:
    """Return how many of the printed numbers come out again."""
    return reproduction_headlines(run.tables)


def sentences(run: Run) -> list[str]:
    """Say how many of the printed numbers come out again."""
    return reproduction_sentences(run.tables)
