"""Reproducibility of features: intraclass correlation between measurements of the same lesions.

Two comparisons, of training patients alone:

- reconstructions: two series of one study show the same lesions at the same moment, so that what
  differs is reconstruction and its segmentation; this is no test-retest.
- perturbed masks: the contour of one series' lesions is moved at random, some times over
  (`livermet.radiomics.perturbation`); what differs is the mask.

Forms and names are those of McGraw and Wong (Psychological Methods 1996); what they call an object
of measurement is a target here, as in pingouin:

- ICC(A,1), two-way, absolute agreement, where acquisition tells the slice thickness: the thinner
  and the thicker series are the two raters, whose systematic difference counts against a feature.
- ICC(1,1), one-way, elsewhere: the two series of a study have no order, nor have perturbed masks.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pingouin as pg

from livermet.contracts import COUNT, NUMBER, SHARE, TEXT, Column, Contract
from livermet.phenotype.bootstrap import interval
from livermet.phenotype.corrected import training_rows
from livermet.phenotype.table import FEATURES, RADIOMIC_FEATURES
from livermet.vocabulary import Aggregation

RECONSTRUCTIONS, PERTURBED = "reconstructions", "perturbed masks"
ONE_WAY, AGREEMENT = "ICC(1,1)", "ICC(A,1)"
FEWEST_TARGETS = 5
UNMEASURED = "with too few targets, or where all values are equal"
ICC = (
    Column("feature", TEXT, "name of the feature"),
    Column("form", TEXT, "form of the ICC (McGraw and Wong 1996)", words=(ONE_WAY, AGREEMENT)),
    Column(
        "targets",
        COUNT,
        "studies or series whose lesions have this feature in every rating; small lesions have "
        "fewer features",
    ),
    Column("ratings", COUNT, "measurements of each target"),
    Column("patients", COUNT, "patients of the targets"),
    # Without limits: an estimate can lie below -1, and rounding counts where nothing varies.
    Column("icc", NUMBER, "intraclass correlation; 1 for equal measurements", missing=UNMEASURED),
    Column("low", NUMBER, "2.5th percentile of draws of patients", missing=UNMEASURED),
    Column("high", NUMBER, "97.5th percentile of draws of patients", missing=UNMEASURED),
)
ALL_RECONSTRUCTIONS = f"of {RECONSTRUCTIONS}"
# What perturbed masks are like.
MASKS = (
    Column(
        "contour_sd_mm",
        NUMBER,
        "standard deviation of the contour's displacement",
        unit="mm",
        low=0,
        missing=ALL_RECONSTRUCTIONS,
    ),
    Column(
        "correlation_mm",
        NUMBER,
        "correlation length of the displacement",
        unit="mm",
        low=0,
        missing=ALL_RECONSTRUCTIONS,
    ),
    Column(
        "median_dice",
        SHARE,
        "median Dice of the targets' perturbed masks with the masks themselves",
        missing=f"{ALL_RECONSTRUCTIONS}, and without a target",
    ),
)
REPRODUCIBILITY = Contract(
    files=("tables/reproducibility.csv",),
    row="a feature in one comparison of the same lesions",
    columns=(
        Column(
            "aggregation",
            TEXT,
            "how the features of a scan come of its lesions; table for a finished table",
            words=tuple(Aggregation),
        ),
        Column(
            "comparison",
            TEXT,
            "two reconstructions of a study, or masks whose contour was moved at random",
            words=(RECONSTRUCTIONS, PERTURBED),
        ),
        *ICC,
        *MASKS,
    ),
    key=("aggregation", "comparison", "feature"),
)
# Of a variance of 1; below it a draw's values are equal but for rounding.
NO_VARIANCE = 1e-12

# One table a rating, with the same targets in the same order: patient and the features.
Ratings = Sequence[pd.DataFrame]


def measure_reproducibility(
    table: pd.DataFrame,
    thickness: pd.Series,
    perturbed: pd.DataFrame | None,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Measure the ICC of every feature between reconstructions and between perturbed masks.

    `thickness` has the slice thickness in mm by series, empty or absent where it is not known;
    `perturbed` a row a training series and perturbation (series, perturbation, contour_sd_mm,
    correlation_mm, dice, the features), or None. The result is `REPRODUCIBILITY` without the
    aggregation.
    """
    training = training_rows(table)
    form, pairs = choose_pairs(training, thickness)
    between = reproducibility(pairs, form, draws, seed)
    facts: dict[str, float] = dict.fromkeys((column.name for column in MASKS), np.nan)
    parts = [between.assign(comparison=RECONSTRUCTIONS, **facts)]
    if perturbed is not None:
        ratings = perturbed_ratings(training, perturbed)
        facts = perturbed[["contour_sd_mm", "correlation_mm"]].iloc[0].to_dict()
        facts["median_dice"] = pd.concat([masks["dice"] for masks in ratings]).median()
        between = reproducibility(ratings, ONE_WAY, draws, seed)
        parts.append(between.assign(comparison=PERTURBED, **facts))
    return pd.concat(parts, ignore_index=True)[REPRODUCIBILITY.names[1:]]


def choose_pairs(rows: pd.DataFrame, thickness: pd.Series) -> tuple[str, Ratings]:
    """Choose the form of ICC and the pair of series of each study with any measured feature.

    ICC(A,1) where at least FEWEST_TARGETS studies have two series of known and different thickness:
    the thinnest and the thickest. Otherwise ICC(1,1) with the first two series by name.
    """
    rows = rows[rows[list(RADIOMIC_FEATURES)].notna().any(axis=1)].sort_values("series")
    known = rows["series"].map(thickness).dropna().sort_values(kind="stable")
    thin, thick = (_one_a_study(rows.loc[known.index], place) for place in (0, -1))
    differ = thick["series"].map(thickness) > thin["series"].map(thickness)
    if differ.sum() >= FEWEST_TARGETS:
        return AGREEMENT, (thin[differ], thick[differ])
    first, second = (_one_a_study(rows, place) for place in (0, 1))
    return ONE_WAY, (first.loc[second.index], second)


def _one_a_study(rows: pd.DataFrame, place: int) -> pd.DataFrame:
    """Take the row at a place of each study that has one, by study."""
    return rows.groupby("study").nth(place).set_index("study").sort_index()


def perturbed_ratings(rows: pd.DataFrame, perturbed: pd.DataFrame) -> Ratings:
    """Return the features of each series in each of its perturbed masks, a table a perturbation.

    Every series is a target of its own, those of one study too. A series without any measured
    feature in one of its perturbed masks is left out.
    """
    known = perturbed[list(RADIOMIC_FEATURES)].notna().any(axis=1)
    whole = known.groupby(perturbed["series"]).all()
    named = rows.loc[rows["series"].isin(whole.index[whole]), ["series", "patient"]]
    named = named.sort_values("series")
    return [named.merge(part, on="series") for _, part in perturbed.groupby("perturbation")]


def reproducibility(ratings: Ratings, form: str, draws: int, seed: int) -> pd.DataFrame:
    """Compute the ICC of every feature and its interval over draws of patients with replacement.

    A target counts for the features that it has in every rating. With fewer than FEWEST_TARGETS of
    them, or where all values of a feature are equal, the numbers are empty. The columns are those
    of `ICC`.
    """
    values = np.stack([part[list(FEATURES)].to_numpy(dtype=float) for part in ratings])
    patients = ratings[0]["patient"].to_numpy()
    complete = np.isfinite(values).all(axis=0)
    parts = []
    # Features that the same targets have are computed at once.
    for targets in np.unique(complete, axis=1).T:
        features = np.flatnonzero((complete == targets[:, np.newaxis]).all(axis=0))
        here = values[:, targets][..., features]
        parts.append(_alike(here, patients[targets], features, form, draws, seed))
    return pd.concat(parts).sort_index()


def _alike(
    values: np.ndarray, patients: np.ndarray, features: np.ndarray, form: str, draws: int, seed: int
) -> pd.DataFrame:
    """Compute the ICC of features that all of these targets have; by their place in FEATURES."""
    raters, targets, _ = values.shape
    names = [FEATURES[place] for place in features]
    table = pd.DataFrame({"feature": names, "form": form, "targets": targets}, index=features)
    table["ratings"], table["patients"] = raters, len(set(patients))
    if targets < FEWEST_TARGETS:
        return table.assign(icc=np.nan, low=np.nan, high=np.nan)
    varies = np.ptp(values, axis=(0, 1)) > 0
    table["icc"] = [
        icc_by_pingouin(values[..., column], form) if varies[column] else np.nan
        for column in range(len(features))
    ]
    drawn = icc_of_draws(values, patient_draws(patients, draws, seed), form)
    table[["low", "high"]] = [interval(column)[1:3] for column in drawn.T]
    return table


def icc_by_pingouin(values: np.ndarray, form: str) -> float:
    """Compute one form of ICC of (ratings, targets) values."""
    raters, targets = values.shape
    ratings = pd.DataFrame(
        {
            "target": np.tile(np.arange(targets), raters),
            "rater": np.repeat(np.arange(raters), targets),
            "value": values.ravel(),
        }
    )
    forms = pg.intraclass_corr(ratings, targets="target", raters="rater", ratings="value")
    return float(forms.set_index("Type").at[form, "ICC"])


def patient_draws(patients: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Draw patients with replacement, each with all of its targets; (draws, targets) of counts."""
    names, patient_of = np.unique(patients, return_inverse=True)
    equal = np.full(len(names), 1 / len(names))
    times = np.random.default_rng(seed).multinomial(len(names), equal, size=draws)
    return times[:, patient_of]


def icc_of_draws(ratings: np.ndarray, counts: np.ndarray, form: str) -> np.ndarray:
    """Compute the ICC of every feature in every draw; (draws, features).

    `ratings` is (ratings, targets, features), `counts` (draws, targets) says how often each target
    stands in a draw. NaN where a draw has one target only or its values do not vary. Mean squares
    as in McGraw and Wong's table 4.
    """
    raters = len(ratings)
    spread = ratings.std(axis=(0, 1))
    # Sums of squares keep their digits on standardised values; an ICC does not change with units.
    scale = np.where(spread > 0, spread, 1.0)
    ratings = (ratings - ratings.mean(axis=(0, 1))) / scale
    mean = ratings.mean(axis=0)
    apart = ratings - mean
    targets = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = counts @ mean**2 - (counts @ mean) ** 2 / targets
        between = raters * between / (targets - 1)
        inside = counts @ (apart**2).sum(axis=0)
        if form == ONE_WAY:
            error = inside / (targets * (raters - 1))
            total = between + (raters - 1) * error
        else:
            columns = ((counts @ apart) ** 2).sum(axis=0) / targets
            error = (inside - columns) / ((targets - 1) * (raters - 1))
            total = between + (raters - 1) * error
            total = total + raters * (columns / (raters - 1) - error) / targets
        return np.where(between + error > NO_VARIANCE, (between - error) / total, np.nan)
