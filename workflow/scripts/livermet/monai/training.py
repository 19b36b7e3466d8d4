"""Training of one network, resumable: every random choice follows from the seed and the iteration.

A killed training that resumes from its last checkpoint therefore draws the same patches in the same
order as one that was never killed.
"""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import (
    Compose,
    RandCropByLabelClassesd,
    RandFlipd,
    RandScaleIntensityd,
    RandShiftIntensityd,
)
from monai.utils import convert_to_tensor
from torch.utils.data import Dataset

from livermet.batches import batches_from
from livermet.checkpoints import Checkpoints
from livermet.faults import check_loss, check_weights
from livermet.images import LESION
from livermet.interruption import Clock
from livermet.monai.architectures import CLASSES
from livermet.monai.cases import Arrays, Case, tensor
from livermet.monai.networks import (
    build_loss,
    build_network,
    half_precision,
    in_window,
    load_state,
    save_state,
)
from livermet.monai.settings import Settings, zyx
from livermet.monai.windows import probabilities_of_scan
from livermet.randomness import seed_everything, seed_of

LOG = logging.getLogger("livermet")
# As in MONAI's tutorials brats_segmentation_3d (decay) and unetr_btcv_segmentation_3d (intensity).
WEIGHT_DECAY = 1e-5
INTENSITY_CHANGE = 0.1


@dataclass(frozen=True)
class Machine:
    """What a training runs on; on a CPU nothing of it decides a weight.

    `workers` are processes that load and augment beside it (0: none); `compile` is torch.compile.
    """

    device: torch.device
    workers: int = 0
    compile: bool = False


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

    def lacks_row(self, between: int, end: int) -> bool:
        """Tell whether a validation is due: every so many iterations, and at the end."""
        due = self.iteration == end or (self.iteration > 0 and self.iteration % between == 0)
        return due and (not self.rows or self.rows[-1]["iteration"] != self.iteration)

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


class Patches(Dataset):
    """Patches for every iteration, drawn around a voxel of a class that is drawn first.

    Cases take turns in an order shuffled each round, each with `samples_per_image` patches;
    background, liver and lesion are a patch's centre in the settings' ratio, where a case has them.
    A case is what `livermet.monai.cases.to_draw_from` makes, opened when its turn comes.
    """

    def __init__(self, cases: Sequence[Case], settings: Settings, seed: int):
        self.cases, self.settings, self.seed = cases, settings, seed
        patch = zyx(settings.patch_size)
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

    def __getitem__(self, iteration: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the images (float, windowed) and labels of an iteration, (patch, 1, z, y, x)."""
        seed = seed_of(self.seed, iteration)
        self.crop.set_random_state(seed=seed)
        self.change.set_random_state(seed=seed)
        windows = self._windows(iteration)
        opened: dict[int, Arrays] = {}
        drawn = []
        for number in self._turn(iteration):
            if number not in opened:
                opened[number] = self.cases[number]()
            drawn.append(self._patch(opened[number], next(windows)))
        return (
            torch.stack([patch["image"] for patch in drawn]),
            torch.stack([patch["label"] for patch in drawn]),
        )

    def _turn(self, iteration: int) -> Iterator[int]:
        first = iteration * self.settings.batch_size
        for place in range(first, first + self.settings.batch_size):
            turn, index = divmod(place // self.settings.samples_per_image, len(self.cases))
            order = np.random.default_rng([self.seed, turn]).permutation(len(self.cases))
            yield int(order[index])

    def _windows(self, iteration: int) -> Iterator[tuple[float, float]]:
        ranges = self.settings.window_ranges_hu
        random = np.random.default_rng([self.seed, iteration])
        while True:
            if ranges:
                lower, upper = (random.uniform(*bounds) for bounds in ranges)
                yield lower, upper
            else:
                yield self.settings.window_hu

    def _patch(self, case: Arrays, window: tuple[float, float]) -> dict[str, torch.Tensor]:
        volumes = {key: tensor(case[key]) for key in ("image", "label")}
        centres = [case[f"centres_{number}"] for number in range(CLASSES)]
        (patch,) = self.crop({**volumes, "centres": centres})
        patch = {key: patch[key].as_tensor() for key in ("image", "label")}
        patch = self.change({**patch, "image": in_window(patch["image"], window)})
        # Plain tensors: MONAI's own class follows each operation of a network, and breaks its
        # compilation into pieces.
        return {key: convert_to_tensor(value, track_meta=False) for key, value in patch.items()}


def validate(
    network: torch.nn.Module,
    cases: Sequence[Case],
    settings: Settings,
    device: torch.device,
    between: Callable[[], object] = lambda: None,
) -> dict[str, float]:
    """Return the mean Dice over cases: of the whole liver (lesions included) and of the lesions.

    A case without a lesion counts 1 where none is predicted and 0 otherwise. `between` is called
    between two cases.
    """
    network.eval()
    scores: list[tuple[float, float]] = []
    for case in cases:
        if scores:
            between()
        volumes = case()
        reference = np.asarray(volumes["label"])
        found = probabilities_of_scan(network, volumes["image"], settings, device)
        prediction = found.argmax(axis=0)
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
    training: Sequence[Case],
    validation: Sequence[Case],
    seed: int,
    machine: Machine,
    checkpoints: Checkpoints,
    clock: Clock,
) -> Progress:
    """Train a network and give its record and best weights.

    A checkpoint is written after each validation and whenever the clock says so, which is asked
    within a validation too; training goes on from the newest of `checkpoints`. Raises InputError
    where the loss or a weight is no number, and InterruptionError where a signal asked it to leave.
    """
    seed_everything(seed)
    device = machine.device
    length = settings.epoch_length(len(training))
    end, between = length * settings.epochs, length * settings.validation_every
    learner = Learner(settings, machine, end)
    progress = _resume(checkpoints, learner)

    def place() -> tuple[str, str]:
        return f"epoch {progress.iteration // length}", "segmentation.monai.learning_rate"

    def save() -> Path:
        check_weights(learner.network.state_dict().values(), *place())
        return checkpoints.save(
            lambda beside: save_state({**learner.states(), **vars(progress)}, beside),
            progress.iteration // length,
            progress.iteration,
            clock.seconds,
        )

    def save_if_due() -> None:
        if clock.due:
            save()
            clock.saved(progress.iteration // length)

    def validate_if_due() -> None:
        if not progress.lacks_row(between, end):
            return
        scores = validate(learner.network, validation, settings, device, save_if_due)
        mean_loss = float(np.mean(progress.losses))
        row = {"iteration": progress.iteration, "loss": mean_loss, **scores}
        progress.add(row, learner.network)
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

    batches = batches_from(
        Patches(training, settings, seed),
        progress.iteration,
        end,
        machine.workers,
        pin_memory=device.type == "cuda",
    )
    try:
        validate_if_due()  # what a signal ended
        while progress.iteration < end:
            torch.manual_seed(seed_of(seed, progress.iteration))  # dropout
            progress.losses.append(learner.step(*next(batches)))
            check_loss(progress.losses[-1], *place())
            progress.iteration += 1
            validate_if_due()
            if progress.iteration < end:
                save_if_due()
    finally:
        del batches  # and with it its processes
    return progress


class Learner:
    """A network that learns: with its optimiser, schedule and, in mixed precision, loss scaling."""

    def __init__(self, settings: Settings, machine: Machine, iterations: int):
        self.settings, self.device = settings, machine.device
        # The best algorithm for each shape, tried out once; on a CPU it means nothing.
        torch.backends.cudnn.benchmark = True
        self.network = build_network(settings).to(machine.device).train()
        # The same weights, perhaps compiled.
        self.running = torch.compile(self.network) if machine.compile else self.network
        self.loss_of = build_loss(settings).to(machine.device)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), settings.learning_rate, weight_decay=WEIGHT_DECAY
        )
        self.schedule = _schedule(settings, self.optimizer, iterations)
        self.iterations = iterations
        mixed = settings.mixed_precision and machine.device.type == "cuda"
        self.scaler = torch.amp.GradScaler(machine.device.type, enabled=mixed)

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> float:
        """Learn from a batch; give its loss, which is computed in 32 bits."""
        images, labels = (part.to(self.device, non_blocking=True) for part in (images, labels))
        self.optimizer.zero_grad(set_to_none=True)
        with half_precision(self.settings, self.device):
            logits = self.running(images)
        loss = self.loss_of(logits.float(), labels)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        return loss.item()

    def states(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def take_up(self, states: Mapping[str, Any]) -> None:
        """Go on from what `states` gave."""
        for name, part in self._parts().items():
            if states[name]:  # the scaling of a training that had none is empty
                part.load_state_dict(states[name])
        if self.settings.schedule == "cosine" and self.schedule.T_max != self.iterations:
            self._stretch()

    def _stretch(self) -> None:
        """Go over to the rates of a longer training: of a finished one the rate is 0.

        torch makes each rate of the one before, and so none but 0 of that.
        """
        done, self.schedule.T_max = self.schedule.last_epoch, self.iterations
        share = (1 + math.cos(math.pi * done / self.iterations)) / 2
        self.schedule._last_lr = [rate * share for rate in self.schedule.base_lrs]
        for group, rate in zip(self.optimizer.param_groups, self.schedule._last_lr, strict=True):
            group["lr"] = rate

    def _parts(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "scaler": self.scaler,
        }


def _schedule(settings: Settings, optimizer: torch.optim.Optimizer, iterations: int) -> Any:
    """Return what sets the learning rate of each iteration."""
    if settings.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda iteration: 1.0)


def _resume(checkpoints: Checkpoints, learner: Learner) -> Progress:
    newest = checkpoints.newest()
    if not newest:
        return Progress()
    path, checkpoint = newest
    checkpoints.going_on_from(checkpoint)
    state = load_state(path)
    learner.take_up(state)
    LOG.info(
        "Training goes on after epoch %d, iteration %d.", checkpoint.epoch, checkpoint.iteration
    )
    return Progress(**{name: state[name] for name in Progress.__dataclass_fields__})
