"""Figures of detection: FROC, sensitivity by lesion size, agreement of tumour burden.

A panel, or a row of panels, is a set of scans of one cohort. A model has one colour, line and
marker in all figures.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from livermet.models import NETWORKS, Network
from livermet.report import drawing, words
from livermet.report.drawing import BLUE, GREY, INK, VERMILION, volume_axis


def _style_of(network: Network) -> tuple[str, str | tuple, str]:
    colour, line, marker = network.style
    dashed = line if isinstance(line, str) else (line[0], tuple(line[1]))
    return getattr(drawing, colour), dashed, marker


# Colour, line, marker.
MODEL_STYLE = {name: _style_of(network) for name, network in NETWORKS.items()}
MARKED_THRESHOLDS = {0.1: "v", 0.5: "o", 0.9: "^"}
MOST_COLUMNS = 3
# How far the models of one size stand from each other, in sizes.
APART = 0.17
DASHED = (0, (5, 2.7))
# Line, and colour of the interval's band.
LIMITS = {
    "bias_ml": ("-", BLUE),
    "lower_limit_ml": (DASHED, GREY),
    "upper_limit_ml": (DASHED, GREY),
}
SMALL: dict[str, Any] = {"fontsize": 8.5, "color": GREY}
DOTS = {"color": VERMILION, "s": 24, "alpha": 0.65, "lw": 0, "zorder": 3}


def froc(table: pd.DataFrame, rule: str) -> Figure:
    """Draw sensitivity against false positives per scan over the threshold of lesion probability.

    `table` is `livermet.detection.froc.froc_table`; of its rules of matching `rule` is drawn.
    Upright lines are the intervals of sensitivity; marked thresholds have those of both.
    """
    keys = ["cohort", "test_set", "model", "patients", "scans", "threshold"]
    rows = table[table["rule"].eq(rule)]
    curves = [
        rows[rows["metric"].eq(metric)][[*keys, "value", "low", "high"]]
        for metric in ("sensitivity", "false_positives_per_scan")
    ]
    points = curves[0].merge(curves[1], on=keys, suffixes=("", "_fp")).sort_values("threshold")
    figure, panels = _panels(rows, "No lesion probability of a scan with a reference was saved.")
    for ax, cohort, test_set in panels:
        here = _of_set(points, cohort, test_set)
        _curves(ax, here)
        scans, patients = _counted(here["scans"], "scan"), _counted(here["patients"], "patient")
        _title(ax, cohort, test_set, f"{scans} of {patients}")
        ax.set(xlabel="false positives per scan", ylabel="sensitivity", ylim=(-0.03, 1.03))
    marks = [
        Line2D([], [], color=GREY, marker=marker, lw=0, label=f"threshold {threshold}")
        for threshold, marker in MARKED_THRESHOLDS.items()
    ]
    if panels:
        close = {"columnspacing": 1.4, "handletextpad": 0.5}
        models = _keys(rows, marker=False)
        # More names in a row would reach the marks' key.
        columns = 4 if len(models) <= 4 else 3
        figure.legend(handles=models, loc="outside lower left", ncols=columns, **close)
        figure.legend(handles=marks, loc="outside lower right", ncols=3, **close)
    return figure


def sensitivity_by_size(table: pd.DataFrame, rule: str) -> Figure:
    """Draw each model's sensitivity by the reference lesion's diameter, with its interval.

    `table` is `livermet.detection.sizes.size_table`; of its rules of matching `rule` is drawn.
    Below each size stands how many reference lesions have it.
    """
    return _by_size(table[table["rule"].eq(rule)], "sensitivity", "reference")


def ppv_by_size(table: pd.DataFrame, rule: str) -> Figure:
    """Draw each model's PPV by the predicted lesion's diameter, with its interval.

    `table` is `livermet.detection.sizes.predicted_size_table`; of its rules of matching `rule` is
    drawn. Below each size stands how many lesions of it the models predict.
    """
    return _by_size(table[table["rule"].eq(rule)], "PPV", "predicted")


def _by_size(rows: pd.DataFrame, score: str, side: str) -> Figure:
    figure, panels = _panels(rows, "No scan with a reference was scored.")
    models = list(rows["model"].unique())
    for ax, cohort, test_set in panels:
        here = _of_set(rows, cohort, test_set)
        sizes = list(here["diameter_mm"].unique())
        lesions = here.groupby("diameter_mm", sort=False)[f"{side}_lesions"]
        # The unit has a line of its own, so that neighbours do not meet.
        counts = [_counted(numbers, "lesion").rsplit(" ", 1) for _, numbers in lesions]
        told = [
            f"{size} mm\n" + "\n".join(count) for size, count in zip(sizes, counts, strict=True)
        ]
        ax.set_xticks(range(len(sizes)), told, fontsize=9)
        for model, scored in here.dropna(subset="value").groupby("model", sort=False):
            color, _, marker = MODEL_STYLE[model]
            shift = APART * (models.index(model) - (len(models) - 1) / 2)
            places = scored["diameter_mm"].map(sizes.index) + shift
            ax.vlines(places, scored["low"], scored["high"], color=color, lw=1.8, alpha=0.5)
            ax.scatter(places, scored["value"], color=color, marker=marker, s=32, zorder=3)
        if here["value"].isna().all():
            _say(ax, f"no {side} lesion in this set")
        _title(ax, cohort, test_set)
        ax.set(ylabel=score, ylim=(-0.03, 1.03), xlim=(-0.6, len(sizes) - 0.4))
        ax.set_axisbelow(True)
        ax.grid(axis="y", color=GREY, alpha=0.2)
    if panels:
        figure.legend(handles=_keys(rows, line=False), loc="outside lower center", ncols=4)
    return figure


def agreement_of_burden(scans: pd.DataFrame, limits: pd.DataFrame) -> Figure:
    """Draw a model's predicted burden beside the reference's, a row a set, a point a scan (ml).

    Left: difference against mean, with bias and limits of agreement and their intervals (Bland and
    Altman, Lancet 1986), and the line along which the difference grows with the mean; right:
    prediction against reference. Axes are linear: a logarithmic one hides how errors grow. `scans`
    and `limits` are the model's rows of `livermet.detection.cohort.scans_of_sets` and
    `burden_table`.
    """
    sets = list(scans.groupby(["cohort", "test_set"], sort=False))
    figure = Figure(
        figsize=(11.5, 0.6 + 3.0 * max(len(sets), 0.4)), layout=ConstrainedLayoutEngine(h_pad=0.1)
    )
    if not sets:
        _only_words(figure, "No scan with a reference was scored.")
        return figure
    axes = figure.subplots(len(sets), 2, squeeze=False, gridspec_kw={"width_ratios": [2.6, 1]})
    for (left, right), ((cohort, test_set), here) in zip(axes, sets, strict=True):
        predicted, reference = here["predicted_burden_ml"], here["reference_burden_ml"]
        of_set = _of_set(limits, cohort, test_set).set_index("metric")
        _limits(left, of_set)
        mean, difference = (predicted + reference) / 2, predicted - reference
        left.scatter(mean, difference, **DOTS)
        _growth(left, mean, of_set)
        left.margins(y=0.1)
        left.set(xlabel="mean of both (ml)", ylabel="prediction - reference (ml)")
        size = f"{_counted(len(here), 'scan')}: {_bias_and_limits(of_set)}"
        _title(left, cohort, test_set, size)
        highest = 1.05 * max(predicted.max(), reference.max(), 1)
        right.plot([0, highest], [0, highest], color=GREY, lw=0.8, zorder=0)
        right.scatter(reference, predicted, **DOTS)
        right.set(xlabel="reference (ml)", ylabel="prediction (ml)")
        start = -0.02 * highest
        left.set_xlim(left=start)
        right.set(xlim=(start, highest), ylim=(start, highest), aspect="equal")
    keys = [
        Line2D([], [], color=INK, lw=1.2, label="bias"),
        Line2D([], [], color=INK, lw=1.2, ls=DASHED, label="limits of agreement"),
        Line2D([], [], color=VERMILION, lw=1.2, ls=":", label="difference by size"),
        Patch(color=BLUE, alpha=0.18, lw=0, label="interval of the bias"),
        Patch(color=GREY, alpha=0.18, lw=0, label="intervals of the limits"),
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys))
    return figure


def _curves(ax: Axes, points: pd.DataFrame) -> None:
    volume_axis(ax.xaxis, ax.set_xscale)
    ax.set_xlim(-0.05, max(1.25 * points[["value_fp", "high_fp"]].max().max(), 1))
    if points["value"].isna().all():
        _say(ax, "no reference lesion in this set")
        return
    for model, curve in points.groupby("model", sort=False):
        color, line, _ = MODEL_STYLE[model]
        _whiskers(ax, curve, color, 0.2)
        ax.plot(curve["value_fp"], curve["value"], color=color, linestyle=line, lw=1.8)
        for threshold, marker in MARKED_THRESHOLDS.items():
            marked = curve[curve["threshold"].eq(threshold)]
            _whiskers(ax, marked, color, 0.5)
            ax.hlines(marked["value"], marked["low_fp"], marked["high_fp"], color=color, alpha=0.5)
            ax.scatter(
                marked["value_fp"], marked["value"], color=color, marker=marker, s=34, zorder=3
            )


def _whiskers(ax: Axes, points: pd.DataFrame, color: str, alpha: float) -> None:
    known = points.dropna(subset=["low", "high"])
    ax.vlines(known["value_fp"], known["low"], known["high"], color=color, alpha=alpha, lw=1)


def _limits(ax: Axes, limits: pd.DataFrame) -> None:
    """Draw bias and limits as lines, and their intervals as bands."""
    ax.axhline(0, color=GREY, lw=0.8, zorder=0)
    for metric, (style, band) in LIMITS.items():
        row = limits.loc[metric]
        if np.isnan(row["value"]):
            continue
        ax.axhline(row["value"], color=INK, lw=1.2, ls=style, zorder=2)
        if np.isfinite([row["low"], row["high"]]).all():
            ax.axhspan(row["low"], row["high"], color=band, alpha=0.18, lw=0, zorder=1)


def _growth(ax: Axes, mean: pd.Series, limits: pd.DataFrame) -> None:
    """Draw how the difference changes with the mean, by the table's least-squares slope."""
    bias, slope = limits["value"].reindex(["bias_ml", "slope"])
    # Through two points any line goes.
    if len(mean) > 2 and np.isfinite([bias, slope]).all():
        ends = np.array([mean.min(), mean.max()])
        # It goes through the middle of all points.
        line = bias + slope * (ends - mean.mean())
        ax.plot(ends, line, color=VERMILION, lw=1.2, ls=":", zorder=2)


def _bias_and_limits(limits: pd.DataFrame) -> str:
    bias, low, high = limits["value"].reindex(LIMITS)
    if np.isnan(low):
        return "too few for limits of agreement"
    return f"bias {words.number(bias)} ml, limits {words.spread(low, high)} ml"


def _panels(rows: pd.DataFrame, nothing: str) -> tuple[Figure, list[tuple[Axes, str, str]]]:
    """Make a panel a set of scans; without any the figure says `nothing`."""
    sets = list(rows[["cohort", "test_set"]].drop_duplicates().itertuples(index=False, name=None))
    columns = min(max(len(sets), 2), MOST_COLUMNS)
    lines = -(-len(sets) // columns)
    figure = Figure(
        figsize=(11.5, 0.9 + 3.3 * max(lines, 0.3)), layout=ConstrainedLayoutEngine(h_pad=0.1)
    )
    if not sets:
        _only_words(figure, nothing)
        return figure, []
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for ax in axes[len(sets) :]:
        ax.set_axis_off()
    return figure, [(ax, *names) for ax, names in zip(axes, sets, strict=False)]


def _only_words(figure: Figure, told: str) -> None:
    ax = figure.subplots()
    ax.set_axis_off()
    ax.text(0, 0.5, told, transform=ax.transAxes)


def _say(ax: Axes, told: str) -> None:
    ax.text(0.03, 0.93, told, transform=ax.transAxes, va="top", fontsize=9)


def _of_set(rows: pd.DataFrame, cohort: str, test_set: str) -> pd.DataFrame:
    return rows[rows["cohort"].eq(cohort) & rows["test_set"].eq(test_set)]


def _title(ax: Axes, cohort: str, test_set: str, size: str = "") -> None:
    ax.set_title(f"{cohort}, {test_set}", pad=20 if size else 6)
    ax.text(0, 1.02, size, transform=ax.transAxes, va="bottom", **SMALL)


def _counted(numbers: int | pd.Series, unit: str) -> str:
    """Write '1 scan', '7 scans', or '6 to 7 scans' where models were scored on different ones."""
    told = sorted({int(number) for number in np.atleast_1d(numbers)})
    amount = str(told[0]) if len(told) == 1 else f"{told[0]} to {told[-1]}"
    return f"{amount} {unit}" if told == [1] else f"{amount} {unit}s"


def _keys(rows: pd.DataFrame, line: bool = True, marker: bool = True) -> list[Line2D]:
    keys = []
    for model in rows["model"].unique():
        color, style, shape = MODEL_STYLE[model]
        drawn: dict[str, Any] = {
            "linestyle": style if line else "",
            "marker": shape if marker else "",
        }
        keys.append(Line2D([], [], color=color, label=words.model(model), lw=1.8, **drawn))
    return keys
