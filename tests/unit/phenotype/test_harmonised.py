"""The corrected protocol on phantoms whose scanners differ more than their classes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from livermet.phenotype import corrected
from livermet.phenotype.combat import BATCH
from livermet.phenotype.corrected import Settings
from livermet.phenotype.table import RADIOMIC_FEATURES
from livermet.statistics.stability import resample_selections
from livermet.validation.permutation import permutation_aucs
from livermet.validation.repeats import repeat_cross_validation

from .. import phenotype_phantoms as made

SEED = 7
SETTINGS = Settings("score", 10, SEED)


@pytest.fixture(scope="module")
def table():
    """Positive training studies come from scanner B mostly, positive test studies from A.

    B shifts a third of the features by two deviations and halves their spread, the one that
    drives the score among them.
    """
    table = made.feature_table(patients=60, test_patients=20)
    random = np.random.default_rng(5)
    studies = table.drop_duplicates("study").set_index("study")
    positive = (studies["label"] == 1) != (studies["group"] == "test")
    from_b = random.uniform(size=len(studies)) < np.where(positive, 0.8, 0.2)
    scanners = pd.Series(np.where(from_b, "B", "A"), index=studies.index)
    table = table.assign(batch=table["study"].map(scanners))
    shifted = sorted({*RADIOMIC_FEATURES[::3], made.SIGNAL})
    inside = table[BATCH] == "B"
    table.loc[inside, shifted] = table.loc[inside, shifted] * 0.5 + 2
    return table


def fitted(table):
    selection = corrected.select(table, "score", SEED)
    return corrected.fit(table, selection, "LR", ["none"], SETTINGS)


@pytest.fixture(scope="module")
def fit(table):
    return fitted(table)


def scores(table, fit):
    return corrected.score_test(table, fit.models["none"], "LR", "none")


def test_a_scanner_that_fools_the_classifier_does_so_no_longer(table, fit):
    bare = table.drop(columns=BATCH)
    fooled, harmonised = scores(bare, fitted(bare)), scores(table, fit)
    aucs = [roc_auc_score(rows["label"], rows["probability"]) for rows in (fooled, harmonised)]
    assert aucs[0] < 0.6
    assert aucs[1] > 0.8


def test_held_out_and_test_series_teach_nothing(table, fit):
    fold = 2
    away = table["fold"].eq(fold).fillna(False) | (table["group"] == "test")
    changed = table.copy()
    changed.loc[away, list(RADIOMIC_FEATURES)] *= 3.0
    again = fitted(changed)
    model, other = fit.models["none"][fold], again.models["none"][fold]
    rows = table[away]
    assert np.array_equal(model.probability(rows), other.probability(rows))
    assert model.threshold == other.threshold


def test_a_test_series_is_scored_the_same_alone(table, fit):
    together = scores(table, fit).set_index("series")["probability"]
    for series in together.index[:3]:
        alone = scores(table[table["series"] == series], fit)
        assert alone["probability"].iloc[0] == together[series]


def test_inner_folds_take_their_effects_from_their_own_training_rows(table, monkeypatch):
    seen = []
    learn = corrected.ComBat.fit

    def noted(self, rows, labels=None):
        seen.append(frozenset(rows["patient"]))
        return learn(self, rows, labels)

    monkeypatch.setattr(corrected.ComBat, "fit", noted)
    training = corrected.training_rows(table)
    rows = training[training["fold"] != 0]
    corrected.tuned(rows, [made.SIGNAL], "LR", ["none"], SETTINGS)
    whole = frozenset(rows["patient"])
    inner = {patients for patients in seen if patients != whole}
    assert len(inner) == corrected.INNER_FOLDS
    # Each patient is missing from one of them.
    assert sorted(p for patients in inner for p in whole - patients) == sorted(whole)
    assert not set(table.loc[table["group"] == "test", "patient"]) & frozenset().union(*seen)


def test_repeats_permutations_and_halves_harmonise_too(table):
    small = table[table["patient"] < "P40"]
    bare = small.drop(columns=BATCH)
    runs = [
        lambda rows: repeat_cross_validation(rows, "LR", 3, 1, SETTINGS)["probability"],
        lambda rows: permutation_aucs(rows, ["LR"], 3, 1, range(2), SETTINGS)["auc"],
        lambda rows: resample_selections(rows, "score", SEED, 3).stack(),
    ]
    for run in runs:
        assert not run(small).reset_index(drop=True).equals(run(bare).reset_index(drop=True))
    one = small.assign(batch="A")
    for run in runs:
        pd.testing.assert_series_equal(run(one), run(bare))
