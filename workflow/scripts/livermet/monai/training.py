"""Training of one network, resumable: every random choice follows from the seed and the iteration.

A killed training that resumes from its last checkpoint therefore draws the same patches in the same
order as one that was never killed.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import (
    ClassesToIndices,
    Compose,
    RandCropByLabelClassesd,
    RandFlipd,
    RandScaleIntensityd,
    RandShiftIntensityd,
    SpatialPad,
)
from monai.utils import set_determinism

from livermet.checkpoints import Checkpoints
from livermet.faults import check_loss
from livermet.images import LESION
from livermet.interruption import Clock
from livermet.monai.architectures import CLASSES
from livermet.monai.networks import (
    build_loss,
    build_network,
    class_probabilities,
    foreground,
    in_window,
    load_state,
    save_state,
)
from livermet.monai.settings import Settings, zyx
from livermet.monai.volumes import LOWEST_HU
from livermet.randomness import seed_of

LOG = logging.getLogger("livermet")
# Voxels a class and case that a patch's centre is drawn from; all of a CT's would fill the memory.
CENTRES_PER_CLASS = 20_000
# As in MONAI's tutorials brats_segmentation_3d (decay) and unetr_btcv_segmentation_3d (intensity).
WEIGHT_DECAY = 1e-5
INTENSITY_CHANGE = 0.1

Case = tuple[np.ndarray, np.ndarray]


@dataclass
class Progress:
    """Where a training stands: iterations done, rows of the record, the best weights so far.

    Rows are those of `TRAINING`; `losses` are those since the last row; the best weights have the
    greatest mean of the two Dice.
    """

    iteration: int = 0
    losses: list[float] = field(default_factory=list)
    rows: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, float] = field(default_factory=dict)
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)

    def add(self, row: dict[str, float], network: torch.nn.Module) -> None:
        """Add a row, and keep the network's weights if none were better."""
        self.rows.append(row)
        self.losses = []
        if not self.best or mean_dice(row) > mean_dice(self.best):
            self.best = row
            self.best_weights = {
                name: value.detach().cpu().clone() for name, value in network.state_dict().items()
            }


def mean_dice(row: Mapping[str, float]) -> float:
    """Return the mean of liver's and lesion's validation Dice."""
    return (row["dice_liver"] + row["dice_lesion"]) / 2


def dice(prediction: np.ndarray, reference: np.ndarray) -> float:
    """Return the Dice coefficient of two masks; 1 where both are empty."""
    total = int(prediction.sum()) + int(reference.sum())
    return 2 * int((prediction & reference).sum()) / total if total else 1.0


class Patches:
    """Patches for every iteration, drawn around a voxel of a class that is drawn first.

    Cases take turns in an order shuffled each round, each with `samples_per_image` patches;
    background, liver and lesion are a patch's centre in the settings' ratio, where a case has them.
    """

    def __init__(self, cases: list[Case], settings: Settings, seed: int):
        self.settings, self.seed = settings, seed
        patch = zyx(settings.patch_size)
        padding = {"image": LOWEST_HU, "label": 0}
        centres = ClassesToIndices(CLASSES, max_samples_per_class=CENTRES_PER_CLASS)
        self.cases = []
        for hu, labels in cases:
            box = foreground(hu, settings)
            case = [np.ascontiguousarray(part[box]) for part in (hu, labels)]
            volumes = {
                key: SpatialPad(patch, value=outside)(torch.from_numpy(array)[None]).as_tensor()
                for (key, outside), array in zip(padding.items(), case, strict=True)
            }
            self.cases.append({**volumes, "centres": centres(volumes["label"])})
        self.crop = RandCropByLabelClassesd(
            ("image", "label"),
            label_key="label",
            spatial_size=patch,
            num_classes=CLASSES,
            ratios=list(settings.label_ratios),
            indices_key="centres",
            warn=False,
        )
        self.change = Compose(
            [RandFlipd(("image", "label"), settings.flip, axis) for axis in range(3)]
            + [
                RandScaleIntensityd("image", factors=INTENSITY_CHANGE, prob=0.5),
                RandShiftIntensityd("image", offsets=INTENSITY_CHANGE, prob=0.5),
            ]
        )

    def batch(self, iteration: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the images (float, windowed) and labels of an iteration, (patch, 1, z, y, x)."""
        seed = seed_of(self.seed, iteration)
        self.crop.set_random_state(seed=seed)
        self.change.set_random_state(seed=seed)
        windows = self._windows(iteration)
        drawn = [self._patch(case, next(windows)) for case in self._turn(iteration)]
        return (
            torch.stack([patch["image"] for patch in drawn]),
            torch.stack([patch["label"] for patch in drawn]),
        )

    def _turn(self, iteration: int) -> Iterator[dict[str, Any]]:
        first = iteration * self.settings.batch_size
        for place in range(first, first + self.settings.batch_size):
            turn, index = divmod(place // self.settings.samples_per_image, len(self.cases))
            order = np.random.default_rng([self.seed, turn]).permutation(len(self.cases))
            yield self.cases[order[index]]

    def _windows(self, iteration: int) -> Iterator[tuple[float, float]]:
        ranges = self.settings.window_ranges_hu
        random = np.random.default_rng([self.seed, iteration])
        while True:
            if ranges:
                lower, upper = (random.uniform(*bounds) for bounds in ranges)
                yield lower, upper
            else:
                yield self.settings.window_hu

    def _patch(self, case: dict[str, Any], window: tuple[float, float]) -> dict[str, torch.Tensor]:
        (patch,) = self.crop(case)
        patch = {key: patch[key].as_tensor() for key in ("image", "label")}
        patch = self.change({**patch, "image": in_window(patch["image"], window)})
        return {key: torch.as_tensor(value) for key, value in patch.items()}


def validate(
    network: torch.nn.Module, cases: list[Case], settings: Settings, device: torch.device
) -> dict[str, float]:
    """Return the mean Dice over cases: of the whole liver (lesions included) and of the lesions.

    A case without a lesion counts 1 where none is predicted and 0 otherwise.
    """
    network.eval()
    scores = []
    for hu, reference in cases:
        prediction = class_probabilities(network, hu, settings, device).argmax(axis=0)
        scores.append(
            (
                dice(prediction > 0, reference > 0),
                dice(prediction == LESION, reference == LESION),
            )
        )
    network.train()
    liver, lesion = np.mean(scores, axis=0)
    return {"dice_liver": float(liver), "dice_lesion": float(lesion)}


def train(
    settings: Settings,
    training: list[Case],
    validation: list[Case],
    seed: int,
    device: torch.device,
    checkpoints: Checkpoints,
    clock: Clock,
) -> Progress:
    """Train a network and give its record and best weights.

    A checkpoint is written after each validation and whenever the clock says so; training goes on
    from the newest of `checkpoints`. Raises InputError where the loss is no number, and
    InterruptionError where a signal asked it to leave.
    """
    set_determinism(seed)
    network = build_network(settings).to(device).train()
    loss_of = build_loss(settings).to(device)
    length = settings.epoch_length(len(training))
    end, between = length * settings.epochs, length * settings.validation_every
    optimizer = torch.optim.Adam(
        network.parameters(), settings.learning_rate, weight_decay=WEIGHT_DECAY
    )
    schedule = _schedule(settings, optimizer, end)
    parts = {"network": network, "optimizer": optimizer, "schedule": schedule}

    def save() -> Path:
        states = {name: part.state_dict() for name, part in parts.items()}
        return checkpoints.save(
            lambda beside: save_state({**states, **vars(progress)}, beside),
            progress.iteration // length,
            progress.iteration,
            clock.seconds,
        )

    progress = _resume(checkpoints, parts)
    if settings.schedule == "cosine":
        schedule.T_max = end  # of a longer training than was planned
    patches = Patches(training, settings, seed)
    while progress.iteration < end:
        torch.manual_seed(seed_of(seed, progress.iteration))  # dropout
        images, labels = (part.to(device) for part in patches.batch(progress.iteration))
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(network(images), labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        progress.losses.append(loss.item())
        check_loss(
            progress.losses[-1],
            f"epoch {progress.iteration // length}",
            "segmentation.monai.learning_rate",
        )
        progress.iteration += 1
        if progress.iteration == end or progress.iteration % between == 0:
            scores = validate(network, validation, settings, device)
            mean_loss = float(np.mean(progress.losses))
            progress.add({"iteration": progress.iteration, "loss": mean_loss, **scores}, network)
            LOG.info(
                "Epoch %d of %d: loss %.3f, validation Dice liver %.3f, lesion %.3f",
                progress.iteration // length,
                settings.epochs,
                mean_loss,
                scores["dice_liver"],
                scores["dice_lesion"],
            )
            path = save()
            if progress.iteration == end:
                checkpoints.finish(path)
                return progress
        if clock.due:
            save()
            clock.saved(progress.iteration // length)
    return progress


def _schedule(settings: Settings, optimizer: torch.optim.Optimizer, iterations: int) -> Any:
    """Return what sets the learning rate of each iteration."""
    if settings.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda iteration: 1.0)


def _resume(checkpoints: Checkpoints, parts: Mapping[str, Any]) -> Progress:
    newest = checkpoints.newest()
    if not newest:
        return Progress()
    path, checkpoint = newest
    checkpoints.going_on_from(checkpoint)
    state = load_state(path)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    LOG.info(
        "Training goes on after epoch %d, iteration %d.", checkpoint.epoch, checkpoint.iteration
    )
    return Progress(**{name: state[name] for name in Progress.__dataclass_fields__})
