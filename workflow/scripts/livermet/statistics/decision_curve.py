"""Decision curve: what calling series positive by a model's probability is worth.

A threshold t says that missing a positive is as bad as (1 - t) / t false alarms. The net benefit
at t is (true positives - false positives * t / (1 - t)) / all (Vickers and Elkin, Med Decis Making
2006), the share of positives for a perfect model. A model is of use where it beats both calling
all positive and calling none, which is 0. Each study counts once.
"""

import numpy as np
import pandas as pd

from livermet.contracts import NUMBER, SHARE, Column, Contract
from livermet.phenotype.columns import CORRECTED
from livermet.statistics.calibration import JUDGED, KEYS, study_weights

THRESHOLDS = np.arange(1, 100) / 100
DECISIONS = Contract(
    files=("tables/decision_curve.csv",),
    row="a threshold of the chosen model's probability on a set of series",
    columns=(
        *JUDGED,
        Column("threshold", SHARE, "probability above which a series is called positive"),
        Column("net_benefit", NUMBER, "net benefit of calling by the model", high=1),
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


def decision_curve(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the net benefit of each model and set of some predictions at each of THRESHOLDS.

    The result is `DECISIONS`.
    """
    curves = []
    for names, model in predictions.groupby(KEYS, sort=False):
        label, probability = (model[name].to_numpy() for name in ("label", "probability"))
        weights = study_weights(model["study"].to_numpy())
        called = probability[:, None] > THRESHOLDS
        curve = {
            "threshold": THRESHOLDS,
            "net_benefit": net_benefit(label, called, weights),
            "call_all": net_benefit(label, np.ones_like(called), weights),
            "call_none": 0.0,
        }
        curves.append(pd.DataFrame({**dict(zip(KEYS, names, strict=True)), **curve}))
    return pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=DECISIONS.names)


def net_benefit(label: np.ndarray, called: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the net benefit of calls (series, thresholds) at THRESHOLDS; (thresholds,)."""
    odds = THRESHOLDS / (1 - THRESHOLDS)
    shares = weights / weights.sum()
    positive = label == 1
    return shares[positive] @ called[positive] - shares[~positive] @ called[~positive] * odds
