"""Permutation test of the whole procedure: what would it find if labels had no relation to scans?

A patient's studies are alike, so labels are not exchanged one by one: whole sequences of them go
from patient to patient. Folds are dealt anew for each permutation in the same way as for the
observed labels, several times, and scaling, filter, LASSO and classifier are fitted anew in each
fold of each deal. The statistic is the mean over the deals.
"""

import numpy as np
import pandas as pd

from livermet.contracts import COUNT, SHARE, Column, Contract
from livermet.phenotype.columns import MODEL
from livermet.phenotype.corrected import Settings, fit_untuned, prepared, training_rows
from livermet.phenotype.deals import score_deals
from livermet.phenotype.exchange import permuted
from livermet.phenotype.fits import Fit

OBSERVED = 0
AUCS = Contract(
    files=("phenotype/*/corrected/permutations/*/*.tsv",),
    row="a permutation of the labels",
    columns=(
        Column("permutation", COUNT, "number of the permutation; 0 keeps the labels as they are"),
        Column(
            "auc",
            SHARE,
            "AUC within folds over all held-out series, mean over the deals of folds",
            missing="in no deal a fold holds both classes",
        ),
        MODEL,
    ),
    key=("permutation", "model"),
)
PERMUTATION = Contract(
    files=("tables/permutation.csv",),
    row="a classifier whose labels were exchanged",
    columns=(
        MODEL,
        Column(
            "observed",
            SHARE,
            "AUC under the labels as they are, mean over the deals of folds",
            missing="in no deal a fold holds both classes",
        ),
        Column("deals", COUNT, "deals of folds that each AUC is the mean of", low=1),
        Column(
            "p",
            SHARE,
            "share of permutations with at least that AUC, the labels as they are among them",
            missing="no AUC observed, or none under exchanged labels",
        ),
        Column("permutations", COUNT, "permutations with an AUC"),
        Column("null_mean", SHARE, "mean AUC under exchanged labels", missing="as p"),
        Column(
            "null_low", SHARE, "2.5th percentile of the AUC under exchanged labels", missing="as p"
        ),
        Column(
            "null_high",
            SHARE,
            "97.5th percentile of the AUC under exchanged labels",
            missing="as p",
        ),
    ),
    key=("model",),
)


def permutation_aucs(
    table: pd.DataFrame,
    classifier: str,
    folds: int,
    deals: int,
    numbers: range,
    settings: Settings,
) -> pd.DataFrame:
    """Cross-validate under permuted labels; permutation OBSERVED keeps them as they are.

    `table` is the whole table as it was read, of which the training rows count. A permutation's
    number seeds it, so that parts of them can be computed anywhere (`AUCS`). The folds are dealt as
    `deals.score_deals` deals them.
    """
    training = training_rows(prepared(table))

    def fit(dealt: pd.DataFrame) -> list[Fit]:
        return [fit_untuned(dealt, classifier, settings)]

    rows = []
    for number in numbers:
        generator = np.random.default_rng([settings.seed, number])
        labelled = training if number == OBSERVED else permuted(training, generator)
        aucs = score_deals(labelled, fit, folds, deals, settings.seed)["auc"]
        rows.append((number, aucs.mean(), classifier))
    return pd.DataFrame(rows, columns=AUCS.names)


def summarise_permutations(aucs: pd.DataFrame, deals: int) -> pd.DataFrame:
    """Compare the observed AUC with the permuted ones, model by model (`PERMUTATION`).

    Each AUC is the mean over so many `deals` of folds.

    p is (1 + permutations with at least the observed AUC) / (1 + permutations), Phipson and Smyth
    (Stat Appl Genet Mol Biol 2010).
    """
    rows = []
    for model, values in aucs.groupby("model", sort=False):
        observed = values.loc[values["permutation"] == OBSERVED, "auc"].iloc[0]
        null = values.loc[values["permutation"] != OBSERVED, "auc"].dropna()
        if np.isnan(observed) or null.empty:
            rows.append([model, observed, deals, np.nan, len(null), np.nan, np.nan, np.nan])
            continue
        p = (1 + (null >= observed).sum()) / (1 + len(null))
        low, high = np.percentile(null, [2.5, 97.5])
        rows.append([model, observed, deals, p, len(null), null.mean(), low, high])
    return pd.DataFrame(rows, columns=PERMUTATION.names)
