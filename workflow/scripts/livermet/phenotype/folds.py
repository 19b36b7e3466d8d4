"""Splits in which a patient stands on one side only, stratified by patient.

A patient's series can belong to both classes, since a score changes over time. The stratum of a
patient is therefore whether any of the patient's series is negative.
"""

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from livermet.errors import InputError

Split = tuple[np.ndarray, np.ndarray]


def patient_strata(table: pd.DataFrame) -> pd.Series:
    """Give each row its patient's stratum: 1 if all of the patient's series are positive, else 0.

    `table` has one row a series with columns patient and label.
    """
    return table.groupby("patient")["label"].transform("min")


def grouped_splits(table: pd.DataFrame, folds: int, seed: int) -> list[Split]:
    """Split rows into training and held-out positions, by patient and stratified by patient.

    There are at most as many folds as the smaller stratum has patients. Raises InputError if that
    leaves fewer than two.
    """
    strata = patient_strata(table)
    patients = table["patient"].groupby(strata).nunique()
    possible = min(folds, int(patients.min()))
    if len(patients) < 2 or possible < 2:
        raise InputError(
            f"Among {table['patient'].nunique()} training patients "
            f"{patients.get(0, 0)} have a negative series and {patients.get(1, 0)} have none; "
            "folds need at least two patients of each kind: add patients, or use fewer folds."
        )
    splitter = StratifiedGroupKFold(possible, shuffle=True, random_state=seed)
    return list(splitter.split(table, strata, table["patient"]))


def assign_folds(table: pd.DataFrame, folds: int, seed: int) -> np.ndarray:
    """Give each row the number of the fold that holds its patient out."""
    assigned = np.empty(len(table), dtype=int)
    for fold, (_, held_out) in enumerate(grouped_splits(table, folds, seed)):
        assigned[held_out] = fold
    return assigned


def folds_of(table: pd.DataFrame) -> list[tuple[int, Split]]:
    """List the folds that the table's own column `fold` names, with the positions of their rows."""
    folds = table["fold"].to_numpy()
    return [
        (int(fold), (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)))
        for fold in sorted(set(folds))
    ]
