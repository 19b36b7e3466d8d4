"""What tells that slices lost values on their way although every file of theirs can be read.

A copy that breaks off may leave zeros where values were, or a slice twice: no decoder notices.
Arrays are (column, row, slice), with rows in the order in which a file holds them.
"""

import numpy as np

# Of air that a scanner cut off at one value, ends change from slice to slice by less.
BLANK_SHARE = 0.25


def blank_ends(values: np.ndarray) -> np.ndarray:
    """Return which share of each slice's rows, from its last one up, holds one value alone."""
    shares = np.empty(values.shape[2])
    for k in range(values.shape[2]):
        rows = values[:, ::-1, k]
        other = np.flatnonzero((rows != rows[0, 0]).any(axis=0))
        shares[k] = (other[0] if len(other) else rows.shape[1]) / rows.shape[1]
    return shares


def cut_slices(values: np.ndarray) -> tuple[list[int], list[int]]:
    """Return the slices that end blank: those between others that do not, and the outermost ones.

    They are blank by a quarter of their rows more than the nearest slices that are whole.
    """
    ends = blank_ends(values)
    whole = np.flatnonzero(ends <= np.median(ends) + BLANK_SHARE)
    between, outermost = [], []
    for k in np.flatnonzero(ends > np.median(ends) + BLANK_SHARE):
        before, after = whole[whole < k], whole[whole > k]
        if not len(before) or not len(after):
            outermost.append(int(k))
        elif ends[k] > max(ends[before[-1]], ends[after[0]]) + BLANK_SHARE:
            between.append(int(k))
    return between, outermost


def repeated_slices(values: np.ndarray) -> list[int]:
    """Return the slices that are the one before them, value for value; blank ones do not count.

    Noise makes two slices of a scan differ.
    """
    return [
        k
        for k in range(1, values.shape[2])
        if np.array_equal(values[:, :, k], values[:, :, k - 1]) and np.ptp(values[:, :, k])
    ]


def slice_warnings(units: np.ndarray) -> list[str]:
    """Say which slices of a canonical CT (x, y, z) hold one value alone or repeat another one."""
    blank = [z for z in range(units.shape[2]) if not np.ptp(units[:, :, z])]
    kinds = (
        (blank, "hold one value alone"),
        (repeated_slices(units), "repeat the one below them, value for value"),
    )
    return [
        f"{len(found)} of {units.shape[2]} slices {says}, the first of them slice {found[0] + 1} "
        "from the feet; values may be lost."
        for found, says in kinds
        if found
    ]
