"""Features of a scan's lesions: of their union as in the paper, and of each by itself."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.contracts import COUNT, NUMBER, SERIES, TEXT, Column, Contract
from livermet.detection.lesions import (
    labelled_box,
    lesion_boxes,
    lesion_components,
    lesion_table,
    moved_box,
)
from livermet.detection.measured import LESION_SIZE
from livermet.errors import InputError
from livermet.images import array_of, grid_difference
from livermet.radiomics.extractor import Extractor
from livermet.radiomics.features import (
    FEATURE_COLUMNS,
    feature_extractor,
    region_features,
)
from livermet.radiomics.position import POSITION, lesion_positions
from livermet.radiomics.resampling import Box, SplineVolume, resampled_grid

LESION_COUNT = "Num_Lesions"
REASON = Column(
    "reason",
    TEXT,
    "why features are missing, or how many of them",
    missing="where none is missing",
)
LESIONS_OF_MASK = Column(LESION_COUNT, COUNT, "lesions of the mask")
BURDEN = Column("burden_ml", NUMBER, "volume of all lesions; 0 without lesions", unit="ml", low=0)
UNIONS = Contract(
    files=("radiomics/*/batches/*.union.tsv",),
    row="a series, its features those of all lesions as one mask",
    columns=(SERIES, FEATURE_COLUMNS, LESIONS_OF_MASK, BURDEN, REASON),
    key=("series",),
)
MEASURED = (
    Column("voxel_mm", TEXT, "the voxel (x, y, z) that the features are measured in", unit="mm"),
    FEATURE_COLUMNS,
    REASON,
)
LESION = (
    SERIES,
    Column("lesion", COUNT, "number of the lesion; 1 is the largest", low=1),
    *LESION_SIZE,
    *POSITION,
)
LESIONS = Contract(
    files=("radiomics/*/batches/*.lesions.tsv",),
    row="a lesion of a series",
    columns=(*LESION, *MEASURED),
    key=("series", "lesion"),
)

LOG = logging.getLogger("livermet")


@dataclass(frozen=True)
class Lesions:
    """The lesions of a component map that is a part of a CT, its first voxel the CT's `corner`."""

    volume: SplineVolume
    components: np.ndarray
    corner: Sequence[int]
    extractor: Extractor

    @cached_property
    def boxes(self) -> list[Box]:
        """Return each lesion's box in the map."""
        return lesion_boxes(self.components)

    def union(self) -> tuple[dict[str, float], str]:
        """Compute the 107 features of all lesions as one mask, and why some are missing."""
        box = labelled_box(self.components)
        return self._features(self.components[box] > 0, box)

    def lesion(self, number: int) -> tuple[dict[str, float], str]:
        """Compute the 107 features of a lesion, and why some are missing."""
        box = self.boxes[number - 1]
        return self._features(self.components[box] == number, box)

    def _features(self, inside: np.ndarray, box: Box) -> tuple[dict[str, float], str]:
        return region_features(self.volume, inside, moved_box(box, self.corner), self.extractor)


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
    (one row, `UNIONS`) and the lesions (one row each, `LESIONS`), both without the series. Without
    a lesion the union's features are NaN and Num_Lesions is 0; without `per_lesion` the lesions'
    features are NaN. Raises InputError where the grids differ.
    """
    refuse_other_grid(ct, labels)
    whole = array_of(labels)
    box = labelled_box(whole)
    components = lesion_components(whole[box], connectivity, minimum_lesion_voxels)
    corner = [edge.start for edge in box]
    lesions = lesion_table(components, ct, corner)
    lesions = lesion_positions(whole[box], components, lesions, ct, corner)
    scan = Lesions(SplineVolume(ct), components, corner, feature_extractor(settings))
    union: dict[str, float] = {}
    if lesions.empty:
        reason = "no lesions"
    else:
        LOG.info("union of %d lesions, %.1f ml", len(lesions), lesions["volume_ml"].sum())
        union, reason = scan.union()
    union_row = {
        **union,
        LESION_COUNT: len(lesions),
        "burden_ml": float(lesions["volume_ml"].sum()),
        "reason": reason,
    }
    features = []
    for lesion, box in zip(lesions.itertuples(), scan.boxes, strict=True):
        if not per_lesion:
            values, reason = {}, "not computed: radiomics, per_lesion is false"
        elif len(lesions) == 1:
            values = union
        else:
            LOG.info("lesion %d of %d, %.2f ml", lesion.lesion, len(lesions), lesion.volume_ml)
            values, reason = scan.lesion(lesion.lesion)
        voxel_mm = _voxel_mm(ct, moved_box(box, corner), scan.extractor.spacing_mm)
        features.append({"voxel_mm": voxel_mm, **values, "reason": reason})
    return (
        pd.DataFrame([union_row], columns=UNIONS.names[1:]),
        lesions.join(pd.DataFrame(features, columns=LESIONS.names[len(LESION) :])),
    )


def refuse_other_grid(ct: sitk.Image, labels: sitk.Image) -> None:
    """Raise InputError where a CT and its label map lie on different grids."""
    if difference := grid_difference(ct, labels):
        raise InputError(
            f"CT and label map lie on different grids: {difference}; "
            "run the ingest or the prediction of this series again."
        )


def _voxel_mm(ct: sitk.Image, box: Box, spacing_mm: Sequence[float] | None) -> str:
    """Write the spacing that a mask in a box is measured in, as PyRadiomics' diagnostics do."""
    grid = resampled_grid(ct, box, spacing_mm, padding=0) if spacing_mm else None
    spacing = ct.GetSpacing() if grid is None else grid.spacing
    return str(tuple(float(length) for length in spacing))
