"""Cross-validation over several deals of folds.

With few patients it matters much which of them share a fold, so that one deal says little. What is
reported, chosen by and tested is therefore the mean over deals.

Every deal is of the training patients alone. The networks that made their masks keep the folds of
the ledger, so that a held-out patient's scan may have taught the network that segmented a training
patient's; no label goes that way.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from livermet.contracts import COUNT, SHARE, Column, Contract
from livermet.phenotype.bootstrap import WITHIN_FOLDS, Predictions, metrics_of_draws
from livermet.phenotype.columns import MODEL
from livermet.phenotype.fits import Fit
from livermet.phenotype.folds import dealt_anew

# Of a forest that is fitted in many deals.
TREES_DEALT = 200
DEALS = Contract(
    files=("phenotype/*/corrected/deals/*.tsv",),
    row="a deal of the training patients into folds, for a model",
    columns=(
        MODEL,
        Column("deal", COUNT, "number of the deal", low=1),
        Column(
            "auc",
            SHARE,
            "AUC within folds over all held-out series",
            missing="no fold holds both classes",
        ),
    ),
    key=("model", "deal"),
)
Fitting = Callable[[pd.DataFrame], list[Fit]]


def score_deals(
    training: pd.DataFrame, fit: Fitting, folds: int, deals: int, seed: int
) -> pd.DataFrame:
    """Cross-validate what `fit` makes of training rows, in folds dealt `deals` times (`DEALS`).

    Deal k is dealt with seed + k, so that all models see the same folds. `fit` takes rows with
    their folds and makes no difference between models that the folds do not make.
    """
    rows = [
        [fitted.model, deal, auc_within_folds(fitted)]
        for deal in range(1, deals + 1)
        for fitted in fit(dealt_anew(training, folds, seed + deal))
    ]
    return pd.DataFrame(rows, columns=DEALS.names)


def auc_within_folds(fitted: Fit) -> float:
    """Return the AUC over the pairs of held-out series of one fold; NaN without such a pair."""
    facts = Predictions.of(fitted.prediction_table())
    once = np.ones((1, len(facts.label)), dtype=np.int64)
    return float(metrics_of_draws(once, facts)[WITHIN_FOLDS][0])
