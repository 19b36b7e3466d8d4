"""Networks over a whole volume: nnU-Net's sliding window, several tiles in one forward pass.

Tiles, their order, their Gaussian weights and the 16 bits of the sums are nnU-Net's own
(`nnunetv2.inference`), fold by fold, so that logits on a CPU are nnU-Net's to the last bit where
PyTorch computes the networks, and to rounding where OpenVINO does. A GPU computes a batch by other
kernels than one patch, and mirrored copies are added in 32 bits here and in 16 there: the
difference is one of rounding.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

import torch
from nnunetv2.inference.predict_from_raw_data import pad_nd_image
from nnunetv2.inference.sliding_window_prediction import (
    compute_gaussian,
    compute_steps_for_sliding_window,
)

from livermet.cpu_networks import on_device
from livermet.engines import Engine

LOG = logging.getLogger("livermet")
CPU = torch.device("cpu")
# More patches in a forward pass keep no GPU busier.
MOST_PATCHES = 16
# What is left is for the volume, its sums and the other steps.
SHARE_OF_FREE_MEMORY = 0.5


class TiledNetworks:
    """Networks of one plan, by fold, on a device, and how they are moved over a volume.

    On a CPU the engine computes them (`livermet.cpu_networks`).

    `patch` is a tile's shape and `step_size` the tiles' distance as a share of it; over
    `mirror_axes` (0 is the first axis of a volume) the mean of all mirrored copies is taken. Lacks
    a GPU memory, fewer patches go through at once, and then the volume and its logits stay on the
    CPU; a warning says so.
    """

    def __init__(
        self,
        networks: Mapping[int, torch.nn.Module],
        classes: int,
        patch: Sequence[int],
        step_size: float,
        mirror_axes: Sequence[int],
        device: torch.device,
        engine: Engine,
    ):
        self.networks = {fold: on_device(one, device, engine) for fold, one in networks.items()}
        self.classes, self.patch, self.step_size = classes, tuple(patch), step_size
        self.device = device
        # Axes of a batch: two come before the volume's.
        self.copies = [
            tuple(axis + 2 for axis in axes)
            for number in range(len(mirror_axes) + 1)
            for axes in combinations(mirror_axes, number)
        ]
        # Patches in one forward pass; on a CPU more are no faster.
        self.batch = 1 if device.type == "cpu" else None
        torch.backends.cudnn.benchmark = device.type == "cuda"

    @torch.inference_mode()
    def mean_logits(self, image: torch.Tensor, folds: Sequence[int]) -> torch.Tensor:
        """Return the mean logits (class, z, y, x; 16 bits) of a volume (channel, z, y, x)."""
        padded, back = pad_nd_image(image, self.patch, "constant", {"value": 0}, True, None)
        total: torch.Tensor | None = None
        place = self.device
        for fold in folds:
            logits = self._logits_of(padded, fold, place)
            # Where one fold's did not fit, the next one's will not.
            place = logits.device
            total = logits if total is None else total.to(place).add_(logits)
        assert total is not None
        if len(folds) > 1:
            total /= len(folds)
        return total[(slice(None), *back[1:])]

    def _logits_of(self, image: torch.Tensor, fold: int, place: torch.device) -> torch.Tensor:
        """Return a fold's logits of a whole volume, at a place or on the CPU."""
        boxes = self.boxes(image.shape[1:])
        held = self._held(image, place)
        done = 0
        while done < len(boxes):
            added = 0 if held is None else self._add_next(held, boxes[done:], fold)
            done += added
            if not added:
                # Here, where no frame of what failed is left to hold its memory.
                place = self._leaner(held, place)
                held = self._held(image, place) if held is None else [t.to(place) for t in held]
                _release()
        _, sums, weights, _ = held  # type: ignore[misc]
        return torch.div(sums, weights, out=sums)

    def boxes(self, shape: Sequence[int]) -> list[tuple[slice, ...]]:
        """Return the tiles of a volume in nnU-Net's order."""
        steps = compute_steps_for_sliding_window(shape, self.patch, self.step_size)
        return [
            tuple(slice(at, at + size) for at, size in zip(corner, self.patch, strict=True))
            for corner in product(*steps)
        ]

    def _held(self, image: torch.Tensor, place: torch.device) -> list[torch.Tensor] | None:
        """Return the volume, its sums of logits and of weights, and the weights, at a place.

        None where it lacks the memory.
        """
        shape = image.shape[1:]
        try:
            return [
                image.to(place),
                torch.zeros((self.classes, *shape), dtype=torch.half, device=place),
                torch.zeros(shape, dtype=torch.half, device=place),
                compute_gaussian(
                    self.patch, sigma_scale=1 / 8, value_scaling_factor=10, device=place
                ),
            ]
        except torch.OutOfMemoryError:
            return None

    def _add_next(self, held, boxes, fold: int) -> int:
        """Add the next tiles to the sums, and tell how many: none where memory lacks."""
        image, sums, weights, gaussian = held
        try:
            if self.batch is None:
                self.batch = self._fitting(image[(slice(None), *boxes[0])][None], fold)
            tiles = max(1, self.batch // len(self.copies))
            some = boxes[:tiles]
            # A GPU's convolutions are tuned anew for each size of a batch: the last one is filled.
            filled = some + some[:1] * (tiles - len(some) if self.device.type == "cuda" else 0)
            patches = torch.stack([image[(slice(None), *box)] for box in filled]).to(self.device)
            predicted = self._predicted(patches, fold).to(image.device).mul_(gaussian)
        except torch.OutOfMemoryError:
            return 0
        for box, logits in zip(some, predicted, strict=False):
            sums[(slice(None), *box)] += logits
            weights[box] += gaussian
        return len(some)

    def _predicted(self, patches: torch.Tensor, fold: int) -> torch.Tensor:
        """Return the mean over mirrored copies of a fold's logits of patches, 32 bits."""
        total: torch.Tensor | None = None
        for axes in self._together(len(patches)):
            logits = self._logits(torch.cat([_flipped(patches, some) for some in axes]), fold)
            for some, part in zip(axes, logits.split(len(patches)), strict=True):
                part = _flipped(part, some)
                total = part.float() if total is None else total.add_(part)
        assert total is not None
        return total / len(self.copies) if len(self.copies) > 1 else total

    def _together(self, tiles: int) -> Iterator[list[tuple[int, ...]]]:
        """Yield the mirrored copies that go through in one forward pass."""
        step = max(1, (self.batch or 1) // tiles)
        for first in range(0, len(self.copies), step):
            yield self.copies[first : first + step]

    def _logits(self, batch: torch.Tensor, fold: int) -> torch.Tensor:
        # As nnU-Net: 16 bits where the GPU is as exact with them, and no autocast on a CPU.
        with torch.autocast(self.device.type, enabled=self.device.type == "cuda"):
            return self.networks[fold](batch)

    def _fitting(self, patch: torch.Tensor, fold: int) -> int:
        """Return how many patches fit the GPU's free memory, by a forward pass of one."""
        before = torch.cuda.memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        self._logits(patch.to(self.device), fold)
        one = torch.cuda.max_memory_allocated(self.device) - before
        _release()
        free, _ = torch.cuda.mem_get_info(self.device)
        return max(1, min(MOST_PATCHES, int(SHARE_OF_FREE_MEMORY * free / max(one, 1))))

    def _leaner(self, held, place: torch.device) -> torch.device:
        """Halve what goes through at once, or else move the volume off the GPU; tell of it."""
        if held is not None and (self.batch or 1) > 1:
            self.batch = self.batch // 2  # type: ignore[operator]
            LOG.warning(
                "The GPU's memory is used up: %d patches go through the network at once from here, "
                "half as many as before, which takes longer",
                self.batch,
            )
            return place
        if place == CPU:
            raise torch.OutOfMemoryError("out of memory with one patch at a time")
        LOG.warning(
            "The GPU's memory is too small for this scan: its voxels and logits stay in the memory "
            "of the CPU, and its patches alone go to the GPU, which takes longer"
        )
        return CPU


def _flipped(batch: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    return batch.flip(axes) if axes else batch


def _release() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
