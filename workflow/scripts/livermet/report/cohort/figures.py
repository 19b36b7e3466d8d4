"""Figure 1: the study's flow."""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from livermet.report import words
from livermet.report.cohort.tables import counts
from livermet.report.drawing import BLUE, GREEN, GREY, ORANGE, VERMILION

# inches from one box of the flow to the next
FLOW_STEP = 1.1


def flow(exclusions: pd.DataFrame, splits: pd.DataFrame, target: str) -> Figure:
    """Draw the study's flow: what each exclusion removes, and where the rest goes.

    `exclusions` has one row a step (reason, removed_*, left_* in series, studies, patients), the
    first of which removes nothing; `splits` is table 2, whose segmentation task is drawn beside
    the flow where a model was trained.
    """
    steps = list(exclusions.itertuples())
    segmentation = splits[splits["task"].eq("segmentation")]
    classified = splits[splits["task"].eq("classification")]
    width = 11.7 if len(segmentation) else 7.8
    height = FLOW_STEP * len(steps) + 1.35
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    left, right, middle = 0.05, 4.1, 1.8
    for number, step in enumerate(steps):
        y = height - 0.75 - FLOW_STEP * number
        title = f"{target}: {step.reason}" if number == 0 else "Remaining"
        _box(axes, (left, y), 3.5, title, [counts(step, "left_")], BLUE)
        if number:
            between = y + FLOW_STEP - 0.24
            _arrow(axes, (middle, y + FLOW_STEP), (middle, y + 0.59))
            _line(axes, [(middle, between), (right, between)])
            color = VERMILION if step.removed_series else GREY
            removed = [f"removed: {counts(step, 'removed_')}"]
            _box(axes, (right, between - 0.29), 3.5, words.capital(step.reason), removed, color)
    bottom = height - 0.75 - FLOW_STEP * (len(steps) - 1)
    _arrow(axes, (middle, bottom), (middle, 0.84))
    _line(axes, [(middle, bottom - 0.2), (right + 1.75, bottom - 0.2)])
    _arrow(axes, (right + 1.75, bottom - 0.2), (right + 1.75, 0.84))
    for x, place in ((left, "train"), (right, "test")):
        rows = classified[classified["place"].eq(place)]
        _box(axes, (x, 0.05), 3.5, f"Classification, {place}", _split_lines(rows), GREEN)
    for y, place in ((height - 0.96, "train"), (height - 2.1, "test")):
        rows = segmentation[segmentation["place"].eq(place)]
        if len(rows):
            _box(axes, (8.1, y), 3.5, f"Segmentation, {place}", _split_lines(rows), ORANGE)
    if len(segmentation):
        note = "A patient has one place, train or test, and it holds for both tasks."
        axes.text(8.2, height - 2.3, textwrap.fill(note, 45), va="top", fontsize=9, color=GREY)
    return figure


def _split_lines(rows: pd.DataFrame) -> list[str]:
    lines = []
    for row in rows.itertuples():
        lines.append(f"{row.cohort}: {counts(row)}")
        if pd.notna(row.positive_series):
            positive, negative = int(row.positive_series), int(row.negative_series)
            lines.append(f"{positive} positive and {negative} negative series")
    return lines or ["none"]


def _box(
    axes: Axes, corner: tuple[float, float], width: float, title: str, lines: list[str], color: str
) -> None:
    """Draw a box from its lower left corner (inches), as high as its title and lines need."""
    x, y = corner
    titles = textwrap.wrap(title, int(width * 11))
    height = 0.18 + 0.2 * (len(titles) + len(lines))
    shape = FancyBboxPatch(
        corner,
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.06",
        facecolor="white",
        edgecolor=color,
        linewidth=1.4,
    )
    axes.add_patch(shape)
    for number, line in enumerate([*titles, *lines]):
        axes.text(
            x + 0.14,
            y + height - 0.12 - 0.2 * number,
            line,
            va="top",
            fontsize=10,
            fontweight="bold" if number < len(titles) else "normal",
        )


def _line(axes: Axes, points: list[tuple[float, float]]) -> None:
    axes.plot(*zip(*points, strict=True), color=GREY, lw=1, zorder=0)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": GREY, "lw": 1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=end, xytext=start, arrowprops=style)
