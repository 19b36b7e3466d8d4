"""Calibration of the chosen model, and what decisions by its probabilities would gain."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from livermet.report.figures import BLUE, GREY, INK, ORANGE, VERMILION
from livermet.report.headlines import Choice

SETS = {"validation": ("held-out series", BLUE, "o"), "test": ("test series", VERMILION, "s")}
# Marker area in points squared of the largest bin.
LARGEST_BIN = 160.0


def calibration(curve: pd.DataFrame, decisions: pd.DataFrame, model: str) -> Figure:
    """Draw the calibration curve, and a decision curve each for held-out and test series.

    `curve` (set, predicted, observed, series) and `decisions` (set, threshold, net_benefit,
    call_all, call_none) are the rows of one model, whose name for readers is `model`.
    """
    figure = Figure(figsize=(11.5, 4.4), layout="constrained")
    axes = figure.subplots(1, 1 + len(SETS))
    _calibration(axes[0], curve)
    axes[0].set_title(f"Calibration: {model}")
    for ax, (part, (part_name, color, _)) in zip(axes[1:], SETS.items(), strict=True):
        rows = decisions[decisions["set"].eq(part)].sort_values("threshold")
        _decisions(ax, rows, color)
        ax.set_title(f"Decisions, {part_name}")
    return figure


def of_model(table: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """Take the corrected protocol's rows of the chosen model."""
    return table[
        table["protocol"].eq("corrected")
        & table["model"].eq(choice.model)
        & table["weighting"].eq(choice.weighting)
    ]


def _calibration(ax: Axes, curve: pd.DataFrame) -> None:
    ax.plot([0, 1], [0, 1], color=GREY, lw=0.8, zorder=0)
    ax.set(xlabel="predicted probability", ylabel="share of positives")
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.08))
    ax.set_aspect("equal")
    if curve.empty:
        ax.text(0.05, 0.9, "no predictions to draw", transform=ax.transAxes, fontsize=9)
        return
    largest = curve["series"].max()
    for part, (part_name, color, marker) in SETS.items():
        rows = curve[curve["set"].eq(part)].sort_values("predicted")
        if rows.empty:
            continue
        area = LARGEST_BIN * rows["series"] / largest
        ax.plot(rows["predicted"], rows["observed"], color=color, lw=1, alpha=0.5)
        ax.scatter(
            rows["predicted"],
            rows["observed"],
            s=area,
            marker=marker,
            color=color,
            alpha=0.75,
            label=f"{int(rows['series'].sum())} {part_name}",
        )
        for row in rows.itertuples():
            ax.annotate(
                f"{int(row.series)}",
                (row.predicted, row.observed),
                xytext=(0, 9 if part == "validation" else -9),
                textcoords="offset points",
                ha="center",
                va="center",
                fontsize=8,
                color=color,
            )
    ax.legend(fontsize=8.5, markerscale=0.6)


def _decisions(ax: Axes, rows: pd.DataFrame, color: str) -> None:
    ax.set(xlabel="threshold probability", ylabel="net benefit", xlim=(0, 1))
    if rows["net_benefit"].notna().sum() == 0:
        ax.text(0.05, 0.9, "no net benefit to draw", transform=ax.transAxes, fontsize=9)
        return
    lines = {
        "call_all": ("all called positive", ORANGE, (0, (5, 2))),
        "call_none": ("none called positive", INK, ":"),
        "net_benefit": ("the model", color, "-"),
    }
    for column, (label, shade, style) in lines.items():
        ax.plot(rows["threshold"], rows[column], color=shade, linestyle=style, label=label)
    # Calling all has no lower bound near a threshold of 1.
    highest = max(rows[["net_benefit", "call_all"]].max().max(), 0.05)
    ax.set_ylim(-0.3 * highest, 1.08 * highest)
    ax.legend(loc="upper right", fontsize=8.5)
