"""The table of a training: its loss, and what the network reaches on the validation series."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from livermet.contracts import COUNT, NUMBER, SHARE, Column, Contract

TRAINING = Contract(
    files=("monai/*/training.tsv",),
    row="a validation of a network in its training",
    columns=(
        Column("iteration", COUNT, "iterations that were done", low=1),
        Column(
            "loss",
            NUMBER,
            "mean loss since the row before",
            missing="where the loss is no number, as in a training that has gone wrong",
        ),
        Column("dice_liver", SHARE, "Dice of the whole liver, its mean over the validation series"),
        Column("dice_lesion", SHARE, "Dice of the lesions, its mean over the validation series"),
    ),
    key=("iteration",),
)


def training_table(rows: Sequence[dict[str, float]]) -> pd.DataFrame:
    """Lay out the validations of a training: `TRAINING`; an infinite loss is no number either."""
    return pd.DataFrame(rows, columns=TRAINING.names).replace([np.inf, -np.inf], np.nan)
