"""Figure 5: where the classifiers fail; and their calibration."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.typing import LineStyleType

from livermet.report import words
from livermet.report.classification.tables import SETS
from livermet.report.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LINE_STYLES,
    ORANGE,
    PURPLE,
    VERMILION,
    box_and_points,
)
from livermet.report.layout import TOO_FEW
from livermet.vocabulary import FEWEST_PATIENTS

STYLES = {"validation": (BLUE, "o"), "test": (VERMILION, "s")}
# What the model's calls are held against: words, colour and line.
TRIVIAL_CALLS: dict[str, tuple[str, str, LineStyleType]] = {
    "call_all": ("all called positive", ORANGE, (0, (5, 2))),
    "call_none": ("none called positive", INK, ":"),
}
# Marker area in points squared of the largest bin.
LARGEST_BIN = 160.0


def failures(panels: dict[str, dict], name: str) -> Figure:
    """Draw, a row a protocol, where the chosen model is wrong, and all models' ROC curves.

    Each panel dict holds `model`; `predictions` of its test series (score, right); `agreement`
    (studies by agreement of their series); `sample_types` (of `failures.by_sample_type`), maybe
    empty; `curves`: model to its ROC points.
    """
    layout = ConstrainedLayoutEngine(h_pad=0.12)
    figure = Figure(figsize=(11.5, 3.5 * len(panels)), layout=layout)
    axes = figure.subplots(
        len(panels), 4, squeeze=False, gridspec_kw={"width_ratios": [1, 1.25, 0.9, 1.2]}
    )
    for row, (protocol, panel) in zip(axes, panels.items(), strict=True):
        heading = f"{words.capital(protocol)}: {words.model(panel['model'])}"
        _right_and_wrong(row[0], panel["predictions"], heading, name)
        _agreement(row[1], panel["agreement"])
        _sample_types(row[2], panel["sample_types"])
        _curves(row[3], panel["curves"], _line_styles(panels))
    handles = [
        Line2D([], [], color=color, linestyle=style, label=words.model(model))
        for model, (color, style) in _line_styles(panels).items()
    ]
    figure.legend(handles=handles, loc="outside lower right", ncols=len(handles), title="ROC")
    return figure


def _line_styles(panels: dict[str, dict]) -> dict[str, tuple[str, LineStyleType]]:
    models = list(dict.fromkeys(model for panel in panels.values() for model in panel["curves"]))
    return dict(zip(models, LINE_STYLES, strict=False))


def _right_and_wrong(ax: Axes, predictions: pd.DataFrame, heading: str, name: str) -> None:
    ax.set_title(heading)
    for place, (right, color, marker) in enumerate(((True, GREEN, "o"), (False, ORANGE, "X"))):
        values = predictions.loc[predictions["right"].eq(right), "score"].to_numpy()
        box_and_points(ax, place, values, color, marker)
    count = int(predictions["right"].sum())
    ax.set_xticks([0, 1], [f"right\n(n={count})", f"wrong\n(n={len(predictions) - count})"])
    ax.set_xlim(-0.6, 1.6)
    ax.set_ylabel(f"{name} score")


def _agreement(ax: Axes, counts: pd.Series) -> None:
    ax.set_title("Series of one study")
    places = np.arange(len(counts))[::-1]
    ax.barh(places, counts.to_numpy(), color=GREY, height=0.6)
    for place, count in zip(places, counts, strict=True):
        ax.text(count, place, f" {count}", va="center", fontsize=9)
    ax.set_yticks(places, list(counts.index))
    ax.set_xlabel("test studies")
    ax.locator_params(axis="x", integer=True)
    ax.margins(x=0.15)


def _sample_types(ax: Axes, types: pd.DataFrame) -> None:
    ax.set_title("By sample type")
    if types.empty:
        ax.set_axis_off()
        ax.text(0.0, 0.8, "no sample types\nin the table", transform=ax.transAxes)
        return
    ax.bar(range(len(types)), types["accuracy"], color=PURPLE, width=0.55, alpha=0.75)
    ax.vlines(range(len(types)), types["accuracy_low"], types["accuracy_high"], color=INK, lw=1.2)
    names = []
    for place, row in enumerate(types.itertuples()):
        inside = f"{row.right}/{row.series}"
        ax.text(place, 0.03, inside, ha="center", va="bottom", fontsize=9)
        classes = f"{row.positive_patients} pos.,\n{row.negative_patients} neg."
        patients = f"{words.counted(row.patients, 'patient')}\n({classes})"
        auc = words.estimate(row.auc, row.auc_low, row.auc_high, lacking=TOO_FEW)
        name = words.value("sample_type", row.sample_type)
        names.append(f"{name}\n{patients}\nAUC {auc.replace(' (', chr(10) + '(')}")
    ax.set_xticks(range(len(types)), names, fontsize=8.5)
    ax.set(ylim=(0, 1.08), xlim=(-0.6, len(types) - 0.4), ylabel="share of series right")


def _curves(
    ax: Axes, curves: dict[str, pd.DataFrame], styles: dict[str, tuple[str, LineStyleType]]
) -> None:
    ax.set_title("ROC, test series")
    ax.plot([0, 1], [0, 1], color=GREY, lw=0.8)
    for model, points in curves.items():
        color, style = styles[model]
        ax.plot(points["false_positive_rate"], points["sensitivity"], color=color, linestyle=style)
    ax.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    ax.set_aspect("equal")
    if not any(len(points) for points in curves.values()):
        ax.text(0.05, 0.9, "one class only: no curve", transform=ax.transAxes, fontsize=9)


def calibration(curve: pd.DataFrame, decisions: pd.DataFrame, model: str) -> Figure:
    """Draw the calibration curve, and a decision curve each for held-out and test series.

    `curve` (set, predicted, observed, series) and `decisions` (set, threshold, net_benefit, low,
    high, call_all, call_none) are the rows of one model, whose name for readers is `model`.
    """
    figure = Figure(figsize=(11.5, 4.7), layout="constrained")
    axes = figure.subplots(1, 1 + len(SETS))
    _calibration(axes[0], curve)
    axes[0].set_title(f"Calibration: {model}")
    for ax, (part, name) in zip(axes[1:], SETS.items(), strict=True):
        rows = decisions[decisions["set"].eq(part)].sort_values("threshold")
        _decisions(ax, rows, STYLES[part][0])
        ax.set_title(f"Decisions, {name}")
    # Beside the curves there is no place that none of them runs through.
    keys = [Line2D([], [], color=INK, label="the model"), Patch(color=INK, alpha=0.18, lw=0)]
    keys[-1].set_label("its 95% interval at each threshold, by patient")
    keys += [
        Line2D([], [], color=shade, linestyle=style, label=label)
        for label, shade, style in TRIVIAL_CALLS.values()
    ]
    figure.legend(handles=keys, loc="outside lower right", ncols=len(keys), fontsize=9)
    return figure


def _calibration(ax: Axes, curve: pd.DataFrame) -> None:
    ax.plot([0, 1], [0, 1], color=GREY, lw=0.8, zorder=0)
    ax.set(xlabel="predicted probability", ylabel="share of positives")
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.08))
    ax.set_aspect("equal")
    if curve.empty:
        ax.text(0.05, 0.9, "no predictions to draw", transform=ax.transAxes, fontsize=9)
        return
    largest = curve["series"].max()
    for part, (color, marker) in STYLES.items():
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
            label=f"{int(rows['series'].sum())} {SETS[part]}",
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
    for column, (_, shade, style) in TRIVIAL_CALLS.items():
        ax.plot(rows["threshold"], rows[column], color=shade, linestyle=style)
    ax.plot(rows["threshold"], rows["net_benefit"], color=color)
    if rows["low"].notna().any():
        ax.fill_between(rows["threshold"], rows["low"], rows["high"], color=color, alpha=0.18, lw=0)
    else:
        told = f"too few for an interval:\nunder {FEWEST_PATIENTS} patients of a class"
        ax.text(0.03, 0.03, told, transform=ax.transAxes, fontsize=9, color=GREY)
    # Calling all has no lower bound near a threshold of 1.
    highest = max(rows[["net_benefit", "high", "call_all"]].max().max(), 0.05)
    ax.set_ylim(-0.4 * highest, 1.08 * highest)
