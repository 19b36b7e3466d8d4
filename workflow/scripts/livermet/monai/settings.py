"""Settings of one network and the split of its training set; without torch, read at parse time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from livermet.errors import InputError, stop_on
from livermet.monai.architectures import ARCHITECTURES, Architecture

LOSSES = ("dice", "dice_ce")
SCHEDULES = ("constant", "cosine")
VALIDATION_FOLD = 0


@dataclass(frozen=True)
class Settings:
    """All settings of one network.

    Spacing in mm and patch in voxels are in (x, y, z) order of the canonical (RAS+) volume; the
    window is (lower, upper) in HU, and its ranges those that training draws the two from (None: the
    window alone); ratios and loss weights are of background, liver and lesion; validations are so
    many epochs apart; overlap is a fraction of the patch; flip is the probability of mirroring a
    patch along each axis; mixed_precision holds on a GPU alone.
    """

    spacing_mm: tuple[float, float, float]
    crop_foreground: bool
    window_hu: tuple[float, float]
    window_ranges_hu: tuple[tuple[float, float], tuple[float, float]] | None
    patch_size: tuple[int, int, int]
    label_ratios: tuple[float, float, float]
    samples_per_image: int
    batch_size: int
    epochs: int
    iterations_per_epoch: int | None
    validation_every: int
    learning_rate: float
    schedule: str
    loss: str
    loss_weights: tuple[float, float, float]
    loss_batch: bool
    flip: float
    overlap: float
    mixed_precision: bool
    network: Architecture

    @classmethod
    def of(cls, model: str, values: Mapping[str, Any]) -> "Settings":
        """Make settings of the plain values that `settings_of` gives."""
        values = {key: _as_tuple(value) for key, value in values.items()}
        shape = {key: _as_tuple(value) for key, value in values["network"].items()}
        return cls(**{**values, "network": ARCHITECTURES[model](**shape)})

    def as_values(self) -> dict[str, Any]:
        """Return the settings as plain values: what `Settings.of` takes."""
        return asdict(self)

    def epoch_length(self, cases: int) -> int:
        """Return the iterations of an epoch: a pass over the cases, unless the settings say."""
        passed = math.ceil(cases * self.samples_per_image / self.batch_size)
        return self.iterations_per_epoch or passed

    def problems(self) -> list[str]:
        """Say in words what is wrong with the values taken together."""
        found = self.network.problems()
        if self.loss not in LOSSES:
            found.append(f"loss '{self.loss}' is none of {', '.join(LOSSES)}")
        if not self.window_hu[0] < self.window_hu[1]:
            found.append("window_hu must be [lower, upper]")
        if self.window_ranges_hu and not self._ranges_in_order(*self.window_ranges_hu):
            found.append(
                "window_ranges_hu must be [[lowest, highest lower], [lowest, highest upper]], the "
                "first below the second"
            )
        if self.schedule not in SCHEDULES:
            found.append(f"schedule '{self.schedule}' is none of {', '.join(SCHEDULES)}")
        for name in ("label_ratios", "loss_weights"):
            if not sum(getattr(self, name)) > 0 or min(getattr(self, name)) < 0:
                found.append(f"{name} must be from 0, and one of them above")
        if any(size % self.network.reduction for size in self.patch_size):
            found.append(f"patch_size must be multiples of {self.network.reduction} in x, y and z")
        return found

    @staticmethod
    def _ranges_in_order(lower: tuple[float, float], upper: tuple[float, float]) -> bool:
        return lower[0] <= lower[1] < upper[0] <= upper[1]


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value


SHARED = frozenset(Settings.__dataclass_fields__) - {"network"}
# MONAI's default. A validation's windows decide which weights are kept, a prediction's do not.
VALIDATION_OVERLAP = 0.25


def training_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides the weights among the values of `settings_of`: all but the overlap."""
    return {**values, "overlap": VALIDATION_OVERLAP}


def settings_of(section: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return one model's settings as plain values, from the config's section `segmentation.monai`.

    A key in the model's own block (`unet`, `segresnet`) takes the place of the shared one.
    Resources (`jobs`) are left out: they decide no result. Raises InputError for a missing or
    unknown key and for values that do not go together.
    """
    own = section[model]
    shared = {key: section[key] for key in section if key not in ARCHITECTURES and key != "jobs"}
    shape_keys = set(ARCHITECTURES[model].__dataclass_fields__)  # type: ignore[attr-defined]
    values = {**shared, **{key: own[key] for key in own if key not in shape_keys}}
    where = f"Config segmentation.monai, {model}"
    stop_on(
        [f"{where}: unknown key '{key}'; remove it." for key in sorted(set(values) - SHARED)]
        + [f"{where}: key '{key}' is missing; add it." for key in sorted(SHARED - set(values))]
        + [f"{where}: key '{key}' is missing; add it." for key in sorted(shape_keys - set(own))]
    )
    values["network"] = {key: own[key] for key in own if key in shape_keys}
    stop_on([f"{where}: {problem}." for problem in Settings.of(model, values).problems()])
    return values


def split_by_fold(
    place_of: Mapping[str, str], validation_fold: int = VALIDATION_FOLD
) -> tuple[list[str], list[str]]:
    """Split a training set into training and validation series, each in alphabetic order.

    `place_of` gives each series' place, a fold or 'test' (the ledger's word for its patient). The
    series of `validation_fold` choose the best weights; those of all other folds train. Raises
    InputError where a series' patient is a test patient, or where a side stays empty.
    """
    stop_on(
        [
            f"Series '{series}' is in the training set, but its patient is a test patient in the "
            "ledger; name a training set without it."
            for series, place in sorted(place_of.items())
            if place == "test"
        ]
    )
    fold = str(validation_fold)
    validation = sorted(series for series, place in place_of.items() if place == fold)
    training = sorted(series for series, place in place_of.items() if place != fold)
    for side, series in (("training", training), ("validation", validation)):
        if not series:
            raise InputError(
                f"No {side} series: the training set needs patients in fold {fold} (validation) "
                "and in other folds (training); add patients with make assign."
            )
    return training, validation


def zyx(values: Sequence) -> tuple:
    """Turn a triple in (x, y, z) order into the order of arrays, (z, y, x)."""
    x, y, z = values
    return z, y, x
