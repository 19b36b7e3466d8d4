"""Features of a scan's lesions: of their union as in the paper, and of each by itself."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    Measured,
    feature_extractor,
    region_features,
)
from livermet.radiomics.position import POSITION, lesion_positions
from livermet.radiomics.resampling import Box, SplineVolume, resampled_grid
from livermet.vocabulary import Grid, OneSlice

LESION_COUNT = "Num_Lesions"
REASON = Column(
    "reason",
    TEXT,
    "why features are missing, or how many of them",
    missing="where none is missing",
)
VOXEL = Column("voxel_mm", TEXT, "the voxel (x, y, z) that the features are measured in", unit="mm")
LESIONS_OF_MASK = Column(LESION_COUNT, COUNT, "lesions of the mask")
BURDEN = Column("burden_ml", NUMBER, "volume of all lesions; 0 without lesions", unit="ml", low=0)
UNIONS = Contract(
    files=("radiomics/*/batches/*.union.tsv",),
    row="a series, its features those of all lesions as one mask",
    columns=(
        SERIES,
        replace(VOXEL, missing="without a lesion"),
        FEATURE_COLUMNS,
        LESIONS_OF_MASK,
        BURDEN,
        REASON,
    ),
    key=("series",),
)
MEASURED = (VOXEL, FEATURE_COLUMNS, REASON)
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
class LesionRules:
    """How a lesion by itself is measured; the union of lesions is always measured as PyRadiomics.

    grid: that of resampling. one_slice: what is done with a lesion of one slice where that slice
    would keep another thickness than the voxels asked for. texture_minimum_voxels: fewer resampled
    voxels have no texture. These defaults are PyRadiomics' own way; the config has others.
    """

    grid: Grid = Grid.CORNER
    one_slice: OneSlice = OneSlice.AS_MEASURED
    texture_minimum_voxels: int = 1


PLAIN = LesionRules()


@dataclass(frozen=True)
class Lesions:
    """The lesions of a component map that is a part of a CT, its first voxel the CT's `corner`."""

    volume: SplineVolume
    components: np.ndarray
    corner: Sequence[int]
    extractor: Extractor
    rules: LesionRules

    @cached_property
    def boxes(self) -> list[Box]:
        """Return each lesion's box in the map."""
        return lesion_boxes(self.components)

    @cached_property
    def box(self) -> Box:
        """Return the box of all lesions in the map."""
        return labelled_box(self.components)

    def union(self) -> Measured:
        """Compute the 107 features of all lesions as one mask, in PyRadiomics' way."""
        place = moved_box(self.box, self.corner)
        return region_features(self.volume, self.components[self.box] > 0, place, self.extractor)

    def lesion(self, number: int) -> tuple[dict[str, float], str]:
        """Compute the 107 features of a lesion by the rules, and why some are missing."""
        box = self.boxes[number - 1]
        if self.rules.one_slice == OneSlice.LEFT_OUT and self._keeps_a_slice(box):
            return {}, "one slice, of another thickness than the voxels (radiomics.lesions)"
        measured = region_features(
            self.volume,
            self.components[box] == number,
            moved_box(box, self.corner),
            self.extractor,
            self.rules.grid,
            self.rules.one_slice != OneSlice.RESAMPLED,
        )
        return measured.of_lesion(self.rules.texture_minimum_voxels)

    def like_pyradiomics(self, number: int) -> bool:
        """Tell whether the rules measure a lesion in the voxels that PyRadiomics would."""
        box = self.boxes[number - 1]
        return self.rules.grid == Grid.CORNER and not (
            self.rules.one_slice != OneSlice.AS_MEASURED and self._keeps_a_slice(box)
        )

    def union_voxel_mm(self) -> str:
        """Write the voxel (x, y, z) that the union is measured in, as PyRadiomics' diagnostics."""
        return self._voxel_mm(self.box, keep_one_slice=True)

    def voxel_mm(self, number: int) -> str:
        """Write the voxel (x, y, z) that a lesion is measured in."""
        keep = self.rules.one_slice != OneSlice.RESAMPLED
        return self._voxel_mm(self.boxes[number - 1], keep)

    def _keeps_a_slice(self, box: Box) -> bool:
        return self._voxel_mm(box, True) != self._voxel_mm(box, False)

    def _voxel_mm(self, box: Box, keep_one_slice: bool) -> str:
        asked_mm, place = self.extractor.spacing_mm, moved_box(box, self.corner)
        grid = asked_mm and resampled_grid(
            self.volume.ct, place, asked_mm, padding=0, keep_one_slice=keep_one_slice
        )
        spacing = grid.spacing if grid else self.volume.ct.GetSpacing()
        return str(tuple(float(length) for length in spacing))


def scan_features(
    ct: sitk.Image,
    labels: sitk.Image,
    settings: dict,
    connectivity: int = 26,
    minimum_lesion_voxels: int = 1,
    per_lesion: bool = True,
    rules: LesionRules = PLAIN,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compute the features of a scan's lesions, of their union and of each one.

    ct in HU; labels 0 background, 1 liver, 2 lesion on the same grid. Lesions are numbered as
    detection does, those of fewer than `minimum_lesion_voxels` voxels left out. Returns the union
    (one row, `UNIONS`), with PyRadiomics' own values whatever they are, and the lesions (one row
    each, `LESIONS`), measured by `rules`, both without the series. Without
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
    scan = Lesions(SplineVolume(ct), components, corner, feature_extractor(settings), rules)
    union = Measured({}, "no lesions")
    if len(lesions):
        LOG.info("union of %d lesions, %.1f ml", len(lesions), lesions["volume_ml"].sum())
        union = scan.union()
    union_row = {
        "voxel_mm": scan.union_voxel_mm() if len(lesions) else "",
        **union.values,
        LESION_COUNT: len(lesions),
        "burden_ml": float(lesions["volume_ml"].sum()),
        "reason": union.reason,
    }
    features = []
    for lesion in lesions.itertuples():
        number = lesion.lesion
        values: dict[str, float] = {}
        if not per_lesion:
            reason = "not computed: radiomics, per_lesion is false"
        elif len(lesions) == 1 and scan.like_pyradiomics(number):
            values, reason = union.of_lesion(rules.texture_minimum_voxels)
        else:
            LOG.info("lesion %d of %d, %.2f ml", number, len(lesions), lesion.volume_ml)
            values, reason = scan.lesion(number)
        features.append({"voxel_mm": scan.voxel_mm(number), **values, "reason": reason})
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
