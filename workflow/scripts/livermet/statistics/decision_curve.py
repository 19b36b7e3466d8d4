"""Decision curve: what calling series positive by a model's probability is worth.

A threshold t says that missing a positive is as bad as (1 - t) / t false alarms. The net benefit
at t is (true positives - false positives * t / (1 - t)) / all (Vickers and Elkin, Med Decis Making
2006), the share of positives for a perfect model. A model is of use where it beats both calling
all positive and calling none, which is 0. Each study counts once.

The band of a model's line is 95% at each threshold by itself: percentiles of draws of patients, of
each of whose studies one series is drawn. With fewer than FEWEST_PATIENTS of a class it is left
out. `benchmarks/coverage.py` measures how often it holds the truth.
"""

import numpy as np
import pandas as pd

from livermet.contracts import NUMBER, SHARE, Column, Contract
from livermet.phenotype.bootstrap import patient_draws
from livermet.phenotype.columns import CORRECTED
from livermet.statistics.calibration import JUDGED, KEYS, SCARCE, scarcest, study_weights
from livermet.vocabulary import FEWEST_PATIENTS

THRESHOLDS = np.arange(1, 100) / 100
DRAWS = 1000
BAND = (2.5, 97.5)
TOO_FEW = f"with {SCARCE}"
DECISIONS = Contract(
    files=("tables/decision_curve.csv",),
    row="a threshold of the chosen model's probability on a set of series",
    columns=(
        *JUDGED,
        Column("threshold", SHARE, "probability above which a series is called positive"),
        Column("net_benefit", NUMBER, "net benefit of calling by the model", high=1),
        Column("low", NUMBER, "lower end of its 95% interval by patient", high=1, missing=TOO_FEW),
        Column("high", NUMBER, "upper end of its 95% interval by patient", high=1, missing=TOO_FEW),
        Column("call_all", NUMBER, "net benefit of calling all positive", high=1),
        Column("call_none", NUMBER, "net benefit of calling none positive: 0", low=0, high=0),
    ),
    key=(*KEYS, "threshold"),
)


def of_chosen(predictions: pd.DataFrame, choice: pd.DataFrame) -> pd.DataFrame:
    """Take the corrected protocol's predictions by the model that cross-validation chose.

    `choice` is `choice.CHOICE`.
    """
    chosen = choice.loc[choice["chosen"], ["model", "weighting"]]
    return predictions[predictions["protocol"] == CORRECTED].merge(chosen)


def decision_curve(predictions: pd.DataFrame, seed: int, draws: int = DRAWS) -> pd.DataFrame:
    """Return the net benefit of each model and set of some predictions at each of THRESHOLDS.

    The result is `DECISIONS`. `seed` seeds the draws of patients behind the band.
    """
    curves = []
    for names, model in predictions.groupby(KEYS, sort=False):
        label, probability = (model[name].to_numpy() for name in ("label", "probability"))
        weights = study_weights(model["study"].to_numpy())
        called = probability[:, None] > THRESHOLDS
        low, high = band(model, called, seed, draws)
        curve = {
            "threshold": THRESHOLDS,
            "net_benefit": net_benefit(label, called, weights),
            "low": low,
            "high": high,
            "call_all": net_benefit(label, np.ones_like(called), weights),
            "call_none": 0.0,
        }
        curves.append(pd.DataFrame({**dict(zip(KEYS, names, strict=True)), **curve}))
    return pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=DECISIONS.names)


def band(
    model: pd.DataFrame, called: np.ndarray, seed: int, draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the net benefit's interval at THRESHOLDS; NaN with too few patients.

    `model` has label, patient and study of the series whose calls are `called` (series,
    thresholds).
    """
    patients = model["patient"].to_numpy()
    if scarcest(model) < FEWEST_PATIENTS:
        return np.full(len(THRESHOLDS), np.nan), np.full(len(THRESHOLDS), np.nan)
    counts = patient_draws(patients, model["study"].to_numpy(), draws, seed)
    drawn = net_benefit(model["label"].to_numpy(), called, counts.astype(float))
    low, high = np.percentile(drawn, BAND, axis=0)
    return low, high


def net_benefit(label: np.ndarray, called: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the net benefit of calls (series, thresholds) at THRESHOLDS.

    `weights` are (series,), or (draws, series) for as many results; the result is (thresholds,) or
    (draws, thresholds).
    """
    odds = THRESHOLDS / (1 - THRESHOLDS)
    shares = weights / weights.sum(axis=-1, keepdims=True)
    positive = label == 1
    false = shares[..., ~positive] @ called[~positive]
    return shares[..., positive] @ called[positive] - false * odds
