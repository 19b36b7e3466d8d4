"""The ladder: what each correction does to the scores, from the published procedure downwards."""

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from livermet.report import words
from livermet.report.drawing import BLUE, GREY, INK, ORANGE, PALE
from livermet.report.ladder.content import METRICS

# A step's height in inches, and how far its two markers stand from its middle, in steps.
STEP_HEIGHT, APART = 0.47, 0.17
LABEL_WIDTH, REASON_WIDTH = 38, 115
TRIVIAL: dict[str, Any] = {"color": INK, "linewidth": 1.1, "linestyle": (0, (5, 2.7))}


def corrections(steps: pd.DataFrame, baselines: pd.DataFrame) -> Figure:
    """Draw the ladder: a row a step, a panel a score.

    `steps` is the table `corrections` (step, correction, made, reason, model, cv_* and, for each
    metric, mean, *_low, *_high and *_width); `baselines` the table of that name, from which the
    rule 'always positive' is drawn as a line. A step that was not made is grey, with its reason.
    """
    steps = steps.fillna({"reason": ""}).reset_index(drop=True)
    figure = Figure(figsize=(14, 1.2 + STEP_HEIGHT * max(len(steps), 3)), layout="constrained")
    axes = figure.subplots(
        1, 1 + len(METRICS), sharey=True, gridspec_kw={"width_ratios": [1.35, *[1] * len(METRICS)]}
    )
    trivial = always_positive(baselines)
    limits = _limits(steps, trivial)
    _labels(axes[0], steps)
    if steps.empty:
        axes[0].text(0, 0, "no correction was computed", va="center")
    for ax, metric in zip(axes[1:], METRICS, strict=True):
        _panel(ax, steps, metric, trivial.get(metric))
        ax.set(title=words.heading(metric), xlim=limits)
    for place, step in steps[~_made(steps)].iterrows():
        _reason(axes[1], place, words.note_of_step(step["made"], step["reason"]))
    figure.legend(handles=_keys(bool(trivial)), loc="outside lower center", ncols=3)
    return figure


def always_positive(baselines: pd.DataFrame) -> dict[str, float]:
    """Take from the table of baselines what the rule 'always positive' scores on the test set.

    Its balanced accuracy is 1/2: it finds all positives and no negative.
    """
    rows = baselines[baselines["baseline"].eq("always_positive") & baselines["set"].eq("test")]
    scored = rows.dropna(subset="baseline_mean").groupby("metric")["baseline_mean"].first()
    return scored.to_dict() | ({"balanced_accuracy": 0.5} if len(scored) else {})


def _made(steps: pd.DataFrame) -> pd.Series:
    return steps["made"].eq("yes")


def _limits(steps: pd.DataFrame, trivial: dict[str, float]) -> tuple[float, float]:
    """Put all panels on one axis, so that their intervals compare."""
    columns = [f"{prefix}{metric}" for metric in METRICS for prefix in ("", "cv_")]
    columns += [f"{metric}_low" for metric in METRICS]
    shown = steps.reindex(columns=columns).to_numpy(dtype=float)
    lowest = np.nanmin([*shown[np.isfinite(shown)], *trivial.values(), 0.5])
    return max(np.floor(lowest * 10) / 10, 0.0) - 0.01, 1.02


def _panel(ax: Axes, steps: pd.DataFrame, metric: str, trivial: float | None) -> None:
    made = steps[_made(steps)]
    for place in made.index[made.index % 2 == 0]:
        ax.axhspan(place - 0.5, place + 0.5, color=PALE, lw=0, zorder=0)
    if trivial is not None:
        ax.vlines([trivial] * len(made), made.index - 0.5, made.index + 0.5, **TRIVIAL, zorder=1)
    mean, low, high = (made[f"{metric}{end}"].astype(float) for end in ("", "_low", "_high"))
    # The path stops at a step that was not made, where its reason stands.
    path = mean.reindex(steps.index)
    ax.plot(path, path.index - APART, color=BLUE, lw=0.8, alpha=0.4, zorder=2)
    ax.hlines(made.index - APART, low, high, color=BLUE, lw=2, zorder=3)
    ax.scatter(mean, made.index - APART, color=BLUE, s=34, zorder=4)
    validated = made[f"cv_{metric}"].astype(float)
    ax.scatter(
        validated,
        made.index + APART,
        marker="D",
        s=26,
        facecolor="white",
        edgecolor=ORANGE,
        linewidth=1.6,
        zorder=4,
    )
    for place, width in made[f"{metric}_width"].astype(float).dropna().items():
        ax.text(1.03, place, words.number(width), transform=ax.get_yaxis_transform(), va="center")
    ax.text(1.03, 1.0, "width", transform=ax.transAxes, va="bottom", color=GREY, fontsize=9)
    ax.set_ylim(max(len(steps), 1) - 0.5, -0.5)
    ax.spines["left"].set_visible(False)
    # Reasons of steps that were not made run across the panels.
    ax.patch.set_visible(False)
    ax.tick_params(axis="y", length=0, labelleft=False)


def _labels(ax: Axes, steps: pd.DataFrame) -> None:
    """Write each step's number and words, and below them its model where that changes."""
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    before = None
    for place, step in steps.iterrows():
        made = step["made"] == "yes"
        color = INK if made else GREY
        lines = textwrap.wrap(step["correction"], LABEL_WIDTH)
        if made and step["model"] != before:
            before = step["model"]
            lines.append(f"({words.model(before)})")
        ax.text(0, place, f"{step['step']:.0f}", va="center", fontweight="bold", color=color)
        ax.text(0.09, place, "\n".join(lines), va="center", fontsize=9.5, color=color)


def _reason(ax: Axes, place: int, reason: str) -> None:
    """Write across the panels why a step was not made."""
    ax.text(
        0.03,
        place,
        textwrap.fill(textwrap.shorten(reason, 2 * REASON_WIDTH), REASON_WIDTH),
        transform=ax.get_yaxis_transform(),
        va="center",
        fontsize=9,
        style="italic",
        color=GREY,
    ).set_in_layout(False)


def _keys(trivial: bool) -> list[Line2D]:
    keys = [
        Line2D([], [], color=BLUE, marker="o", lw=2, label="test studies, with interval"),
        Line2D(
            [],
            [],
            color=ORANGE,
            marker="D",
            markerfacecolor="white",
            markeredgewidth=1.6,
            lw=0,
            label="cross-validated",
        ),
    ]
    if trivial:
        name = "rule 'always positive', test studies"
        keys.append(Line2D([], [], **TRIVIAL, label=name))
    return keys
