"""The ladder begins and ends with the two protocols' own numbers, and each step is one change."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from livermet.contracts import check
from livermet.models import CLASSIFIERS
from livermet.phenotype import corrected, published
from livermet.phenotype.baselines import fit_baseline
from livermet.phenotype.classifiers import published_classifier
from livermet.phenotype.corrected import Settings, prepared
from livermet.phenotype.metrics import bootstrap_metrics, summarise_folds
from livermet.phenotype.table import FEATURES, RADIOMIC_FEATURES
from livermet.validation.ladder import CORRECTIONS, Correction, Protocols, climb, tabulate

from .. import phenotype_phantoms as made

TREES = 10
SETTINGS = Settings("score", TREES, 2)


def both_protocols(table, by_lesion=None):
    """Run both protocols, as the rules before the ladder do; on one table, or on one each."""
    selection = published.select(table, 0.05)
    fits = [published.fit(table, selection, name, ["none"], TREES) for name in CLASSIFIERS]
    ready = prepared(table if by_lesion is None else by_lesion)
    features = corrected.select(ready, "score", 2)
    own = {n: corrected.fit(ready, features, n, ["none"], SETTINGS) for n in CLASSIFIERS}
    aucs = {n: fitted.cross_validation_table()["auc"].mean() for n, fitted in own.items()}
    name = max(aucs, key=aucs.__getitem__)
    trivial = fit_baseline(ready, "always_positive", 2).models["none"]
    return (
        Protocols(
            published=pd.concat([fit.prediction_table() for fit in fits]),
            selection=selection,
            chosen=name,
            held_out=own[name].prediction_table(),
            tested=corrected.score_test(ready, own[name].models["none"], name, "none"),
            trivial=corrected.score_test(ready, trivial, "always_positive", "none"),
        ),
        pd.concat([fit.cross_validation_table() for fit in fits]),
        own[name],
    )


def assert_corrected_end(last, protocols, fitted):
    """Assert that a step has the corrected protocol's own numbers, as table 4 and S2 have them."""
    metrics = bootstrap_metrics(fitted.cross_validation_table(), protocols.tested, 200, 2)
    own = metrics.set_index("metric")
    assert last["model"] == protocols.chosen
    for metric in ("auc", "f1", "accuracy"):
        assert last[metric] == own.at[metric, "mean"]
        assert last[f"{metric}_width"] == own.at[metric, "high"] - own.at[metric, "low"]
    assert last["cv_auc"] == pytest.approx(fitted.cross_validation_table()["auc"].mean())


def at(steps, correction):
    """Return the row of a correction."""
    return steps[steps["correction"] == correction].iloc[0]


def aggregated(table):
    """Return the table by lesion: other features where a scan has several lesions."""
    several = table["Num_Lesions"] > 1
    random = np.random.default_rng(9)
    by_lesion = table.copy()
    shape = (several.sum(), len(RADIOMIC_FEATURES))
    by_lesion.loc[several, list(RADIOMIC_FEATURES)] += random.normal(size=shape)
    return by_lesion


@pytest.fixture(scope="module")
def table():
    table = made.feature_table(patients=24, test_patients=8)
    told = table.assign(mask_lesions=table["Num_Lesions"] - 1.0, voxel_mm="(1.0, 1.0, 1.0)")
    told.loc[told.index[-1], "voxel_mm"] = "(1.0, 1.0, 5.0)"
    return told


@pytest.fixture(scope="module")
def ladder(table):
    protocols, folds, fitted = both_protocols(table)
    return protocols, folds, fitted, tabulate(climb(table, protocols, SETTINGS, "table"), 200, 2)


def test_it_begins_with_the_published_protocol(ladder):
    protocols, folds, _, steps = ladder
    first = steps.iloc[0]
    metrics = bootstrap_metrics(folds, protocols.published, 200, 2)
    own = metrics[metrics["model"] == first["model"]].set_index("metric")
    for metric in ("auc", "f1", "accuracy"):
        assert first[metric] == own.at[metric, "mean"]
        assert (first[f"{metric}_low"], first[f"{metric}_high"]) == tuple(
            own.loc[metric, ["low", "high"]]
        )
    validated = summarise_folds(folds, protocols.published, 200, 2)
    validated = validated[validated["model"] == first["model"]].set_index("metric")["mean"]
    assert first["cv_auc"] == pytest.approx(validated["auc"])
    assert first["cv_f1"] == pytest.approx(validated["f1"])


def test_it_ends_with_the_corrected_protocol(ladder):
    protocols, _, fitted, steps = ladder
    assert_corrected_end(steps.iloc[-1], protocols, fitted)


def test_from_the_lesions_step_on_features_are_aggregated_over_lesions():
    table = made.feature_table(patients=22, test_patients=6, folds=2)
    training = table.index[table["group"] != "test"]
    by_lesion = aggregated(table)
    # Of two scans the union alone could be measured, of one the lesions alone; one has none.
    by_lesion.loc[training[[1, 2]], RADIOMIC_FEATURES[3]] = np.nan
    table.loc[training[5], RADIOMIC_FEATURES[3]] = np.nan
    table, by_lesion = (made.without_lesions(rows, training[[8]]) for rows in (table, by_lesion))
    protocols, folds, fitted = both_protocols(table, by_lesion)
    climbed = climb(table, protocols, SETTINGS, "volume_weighted_mean", by_lesion)
    steps = tabulate(climbed, 200, 2)
    row = steps.index[steps["correction"].str.startswith("lesions, not")].item()
    assert steps.at[row, "made"] == "yes"
    assert steps.at[row, "reason"] == (
        "phenotype.aggregation is volume_weighted_mean; without 2 series that lack a feature by "
        "lesion; with 1 series that lack a feature as a union"
    )
    scored = [set(step.held_out["series"]) for step in climbed]
    names = table["series"]
    assert scored[row - 1] - scored[row] == set(names[training[[1, 2]]])
    assert scored[row] - scored[row - 1] == {names[training[5]]}
    # Both ends are the protocols' own, each on its own table.
    metrics = bootstrap_metrics(folds, protocols.published, 200, 2)
    own = metrics[metrics["model"] == steps.at[0, "model"]].set_index("metric")["mean"]
    assert steps.at[0, "auc"] == own["auc"]
    assert_corrected_end(steps.iloc[-1], protocols, fitted)


def test_where_no_scan_has_several_lesions_the_step_does_not_apply():
    single = made.feature_table(patients=22, test_patients=6, folds=2).assign(Num_Lesions=1.0)
    protocols, _, fitted = both_protocols(single)
    climbed = climb(single, protocols, SETTINGS, "largest", single)
    steps = {step.correction: step for step in climbed}
    step = steps["lesions, not their union, as the unit of shape"]
    assert (step.made, step.reason) == ("not applicable", "no scan has more than one lesion")
    assert_corrected_end(tabulate(climbed, 200, 2).iloc[-1], protocols, fitted)


def test_a_step_changes_only_what_its_correction_is_about(ladder):
    steps = ladder[-1]
    check(steps, CORRECTIONS, "tables/corrections.csv")
    assert list(steps["step"]) == list(range(16))
    # In their order, but for the two that this run does not have.
    assert [*steps["correction"]] == [
        one for one in Correction if one not in (Correction.HARMONISED, Correction.ALL)
    ]
    scores = ("auc", "balanced_accuracy", "f1", "accuracy")
    tested = [f"{metric}{end}" for metric in scores for end in ("", "_low", "_high", "_width")]
    validated = [f"cv_{metric}" for metric in scores]

    def same(one, other, columns):
        return steps.loc[one, columns].equals(steps.loc[other, columns])

    # Splits by patient: cross-validation alone. Ensemble and intervals: the test set alone.
    assert same(0, 1, tested)
    assert not same(0, 1, validated)
    assert same(1, 2, validated)
    assert not same(1, 2, tested)
    assert same(5, 6, validated)
    assert not same(5, 6, ["auc_width"])
    # The operating point moves calls and no ranking.
    ranking = ["cv_auc", "auc", "auc_low", "auc_high"]
    assert same(11, 12, ranking)
    assert not same(11, 12, ["cv_balanced_accuracy"])
    for without_effect in steps.index[steps["made"] != "yes"]:
        assert same(without_effect - 1, without_effect, [*tested, *validated])
        assert steps.at[without_effect, "reason"]
    assert list(steps.loc[steps["made"] != "yes", "step"]) == [10, 13, 15]
    assert steps.at[14, "reason"] == "1 series left out"
    assert steps.at[10, "made"] == "no"
    assert "a finished table is taken as it is" in steps.at[10, "reason"]


def test_both_orders_of_the_steps_of_features_lead_to_the_same_end(ladder):
    steps = ladder[-1].set_index("correction")
    three = [Correction.INSIDE, Correction.STANDARDISED, Correction.RESELECTED]
    assert list(steps.index[steps["auc_reversed"].notna()]) == three
    for metric in ("auc", "cv_auc"):
        change = steps.at[three[-1], metric] - steps.at[Correction.ENSEMBLE, metric]
        assert steps.loc[three, f"{metric}_reversed"].sum() == pytest.approx(change)


def test_a_step_of_features_is_what_its_words_say(table, ladder):
    """Selected inside and standardised, by the pieces: LASSO, scaler, classifier of each fold."""
    steps = {step.correction: step for step in climb(table, ladder[0], SETTINGS, "union")}
    found = steps["features standardised for the classifier"]
    training = table[table["group"] != "test"]
    for fold, rows in found.held_out.groupby("fold"):
        seen, held_out = (training[training["fold"].eq(fold) == out] for out in (False, True))
        lasso = Lasso(alpha=0.05).fit(seen[list(FEATURES)], seen["score"])
        names = [name for name, value in zip(FEATURES, lasso.coef_, strict=True) if value]
        model = make_pipeline(
            StandardScaler(), published_classifier(found.model, None, TREES, seen["label"])
        )
        model.fit(seen[names], seen["label"])
        expected = model.predict_proba(held_out[names])[:, 1]
        np.testing.assert_allclose(rows["probability"], expected, rtol=0, atol=1e-6)


def test_before_the_operating_point_series_are_called_at_one_half(table, ladder):
    steps = {step.correction: step for step in climb(table, ladder[0], SETTINGS, "union")}
    before, after = steps["libraries' settings as stated"], steps[Correction.THRESHOLD]
    for rows, moved in ((before.held_out, after.held_out), (before.tested, after.tested)):
        assert rows["probability"].equals(moved["probability"])
        assert (rows["predicted"] == (rows["probability"] > 0.5)).all()
        assert not rows["threshold"].equals(moved["threshold"])


def test_intervals_by_patient_are_those_of_the_bootstrap(table, ladder):
    protocols = ladder[0]
    steps = {step.correction: step for step in climb(table, protocols, SETTINGS, "union")}
    rows = steps["intervals by patient"].tested.sort_values("series")
    assert set(rows["protocol"]) == {"corrected"}
    expected = bootstrap_metrics(rows.iloc[:0], rows, 200, 2).set_index("metric")
    found = at(ladder[-1], Correction.BY_PATIENT)
    for end in ("low", "high"):
        assert found[f"auc_{end}"] == expected.at["auc", end]


def test_scans_without_lesions_join_at_their_own_step():
    table = made.feature_table(patients=24, test_patients=8)
    table = made.without_lesions(table, table.index[[0, 20]])
    # A finished table's counts are whole numbers, the mask's own may be missing.
    table["Num_Lesions"] = table["Num_Lesions"].astype(int)
    protocols, _, _ = both_protocols(table)
    steps = {step.correction: step for step in climb(table, protocols, SETTINGS, "union")}
    words = list(steps)
    kept = words.index("scans without measurable lesions kept")
    series = [len(steps[word].held_out["series"].unique()) for word in words]
    training = (table["group"] != "test").sum()
    assert series[kept] == training
    assert series[kept - 1] < training
    assert steps[words[kept]].made == "yes"
    assert steps["lesions counted by the mask"].made == "not applicable"
    of_lesions = steps["lesions, not their union, as the unit of shape"]
    assert of_lesions.made == "no"
    assert "phenotype.aggregation is union" in of_lesions.reason


def test_too_few_measured_scans_leave_the_two_ends():
    table = made.feature_table(patients=24, test_patients=8)
    table = made.without_lesions(table, table.index[table["group"] != "test"])
    protocols, _, _ = both_protocols(table)
    steps = tabulate(climb(table, protocols, SETTINGS, "union"), 100, 2)
    check(steps, CORRECTIONS, "tables/corrections.csv")
    assert list(steps["correction"]) == ["published procedure", "all corrections"]
    assert pd.isna(steps.at[0, "auc"])
    assert "too few" in steps.at[1, "reason"]


def test_harmonisation_is_a_step_of_its_own_after_all_corrections(table):
    odd = table["patient"].str[1:].astype(int) % 2 == 1
    lacking = made.without_lesions(table, table.index[[0, 20]])
    batched = lacking.assign(batch=odd.map({True: "B", False: "A"}))
    protocols, _, _ = both_protocols(batched)
    steps = {step.correction: step for step in climb(batched, protocols, SETTINGS, "union")}
    words = list(steps)
    assert words[-3:-1] == ["one voxel size for all", "features harmonised inside the folds"]
    last = steps["features harmonised inside the folds"]
    assert last.held_out is protocols.held_out
    assert last.tested is protocols.tested
    # The steps before it are those of the same table without batches.
    plain = {step.correction: step for step in climb(lacking, protocols, SETTINGS, "union")}
    assert words[:-2] == list(plain)[:-1]
    for word in words[: words.index("scans without measurable lesions kept")]:
        pd.testing.assert_frame_equal(steps[word].held_out, plain[word].held_out)
    assert not steps[words[-3]].held_out["probability"].equals(last.held_out["probability"])
