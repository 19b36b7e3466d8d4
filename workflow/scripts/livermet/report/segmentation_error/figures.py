"""The chosen model's probabilities in other masks of the same lesions."""

import pandas as pd
from matplotlib.figure import Figure

from livermet.report.drawing import BLUE, GREY, VERMILION

TITLES = {
    "perturbed contour": "Perturbed contour",
    "single fold": "Single fold",
    "single folds together": "Folds together",
}
MASKS = {
    "perturbed contour": "in the perturbed mask",
    "single fold": "in one fold's mask",
    "single folds together": "in the folds' own masks",
}


def changed_probabilities(scored: pd.DataFrame) -> Figure:
    """Draw, a panel a source, each mask's probability against that of the series' own mask.

    `scored` is `livermet.validation.segmentation_error.SCORED_MASKS`.
    """
    figure = Figure(figsize=(11.5, 4.3), layout="constrained")
    axes = figure.subplots(1, len(TITLES))
    for ax, (source, title) in zip(axes, TITLES.items(), strict=True):
        rows = scored[scored["source"].eq(source)]
        ax.set_title(title)
        if rows.empty:
            ax.set_axis_off()
            ax.text(0.0, 0.8, "not made in this run", transform=ax.transAxes)
            continue
        flipped = rows["flipped"].astype(bool)
        ax.plot([0, 1], [0, 1], color=GREY, lw=0.8, zorder=0)
        for inside, color, marker, label in (
            (~flipped, BLUE, "o", "same call"),
            (flipped, VERMILION, "X", "another call"),
        ):
            ax.scatter(
                rows.loc[inside, "probability"],
                rows.loc[inside, "changed_probability"],
                color=color,
                marker=marker,
                s=20,
                alpha=0.65,
                lw=0,
                label=f"{label} ({inside.sum()})",
            )
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        ax.set(xlabel="probability in its own mask", ylabel=MASKS[source])
        ax.legend(loc="upper left", fontsize=8.5, frameon=True, framealpha=0.7, edgecolor="none")
    return figure
