"""Which features two reconstructions of one study agree on, and which ones LASSO keeps choosing."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from livermet.report.feature_lists import (
    EXCELLENT,
    GOOD,
    POOR,
    by_class,
    feature_label,
    learnt_from,
    most_selected,
)
from livermet.report.figures import BLUE, GREY, INK, PALE, PURPLE

LEVELS = {POOR: "moderate", GOOD: "good", EXCELLENT: "excellent"}
# Room for the words of a class or of a panel with few features.
FEWEST_PLACES, FEWEST_ROWS = 5, 5
SMALL = {"fontsize": 8.5, "va": "center", "color": GREY}
BELOW = {"fontsize": 8.5, "va": "top", "ha": "center", "color": INK}


def reproducibility(reliability: pd.DataFrame, stability: pd.DataFrame) -> Figure:
    """Draw the ICC of every feature by class, and how often the commonest are selected.

    `reliability` has aggregation, feature, form, icc, low and high, of which the features that the
    corrected protocol learns from are drawn; `stability` has feature, selected and
    resamples. Of the latter at most 20 features are drawn, and none that was never selected.
    """
    reliability = learnt_from(reliability)
    known = by_class(reliability)
    often = most_selected(stability)
    heights = [3.6, 0.55 + 0.25 * max(len(often), FEWEST_ROWS)]
    figure = Figure(figsize=(11.5, 0.9 + sum(heights)), layout="constrained")
    # Parts of their own, so that the long names below do not narrow the panel above.
    upper, lower = figure.subfigures(2, 1, height_ratios=heights, hspace=0.05)
    _reliability(upper.subplots(), known)
    _frequency(lower.subplots(), often, reliability.set_index("feature")["icc"])
    return figure


def _reliability(ax: Axes, known: pd.DataFrame) -> None:
    forms = sorted(known["form"].dropna().unique())
    ax.set_title("Agreement of two reconstructions of one study")
    ax.set_ylabel(" / ".join(forms) or "ICC")
    shown = known["icc"].notna()
    if not shown.any():
        ax.set_axis_off()
        ax.text(0, 0.7, "No feature has an ICC: too few studies with two reconstructions.")
        return
    lowest = known[["icc", "low"]].min().min()
    for level, name in LEVELS.items():
        ax.axhline(level, color=GREY, lw=0.9, ls=(0, (4, 3)), zorder=1)
        ax.text(1.004, level, f"{name} from {level:g}", transform=ax.get_yaxis_transform(), **SMALL)
    left = 0.0
    for number, (name, rows) in enumerate(known.groupby("family", sort=False)):
        room = max(len(rows), FEWEST_PLACES)
        places = left + (room - len(rows)) / 2 + np.arange(len(rows))
        if number % 2 == 0:
            ax.axvspan(left - 1, left + room, color=PALE, lw=0, zorder=0)
        ax.vlines(places, rows["low"], rows["high"], color=BLUE, lw=1.2, alpha=0.6, zorder=2)
        ax.scatter(places, rows["icc"], color=BLUE, s=14, zorder=3)
        told = f"{name}\n{int((rows['icc'] >= GOOD).sum())}/{len(rows)}"
        middle = left + (room - 1) / 2
        ax.text(middle, -0.02, told, transform=ax.get_xaxis_transform(), **BELOW)
        left += room + 1
    ax.set(xticks=[], xlim=(-1, left - 1), ylim=(max(min(lowest, 0) - 0.05, -1.05), 1.05))


def _frequency(ax: Axes, often: pd.DataFrame, icc: pd.Series) -> None:
    ax.set_title("Features that LASSO selects most often")
    if often.empty:
        ax.set_axis_off()
        ax.text(0, 0.7, "No half of the training patients gave any feature.")
        return
    places = np.arange(len(often))[::-1]
    ax.barh(places, often["frequency"], color=PURPLE, height=0.65)
    for place, row in zip(places, often.itertuples(), strict=True):
        known = icc.get(row.feature, np.nan)
        told = f"  {int(row.selected)} of {int(row.resamples)}"
        told += "" if pd.isna(known) else f", ICC {known:.2f}"
        ax.text(row.frequency, place, told, **SMALL)
    ax.set_yticks(places, [feature_label(feature) for feature in often["feature"]], fontsize=8.5)
    ax.set_ylim(min(-0.7, len(often) - 0.3 - FEWEST_ROWS), len(often) - 0.3)
    ax.set(xlim=(0, 1), xlabel="share of random halves of the training patients")
