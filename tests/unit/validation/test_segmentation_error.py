"""Calls in other masks, counted by hand on the phantoms of `segmentation_error_phantoms`."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from livermet.contracts import check
from livermet.phenotype import corrected
from livermet.phenotype.table import RADIOMIC_FEATURES, as_published_columns
from livermet.validation.segmentation_error import (
    SCORED_MASKS,
    SEGMENTATION_ERROR,
    SHIFT,
    Chosen,
    read_single_fold,
    score_perturbed,
    score_single_folds,
    tabulate_error,
    tabulate_shift,
)

from .. import phenotype_phantoms
from .. import segmentation_error_phantoms as made
from ..segmentation_error_phantoms import probability


@pytest.fixture(scope="module")
def scored():
    return made.scored()


def of(table, source):
    return table[table["source"].eq(source)]


def test_each_mask_is_scored_beside_the_series_own_by_the_fold_that_held_it_out(scored):
    check(scored, SCORED_MASKS, "phenotype/reference/corrected/segmentation_error.tsv")
    rows = of(scored, "perturbed contour")
    assert len(rows) == 2 * made.TRAINING
    folds = dict(made.table()[["series", "fold"]].dropna().itertuples(index=False))
    assert all(row.fold == str(folds[row.series]) for row in rows.itertuples())
    first = rows[rows["series"].eq("t00")].set_index("mask")
    # x is 1, 1.5 and -0.5.
    assert first["probability"].tolist() == pytest.approx([probability(1.0)] * 2)
    expected = [probability(1.5), probability(-0.5)]
    assert first["changed_probability"].tolist() == pytest.approx(expected)
    assert first["flipped"].tolist() == [False, True]


def test_flips_and_changes_by_hand():
    table = made.error()
    check(table, SEGMENTATION_ERROR, "tables/segmentation_error.csv")
    row = table.set_index("source").loc["perturbed contour"]
    assert (row["series"], row["patients"], row["masks"]) == (24, 24, 48)
    assert (row["flips"], row["flipped_series"], row["unmeasured"]) == (2, 2, 0)
    assert row["flip_share"] == pytest.approx(2 / 48)
    # Twelve series of either class move by 0.5 and back, but for one of each in its second mask.
    up, down = 1.0, -1.0
    moves = [probability(x + 0.5) - probability(x) for x in (up, down)] * 12
    moves += [probability(x - 0.5) - probability(x) for x in (up, down)] * 11
    moves += [probability(up - 1.5) - probability(up), probability(down + 1.5) - probability(down)]
    assert row["change"] == pytest.approx(np.mean(moves))
    assert row["absolute_change"] == pytest.approx(np.mean(np.abs(moves)))
    assert row["largest_change"] == pytest.approx(np.max(np.abs(moves)))
    # Own masks rank all 36 pairs of either fold right, and so do the first perturbed ones. In the
    # second t01, at 0.5, is above t00, at -0.5, and ties with the five other positive series.
    assert row["auc"] == 1.0
    assert row["changed_auc"] == pytest.approx((1 + 1 - (1 + 5 / 2) / 72) / 2)


def test_a_single_folds_mask_is_compared_by_that_folds_model(scored):
    rows = of(scored, "single fold")
    assert len(rows) == 2 * made.TESTED
    assert (rows["fold"] == rows["mask"].astype(str)).all()
    # v0 is positive: x falls from 1 to -1 in the mask of fold 1. v1 and v3, with x = -1, are moved
    # to -0.5 and -1.5.
    assert rows.loc[rows["flipped"], ["series", "fold"]].to_numpy().tolist() == [["v0", "1"]]


def test_all_folds_together_are_called_at_the_mean_as_the_test_score_is(scored):
    rows = of(scored, "single folds together").set_index("series")
    assert len(rows) == made.TESTED
    assert rows.loc["v0", "probability"] == pytest.approx(probability(1.0))
    mean = (probability(1.5) + probability(-1.0)) / 2
    assert rows.loc["v0", "changed_probability"] == pytest.approx(mean)
    # 0.54: no call changes.
    assert mean > 0.5
    assert not rows["flipped"].any()


def test_four_patients_have_counts_and_no_auc():
    table = made.error().set_index("source")
    for source in ("single fold", "single folds together"):
        row = table.loc[source]
        assert (row["series"], row["patients"], row["reason"]) == (4, 4, "too few")
        assert np.isnan(row["auc"])
    assert table.loc["single fold", "flips"] == 1
    # No flip has no interval.
    assert table.loc["single folds together", ["flip_low", "flip_high"]].isna().all()


def test_a_mask_without_lesions_is_counted_and_filled_as_the_model_fills_it():
    own, masks = made.table(), made.perturbed()
    gone = masks["series"].eq("t02") & masks["perturbation"].eq(1)
    masks.loc[gone, list(RADIOMIC_FEATURES)] = np.nan
    scored = score_perturbed(own, masks, made.chosen())
    row = scored[~scored["measured"].astype(bool)].iloc[0]
    # No lesion has no volume: x is 0 and no longer 1.
    assert (row["series"], row["changed_probability"], row["flipped"]) == ("t02", 0.5, True)
    table = tabulate_error(scored, "LR", **made.DRAWS)
    assert table[["unmeasured", "flips"]].to_numpy().tolist() == [[1, 3]]


def test_the_interval_of_the_change_is_a_t_interval_by_patient():
    rows = of(made.scored(), "perturbed contour")
    change = rows["changed_probability"] - rows["probability"]
    # Two masks a patient: the bootstrap's standard error of the mean of 24 patients' means.
    means = change.groupby(rows["patient"]).mean()
    error = means.std(ddof=0) / np.sqrt(24)
    half = stats.t.ppf(0.975, 23) * error
    row = made.error().set_index("source").loc["perturbed contour"]
    ends = [row["change"] - half, row["change"] + half]
    assert [row["change_low"], row["change_high"]] == pytest.approx(ends, abs=0.1 * half)


def test_the_shift_of_a_feature_is_in_training_deviations():
    table = made.shift()
    check(table, SHIFT, "tables/segmentation_shift.csv")
    row = table.set_index("feature").loc[made.LOOKED_AT]
    assert (row["folds"], row["series"], row["patients"], row["masks"]) == (2, 4, 4, 8)
    # Twelve training series at 1 and twelve at -1.
    deviation = np.std([1.0, -1.0] * 12, ddof=1)
    # Moved by 0.5 and -0.5 (mean 0), v0 by 0.5 and -2 (mean -0.75).
    assert row["shift"] == pytest.approx(-0.75 / 4 / deviation)
    assert row["absolute_shift"] == pytest.approx((7 * 0.5 + 2.0) / 8 / deviation)
    constant = table.set_index("feature").loc["Num_Lesions"]
    assert (constant["folds"], constant["series"]) == (1, 4)
    assert np.isnan(constant["shift"])


def test_a_series_that_a_fold_has_not_measured_counts_for_the_shift_by_the_others_alone():
    by_fold = made.by_fold()
    by_fold[1] = by_fold[1][by_fold[1]["series"].ne("v3")]
    scored = score_single_folds(made.table(), by_fold, made.chosen())
    assert len(of(scored, "single fold")) == 7
    assert set(of(scored, "single folds together")["series"]) == {"v0", "v1", "v2"}
    table = tabulate_shift(made.table(), by_fold, made.selection(), **made.DRAWS)
    row = table.set_index("feature").loc[made.LOOKED_AT]
    assert (row["series"], row["masks"]) == (4, 7)
    # v1 and v2 have 0 as before, v0 -0.75, and v3 the 0.5 of the fold that has measured it.
    deviation = np.std([1.0, -1.0] * 12, ddof=1)
    assert row["shift"] == pytest.approx((-0.75 + 0.5) / 4 / deviation)
    assert row["absolute_shift"] == pytest.approx((0.5 + 0.5 + 1.25 + 0.5) / 4 / deviation)


def test_no_other_mask_is_an_empty_table():
    nothing = made.perturbed()[:0]
    scored = score_perturbed(made.table(), nothing, made.chosen())
    check(scored, SCORED_MASKS, "phenotype/reference/corrected/segmentation_error.tsv")
    assert tabulate_error(scored, "LR", **made.DRAWS).empty


def test_auc_of_single_folds_is_the_mean_over_their_models():
    """24 test patients instead of four, so that the AUC is told; scikit-learn's by fold."""
    own = made.table()[: made.TRAINING]
    tested = own.assign(group="test", fold=pd.NA)
    tested = tested.assign(**{name: "v" + own[name] for name in ("series", "study", "patient")})
    table = pd.concat([own, tested], ignore_index=True)
    masks = {0: made.moved(tested, {"vt01": 2.5}, 0.0), 1: made.moved(tested, {}, 0.0)}
    scored = score_single_folds(table, masks, made.chosen())
    row = tabulate_error(scored, "LR", **made.DRAWS).set_index("source").loc["single fold"]
    expected = [
        roc_auc_score(rows["label"].astype(int), rows["changed_probability"])
        for _, rows in of(scored, "single fold").groupby("fold")
    ]
    assert row["auc"] == 1.0
    # One of twelve negatives rises above all twelve positives in one of the two folds.
    assert row["changed_auc"] == pytest.approx(np.mean(expected)) == pytest.approx(23 / 24)


def test_tables_of_test_series_alone_are_read_and_the_same_masks_change_nothing(tmp_path):
    """A single fold's table has no training series, which a protocol's own table must have."""
    table = phenotype_phantoms.feature_table(patients=16, test_patients=4, folds=3)
    tested = table[table["group"].eq("test")]
    path = tmp_path / "features.csv"
    as_published_columns(tested, "NE").to_csv(path, index=False)
    settings = corrected.Settings("score", 5, 0)
    (fitted,) = corrected.fit_untuned(table, ["LR"], settings)
    models = fitted.models["none"]
    by_fold = {fold: read_single_fold(path, "NE") for fold in range(3)}
    scored = score_single_folds(table, by_fold, Chosen.of("LR", models, table))
    check(scored, SCORED_MASKS, "phenotype/reference/corrected/segmentation_error.tsv")
    assert len(scored) == len(tested) * (3 + 1)
    assert not scored["flipped"].any()
    np.testing.assert_allclose(scored["changed_probability"], scored["probability"], atol=1e-9)
