"""MONAI's networks: built from settings, saved, loaded, and run over a whole volume."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.losses import DiceCELoss, DiceLoss

from livermet.files import whole_file
from livermet.monai.settings import Settings


def build_network(settings: Settings) -> torch.nn.Module:
    """Build a network with one input channel and a logit for each of background, liver, lesion."""
    return settings.network.build()


def build_loss(settings: Settings) -> torch.nn.Module:
    """Build the loss over logits: Dice, or the sum of Dice and cross-entropy, weighted by class.

    With `loss_batch` the Dice of a class is taken over the batch's voxels together, so that a patch
    without a lesion does not count as a Dice of 0.
    """
    kind = {"dice": DiceLoss, "dice_ce": DiceCELoss}[settings.loss]
    same = len(set(settings.loss_weights)) == 1
    weight = None if same else torch.tensor(settings.loss_weights)
    return kind(to_onehot_y=True, softmax=True, batch=settings.loss_batch, weight=weight)


def in_window(hu: torch.Tensor, window_hu: tuple[float, float]) -> torch.Tensor:
    """Scale HU to 0..1 over a window (lower, upper), clipped outside of it."""
    lower, upper = window_hu
    return ((hu.float() - lower) / (upper - lower)).clamp_(0, 1)


def foreground(hu: np.ndarray, settings: Settings) -> tuple[slice, ...]:
    """Return the box around what is above the window's lower end, or the whole volume's.

    MONAI's CropForeground does the same with volumes that are scaled over a window. Where the
    settings do not crop, or nothing is above, the box is the volume.
    """
    whole = tuple(slice(0, size) for size in hu.shape)
    if not settings.crop_foreground:
        return whole
    above = hu > settings.window_hu[0]
    sides = []
    for axis in range(hu.ndim):
        others = tuple(other for other in range(hu.ndim) if other != axis)
        found = np.flatnonzero(above.any(axis=others))
        if not found.size:
            return whole
        sides.append(slice(int(found[0]), int(found[-1]) + 1))
    return tuple(sides)


def half_precision(settings: Settings, device: torch.device) -> torch.autocast:
    """Return a context in which a network computes in 16 bits where that is as good: on a GPU."""
    enabled = settings.mixed_precision and device.type == "cuda"
    return torch.autocast(device.type, torch.float16 if enabled else None, enabled)


def save_state(state: Mapping[str, Any], path: str | Path) -> None:
    """Save tensors and plain values, whole or not at all."""
    with whole_file(path) as beside:
        torch.save(dict(state), beside)


def load_state(path: str | Path) -> dict[str, Any]:
    """Load what `save_state` wrote, onto the CPU, without running code from the file."""
    return torch.load(path, map_location="cpu", weights_only=True)


def load_network(path: str | Path, device: torch.device) -> tuple[torch.nn.Module, Settings]:
    """Load a trained network, ready to predict, and the settings that it was trained with."""
    state = load_state(path)
    settings = Settings.of(state["model"], state["settings"])
    network = build_network(settings)
    network.load_state_dict(state["weights"])
    return network.to(device).eval(), settings
