"""A model's AUC over deals of folds: the same folds for all, each patient held out once a deal."""

import numpy as np
import pandas as pd

from livermet.phenotype.corrected import Settings, fit_untuned, training_rows
from livermet.phenotype.deals import auc_within_folds, score_deals
from livermet.phenotype.fits import CORRECTED, Fit

from .. import phenotype_phantoms as made


def test_each_deal_is_a_cross_validation_of_its_own_and_all_models_share_it():
    training = training_rows(made.feature_table(patients=24, test_patients=4))
    seen = []

    def fit(dealt):
        seen.append(dealt)
        return fit_untuned(dealt, ["LR", "XGB"], Settings("score", 5, 3))

    aucs = score_deals(training, fit, folds=4, deals=2, seed=7)
    assert list(aucs["model"]) == ["LR", "XGB"] * 2
    assert list(aucs["deal"]) == [1, 1, 2, 2]
    assert not seen[0]["fold"].equals(seen[1]["fold"])
    for dealt in seen:
        assert dealt.groupby("patient")["fold"].nunique().eq(1).all()
        assert dealt["fold"].nunique() == 4
    alone = score_deals(training, lambda dealt: fit(dealt)[:1], folds=4, deals=2, seed=7)
    pd.testing.assert_frame_equal(
        aucs[aucs["model"].eq("LR")].reset_index(drop=True), alone, check_exact=True
    )


def test_pairs_of_one_fold_count_and_no_others():
    fit = Fit(CORRECTED, "LR")
    rows = pd.DataFrame({"series": list("abcd"), "study": list("abcd"), "patient": list("abcd")})
    rows = rows.assign(label=[1, 0, 1, 0], score=0.0)
    # In each fold the positive ranks above the negative, though 0.2 lies below 0.8.
    fit.add_predictions("none", "validation", 0, rows[:2], [0.9, 0.8])
    fit.add_predictions("none", "validation", 1, rows[2:], [0.2, 0.1])
    assert auc_within_folds(fit) == 1.0
    alone = Fit(CORRECTED, "LR")
    alone.add_predictions("none", "validation", 0, rows[:1], [0.9])
    assert np.isnan(auc_within_folds(alone))
