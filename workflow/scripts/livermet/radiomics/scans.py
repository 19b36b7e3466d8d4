"""Features of a scan's lesions: of their union as in the paper, and of each by itself."""

import logging

import pandas as pd
import SimpleITK as sitk

from livermet.detection.lesions import (
    labelled_box,
    lesion_boxes,
    lesion_components,
    lesion_table,
    moved_box,
)
from livermet.errors import InputError
from livermet.images import array_of, grid_difference
from livermet.radiomics.features import FEATURES, feature_extractor, region_features
from livermet.radiomics.resampling import SplineVolume

COUNT = "Num_Lesions"
UNION_COLUMNS = ("series", *FEATURES, COUNT, "burden_ml", "reason")
LESION_COLUMNS = ("series", "lesion", "volume_ml", *FEATURES, "reason")

LOG = logging.getLogger("livermet")


def scan_features(
    ct: sitk.Image,
    labels: sitk.Image,
    settings: dict,
    connectivity: int = 26,
    minimum_lesion_voxels: int = 1,
    per_lesion: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compute the features of a scan's lesions, of their union and of each one.

    ct in HU; labels 0 background, 1 liver, 2 lesion on the same grid. Lesions are numbered as
    detection does, those of fewer than `minimum_lesion_voxels` voxels left out. Returns the union
    (one row: the 107 features, Num_Lesions, burden_ml, reason) and the lesions (one row each:
    lesion, volume_ml, the 107 features, reason). Without a lesion the union's features are NaN and
    Num_Lesions is 0; without `per_lesion` the lesions' features are NaN. Raises InputError where
    the grids differ.
    """
    if difference := grid_difference(ct, labels):
        raise InputError(
            f"CT and label map lie on different grids: {difference}; "
            "run the ingest or the prediction of this series again."
        )
    extractor = feature_extractor(settings)
    volume = SplineVolume(ct)
    whole = array_of(labels)
    box = labelled_box(whole)
    components = lesion_components(whole[box], connectivity, minimum_lesion_voxels)
    corner = [edge.start for edge in box]
    lesions = lesion_table(components, ct, corner)[["lesion", "volume_ml"]]
    if lesions.empty:
        union, reason = {}, "no lesions"
    else:
        LOG.info("union of %d lesions, %.1f ml", len(lesions), lesions["volume_ml"].sum())
        inside = components > 0
        own = labelled_box(inside)
        union, reason = region_features(volume, inside[own], moved_box(own, corner), extractor)
    union_row = {
        **union,
        COUNT: len(lesions),
        "burden_ml": float(lesions["volume_ml"].sum()),
        "reason": reason,
    }
    rows = []
    for (lesion, volume_ml), own in zip(
        lesions.itertuples(index=False), lesion_boxes(components), strict=True
    ):
        if not per_lesion:
            features, reason = {}, "not computed: radiomics, per_lesion is false"
        elif len(lesions) == 1:
            features = union
        else:
            LOG.info("lesion %d of %d, %.2f ml", lesion, len(lesions), volume_ml)
            features, reason = region_features(
                volume, components[own] == lesion, moved_box(own, corner), extractor
            )
        rows.append({"lesion": lesion, "volume_ml": volume_ml, **features, "reason": reason})
    return (
        pd.DataFrame([union_row], columns=list(UNION_COLUMNS[1:])),
        pd.DataFrame(rows, columns=list(LESION_COLUMNS[1:])),
    )
