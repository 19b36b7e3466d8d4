"""Sentences about the statistics, each from a phantom table whose numbers it has to repeat."""

import numpy as np
import pandas as pd
import pytest

from livermet.phenotype.choice import choose
from livermet.report.classification import content as classification
from livermet.report.features import content as features
from livermet.report.ladder import content as ladder
from livermet.report.masks import content as masks
from livermet.report.null_cohorts import content as null_cohorts
from livermet.report.reproduction import content as reproduction
from livermet.report.specifications import content as specifications

from .. import report_phantoms as made
from .. import statistics_phantoms as statistics
from ..report_phantoms import run_of

# Cross-validation has chosen the regression and the forest.
VALIDATED = pd.DataFrame(
    {"protocol": ["published", "corrected"], "model": ["LR", "RF"], "weighting": "none"}
    | {"metric": "auc", "mean": [0.68, 0.6]}
)
ALL = [
    ladder.sentences,
    classification.permutation_sentences,
    classification.outcome_sentences,
    features.sample_size_sentences,
    features.reproducibility_sentences,
    features.selection_sentences,
    null_cohorts.sentences,
    reproduction.sentences,
    classification.baseline_sentences,
    masks.sentences,
    specifications.sentences,
]


@pytest.fixture
def tables():
    return statistics.tables() | {"tableS2_cross_validation": VALIDATED}


@pytest.fixture
def run(tables):
    return run_of(tables)


def test_the_ladder_is_told_from_its_first_to_its_last_step_that_was_made(run):
    (told,) = ladder.sentences(run)
    assert "11 of 15 corrections made" in told
    # The first step's model ranks all test series right, the last one's three of four pairs.
    assert "AUC from 1.00 to 0.75" in told
    # By series nothing varies; two patients of a class are too few.
    assert "0.00 wide at the beginning and has too few patients at the end" in told


@pytest.mark.parametrize(
    ("difference", "p", "verdict"),
    [(0.1, 0.049, "yes"), (0.1, 0.051, "not shown"), (-0.1, 0.001, "it is worse")],
)
def test_a_baseline_is_beaten_by_the_p_corrected_for_the_family(tables, difference, p, verdict):
    rows = tables["baselines"]
    chosen = rows["set"].eq("test") & rows["baseline"].eq("volume") & rows["metric"].eq("auc")
    values = difference, difference - 0.05, difference + 0.05, p
    rows.loc[chosen, ["difference", "low", "high", "p_holm"]] = values
    held_out, tested = classification.baseline_sentences(run_of(tables))
    assert "in cross-validation" in held_out
    told = f"{difference:.2f} ({difference - 0.05:.2f} to {difference + 0.05:.2f}), p = {p:.3f}"
    assert f"'tumour volume alone' AUC {told}: {verdict}" in tested
    # The trivial rule ranks nothing: F1 is what it is compared by, here 4 / 5 less 2 / 3.
    assert "'always positive' F1 0.13 (-0.46 to 0.72)" in tested


def test_a_difference_without_interval_is_not_shown(tables):
    rows = tables["baselines"]
    rows[["low", "high", "p", "p_holm"]] = np.nan
    _, tested = classification.baseline_sentences(run_of(tables))
    assert "'always positive' F1 0.13 (no interval): not shown" in tested


def test_optimism_is_that_of_the_same_classifier_and_of_the_chosen_one():
    same = VALIDATED.assign(protocol="corrected", model="LR", mean=0.52)[:1]
    tables = {"tableS2_cross_validation": pd.concat([VALIDATED, same])}
    (told,) = classification.optimism_sentences(run_of(tables))
    assert "logistic regression an AUC of 0.68" in told
    assert "0.52 for the same classifier and 0.60 for random forest" in told
    corrected = {"tableS2_cross_validation": VALIDATED[1:]}
    assert classification.optimism_sentences(run_of(corrected)) == []


def outcome(**aucs):
    """A run whose corrected protocol chose the regression, by these AUCs."""
    deals = pd.DataFrame([(name, 1, auc) for name, auc in aucs.items()])
    chosen = choose(deals.set_axis(["model", "deal", "auc"], axis=1))
    return run_of({"tableS2_cross_validation": VALIDATED, "choice": chosen})


def test_no_model_beats_chance_or_volume_is_told():
    (none,) = classification.outcome_sentences(outcome(LR=0.48, volume=0.59))
    assert "No model of the corrected protocol beats chance or volume alone" in none
    assert "(AUC 0.48, chance 0.50, volume alone 0.59, means over the same deals)" in none
    assert "is not to be used" in none
    (volume,) = classification.outcome_sentences(outcome(LR=0.55, volume=0.59))
    assert "protocol beats volume alone in cross-validation" in volume
    (both,) = classification.outcome_sentences(outcome(LR=0.65, volume=0.59))
    assert "logistic regression is above chance and above volume alone" in both
    labels = [
        one.label for one in classification.headlines(with_scores(outcome(LR=0.48, volume=0.5)))
    ]
    assert any("which does not beat chance or volume alone" in label for label in labels)


def test_two_aucs_of_one_model_are_explained_where_they_stand(tables):
    deals = pd.DataFrame(
        {"model": ["LR", "LR", "volume"], "deal": [1, 2, 1], "auc": [0.5, 0.7, 0.4]}
    )
    # The test's own is 0.54 over 3 deals, and the best classifier reaches it 82 times in 200.
    assert chosen_test(tables, deals) == (
        "The chosen model, logistic regression, has p = 0.413 corrected for the choice among 2 "
        "classifiers: the share of exchanges in which the best of them has at least its AUC. As a "
        "candidate it has 0.60: the same procedure and labels, but the mean over 2 deals of the "
        "folds."
    )
    more = pd.concat([deals, pd.DataFrame({"model": "LR", "deal": range(3, 7), "auc": 0.6})])
    assert "over 6 deals of the folds, of which the test takes the first" in chosen_test(
        tables, more
    )
    deals["auc"] = 0.54
    assert "As a candidate" not in chosen_test(tables, deals)


def chosen_test(tables, deals):
    """Tell of the permutation test where a model was chosen by these deals."""
    told = classification.permutation_sentences(run_of(tables | {"choice": choose(deals)}))
    assert len(told) == 2
    return told[1]


def with_scores(run):
    return run_of(
        dict(run.tables)
        | {"table4_classification": made.tables()["table4_classification"], "facts": made.facts()}
    )


def test_p_needed_patients_and_empty_selections_are_told(run):
    every, chosen = classification.permutation_sentences(run)
    assert "200 times the labels were exchanged between patients" in every
    assert "each the mean over 3 deals" in every
    # The mean of 62 times 0.6 and 138 times 0.44, and their percentiles.
    assert "logistic regression 0.49 (0.44 to 0.60) and 0.54, p = 0.313; random forest" in every
    assert "p = 0.104." in every
    assert "random forest, has p = 0.104 corrected for the choice among 2 classifiers" in chosen
    (needed,) = features.sample_size_sentences(run)
    # Riley's first criterion; the most features that a fold has selected are two.
    assert "15,146 patients for 108 candidates and 281 patients for 2 selected" in needed
    assert "there are 36 training patients" in needed
    assert "in 3 of 5 fits" in features.selection_sentences(run)[0]


def test_features_that_agree_are_counted_by_comparison_and_in_both(tables):
    learnt = statistics.reproducibility()[: 2 * 108]
    good = learnt.pivot(index="feature", columns="comparison", values="icc") >= 0.75
    told = features.reproducibility_sentences(run_of(tables))
    by_lesion = "(mean over lesions, weighted by volume)"
    found = good["reconstructions"].sum()
    assert f"{by_lesion}: {found} of 108 features have an ICC(A,1)" in told[0]
    assert "84 studies of 36 training patients" in told[0]
    assert f"{good['perturbed masks'].sum()} of 108 features have an ICC(1,1)" in told[1]
    assert "between 5 masks of one series" in told[1]
    assert "160 series of 36 training patients" in told[1]
    assert f"In both comparisons {good.all(axis=1).sum()} features" in told[1]
    # Of the union the ICC between reconstructions begins at 0.68.
    assert "Reconstructions (union of lesions): 0 of 108 features" in told[2]
    table = tables["reproducibility"]
    alone = {"reproducibility": table[table["comparison"].eq("reconstructions")]}
    assert features.reproducibility_sentences(run_of(alone)) == told[::2]


def test_a_comparison_without_any_icc_is_told_and_not_shown_as_zeros(tables):
    table = tables["reproducibility"]
    between = table["comparison"].eq("reconstructions")
    table.loc[between, "icc"] = np.nan
    told = features.reproducibility_sentences(run_of(tables))
    assert told[0] == (
        "No feature has an ICC between reconstructions: too few studies have two reconstructions."
    )
    assert set(features.reproducibility(table)["comparison"]) == {"perturbed masks"}
    assert features.reproducibility(table.assign(icc=np.nan)).empty


def test_moved_contours_stand_beside_the_final_models_own_distance(tables):
    # A normal displacement of 1 mm is 0.8 mm on average: sqrt(2 / pi).
    (told,) = features.contour_sentences(run_of(tables))
    assert "standard deviation of 1 mm (0.8 mm on average), correlated over 5 mm" in told
    assert "Dice with the mask itself is 0.91" in told
    assert "final model" not in told
    row = {"model": "nnunet_finetuned", "cohort": "mSCLC", "test_set": "test patients"}
    row |= {"rule": "any_overlap", "metric": "median_matched_assd_mm", "number": 12}
    scores = pd.DataFrame([row | {"value": 1.52, "low": 1.1, "high": 2.04}])
    held_out = scores.assign(test_set="training, out of fold", number=30, value=1.6)
    others = [scores.assign(model="unet"), scores.assign(rule="lits"), scores.assign(cohort="LiTS")]
    beside = tables | {"detection_scores": pd.concat([*others, scores, held_out])}
    (told,) = features.contour_sentences(run_of(beside))
    assert told.endswith(
        "Median ASSD of the final model's matched lesions from the reference: "
        "1.52 (1.10 to 2.04) mm (test patients, 12 matches); "
        "1.60 (1.10 to 2.04) mm (training, out of fold, 30 matches)."
    )
    assert features.contour_sentences(run_of({})) == []


def test_null_cohorts_masks_and_printed_numbers_are_told(run):
    own, phantom = null_cohorts.sentences(run)
    assert "in 40 cohorts of this run's features with labels exchanged between patients" in own
    told = "published protocol cross-validates at AUC"
    assert f"{told} 0.66 (0.66 to 0.66) (logistic regression)" in own
    assert "cover 0.5 in 90% of them" in own
    assert "of phantom features" in phantom
    assert f"{told} 0.76" in phantom
    (cost,) = masks.sentences(run)
    assert "0.60 (0.40 to 0.80) with random forest on predicted masks" in cost
    assert "0.65 (0.45 to 0.85) with random forest on reference masks" in cost
    (printed,) = reproduction.sentences(run)
    assert "Of 4 printed numbers" in printed
    assert "2 come out again at two decimals, 1 more within 0.01 and 1 do not" in printed
    assert "1 cannot be had" in printed


def test_all_procedures_are_told_and_none_is_adopted(run, tables):
    (told,) = specifications.sentences(run)
    # 144 less those of thin series; evenly from 0.4 to 0.6, the intervals 0.2 to either side.
    assert "108 procedures" in told
    assert "AUC of 0.40 to 0.60 (median 0.50)" in told
    # Volume alone ranks two of three pairs right.
    assert "none of them above volume alone (0.67)" in told
    assert "of none the interval lies above 0.5. On the test studies they have 0.50 to 0.70" in told
    assert "of none that interval lies above 0.5, uncorrected" in told
    assert told.endswith("No best one is adopted: the highest of so many is high by chance.")
    curve = tables["specification_curve"]
    curve.loc[curve["kind"].eq("volume"), "auc"] = 0.5901
    curve["low"] += 0.11
    (told,) = specifications.sentences(run_of({"specification_curve": curve}))
    scored = curve[curve["kind"].eq("specification")]
    assert f"{(scored['auc'] > 0.5901).sum()} of them above volume alone (0.59)" in told
    assert f"of {(scored['auc'] > 0.59).sum()} the interval lies above 0.5" in told


@pytest.mark.parametrize("say", ALL)
def test_missing_tables_and_missing_numbers_are_no_reason_to_stop(say, tables):
    assert say(run_of({})) == []
    assert say(run_of({name: table[:0] for name, table in tables.items()})) == []
    for name, table in tables.items():
        floats = table.select_dtypes("float").columns
        tables[name] = table.assign(**dict.fromkeys(floats, np.nan))
    assert not any("nan" in sentence.split() for sentence in say(run_of(tables)))


def test_headlines_are_few_and_computed(tables):
    untested = made.tables()["table4_classification"][:0]
    run = run_of(tables | {"table4_classification": untested, "facts": made.facts()})
    told = classification.headlines(run) + reproduction.headlines(run)
    assert [headline.number for headline in told] == ["0.60", "0.104", "3 of 4"]
    assert classification.headlines(run_of({})) == reproduction.headlines(run_of({})) == []
