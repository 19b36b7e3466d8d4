"""The score as a target: LASSO's own predictions, and errors by the distance from the threshold."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso
from sklearn.preprocessing import StandardScaler

from livermet.contracts import check
from livermet.phenotype.corrected import Settings, select_in, training_rows
from livermet.phenotype.table import FEATURES
from livermet.validation.score_regression import (
    SCORE_REGRESSION,
    regress_deals,
    tabulate_errors,
)

from .. import phenotype_phantoms as made
from .. import statistics_phantoms as tables


def at(table, model, distance):
    return table[table["model"].eq(model) & table["distance"].eq(distance)].iloc[0]


def test_errors_counted_by_hand():
    table = tables.score_regression()
    check(table, SCORE_REGRESSION, "tables/score_regression.csv")
    whole = at(table, "lasso", "all")
    assert (whole["studies"], whole["patients"]) == (8, 8)
    assert whole["absolute_error"] == pytest.approx(0.2)
    # Scores -0.1, 0.2, -0.3, ..., 0.8: 0.2 upwards takes -0.1 alone above the threshold.
    assert whole["wrong_side"] == 1 / 8
    assert whole["auc"] == 1.0
    near, far = at(table, "lasso", "nearest quarter"), at(table, "lasso", "farthest quarter")
    assert (near["distance_low"], near["distance_high"]) == pytest.approx((0.1, 0.2))
    assert (near["wrong_side"], far["wrong_side"]) == (0.5, 0.0)
    # What calls everything positive is wrong of the negative half, near and far.
    calls = table[table["model"].eq("RF")]
    assert list(calls["wrong_side"]) == [0.5] * 5
    assert calls["absolute_error"].isna().all()
    assert set(calls["target"]) == {"class"}


def test_predictions_are_those_of_the_lasso_that_selects():
    training = training_rows(made.feature_table(patients=24, test_patients=4))
    settings = Settings("class", 5, 3)
    regressed = regress_deals(training, folds=3, deals=1, settings=settings)
    lasso = regressed[regressed["model"].eq("lasso")]
    assert sorted(lasso["series"]) == sorted(training["series"])
    for _, rows in lasso.groupby("fold"):
        seen = training[~training["series"].isin(rows["series"])]
        selection = select_in(seen, "score", 3, "all")
        chosen = selection["feature"].dropna()
        scaler = StandardScaler().fit(seen[list(FEATURES)])
        columns = [FEATURES.index(name) for name in chosen]
        # LassoCV stops a little before the optimum.
        fitted = Lasso(alpha=selection["alpha"].iloc[0], max_iter=100000, tol=1e-8)
        fitted.fit(scaler.transform(seen[list(FEATURES)])[:, columns], seen["score"])
        held_out = training.set_index("series").loc[rows["series"]]
        expected = fitted.predict(scaler.transform(held_out[list(FEATURES)])[:, columns])
        np.testing.assert_allclose(rows["predicted"], expected, rtol=0, atol=5e-3)
    correlation = np.corrcoef(lasso["predicted"], lasso["score"])[0, 1]
    assert correlation > 0.8
    mean = regressed[regressed["model"].eq("mean")]
    assert mean.groupby("fold")["predicted"].nunique().eq(1).all()


def test_a_study_counts_once_however_many_series_and_deals_it_has():
    training = training_rows(made.feature_table(patients=24, test_patients=4))
    regressed = regress_deals(training, folds=3, deals=2, settings=Settings("score", 5, 3))
    classified = training.assign(model="LR", predicted=training["label"])
    limits = pd.Series(0.0, index=training["series"])
    table = tabulate_errors(regressed, classified, limits)
    assert (table.loc[table["distance"].eq("all"), "studies"] == training["study"].nunique()).all()
    quarters = table[table["distance"].ne("all")].groupby("model")["studies"].sum()
    assert (quarters == training["study"].nunique()).all()


def test_studies_of_one_sample_fall_into_the_same_quarters_whoever_scores_them():
    """The mean of three distances of 0.1 is a little more than 0.1; a study has one distance."""
    studies = [("a", 3, 0.1), ("b", 1, 0.1), ("c", 1, 0.2), ("d", 1, 0.3)]
    rows = pd.DataFrame(
        [
            (f"{study}{number}", study, study, 1, score, "LR", int(study != "a"), 0)
            for study, series, score in studies
            for number in range(series)
        ],
        columns=["series", "study", "patient", "label", "score", "model", "predicted", "fold"],
    )
    limits = pd.Series(0.0, index=rows["series"])
    table = tabulate_errors(rows.assign(deal=1).head(0), rows, limits)
    # 'a', the first by name of two as near, is the nearest, and the one that is called wrong.
    assert at(table, "LR", "nearest quarter")["wrong_side"] == 1.0
    assert at(table, "LR", "second quarter")["wrong_side"] == 0.0
    assert at(table, "LR", "nearest quarter")["distance_high"] == 0.1
