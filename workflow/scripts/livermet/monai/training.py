"""Training of one network, resumable: every random choice follows from the seed and the iteration.

A killed training that resumes from its last checkpoint therefore draws the same patches in the same
order as one that was never killed.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from copy import deepcopy
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

from livermet.images import LESION
from livermet.monai.architectures import CLASSES
from livermet.monai.networks import (
    build_loss,
    build_network,
    class_probabilities,
    in_window,
    load_state,
    save_state,
)
from livermet.monai.settings import Settings, zyx
from livermet.monai.volumes import LOWEST_HU

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

    Rows are those of `TRAINING`; the best weights have the greatest mean of the two Dice.
    """

    iteration: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, float] = field(default_factory=dict)
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)

    def add(self, row: dict[str, float], network: torch.nn.Module) -> None:
        """Add a row, and keep the network's weights if none were better."""
        self.rows.append(row)
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

    Cases take turns in an order shuffled each round; background, liver and lesion are drawn equally
    often as a patch's centre where a case has them.
    """

    def __init__(self, cases: list[Case], settings: Settings, seed: int):
        self.settings, self.seed = settings, seed
        patch = zyx(settings.patch_size)
        padding = {"image": LOWEST_HU, "label": 0}
        centres = ClassesToIndices(CLASSES, max_samples_per_class=CENTRES_PER_CLASS)
        self.cases = []
        for case in cases:
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
        seed = _seed_of(self.seed, iteration)
        self.crop.set_random_state(seed=seed)
        self.change.set_random_state(seed=seed)
        drawn = [self._patch(case) for case in self._turn(iteration)]
        return (
            torch.stack([patch["image"] for patch in drawn]),
            torch.stack([patch["label"] for patch in drawn]),
        )

    def _turn(self, iteration: int) -> Iterator[dict[str, Any]]:
        first = iteration * self.settings.batch_size
        for place in range(first, first + self.settings.batch_size):
            turn, index = divmod(place, len(self.cases))
            order = np.random.default_rng([self.seed, turn]).permutation(len(self.cases))
            yield self.cases[order[index]]

    def _patch(self, case: dict[str, Any]) -> dict[str, torch.Tensor]:
        (patch,) = self.crop(case)
        patch = {key: patch[key].as_tensor() for key in ("image", "label")}
        patch = self.change({**patch, "image": in_window(patch["image"], self.settings)})
        return {key: torch.as_tensor(value) for key, value in patch.items()}


def _seed_of(seed: int, iteration: int) -> int:
    return int(np.random.SeedSequence([seed, iteration]).generate_state(1)[0])


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


def fingerprint_of(**origin: Any) -> str:
    """Hash everything that a training starts from: a checkpoint serves the same origin only."""
    return hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()


def train(
    settings: Settings,
    training: list[Case],
    validation: list[Case],
    seed: int,
    device: torch.device,
    checkpoint: Path,
    fingerprint: str,
) -> Progress:
    """Train a network and give its record and best weights.

    A checkpoint is written after each validation. If `checkpoint` holds one with the same
    `fingerprint` (see `fingerprint_of`), training goes on from it; any other is deleted.
    """
    set_determinism(seed)
    network = build_network(settings).to(device).train()
    loss_of = build_loss(settings)
    optimizer = torch.optim.Adam(
        network.parameters(), settings.learning_rate, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.iterations)
    parts = {"network": network, "optimizer": optimizer, "schedule": schedule}
    progress = _resume(checkpoint, fingerprint, parts)
    patches = Patches(training, settings, seed)
    losses = []
    while progress.iteration < settings.iterations:
        torch.manual_seed(_seed_of(seed, progress.iteration))  # dropout
        images, labels = (part.to(device) for part in patches.batch(progress.iteration))
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(network(images), labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        progress.iteration += 1
        last = progress.iteration == settings.iterations
        if last or progress.iteration % settings.validation_every == 0:
            scores = validate(network, validation, settings, device)
            row = {"iteration": progress.iteration, "loss": float(np.mean(losses)), **scores}
            progress.add(row, network)
            losses = []
            LOG.info(
                "Iteration %d of %d: loss %.3f, validation Dice liver %.3f, lesion %.3f",
                progress.iteration,
                settings.iterations,
                row["loss"],
                row["dice_liver"],
                row["dice_lesion"],
            )
            states = {name: part.state_dict() for name, part in parts.items()}
            save_state({"fingerprint": fingerprint, **states, **vars(progress)}, checkpoint)
    return progress


def _resume(checkpoint: Path, fingerprint: str, parts: Mapping[str, Any]) -> Progress:
    if not checkpoint.exists():
        return Progress()
    state = load_state(checkpoint)
    if state["fingerprint"] != fingerprint:
        LOG.info("The last checkpoint was made of other inputs or settings: it is deleted.")
        checkpoint.unlink()
        return Progress()
    for name, part in parts.items():
        part.load_state_dict(deepcopy(state[name]))
    LOG.info("Training goes on after iteration %d.", state["iteration"])
    return Progress(*(state[name] for name in Progress.__dataclass_fields__))
