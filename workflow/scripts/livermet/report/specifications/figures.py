"""The specification curve: every procedure by its AUC, and its choices below."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from livermet.phenotype.columns import VOLUME
from livermet.report.drawing import BLUE, GREEN, GREY, INK, ORANGE, PALE, PURPLE, VERMILION
from livermet.report.specifications.content import SPECIFICATION, TITLES, value_in_words
from livermet.validation.specifications import CHOICES

# A row of the grid of choices in inches.
ROW_HEIGHT = 0.2
# The square first and larger, so that both show where they are one.
MARKS: dict[str, dict[str, Any]] = {
    "published": {
        "color": PURPLE,
        "marker": "s",
        "s": 150,
        "label": "the published choices, nested and by patient",
    },
    "corrected": {
        "color": GREEN,
        "marker": "^",
        "s": 70,
        "label": "this run's corrected protocol",
    },
}
LINE: dict[str, Any] = {"color": INK, "linewidth": 1.2, "linestyle": (0, (5, 2.7))}


def specification_curve(table: pd.DataFrame) -> Figure:
    """Draw the table of that name: AUC of each specification, the lowest first, and its choices."""
    scored = table[table["kind"].eq(SPECIFICATION)].dropna(subset="auc").reset_index(drop=True)
    rows = _rows(scored)
    heights = [3.6, 2.4, ROW_HEIGHT * max(len(rows), 3)]
    figure = Figure(figsize=(12, 1.4 + sum(heights)), layout="constrained")
    validated, tested, grid = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": heights}
    )
    _scores(validated, scored, ("auc", "low", "high"), BLUE)
    _scores(tested, scored, ("test_auc", "test_low", "test_high"), ORANGE)
    validated.set_ylabel("cross-validated AUC")
    tested.set_ylabel("test AUC")
    for ax, column in ((validated, "auc"), (tested, "test_auc")):
        _beside(ax, table, column)
        _marked(ax, scored, column)
    _choices(grid, scored, rows)
    if scored.empty:
        validated.text(0.5, 0.5, "no specification has an AUC", transform=validated.transAxes)
    found = validated.get_legend_handles_labels()
    figure.legend(*found, loc="outside lower center", ncols=3)
    return figure


def _scores(ax: Axes, scored: pd.DataFrame, columns: tuple[str, str, str], color: str) -> None:
    mean, low, high = (scored[column].astype(float) for column in columns)
    ax.vlines(scored.index, low, high, color=color, lw=1.2, alpha=0.45, zorder=2)
    ax.scatter(scored.index, mean, color=color, s=9, zorder=3)
    known = scored[list(columns)].to_numpy(dtype=float)
    known = known[np.isfinite(known)]
    lowest = np.floor(min([*known, 0.4]) * 10) / 10
    ax.set_ylim(max(lowest, 0) - 0.01, 1.01)


def _beside(ax: Axes, table: pd.DataFrame, column: str) -> None:
    """Draw chance, volume alone, and what the published procedure itself gives."""
    ax.axhline(0.5, color=GREY, lw=1, linestyle=":", zorder=1, label="chance")
    for value in table.loc[table["kind"].eq(VOLUME), column].dropna():
        ax.axhline(value, **LINE, zorder=1, label="tumour volume alone")
    published = table.loc[table["kind"].eq("published procedure"), column].dropna()
    for value in published:
        ax.scatter(
            [-2.5],
            [value],
            color=VERMILION,
            marker="x",
            s=50,
            zorder=4,
            label="the published procedure itself, as published",
        )


def _marked(ax: Axes, scored: pd.DataFrame, column: str) -> None:
    for flag, style in MARKS.items():
        rows = scored[scored[flag].astype(bool)]
        if len(rows):
            ax.scatter(rows.index, rows[column], zorder=5, edgecolor="white", **style)


def _rows(scored: pd.DataFrame) -> list[tuple[str, str]]:
    """List the values of each choice in which specifications differ."""
    return [
        (choice, value)
        for choice in CHOICES
        for value in sorted(pd.unique(scored[choice]))
        if scored[choice].nunique() > 1
    ]


def _choices(ax: Axes, scored: pd.DataFrame, rows: list[tuple[str, str]]) -> None:
    """Mark each specification's choices, a row a value; every other choice on a pale ground."""
    order = list(dict.fromkeys(choice for choice, _ in rows))
    for place, (choice, value) in enumerate(rows):
        if order.index(choice) % 2 == 0:
            ax.axhspan(place - 0.5, place + 0.5, color=PALE, lw=0, zorder=0)
        has = scored.index[scored[choice].eq(value)]
        ax.scatter(has, np.full(len(has), place), color=INK, marker="|", s=14, lw=0.8)
    ax.set_yticks(
        range(len(rows)),
        [f"{TITLES[choice]}: {value_in_words(choice, value)}" for choice, value in rows],
        fontsize=8.5,
    )
    ax.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    ax.set_xlim(-4, max(len(scored), 1) + 1)
    ax.set_xlabel("specifications, the lowest cross-validated AUC first")
    ax.tick_params(axis="y", length=0)
