"""Figure 4: the selected features; and their reproducibility and stability."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from livermet.report import words
from livermet.report.drawing import BLUE, GREEN, GREY, INK, PALE, PURPLE, VERMILION
from livermet.report.features.lists import (
    EXCELLENT,
    GOOD,
    PERTURBED,
    POOR,
    RECONSTRUCTIONS,
    by_class,
    feature_label,
    learnt_from,
    most_selected,
    ranked_features,
)

# Title and colour of each comparison's panel.
PANELS = {
    RECONSTRUCTIONS: ("Agreement of two reconstructions of one study", BLUE),
    PERTURBED: ("Agreement of masks of one series whose contours were moved at random", GREEN),
}
LEVELS = {POOR: "moderate", GOOD: "good", EXCELLENT: "excellent"}
# Room for the words of a class or of a panel with few features.
FEWEST_PLACES, FEWEST_ROWS = 5, 5
SMALL: dict[str, Any] = {"fontsize": 8.5, "va": "center", "color": GREY}
BELOW: dict[str, Any] = {"fontsize": 8.5, "va": "top", "ha": "center", "color": INK}


def features(selection: pd.DataFrame, protocols: list[str]) -> Figure:
    """Draw the selected features of each protocol: coefficients, and in how many fits selected.

    `selection` has one row a protocol, fold ('all' or its number) and selected feature
    (standardised_coefficient); a fit that selects none has a row without a feature. The bar is the
    mean over the fits that select the feature, at most 20 features by its size times frequency.
    """
    ranked = {protocol: ranked_features(selection, protocol) for protocol in protocols}
    longest = max((len(rows) for rows, _ in ranked.values()), default=0)
    figure = Figure(
        figsize=(5.5 * max(len(protocols), 2), 1.6 + 0.28 * max(longest, FEWEST_ROWS)),
        layout="constrained",
    )
    axes = figure.subplots(1, len(protocols), squeeze=False)[0]
    for ax, (protocol, (rows, fits)) in zip(axes, ranked.items(), strict=True):
        ax.set_title(f"{words.capital(protocol)} protocol")
        if rows.empty:
            ax.set_axis_off()
            ax.text(0.0, 0.8, f"No feature was selected in {fits} fits.", transform=ax.transAxes)
            continue
        places = np.arange(len(rows))[::-1]
        colors = [VERMILION if value > 0 else BLUE for value in rows["coefficient"]]
        ax.barh(places, rows["coefficient"], color=colors, height=0.65)
        ax.axvline(0, color=GREY, lw=1)
        ax.set_yticks(places, [feature_label(feature) for feature in rows["feature"]], fontsize=8)
        ax.set_ylim(min(-0.7, len(rows) - 0.3 - FEWEST_ROWS), len(rows) - 0.3)
        ax.set_xlabel("standardised coefficient")
        if fits > 1:
            end = ax.get_xlim()[1]
            for place, count in zip(places, rows["fits"], strict=True):
                ax.text(end, place, f" {count}/{fits}", va="center", fontsize=8, color=GREY)
    return figure


def reproducibility(reliability: pd.DataFrame, stability: pd.DataFrame) -> Figure:
    """Draw the ICC of every feature by class, and how often the commonest are selected.

    `reliability` has comparison, aggregation, feature, form, icc, low and high; the features that
    the corrected protocol learns from are drawn, each comparison with any ICC in a panel of its
    own, in which a feature stands at the same place. `stability` has feature, selected and
    resamples; at most 20 features of it are drawn, and none that was never selected.
    """
    compared = side_by_side(learnt_from(reliability))
    often = most_selected(stability)
    heights = [3.3 * len(compared), 0.55 + 0.25 * max(len(often), FEWEST_ROWS)]
    figure = Figure(figsize=(11.5, 0.9 + sum(heights)), layout="constrained")
    if not compared:
        _frequency(figure.subplots(), often, [])
        return figure
    # Parts of their own, so that the long names below do not narrow the panels above.
    upper, lower = figure.subfigures(2, 1, height_ratios=heights, hspace=0.05, squeeze=False).flat
    panels = upper.subplots(len(compared), 1, squeeze=False).ravel()
    for panel, (comparison, rows) in zip(panels, compared.items(), strict=True):
        _reliability(panel, rows, *PANELS[comparison])
    iccs = [rows.set_index("feature")["icc"] for rows in compared.values()]
    _frequency(lower.subplots(), often, iccs)
    return figure


def side_by_side(reliability: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the features by class of each comparison with any ICC, in the order of the first."""
    compared = {
        name: by_class(rows)
        for name, rows in reliability.groupby("comparison", sort=False)
        if rows["icc"].notna().any()
    }
    for order in list(compared.values())[:1]:
        place = pd.Series(order.index, order["feature"])
        compared = {
            name: rows.sort_values("feature", key=lambda names: names.map(place))
            for name, rows in compared.items()
        }
    return compared


def _reliability(ax: Axes, known: pd.DataFrame, title: str, colour: str) -> None:
    ax.set_title(title)
    ax.set_ylabel(" / ".join(known["form"].unique()))
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
        ax.vlines(places, rows["low"], rows["high"], color=colour, lw=1.2, alpha=0.6, zorder=2)
        ax.scatter(places, rows["icc"], color=colour, s=14, zorder=3)
        told = f"{name}\n{int((rows['icc'] >= GOOD).sum())}/{len(rows)}"
        middle = left + (room - 1) / 2
        ax.text(middle, -0.02, told, transform=ax.get_xaxis_transform(), **BELOW)
        left += room + 1
    ax.set(xticks=[], xlim=(-1, left - 1), ylim=(max(min(lowest, 0) - 0.05, -1.05), 1.05))


def _frequency(ax: Axes, often: pd.DataFrame, iccs: list[pd.Series]) -> None:
    named = " (reconstructions / perturbed masks)" if len(iccs) > 1 else ""
    ax.set_title(f"Features that LASSO selects most often, with their ICC{named}")
    if often.empty:
        ax.set_axis_off()
        ax.text(0, 0.7, "No half of the training patients gave any feature.")
        return
    places = np.arange(len(often))[::-1]
    ax.barh(places, often["frequency"], color=PURPLE, height=0.65)
    for place, row in zip(places, often.itertuples(), strict=True):
        known = [words.number(icc.get(row.feature, np.nan)) for icc in iccs]
        told = f"  {int(row.selected)} of {int(row.resamples)}"
        told += "" if set(known) <= {words.MISSING} else f", ICC {' / '.join(known)}"
        ax.text(row.frequency, place, told, **SMALL)
    ax.set_yticks(places, [feature_label(feature) for feature in often["feature"]], fontsize=8.5)
    ax.set_ylim(min(-0.7, len(often) - 0.3 - FEWEST_ROWS), len(often) - 0.3)
    ax.set(xlim=(0, 1), xlabel="share of random halves of the training patients")
