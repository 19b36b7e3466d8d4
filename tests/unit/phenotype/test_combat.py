"""ComBat: known effects, another implementation, and held-out rows that tell it nothing."""

import numpy as np
import pandas as pd
import pytest
from pycombat import Combat as PyCombat

from livermet.phenotype.combat import BATCH, ComBat, batch_effects, with_batches
from livermet.phenotype.table import FEATURES, LESION_COUNT, RADIOMIC_FEATURES

from .. import phenotype_phantoms as made

COLUMNS = list(RADIOMIC_FEATURES)


def batched(rows, seed=1, shares=(0.5, 0.3, 0.2)):
    """Phantom features of many magnitudes, in batches with a shift and a scale for each feature."""
    random = np.random.default_rng(seed)
    features = 40
    magnitude = 10 ** random.uniform(-2, 5, features)
    values = random.normal(size=(rows, features)) + random.uniform(-3, 3, features)
    batch = random.choice(["A", "B", "C"][: len(shares)], rows, p=shares)
    for name, shift, scale in (("B", 1.5, 2.0), ("C", -1.0, 0.5)):
        inside = batch == name
        shifts = random.normal(shift, 0.3, features)
        scales = scale * random.uniform(0.8, 1.25, features)
        values[inside] = values[inside] * scales + shifts
    return values * magnitude, batch


def removed(values, batch, effects):
    result = values.copy()
    for name, effect in effects.items():
        result[batch == name] = effect.removed_from(values[batch == name])
    return result


def phantoms(patients=24):
    """Return a phantom table whose patients come from two scanners in turn."""
    table = made.feature_table(patients=patients, test_patients=6).copy()
    odd = table["patient"].str[1:].astype(int) % 2 == 1
    table[BATCH] = np.where(odd, "B", "A")
    table.loc[odd, COLUMNS] = table.loc[odd, COLUMNS] * 1.5 + 4
    return table


def test_a_known_shift_and_scale_are_taken_out():
    values, batch = batched(3000)
    after = removed(values, batch, batch_effects(values, batch))
    spread = after.std(axis=0)
    means = [after[batch == name].mean(axis=0) / spread for name in "ABC"]
    deviations = [after[batch == name].std(axis=0) / spread for name in "ABC"]
    # Before, scanners lay up to 1.5 deviations apart and their scales had a ratio of 4.
    assert np.ptp(means, axis=0).max() < 0.02
    assert np.abs(np.array(deviations) - 1).max() < 0.02


@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.8, 0.2)])
def test_another_implementation_gives_the_same_values(shares):
    values, batch = batched(60, shares=shares)
    training = np.arange(60) < 45
    effects = batch_effects(values[training], batch[training])
    # Its own rule stops earlier; fitted to the end, both follow Johnson et al. (2007).
    peer = PyCombat(conv=1e-12).fit(values[training].copy(), batch[training])
    expected = peer.transform(values.copy(), batch)
    difference = np.abs(removed(values, batch, effects) - expected) / values.std(axis=0)
    assert difference.max() < 1e-9


def test_a_row_that_was_not_fitted_comes_out_the_same_alone_and_beside_others():
    table = phantoms()
    tested = table["group"] == "test"
    combat = ComBat().fit(table[~tested])
    together = combat.transform(table[tested])
    for place in range(tested.sum()):
        alone = combat.transform(table[tested].iloc[[place]])
        pd.testing.assert_frame_equal(alone, together.iloc[[place]])
    others = table.copy()
    others.loc[tested, COLUMNS] *= 100
    again = ComBat().fit(others[~tested]).transform(table[tested])
    pd.testing.assert_frame_equal(again, together)


def test_rows_without_batches_are_not_touched():
    table = phantoms().drop(columns=BATCH)
    assert ComBat().fit_transform(table) is table


def test_what_was_not_measured_stays_missing_and_counts_stay_counts():
    table = made.without_lesions(phantoms(), [3, 8])
    table.loc[10, COLUMNS[0]] = np.nan
    after = ComBat().fit_transform(table)
    assert (after[list(FEATURES)].isna() == table[list(FEATURES)].isna()).all().all()
    assert (after[LESION_COUNT] == table[LESION_COUNT]).all()
    assert not np.isclose(after.loc[10, COLUMNS[1]], table.loc[10, COLUMNS[1]])
    # A scan without lesions says nothing of its scanner: the others' values are as without it.
    without = ComBat().fit_transform(table.drop(index=[3, 8]))
    pd.testing.assert_frame_equal(after.drop(index=[3, 8]), without)


def test_one_patients_scanner_stays_as_it_is_and_unseen_ones_too():
    table = phantoms()
    table.loc[table["patient"] == "P10", BATCH] = "C"
    combat = ComBat().fit(table)
    assert set(combat.effects_) == {"A", "B"}
    after = combat.transform(table.assign(batch=table[BATCH].replace("B", "unseen")))
    kept = table[BATCH] != "A"
    pd.testing.assert_frame_equal(after.loc[kept, COLUMNS], table.loc[kept, COLUMNS])
    only = ComBat().fit(table[table[BATCH] == "A"])
    assert only.effects_ == {}


def test_a_feature_that_is_constant_in_one_batch_is_left_in_all():
    table = phantoms()
    table.loc[table[BATCH] == "B", COLUMNS[5]] = 7.0
    after = ComBat().fit_transform(table)
    assert (after[COLUMNS[5]] == table[COLUMNS[5]]).all()
    assert not np.isclose(after[COLUMNS[6]], table[COLUMNS[6]]).any()
    # Nor does it take part in what batches do to features in general.
    values, batch = table[COLUMNS].to_numpy(), table[BATCH].to_numpy()
    others = batch_effects(np.delete(values, 5, axis=1), batch)
    for name, effect in batch_effects(values, batch).items():
        assert np.array_equal(np.delete(effect.centre, 5), others[name].centre)


def test_batches_are_joined_by_series(tmp_path):
    path = tmp_path / "harmonisation.tsv"
    path.write_text("series\tpatient\tplace\tbatch\n02\tP2\t0\tB\n1\tP1\ttest\tA\n")
    table = with_batches(pd.DataFrame({"series": ["1", "02"]}), path)
    assert list(table[BATCH]) == ["A", "B"]
    assert list(with_batches(table, [])) == ["series", BATCH]
