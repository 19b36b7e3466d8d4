"""Which lesions of a prediction match which of the reference, by several rules at once.

Every rule decides from the voxels that each pair of lesions shares and from the lesions' sizes
alone, so that any number of rules costs one pass over the scan. A rule says of each reference
lesion whether it is detected, of each predicted one whether it is a true positive (else it is a
false positive), and which lesions were matched to each other, as groups that share no lesion.
IoU is the share of the voxels of two lesions, or of two merged sets of lesions, that both have.

any_overlap    Ty et al. 2025's reading: one shared voxel. A prediction that merges two lesions
               detects both; all parts of a split lesion are true positives. Its groups are what
               overlaps, directly or over other lesions.
iou_<t>        Each lesion has one partner at most: pairs are taken by decreasing IoU while it is at
               least t (0.1: Jaeger et al. 2020; 0.5: Kirillov et al. 2019; panoptica's
               NaiveThresholdMatching). Of a split lesion the best part counts, of merged lesions
               the best one; the others are false positives and misses.
one_to_one     Each lesion has one partner at most, such that the sum of all IoU is the largest
               (assignment problem); any shared voxel makes a pair possible.
lits           The LiTS organisers' (Bilic et al. 2023): a reference lesion goes to the prediction
               that covers most of it, and those of one prediction merge; a prediction then goes to
               the merged lesion of which it covers most, and those of one merged lesion merge. A
               group is a match if its IoU is above 0.5, and then all its lesions count.

Ties go to the lesion with the lower number, which is the larger one. The sources: docs/methods.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from livermet.errors import InputError

LITS_IOU = 0.5
IOU_PREFIX = "iou_"


@dataclass(frozen=True)
class Overlap:
    """The contingency of two sets of lesions, which are numbered from 0 here.

    `reference_voxels` and `predicted_voxels` are sizes by lesion; pair k has the lesions
    `reference[k]` and `prediction[k]` and `shared[k]` voxels in common (above 0).
    """

    reference_voxels: np.ndarray
    predicted_voxels: np.ndarray
    reference: np.ndarray
    prediction: np.ndarray
    shared: np.ndarray

    @classmethod
    def of(
        cls, reference_voxels: np.ndarray, predicted_voxels: np.ndarray, pairs: pd.DataFrame
    ) -> "Overlap":
        """Take the columns reference, prediction (numbers from 1) and voxels of `pairs`."""
        reference, prediction = (pairs[name].to_numpy() - 1 for name in ("reference", "prediction"))
        return cls(
            np.asarray(reference_voxels),
            np.asarray(predicted_voxels),
            reference,
            prediction,
            pairs["voxels"].to_numpy(),
        )

    @property
    def iou(self) -> np.ndarray:
        """Return each pair's intersection over union."""
        sizes = self.reference_voxels[self.reference] + self.predicted_voxels[self.prediction]
        return self.shared / (sizes - self.shared)

    def matrix(self, values: np.ndarray) -> np.ndarray:
        """Lay a value of each pair out as (reference, prediction), 0 elsewhere."""
        table = np.zeros((len(self.reference_voxels), len(self.predicted_voxels)), values.dtype)
        table[self.reference, self.prediction] = values
        return table

    @property
    def splits(self) -> int:
        """Count the reference lesions that several predicted lesions share voxels with."""
        return int(np.count_nonzero(np.bincount(self.reference) > 1))

    @property
    def merges(self) -> int:
        """Count the predicted lesions that share voxels with several reference lesions."""
        return int(np.count_nonzero(np.bincount(self.prediction) > 1))


@dataclass(frozen=True)
class Group:
    """Lesions of both sides, numbered from 0, that a rule matched to each other."""

    references: tuple[int, ...]
    predictions: tuple[int, ...]


@dataclass(frozen=True)
class Match:
    """A rule's answer: what of each side is matched, and to what."""

    detected: np.ndarray
    true_positive: np.ndarray
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, overlap: Overlap, groups: Iterable[Group]) -> "Match":
        """Mark the lesions of the groups as matched; groups in the order of their lesions."""
        groups = tuple(sorted(groups, key=lambda group: (group.references, group.predictions)))
        detected = np.zeros(len(overlap.reference_voxels), bool)
        true_positive = np.zeros(len(overlap.predicted_voxels), bool)
        for group in groups:
            detected[list(group.references)] = True
            true_positive[list(group.predictions)] = True
        return cls(detected, true_positive, groups)


def match_lesions(overlap: Overlap, rule: str) -> Match:
    """Match lesions by a rule: any_overlap, iou_<threshold>, one_to_one or lits.

    Raises InputError for another name.
    """
    if rule == "any_overlap":
        return _any_overlap(overlap)
    if rule == "one_to_one":
        return _one_to_one(overlap)
    if rule == "lits":
        return _lits(overlap)
    return _greedy(overlap, threshold_of(rule))


def threshold_of(rule: str) -> float:
    """Read the IoU threshold from a rule's name, such as iou_0.1; InputError for another name."""
    try:
        threshold = float(rule.removeprefix(IOU_PREFIX)) if rule.startswith(IOU_PREFIX) else 0.0
    except ValueError:
        threshold = 0.0
    if not 0 < threshold <= 1:
        raise InputError(
            f"detection.matching: '{rule}' is no rule; name any_overlap, one_to_one, lits or "
            "iou_<threshold> with a threshold above 0 and up to 1, such as iou_0.5."
        )
    return threshold


def _any_overlap(overlap: Overlap) -> Match:
    references = len(overlap.reference_voxels)
    size = references + len(overlap.predicted_voxels)
    edges = coo_array(
        (overlap.shared, (overlap.reference, references + overlap.prediction)), shape=(size, size)
    )
    _, part = connected_components(edges, directed=False)
    overlapping = np.unique(np.r_[overlap.reference, references + overlap.prediction])
    members = pd.Series(overlapping).groupby(part[overlapping]).agg(list)
    return Match.of(
        overlap,
        (
            Group(
                tuple(lesion for lesion in group if lesion < references),
                tuple(lesion - references for lesion in group if lesion >= references),
            )
            for group in members
        ),
    )


def _greedy(overlap: Overlap, threshold: float) -> Match:
    iou = overlap.iou
    groups: list[Group] = []
    taken: tuple[set[int], set[int]] = (set(), set())
    for pair in np.lexsort((overlap.prediction, overlap.reference, -iou)):
        reference, prediction = int(overlap.reference[pair]), int(overlap.prediction[pair])
        if iou[pair] >= threshold and reference not in taken[0] and prediction not in taken[1]:
            taken[0].add(reference)
            taken[1].add(prediction)
            groups.append(Group((reference,), (prediction,)))
    return Match.of(overlap, groups)


def _one_to_one(overlap: Overlap) -> Match:
    iou = overlap.matrix(overlap.iou)
    pairs = np.transpose(linear_sum_assignment(iou, maximize=True))
    return Match.of(overlap, (Group((int(r),), (int(p),)) for r, p in pairs if iou[r, p] > 0))


def _lits(overlap: Overlap) -> Match:
    shared = overlap.matrix(overlap.shared)
    if not shared.any():
        return Match.of(overlap, ())
    # Each reference lesion's prediction, and the references that merge in each prediction.
    best = np.where(shared.any(axis=1), shared.argmax(axis=1), -1)
    merged = {int(p): np.flatnonzero(best == p) for p in np.unique(best[best >= 0])}
    # In the organisers' order: merged lesions stand at the place of their first member.
    sets = sorted(merged.values(), key=lambda members: members[0])
    covered = np.stack([shared[members].sum(axis=0) for members in sets])
    chosen = np.where(covered.any(axis=0), covered.argmax(axis=0), -1)
    groups = []
    for place, members in enumerate(sets):
        predictions = np.flatnonzero(chosen == place)
        both = int(covered[place, predictions].sum())
        voxels = overlap.reference_voxels[members].sum()
        voxels = int(voxels + overlap.predicted_voxels[predictions].sum())
        if both > LITS_IOU * (voxels - both):
            groups.append(Group(tuple(members.tolist()), tuple(predictions.tolist())))
    return Match.of(overlap, groups)
