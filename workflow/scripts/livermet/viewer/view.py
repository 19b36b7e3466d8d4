"""From the volumes and tables of a series to what its page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.detection.lesions import without_small_lesions
from livermet.detection.measured import PREDICTION, REFERENCE
from livermet.errors import InputError
from livermet.images import array_of, grid_difference
from livermet.viewer.lesions import lesions_of, with_matches
from livermet.viewer.overlays import (
    MOST_BYTES,
    packed,
    packed_probability,
)
from livermet.viewer.page import Prediction, View, room_for_ct, scores_of
from livermet.viewer.slices import as_shown, body_box, encoded


@dataclass(frozen=True)
class Masks:
    """Label maps of a series on its CT's grid, and lesion probabilities of models (uint8)."""

    reference: sitk.Image | None = None
    predictions: Mapping[str, sitk.Image] = field(default_factory=dict)
    probabilities: Mapping[str, np.ndarray] = field(default_factory=dict)


def view_of(
    series: str,
    row: Mapping[str, Any],
    ct: sitk.Image,
    masks: Masks,
    measured: Mapping[str, pd.DataFrame],
    components: Mapping[str, int],
    told: Mapping[str, Any],
) -> View:
    """Put together what the page of a series shows.

    row: cohort, phase, kinds (of the predictions, by model), has_lesions (whether the reference
    shows lesions and not the liver alone), phantom (whether the CT is one). measured: detection's
    tables scans, lesions and groups of this series, all models. components: connectivity and
    minimum_lesion_voxels. told: rules, by name.
    Raises InputError where a mask lies on another grid than the CT.
    """
    _stop_on_other_grids(series, ct, masks)
    hu = array_of(ct)
    reference, of_reference = None, []
    labels = []
    if masks.reference is not None:
        # References are never filtered.
        known, numbers = without_small_lesions(
            array_of(masks.reference), components["connectivity"], 1
        )
        labels.append(known)
        reference = packed(as_shown(known))
        if row["has_lesions"]:
            of_reference = lesions_of(numbers, hu, None, ct, REFERENCE)
    predictions = {}
    for model, kind in row["kinds"].items():
        found, numbers = without_small_lesions(
            array_of(masks.predictions[model]),
            components["connectivity"],
            components["minimum_lesion_voxels"],
        )
        labels.append(found)
        probability = masks.probabilities.get(model)
        lesions = of_reference + lesions_of(numbers, hu, probability, ct, PREDICTION)
        of_model = {name: table[table["model"].eq(model)] for name, table in measured.items()}
        predictions[model] = Prediction(
            kind,
            packed(as_shown(found)),
            None
            if probability is None
            else packed_probability(as_shown(probability), MOST_BYTES // len(row["kinds"])),
            with_matches(lesions, of_model["lesions"], of_model["groups"], list(told["rules"])),
            scores_of(of_model["scans"].iloc[0]),
        )
    shown = as_shown(hu)
    overlays = [one for made in predictions.values() for one in (made.mask, made.probability)]
    room = room_for_ct(one for one in (reference, *overlays) if one is not None)
    step_x, step_y, step_z = ct.GetSpacing()
    return View(
        series=series,
        shape=_three(shown.shape),
        spacing=(step_z, step_y, step_x),
        slices=encoded(shown, body_box(shown, *map(as_shown, labels)), room),
        cohort=row["cohort"],
        phase=row["phase"],
        phantom=row["phantom"],
        reference=reference,
        liver_alone=reference is not None and not row["has_lesions"],
        lesions=sorted(of_reference, key=lambda one: -one["volume_ml"]),
        predictions=predictions,
    )


def _three(shape: Sequence[int]) -> tuple[int, int, int]:
    depth, height, width = shape
    return depth, height, width


def _stop_on_other_grids(series: str, ct: sitk.Image, masks: Masks) -> None:
    given = {"reference": masks.reference} if masks.reference is not None else {}
    for name, mask in (given | dict(masks.predictions)).items():
        if difference := grid_difference(mask, ct):
            raise InputError(
                f"Series '{series}': its CT and the mask '{name}' lie on different grids "
                f"({difference}); run the ingest and the prediction of this series again."
            )
