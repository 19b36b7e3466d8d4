"""From the features of single lesions to one row a scan, by a stated aggregation.

union                   the features of all lesions as one mask, as in the paper
largest                 those of the lesion with the largest volume
volume_weighted_mean    the mean over the lesions that have the feature, weighted by their volume
sum                     of additive features the sum over the lesions that have it, of all others
                        the volume-weighted mean

Of the 107 features those in ADDITIVE add up: over lesions that do not touch in the resampled mask,
and each of which spans several slices, their sum is the value of the union.
"""

import pandas as pd

from livermet.errors import InputError
from livermet.vocabulary import AGGREGATIONS, Aggregation

ADDITIVE = (
    "original_shape_MeshVolume",
    "original_shape_VoxelVolume",
    "original_shape_SurfaceArea",
    "original_firstorder_Energy",
    "original_firstorder_TotalEnergy",
)


def features_file(aggregation: str) -> str:
    """Name the file of a cohort's features by an aggregation."""
    return "features.csv" if aggregation == Aggregation.UNION else f"features_{aggregation}.csv"


def aggregate(unions: pd.DataFrame, lesions: pd.DataFrame, aggregation: str) -> pd.DataFrame:
    """Return the rows of `unions` with the features of their lesions by an aggregation.

    unions: one row a series (series, voxel_mm, features named original_*, whatever else a scan has,
    reason). lesions: one row a lesion (series, lesion, volume_ml, voxel_mm, the same features,
    reason). A lesion that lacks a feature does not count in it; `reason` says of how many lesions
    of the scan something is missing. A feature that no lesion has is NaN. Of lesions of equal
    volume the first row is the largest. `voxel_mm` names every voxel that a lesion with features
    was measured in, joined by '; ', and is empty without one. Raises InputError for a name that is
    no aggregation.
    """
    if aggregation not in AGGREGATIONS:
        raise InputError(
            f"'{aggregation}' is no aggregation; name one of {', '.join(AGGREGATIONS)}."
        )
    if aggregation == Aggregation.UNION:
        return unions
    features = [name for name in unions if name.startswith("original_")]
    if aggregation == Aggregation.LARGEST:
        by_volume = lesions.sort_values("volume_ml", ascending=False, kind="stable")
        largest = by_volume.drop_duplicates("series").set_index("series")
        used, values, reasons = largest.reset_index(), largest[features], largest["reason"]
    else:
        used, values, reasons = lesions, _weighted_mean(lesions, features), _reasons(lesions)
        if aggregation == Aggregation.SUM:
            added = lesions.groupby("series")[list(ADDITIVE)].sum(min_count=1)
            values = values.assign(**added)
    rows = unions.drop(columns=features).join(values[features], on="series")
    told = dict(zip(unions["series"], unions["reason"], strict=True)) | reasons.to_dict()
    rows["reason"] = rows["series"].map(told)
    voxels = _voxels(used, features)
    rows["voxel_mm"] = [voxels.get(series, "") for series in rows["series"]]
    return rows[list(unions.columns)]


def _weighted_mean(lesions: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    series = lesions["series"]
    weights = lesions[features].notna().mul(lesions["volume_ml"], axis=0)
    # Shares first, so that the only lesion's values come out as they are.
    shares = weights / weights.groupby(series).transform("sum")
    return (lesions[features] * shares).groupby(series).sum(min_count=1)


def _voxels(lesions: pd.DataFrame, features: list[str]) -> dict[str, str]:
    """Name, a series, the voxels that its lesions with features were measured in."""
    counted = lesions[lesions[features].notna().any(axis=1)]
    return {
        series: "; ".join(sorted(set(names)))
        for series, names in counted.groupby("series")["voxel_mm"]
    }


def _reasons(lesions: pd.DataFrame) -> pd.Series:
    """Count, a series, the lesions that lack features for the same reason; '' where none does."""

    def of_scan(reasons: pd.Series) -> str:
        counts = reasons[reasons != ""].value_counts(sort=False)
        return "; ".join(f"{n} of {len(reasons)} lesions: {told}" for told, n in counts.items())

    return lesions.groupby("series")["reason"].agg(of_scan)
