"""Sentences about the statistics, each from a phantom table whose numbers it has to repeat."""

import numpy as np
import pandas as pd
import pytest

from livermet.phenotype.chosen import Choice
from livermet.report.classification import content as classification
from livermet.report.features import content as features
from livermet.report.ladder import content as ladder
from livermet.report.masks import content as masks
from livermet.report.null_cohorts import content as null_cohorts
from livermet.report.reproduction import content as reproduction

from .. import statistics_phantoms as statistics

CHOSEN = {"published": Choice("LR", "none", 0.68), "corrected": Choice("RF", "none", 0.6)}
ALL = [
    ladder.correction_sentences,
    classification.permutation_sentences,
    features.sample_size_sentences,
    features.reproducibility_sentences,
    features.selection_sentences,
    null_cohorts.null_sentences,
    reproduction.reproduction_sentences,
    lambda tables: classification.baseline_sentences(tables, CHOSEN),
    lambda tables: masks.mask_sentences(tables, {"corrected": Choice("RF", "none", 0.6)}),
]


@pytest.fixture
def tables():
    return statistics.tables()


def test_the_ladder_is_told_from_its_first_to_its_last_step_that_was_made(tables):
    (told,) = ladder.correction_sentences(tables)
    assert "8 of 12 corrections made" in told
    # The first step's model ranks all test series right, the last one's three of four pairs.
    assert "AUC from 1.00 to 0.75" in told
    # By series nothing varies; of patients 6% of the draws with both classes have AUC 0.
    assert "0.00 wide at the beginning and 1.00 at the end" in told


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.01, 0.2, "yes"), (-0.1, 0.1, "not shown"), (-0.2, -0.01, "it is worse")],
)
def test_a_baseline_is_beaten_where_the_interval_lies_above_zero(tables, low, high, verdict):
    rows = tables["baselines"]
    chosen = rows["set"].eq("test") & rows["baseline"].eq("volume") & rows["metric"].eq("auc")
    rows.loc[chosen, ["difference", "low", "high"]] = (low + high) / 2, low, high
    held_out, tested = classification.baseline_sentences(tables, CHOSEN)
    assert "in cross-validation" in held_out
    difference = f"{(low + high) / 2:z.2f} ({low:.2f} to {high:.2f})"
    assert f"'tumour volume alone' AUC {difference}, {verdict}" in tested
    # The trivial rule ranks nothing: F1 is what it is compared by, here 4 / 5 less 2 / 3. It is as
    # good in the 32% of the draws without the negative patient whom the model alone calls right.
    assert "'always positive' F1 0.13 (0.00 to 0.60), not shown" in tested


def test_optimism_is_that_of_the_same_classifier_and_of_the_chosen_one():
    validated = pd.DataFrame(
        {"protocol": ["published", "corrected"], "model": "LR", "weighting": "none"}
        | {"metric": "auc", "mean": [0.68, 0.52]}
    )
    tables = {"tableS2_cross_validation": validated}
    (told,) = classification.optimism_sentences(tables, CHOSEN)
    assert "logistic regression an AUC of 0.68" in told
    assert "0.52 for the same classifier and 0.60 for random forest" in told
    assert classification.optimism_sentences(tables, {"corrected": CHOSEN["corrected"]}) == []


def test_p_needed_patients_empty_selections_and_good_features_are_told(tables):
    assert "p = 0.313" in classification.permutation_sentences(tables)[0]
    (needed,) = features.sample_size_sentences(tables)
    # Riley's first criterion; the most features that a fold has selected are two.
    assert "15,146 patients for 108 candidates and 281 patients for 2 selected" in needed
    assert "there are 36 training patients" in needed
    assert "in 3 of 5 fits" in features.selection_sentences(tables)[0]


def test_features_that_agree_are_counted_by_comparison_and_in_both(tables):
    learnt = statistics.reproducibility()[: 2 * 108]
    good = learnt.pivot(index="feature", columns="comparison", values="icc") >= 0.75
    told = features.reproducibility_sentences(tables)
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
    assert features.reproducibility_sentences(alone) == told[::2]


def test_moved_contours_stand_beside_the_final_models_own_distance(tables):
    settings = {"final_model": "nnunet", "target": "mSCLC", "matching": "any_overlap"}
    # A normal displacement of 1 mm is 0.8 mm on average: sqrt(2 / pi).
    (told,) = features.contour_sentences(tables, settings)
    assert "standard deviation of 1 mm (0.8 mm on average), correlated over 5 mm" in told
    assert "Dice with the mask itself is 0.91" in told
    assert "final model" not in told
    row = {"model": "nnunet", "cohort": "mSCLC", "test_set": "test patients", "number": 12}
    row |= {"rule": "any_overlap", "metric": "median_matched_assd_mm"}
    scores = pd.DataFrame([row | {"value": 1.52, "low": 1.1, "high": 2.04}])
    held_out = scores.assign(test_set="training, out of fold", number=30, value=1.6)
    others = [scores.assign(model="unet"), scores.assign(rule="lits"), scores.assign(cohort="LiTS")]
    beside = tables | {"detection_scores": pd.concat([*others, scores, held_out])}
    (told,) = features.contour_sentences(beside, settings)
    assert told.endswith(
        "Median ASSD of the final model's matched lesions from the reference: "
        "1.52 (1.10 to 2.04) mm (test patients, 12 matches); "
        "1.60 (1.10 to 2.04) mm (training, out of fold, 30 matches)."
    )
    assert features.contour_sentences({}, settings) == []


def test_null_cohorts_masks_and_printed_numbers_are_told(tables):
    (null,) = null_cohorts.null_sentences(tables)
    assert "published protocol cross-validates at AUC 0.66 (logistic regression)" in null
    assert "cover 0.5 in 90% of them" in null
    (cost,) = masks.mask_sentences(tables, {"corrected": Choice("RF", "none", 0.6)})
    assert "0.60 (0.40 to 0.80) with random forest on predicted masks" in cost
    assert "0.65 (0.45 to 0.85) with random forest on reference masks" in cost
    (printed,) = reproduction.reproduction_sentences(tables)
    assert "Of 4 printed numbers" in printed
    assert "2 come out again at two decimals, 1 more within 0.01 and 1 do not" in printed
    assert "1 cannot be had" in printed


@pytest.mark.parametrize("say", ALL)
def test_missing_tables_and_missing_numbers_are_no_reason_to_stop(say, tables):
    assert say({}) == []
    assert say({name: table[:0] for name, table in tables.items()}) == []
    for table in tables.values():
        floats = table.select_dtypes("float").columns
        table[floats] = np.nan
    assert not any("nan" in sentence.split() for sentence in say(tables))


def test_headlines_are_few_and_computed(tables):
    validated = classification.validation_headlines(tables, CHOSEN)
    printed = reproduction.reproduction_headlines(tables)
    assert [headline.number for headline in validated + printed] == ["0.60", "0.313", "3 of 4"]
    assert classification.validation_headlines({}, {}) == []
    assert reproduction.reproduction_headlines({}) == []
