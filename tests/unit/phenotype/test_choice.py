"""One model is chosen by its mean AUC over deals of folds, and it may beat nobody."""

import pandas as pd

from livermet.contracts import check
from livermet.phenotype.choice import CHOICE, choose
from livermet.phenotype.chosen import corrected_choice

NOTHING = float("nan")


def deals(**aucs):
    """Deals of models, each with its AUCs."""
    rows = [
        (name, deal, value) for name, values in aucs.items() for deal, value in enumerate(values, 1)
    ]
    return pd.DataFrame(rows, columns=["model", "deal", "auc"])


def chosen(table):
    choice = choose(table)
    return list(choice.loc[choice["chosen"], "model"])


def test_the_highest_mean_over_deals_is_chosen_among_the_classifiers():
    scores = deals(LR=[0.5, 0.7], RF=[0.9, 0.4], XGB=[0.6, 0.6], volume=[0.9, 0.9])
    choice = choose(scores)
    check(choice, CHOICE, "phenotype/nnunet/corrected/choice.tsv")
    assert list(choice["auc"].round(6)) == [0.6, 0.65, 0.6, 0.9]
    assert list(choice["auc_lowest"]) == [0.5, 0.4, 0.6, 0.9]
    assert list(choice["auc_highest"]) == [0.7, 0.9, 0.6, 0.9]
    assert list(choice["deals"]) == [2] * 4
    # A baseline has the best AUC of all, and does not stand for choice.
    assert chosen(scores) == ["RF"]


def test_of_equals_the_first_and_without_any_auc_the_first():
    assert chosen(deals(LR=[0.6], RF=[0.6])) == ["LR"]
    assert chosen(deals(LR=[NOTHING], RF=[NOTHING])) == ["LR"]
    # A deal without an AUC does not count against a model.
    assert chosen(deals(LR=[0.6, 0.6], RF=[0.7, NOTHING])) == ["RF"]


def test_no_model_beats_chance_or_volume_is_an_outcome():
    beaten = corrected_choice(choose(deals(LR=[0.4, 0.5], RF=[0.4, 0.4], volume=[0.6, 0.5])))
    assert (beaten.model, beaten.beaten, beaten.deals) == ("LR", (), 2)
    assert beaten.volume == 0.55
    above_chance = corrected_choice(choose(deals(LR=[0.55], volume=[0.6])))
    assert above_chance.beaten == ("chance",)
    above_both = corrected_choice(choose(deals(LR=[0.65], volume=[0.6])))
    assert above_both.beaten == ("chance", "volume")
    # What is equal to chance, or cannot be told, beats nothing.
    assert corrected_choice(choose(deals(LR=[0.5], volume=[0.5]))).beaten == ()
    assert corrected_choice(choose(deals(LR=[NOTHING], volume=[NOTHING]))).beaten == ()
