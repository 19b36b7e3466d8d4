"""Figure 3: tumour burden against the score and by class."""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from livermet.report import words
from livermet.report.drawing import CLASS_STYLE, box_and_points, name_points, volume_axis


def burden(studies: pd.DataFrame, statistics: pd.DataFrame, name: str) -> Figure:
    """Draw tumour burden against the score and by class, for all, cfDNA and biopsy samples.

    `studies` has one row a study (series, burden_ml, score, label, sample_type), and each point
    names its series; `statistics` is the phenotype stage's burden table (subset, spearman_rho,
    spearman_p, ranksum_p, reason).
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
        upper.set_title(
            f"{name_of} ({words.counted(len(rows), 'study', 'studies')})", pad=8 + 12 * lines
        )
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
        points = ax.scatter(
            here["burden_ml"], here["score"], c=color, marker=marker, s=26, alpha=0.75
        )
        name_points(points, here["series"])
    volume_axis(ax.xaxis, ax.set_xscale)


def _burden_boxes(ax: Axes, rows: pd.DataFrame) -> None:
    for place, (label, (color, marker)) in enumerate(CLASS_STYLE.items()):
        here = rows[rows["label"].eq(label)].dropna(subset="burden_ml")
        points = box_and_points(ax, place, here["burden_ml"].to_numpy(), color, marker)
        if points is not None:
            name_points(points, here["series"])
    ax.set_xticks(range(len(CLASS_STYLE)), list(CLASS_STYLE))
    ax.set_xlim(-0.6, len(CLASS_STYLE) - 0.4)
    volume_axis(ax.yaxis, ax.set_yscale)


def _spearman_text(result: pd.Series) -> str:
    if pd.isna(result["spearman_rho"]):
        return textwrap.fill(f"no correlation: {_reason(result, 'Spearman')}", 40)
    return (
        f"Spearman rho {words.number(result['spearman_rho'])}, {words.p_text(result['spearman_p'])}"
    )


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
