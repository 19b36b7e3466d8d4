"""One model is chosen by cross-validation alone, among the unweighted; of equals the first."""

import pandas as pd

from livermet.contracts import check
from livermet.phenotype.choice import CHOICE, choose


def folds(**aucs):
    """Folds of models, each 'MODEL_weighting' with its AUCs."""
    rows = [(*name.split("_"), value) for name, values in aucs.items() for value in values]
    return pd.DataFrame(rows, columns=["model", "weighting", "auc"])


def chosen(table):
    choice = choose(table)
    return list(choice.loc[choice["chosen"], ["model", "weighting"]].itertuples(index=False))


def test_the_highest_mean_over_folds_is_chosen_among_the_unweighted():
    scores = folds(LR_none=[0.5, 0.7], RF_none=[0.9, 0.4], XGB_none=[0.6, 0.6], LR_f1=[0.9, 0.9])
    choice = choose(scores)
    check(choice, CHOICE, "phenotype/nnunet/corrected/choice.tsv")
    assert list(choice["auc"].round(6)) == [0.6, 0.65, 0.6, 0.9]
    assert chosen(scores) == [("RF", "none")]


def test_of_equals_the_first_and_without_any_auc_the_first():
    assert chosen(folds(LR_none=[0.6], RF_none=[0.6])) == [("LR", "none")]
    nothing = float("nan")
    assert chosen(folds(LR_none=[nothing], RF_none=[nothing])) == [("LR", "none")]
    # A fold of one class has no AUC and does not count against a model.
    assert chosen(folds(LR_none=[0.6, 0.6], RF_none=[0.7, nothing])) == [("RF", "none")]
