"""CT volumes and label maps as SimpleITK images: reading, writing, comparing grids.

Arrays are in SimpleITK's order (z, y, x); spacing and origin are in mm and in (x, y, z) order.
"""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from livermet.files import whole_file

BACKGROUND, LIVER, LESION = 0, 1, 2
# A probability p is stored in a byte, as round(p * 255).
WHOLE_PROBABILITY = 255


def read_image(path: str | Path) -> sitk.Image:
    """Read a volume from NIfTI or NRRD."""
    return sitk.ReadImage(str(path))


def write_image(image: sitk.Image, path: str | Path) -> None:
    """Write a compressed volume, whole or not at all."""
    with whole_file(path) as beside:
        sitk.WriteImage(image, str(beside), useCompression=True)


def array_of(image: sitk.Image) -> np.ndarray:
    """Return a copy of the voxels as an array in (z, y, x) order.

    A copy, since SimpleITK's view does not keep its image alive and then reads freed memory.
    """
    return sitk.GetArrayFromImage(image)


def on_grid_of(array: np.ndarray, image: sitk.Image) -> sitk.Image:
    """Make an image of a (z, y, x) array on the grid of another image of the same size."""
    made = sitk.GetImageFromArray(array)
    made.CopyInformation(image)
    return made


def probability_bytes(probability: np.ndarray) -> np.ndarray:
    """Return probabilities (0 to 1) as uint8, 255 for 1: steps of 0.4 per cent, small if zipped."""
    return np.rint(probability * WHOLE_PROBABILITY).astype(np.uint8)


def voxel_volume_ml(image: sitk.Image) -> float:
    """Return the volume of one voxel in ml."""
    return float(np.prod(image.GetSpacing())) / 1000.0


def grid_difference(image: sitk.Image, other: sitk.Image, tolerance_mm: float = 1e-2) -> str:
    """Say in words how two grids differ, or '' where they are the same.

    The corners of the two grids must lie within `tolerance_mm` of each other, so that a rounding
    of the direction cosines that moves nothing is accepted on a small and a large volume alike.
    """
    if image.GetSize() != other.GetSize():
        return f"size {image.GetSize()} against {other.GetSize()} voxels (x, y, z)"
    last = [n - 1 for n in image.GetSize()]
    corners = [[last[axis] if bit >> axis & 1 else 0 for axis in range(3)] for bit in range(8)]
    apart = max(
        float(
            np.linalg.norm(
                np.subtract(
                    image.TransformIndexToPhysicalPoint(corner),
                    other.TransformIndexToPhysicalPoint(corner),
                )
            )
        )
        for corner in corners
    )
    return "" if apart <= tolerance_mm else f"corners that lie {apart:.3g} mm apart"
