"""nnU-Net's two resamplings of a prediction, in slabs along z and on any device.

A CT comes onto the network's grid by cubic splines, and logits back onto the CT's by linear
interpolation. nnU-Net does both with scikit-image's `resize` (SciPy's `zoom` in grid mode, edges
repeated), voxel by voxel in three dimensions. Both are products of one-dimensional operators, so
that they are done axis by axis here:

- The cubic operator of an axis (prefilter and interpolation) is what SciPy itself makes of the unit
  vectors, multiplied in float64. It is nnU-Net's to the rounding of float64, before the result
  becomes float32.
- Logits are interpolated in float32 and rounded to 16 bits, as nnU-Net rounds them, before the
  largest is sought. A voxel may differ where two classes are equal to that rounding.

A slab needs the slices near it alone: a spline's weight falls below 1e-17 within some 30 voxels.
Arrays are in the plan's axis order; shapes are (z, y, x).
"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import torch
from nnunetv2.preprocessing.resampling.default_resampling import (
    determine_do_sep_z_and_axis,
    resample_data_or_seg_to_shape,
)
from scipy import ndimage

from livermet.faults import check_answer
from livermet.images import LESION, WHOLE_PROBABILITY

SLAB = 16
BLOCK = 64
# Below the last bit of any sum that a weight of about 1 is in.
NEGLIGIBLE = 1e-18
NEAREST_Z = {"is_seg": False, "order_z": 0}


def is_known(function: Callable, order: int) -> bool:
    """Tell whether a plan's resampling is nnU-Net's default one of an order (1 or 3)."""
    if not isinstance(function, partial) or function.func is not resample_data_or_seg_to_shape:
        return False
    wanted = {**NEAREST_Z, "order": order, "force_separate_z": None}
    return {**NEAREST_Z, **function.keywords} == wanted


def slices_apart(current_mm, new_mm) -> tuple[bool, int | None]:
    """Tell whether nnU-Net resamples slice by slice, with the nearest slice; and along which axis.

    It does where one spacing is more than three times another, before or after.
    """
    return determine_do_sep_z_and_axis(None, current_mm, new_mm)


def cubic(
    image: np.ndarray, shape: tuple[int, ...], apart: bool, device: torch.device
) -> np.ndarray:
    """Resample a volume (float32) to a shape by cubic splines, as nnU-Net resamples an image.

    With `apart` each slice is resampled by itself, and z takes the nearest slice.
    """
    if image.shape == tuple(shape):
        return image
    operators = [spline(n, m) for n, m in zip(image.shape, shape, strict=True)]
    if not apart:
        return _cubic_slabs(image, operators, (image.min(), image.max()), device)
    operators[0] = np.eye(len(image))
    return _cubic_slabs(image, operators, None, device)[nearest(len(image), shape[0])]


@lru_cache(maxsize=16)
def spline(size: int, new_size: int) -> np.ndarray:
    """Return the matrix (new_size, size) by which `zoom` of order 3 resamples an axis."""
    if size == new_size:
        return np.eye(size)
    zoom = partial(
        ndimage.zoom, zoom=new_size / size, order=3, mode="nearest", grid_mode=True, output=float
    )
    return np.stack([zoom(unit) for unit in np.eye(size)], axis=1)


def nearest(size: int, new_size: int) -> np.ndarray:
    """Return the slice that each new slice is taken from."""
    return _at(size, new_size, np.arange(size)).astype(int)


def _at(size: int, new_size: int, values: np.ndarray) -> np.ndarray:
    places = size / new_size * (np.arange(new_size) + 0.5) - 0.5
    return ndimage.map_coordinates(values, places[None], order=0, mode="nearest")


def _cubic_slabs(image, operators, bounds, device: torch.device) -> np.ndarray:
    """Apply the operators of the three axes; clip to bounds, or to those of each slice."""
    # Of a slice that is resampled by itself there is one in, one out.
    resampled = np.empty([len(operator) for operator in operators], np.float32)
    z, y, x = (
        [_on(device, part) for part in _blocks(operator, size)]
        for operator, size in zip(operators, (SLAB, BLOCK, BLOCK), strict=True)
    )
    first = 0
    for near, weights in z:
        slices = torch.from_numpy(np.ascontiguousarray(image[near])).to(device).double()
        slab = torch.tensordot(weights, slices, 1)
        slab = torch.cat([torch.matmul(w, slab[:, part]) for part, w in y], 1)
        slab = torch.cat([torch.matmul(slab[..., part], w.T) for part, w in x], 2)
        if bounds is None:
            lower, upper = (
                limit(slices, (1, 2))[:, None, None] for limit in (torch.amin, torch.amax)
            )
            slab = torch.minimum(torch.maximum(slab, lower), upper)
        else:
            slab = slab.clamp(*map(float, bounds))
        resampled[first : first + len(slab)] = slab.float().cpu().numpy()
        first += len(slab)
    return resampled


def _on(device: torch.device, block: tuple[slice, np.ndarray]) -> tuple[slice, torch.Tensor]:
    return block[0], torch.from_numpy(block[1]).to(device)


def _blocks(operator: np.ndarray, size: int) -> list[tuple[slice, np.ndarray]]:
    """Cut an operator's rows into blocks, each with the columns that it needs."""
    found = []
    for first in range(0, len(operator), size):
        rows = operator[first : first + size]
        used = np.flatnonzero((np.abs(rows) > NEGLIGIBLE).any(axis=0))
        part = slice(int(used[0]), int(used[-1]) + 1)
        found.append((part, np.ascontiguousarray(rows[:, part])))
    return found


def labels_on_grid(
    logits: torch.Tensor,
    shape: tuple[int, ...],
    apart: bool,
    device: torch.device,
    with_probability: bool,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Resample logits (class, z, y, x) to a shape, and give the most probable class (uint8).

    Of equal classes it is the first. With `with_probability` also the lesions' probability times
    255 (uint8). Raises InputError where a logit is infinite or no number.
    """
    labels = np.empty(shape, np.uint8)
    probability = np.empty(shape, np.uint8) if with_probability else None
    lower, upper, share = between(logits.shape[1], shape[0], apart)
    for first in range(0, shape[0], SLAB):
        rows = slice(first, min(first + SLAB, shape[0]))
        slab = _linear_slab(logits, lower[rows], upper[rows], share[rows], shape[1:], device)
        check_answer(bool(torch.isfinite(slab).all()))
        labels[rows] = first_largest(slab).cpu().numpy()
        if probability is not None:
            lesion = torch.softmax(slab, 0)[LESION] * WHOLE_PROBABILITY
            probability[rows] = lesion.round().byte().cpu().numpy()
    return labels, probability


def between(size: int, new_size: int, apart: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each new slice the two that it lies between, and the upper one's weight."""
    if apart and size != new_size:
        chosen = nearest(size, new_size)
        return chosen, chosen, np.zeros(new_size, np.float32)
    places = size / new_size * (np.arange(new_size) + 0.5) - 0.5
    places = places.clip(0, size - 1)
    lower = np.floor(places).astype(int)
    upper = np.minimum(lower + 1, size - 1)
    return lower, upper, (places - lower).astype(np.float32)


def _linear_slab(logits, lower, upper, share, plane, device: torch.device) -> torch.Tensor:
    begin = int(lower[0])
    slices = logits[:, begin : int(upper[-1]) + 1].to(device).float()
    if share.any():
        weight = torch.from_numpy(share).to(device)[:, None, None]
        slab = slices[:, lower - begin].lerp(slices[:, upper - begin], weight)
    else:
        slab = slices[:, lower - begin]
    if slab.shape[2:] != tuple(plane):
        slab = torch.nn.functional.interpolate(slab, plane, mode="bilinear", align_corners=False)
    return slab.half().float()


def first_largest(values: torch.Tensor) -> torch.Tensor:
    """Return the index of the largest value along the first axis, the first of equal ones."""
    largest, index = values[0], torch.zeros_like(values[0], dtype=torch.uint8)
    for number, candidate in enumerate(values[1:], start=1):
        index.masked_fill_(candidate > largest, number)
        largest = torch.maximum(largest, candidate)
    return index
