"""Intervals of cohort scores by drawing patients with replacement, for all draws at once.

A draw is a row of a matrix of counts: how often each row of a table stands in it. All rows of a
patient (series, lesions) are drawn together, since they resemble each other. The first row of the
matrix is the table itself, so that every score and all of its draws come from one expression.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

# When a table has a score and no interval.
NO_WIDTH = "where its ends would be the same"


@dataclass(frozen=True)
class Estimate:
    """A score with the 2.5th and 97.5th percentile of its draws; NaN where it is undefined.

    Draws in which the score is undefined (0 / 0) do not count. Where both percentiles are the same
    there is no interval: draws of scans without an error are all without one too, and one patient
    is drawn again and again, which tells nothing of others.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Draws:
    """How often each row of a table stands in each draw: (draws + 1, rows), the first all 1."""

    counts: np.ndarray

    @classmethod
    def of(cls, patients: Sequence[str], draws: int, seed: int) -> "Draws":
        """Draw patients with replacement; `patients` names each row's patient.

        The same patients give the same draws, however many rows each has.
        """
        names, patient_of = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
        times = np.ones((draws + 1, len(names)), np.int64)
        if len(names):
            equal = np.full(len(names), 1 / len(names))
            times[1:] = np.random.default_rng(seed).multinomial(len(names), equal, size=draws)
        return cls(times[:, patient_of])

    def of_rows(self, rows: np.ndarray) -> "Draws":
        """Return the draws of another table, each of whose rows belongs to row `rows[k]` here."""
        return Draws(self.counts[:, rows])

    def sums(self, values: ArrayLike) -> np.ndarray:
        """Sum values over the rows of each draw."""
        return self.counts @ np.asarray(values, float)

    def ratios(self, parts: ArrayLike, wholes: ArrayLike) -> np.ndarray:
        """Divide sums over the rows of each draw; NaN for 0 / 0."""
        return quotients(self.sums(parts), self.sums(wholes))

    def means(self, values: ArrayLike) -> np.ndarray:
        """Return the mean of each draw's defined values."""
        values = np.asarray(values, float)
        defined = ~np.isnan(values)
        return self.ratios(np.where(defined, values, 0.0), defined)

    def deviations(self, values: ArrayLike) -> np.ndarray:
        """Return the standard deviation (n - 1) of each draw's defined values."""
        values = np.asarray(values, float)
        # About the mean of all, so that squares lose no digits.
        centred = values - np.nanmean(values) if np.isfinite(values).any() else values
        number = self.sums(~np.isnan(values))
        spread = self.means(centred**2) - self.means(centred) ** 2
        return np.sqrt(np.maximum(quotients(spread * number, number - 1), 0.0))

    def medians(self, values: ArrayLike) -> np.ndarray:
        """Return the median of each draw's defined values."""
        values = np.asarray(values, float)
        order = np.argsort(values, kind="stable")[: int(np.count_nonzero(~np.isnan(values)))]
        if not len(order):
            return np.full(len(self.counts), np.nan)
        ranks = np.cumsum(self.counts[:, order], axis=1)
        number = ranks[:, -1:]
        # The two middle ones of an even number; the same one twice of an odd number.
        middle = [
            values[order][np.minimum((ranks <= place).sum(axis=1), len(order) - 1)]
            for place in ((number - 1) // 2, number // 2)
        ]
        return np.where(number[:, 0] > 0, np.mean(middle, axis=0), np.nan)


def quotients(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """Divide element by element; NaN where the divisor is not above 0."""
    return np.divide(parts, wholes, out=np.full(len(wholes), np.nan), where=wholes > 0)


def estimate(values: np.ndarray) -> Estimate:
    """Take a score of every draw; the first is that of the table itself."""
    drawn = values[1:][~np.isnan(values[1:])]
    if np.isnan(values[0]) or not len(drawn):
        return Estimate(float(values[0]), np.nan, np.nan)
    low, high = np.percentile(drawn, [2.5, 97.5])
    if np.isclose(low, high, rtol=1e-9, atol=1e-12):
        return Estimate(float(values[0]), np.nan, np.nan)
    return Estimate(float(values[0]), float(low), float(high))
