"""Slices that do not lie evenly above each other, resampled to a grid at right angles.

Values are (x, y, z); all interpolation is linear, and what no slice covers is -1024 HU.
"""

import numpy as np
import SimpleITK as sitk

from livermet.ingest.volume import AIR_HU, Volume, affine_of, image_of


def moved_in_plane(volume: Volume, sideways: np.ndarray) -> Volume:
    """Move each slice within its own plane, to a grid that holds them all.

    `sideways` are columns and rows that each slice lies off the first one (n x 2). Movements by
    whole voxels change no value. The values become float32 Hounsfield units.
    """
    low = np.floor(sideways.min(axis=0) + 1e-6).astype(int)
    high = np.ceil(sideways.max(axis=0) - 1e-6).astype(int)
    columns, rows = (np.array(volume.values.shape[:2]) + high - low).tolist()
    made = np.empty((columns, rows, volume.values.shape[2]), dtype=np.float32, order="F")
    for k, offset in enumerate(sideways):
        units = volume.values[:, :, k] * np.float64(volume.slope) + volume.intercept
        image = sitk.GetImageFromArray(np.ascontiguousarray(units.T, dtype=np.float32))
        # Headers' rounding is no movement.
        near = np.round(offset)
        image.SetOrigin(np.where(np.abs(offset - near) < 1e-4, near, offset).tolist())
        moved = sitk.Resample(
            image,
            [columns, rows],
            sitk.Transform(2, sitk.sitkIdentity),
            sitk.sitkLinear,
            low.astype(float).tolist(),
            (1.0, 1.0),
            (1.0, 0.0, 0.0, 1.0),
            float(AIR_HU),
        )
        made[:, :, k] = sitk.GetArrayFromImage(moved).T
    affine = volume.affine.copy()
    affine[:3, 3] += volume.affine[:3, :2] @ low
    return Volume(made, affine, warnings=volume.warnings)


def evenly_spaced(volume: Volume, depths: np.ndarray, spacing: float) -> Volume:
    """Interpolate between slices at `depths` (mm, growing) to even places about `spacing` apart.

    The first and the last slice stay where they are. The values become float32 Hounsfield units.
    """
    count = round(float(depths[-1] - depths[0]) / spacing) + 1
    wanted = np.linspace(depths[0], depths[-1], count)
    below = np.clip(np.searchsorted(depths, wanted, side="right") - 1, 0, len(depths) - 2)
    share = (wanted - depths[below]) / (depths[below + 1] - depths[below])
    made = np.empty((*volume.values.shape[:2], count), dtype=np.float32, order="F")
    for k, (under, part) in enumerate(zip(below.tolist(), share.tolist(), strict=True)):
        low, high = (
            volume.values[:, :, n] * np.float64(volume.slope) + volume.intercept
            for n in (under, under + 1)
        )
        made[:, :, k] = low + part * (high - low)
    affine = volume.affine.copy()
    axis = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
    affine[:3, 2] = axis * (wanted[1] - wanted[0])
    return Volume(made, affine, warnings=volume.warnings)


def straightened(volume: Volume) -> Volume:
    """Resample slices of a tilted gantry, each within its own plane, to a grid at right angles.

    `volume` is canonical and its affine sheared along the third axis, as converters that do not
    straighten write it. Linear interpolation; what no slice covers is -1024 HU. The values become
    float32 Hounsfield units.
    """
    exact = volume.values.astype(np.float32) * np.float32(volume.slope) + np.float32(
        volume.intercept
    )
    sheared = image_of(exact, volume.affine)
    axes = volume.affine[:3, :3] / volume.spacing
    normal = np.cross(axes[:, 0], axes[:, 1])
    normal *= np.sign(normal @ axes[:, 2])
    step = volume.affine[:3, 2]
    slide = np.array([step @ axes[:, 0], step @ axes[:, 1]]) / volume.spacing[:2]
    last = volume.values.shape[2] - 1
    low = np.floor(np.minimum(0, slide * last)).astype(int)
    high = np.ceil(np.maximum(0, slide * last)).astype(int)
    straight = np.eye(4)
    straight[:3, :2] = volume.affine[:3, :2]
    straight[:3, 2] = normal * (step @ normal)
    straight[:3, 3] = volume.affine[:3, 3] + volume.affine[:3, :2] @ low
    shape = (*(np.array(volume.values.shape[:2]) + high - low).tolist(), last + 1)
    grid = image_of(np.zeros((1, 1, 1), dtype=np.float32), straight)
    made = sitk.Resample(
        sheared,
        [int(n) for n in shape],
        sitk.Transform(),
        sitk.sitkLinear,
        grid.GetOrigin(),
        grid.GetSpacing(),
        grid.GetDirection(),
        float(AIR_HU),
    )
    return Volume(sitk.GetArrayFromImage(made).transpose(2, 1, 0), affine_of(made))
