"""Splits in which a patient stands on one side only, stratified by patient.

A patient's series can belong to both classes, since a score changes over time. The stratum of a
patient is therefore whether any of the patient's series is negative.
"""

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from livermet.errors import InputError

Split = tuple[np.ndarray, np.ndarray]


def patient_strata(table: pd.DataFrame) -> pd.Series:
    """Assign each row its patient's stratum: 1 if all of the patient's series are positive, else 0.

    `table` has one row a series with columns patient and label.
    """
    return table.groupby("patient")["label"].transform("min")


def grouped_splits(table: pd.DataFrame, folds: int, seed: int) -> list[Split]:
    """Split rows into training and held-out positions, by patient and stratified by patient.

    There are at most as many folds as the smaller stratum has patients. Where it has fewer than
    two, patients are split without regard to it. Raises InputError for a single patient.
    """
    strata = patient_strata(table)
    patients = table["patient"].nunique()
    smaller = _patients_of_strata(table).min()
    if patients < 2:
        raise InputError(
            f"Patient '{table['patient'].iloc[0]}' stands alone in a training fold; folds need at "
            "least two patients on either side: add patients, or use other folds."
        )
    if smaller < 2:
        splitter = GroupKFold(min(folds, patients), shuffle=True, random_state=seed)
    else:
        splitter = StratifiedGroupKFold(min(folds, smaller), shuffle=True, random_state=seed)
    return list(splitter.split(table, strata, table["patient"]))


def assign_folds(table: pd.DataFrame, folds: int, seed: int) -> np.ndarray:
    """Assign each row the number of the fold that holds its patient out.

    Raises InputError where a stratum has fewer patients than there are folds.
    """
    negative, positive = _patients_of_strata(table)
    if min(negative, positive) < folds:
        raise InputError(
            f"Of the training patients {negative} have a negative series and {positive} have "
            f"none; {folds} folds need at least {folds} of each: add patients, or set fewer folds "
            "(split.folds)."
        )
    assigned = np.empty(len(table), dtype=int)
    for fold, (_, held_out) in enumerate(grouped_splits(table, folds, seed)):
        assigned[held_out] = fold
    return assigned


def dealt_anew(table: pd.DataFrame, folds: int, seed: int) -> pd.DataFrame:
    """Make all rows training rows, in folds by patient dealt with this seed."""
    places = np.empty(len(table), dtype=int)
    for fold, (_, held_out) in enumerate(grouped_splits(table, folds, seed)):
        places[held_out] = fold
    return table.assign(group="train", fold=pd.array(places, dtype="Int64"))


def _patients_of_strata(table: pd.DataFrame) -> np.ndarray:
    """Count the patients of stratum 0 and of stratum 1."""
    strata = patient_strata(table)
    return np.array([table.loc[strata == stratum, "patient"].nunique() for stratum in (0, 1)])


def folds_of(table: pd.DataFrame) -> list[tuple[int, Split]]:
    """List the folds that the table's own column `fold` names, with the positions of their rows."""
    folds = table["fold"].to_numpy()
    return [
        (int(fold), (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)))
        for fold in sorted(set(folds))
    ]
