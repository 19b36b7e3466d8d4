"""Figure 2: example scans, reference and prediction side by side."""

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from livermet.errors import InputError
from livermet.images import LESION, LIVER
from livermet.report.drawing import INK, ORANGE, SKY
from livermet.report.segmentation.examples import MARGIN_MM, Example

LIVER_WINDOW_HU = (-40.0, 160.0)
PANEL_INCHES = 3.6
# Lengths of the scale bar, of which the longest takes at most a third of a panel.
SCALE_BARS_MM = (10, 20, 50, 100)
# Colour, line and width of each outline; the liver's reaches around its lesions.
OUTLINES: dict[str, tuple[int, dict[str, Any]]] = {
    "liver, lesions included": (LIVER, {"colors": [SKY], "linestyles": "dashed"}),
    "lesion": (LESION, {"colors": [ORANGE], "linestyles": "solid"}),
}
WIDTHS = {LIVER: 1.1, LESION: 1.9}
WHITE: dict[str, Any] = {
    "color": "white",
    "fontsize": 9,
    "path_effects": [withStroke(linewidth=2, foreground="black")],
}


def segmentation_examples(examples: list[Example], predicted_by: str | None) -> Figure:
    """Show each example's slice twice, with the outlines of the reference and of the prediction.

    `predicted_by` names the model; where it is None the masks were given, and the slice stands
    without and with their outlines. All panels show a square of one size at one scale. Level 60
    HU, width 200 HU.
    """
    if not examples:
        raise InputError(
            "Figure 2 needs at least one test scan with a reference; add references to the sheet "
            "of series, or test patients who have one to split.test."
        )
    field = field_mm(examples)
    size = (2 * PANEL_INCHES + 0.2, len(examples) * (PANEL_INCHES + 0.55) + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(examples), 2, squeeze=False)
    letters = iter("abcd")
    for (left, right), example in zip(axes, examples, strict=True):
        given = predicted_by is None
        masks = (None, example.reference) if given else (example.reference, example.prediction)
        for ax, mask in zip((left, right), masks, strict=True):
            _slice(ax, example, field)
            _outlines(ax, example, mask)
        named = textwrap.shorten(example.series, 34, placeholder="...")
        what = "burden" if given else "concordance"
        told = ("CT", "given mask") if given else ("reference", f"prediction, {predicted_by}")
        titles = (f"{example.place} {what}: {named}\n{told[0]}", f"{example.value}\n{told[1]}")
        for ax, title in zip((left, right), titles, strict=True):
            ax.set_title(f"({next(letters)}) {title}", fontsize=10, fontweight="normal", loc="left")
    keys = [
        Line2D(
            [], [], color=style["colors"][0], ls=style["linestyles"], lw=WIDTHS[label], label=name
        )
        for name, (label, style) in OUTLINES.items()
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=2, labelcolor=INK)
    return figure


def field_mm(examples: list[Example]) -> float:
    """Return the side of the square, in mm, that holds all that is labelled in any example."""
    sides = []
    for example in examples:
        left, right, top, bottom = example.box_mm
        sides += [right - left, bottom - top]
    return max(sides) + 2 * MARGIN_MM


def scale_bar_mm(field: float) -> int:
    """Return the longest of SCALE_BARS_MM in at most a third of a field, or else the shortest."""
    fitting = [length for length in SCALE_BARS_MM if length <= field / 3]
    return max(fitting, default=SCALE_BARS_MM[0])


def _slice(ax: Axes, example: Example, field: float) -> None:
    """Draw the square of a slice around what is labelled, in mm, with letters and scale bar."""
    left, right, top, bottom = example.box_mm
    x, y = (left + right - field) / 2, (top + bottom - field) / 2
    cut, extent = _cut(example, x, y, field)
    low, high = LIVER_WINDOW_HU
    ax.imshow(cut, cmap="gray", vmin=low, vmax=high, interpolation="nearest", extent=extent)
    # Beyond the edge of the CT there is nothing to show.
    ax.set(xlim=(x, x + field), ylim=(y + field, y), xticks=[], yticks=[], facecolor="black")
    ax.set_aspect("equal")
    ax.spines[:].set_visible(False)
    places = ((0.02, 0.5), (0.98, 0.5), (0.5, 0.97), (0.5, 0.03))
    sides = (("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom"))
    for (across, up), (ha, va), letter in zip(places, sides, example.letters, strict=True):
        ax.text(across, up, letter, ha=ha, va=va, transform=ax.transAxes, **WHITE)
    told = f"slice {example.number} of {example.slices}"
    ax.text(0.02, 0.97, told, ha="left", va="top", transform=ax.transAxes, **WHITE)
    _scale_bar(ax, x + 0.97 * field, y + 0.95 * field, field)


def _scale_bar(ax: Axes, right: float, low: float, field: float) -> None:
    length = scale_bar_mm(field)
    ends = [right - length, right]
    stroke = [withStroke(linewidth=4, foreground="black")]
    ax.plot(ends, [low, low], color="white", lw=2, path_effects=stroke, solid_capstyle="butt")
    ax.text(
        right - length / 2, low - 0.015 * field, f"{length} mm", ha="center", va="bottom", **WHITE
    )


def _cut(
    example: Example, x: float, y: float, field: float
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Take the pixels that a square reaches, and their edges in mm: left, right, bottom, top."""
    height, width = example.pixel_mm
    rows, columns = example.ct.shape
    first = max(0, int(y / height)), max(0, int(x / width))
    last = min(rows, int((y + field) / height) + 1), min(columns, int((x + field) / width) + 1)
    extent = (first[1] * width, last[1] * width, last[0] * height, first[0] * height)
    return example.ct[first[0] : last[0], first[1] : last[1]], extent


def _outlines(ax: Axes, example: Example, mask: np.ndarray | None) -> None:
    if mask is None:
        return
    height, width = example.pixel_mm
    rows, columns = mask.shape
    centres = (np.arange(columns) + 0.5) * width, (np.arange(rows) + 0.5) * height
    for label, style in OUTLINES.values():
        inside = mask >= label
        if inside.any() and not inside.all():
            ax.contour(*centres, inside, levels=[0.5], linewidths=WIDTHS[label], **style)
