"""Splits keep a patient on one side, stratified by patient."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from livermet.errors import InputError
from livermet.phenotype.folds import assign_folds, folds_of, grouped_splits, patient_strata

from .. import phenotype_phantoms as made


def test_a_patient_with_one_negative_series_is_of_the_negative_stratum():
    table = pd.DataFrame({"patient": list("aabbc"), "label": [1, 0, 1, 1, 0]})
    assert list(patient_strata(table)) == [0, 0, 1, 1, 0]


@pytest.mark.parametrize("seed", range(5))
def test_no_patient_is_on_both_sides_and_every_row_is_held_out_once(seed):
    table = made.feature_table(seed)
    held_out = []
    for inside, outside in grouped_splits(table, 5, seed):
        assert not set(table["patient"].iloc[inside]) & set(table["patient"].iloc[outside])
        held_out += list(outside)
    assert sorted(held_out) == list(range(len(table)))


@pytest.mark.parametrize("seed", range(40))
def test_splits_are_those_of_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    patients = generator.integers(0, generator.integers(8, 60), generator.integers(40, 200))
    table = pd.DataFrame({"patient": [f"P{number}" for number in patients]})
    table["label"] = (generator.random(60) < 0.6).astype(int)[patients]
    ours = grouped_splits(table, 4, seed)
    theirs = StratifiedGroupKFold(len(ours), shuffle=True, random_state=seed).split(
        table, table["label"], table["patient"]
    )
    for (inside, outside), (their_inside, their_outside) in zip(ours, theirs, strict=True):
        assert list(inside) == list(their_inside)
        assert list(outside) == list(their_outside)


def test_both_strata_are_in_every_fold():
    # Ten patients of each stratum, two series each: two patients of each in every fold.
    names = [f"P{number:02}" for number in range(20) for _ in range(2)]
    table = pd.DataFrame({"patient": names, "label": [1, 1] * 10 + [0, 1] * 10})
    folds = table.assign(fold=assign_folds(table, 5, seed=3), stratum=patient_strata(table))
    counts = folds.groupby(["fold", "stratum"])["patient"].nunique()
    assert list(counts) == [2] * 10


def test_fewer_patients_of_a_stratum_give_fewer_folds():
    table = pd.DataFrame({"patient": list("abcdefgh"), "label": [0, 0, 0, 1, 1, 1, 1, 1]})
    assert len(grouped_splits(table, 5, 0)) == 3


@pytest.mark.parametrize("labels", [[0, 1, 1, 1], [1, 1, 1, 1]])
def test_one_patient_of_a_stratum_gives_folds_without_strata(labels):
    table = pd.DataFrame({"patient": list("abcd"), "label": labels})
    assert sorted(row for _, outside in grouped_splits(table, 5, 0) for row in outside) == [
        0,
        1,
        2,
        3,
    ]


def test_too_few_patients():
    table = pd.DataFrame({"patient": list("aabbcd"), "label": [0, 1, 0, 0, 1, 1]})
    with pytest.raises(InputError, match="2 have a negative series and 2 have none; 3 folds need"):
        assign_folds(table, 3, 0)
    with pytest.raises(InputError, match="Patient 'a' stands alone"):
        grouped_splits(table.iloc[:2], 3, 0)


def test_folds_of_the_table_hold_their_own_rows_out():
    table = pd.DataFrame({"fold": pd.array([1, 0, 1, 3], dtype="Int64")})
    found = {fold: (list(inside), list(outside)) for fold, (inside, outside) in folds_of(table)}
    assert found == {0: ([0, 2, 3], [1]), 1: ([1, 3], [0, 2]), 3: ([0, 1, 2], [3])}
