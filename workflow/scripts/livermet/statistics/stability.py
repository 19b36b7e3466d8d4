"""Stability of the corrected protocol's selection: does another half of the patients give it too?

Half of the training patients are drawn without replacement, again and again, and features selected
from their series (subsampling as in Meinshausen and Buehlmann, JRSS B 2010). The index of stability
is that of Nogueira, Sechidis and Brown (JMLR 2018): 1 for the same features every time, 0 for as
many features drawn at random. Its interval is their analytic one. It tells how much more resamples
would move the index and not what other patients would: the halves overlap.
"""

import numpy as np
import pandas as pd
from scipy import stats

from livermet.contracts import COUNT, NUMBER, SHARE, TEXT, Column, Contract
from livermet.phenotype.columns import CORRECTED, PROTOCOL
from livermet.phenotype.corrected import PLAIN, Preparation, select_in, training_rows
from livermet.phenotype.filling import LesionFreeFiller
from livermet.phenotype.fits import ALL_FOLDS, selected

RESAMPLES = 100
# Selection chooses its alpha by folds of patients, and half of three is one.
FEWEST_PATIENTS = 4
HALVES = Column("resamples", COUNT, "halves of the training patients that were drawn")
STABILITY = Contract(
    files=("tables/stability.csv",),
    row="a candidate feature",
    columns=(
        Column("feature", TEXT, "name of the feature"),
        Column("selected", COUNT, "halves from which it was selected"),
        HALVES,
        Column(
            "frequency",
            SHARE,
            "selected / resamples",
            missing=f"with fewer than {FEWEST_PATIENTS} training patients",
        ),
    ),
    key=("feature",),
)
NO_INDEX = (
    "under published; where every half selected nothing, or all; "
    f"with fewer than {FEWEST_PATIENTS} training patients"
)
SUMMARY = Contract(
    files=("tables/selection_summary.csv",),
    row="a protocol",
    columns=(
        PROTOCOL,
        Column("fits", COUNT, "selections: of all training series, or one a fold"),
        Column("empty_fits", COUNT, "selections that hold no feature"),
        Column("features_min", COUNT, "features of the smallest selection"),
        Column("features_median", NUMBER, "features of a selection, the median", low=0),
        Column("features_max", COUNT, "features of the largest selection"),
        Column(
            "stability",
            NUMBER,
            "index of stability over the halves: 1 for the same features every time, 0 for as "
            "many at random",
            high=1,
            missing=NO_INDEX,
        ),
        Column("stability_low", NUMBER, "lower limit of its 95% interval", missing=NO_INDEX),
        Column("stability_high", NUMBER, "upper limit of its 95% interval", missing=NO_INDEX),
        HALVES,
    ),
    key=("protocol",),
)


def resample_selections(
    table: pd.DataFrame,
    target: str,
    seed: int,
    resamples: int = RESAMPLES,
    preparation: Preparation = PLAIN,
) -> pd.DataFrame:
    """Select features from halves of the training patients; (resamples, candidates) of booleans.

    Candidates are the features that vary among all training series. There are no rows where there
    are fewer than FEWEST_PATIENTS patients.
    """
    training = training_rows(table)
    filled = LesionFreeFiller().fit_transform(training)
    candidates = filled.columns[filled.nunique() > 1]
    patients = training["patient"].unique()
    if len(patients) < FEWEST_PATIENTS:
        return pd.DataFrame(columns=candidates, dtype=bool)
    generator = np.random.default_rng(seed)
    chosen = []
    for _ in range(resamples):
        half = generator.choice(patients, len(patients) // 2, replace=False)
        rows = training[training["patient"].isin(half)]
        features = selected(select_in(rows, target, seed, ALL_FOLDS, preparation), ALL_FOLDS)
        chosen.append(candidates.isin(features))
    return pd.DataFrame(chosen, columns=candidates)


def stability_index(chosen: np.ndarray) -> tuple[float, float, float]:
    """Return the index of stability of (resamples, candidates) and its 95% interval.

    Definition 4, theorem 7 and corollary 9 of Nogueira et al. NaN where nothing or everything was
    selected each time, or with one resample.
    """
    resamples, candidates = chosen.shape
    chosen = chosen.astype(float)
    if resamples < 2 or chosen.all() or not chosen.any():
        return np.nan, np.nan, np.nan
    frequency = chosen.mean(axis=0)
    share = chosen.mean(axis=1)
    mean_share = share.mean()
    at_random = mean_share * (1 - mean_share)
    index = 1 - np.var(chosen, axis=0, ddof=1).mean() / at_random
    by_resample = (
        chosen @ frequency / candidates
        - share * mean_share
        + index / 2 * (2 * share * mean_share - share - mean_share + 1)
    ) / at_random
    deviation = 2 * by_resample.std() / np.sqrt(resamples)
    margin = stats.norm.ppf(0.975) * deviation
    return float(index), float(index - margin), float(index + margin)


def tabulate_stability(chosen: pd.DataFrame) -> pd.DataFrame:
    """Count how often each candidate was selected: `STABILITY`."""
    counts = chosen.sum().astype(int)
    table = pd.DataFrame({"feature": counts.index, "selected": counts.to_numpy()})
    table["resamples"] = len(chosen)
    table["frequency"] = table["selected"] / table["resamples"]
    return table.sort_values("selected", ascending=False, kind="stable", ignore_index=True)


def summarise_selections(selections: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """Summarise each protocol's fits: how many, how many empty, how many features; and stability.

    `selections` has the rows of all protocols (`fits.SELECTION`), `chosen` the resamples of the
    corrected protocol. The result is `SUMMARY`.
    """
    index = dict(
        zip(
            ("stability", "stability_low", "stability_high"),
            stability_index(chosen.to_numpy()),
            strict=True,
        )
    )
    rows = []
    for protocol, rows_of in selections.groupby("protocol", sort=False):
        features = rows_of.groupby("fold")["feature"].count()
        counts = {
            "protocol": protocol,
            "fits": len(features),
            "empty_fits": int((features == 0).sum()),
            "features_min": features.min(),
            "features_median": features.median(),
            "features_max": features.max(),
        }
        resampled = protocol == CORRECTED
        facts = {name: value if resampled else np.nan for name, value in index.items()}
        rows.append(counts | facts | {"resamples": len(chosen) if resampled else 0})
    return pd.DataFrame(rows)
