"""The scores of one scan: of the whole scan, of each lesion, and of each group of matched lesions.

Scans without lesions have stated results:

==================  ===================  ==================================================
reference lesions   predicted lesions    result
==================  ===================  ==================================================
none                none                 Dice and surface Dice 1, VOE and RVD 0, no entry in
                                         sensitivity or PPV
none                some                 Dice and surface Dice 0, VOE 1, RVD undefined, every
                                         predicted lesion false positive
some                none                 Dice and surface Dice 0, VOE 1, RVD -1, no reference
                                         lesion detected
==================  ===================  ==================================================

In all three distances are undefined (empty).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.detection.lesions import (
    labelled_box,
    lesion_components,
    lesion_table,
    overlapping_pairs,
)
from livermet.detection.matching import Group, Match, Overlap, match_lesions
from livermet.detection.measured import GROUPS, MATCHING, PREDICTION, REFERENCE
from livermet.detection.surface import ALL, SurfaceDistances, surfaces_of
from livermet.errors import InputError
from livermet.images import LIVER, array_of, grid_difference, voxel_volume_ml

ANY_OVERLAP = "any_overlap"
TOLERANCE_MM = 2.0
OVERLAP_SCORES = ("dice", "voe", "rvd")
SURFACE_SCORES = ("assd_mm", "mssd_mm", "hd95_mm", "surface_dice")


@dataclass(frozen=True)
class ScanScores:
    """One scan's scores; None where there is no reference to measure against, or no value.

    Volumes are in ml, distances in mm. `detected_lesions`, `true_positive_lesions` and
    `false_positives` are by the first rule of matching. The liver includes its lesions (label 1 or
    2). A burden is the volume of all lesions. The scores `lesion_*` take all lesions of a side as
    one mask. `split_lesions` are reference lesions that several predicted ones touch,
    `merging_lesions` predicted ones that touch several of the reference.
    """

    has_reference: bool
    reference_lesions: int | None
    predicted_lesions: int
    detected_lesions: int | None
    true_positive_lesions: int | None
    false_positives: int | None
    liver_dice: float | None
    lesion_dice: float | None
    reference_burden_ml: float | None
    predicted_burden_ml: float
    reference_liver_ml: float | None
    predicted_liver_ml: float
    false_positive_ml: float | None = None
    split_lesions: int | None = None
    merging_lesions: int | None = None
    lesion_voe: float | None = None
    lesion_rvd: float | None = None
    lesion_assd_mm: float | None = None
    lesion_mssd_mm: float | None = None
    lesion_hd95_mm: float | None = None
    lesion_surface_dice: float | None = None


@dataclass(frozen=True)
class ScanMeasures:
    """What is measured of one scan.

    `lesions`: one row a lesion of either side, reference first (`LESIONS`). `matching`: one row a
    rule (`MATCHING`). `groups`: one row a rule and group of matched lesions (`GROUPS`). All of them
    are without series and model. Without a reference the last two have no rows.
    """

    scores: ScanScores
    lesions: pd.DataFrame
    matching: pd.DataFrame
    groups: pd.DataFrame


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Return the Dice coefficient of two masks of one shape; 1 where both are empty (stated)."""
    voxels = (int(np.count_nonzero(mask)) for mask in (one, other, one & other))
    return overlap_scores(*voxels)["dice"]


def overlap_scores(reference: int, prediction: int, shared: int) -> dict[str, float]:
    """Score two masks by their sizes and what they share, in voxels.

    dice; voe, the volumetric overlap error, 1 - IoU; rvd, the relative volume difference,
    (prediction - reference) / reference, NaN where only the reference is empty.
    """
    total = reference + prediction
    if not total:
        return {"dice": 1.0, "voe": 0.0, "rvd": 0.0}
    return {
        "dice": 2.0 * shared / total,
        "voe": 1.0 - shared / (total - shared),
        "rvd": (prediction - reference) / reference if reference else np.nan,
    }


def measure_scan(
    prediction: sitk.Image,
    reference: sitk.Image | None,
    connectivity: int = 26,
    minimum_lesion_voxels: int = 1,
    matching: Sequence[str] = (ANY_OVERLAP,),
    surface_tolerance_mm: float = TOLERANCE_MM,
) -> ScanMeasures:
    """Measure one scan's prediction, against its reference where there is one.

    Label maps 0 background, 1 liver, 2 lesion on one grid. Predicted lesions of fewer than
    `minimum_lesion_voxels` voxels count as liver, in every score and in the burden; the reference
    is never filtered. `matching` names rules of `livermet.detection.matching`. Raises InputError
    where the grids differ.
    """
    if reference is not None and (difference := grid_difference(prediction, reference)):
        raise InputError(
            f"prediction and reference lie on different grids: {difference}; "
            "run the prediction and the ingest of this series again."
        )
    maps = [array_of(image) for image in (prediction, reference) if image is not None]
    box = labelled_box(*maps)
    predicted, *truth = (np.ascontiguousarray(labels[box]) for labels in maps)
    corner = [edge.start for edge in box]
    found = lesion_components(predicted, connectivity, minimum_lesion_voxels)
    found_table = lesion_table(found, prediction, corner).assign(side=PREDICTION)
    if reference is None:
        return _without_reference(predicted, found_table, prediction, matching)
    known = lesion_components(truth[0], connectivity)
    known_table = lesion_table(known, reference, corner).assign(side=REFERENCE)
    overlap = Overlap.of(
        known_table["voxels"].to_numpy(),
        found_table["voxels"].to_numpy(),
        overlapping_pairs(known, found),
    )
    spacing_mm = prediction.GetSpacing()[::-1]
    of_lesions = SurfaceDistances(
        surfaces_of(known, spacing_mm), surfaces_of(found, spacing_mm), surface_tolerance_mm
    )
    of_scan = of_lesions
    if connectivity != ALL:
        # Lesions may touch at corners or edges, and the scan has no surface between them.
        whole, found_whole = (surfaces_of(_merged(side), spacing_mm) for side in (known, found))
        of_scan = SurfaceDistances(whole, found_whole, surface_tolerance_mm)
    matches = {rule: match_lesions(overlap, rule) for rule in matching}
    tables = {REFERENCE: known_table, PREDICTION: found_table}
    counted = _matching_table(matches, tables)
    scores = _scan_scores(truth[0], predicted, tables, overlap, counted, prediction)
    return ScanMeasures(
        ScanScores(
            **scores,
            **{f"lesion_{name}": value for name, value in asdict(of_scan.of_scan()).items()},
        ),
        _marked(tables, matches),
        counted,
        _group_table(matches, overlap, of_lesions, voxel_volume_ml(prediction)),
    )


def _merged(components: np.ndarray) -> np.ndarray:
    """Number what lesions form together where those that share a corner count as one."""
    return lesion_components(np.where(components, 2, 0).astype(np.uint8), ALL)


def _without_reference(
    predicted: np.ndarray, lesions: pd.DataFrame, grid: sitk.Image, rules: Sequence[str]
) -> ScanMeasures:
    none: dict[str, Any] = dict.fromkeys(ScanScores.__dataclass_fields__)
    scores = none | {
        "has_reference": False,
        "predicted_lesions": len(lesions),
        "predicted_burden_ml": float(lesions["volume_ml"].sum()),
        "predicted_liver_ml": int(np.count_nonzero(predicted >= LIVER)) * voxel_volume_ml(grid),
    }
    lesions = lesions.assign(matched=None, **{f"matched_{rule}": None for rule in rules})
    return ScanMeasures(
        ScanScores(**scores),
        lesions,
        pd.DataFrame(columns=MATCHING.names[2:]),
        pd.DataFrame(columns=GROUPS.names[2:]),
    )


def _scan_scores(
    truth: np.ndarray,
    predicted: np.ndarray,
    tables: dict[str, pd.DataFrame],
    overlap: Overlap,
    counted: pd.DataFrame,
    grid: sitk.Image,
) -> dict:
    known, found = tables[REFERENCE], tables[PREDICTION]
    voxel_ml = voxel_volume_ml(grid)
    livers = truth >= LIVER, predicted >= LIVER
    lesions = overlap_scores(
        int(known["voxels"].sum()), int(found["voxels"].sum()), int(overlap.shared.sum())
    )
    first = counted.iloc[0]
    counts = ("detected_lesions", "true_positive_lesions", "false_positives")
    return {
        "has_reference": True,
        "reference_lesions": len(known),
        "predicted_lesions": len(found),
        **{name: int(first[name]) for name in counts},
        "false_positive_ml": float(first["false_positive_ml"]),
        "liver_dice": dice(*livers),
        "reference_burden_ml": float(known["volume_ml"].sum()),
        "predicted_burden_ml": float(found["volume_ml"].sum()),
        "reference_liver_ml": int(np.count_nonzero(livers[0])) * voxel_ml,
        "predicted_liver_ml": int(np.count_nonzero(livers[1])) * voxel_ml,
        "split_lesions": overlap.splits,
        "merging_lesions": overlap.merges,
        **{f"lesion_{name}": value for name, value in lesions.items()},
    }


def _marked(tables: dict[str, pd.DataFrame], matches: dict[str, Match]) -> pd.DataFrame:
    """Mark each lesion as matched or not, by every rule; reference first."""
    flags = {
        REFERENCE: {rule: match.detected for rule, match in matches.items()},
        PREDICTION: {rule: match.true_positive for rule, match in matches.items()},
    }
    marked = [
        table.assign(
            matched=next(iter(flags[side].values())),
            **{f"matched_{rule}": flag for rule, flag in flags[side].items()},
        )
        for side, table in tables.items()
    ]
    return pd.concat(marked, ignore_index=True)


def _matching_table(matches: dict[str, Match], tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    volumes_ml = tables[PREDICTION]["volume_ml"].to_numpy()
    rows = [
        {
            **matching_row(rule, match),
            "false_positive_ml": float(volumes_ml[~match.true_positive].sum()),
            "groups": len(match.groups),
        }
        for rule, match in matches.items()
    ]
    return pd.DataFrame(rows, columns=MATCHING.names[2:])


def matching_row(rule: str, match: Match) -> dict:
    """Count a rule's matched and unmatched lesions."""
    return {
        "rule": rule,
        "reference_lesions": len(match.detected),
        "predicted_lesions": len(match.true_positive),
        "detected_lesions": int(match.detected.sum()),
        "true_positive_lesions": int(match.true_positive.sum()),
        "false_positives": int((~match.true_positive).sum()),
    }


def _group_table(
    matches: dict[str, Match], overlap: Overlap, surfaces: SurfaceDistances, voxel_ml: float
) -> pd.DataFrame:
    shared = overlap.matrix(overlap.shared)
    known: dict[Group, dict] = {}
    rows = []
    for rule, match in matches.items():
        for group in match.groups:
            # Most groups are the same by several rules.
            if group not in known:
                known[group] = _group_scores(group, overlap, shared, surfaces, voxel_ml)
            rows.append({"rule": rule, **known[group]})
    return pd.DataFrame(rows, columns=GROUPS.names[2:])


def _group_scores(
    group: Group,
    overlap: Overlap,
    shared: np.ndarray,
    surfaces: SurfaceDistances,
    voxel_ml: float,
) -> dict:
    references, predictions = list(group.references), list(group.predictions)
    reference = int(overlap.reference_voxels[references].sum())
    prediction = int(overlap.predicted_voxels[predictions].sum())
    both = int(shared[np.ix_(references, predictions)].sum())
    return {
        "references": "+".join(str(lesion + 1) for lesion in references),
        "predictions": "+".join(str(lesion + 1) for lesion in predictions),
        "reference_ml": reference * voxel_ml,
        "predicted_ml": prediction * voxel_ml,
        **overlap_scores(reference, prediction, both),
        **asdict(surfaces.of_group(references, predictions)),
    }


def scan_table(series: str, model: str, kind: str, scores: ScanScores) -> pd.DataFrame:
    """Return a scan's scores as a table of one row, led by series, model and kind: `SCANS`."""
    row = {"series": series, "model": model, "kind": kind, **asdict(scores)}
    return pd.DataFrame([row]).astype(object)
