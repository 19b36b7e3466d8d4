"""Figure 2: example scans with contours."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from livermet.errors import InputError
from livermet.report.drawing import INK, ORANGE, SKY
from livermet.report.segmentation.examples import Example

LIVER_WINDOW_HU = (-40.0, 160.0)


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


def _contour_key(label: str, color: str, style: LineStyleType, width: float) -> Line2D:
    return Line2D([], [], color=color, linestyle=style, linewidth=width, label=label)
