"""Five rules say which lesions match; splits, merges and ties are counted by hand."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from livermet.detection.lesions import lesion_components, overlapping_pairs
from livermet.detection.matching import Group, Overlap, match_lesions, threshold_of
from livermet.errors import InputError

RULES = ("any_overlap", "iou_0.1", "iou_0.5", "one_to_one", "lits")


def overlap(reference, prediction, shared):
    """Sizes by lesion, and {(reference, prediction): shared voxels}, numbered from 0."""
    pairs = sorted(shared)
    columns = np.array(pairs, dtype=int).reshape(-1, 2).T
    voxels = np.array([shared[pair] for pair in pairs], dtype=int)
    return Overlap(np.array(reference, int), np.array(prediction, int), *columns, voxels)


def answers(given, rule):
    match = match_lesions(given, rule)
    groups = [(group.references, group.predictions) for group in match.groups]
    return match.detected.tolist(), match.true_positive.tolist(), groups


def test_iou_by_hand():
    # 6 and 4 voxels, 2 shared: 2 of 8.
    assert overlap([6], [4], {(0, 0): 2}).iou.tolist() == [0.25]


def test_pairs_of_a_scan_are_numbered_from_0():
    pairs = pd.DataFrame({"reference": [1, 3], "prediction": [2, 1], "voxels": [5, 4]})
    made = Overlap.of(np.array([9, 8, 7]), np.array([6, 6]), pairs)
    assert made.matrix(made.shared).tolist() == [[0, 5], [0, 0], [4, 0]]


# A prediction of 25 voxels covers both of two lesions, of 10 and 8 voxels, in full:
# IoU 10 / 25 and 8 / 25 one by one, 18 / 25 for both together.
MERGED = overlap([10, 8], [25], {(0, 0): 10, (1, 0): 8})


@pytest.mark.parametrize(
    ("rule", "detected", "true_positive", "groups"),
    [
        ("any_overlap", [True, True], [True], [((0, 1), (0,))]),
        ("iou_0.1", [True, False], [True], [((0,), (0,))]),
        ("iou_0.5", [False, False], [False], []),
        ("one_to_one", [True, False], [True], [((0,), (0,))]),
        ("lits", [True, True], [True], [((0, 1), (0,))]),
    ],
)
def test_a_prediction_that_merges_two_lesions(rule, detected, true_positive, groups):
    assert answers(MERGED, rule) == (detected, true_positive, groups)
    assert MERGED.merges == 1
    assert MERGED.splits == 0


# A lesion of 20 voxels, of which predictions of 9, 8 and 1 voxels cover all but two: IoU 0.45, 0.4
# and 0.05 one by one, 18 / 20 together.
SPLIT = overlap([20], [9, 8, 1], {(0, 0): 9, (0, 1): 8, (0, 2): 1})


@pytest.mark.parametrize(
    ("rule", "detected", "true_positive", "groups"),
    [
        ("any_overlap", [True], [True, True, True], [((0,), (0, 1, 2))]),
        ("iou_0.1", [True], [True, False, False], [((0,), (0,))]),
        ("iou_0.5", [False], [False, False, False], []),
        ("one_to_one", [True], [True, False, False], [((0,), (0,))]),
        ("lits", [True], [True, True, True], [((0,), (0, 1, 2))]),
    ],
)
def test_predictions_that_split_a_lesion(rule, detected, true_positive, groups):
    assert answers(SPLIT, rule) == (detected, true_positive, groups)
    assert SPLIT.splits == 1
    assert SPLIT.merges == 0


def test_one_to_one_gives_up_the_best_pair_for_the_best_sum():
    # IoU: r0-p0 6/14 = 0.429, r0-p1 4/11 = 0.364, r1-p0 4/11: by decreasing IoU r0-p0 alone
    # (0.429); the two others sum up to 0.727.
    given = overlap([10, 5], [10, 5], {(0, 0): 6, (0, 1): 4, (1, 0): 4})
    assert answers(given, "iou_0.1")[2] == [((0,), (0,))]
    assert answers(given, "one_to_one")[2] == [((0,), (1,)), ((1,), (0,))]


@pytest.mark.parametrize("seed", range(20))
def test_one_to_one_is_the_best_of_all_assignments(seed):
    random = np.random.default_rng(seed)
    maps = [lesion_components((random.random((4, 5, 5)) < 0.3) * np.uint8(2), 6) for _ in range(2)]
    # The six largest lesions of each side: 720 assignments and the IoU of each pair of masks.
    one, other = ([side == number for number in range(1, 7)] for side in maps)
    iou = np.array([[(a & b).sum() / (a | b).sum() for b in other] for a in one])
    best = max(iou[range(6), list(order)].sum() for order in permutations(range(6)))
    maps = [np.where(side <= 6, side, 0) for side in maps]
    sizes = [np.bincount(side.ravel())[1:] for side in maps]
    match = match_lesions(Overlap.of(*sizes, overlapping_pairs(*maps)), "one_to_one")
    pairs = [(*group.references, *group.predictions) for group in match.groups]
    assert sum(iou[pair] for pair in pairs) == pytest.approx(best)
    assert all(iou[pair] > 0 for pair in pairs)
    assert len(pairs) == match.detected.sum() == match.true_positive.sum()


def test_an_iou_of_exactly_the_threshold_counts_but_not_for_lits():
    # 2 of 4 voxels.
    given = overlap([4], [2], {(0, 0): 2})
    assert answers(given, "iou_0.5")[0] == [True]
    assert answers(given, "lits")[0] == [False]


def test_ties_go_to_the_lower_number():
    given = overlap([4], [2, 2], {(0, 0): 2, (0, 1): 2})
    assert answers(given, "iou_0.5")[1] == [True, False]
    given = overlap([4, 4], [8], {(0, 0): 4, (1, 0): 4})
    assert answers(given, "iou_0.5")[0] == [True, False]


def test_lits_gives_a_lesion_to_the_prediction_that_covers_most_of_it():
    # p0 covers r0 (10 of 10) and 3 of r1, p1 covers 7 of r1. r1 goes to p1 and does not merge with
    # r0: IoU of r0 and p0 10 / 14, of r1 and p1 7 / 12.
    given = overlap([10, 10], [14, 9], {(0, 0): 10, (1, 0): 3, (1, 1): 7})
    assert answers(given, "lits")[2] == [((0,), (0,)), ((1,), (1,))]


def test_lits_counts_every_member_of_a_failed_group():
    # Both lesions merge in a prediction far too large for them: 8 of 40 voxels.
    given = overlap([4, 4], [40, 3], {(0, 0): 4, (1, 0): 4})
    assert answers(given, "lits") == ([False, False], [False, False], [])


def test_any_overlap_follows_chains():
    # r0 - p0 - r1 - p1, and r2 - p2 apart; r3 and p3 are alone.
    shared = {(0, 0): 1, (1, 0): 1, (1, 1): 1, (2, 2): 1}
    given = overlap([5, 5, 5, 5], [5, 5, 5, 5], shared)
    detected, true_positive, groups = answers(given, "any_overlap")
    assert detected == true_positive == [True, True, True, False]
    assert groups == [((0, 1), (0, 1)), ((2,), (2,))]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("reference", "prediction"), [([], []), ([3], []), ([], [3]), ([3], [4])])
def test_nothing_matches_where_nothing_overlaps(rule, reference, prediction):
    detected, true_positive, groups = answers(overlap(reference, prediction, {}), rule)
    assert detected == [False] * len(reference)
    assert true_positive == [False] * len(prediction)
    assert groups == []


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(4))
def test_groups_share_no_lesion_and_hold_all_matched_ones(rule, seed):
    random = np.random.default_rng(seed)
    maps = [lesion_components((random.random((9, 9, 9)) < 0.1) * np.uint8(2)) for _ in range(2)]
    sizes = [np.bincount(lesions.ravel())[1:] for lesions in maps]
    match = match_lesions(Overlap.of(*sizes, overlapping_pairs(*maps)), rule)
    references = [lesion for group in match.groups for lesion in group.references]
    predictions = [lesion for group in match.groups for lesion in group.predictions]
    assert sorted(references) == np.flatnonzero(match.detected).tolist()
    assert sorted(predictions) == np.flatnonzero(match.true_positive).tolist()
    assert all(isinstance(group, Group) for group in match.groups)


@pytest.mark.parametrize("rule", ["overlap", "iou_", "iou_x", "iou_0", "iou_1.5", "iou_nan"])
def test_an_unknown_rule_ends_with_a_sentence(rule):
    with pytest.raises(InputError, match="is no rule; name any_overlap"):
        threshold_of(rule)
