"""Predictions of a trained network on new CTs."""

from pathlib import Path

import SimpleITK as sitk
import torch

from livermet.images import read_image
from livermet.monai.networks import class_probabilities
from livermet.monai.settings import Settings
from livermet.monai.volumes import (
    ct_on_network_grid,
    labels_on_ct_grid,
    lesion_probability_on_ct_grid,
    network_grid,
)


def predict_scan(
    network: torch.nn.Module, settings: Settings, ct_path: str | Path, device: torch.device
) -> tuple[sitk.Image, sitk.Image]:
    """Segment a CT, on its own grid.

    Gives the labels, 0 background, 1 liver, 2 lesion (uint8), and each voxel's lesion probability
    times 255 (uint8).
    """
    ct = read_image(ct_path)
    grid = network_grid(ct, settings.spacing_mm)
    hu = ct_on_network_grid(ct, grid)
    probabilities = class_probabilities(network, hu, settings, device)
    return (
        labels_on_ct_grid(probabilities, grid, ct),
        lesion_probability_on_ct_grid(probabilities, grid, ct),
    )
