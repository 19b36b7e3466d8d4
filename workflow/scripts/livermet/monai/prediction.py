"""Predictions of a trained network on new CTs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from livermet.faults import check_answer
from livermet.images import read_image
from livermet.monai.settings import Settings
from livermet.monai.volumes import (
    ct_on_network_grid,
    labels_on_ct_grid,
    lesion_probability_on_ct_grid,
    network_grid,
)


@dataclass
class Prepared:
    """A CT's grid and its HU on the network's grid (z, y, x)."""

    ct: sitk.Image
    grid: sitk.Image
    hu: np.ndarray


def prepare_scan(settings: Settings, ct_path: str | Path) -> Prepared:
    """Read a CT, and bring it to the voxels that a network was trained on."""
    ct = read_image(ct_path)
    grid = network_grid(ct, settings.spacing_mm)
    return Prepared(ct, grid, ct_on_network_grid(ct, grid))


def on_ct_grid(
    scan: Prepared, probabilities: np.ndarray, with_probability: bool
) -> list[sitk.Image]:
    """Bring the probabilities of a network's grid (class, z, y, x) onto the grid of the CT.

    Gives the labels, 0 background, 1 liver, 2 lesion (uint8), and if asked for each voxel's lesion
    probability times 255 (uint8). Raises InputError where one is no number.
    """
    # One class after the other, which takes a third of the memory.
    check_answer(all(np.isfinite(one).all() for one in probabilities))
    images = [labels_on_ct_grid(probabilities, scan.grid, scan.ct)]
    if with_probability:
        images.append(lesion_probability_on_ct_grid(probabilities, scan.grid, scan.ct))
    return images
