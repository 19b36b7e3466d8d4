"""What the frozen classifier says of new series and studies, and where it says nothing."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skops import io

from livermet.contracts import check
from livermet.errors import InputError
from livermet.pack.freezing import freeze
from livermet.pack.frozen import FrozenModel, load_steps, save_steps
from livermet.pack.judged import JUDGED
from livermet.pack.phenotype import Phenotype
from livermet.phenotype import corrected
from livermet.phenotype.corrected import prepared
from livermet.phenotype.table import FEATURES, read_feature_table

from .. import pack_phantoms as made
from .. import phenotype_phantoms


@pytest.fixture(scope="module")
def phenotype(run) -> Phenotype:
    return freeze(run, made.RUN_SETTINGS, made.MODEL)


@pytest.fixture(scope="module")
def rows(run):
    table = prepared(read_feature_table(run / "radiomics" / made.MODEL / "features.csv", "NE"))
    # New scans have neither a score nor a class.
    return table.drop(columns=["score", "label", "group", "fold"])


@pytest.fixture(scope="module")
def pair(phenotype, rows):
    """Two series of one study, both inside of the training data."""
    series = phenotype.judge(rows, made.acquisition(rows)).query("level == 'series'")
    inside = series.groupby("study")["series_judged"].agg(["sum", "count"]).eq(2).all(axis=1)
    return rows[rows["study"].eq(inside.idxmax())]


def test_a_series_has_the_mean_and_the_range_of_the_folds(phenotype, rows):
    table = phenotype.judge(rows, made.acquisition(rows))
    check(table, JUDGED, "phenotype.tsv")
    judged = table[table["level"].eq("series") & table["verdict"].eq("predicted")]
    assert len(judged) >= 0.8 * len(rows)
    by_fold = pd.DataFrame(phenotype.probabilities(rows).T, index=rows["series"])
    by_fold = by_fold.loc[judged["series"]]
    np.testing.assert_allclose(judged["probability"], by_fold.mean(axis=1))
    np.testing.assert_allclose(judged["lowest"], by_fold.min(axis=1))
    np.testing.assert_allclose(judged["highest"], by_fold.max(axis=1))
    called = judged["probability"] > np.mean([one.threshold for one in phenotype.models])
    assert (judged["called"] == called.astype(int)).all()
    assert judged["called"].nunique() == 2


def test_a_study_has_the_mean_over_its_series(phenotype, pair):
    of = phenotype.judge(pair, made.acquisition(pair)).set_index("level")
    assert len(of.loc[["series"]]) == 2
    series, whole = of.loc["series"], of.loc["study"]
    assert whole["series_judged"] == 2
    assert whole["probability"] == pytest.approx(series["probability"].mean())
    assert (whole["lowest"], whole["highest"]) == (series["lowest"].min(), series["highest"].max())


def test_a_series_outside_has_no_probability_and_leaves_its_study(phenotype, pair):
    acquired = made.acquisition(pair)
    acquired.loc[acquired.index[0], "phase"] = "arterial"
    table = phenotype.judge(pair, acquired).set_index("level")
    outside, inside = table.loc["series"].itertuples()
    assert outside.verdict == "no validated prediction"
    assert np.isnan(outside.probability)
    assert np.isnan(outside.lowest)
    assert pd.isna(outside.called)
    assert outside.reasons == "Its phase (arterial) is none of training's (portal venous)."
    whole = table.loc["study"]
    assert whole["probability"] == inside.probability
    assert whole["reasons"] == f"Without {outside.series}, which has none."
    both = phenotype.judge(pair, acquired.assign(phase="arterial")).set_index("level")
    assert both.loc["study", "verdict"] == "no validated prediction"
    assert both.loc["study", "reasons"] == outside.reasons


def test_a_classifier_that_does_not_beat_volume_gives_no_probability(run, rows, tmp_path):
    run = Path(shutil.copytree(run, tmp_path / "run"))
    made.write_choice(run / "phenotype" / made.MODEL / "corrected", beats_volume=False)
    table = freeze(run, made.RUN_SETTINGS, made.MODEL).judge(rows, made.acquisition(rows))
    assert set(table["verdict"]) == {"no validated prediction"}
    assert table["probability"].isna().all()
    told = "In cross-validation the classifier (AUC 0.80) does not beat tumour volume alone (0.90)."
    assert table["reasons"].str.startswith(told).all()


def test_the_training_rows_alone_decide_what_is_inside(phenotype, run):
    table = read_feature_table(run / "radiomics" / made.MODEL / "features.csv", "NE")
    training = table[table["group"] != "test"]
    assert phenotype.patients == training["patient"].nunique() == 22
    assert phenotype.series == len(training)
    assert sum(phenotype.domain.phases.values()) == len(training)


def test_a_scan_without_lesions_is_judged(phenotype, rows):
    empty = rows.iloc[[0]].copy()
    empty[list(FEATURES)] = np.nan
    empty["Num_Lesions"] = 0
    (found,) = phenotype.probabilities(empty).mean(axis=0)
    assert 0 <= found <= 1


def test_a_scan_without_a_liver_is_not_judged(phenotype, pair):
    # A chest has no lesion in its liver either; the other series of its study is judged as before.
    acquired = made.acquisition(pair)
    both = phenotype.judge(pair, acquired).set_index("level")
    table = phenotype.judge(pair.assign(liver_ml=[0.0, 1500.0]), acquired).set_index("level")
    chest, abdomen = table.loc["series"].itertuples()
    assert (chest.verdict, chest.reasons) == (
        "no validated prediction",
        "No liver is marked in it.",
    )
    assert np.isnan(chest.probability)
    assert abdomen.probability == both.loc["series", "probability"].iloc[1]
    assert table.loc["study", "probability"] == abdomen.probability


@pytest.mark.parametrize(
    ("liver_ml", "reasons"),
    [(2.4, "Only 2 ml of liver are marked in it, no whole one."), (100.0, ""), (np.nan, "")],
)
def test_a_few_voxels_are_no_liver(phenotype, pair, liver_ml, reasons):
    table = phenotype.judge(pair.assign(liver_ml=[liver_ml, 1500.0]), made.acquisition(pair))
    first = table[table["level"].eq("series")].iloc[0]
    assert first["reasons"] == reasons
    assert pd.isna(first["probability"]) == bool(reasons)


def test_an_mr_is_not_judged(phenotype, pair):
    table = phenotype.judge(pair.assign(minimum_hu=[0.0, -1024.0]), made.acquisition(pair))
    mr, ct = table[table["level"].eq("series")].itertuples()
    assert (mr.verdict, ct.verdict) == ("no validated prediction", "predicted")
    assert mr.reasons.startswith("None of its values lies below 0 HU")


def test_a_table_that_lacks_features_is_refused(phenotype, rows):
    with pytest.raises(InputError, match="lacks 1 columns, such as Num_Lesions"):
        phenotype.judge(rows.drop(columns="Num_Lesions"))


@pytest.mark.parametrize("features", [[phenotype_phantoms.SIGNAL], []], ids=["one", "none"])
@pytest.mark.parametrize("transform", ["none", "log", "yeo_johnson"])
@pytest.mark.parametrize("classifier", made.CLASSIFIERS)
def test_every_kind_of_model_comes_back(tmp_path, classifier, transform, features):
    rows = phenotype_phantoms.feature_table(patients=12, test_patients=0, folds=2)
    settings = corrected.Settings("score", 5, 0, corrected.Preparation(transform))
    (pipeline,) = corrected.fit_models(rows, features, [(classifier, None)], settings)
    fitted = corrected.FoldModel(pipeline, 0.4, 1.0)
    model = FrozenModel.of(fitted)
    assert model.features == features
    save_steps(model, tmp_path / "fold_0.skops")
    opened = replace(model, steps=load_steps(tmp_path / "fold_0.skops"))
    np.testing.assert_array_equal(opened.probability(rows), fitted.probability(rows))
    expected = pipeline.predict_proba(rows)[:, 1]
    np.testing.assert_allclose(opened.probability(rows), expected, rtol=0, atol=5e-13)


def test_an_object_that_is_no_classifier_is_not_built(tmp_path):
    path = tmp_path / "fold_0.skops"
    io.dump(pd.Timedelta, path)
    with pytest.raises(InputError, match=r"fold_0\.skops holds more than a classifier"):
        load_steps(path)
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="no classifier that skops can open"):
        load_steps(path)


def test_a_tree_that_points_outside_of_itself_is_refused(tmp_path, run):
    phenotype = freeze(run, made.RUN_SETTINGS, made.MODEL, "RF")
    forests = [model.steps[-1] for model in phenotype.models if hasattr(model.steps[-1], "apply")]
    tree = next(one.tree_ for one in forests[0].estimators_ if one.tree_.node_count > 1)
    model = next(one for one in phenotype.models if one.steps[-1] is forests[0])
    save_steps(model, tmp_path / "fold_0.skops")
    load_steps(tmp_path / "fold_0.skops")
    tree.feature[0] = 10_000
    save_steps(model, tmp_path / "fold_0.skops")
    with pytest.raises(InputError, match="a tree that is broken"):
        load_steps(tmp_path / "fold_0.skops")
