"""Tables of a cohort's detection: who is scored, and scores with intervals over patients."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from livermet.contracts import check
from livermet.detection.cohort import (
    BURDENS,
    LESION_FREE,
    SCANS_OF_SETS,
    SCORES,
    burden_table,
    lesion_free_table,
    scans_of_sets,
    score_table,
    sets_of_scans,
    summarise,
    unseen_scans,
)
from livermet.detection.intervals import Draws, estimate
from livermet.detection.measured import LESIONS, SCANS, lesions_by
from livermet.detection.scores import measure_scan
from livermet.detection.sizes import (
    DISTRIBUTION,
    PREDICTED_SIZES,
    SIZES,
    distribution_table,
    predicted_size_table,
    size_table,
)
from livermet.tables import read_table, write_table

from ..detection_phantoms import BRIDGE, FAR, LEFT, RIGHT, label_map, scan


def test_summary_by_hand():
    scans = pd.concat(
        [
            scan("a", "unet", label_map(LEFT, FAR), label_map(LEFT, RIGHT)),  # Dice 0.5, 1 of 2
            scan("b", "unet", label_map(), label_map()),  # Dice 1
            scan("c", "unet", label_map(FAR), label_map()),  # Dice 0, a false positive
            scan("d", "unet", label_map(LEFT), label_map(BRIDGE)),  # Dice 4 / 8, 1 of 1
            scan("e", "unet", label_map(LEFT, RIGHT, FAR), None),  # has no place in table 3
            scan("a", "nnunet", label_map(), label_map(LEFT)),
        ],
        ignore_index=True,
    )
    table = summarise(scans, "LiTS").set_index("model")
    unet = table.loc["unet"]
    assert unet["cohort"] == "LiTS"
    assert unet["scans"] == 4
    assert unet["median_dice"] == pytest.approx(0.5)
    assert unet["median_liver_dice"] == 1
    assert unet["lesion_sensitivity"] == pytest.approx(2 / 3)
    assert unet["lesion_ppv"] == pytest.approx(2 / 4)
    assert unet["false_positives_per_scan"] == pytest.approx(2 / 4)
    # Nothing predicted: sensitivity 0, and no lesion to have a predictive value.
    assert table.loc["nnunet", "lesion_sensitivity"] == 0
    assert math.isnan(table.loc["nnunet", "lesion_ppv"])


def test_summary_reads_its_own_file(tmp_path):
    scans = pd.concat(
        [
            scan("01", "unet", label_map(LEFT), label_map(LEFT, RIGHT)),
            scan("02", "unet", label_map(LEFT), None),
        ],
        ignore_index=True,
    )
    write_table(scans, tmp_path / "detection" / "unet" / "scans.tsv", SCANS)
    read = read_table(tmp_path / "detection" / "unet" / "scans.tsv", dtype={"series": str})
    assert read["series"].tolist() == ["01", "02"]
    assert read["reference_lesions"].isna().tolist() == [False, True]
    pd.testing.assert_frame_equal(summarise(read, "LiTS"), summarise(scans, "LiTS"))


def test_summary_of_no_measured_scan_is_empty():
    scans = scan("e", "unet", label_map(LEFT), None)
    assert summarise(scans, "LiTS").empty


# Intervals


def test_the_first_draw_is_the_table_and_patients_are_drawn_whole():
    draws = Draws.of(["b", "a", "b", "c"], 200, seed=1)
    counts = draws.counts
    assert counts.shape == (201, 4)
    assert counts[0].tolist() == [1, 1, 1, 1]
    # Three patients a draw; the two rows of b always together.
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert (counts[1:] != 1).any()


def test_the_same_patients_have_the_same_draws_however_many_rows_they_have():
    few, many = Draws.of(["a", "b"], 50, seed=3), Draws.of(["b", "a", "a"], 50, seed=3)
    assert (few.counts[:, 0] == many.counts[:, 1]).all()
    assert (few.counts[:, 1] == many.counts[:, 0]).all()


@pytest.mark.parametrize("seed", range(3))
def test_numbers_of_draws_are_numpys_on_the_drawn_rows(seed):
    random = np.random.default_rng(seed)
    patients = random.integers(0, 6, 17).astype(str)
    values = random.normal(size=17).round(1)
    values[random.integers(0, 17, 3)] = np.nan
    draws = Draws.of(patients, 40, seed)
    for number, (ours, theirs) in {
        "mean": (draws.means(values), np.nanmean),
        "median": (draws.medians(values), np.nanmedian),
        "deviation": (draws.deviations(values), lambda drawn: np.nanstd(drawn, ddof=1)),
    }.items():
        expected = [theirs(np.repeat(values, times)) for times in draws.counts]
        assert ours == pytest.approx(np.array(expected), nan_ok=True), number


def test_undefined_draws_do_not_count():
    found = estimate(np.array([0.5, 0.2, np.nan, 0.8]))
    assert found.value == 0.5
    assert found.low == pytest.approx(0.2 + 0.025 * 0.6)
    assert found.high == pytest.approx(0.8 - 0.025 * 0.6)
    assert math.isnan(estimate(np.array([np.nan, 1.0])).low)


def test_no_value_at_all_is_no_number():
    draws = Draws.of(["a", "b"], 5, 0)
    assert np.isnan(draws.medians([np.nan, np.nan])).all()
    assert np.isnan(draws.means([np.nan, np.nan])).all()


def test_one_patient_and_scores_without_an_error_have_no_interval():
    """Draws of one patient are that patient, and draws of scans without an error have none."""
    scans = pd.concat([scan("a", "m", label_map(LEFT), label_map(LEFT, RIGHT))] * 2)
    row = summarise(scans.assign(patient="p"), "LiTS", draws=100).iloc[0]
    assert row["lesion_sensitivity"] == 0.5
    found = pd.concat([scan(name, "m", label_map(LEFT), label_map(LEFT)) for name in "abc"])
    perfect = summarise(found.assign(patient=list("pqr")), "LiTS", draws=100).iloc[0]
    assert perfect["lesion_sensitivity"] == 1.0
    for scores in (row, perfect):
        assert scores[["lesion_sensitivity_low", "lesion_sensitivity_high"]].isna().all()
        assert scores[["median_dice_low", "median_dice_high"]].isna().all()


# The tables of a cohort

FACTS = pd.DataFrame(
    {
        "series": ["a", "b", "c", "d"],
        "patient": ["1", "1", "2", "3"],
        "cohort": ["T", "T", "T", "S"],
        "place": ["test", "test", "train", "test"],
    }
)
RULES = ("any_overlap", "iou_0.5")
# What each scan holds: prediction, reference.
IMAGES = {
    "a": (label_map(LEFT, FAR), label_map(LEFT, RIGHT)),
    "b": (label_map(LEFT), label_map(BRIDGE)),
    "c": (label_map(FAR), label_map()),
    "d": (label_map(), label_map(LEFT)),
}


def measured_cohort(kind="single"):
    """All tables of the scans above by a model m, as the stage writes and reads them."""
    tables = {"scans": [], "lesions": [], "matching": [], "groups": []}
    for series, images in IMAGES.items():
        found = measure_scan(*images, matching=RULES)
        tables["scans"].append(scan(series, "m", *images, kind=kind))
        for name in ("lesions", "matching", "groups"):
            tables[name].append(getattr(found, name).assign(series=series, model="m"))
    return {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}


@pytest.fixture
def cohort():
    return measured_cohort()


@pytest.fixture
def sets(cohort):
    return list(sets_of_scans(cohort["scans"], FACTS, "T"))


def test_sets_of_scans_of_a_model_that_never_saw_the_cohort(sets):
    assert [(one.cohort, one.test_set, list(one.scans["series"])) for one in sets] == [
        ("S", "test patients", ["d"]),
        ("T", "test patients", ["a", "b"]),
        ("T", "whole cohort", ["a", "b", "c"]),
    ]
    assert sets[2].sizes == {"patients": 2, "scans": 3}


def test_a_scan_is_listed_in_each_of_its_sets(sets):
    table = scans_of_sets(sets)
    assert table[["test_set", "series", "patient"]].to_numpy().tolist() == [
        ["test patients", "d", "3"],
        ["test patients", "a", "1"],
        ["test patients", "b", "1"],
        ["whole cohort", "a", "1"],
        ["whole cohort", "b", "1"],
        ["whole cohort", "c", "2"],
    ]
    assert {"lesion_dice", "reference_burden_ml", "predicted_burden_ml"} <= set(table.columns)
    check(table, SCANS_OF_SETS, "tables/detection_scans.csv")
    assert scans_of_sets([]).empty
    check(scans_of_sets([]), SCANS_OF_SETS, "tables/detection_scans.csv")


def test_scores_of_a_cohort_by_hand(sets, cohort):
    table = score_table(sets, cohort["matching"], cohort["groups"], draws=100, seed=1)
    check(table, SCORES, "tables/detection_scores.csv")
    table = table[table["test_set"].eq("whole cohort")].set_index(["rule", "metric"])
    # a: 1 of 2 detected, 1 of 2 predicted true; b: 1 of 1, 1 of 1 (one voxel pair of six: IoU 1/3);
    # c: one false positive.
    value = table["value"]
    assert value["any_overlap", "sensitivity"] == pytest.approx(2 / 3)
    assert value["any_overlap", "ppv"] == pytest.approx(2 / 4)
    assert value["any_overlap", "f1"] == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
    assert value["any_overlap", "false_positives_per_scan"] == pytest.approx(2 / 3)
    # Each of two voxels of 1 mm3.
    assert value["any_overlap", "false_positive_ml_per_scan"] == pytest.approx(0.004 / 3)
    assert value["iou_0.5", "sensitivity"] == pytest.approx(1 / 3)
    # Dice 0.5 (a), 0.5 (b), 0 (c).
    assert value["", "median_lesion_dice"] == 0.5
    assert value["", "mean_lesion_dice"] == pytest.approx(1 / 3)
    # Distances: none of c, which has no reference lesion.
    assert table.loc[("", "median_lesion_assd_mm"), "number"] == 2
    # Matched: a's LEFT with Dice 1, b's with 4 / 8.
    assert value["any_overlap", "median_matched_dice"] == pytest.approx(0.75)
    assert table.loc[("any_overlap", "median_matched_dice"), "number"] == 2
    assert value["iou_0.5", "median_matched_dice"] == 1
    assert table.loc[("any_overlap", "sensitivity"), ["unit", "number"]].tolist() == ["lesion", 3]
    # Draws of patient 2 alone have no lesion to detect and do not count; all others have 2 / 3.
    assert value["any_overlap", "sensitivity"] == pytest.approx(2 / 3)
    assert table.loc[("any_overlap", "sensitivity"), ["low", "high"]].isna().all()
    assert table.loc[("any_overlap", "false_positives_per_scan"), "low"] == 0.5


def test_f1_of_nothing_found_is_0(sets, cohort):
    table = score_table(sets[:1], cohort["matching"], cohort["groups"], draws=100, seed=1)
    value = table.set_index(["rule", "metric"])["value"]
    assert value["any_overlap", "sensitivity"] == value["any_overlap", "f1"] == 0
    assert math.isnan(value["any_overlap", "ppv"])


def test_sensitivity_by_size_reads_its_own_file(sets, cohort, tmp_path):
    lesions = cohort["lesions"].copy()
    # a's two lesions: one exactly at the edge of 5 mm; b's above 20 mm.
    known = lesions["side"].eq("reference")
    lesions.loc[known & lesions["series"].eq("a"), "diameter_mm"] = [5.0, 4.999]
    lesions.loc[known & lesions["series"].eq("b"), "diameter_mm"] = 20.0
    path = tmp_path / "detection" / "m" / "lesions.tsv"
    write_table(lesions[lesions_by(RULES).names], path, LESIONS)
    for given in (lesions, read_table(path, dtype={"series": str})):
        table = size_table(sets[2:], given, ["any_overlap"], draws=100, seed=1)
        counted = table.set_index("diameter_mm")[["reference_lesions", "detected_lesions"]]
        assert counted.to_dict("split")["data"] == [[1, 0], [1, 1], [0, 0], [1, 1]]
        assert table["value"].tolist()[:2] == [0, 1]
        assert math.isnan(table["value"].iloc[2])
        check(table, SIZES, "tables/detection_sizes.csv")


def test_burden_agreement_is_bland_and_altmans():
    scans = pd.DataFrame(
        {
            "patient": ["1", "2", "3", "4"],
            "series": ["a", "b", "c", "d"],
            "model": "m",
            "kind": "single",
            "has_reference": True,
            "reference_burden_ml": [10.0, 20.0, 40.0, 0.0],
            "predicted_burden_ml": [8.0, 19.0, 44.0, 1.0],
        }
    )
    facts = scans[["series", "patient"]].assign(cohort="T", place="test")
    sets = list(sets_of_scans(scans.drop(columns="patient"), facts, "S"))
    table = burden_table(sets, draws=200, seed=1)
    check(table, BURDENS, "tables/detection_burden.csv")
    found = table.set_index("metric")["value"]
    difference = np.array([-2.0, -1.0, 4.0, 1.0])
    mean = np.array([9.0, 19.5, 42.0, 0.5])
    assert found["bias_ml"] == pytest.approx(0.5)
    assert found["sd_ml"] == pytest.approx(difference.std(ddof=1))
    assert found["lower_limit_ml"] == pytest.approx(0.5 - 1.96 * difference.std(ddof=1))
    assert found["upper_limit_ml"] == pytest.approx(0.5 + 1.96 * difference.std(ddof=1))
    assert found["slope"] == pytest.approx(stats.linregress(mean, difference).slope)


def test_scans_read_as_free_of_lesions_need_no_reference():
    predicted = {"a": label_map(FAR), "b": label_map(), "c": label_map(LEFT, FAR)}
    scans = pd.concat([scan(series, "m", image, None) for series, image in predicted.items()])
    sets = list(sets_of_scans(scans, FACTS, "T"))
    table = lesion_free_table(sets, ["a", "b", "d"], draws=100, seed=1)
    whole = table[table["test_set"].eq("whole cohort")].set_index("metric")
    assert whole["scans"].tolist() == [2] * 5
    # 2 and 0 voxels of 1 mm3.
    assert whole.loc["predicted_ml", "value"] == pytest.approx(0.001)
    assert whole.loc["predicted_ml_sd", "value"] == pytest.approx(np.std([0.002, 0], ddof=1))
    assert whole.loc["predicted_lesions", "value"] == 0.5
    assert whole.loc["scans_with_prediction", "value"] == 0.5
    # One lesion of 2 voxels.
    assert whole.loc["false_lesion_ml", "value"] == pytest.approx(0.002)
    check(table, LESION_FREE, "tables/detection_lesion_free.csv")
    assert lesion_free_table(sets, [], draws=100, seed=1).empty


def test_lesion_free_scans_are_pooled_where_the_model_was_trained_on_the_cohort_too():
    """Patient 2 out of fold, patient 1 by the ensemble, and so patient 4.

    That is a training patient without a reference, whom no network has seen either.
    """
    predicted = {"a": label_map(FAR), "b": label_map(), "c": label_map(LEFT, FAR)}
    predicted["e"] = label_map()
    kinds = {"a": "ensemble", "b": "ensemble", "c": "out_of_fold", "e": "ensemble"}
    facts = pd.concat([FACTS, FACTS[2:3].assign(series="e", patient="4")])
    scans = pd.concat(
        [scan(name, "m", image, None, kind=kinds[name]) for name, image in predicted.items()]
    )
    sets = [*sets_of_scans(scans, facts, "T"), *unseen_scans(scans, facts)]
    table = lesion_free_table(sets, ["a", "b", "c", "e"], draws=100, seed=1)
    check(table, LESION_FREE, "tables/detection_lesion_free.csv")
    assert list(table["test_set"].unique()) == [
        *("test patients", "training, out of fold", "all patients, none seen")
    ]
    pooled = table[table["test_set"].eq("all patients, none seen")].set_index("metric")
    assert pooled[["patients", "scans"]].drop_duplicates().to_numpy().tolist() == [[3, 4]]
    # 2, 0, 4 and 0 voxels of 1 mm3 in one, no, two and no lesions.
    assert pooled.loc["predicted_ml", "value"] == pytest.approx(0.006 / 4)
    assert pooled.loc["false_lesion_ml", "value"] == pytest.approx(0.002)
    assert pooled.loc["scans_with_prediction", "value"] == 0.5
    # Of a model that never saw the cohort the whole cohort is a set already.
    assert not list(unseen_scans(scans.assign(kind="ensemble"), facts))


def test_ppv_and_sizes_of_predicted_lesions_by_hand(sets, cohort):
    lesions = cohort["lesions"].copy()
    found = lesions["side"].eq("prediction")
    # a: one of two is true; b: one of one; c: one false positive.
    assert found.sum() == 4
    lesions.loc[found & lesions["series"].eq("a"), "diameter_mm"] = [5.0, 4.0]
    lesions.loc[found & lesions["series"].eq("b"), "diameter_mm"] = 5.5
    lesions.loc[found & lesions["series"].eq("c"), "diameter_mm"] = 3.0
    table = predicted_size_table(sets[2:], lesions, ["any_overlap"], draws=100, seed=1)
    check(table, PREDICTED_SIZES, "tables/detection_predicted_sizes.csv")
    counted = table.set_index("diameter_mm")[["predicted_lesions", "true_positive_lesions"]]
    true = lesions[found & lesions["series"].eq("a")].set_index("diameter_mm")
    first = bool(true.loc[5.0, "matched_any_overlap"])
    assert counted.loc["5-10"].tolist() == [2, 1 + first]
    assert counted.loc["< 5"].tolist() == [2, 1 - first]
    assert counted.loc["10-20"].tolist() == [0, 0]
    sizes = distribution_table(sets[2:], lesions, ["any_overlap"], draws=100, seed=1)
    check(sizes, DISTRIBUTION, "tables/detection_size_distribution.csv")
    of = sizes.set_index("kind")
    assert of["lesions"].to_dict() == {
        "reference": 3,
        "detected": 2,
        "missed": 1,
        "predicted": 4,
        "true positive": 2,
        "false positive": 2,
    }
    assert of.loc["predicted", "median_mm"] == pytest.approx(4.5)
    assert of.loc["false positive", ["scans", "patients"]].tolist() == [2, 2]
    # Each false positive has two voxels of 1 mm3.
    assert of.loc["false positive", "volume_ml"] == pytest.approx(0.002)
