"""Reproducibility of features between two reconstructions of one study: intraclass correlation.

The two series show the same lesions at the same moment, so that what differs is reconstruction and
its segmentation; this is no test-retest. Forms and names are those of McGraw and Wong
(Psychological Methods 1996):

- ICC(A,1), two-way, absolute agreement, where acquisition tells the slice thickness: the thinner
  and the thicker series are the two raters, whose systematic difference counts against a feature.
- ICC(1,1), one-way, elsewhere: the two series of a study have no order.
"""

import numpy as np
import pandas as pd
import pingouin as pg

from livermet.phenotype.bootstrap import interval
from livermet.phenotype.corrected import training_rows
from livermet.phenotype.table import FEATURES, measured

ONE_WAY, AGREEMENT = "ICC(1,1)", "ICC(A,1)"
FEWEST_PAIRS = 5
# Of a variance of 1; below it a draw's values are equal but for rounding.
NO_VARIANCE = 1e-12

Pairs = tuple[pd.DataFrame, pd.DataFrame]


def measure_reproducibility(
    table: pd.DataFrame, thickness: pd.Series, draws: int, seed: int
) -> pd.DataFrame:
    """Measure the ICC of every feature between two series of each training study.

    `thickness` has the slice thickness in mm by series, empty or absent where it is not known.
    Columns: feature, form, pairs, patients, icc, low, high; as `reproducibility` fills them.
    """
    form, pairs = choose_pairs(training_rows(table), thickness)
    return reproducibility(pairs, form, draws, seed)


def choose_pairs(rows: pd.DataFrame, thickness: pd.Series) -> tuple[str, Pairs]:
    """Choose the form of ICC and the pair of series of each study with measured features.

    ICC(A,1) where at least FEWEST_PAIRS studies have two series of known and different thickness:
    the thinnest and the thickest. Otherwise ICC(1,1) with the first two series by name.
    """
    rows = rows[measured(rows)].sort_values("series")
    known = rows["series"].map(thickness).dropna().sort_values(kind="stable")
    thin, thick = (_one_a_study(rows.loc[known.index], place) for place in (0, -1))
    differ = thick["series"].map(thickness) > thin["series"].map(thickness)
    if differ.sum() >= FEWEST_PAIRS:
        return AGREEMENT, (thin[differ], thick[differ])
    first, second = (_one_a_study(rows, place) for place in (0, 1))
    return ONE_WAY, (first.loc[second.index], second)


def _one_a_study(rows: pd.DataFrame, place: int) -> pd.DataFrame:
    """Take the row at a place of each study that has one, by study."""
    return rows.groupby("study").nth(place).set_index("study").sort_index()


def reproducibility(pairs: Pairs, form: str, draws: int, seed: int) -> pd.DataFrame:
    """Compute the ICC of every feature and its interval over draws of patients with replacement.

    With fewer than FEWEST_PAIRS pairs, or where all values of a feature are equal, the numbers are
    empty. Columns: feature, form, pairs, patients, icc, low, high.
    """
    first, second = (part[list(FEATURES)].to_numpy(dtype=float) for part in pairs)
    patients = pairs[0]["patient"].to_numpy()
    table = pd.DataFrame({"feature": FEATURES, "form": form, "pairs": len(first)})
    table["patients"] = len(set(patients))
    if len(first) < FEWEST_PAIRS:
        return table.assign(icc=np.nan, low=np.nan, high=np.nan)
    varies = np.ptp(np.concatenate([first, second]), axis=0) > 0
    table["icc"] = [
        icc_by_pingouin(first[:, column], second[:, column], form) if varies[column] else np.nan
        for column in range(len(FEATURES))
    ]
    drawn = icc_of_draws(first, second, pair_draws(patients, draws, seed), form)
    table[["low", "high"]] = [interval(values)[1:3] for values in drawn.T]
    return table


def icc_by_pingouin(first: np.ndarray, second: np.ndarray, form: str) -> float:
    """Compute one form of ICC of pairs of values."""
    ratings = pd.DataFrame(
        {
            "pair": np.tile(np.arange(len(first)), 2),
            "place": np.repeat([0, 1], len(first)),
            "value": np.concatenate([first, second]),
        }
    )
    forms = pg.intraclass_corr(ratings, targets="pair", raters="place", ratings="value")
    return float(forms.set_index("Type").at[form, "ICC"])


def pair_draws(patients: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Draw patients with replacement, each with all of its pairs; (draws, pairs) of counts."""
    names, patient_of = np.unique(patients, return_inverse=True)
    equal = np.full(len(names), 1 / len(names))
    times = np.random.default_rng(seed).multinomial(len(names), equal, size=draws)
    return times[:, patient_of]


def icc_of_draws(
    first: np.ndarray, second: np.ndarray, counts: np.ndarray, form: str
) -> np.ndarray:
    """Compute the ICC of every feature in every draw; (draws, features).

    `first` and `second` are (pairs, features), `counts` (draws, pairs) says how often each pair
    stands in a draw. NaN where a draw has one pair only or its values do not vary. Mean squares as
    in McGraw and Wong's table 4, for two raters.
    """
    pooled = np.concatenate([first, second])
    spread = pooled.std(axis=0)
    # Sums of squares keep their digits on standardised values; an ICC does not change with units.
    scale = np.where(spread > 0, spread, 1.0)
    first, second = ((part - pooled.mean(axis=0)) / scale for part in (first, second))
    mean, difference = (first + second) / 2, first - second
    pairs = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = 2 * (counts @ mean**2 - (counts @ mean) ** 2 / pairs) / (pairs - 1)
        within = counts @ difference**2 / 2
        if form == ONE_WAY:
            within = within / pairs
            total = between + within
        else:
            raters = (counts @ difference) ** 2 / (2 * pairs)
            within = (within - raters) / (pairs - 1)
            total = between + within + 2 * (raters - within) / pairs
        return np.where(between + within > NO_VARIANCE, (between - within) / total, np.nan)
