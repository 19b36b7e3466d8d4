"""Procedures that could be chosen: counted by hand, by patient, the run's own one among them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from livermet.contracts import check
from livermet.phenotype import corrected
from livermet.phenotype.baselines import fit_baseline
from livermet.phenotype.corrected import Preparation, Settings, completing_steps
from livermet.phenotype.metrics import summarise_folds
from livermet.phenotype.table import FEATURES
from livermet.validation.specification_curve import (
    CURVE,
    FEWEST,
    HARMONISED,
    LEFT_OUT,
    SCORED,
    Data,
    predict,
    reason_against,
    score_specifications,
    study_means,
    tabulate_curve,
    tabulate_left_out,
)
from livermet.validation.specifications import (
    EVERY,
    MEAN,
    THICK,
    THIN,
    Specification,
    absent_aggregations,
    specifications,
)

from .. import phenotype_phantoms as made

OWN = Specification("union", EVERY, "none", "as it is", "score", "LR")
SETTINGS = Settings("score", 20, 5)
DRAWS, SEED = 100, 3
PART = "phenotype/table/corrected/specifications/0.tsv"
# A series' last figure: its number within the study.
NUMBER = -1


@pytest.fixture(scope="module")
def data():
    """A phantom table whose studies' first series are 5 mm thick and whose second ones 1 mm."""
    table = made.feature_table()
    thickness = table.set_index("series")["label"].astype(float)
    thickness[:] = [5.0 if name[NUMBER] == "0" else 1.0 for name in thickness.index]
    return Data({"union": table}, thickness, 2.5)


def test_all_are_every_combination_and_neighbours_differ_in_one_choice():
    four = ["union", "largest", "volume_weighted_mean", "sum"]
    # Series 4, transforms 3, volume 2, targets 2, classifiers 3.
    assert len(set(specifications("all", ["table"], OWN))) == 4 * 3 * 2 * 2 * 3 == 144
    assert len(set(specifications("all", four, OWN))) == 4 * 144
    # Beside the own one: 3 aggregations, 3 ways of series, 2 transforms, 1 volume, 1 target; each
    # by 3 classifiers.
    near = specifications("neighbours", four, OWN)
    assert len(set(near)) == (1 + 3 + 3 + 2 + 1 + 1) * 3
    assert OWN in near
    assert specifications("none", four, OWN) == []


def test_what_a_run_does_not_have_is_named():
    assert set(absent_aggregations(["table"])) == {"largest", "volume_weighted_mean", "sum"}
    assert absent_aggregations(["union"])["sum"] == "radiomics.per_lesion is off"
    assert absent_aggregations(["union", "largest", "volume_weighted_mean", "sum"]) == {}


@pytest.mark.parametrize("series", [EVERY, MEAN, THICK])
def test_no_patient_is_on_both_sides(data, series, monkeypatch):
    """What each fold's model has seen is kept, and set beside what it scored."""
    seen = []
    fit_models = corrected.fit_models

    def kept(rows, *arguments):
        seen.append(set(rows["patient"]))
        return fit_models(rows, *arguments)

    monkeypatch.setattr(corrected, "fit_models", kept)
    table = data.taken("union", series)
    held_out, tested, _ = predict(table, OWN._replace(series=series), SETTINGS)
    assert len(seen) == held_out["fold"].nunique() == 5
    for patients, (_, rows) in zip(seen, held_out.groupby("fold"), strict=True):
        assert not patients & set(rows["patient"])
        assert not patients & set(tested["patient"])
    # All 22 training patients are held out once, all 8 test patients are scored.
    assert set.union(*seen) == set(held_out["patient"])
    assert held_out["patient"].nunique() == 22
    assert tested["patient"].nunique() == 8


def test_the_own_specification_is_the_corrected_protocol(data):
    """Its AUC and interval are those of the corrected protocol's own tables."""
    table = data.tables["union"]
    selection = corrected.select(table, "score", SETTINGS.seed)
    fitted = corrected.fit(table, selection, "LR", ["none"], SETTINGS)
    folds = summarise_folds(fitted.cross_validation_table(), fitted.prediction_table(), DRAWS, SEED)
    theirs = folds[folds["metric"].eq("within_fold_auc")].iloc[0]
    scored = score_specifications(data, [OWN], OWN, SETTINGS, DRAWS, SEED)
    check(scored, SCORED, PART)
    ours = scored.iloc[0]
    assert list(ours[["auc", "low", "high"]]) == pytest.approx(
        list(theirs[["mean", "low", "high"]])
    )


def test_ways_to_take_series_take_what_they_say(data):
    table = data.tables["union"]
    studies = table["study"].nunique()
    assert len(data.taken("union", MEAN)) == studies
    assert len(data.taken("union", THICK)) == studies
    assert len(data.taken("union", THIN)) == len(table) - studies
    # Without a thickness a series is neither.
    unknown = Data(data.tables, data.thickness * np.nan, 2.5)
    assert len(unknown.taken("union", THIN)) == len(unknown.taken("union", THICK)) == 0


def test_a_studys_mean_is_that_of_its_series():
    table = made.feature_table(patients=30).iloc[:0]
    rows = made.feature_table()
    twice = rows[rows["study"].duplicated(keep=False)]
    study = twice["study"].iloc[0]
    pair = rows[rows["study"].eq(study)]
    mean = study_means(rows).set_index("study").loc[study]
    assert len(pair) == 2
    for name in (FEATURES[0], "burden_ml"):
        assert mean[name] == pytest.approx((pair[name].iloc[0] + pair[name].iloc[1]) / 2)
    assert mean["series"] == pair["series"].iloc[0]
    assert list(study_means(rows).columns) == list(rows.columns)
    assert study_means(table).empty


def test_what_is_left_of_a_feature_has_no_relation_to_volume(data):
    training = corrected.training_rows(data.tables["union"])
    rows = training.assign(**{FEATURES[0]: 3 * np.log1p(training["burden_ml"]) + 2})
    left = Pipeline(completing_steps(Preparation(free_of_volume=True))).fit_transform(rows)
    assert left[FEATURES[0]].to_numpy() == pytest.approx(0, abs=1e-9)
    # By another implementation: the residuals of a straight line.
    volume = np.log1p(rows[["burden_ml"]])
    line = LinearRegression().fit(volume, rows[FEATURES[1]])
    residuals = rows[FEATURES[1]] - line.predict(volume)
    assert left[FEATURES[1]].to_numpy() == pytest.approx(residuals.to_numpy())


def test_too_few_patients_and_harmonised_means_are_left_out_and_told(data):
    table = data.tables["union"]
    assert reason_against(table, EVERY) == ""
    assert reason_against(table.assign(batch="a"), MEAN) == HARMONISED
    training = table["group"].ne("test")
    negative = table.loc[training & table["label"].eq(0), "patient"].unique()
    few = table[~(table["patient"].isin(negative[FEWEST - 1 :]) & table["label"].eq(0))]
    assert reason_against(few, EVERY).startswith("4 training patients of a class")
    only = Data(data.tables, data.thickness * 0 + 5.0, 2.5)
    wanted = [OWN._replace(series=THIN, learner=name) for name in ("LR", "RF")]
    scored = score_specifications(only, wanted, OWN, SETTINGS, DRAWS, SEED)
    check(scored, SCORED, PART)
    left_out = tabulate_left_out(scored, absent_aggregations(["union"]))
    check(left_out, LEFT_OUT, "tables/specifications_left_out.csv")
    assert list(left_out["value"]) == ["largest", "volume_weighted_mean", "sum", THIN]
    assert "0 training patients" in left_out["reason"].iloc[-1]


def test_the_curve_is_sorted_and_marks_what_it_is_compared_with(data):
    table = data.tables["union"]
    wanted = [OWN, OWN._replace(learner="XGB"), OWN._replace(volume="adjusted for")]
    scored = score_specifications(data, wanted, OWN, SETTINGS, DRAWS, SEED)
    volume = fit_baseline(table, "volume", SEED).prediction_table()
    held_out, tested, _ = predict(table, OWN, SETTINGS)
    published = pd.concat([held_out, tested]).assign(protocol="published")
    folds = pd.DataFrame({"model": ["LR"], "metric": ["auc"], "mean": [0.9]})
    curve = tabulate_curve(scored, OWN, volume, (published, folds), DRAWS, SEED)
    check(curve, CURVE, "tables/specification_curve.csv")
    assert curve["auc"].is_monotonic_increasing
    assert curve["kind"].value_counts().to_dict() == {
        "specification": 3,
        "volume": 1,
        "published procedure": 1,
    }
    assert list(curve.loc[curve["corrected"], "learner"]) == ["LR"]
    assert list(curve.loc[curve["published"], "learner"]) == ["LR"]
    itself = curve[curve["kind"].eq("published procedure")].iloc[0]
    assert itself["auc"] == 0.9
    assert np.isnan(itself["low"])
    # Its test series are scored by patient as the corrected protocol's are.
    mine = curve[curve["corrected"]].iloc[0]
    assert itself["test_auc"] == pytest.approx(mine["test_auc"])
    # Without the published protocol nothing of it is there.
    assert "published procedure" not in set(
        tabulate_curve(scored, OWN, volume, None, DRAWS, SEED)["kind"]
    )
