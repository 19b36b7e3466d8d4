"""The model that cross-validation chose for each protocol, as later stages read it."""

from typing import NamedTuple

import pandas as pd

from livermet.phenotype.columns import VOLUME
from livermet.vocabulary import Protocol, Weighting

CHANCE = "chance"
RIVALS = (CHANCE, VOLUME)


class Choice(NamedTuple):
    """The model that cross-validation chose for a protocol, and its mean AUC.

    The mean is over folds, or, where `deals` is not 0, over so many deals of folds; `beaten` then
    names which of RIVALS the model's AUC is above, and `volume` is that of volume alone.
    """

    model: str
    weighting: str
    auc: float
    deals: int = 0
    beaten: tuple[str, ...] = ()
    volume: float = float("nan")


def chosen_models(
    cross_validation: pd.DataFrame, choice: pd.DataFrame | None = None
) -> dict[str, Choice]:
    """Name each protocol's model: the one with the highest cross-validated AUC.

    The choice never looks at the test set. `choice` is the corrected protocol's own record of it
    (`choice.CHOICE`); for any other protocol the models without class weights of table S2 stand
    for choice, the first of them where none has an AUC.
    """
    rows = cross_validation[cross_validation["weighting"].eq(Weighting.NONE)]
    rows = rows[rows["metric"].eq("auc")]
    found = {}
    for protocol, group in rows.groupby("protocol", sort=False):
        best = group.sort_values("mean", ascending=False, kind="stable").iloc[0]
        found[protocol] = Choice(best["model"], Weighting.NONE, best["mean"])
    if choice is not None:
        found[Protocol.CORRECTED] = corrected_choice(choice)
    return found


def corrected_choice(choice: pd.DataFrame) -> Choice:
    """Take the chosen row of the corrected protocol's record (`choice.CHOICE`)."""
    row = choice[choice["chosen"]].iloc[0]
    volume = choice.loc[choice["model"].eq(VOLUME), "auc"]
    beaten = [name for name in RIVALS if row[f"beats_{name}"]]
    return Choice(
        row["model"],
        row["weighting"],
        row["auc"],
        int(row["deals"]),
        tuple(beaten),
        float(volume.iloc[0]) if len(volume) else float("nan"),
    )
