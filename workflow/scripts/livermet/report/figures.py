"""Figures 1-5, drawn without a screen; the same numbers give the same bytes.

Colours are those of Okabe and Ito (2008), which readers with colour-blindness tell apart; every
distinction by colour is also one by shape, line or place.
"""

import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch

from livermet.errors import InputError
from livermet.files import whole_file
from livermet.report import words
from livermet.report.examples import Example
from livermet.report.feature_lists import feature_label, ranked_features

BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, INK, GREY, PALE = "#56B4E9", "#CC79A7", "#22313f", "#6b7a88", "#eef2f5"
CLASS_STYLE = {"positive": (VERMILION, "o"), "negative": (BLUE, "s")}
LINE_STYLES = (
    (BLUE, "-"),
    (VERMILION, "--"),
    (GREEN, "-."),
    (PURPLE, ":"),
    (ORANGE, (0, (6, 2, 1, 2, 1, 2))),
    (SKY, (0, (1, 3))),
)
LIVER_WINDOW_HU = (-40.0, 160.0)
FEWEST_ROWS = 5
# inches from one box of the flow to the next
FLOW_STEP = 1.1
STYLE = {
    "svg.hashsalt": "livermet",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "legend.frameon": False,
}


def save(draw, png: str | Path, svg: str | Path) -> None:
    """Draw a figure in the report's style and write it as PNG (160 dpi) and SVG.

    `draw` is a function without arguments that makes the figure. Neither file holds a date.
    """
    with rc_context(STYLE):
        figure = draw()
        with whole_file(png) as beside:
            figure.savefig(beside, dpi=160, metadata={"Software": None})
        with whole_file(svg) as beside:
            figure.savefig(beside, metadata={"Date": None, "Creator": None})


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
        _box(axes, (left, y), 3.5, title, [_counts(step, "left")], BLUE)
        if number:
            between = y + FLOW_STEP - 0.24
            _arrow(axes, (middle, y + FLOW_STEP), (middle, y + 0.59))
            _line(axes, [(middle, between), (right, between)])
            color = VERMILION if step.removed_series else GREY
            removed = [f"removed: {_counts(step, 'removed')}"]
            _box(axes, (right, between - 0.29), 3.5, _sentence(step.reason), removed, color)
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


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _counts(step, prefix: str) -> str:
    return ", ".join(
        _counted(int(getattr(step, f"{prefix}_{unit}")), unit)
        for unit in ("series", "studies", "patients")
    )


def _counted(count: int, units: str) -> str:
    one = {"series": "series", "studies": "study", "patients": "patient", "scans": "scan"}
    return f"{count} {one[units] if count == 1 else units}"


def _split_lines(rows: pd.DataFrame) -> list[str]:
    lines = []
    for row in rows.itertuples():
        counts = ", ".join(
            _counted(int(getattr(row, unit)), unit) for unit in ("series", "studies", "patients")
        )
        lines.append(f"{row.cohort}: {counts}")
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


def segmentation_examples(examples: list[Example], predicted_by: str | None) -> Figure:
    """Show each example's slice twice: as it is, and with contours of reference and prediction.

    `predicted_by` names the model for the legend; None where the masks were given. Level 60 HU,
    width 200 HU.
    """
    if not examples:
        raise InputError(
            "Figure 2 needs at least one test scan with a reference; add references to the sheet "
            "of series, or test patients who have one to split.test."
        )
    tallest = max(
        example.ct.shape[0] * example.pixel_mm[0] / (example.ct.shape[1] * example.pixel_mm[1])
        for example in examples
    )
    width = 3.3 * max(len(examples), 2)
    height = 2 * 3.3 * (width / 3.3 / len(examples)) * tallest + 1.1
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(2, len(examples), squeeze=False)
    for column, example in zip(axes.T, examples, strict=True):
        for ax in column:
            low, high = LIVER_WINDOW_HU
            ax.imshow(example.ct, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            ax.set_aspect(example.pixel_mm[0] / example.pixel_mm[1])
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        lines = [textwrap.fill(line, 40) for line in example.title.splitlines()]
        column[0].set_title("\n".join(lines), fontsize=10, fontweight="normal")
        _contours(column[1], example.reference, SKY, "solid")
        if example.prediction is not None:
            _contours(column[1], example.prediction, ORANGE, "dashed")
    handles = [_contour_key("lesion, reference", SKY, "solid", 2.2)]
    handles += [_contour_key("liver, reference", SKY, "solid", 1.0)]
    if predicted_by:
        handles += [_contour_key(f"lesion, {predicted_by}", ORANGE, "dashed", 2.2)]
        handles += [_contour_key(f"liver, {predicted_by}", ORANGE, "dashed", 1.0)]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, labelcolor=INK)
    return figure


def _contours(ax: Axes, labels: np.ndarray, color: str, style: str) -> None:
    for mask, width in ((labels >= 1, 1.0), (labels == 2, 2.2)):
        if mask.any() and not mask.all():
            ax.contour(mask, levels=[0.5], colors=[color], linewidths=width, linestyles=style)


def _contour_key(label: str, color: str, style: str, width: float) -> Line2D:
    return Line2D([], [], color=color, linestyle=style, linewidth=width, label=label)


def burden(studies: pd.DataFrame, statistics: pd.DataFrame, name: str) -> Figure:
    """Draw tumour burden against the score and by class, for all, cfDNA and biopsy samples.

    `studies` has one row a study (burden_ml, score, label, sample_type); `statistics` is the
    phenotype stage's burden table (subset, spearman_rho, spearman_p, ranksum_p, reason).
    """
    subsets = {
        subset: studies if subset == "all" else studies[studies["sample_type"].eq(subset)]
        for subset in statistics["subset"]
    }
    figure = Figure(figsize=(3.5 * len(subsets), 7.2), layout="constrained")
    axes = figure.subplots(2, len(subsets), squeeze=False, sharex="row", sharey="row")
    titles = {"all": "All samples", "cfdna": "cfDNA samples", "biopsy": "Biopsy samples"}
    results = statistics.set_index("subset")
    tests = {subset: _spearman_text(results.loc[subset]) for subset in subsets}
    # A title stands above its test's words, of which the longest has most lines.
    lines = max((text.count("\n") + 1 for text in tests.values()), default=1)
    for column, (subset, rows) in enumerate(subsets.items()):
        result = results.loc[subset]
        upper, lower = axes[:, column]
        _burden_scatter(upper, rows)
        name_of = titles.get(subset, subset)
        upper.set_title(f"{name_of} ({_counted(len(rows), 'studies')})", pad=8 + 12 * lines)
        upper.text(0, 1.02, tests[subset], transform=upper.transAxes, fontsize=9)
        upper.set_xlabel("tumour burden (ml)")
        _burden_boxes(lower, rows)
        lower.text(0, 1.02, _ranksum_text(result), transform=lower.transAxes, fontsize=9)
    axes[0, 0].set_ylabel(f"{name} score")
    axes[1, 0].set_ylabel("tumour burden (ml)")
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle="", label=f"{name} {label}")
        for label, (color, marker) in CLASS_STYLE.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _burden_scatter(ax: Axes, rows: pd.DataFrame) -> None:
    for label, (color, marker) in CLASS_STYLE.items():
        here = rows[rows["label"].eq(label)]
        ax.scatter(here["burden_ml"], here["score"], c=color, marker=marker, s=26, alpha=0.75)
    volume_axis(ax.xaxis, ax.set_xscale)


def _burden_boxes(ax: Axes, rows: pd.DataFrame) -> None:
    for place, (label, (color, marker)) in enumerate(CLASS_STYLE.items()):
        values = rows.loc[rows["label"].eq(label), "burden_ml"].dropna().to_numpy()
        _box_and_points(ax, place, values, color, marker)
    ax.set_xticks(range(len(CLASS_STYLE)), list(CLASS_STYLE))
    ax.set_xlim(-0.6, len(CLASS_STYLE) - 0.4)
    volume_axis(ax.yaxis, ax.set_yscale)


def volume_axis(axis, set_scale) -> None:
    """Make an axis linear up to 1 (ml), so that 0 has its place, and logarithmic above."""
    set_scale("symlog", linthresh=1.0)
    axis.set_major_formatter(lambda value, _: f"{value:g}")


def _box_and_points(ax: Axes, place: float, values: np.ndarray, color: str, marker: str) -> None:
    if not len(values):
        return
    ax.boxplot(
        [values],
        positions=[place],
        widths=0.5,
        showfliers=False,
        medianprops={"color": INK, "linewidth": 1.6},
        boxprops={"color": GREY},
        whiskerprops={"color": GREY},
        capprops={"color": GREY},
    )
    # Evenly spread by rank, so that points part without a random choice.
    spread = np.linspace(-0.16, 0.16, len(values)) if len(values) > 1 else np.zeros(1)
    ax.scatter(place + spread, values, c=color, marker=marker, s=20, alpha=0.7, zorder=3)


def _spearman_text(result: pd.Series) -> str:
    if pd.isna(result["spearman_rho"]):
        return textwrap.fill(f"no correlation: {_reason(result, 'Spearman')}", 40)
    return f"Spearman rho {result['spearman_rho']:.2f}, {words.p_text(result['spearman_p'])}"


def _ranksum_text(result: pd.Series) -> str:
    if pd.isna(result["ranksum_p"]):
        return textwrap.fill(f"no rank-sum test: {_reason(result, 'rank-sum')}", 40)
    return f"Wilcoxon rank-sum {words.p_text(result['ranksum_p'])}"


def _reason(result: pd.Series, test: str) -> str:
    """Take from 'Spearman: ...; rank-sum: ...' what is said of one test."""
    reason = result.get("reason")
    if pd.isna(reason) or not reason:
        return "too few values"
    told = dict(part.split(": ", 1) for part in str(reason).split("; ") if ": " in part)
    return told.get(test, str(reason))


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
        ax.set_title(f"{_sentence(protocol)} protocol")
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


def failures(panels: dict[str, dict], name: str) -> Figure:
    """Draw, a row a protocol, where the chosen model is wrong, and all models' ROC curves.

    Each panel dict holds `model`; `predictions` of its test series (score, right); `agreement`
    (studies by agreement of their series); `sample_types` (sample_type, series, right), maybe
    empty; `curves`: model to its ROC points.
    """
    figure = Figure(figsize=(11.5, 3.5 * len(panels)), layout="constrained")
    axes = figure.subplots(
        len(panels), 4, squeeze=False, gridspec_kw={"width_ratios": [1, 1.25, 0.9, 1.2]}
    )
    figure.get_layout_engine().set(h_pad=0.12)
    for row, (protocol, panel) in zip(axes, panels.items(), strict=True):
        heading = f"{_sentence(protocol)}: {words.model(panel['model'])}"
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


def _line_styles(panels: dict[str, dict]) -> dict[str, tuple[str, str]]:
    models = list(dict.fromkeys(model for panel in panels.values() for model in panel["curves"]))
    return dict(zip(models, LINE_STYLES, strict=False))


def _right_and_wrong(ax: Axes, predictions: pd.DataFrame, heading: str, name: str) -> None:
    ax.set_title(heading)
    for place, (right, color, marker) in enumerate(((True, GREEN, "o"), (False, ORANGE, "X"))):
        values = predictions.loc[predictions["right"].eq(right), "score"].to_numpy()
        _box_and_points(ax, place, values, color, marker)
    right = int(predictions["right"].sum())
    ax.set_xticks([0, 1], [f"right\n(n={right})", f"wrong\n(n={len(predictions) - right})"])
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
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.margins(x=0.15)


def _sample_types(ax: Axes, types: pd.DataFrame) -> None:
    ax.set_title("By sample type")
    if types.empty:
        ax.set_axis_off()
        ax.text(0.0, 0.8, "no sample types\nin the table", transform=ax.transAxes)
        return
    ax.bar(range(len(types)), types["right"] / types["series"], color=PURPLE, width=0.55)
    for place, row in enumerate(types.itertuples()):
        share = row.right / row.series
        ax.text(place, share, f"{row.right}/{row.series}", ha="center", va="bottom", fontsize=9)
    names = {"cfdna": "cfDNA"}
    ax.set_xticks(range(len(types)), [names.get(kind, kind) for kind in types["sample_type"]])
    ax.set(ylim=(0, 1.08), ylabel="share of series right")


def _curves(ax: Axes, curves: dict[str, pd.DataFrame], styles: dict[str, tuple[str, str]]) -> None:
    ax.set_title("ROC, test series")
    ax.plot([0, 1], [0, 1], color=GREY, lw=0.8)
    for model, points in curves.items():
        color, style = styles[model]
        ax.plot(points["false_positive_rate"], points["sensitivity"], color=color, linestyle=style)
    ax.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    ax.set_aspect("equal")
    if not any(len(points) for points in curves.values()):
        ax.text(0.05, 0.9, "one class only: no curve", transform=ax.transAxes, fontsize=9)
