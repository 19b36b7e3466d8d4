"""ComBat: differences between scanners or reconstructions taken out of features.

The model is that of Johnson, Li and Rabinovic (Biostatistics 2007): in each batch of series every
feature has a shift and a scale of its own, which empirical Bayes estimates by what the batch does
to all features (normal prior of the shifts, inverse gamma prior of the variances). No covariate is
kept: the class is what a model is to find, and keeping it would take the class of test series.

Parameters come from the rows that `fit` gets and from no others. Transforming a row needs its
batch alone, so that its result is the same beside any other rows.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from livermet.phenotype.table import RADIOMIC_FEATURES
from livermet.tables import read_table

BATCH = "batch"
# One patient's series tell of that patient, not of the scanner.
FEWEST_PATIENTS = 2
TOLERANCE = 1e-10
ITERATIONS = 10_000
# Variances that agree to rounding would make the inverse gamma's parameters infinite.
NO_SPREAD = 1e-12


@dataclass(frozen=True)
class Effect:
    """What a batch does to each feature: (x - centre) / scale + mean takes it out."""

    centre: np.ndarray
    scale: np.ndarray
    mean: np.ndarray

    def removed_from(self, values: np.ndarray) -> np.ndarray:
        """Take the effect out of (rows, features); what is missing stays missing."""
        return (values - self.centre) / self.scale + self.mean


def with_batches(table: pd.DataFrame, path: str | Path | None) -> pd.DataFrame:
    """Add the column batch from the file that names each series' batch; without a file add none."""
    if not path:
        return table
    known = read_table(path, dtype=str).set_index("series")[BATCH]
    return table.assign(**{BATCH: table["series"].map(known)})


class ComBat(TransformerMixin, BaseEstimator):
    """Take batch effects out of the 107 radiomic features of rows with a column `batch`.

    Rows without that column stay as they are, and so do rows of a batch that has fewer than
    FEWEST_PATIENTS patients with measured lesions among the training rows. Num_Lesions is a count
    and is not touched; features that a scan lacks stay missing.
    """

    def fit(self, rows: pd.DataFrame, labels=None) -> "ComBat":
        """Learn the effects of the training rows' batches: `effects_` by batch."""
        self.effects_: dict[str, Effect] = {}
        if BATCH in rows:
            measured = rows[rows[list(RADIOMIC_FEATURES)].notna().any(axis=1)]
            patients = measured.groupby(BATCH)["patient"].transform("nunique")
            used = measured[patients >= FEWEST_PATIENTS]
            values = used[list(RADIOMIC_FEATURES)].to_numpy(dtype=float)
            self.effects_ = batch_effects(values, used[BATCH].to_numpy())
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Take the learnt effects out of some rows."""
        if not self.effects_:
            return rows
        values = rows[list(RADIOMIC_FEATURES)].to_numpy(dtype=float, copy=True)
        for batch, effect in self.effects_.items():
            inside = (rows[BATCH] == batch).to_numpy()
            values[inside] = effect.removed_from(values[inside])
        changed = rows.copy()
        changed[list(RADIOMIC_FEATURES)] = values
        return changed


def batch_effects(values: np.ndarray, batch: np.ndarray) -> dict[str, Effect]:
    """Estimate what each batch does to (rows, features); NaN is missing, `batch` is (rows,).

    A feature with fewer than two different values in one of the batches has no scale there and is
    left as it is everywhere, as in the package sva. With one batch, or with
    fewer than two features, the result is empty, because there is nothing to compare a batch or a
    feature with.
    """
    parts = {name: values[batch == name] for name in sorted(set(batch))}
    adjusted = np.all([_varies(part) for part in parts.values()], axis=0)
    if len(parts) < 2 or adjusted.sum() < 2:
        return {}
    mean = np.nanmean(values[:, adjusted], axis=0)
    within = [part[:, adjusted] - np.nanmean(part[:, adjusted], axis=0) for part in parts.values()]
    deviation = np.sqrt(np.nanmean(np.concatenate(within) ** 2, axis=0))
    effects = {}
    for name, part in parts.items():
        shift, variance = posterior((part[:, adjusted] - mean) / deviation)
        centre, scale, back = (np.full(values.shape[1], number) for number in (0.0, 1.0, 0.0))
        centre[adjusted], scale[adjusted] = mean + deviation * shift, np.sqrt(variance)
        back[adjusted] = mean
        effects[name] = Effect(centre, scale, back)
    return effects


def posterior(standardised: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the shift and the variance of each feature in one batch's (rows, features).

    The conditional posterior means of Johnson et al. (section 3.2) in turn, until neither changes
    by more than TOLERANCE. The hyperparameters are moments over the batch's features.
    """
    count = np.isfinite(standardised).sum(axis=0)
    observed = np.nanmean(standardised, axis=0)
    spread = np.nanvar(standardised, axis=0, ddof=1)
    prior_shift, prior_variance = observed.mean(), observed.var(ddof=1)
    mean, squared = spread.mean(), max(spread.var(ddof=1), NO_SPREAD)
    shape, rate = mean**2 / squared + 2, mean * (mean**2 / squared + 1)
    shift, variance = observed, spread
    for _ in range(ITERATIONS):
        last = shift, variance
        weight = count * prior_variance
        shift = (weight * observed + variance * prior_shift) / (weight + variance)
        squares = (count - 1) * spread + count * (observed - shift) ** 2
        variance = (rate + squares / 2) / (shape + count / 2 - 1)
        if np.allclose((shift, variance), last, rtol=TOLERANCE, atol=TOLERANCE):
            return shift, variance
    raise ArithmeticError(f"ComBat's estimates still change after {ITERATIONS} steps.")


def _varies(part: np.ndarray) -> np.ndarray:
    """Tell which features have at least two different values in (rows, features)."""
    known = np.isfinite(part)
    low = np.where(known, part, np.inf).min(axis=0)
    return np.where(known, part, -np.inf).max(axis=0) > low
