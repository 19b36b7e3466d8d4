"""The corrected protocol's one model for the test set, chosen by cross-validation alone.

Only models without class weights stand for choice. Weights shift probabilities and hardly change
their order, which the threshold inside the folds already answers; their AUCs differ by chance.
"""

import pandas as pd

from livermet.contracts import FLAG, SHARE, Column, Contract
from livermet.phenotype.columns import CORRECTED, MODEL, WEIGHTING
from livermet.phenotype.corrected import UNWEIGHTED

CHOICE = Contract(
    files=(f"phenotype/*/{CORRECTED}/choice.tsv",),
    row="a classifier with one kind of class weights",
    columns=(
        MODEL,
        WEIGHTING,
        Column("auc", SHARE, "mean AUC over the folds", missing="where no fold has an AUC"),
        Column("chosen", FLAG, "whether the model was chosen for the test set; one of them is"),
    ),
    key=("model", "weighting"),
)


def choose(folds: pd.DataFrame) -> pd.DataFrame:
    """Return the mean AUC over the folds of each model and weighting, and mark the chosen one.

    `folds` has one row a model, weighting and fold (`fits.CROSS_VALIDATION`). Of equals the first
    is chosen; without any AUC the first model stands for it. The result is `CHOICE`.
    """
    means = folds.groupby(["model", "weighting"], sort=False)["auc"].mean().reset_index()
    choice = means.loc[means["weighting"] == UNWEIGHTED, "auc"]
    return means.assign(chosen=means.index == choice.fillna(-1.0).idxmax())
