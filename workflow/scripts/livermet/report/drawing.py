"""The style of the report's figures, drawn without a screen; the same numbers give the same bytes.

Colours are those of Okabe and Ito (2008), which readers with colour-blindness tell apart; every
distinction by colour is also one by shape, line or place.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.typing import LineStyleType

from livermet.files import whole_file
from livermet.report.points import MARK

BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, INK, GREY, PALE = "#56B4E9", "#CC79A7", "#22313f", "#6b7a88", "#eef2f5"
CLASS_STYLE = {"positive": (VERMILION, "o"), "negative": (BLUE, "s")}
LINE_STYLES: tuple[tuple[str, LineStyleType], ...] = (
    (BLUE, "-"),
    (VERMILION, "--"),
    (GREEN, "-."),
    (PURPLE, ":"),
    (ORANGE, (0, (6, 2, 1, 2, 1, 2))),
    (SKY, (0, (1, 3))),
)
STYLE: dict[Any, Any] = {
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
    with rc_context():
        # Neither a user's matplotlibrc nor a library that was loaded has a say.
        rcdefaults()
        rcParams.update(STYLE)
        figure = draw()
        with whole_file(png) as beside:
            figure.savefig(beside, dpi=160, metadata={"Software": None})
        with whole_file(svg) as beside:
            figure.savefig(beside, metadata={"Date": None, "Creator": None})
            beside.write_text(_clips_in_order(beside.read_text()))


def _clips_in_order(svg: str) -> str:
    """Number the clip paths of a figure as they come.

    Matplotlib names one after all digits of its place, the last of which differ between two
    drawings of the same figure.
    """
    names: dict[str, str] = {}

    def numbered(found: re.Match) -> str:
        return names.setdefault(found[0], f"clip{len(names) + 1}")

    return re.sub(r'(?<=[#"])p[0-9a-f]{10}(?=[")])', numbered, svg)


def volume_axis(axis, set_scale) -> None:
    """Make an axis linear up to 1 (ml), so that 0 has its place, and logarithmic above."""
    set_scale("symlog", linthresh=1.0)
    axis.set_major_formatter(lambda value, _: f"{value:g}")


def name_points(points: PathCollection, series: Iterable[str]) -> None:
    """Let each point of a scatter name its series, in the points' order."""
    points.set_urls([f"{MARK}{name}" for name in series])


def box_and_points(
    ax: Axes, place: float, values: np.ndarray, color: str, marker: str
) -> PathCollection | None:
    """Draw quartiles as a box and every value as a point at one place of an axis.

    Return the points, in the order of the values.
    """
    if not len(values):
        return None
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
    return ax.scatter(place + spread, values, c=color, marker=marker, s=20, alpha=0.7, zorder=3)
