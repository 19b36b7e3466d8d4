"""Predictions of a batch: written on their CT's grid, and gone on with after a kill."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from livermet.images import write_image


def write_on_grid(voxels: np.ndarray, ct: str | Path, path: str | Path) -> None:
    """Write an array (z, y, x) on the grid of a CT, whose header alone is read."""
    header = sitk.ImageFileReader()
    header.SetFileName(str(ct))
    header.ReadImageInformation()
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(header.GetSpacing())
    image.SetOrigin(header.GetOrigin())
    image.SetDirection(header.GetDirection())
    write_image(image, path)
