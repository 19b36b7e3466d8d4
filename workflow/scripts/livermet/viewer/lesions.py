"""The lesions of a page: where each is, what it measures, and by which rules it is matched.

Arrays are in SimpleITK's order (z, y, x) unless a function says otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.detection.lesions import lesion_boxes, lesion_table
from livermet.detection.measured import PREDICTION, REFERENCE
from livermet.images import WHOLE_PROBABILITY

MATCHED = "matched_"


def lesions_of(
    components: np.ndarray,
    ct: np.ndarray,
    probability: np.ndarray | None,
    grid: sitk.Image,
    side: str,
) -> list[dict[str, Any]]:
    """List the lesions of a component map, in the order of their numbers.

    components: 0, or the number of a lesion. ct: HU. probability: of a lesion, uint8, 255 for 1;
    None where none is saved. Each lesion has side, lesion (its number), volume_ml, diameter_mm (of
    the sphere of equal volume), mean_hu, sd_hu, probability (mean over its voxels; None where none
    is saved), and `at`: the slice, row and column of its voxel nearest to its centre, as a page
    shows them, so that the place is always on the lesion.
    """
    table = lesion_table(components, grid)
    found = []
    for box, row in zip(lesion_boxes(components), table.itertuples(index=False), strict=True):
        inside = components[box] == row.lesion
        hu = ct[box][inside]
        found.append(
            {
                "side": side,
                "lesion": int(row.lesion),
                "volume_ml": float(row.volume_ml),
                "diameter_mm": float(row.diameter_mm),
                "mean_hu": float(hu.mean()),
                "sd_hu": float(hu.std()),
                "probability": None
                if probability is None
                else float(probability[box][inside].mean() / WHOLE_PROBABILITY),
                "at": _shown_at(inside, box, components.shape, grid.GetSpacing()),
            }
        )
    return found


def _shown_at(
    inside: np.ndarray, box: Sequence[slice], shape: Sequence[int], spacing: Sequence[float]
) -> list[int]:
    """Return slice, row and column, in a page's order, of the voxel nearest to the centre."""
    voxels = np.argwhere(inside)
    away = (voxels - voxels.mean(axis=0)) * np.asarray(spacing)[::-1]
    nearest = voxels[int((away**2).sum(axis=1).argmin())]
    z, y, x = (int(place + edge.start) for place, edge in zip(nearest, box, strict=True))
    return [z, shape[1] - 1 - y, shape[2] - 1 - x]


def with_matches(
    lesions: Sequence[Mapping[str, Any]],
    measured: pd.DataFrame,
    groups: pd.DataFrame,
    rules: Sequence[str],
) -> list[dict[str, Any]]:
    """Give lesions of one scan and model their matches, worst first.

    measured, groups: the rows of detection's tables `lesions` and `groups` of this scan and model.
    A lesion gets `matched` ({rule: True, False or, without a reference, None}) and `dice`, that of
    the group that the first rule matches it in, None where it is in none. First come missed
    lesions, then false ones, either from the largest, then matched ones from the lowest Dice.
    """
    known = measured.set_index(["side", "lesion"])
    dice = _dice_of(groups[groups["rule"].eq(rules[0])]) if rules else {}
    told = [
        {
            **one,
            "matched": {rule: _flag(known, one, rule) for rule in rules},
            "dice": dice.get((one["side"], one["lesion"])),
        }
        for one in lesions
    ]
    return sorted(told, key=_by_badness)


def _flag(known: pd.DataFrame, lesion: Mapping[str, Any], rule: str) -> bool | None:
    value = known.at[(lesion["side"], lesion["lesion"]), MATCHED + rule]
    return None if pd.isna(value) else bool(value)


def _dice_of(groups: pd.DataFrame) -> dict[tuple[str, int], float]:
    """Return the Dice of the group that each lesion is in, by side and number."""
    return {
        (side, int(number)): float(dice)
        for side, column in ((REFERENCE, "references"), (PREDICTION, "predictions"))
        for numbers, dice in zip(groups[column], groups["dice"], strict=True)
        for number in str(numbers).split("+")
    }


def _by_badness(lesion: Mapping[str, Any]) -> tuple:
    first = next(iter(lesion["matched"].values()), None)
    missed = first is False and lesion["side"] == REFERENCE
    false = first is False and lesion["side"] == PREDICTION
    score = 0.0 if lesion["dice"] is None else lesion["dice"]
    return (not missed, not false, score, lesion["side"] != REFERENCE, -lesion["volume_ml"])
