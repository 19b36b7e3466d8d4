"""Predictions of a trained network on new CTs."""

from pathlib import Path

import SimpleITK as sitk
import torch

from livermet.images import read_image
from livermet.monai_models.networks import class_probabilities
from livermet.monai_models.settings import Settings
from livermet.monai_models.volumes import ct_on_network_grid, labels_on_ct_grid, network_grid


def predict_labels(
    network: torch.nn.Module, settings: Settings, ct_path: str | Path, device: torch.device
) -> sitk.Image:
    """Segment a CT: 0 background, 1 liver, 2 lesion (uint8) on the CT's own grid."""
    ct = read_image(ct_path)
    grid = network_grid(ct, settings.spacing_mm)
    hu = ct_on_network_grid(ct, grid)
    return labels_on_ct_grid(class_probabilities(network, hu, settings, device), grid, ct)
