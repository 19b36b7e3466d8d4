"""MONAI's networks: built from settings, saved, loaded, and run over a whole volume."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss, DiceLoss

from livermet.errors import InputError
from livermet.files import whole_file
from livermet.monai.settings import Settings, zyx


def device_of(name: str) -> torch.device:
    """Return the device of a config value: auto, cpu or cuda. 'auto' is a GPU where there is one.

    Raises InputError for cuda on a machine without it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "Config segmentation.device is cuda, but torch finds no GPU here; "
            "set it to auto or cpu, or run the job on a machine with a GPU."
        )
    return torch.device(name)


def build_network(settings: Settings) -> torch.nn.Module:
    """Build a network with one input channel and a logit for each of background, liver, lesion."""
    return settings.network.build()


def build_loss(settings: Settings) -> torch.nn.Module:
    """Build the loss over logits: Dice, or the sum of Dice and cross-entropy, of all three classes.

    With `loss_batch` the Dice of a class is taken over the batch's voxels together, so that a patch
    without a lesion does not count as a Dice of 0.
    """
    kind = {"dice": DiceLoss, "dice_ce": DiceCELoss}[settings.loss]
    return kind(to_onehot_y=True, softmax=True, batch=settings.loss_batch)


def in_window(hu: torch.Tensor, settings: Settings) -> torch.Tensor:
    """Scale HU to 0..1 over the settings' window, clipped outside of it."""
    lower, upper = settings.window_hu
    return ((hu.float() - lower) / (upper - lower)).clamp_(0, 1)


@torch.inference_mode()
def class_probabilities(
    network: Callable[[torch.Tensor], torch.Tensor],
    hu: np.ndarray,
    settings: Settings,
    device: torch.device,
) -> np.ndarray:
    """Run a network over a volume in overlapping patches, blended by a Gaussian.

    `hu` is a volume on the network's grid (z, y, x); the answer (class, z, y, x) sums to 1.
    """
    volume = in_window(torch.from_numpy(hu)[None, None].to(device), settings)
    logits = sliding_window_inference(
        volume,
        roi_size=zyx(settings.patch_size),
        sw_batch_size=settings.batch_size,
        predictor=network,
        overlap=settings.overlap,
        mode="gaussian",
    )
    return torch.softmax(logits[0], dim=0).cpu().numpy()


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
