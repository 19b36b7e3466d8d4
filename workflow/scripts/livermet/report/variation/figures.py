"""How much lesions of a scan differ, and how a patient changes from study to study."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from livermet.report import words
from livermet.report.drawing import BLUE, GREY, INK, VERMILION
from livermet.report.features.lists import family

# Sets of series as the panels name them, and pairs by whether the molecular class changes.
SETS = {"validation": "held out", "test": "test"}
PAIRS = ((False, "class stays", BLUE, "o"), (True, "class changes", VERMILION, "^"))


def variation(pairs: pd.DataFrame, features: pd.DataFrame | None, name: str) -> Figure:
    """Draw each feature's share of variance within scans, and each pair of a patient's studies.

    `pairs` is `livermet.validation.variation.STUDY_PAIRS`; `features` is its `HETEROGENEITY`, None
    where no single lesion was measured. A pair is hollow where the call stays, filled where it
    changes.
    """
    widths = [1.0] * len(SETS) if features is None else [1.3, *[1.0] * len(SETS)]
    figure = Figure(figsize=(4.0 * sum(widths), 4.3), layout="constrained")
    axes = list(figure.subplots(1, len(widths), gridspec_kw={"width_ratios": widths}))
    if features is not None:
        _within_scans(axes.pop(0), features)
    furthest = 1.1 * pairs["score_change"].abs().max()
    if not furthest > 0:  # no pair, no score, or none that changes
        furthest = 1.0
    for ax, (part, told) in zip(axes, SETS.items(), strict=True):
        _over_time(ax, pairs[pairs["set"].eq(part)], f"Over time, {told}", name)
        ax.set_xlim(-furthest, furthest)
    return figure


def _within_scans(ax: Axes, features: pd.DataFrame) -> None:
    ax.set_title("Lesions of one scan", pad=20)
    known = features.dropna(subset="within_share")
    if known.empty:
        _say(ax, "too few scans with several lesions")
        return
    most = known.loc[known["lesions"].idxmax()]
    lesions, scans, patients = (
        words.counted(most[unit], unit.removesuffix("s"))
        for unit in ("lesions", "scans", "patients")
    )
    _count(ax, f"{lesions} of {scans} of {patients}")
    kinds = known["feature"].map(family)
    order = list(dict.fromkeys(kinds))
    for place, kind in enumerate(order):
        shares = np.sort(known.loc[kinds.eq(kind), "within_share"].to_numpy())
        spread = np.linspace(-0.25, 0.25, len(shares)) if len(shares) > 1 else np.zeros(1)
        ax.scatter(shares, place + spread, color=BLUE, s=14, alpha=0.6, lw=0)
        ax.vlines(np.median(shares), place - 0.35, place + 0.35, color=INK, lw=1.6)
    names = [f"{kind} ({number})" for kind, number in kinds.value_counts()[order].items()]
    ax.set_yticks(range(len(order)), names, fontsize=9)
    ax.set(xlim=(-0.03, 1.03), ylim=(len(order) - 0.4, -0.6))
    ax.set_xlabel("share of the variance within scans")


def _over_time(ax: Axes, pairs: pd.DataFrame, title: str, name: str) -> None:
    ax.set_title(title, pad=20)
    if pairs.empty:
        _say(ax, "no patient has two studies")
        return
    patients = words.counted(pairs["patient"].nunique(), "patient")
    _count(ax, f"{words.counted(len(pairs), 'pair')} of studies of {patients}")
    ax.axhline(0, color=GREY, lw=0.8, zorder=0)
    ax.axvline(0, color=GREY, lw=0.8, zorder=0)
    for changes, label, color, marker in PAIRS:
        own = pairs[pairs["class_changes"].astype(bool).eq(changes)]
        called = own["call_changes"].astype(bool)
        colors = [color if one else "white" for one in called]
        ax.scatter(
            own["score_change"],
            own["probability_change"],
            c=colors if len(own) else None,
            edgecolors=color,
            marker=marker,
            s=34,
            linewidths=1.2,
        )
        told = f"{label}: {len(own)}, call changes in {called.sum()}"
        ax.scatter([], [], c=color, marker=marker, s=34, label=told)
    ax.set(ylim=(-1.05, 1.05), xlabel=f"change of the {name} score")
    ax.set_ylabel("change of the probability")
    ax.legend(loc="upper left", fontsize=8, frameon=True, framealpha=0.7, edgecolor="none")


def _count(ax: Axes, told: str) -> None:
    ax.text(0, 1.02, told, transform=ax.transAxes, fontsize=9, color=GREY)


def _say(ax: Axes, told: str) -> None:
    ax.set_axis_off()
    ax.text(0.0, 0.8, told, transform=ax.transAxes)
