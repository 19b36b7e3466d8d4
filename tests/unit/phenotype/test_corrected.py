"""The corrected protocol: nothing that learns has seen the rows that it is scored on."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from livermet.contracts import check
from livermet.models import classifiers_of
from livermet.phenotype import corrected
from livermet.phenotype.bootstrap import Predictions, metrics_of_draws
from livermet.phenotype.classifiers import sample_weights
from livermet.phenotype.corrected import Settings, without_redundancy, youden_threshold
from livermet.phenotype.filling import EXTENT_FEATURES, PARTLY, UNMEASURED, LesionFreeFiller
from livermet.phenotype.fits import CROSS_VALIDATION, PREDICTIONS, SELECTION, selected
from livermet.phenotype.folds import folds_of
from livermet.phenotype.table import FEATURES
from livermet.phenotype.transforms import Unskewed
from livermet.statistics.reproducibility import ONE_WAY, icc_by_pingouin

from .. import phenotype_phantoms as made

SEED = 7


@pytest.fixture(scope="module")
def table():
    return made.feature_table()


@pytest.fixture(scope="module")
def selection(table):
    return corrected.select(table, "score", SEED)


def fit(table, selection, classifier="LR", weightings=("none",), trees=20):
    settings = Settings("score", trees, SEED)
    return corrected.fit(table, selection, classifier, list(weightings), settings)


def scored(table, fitted):
    """Held-out and test predictions of a fit without class weights."""
    tested = corrected.score_test(table, fitted.models["none"], fitted.model, "none")
    return pd.concat([fitted.prediction_table(), tested])


def pooled_auc(fitted):
    predictions = fitted.prediction_table()
    held_out = predictions[predictions["set"] == "validation"]
    once = np.ones((1, len(held_out)), dtype=int)
    return metrics_of_draws(once, Predictions.of(held_out))["auc"][0]


def test_no_patient_is_on_both_sides_of_a_fold(table, selection):
    fitted = fit(table, selection)
    held_out = fitted.prediction_table()
    assert set(held_out["set"]) == {"validation"}
    training = table[table["group"] != "test"]
    assert sorted(held_out["series"]) == sorted(training["series"])
    places = held_out.set_index("series")["fold"].astype(int)
    assert (places == training.set_index("series")["fold"].astype(int)[places.index]).all()
    assert held_out.groupby("patient")["fold"].nunique().eq(1).all()
    tested = corrected.score_test(table, fitted.models["none"], "LR", "none")
    assert not set(held_out["patient"]) & set(tested["patient"])


def test_the_signal_is_selected_in_every_fold_and_found(table, selection):
    for fold in range(5):
        assert made.SIGNAL in selected(selection, fold)
    for classifier in classifiers_of("corrected"):
        assert pooled_auc(fit(table, selection, classifier, trees=50)) > 0.7


@pytest.mark.parametrize("target", ["score", "class"])
def test_shuffled_labels_are_not_found(target):
    aucs = []
    for seed in range(4):
        table = made.feature_table(seed, signal=0.0)
        selection = corrected.select(table, target, SEED)
        aucs.append(pooled_auc(fit(table, selection)))
    # Nothing to find: the mean of four stays near 0.5 or, with prevalence folds, below it.
    assert 0.25 < np.mean(aucs) < 0.6


def test_a_held_out_row_changes_nothing_in_its_folds_selection_and_model(table, selection):
    spoiled = table.copy()
    rows = spoiled.index[spoiled["fold"] == 2]
    spoiled.loc[rows, list(FEATURES)] *= 1000.0
    spoiled.loc[rows, "score"] = -5.0
    spoiled.loc[rows, "label"] = 0
    tests = spoiled.index[spoiled["group"] == "test"]
    spoiled.loc[tests, list(FEATURES)] += 3.0
    again = corrected.select(spoiled, "score", SEED)
    columns = ["alpha", "feature", "coefficient", "standardised_coefficient"]
    for one, other, same in ((selection, again, 2), (selection, again, 3)):
        left, right = (
            part.loc[part["fold"] == str(same), columns].reset_index(drop=True)
            for part in (one, other)
        )
        assert left.equals(right) == (same == 2)
    before, after = fit(table, selection).models["none"], fit(spoiled, again).models["none"]
    rows = table[table["group"] == "test"]
    np.testing.assert_array_equal(before[2].probability(rows), after[2].probability(rows))
    assert before[2].threshold == after[2].threshold


def test_a_folds_model_is_scikit_learns_on_standardised_features(table, selection):
    model = fit(table, selection).models["none"][1]
    training = table[table["group"] != "test"]
    _, (inside, outside) = folds_of(training)[1]
    features = selected(selection, 1)
    scaler = StandardScaler().fit(training.iloc[inside][features])
    expected = LogisticRegression(max_iter=10000).fit(
        scaler.transform(training.iloc[inside][features]), training["label"].iloc[inside]
    )
    held_out = training.iloc[outside]
    np.testing.assert_allclose(
        model.probability(held_out),
        expected.predict_proba(scaler.transform(held_out[features]))[:, 1],
        atol=1e-9,
    )


def test_the_ensemble_is_the_mean_of_the_fold_models(table, selection):
    fitted = fit(table, selection)
    testing = table[table["group"] == "test"]
    models = fitted.models["none"]
    by_fold = [model.probability(testing) for model in models]
    tested = corrected.score_test(table, models, "LR", "none")
    assert len(by_fold) == 5
    assert tested["threshold"].to_numpy() == pytest.approx(np.mean([m.threshold for m in models]))
    np.testing.assert_allclose(tested["probability"], np.mean(by_fold, axis=0), atol=1e-15)
    assert np.ptp(by_fold, axis=0).max() > 0.01


def test_equal_rows_have_equal_probabilities(table):
    """Scans without lesions tie. A sum over features ends by its row's place, in the last digit."""
    settings = Settings("score", 20, SEED)
    (pipeline,) = corrected.fit_models(table, list(FEATURES[20:36]), [("LR", None)], settings)
    model = corrected.FoldModel(pipeline, 0.5, 1.0)
    for number in range(2, 60):
        equal = pd.concat([table.iloc[[3]]] * number, ignore_index=True)
        assert len(set(model.probability(equal))) == 1


def test_an_empty_selection_is_a_result(table, selection):
    empty = pd.DataFrame(
        {
            "protocol": "corrected",
            "fold": ["0"],
            "alpha": [1.0],
            "feature": [None],
            "coefficient": [np.nan],
            "standardised_coefficient": [np.nan],
        }
    )
    mixed = pd.concat([empty, selection[selection["fold"] != "0"]])
    fitted = fit(table, mixed, "XGB", ["none", "balanced"])
    predictions = fitted.prediction_table()
    held_out = predictions[(predictions["set"] == "validation") & (predictions["fold"] == 0)]
    training = table[table["group"] != "test"]
    prevalence = training.loc[training["fold"] != 0, "label"].mean()
    assert held_out["probability"].to_numpy() == pytest.approx(prevalence)
    scores = fitted.cross_validation_table()
    assert (scores.loc[scores["fold"] == 0, "auc"] == 0.5).all()


def test_lasso_may_select_nothing():
    # Scores without any relation to the features, of a seed that leaves a fold empty.
    table = made.feature_table(3, signal=0.0)
    selection = corrected.select(table, "score", SEED)
    empty = selection[selection["feature"].isna()]
    assert len(empty) >= 1
    assert empty["alpha"].notna().all()
    check(selection, SELECTION, "phenotype/nnunet/corrected/selection.tsv")


def test_filling_of_scans_without_lesions():
    table = pd.DataFrame(np.arange(108.0)[None, :] + [[0.0], [1], [5]], columns=list(FEATURES))
    filler = LesionFreeFiller().fit(table)
    empty = pd.DataFrame(np.nan, index=[0], columns=list(FEATURES)).assign(Num_Lesions=0)
    filled = filler.transform(pd.concat([empty, table.iloc[:1]]))
    assert list(filled[UNMEASURED]) == [1.0, 0.0]
    assert filled["original_shape_MeshVolume"].iloc[0] == 0
    assert filled["original_firstorder_TotalEnergy"].iloc[0] == 0
    # The median of x, x + 1, x + 5 is x + 1.
    place = FEATURES.index("original_glcm_Contrast")
    assert filled["original_glcm_Contrast"].iloc[0] == place + 1
    assert filled["Num_Lesions"].iloc[0] == 0
    np.testing.assert_array_equal(filled.iloc[1, :108], table.iloc[0])
    assert set(FEATURES) > EXTENT_FEATURES


def test_a_scan_of_small_lesions_alone_is_partly_measured():
    table = pd.DataFrame(np.arange(108.0)[None, :] + [[0.0], [1], [5]], columns=list(FEATURES))
    filler = LesionFreeFiller().fit(table)
    small = table.iloc[:1].assign(original_glcm_Contrast=np.nan)
    filled = filler.transform(pd.concat([small, table.iloc[:1]]))
    assert list(filled[UNMEASURED]) == [0.0, 0.0]
    assert list(filled[PARTLY]) == [1.0, 0.0]
    assert filled["original_shape_MeshVolume"].iloc[0] == table["original_shape_MeshVolume"].iloc[0]


def test_scans_without_lesions_are_scored(table):
    unmeasured = table.index[[0, 5, 40, 41]]
    emptied = made.without_lesions(table, unmeasured)
    selection = corrected.select(emptied, "score", SEED)
    fitted = fit(emptied, selection, "RF")
    folder = "phenotype/nnunet/corrected/RF"
    check(fitted.cross_validation_table(), CROSS_VALIDATION, f"{folder}/cross_validation.tsv")
    predictions = scored(emptied, fitted)
    check(predictions, PREDICTIONS, f"{folder}/predictions.tsv")
    assert set(emptied["series"]) == set(predictions["series"])
    assert predictions["probability"].notna().all()


def test_a_cohort_in_which_no_lesion_was_found(table):
    emptied = made.without_lesions(table, table.index)
    selection = corrected.select(emptied, "score", SEED)
    assert selection["feature"].isna().all()
    predictions = scored(emptied, fit(emptied, selection))
    assert set(emptied["series"]) == set(predictions["series"])
    assert (predictions["threshold"] == 0.5).all()


def test_balanced_weights_are_scikit_learns():
    labels = np.array([1, 1, 1, 0, 1])
    assert sample_weights("balanced", labels) == pytest.approx(
        compute_sample_weight("balanced", labels)
    )
    assert sample_weights(None, labels) == pytest.approx(np.ones(5))


def test_weights_are_searched_inside_each_fold():
    table = made.feature_table(patients=18, test_patients=4, folds=2)
    selection = corrected.select(table, "score", SEED)
    scores = fit(table, selection, "LR", ["none", "f1", "auc"]).cross_validation_table()
    weights = scores.set_index(["weighting", "fold"])["positive_weight"]
    assert list(weights["none"]) == [1.0, 1.0]
    candidates = [float(weight) for weight in corrected.CANDIDATE_WEIGHTS]
    assert len(candidates) <= 12
    assert (min(candidates), max(candidates)) == (0.1, 10)
    assert {*weights["f1"], *weights["auc"]} <= set(candidates)
    # Rows held out of fold 1 decide nothing about its weights.
    spoiled = table.copy()
    spoiled.loc[spoiled["fold"] == 1, "label"] = 1
    again = fit(spoiled, selection, "LR", ["f1"]).cross_validation_table()
    assert again.set_index("fold").at[1, "positive_weight"] == weights["f1", 1]


def test_threshold_is_youdens():
    # At 0.6 and above: sensitivity 2/3, specificity 1, and no other cut has a higher sum.
    labels = np.array([1, 1, 1, 0, 0])
    probability = np.array([0.9, 0.6, 0.2, 0.4, 0.3])
    assert youden_threshold(labels, probability) == pytest.approx(0.5)
    assert youden_threshold(labels, probability / 10) == pytest.approx(0.05)
    # Worse than chance at every cut, constant, or of one class: nothing to tune on.
    assert youden_threshold(np.array([0, 1, 1]), np.array([0.9, 0.2, 0.1])) == 0.5
    assert youden_threshold(labels, np.full(5, 0.7)) == 0.5
    assert youden_threshold(np.ones(5), probability) == 0.5


def test_of_features_that_say_the_same_one_stays():
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 60))
    # A monotone copy has rho 1 with its original; noise of a tenth leaves it above 0.9.
    features = np.column_stack([one, other, np.exp(one), one + 0.1 * random.normal(size=60)])
    kept = without_redundancy(features)
    assert len(kept) == 2
    assert 1 in kept
    constant = np.column_stack([np.ones(60), one, np.zeros(60)])
    assert without_redundancy(constant) == [0, 1, 2]


def test_what_the_table_itself_tells_is_corrected_first(table):
    told = table.assign(mask_lesions=table["Num_Lesions"] - 1.0, voxel_mm="(1.0, 1.0, 1.0)")
    told.loc[told.index[3], "voxel_mm"] = "(1.0, 1.0, 5.0)"
    prepared = corrected.prepared(told)
    assert list(prepared.index) == [row for row in table.index if row != 3]
    assert (prepared["Num_Lesions"] == table["Num_Lesions"].loc[prepared.index] - 1).all()
    untold = corrected.prepared(table)
    assert len(untold) == len(table)
    assert (untold["Num_Lesions"] == table["Num_Lesions"]).all()


@pytest.mark.parametrize("classifier", classifiers_of("corrected"))
def test_the_same_seed_gives_the_same_bits(table, selection, classifier):
    one = fit(table, selection, classifier).prediction_table()
    # Selections are computed again, and not remembered.
    corrected._SELECTED.clear()
    other = fit(table, selection, classifier).prediction_table()
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_remembered_selection_is_that_of_its_rows_alone(table):
    rows = table[table["group"] != "test"]
    first = corrected.select_in(rows, "score", SEED, 0)
    other = corrected.select_in(rows.assign(score=-rows["score"]), "score", SEED, 0)
    columns = ["feature", "coefficient"]
    # The coefficients of the score's opposite are the opposites.
    assert first["coefficient"].to_numpy() == pytest.approx(-other["coefficient"].to_numpy())
    again = corrected.select_in(rows, "score", SEED, 3)
    pd.testing.assert_frame_equal(again[columns], first[columns], check_exact=True)
    assert set(again["fold"]) == {"3"}
    corrected._SELECTED.clear()
    computed = corrected.select_in(rows, "score", SEED, 3)
    pd.testing.assert_frame_equal(again, computed, check_exact=True)


def test_of_two_alike_features_the_reproducible_one_stays():
    # Twelve studies of two series. Columns 0 and 1 rank nearly alike; only column 1 is the same in
    # both series of a study. Column 2 resembles neither.
    random = np.random.default_rng(3)
    truth = np.repeat(np.arange(12.0), 2)
    noisy = truth + random.uniform(-0.4, 0.4, 24)
    features = np.column_stack([noisy, truth, random.normal(size=24)])
    studies = np.repeat([f"s{k}" for k in range(12)], 2)
    icc = corrected.reproducibility_within(features, studies)
    assert icc[1] == pytest.approx(1)
    assert 0.9 < icc[0] < 1
    assert without_redundancy(features, icc) == [1, 2]
    assert corrected.reproducibility_within(features[::2], studies[::2]) is None


def test_reproducibility_within_is_the_one_way_icc():
    random = np.random.default_rng(5)
    values = random.normal(size=(2, 9))
    values[1] += 0.8 * values[0]
    features, studies = values.T.reshape(-1, 1), np.repeat(np.arange(9), 2)
    expected = icc_by_pingouin(values, ONE_WAY)
    assert corrected.reproducibility_within(features, studies) == pytest.approx([expected])


@pytest.mark.parametrize("kind", ["log", "yeo_johnson"])
def test_a_transform_takes_the_skewness_and_is_learnt_inside(kind):
    random = np.random.default_rng(2)
    table = pd.DataFrame({"a": np.exp(random.normal(3, 1.5, 200)), "b": random.normal(size=200)})
    fitted = Unskewed(kind).fit(table[:100])
    made = fitted.transform(table)
    assert abs(made["a"][100:].skew()) < 0.6 < table["a"][100:].skew()
    # Order is kept, and other rows change nothing.
    assert (made["a"].rank() == table["a"].rank()).all()
    alone = fitted.transform(table[100:])
    pd.testing.assert_frame_equal(alone, made[100:])


@pytest.mark.parametrize("kind", ["log", "yeo_johnson"])
def test_the_protocol_runs_on_transformed_features(table, kind):
    preparation = corrected.Preparation(kind, "most_reproducible")
    settings = Settings("score", 10, SEED, preparation)
    (fitted,) = corrected.fit_untuned(table, ["LR"], settings)
    assert np.isfinite(fitted.prediction_table()["probability"]).all()
    steps = dict(fitted.models["none"][0].pipeline.steps)
    assert steps["transform"].kind == kind
    assert "transform" not in dict(corrected.completing_steps())
