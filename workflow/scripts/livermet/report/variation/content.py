"""Differences between lesions of a scan and between a patient's studies, on the page."""

import pandas as pd

from livermet.report import words
from livermet.report.layout import estimates, numbers
from livermet.report.run import Run

# Of the features so many with the smallest and with the largest share are shown.
SHOWN = 5


def heterogeneity(table: pd.DataFrame) -> pd.DataFrame:
    """Show the features whose variance lies least and most between lesions of one scan."""
    ranked = table.dropna(subset="within_share").sort_values("within_share", kind="stable")
    few = len(ranked) <= 2 * SHOWN
    rows = ranked if few else pd.concat([ranked[:SHOWN], ranked[-SHOWN:]])
    shown = rows[["feature"]].assign(Lesions=rows["lesions"]).join(rows[["scans", "patients"]])
    shown["Share within scans"] = numbers(rows["within_share"])
    return shown.assign(**{"Median range, SD": numbers(rows["median_range"])})


def lesion_calls(table: pd.DataFrame) -> pd.DataFrame:
    """Show how many scans have lesions of either call, and lesions against their scan."""
    shown = table[["set", "scans", "patients"]].assign(Lesions=table["lesions"])
    shown["Scans called alike"], shown["Scans of both calls"] = table["alike"], table["mixed"]
    shown["Lesions against their scan"] = table["against"]
    shown["Range, median"] = numbers(table["median_range"])
    return shown.assign(**{"Range, largest": numbers(table["largest_range"])})


def over_time(table: pd.DataFrame) -> pd.DataFrame:
    """Show counts of pairs, of changed calls, and the medians of what changes."""
    shown = table[["set"]].assign(Pairs=table["pairs_of"])
    shown = shown.assign(Number=table["pairs"]).join(table["patients"])
    shown["Call changes"], shown["Follows the class"] = table["call_changes"], table["followed"]
    shown["Days"] = table["days"].map(lambda one: "" if pd.isna(one) else f"{one:.0f}")
    shown["Score, size"] = numbers(table["score_change"])
    shown["Probability, size"] = estimates(
        table,
        "probability_change",
        "probability_change_first_quartile",
        "probability_change_third_quartile",
    )
    return shown.assign(**{"Burden, ml": numbers(table["burden_change_ml"])})


def sentences(run: Run) -> list[str]:
    """Say how often lesions of one scan are called apart, and whether calls follow the class."""
    return [*_of_lesions(run), *_of_time(run)]


def _of_lesions(run: Run) -> list[str]:
    rows = run.rows("lesion_calls", "median_range")
    if rows.empty:
        return []
    scans, mixed = rows["scans"].sum(), rows["mixed"].sum()
    return [
        f"Heterogeneity: scored one by one, the lesions of {mixed} of "
        f"{words.counted(scans, 'scan')} with several lesions are not all called alike "
        f"({rows['against'].sum()} of {words.counted(rows['lesions'].sum(), 'lesion')} against "
        "their scan)."
    ]


def _of_time(run: Run) -> list[str]:
    table = run.table("over_time")
    if table is None:
        return []
    counts = table.groupby("pairs_of")[["pairs", "call_changes", "followed"]].sum()
    every, apart, alike = (counts.loc[name] for name in ("all", "class changes", "class stays"))
    if not every["pairs"]:
        return []
    return [
        f"Over time: of {words.counted(every['pairs'], 'pair')} of studies of one patient that "
        f"follow each other the molecular class changes in {apart['pairs']}, and the call follows "
        f"in {apart['followed']} of these; where the class stays the call changes in "
        f"{alike['call_changes']} of {alike['pairs']}."
    ]
