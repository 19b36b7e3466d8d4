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
    patient, names = pd.factorize(table["patient"], sort=True)
    strata = patient_strata(table).to_numpy()
    if len(names) < 2:
        raise InputError(
            f"Patient '{table['patient'].iloc[0]}' stands alone in a training fold; folds need at "
            "least two patients on either side: add patients, or use other folds."
        )
    smaller = min(_patients_of_strata(patient, strata))
    if smaller < 2:
        splitter = GroupKFold(min(folds, len(names)), shuffle=True, random_state=seed)
    else:
        splitter = _Stratified(min(folds, smaller), shuffle=True, random_state=seed)
    return list(splitter.split(strata, strata, patient))


def assign_folds(table: pd.DataFrame, folds: int, seed: int) -> np.ndarray:
    """Assign each row the number of the fold that holds its patient out.

    Raises InputError where a stratum has fewer patients than there are folds.
    """
    patients, strata = table["patient"].to_numpy(), patient_strata(table).to_numpy()
    negative, positive = _patients_of_strata(patients, strata)
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


class _Stratified(StratifiedGroupKFold):
    """scikit-learn's splitter with the spread of all folds computed at once.

    One fold after another it takes a third of the time of a LASSO with its inner folds, which
    permutations and repeats fit ten thousand times. What is chosen is the same.
    """

    def _find_best_fold(self, y_counts_per_fold, y_cnt, group_y_counts):
        """Return the fold that a patient of these counts by stratum leaves the most alike."""
        with_patient = np.repeat(y_counts_per_fold[None], self.n_splits, axis=0)
        every = np.arange(self.n_splits)
        with_patient[every, every] += group_y_counts
        spreads = np.std(with_patient / y_cnt, axis=1).mean(axis=1).tolist()
        sizes = y_counts_per_fold.sum(axis=1).tolist()
        best = 0
        for fold in range(1, self.n_splits):
            # Equal as numpy.isclose has it.
            equal = abs(spreads[fold] - spreads[best]) <= 1e-8 + 1e-5 * spreads[best]
            if spreads[fold] < spreads[best] or (equal and sizes[fold] < sizes[best]):
                best = fold
        return best


def _patients_of_strata(patients: np.ndarray, strata: np.ndarray) -> list[int]:
    """Count the patients of stratum 0 and of stratum 1 among rows."""
    return [len(np.unique(patients[strata == stratum])) for stratum in (0, 1)]


def folds_of(table: pd.DataFrame) -> list[tuple[int, Split]]:
    """List the folds that the table's own column `fold` names, with the positions of their rows."""
    folds = table["fold"].to_numpy()
    return [
        (int(fold), (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)))
        for fold in sorted(set(folds))
    ]
