"""Perturbed masks of a scan's lesions, as another segmentation might have drawn their contour.

The surface of all lesions together is moved along its normal by a smooth Gaussian random field in
mm, and the mask is made of the voxels whose centres then lie inside. That contours are to be varied
by their uncertainty, and features kept that do not mind, is Zwanenburg et al.'s idea (Sci Rep 2019,
doi:10.1038/s41598-018-36938-4); their software MIRP draws supervoxels of the image at random.

Arrays are (z, y, x), spacing in mm in the same order.
"""

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy.ndimage import distance_transform_edt

from livermet.contracts import COUNT, NUMBER, SERIES, SHARE, TEXT, Column, Contract
from livermet.detection.lesions import labelled_box, lesion_boxes, lesion_components, moved_box
from livermet.images import LESION, array_of, voxel_volume_ml
from livermet.radiomics.aggregation import aggregate
from livermet.radiomics.features import FEATURE_COLUMNS, FEATURES, Measured, feature_extractor
from livermet.radiomics.resampling import SplineVolume
from livermet.radiomics.scans import (
    BURDEN,
    LESION_COUNT,
    LESIONS_OF_MASK,
    PLAIN,
    REASON,
    LesionRules,
    Lesions,
    refuse_other_grid,
)
from livermet.vocabulary import AGGREGATIONS, Aggregation

PERTURBED = Contract(
    files=("radiomics/*/batches/*.perturbed.tsv",),
    row="a perturbed mask of a series, its features by one aggregation of its lesions",
    columns=(
        SERIES,
        Column("perturbation", COUNT, "number of the perturbed mask of the series", low=1),
        Column("aggregation", TEXT, "how the features come of the lesions", words=AGGREGATIONS),
        Column(
            "contour_sd_mm",
            NUMBER,
            "standard deviation of the contour's displacement",
            unit="mm",
            low=0,
        ),
        Column(
            "correlation_mm", NUMBER, "correlation length of the displacement", unit="mm", low=0
        ),
        FEATURE_COLUMNS,
        LESIONS_OF_MASK,
        BURDEN,
        Column("dice", SHARE, "Dice with the mask itself", missing="without a lesion"),
        REASON,
    ),
    key=("series", "perturbation", "aggregation"),
)
UNION = Aggregation.UNION.value
# Voxels beyond so many standard deviations from the surface are left as they are.
REACH = 4.0
WAVES = 256
POINTS_AT_ONCE = 4096

LOG = logging.getLogger("livermet")


@dataclass(frozen=True)
class Perturbations:
    """How many masks to make, the displacement's standard deviation and correlation length (mm)."""

    count: int
    contour_sd_mm: float
    correlation_mm: float


@dataclass(frozen=True)
class Surroundings:
    """The voxels near the surface of some lesions: flat indices, centres (n, 3) and distances.

    `lesions` has the lesion of each voxel, 0 outside; `distances_mm` are from its centre to the
    surface, negative inside; never 0.
    """

    voxels: np.ndarray
    lesions: np.ndarray
    centres_mm: np.ndarray
    distances_mm: np.ndarray


def perturbed_features(
    ct: sitk.Image,
    labels: sitk.Image,
    series: str,
    settings: dict,
    perturbations: Perturbations,
    seed: int,
    aggregations: Sequence[str] = (UNION,),
    connectivity: int = 26,
    minimum_lesion_voxels: int = 1,
    rules: LesionRules = PLAIN,
) -> pd.DataFrame:
    """Compute the features of a scan's lesions in perturbed masks, a row a mask and aggregation.

    ct, labels, settings, rules and lesions as in `scan_features`; lesions are left out before their
    contours move, never afterwards. `aggregations` as in `livermet.radiomics.aggregation`; lesions
    are then those of the perturbed mask, as are Num_Lesions and burden_ml. Without a lesion
    features and dice are NaN. The result is `PERTURBED`. Raises InputError where the grids differ.
    """
    refuse_other_grid(ct, labels)
    whole, spacing_mm = array_of(labels), ct.GetSpacing()[::-1]
    reach_mm = REACH * perturbations.contour_sd_mm
    box = widened(labelled_box(whole), reach_mm, spacing_mm, whole.shape)
    components = lesion_components(whole[box], connectivity, minimum_lesion_voxels)
    lesions = labelled_box(components)
    volume, corner = SplineVolume(ct), [edge.start for edge in box]
    if components.any():
        # Every perturbed mask lies in here.
        within = widened(lesions, reach_mm, spacing_mm, components.shape)
        volume.prepare(moved_box(within, corner))
    near = surroundings(components, spacing_mm, reach_mm)
    extractor = feature_extractor(settings)
    parts = []
    for number in range(1, perturbations.count + 1):
        random = generator(seed, series, number)
        field = gaussian_field(near.centres_mm, perturbations.correlation_mm, random)
        mask = displaced(components, near, perturbations.contour_sd_mm * field)
        moved = lesion_components(mask * np.uint8(LESION), connectivity)
        dice = _dice(components > 0, mask) if mask.any() else np.nan
        LOG.info("perturbation %d: Dice %.3f", number, dice)
        rows = _aggregated(Lesions(volume, moved, corner, extractor, rules), aggregations)
        parts.append(rows.assign(perturbation=number, dice=dice))
    facts: dict[str, float | str] = {"contour_sd_mm": perturbations.contour_sd_mm}
    facts |= {"correlation_mm": perturbations.correlation_mm, "series": series}
    return pd.concat(parts, ignore_index=True).assign(**facts)[PERTURBED.names]


def _aggregated(scan: Lesions, aggregations: Sequence[str]) -> pd.DataFrame:
    """Measure the lesions of a mask, a row an aggregation."""
    voxels = np.bincount(scan.components[scan.components > 0], minlength=1)[1:]
    volumes_ml = voxels * voxel_volume_ml(scan.volume.ct)
    union = scan.union() if len(voxels) else Measured({}, "no lesions")
    # One scan, whose name does not matter here; nor does its voxel.
    row = {"series": "", LESION_COUNT: len(voxels), "burden_ml": volumes_ml.sum(), "voxel_mm": ""}
    row |= {"reason": union.reason}
    unions = pd.DataFrame([row | dict.fromkeys(FEATURES, np.nan) | union.values])
    rows = []
    if set(aggregations) != {UNION}:
        for number, volume_ml in enumerate(volumes_ml, start=1):
            values, reason = scan.lesion(number)
            facts = {"series": "", "lesion": number, "volume_ml": volume_ml, "voxel_mm": ""}
            rows.append(facts | values | {"reason": reason})
    columns = ["series", "lesion", "volume_ml", "voxel_mm", "reason", *FEATURES]
    lesions = pd.DataFrame(rows, columns=columns)
    return pd.concat(
        aggregate(unions, lesions, name).assign(aggregation=name) for name in aggregations
    )


def generator(seed: int, series: str, number: int) -> np.random.Generator:
    """Make the generator of one perturbation of one series, the same in any order of jobs."""
    return np.random.default_rng([seed, zlib.crc32(series.encode()), number])


def surroundings(
    components: np.ndarray, spacing_mm: Sequence[float], reach_mm: float
) -> Surroundings:
    """Find the voxels within `reach_mm` of the surface of the lesions in a component map.

    The surface is that of all lesions together, so that lesions which touch have none between
    them; the volume's edge is none either. Each lesion is looked at in its own box.
    """
    voxels, distances = [np.zeros(0, np.int64)], [np.zeros(0)]
    for tight in lesion_boxes(components):
        box = widened(tight, reach_mm, spacing_mm, components.shape)
        inside = components[box] > 0
        if inside.all():
            continue
        found = signed_distances(inside, spacing_mm)
        near = np.abs(found) <= reach_mm
        places = np.argwhere(near) + [edge.start for edge in box]
        voxels.append(np.ravel_multi_index(places.T, components.shape))
        distances.append(found[near])
    flat, mm = np.concatenate(voxels), np.concatenate(distances)
    # Where boxes share a voxel, the one that holds its nearest surface has the smaller distance.
    order = np.lexsort((np.abs(mm), flat))
    flat, first = np.unique(flat[order], return_index=True)
    centres = np.column_stack(np.unravel_index(flat, components.shape)) * np.asarray(spacing_mm)
    return Surroundings(flat, components.ravel()[flat], centres, mm[order][first])


def widened(
    box: Sequence[slice], reach_mm: float, spacing_mm: Sequence[float], shape: Sequence[int]
) -> tuple[slice, ...]:
    """Widen a box by a distance and one voxel more on every side, as far as the volume goes."""
    margins = [int(np.ceil(reach_mm / length)) + 1 for length in spacing_mm]
    return tuple(
        slice(max(edge.start - margin, 0), min(edge.stop + margin, size))
        for edge, margin, size in zip(box, margins, shape, strict=True)
    )


def signed_distances(inside: np.ndarray, spacing_mm: Sequence[float]) -> np.ndarray:
    """Return the distance of every voxel's centre to the surface of a mask (mm), negative inside.

    The mask has voxels inside and outside. The surface passes halfway between neighbours: from the
    distance to the nearest centre of the other side half of that voxel's own distance to this side
    is taken off.
    """
    to_outside, outer = distance_transform_edt(inside, spacing_mm, return_indices=True)
    to_inside, inner = distance_transform_edt(~inside, spacing_mm, return_indices=True)
    return np.where(
        inside,
        to_inside[tuple(outer)] / 2 - to_outside,
        to_inside - to_outside[tuple(inner)] / 2,
    )


def gaussian_field(
    points_mm: np.ndarray, correlation_mm: float, random: np.random.Generator
) -> np.ndarray:
    """Draw a Gaussian random field of mean 0 and variance 1 at points (n, 3) in mm.

    It is stationary and isotropic: white noise smoothed by a Gaussian, with a correlation of
    exp(-r^2 / (2 correlation_mm^2)) at distance r. As a sum of cosine waves (spectral
    representation; Shinozuka and Jan, J Sound Vib 1972), so that it is made where it is needed and
    knows no grid and no border.
    """
    # In single precision, in which NumPy's cosine is many times as fast.
    waves = random.normal(scale=1 / correlation_mm, size=(3, WAVES)).astype(np.float32)
    phases = random.uniform(0, 2 * np.pi, size=WAVES).astype(np.float32)
    points = points_mm.astype(np.float32)
    field = np.zeros(len(points))
    for start in range(0, len(points), POINTS_AT_ONCE):
        part = slice(start, start + POINTS_AT_ONCE)
        field[part] = np.cos(points[part] @ waves + phases).sum(axis=1)
    return field * np.sqrt(2 / WAVES)


def displaced(
    components: np.ndarray, near: Surroundings, displacements_mm: np.ndarray
) -> np.ndarray:
    """Move the surface of lesions outwards by a displacement (mm) at each voxel near it.

    Returns the mask of the voxels whose centres then lie inside. A lesion that would vanish keeps
    its innermost voxel: whether a lesion is found at all is detection's question.
    """
    inside = near.distances_mm < displacements_mm
    for lesion in np.setdiff1d(near.lesions, [0, *near.lesions[inside]]):
        own = np.flatnonzero(near.lesions == lesion)
        inside[own[np.argmin(near.distances_mm[own])]] = True
    mask = components > 0
    np.put(mask, near.voxels, inside)
    return mask


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    shared = np.count_nonzero(one & other)
    return 2 * shared / (np.count_nonzero(one) + np.count_nonzero(other))
