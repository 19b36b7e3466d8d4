"""The corrected protocol's one model for the test set, chosen by cross-validation alone.

Only models without class weights stand for choice. Weights shift probabilities and hardly change
their order, which the threshold inside the folds already answers; their AUCs differ by chance.

A model is chosen in any case, since the test set is to be scored once. Whether it is worth having
is a second question, and 'no' is one of its answers: no model beats chance, or volume alone.
"""

import pandas as pd

from livermet.contracts import COUNT, FLAG, SHARE, Column, Contract
from livermet.phenotype.baselines import BASELINES
from livermet.phenotype.columns import CORRECTED, MODEL, VOLUME, WEIGHTING
from livermet.phenotype.corrected import UNWEIGHTED

CHANCE = 0.5
NO_AUC = "where no deal has an AUC"
CHOICE = Contract(
    files=(f"phenotype/*/{CORRECTED}/choice.tsv", "tables/model_choice.csv"),
    row="a classifier or a baseline, without class weights",
    columns=(
        MODEL,
        WEIGHTING,
        Column("auc", SHARE, "AUC within folds, mean over the deals of folds", missing=NO_AUC),
        Column("auc_lowest", SHARE, "the lowest deal", missing=NO_AUC),
        Column("auc_highest", SHARE, "the highest deal", missing=NO_AUC),
        Column("deals", COUNT, "deals with an AUC"),
        Column("beats_chance", FLAG, "whether auc is above 0.5"),
        Column("beats_volume", FLAG, "whether auc is above that of the baseline 'volume'"),
        Column(
            "chosen",
            FLAG,
            "whether the model was chosen for the test set; one classifier is, no baseline",
        ),
    ),
    key=("model", "weighting"),
)


def choose(deals: pd.DataFrame) -> pd.DataFrame:
    """Return each model's mean AUC over deals of folds, whom it beats, and mark the chosen one.

    `deals` has one row a model and deal (`deals.DEALS`), the baselines among the models. A deal
    without an AUC does not count. Of equals the first is chosen; without any AUC the first model
    stands for it. Above is above by any amount: the permutation test says whether it is more than
    chance gives. The result is `CHOICE`.
    """
    aucs = deals.groupby("model", sort=False)["auc"]
    table = aucs.agg(auc="mean", auc_lowest="min", auc_highest="max", deals="count").reset_index()
    volume = table.loc[table["model"].eq(VOLUME), "auc"]
    stands = table.loc[~table["model"].isin(BASELINES), "auc"]
    return table.assign(
        weighting=UNWEIGHTED,
        beats_chance=table["auc"] > CHANCE,
        beats_volume=table["auc"] > (volume.iloc[0] if len(volume) else float("nan")),
        chosen=table.index == stands.fillna(-1.0).idxmax(),
    )[CHOICE.names]
