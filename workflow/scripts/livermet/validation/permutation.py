"""Permutation test of the whole procedure: what would it find if labels had no relation to scans?

A patient's studies are alike, so labels are not exchanged one by one: whole sequences of them go
from patient to patient. Folds are dealt anew for each permutation in the same way as for the
observed labels, several times, and scaling, filter, LASSO and classifier are fitted anew in each
fold of each deal. The statistic is the mean over the deals.

To take the best of several classifiers is a part of the procedure too. Each exchange of labels is
therefore made for all of them, so that the AUC of one can be set against the best of all in each
exchange: the single-step maximum statistic of Westfall and Young (Westfall and Troendle, Biom J
2008).
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from livermet.contracts import COUNT, SHARE, Column, Contract
from livermet.phenotype.columns import MODEL
from livermet.phenotype.corrected import Settings, fit_untuned, prepared, training_rows
from livermet.phenotype.deals import score_deals
from livermet.phenotype.exchange import permuted
from livermet.phenotype.fits import Fit

OBSERVED = 0
# The observed AUC and the permuted ones have the same forest, so that a small one keeps p exact.
TREES = 50
AUCS = Contract(
    files=("phenotype/*/corrected/permutations/*.tsv",),
    row="a permutation of the labels, for a classifier",
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
    row="a classifier under exchanged labels",
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
        Column(
            "p_of_choice",
            SHARE,
            "share of permutations in which the best of all classifiers has at least that AUC, the "
            "labels as they are among them: p of this classifier where it is the best of all, "
            "corrected for the choice",
            missing="as p",
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
    classifiers: list[str],
    folds: int,
    deals: int,
    numbers: range,
    settings: Settings,
) -> pd.DataFrame:
    """Cross-validate under permuted labels; permutation OBSERVED keeps them as they are.

    `table` is the whole table as it was read, of which the training rows count. A permutation's
    number seeds it, so that all classifiers see the same labels, and parts of the permutations can
    be computed anywhere (`AUCS`). The folds are dealt as `deals.score_deals` deals them, and
    forests have at most TREES trees, under the labels as they are too.
    """
    training = training_rows(prepared(table))
    settings = replace(settings, trees=min(settings.trees, TREES))

    def fit(dealt: pd.DataFrame) -> list[Fit]:
        return fit_untuned(dealt, classifiers, settings)

    parts = []
    for number in numbers:
        generator = np.random.default_rng([settings.seed, number])
        labelled = training if number == OBSERVED else permuted(training, generator)
        scored = score_deals(labelled, fit, folds, deals, settings.seed)
        means = scored.groupby("model", sort=False)["auc"].mean()
        parts.append(means.reset_index().assign(permutation=number))
    return pd.concat(parts, ignore_index=True)[AUCS.names]


def summarise_permutations(aucs: pd.DataFrame, deals: int) -> pd.DataFrame:
    """Compare the observed AUC with the permuted ones, model by model (`PERMUTATION`).

    Each AUC is the mean over so many `deals` of folds.

    p is (1 + permutations with at least the observed AUC) / (1 + permutations), Phipson and Smyth
    (Stat Appl Genet Mol Biol 2010). `p_of_choice` counts a permutation where any model's AUC is at
    least the observed one.
    """
    by_model = aucs.pivot(index="permutation", columns="model", values="auc")
    permutations = by_model.drop(index=OBSERVED)
    best = permutations.max(axis=1).dropna()
    rows = []
    for model in aucs["model"].unique():
        observed, null = by_model.loc[OBSERVED, model], permutations[model].dropna()
        facts = [model, observed, deals]
        if np.isnan(observed) or null.empty:
            rows.append([*facts, np.nan, np.nan, len(null), np.nan, np.nan, np.nan])
            continue
        p, p_of_choice = share_reaching(observed, null), share_reaching(observed, best)
        low, high = np.percentile(null, [2.5, 97.5])
        rows.append([*facts, p, p_of_choice, len(null), null.mean(), low, high])
    return pd.DataFrame(rows, columns=PERMUTATION.names)


def share_reaching(observed: float, null: pd.Series) -> float:
    """Return the share of values, the observed one among them, that are at least as high."""
    return (1 + int((null >= observed).sum())) / (1 + len(null))
