"""The corrected protocol's one model for the test set, chosen by cross-validation alone.

Only models without class weights stand for choice. Weights shift probabilities and hardly change
their order, which the threshold inside the folds already answers; their AUCs differ by chance.
"""

import pandas as pd

from livermet.phenotype.corrected import UNWEIGHTED


def choose(folds: pd.DataFrame) -> pd.DataFrame:
    """Return the mean AUC over the folds of each model and weighting, and mark the chosen one.

    `folds` has one row a model, weighting and fold (fits.FOLD_COLUMNS). Of equals the first is
    chosen; without any AUC the first model stands for it. Columns: model, weighting, auc, chosen.
    """
    means = folds.groupby(["model", "weighting"], sort=False)["auc"].mean().reset_index()
    choice = means.loc[means["weighting"] == UNWEIGHTED, "auc"]
    return means.assign(chosen=means.index == choice.fillna(-1.0).idxmax())
