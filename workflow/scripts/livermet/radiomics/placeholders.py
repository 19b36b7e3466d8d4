"""Which values of PyRadiomics are placeholders: numbers that stand where a definition has none.

Where a definition divides zero by zero, PyRadiomics returns a number of its own choice. Each class
is asked here, after it has computed, whether a feature's denominator was zero. What was read in
PyRadiomics' source, with each number: docs/decisions/placeholders.md. Features that are NaN there
need no question.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

# A feature class of PyRadiomics after its features were computed.
Computed = Any


def placeholders(feature_class: str, computed: Computed) -> list[str]:
    """Name the features (without their class) whose value in a computed class is a placeholder.

    GLCM features are means over directions. One is named where any direction that has voxel pairs
    put a placeholder into the mean.
    """
    asked = FINDERS.get(feature_class)
    return asked(computed) if asked else []


def _of_first_order(computed: Computed) -> list[str]:
    # Both are moments over a power of the variance, and PyRadiomics says 0.
    flat = np.ptp(computed.targetVoxelArray) == 0
    return ["Kurtosis", "Skewness"] if flat else []


def _of_glcm(computed: Computed) -> list[str]:
    px, py = (computed.coefficients[name][0] for name in ("px", "py"))
    counted = np.isfinite(px).all(axis=(0, 1))
    levels = np.array([(px > 0).sum(axis=(0, 1)), (py > 0).sum(axis=(0, 1))])[:, counted]
    named = []
    if (levels < 2).any():
        # A grey level that does not vary correlates with nothing; 1, and for MCC 1 or 0.
        named += ["Correlation", "MCC"]
    if (levels < 2).all(axis=0).any():
        # The larger of both entropies, which divides, is 0.
        named.append("Imc1")
    return named


def _of_ngtdm(computed: Computed) -> list[str]:
    share, apart, level = (computed.coefficients[name][0] for name in ("p_i", "s_i", "ivector"))
    present = share > 0
    named = []
    if not (share * apart).sum():
        named.append("Coarseness")
    if present.sum() < 2:
        named.append("Contrast")
    if np.unique((level * share)[present]).size < 2:
        named.append("Busyness")
    if not apart.sum():
        named.append("Strength")
    return named


# Without gldm, glrlm, glszm and shape: what they put in the place of a zero is reached by no mask
# that has a voxel.
FINDERS: dict[str, Callable[[Computed], list[str]]] = {
    "firstorder": _of_first_order,
    "glcm": _of_glcm,
    "ngtdm": _of_ngtdm,
}
