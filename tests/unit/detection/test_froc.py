"""FROC curves: sensitivity against false positives a scan, counted by hand."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from livermet.contracts import check
from livermet.detection.cohort import sets_of_scans
from livermet.detection.froc import CURVES, froc_table
from livermet.detection.measured import COUNTS
from livermet.detection.thresholds import THRESHOLDS, froc_counts
from livermet.errors import InputError
from livermet.images import probability_bytes

from ..detection_phantoms import BRIDGE, FAR, LEFT, RIGHT, label_map, scan

SETTINGS = {"connectivity": 26, "minimum_lesion_voxels": 1, "matching": ["any_overlap"]}


def probabilities(parts, shape=(6, 7, 8)):
    """An image of lesion probabilities, from pairs of places and probabilities."""
    array = np.zeros(shape)
    for place, probability in parts:
        array[place] = probability
    return sitk.GetImageFromArray(probability_bytes(array))


def test_probabilities_are_stored_in_steps_of_a_255th():
    assert probability_bytes(np.array([0.0, 0.5, 1.0])).tolist() == [0, 128, 255]


def test_counts_at_each_threshold_by_hand():
    # LEFT is certain, RIGHT doubtful, FAR a false positive between them.
    given = probabilities([(LEFT, 0.9), (RIGHT, 0.3), (FAR, 0.6)])
    table = froc_counts(given, label_map(LEFT, RIGHT), **SETTINGS, thresholds=(0.2, 0.5, 0.8, 0.95))
    assert list(table.columns) == COUNTS.names[2:]
    counted = table[["threshold", "detected_lesions", "predicted_lesions", "false_positives"]]
    assert counted.values.tolist() == [
        [0.2, 2, 3, 1],
        [0.5, 1, 2, 1],
        [0.8, 1, 1, 0],
        [0.95, 0, 0, 0],
    ]
    assert (table["reference_lesions"] == 2).all()


def test_a_low_threshold_joins_what_a_high_one_keeps_apart():
    bridge = [(BRIDGE, 0.4), (LEFT, 0.9), (RIGHT, 0.9)]
    table = froc_counts(
        probabilities(bridge), label_map(LEFT, RIGHT), **SETTINGS, thresholds=(0.3, 0.7)
    )
    assert table["predicted_lesions"].tolist() == [1, 2]


def test_every_rule_has_every_threshold():
    settings = SETTINGS | {"matching": ["any_overlap", "lits"]}
    table = froc_counts(probabilities([]), label_map(LEFT), **settings)
    assert len(table) == 2 * len(THRESHOLDS)
    check(table.assign(series="a", model="m")[COUNTS.names], COUNTS, "detection/m/froc.tsv")
    assert (table["detected_lesions"] == 0).all()


def test_small_components_are_no_predictions():
    given = probabilities([((1, 1, 1), 0.9), (FAR, 0.9)])
    settings = SETTINGS | {"minimum_lesion_voxels": 2}
    table = froc_counts(given, label_map(LEFT, FAR), **settings, thresholds=(0.5,))
    assert table[["detected_lesions", "predicted_lesions"]].values.tolist() == [[1, 1]]


def test_different_grids_end_with_a_sentence():
    with pytest.raises(InputError, match="different grids"):
        froc_counts(probabilities([]), label_map(LEFT, spacing=(1, 1, 2)), **SETTINGS)


def test_the_curve_pools_lesions_and_averages_false_positives_over_scans():
    counts = pd.DataFrame(
        [
            ("a", "m", "any_overlap", 0.5, 4, 5, 3, 3, 2),
            ("b", "m", "any_overlap", 0.5, 1, 2, 1, 1, 1),
        ],
        columns=COUNTS.names,
    )
    scans = pd.concat([scan(name, "m", label_map(), label_map(LEFT)) for name in ("a", "b")])
    facts = pd.DataFrame({"series": ["a", "b"], "patient": ["1", "2"]})
    sets = list(sets_of_scans(scans, facts.assign(cohort="T", place="test"), "S"))
    table = froc_table(sets, counts, draws=200, seed=1)
    check(table, CURVES, "tables/detection_froc.csv")
    table = table.set_index("metric")
    assert table.loc["sensitivity", "value"] == pytest.approx(4 / 5)
    assert table.loc["false_positives_per_scan", "value"] == 1.5
    # Draws hold one of the two patients alone at their ends.
    assert table.loc["sensitivity", ["low", "high"]].tolist() == pytest.approx([0.75, 1.0])
    assert table.loc["false_positives_per_scan", ["low", "high"]].tolist() == [1.0, 2.0]


def test_without_probabilities_there_is_no_curve():
    scans = scan("a", "m", label_map(), label_map(LEFT))
    facts = pd.DataFrame({"series": ["a"], "patient": ["1"], "cohort": "T", "place": "test"})
    sets = list(sets_of_scans(scans, facts, "S"))
    table = froc_table(sets, pd.DataFrame(columns=COUNTS.names), draws=100, seed=1)
    assert table.empty
    check(table, CURVES, "tables/detection_froc.csv")
