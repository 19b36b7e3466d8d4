"""A network over a whole CT, in less and less memory of a GPU where it lacks.

First the volume and the sum of its logits lie on the device. Where they do not fit, they stay on
the CPU and windows alone go to the GPU; where these do not fit either, fewer go at once. The
windows, their order and their weights are the same each time.

Beside what the windows take, a voxel of the network's grid takes 22 bytes, wherever they lie: its
HU (2 bytes), its value in the window (4), three logits (12), the sum of its windows' weights (4).
"""

import logging
from collections.abc import Callable, Iterator

import numpy as np
import torch
from monai.inferers import sliding_window_inference

from livermet.images import BACKGROUND
from livermet.monai.networks import foreground, half_precision, in_window
from livermet.monai.settings import Settings, zyx

LOG = logging.getLogger("livermet")
CPU = torch.device("cpu")
SLAB = 16  # slices


@torch.inference_mode()
def probabilities_of_scan(
    network: Callable[[torch.Tensor], torch.Tensor],
    hu: np.ndarray,
    settings: Settings,
    device: torch.device,
) -> np.ndarray:
    """Return the probabilities (class, z, y, x; float32) of a volume on the network's grid.

    Overlapping windows are blended by a Gaussian. What the settings crop away is background. A
    warning tells where the GPU's memory was too small.
    """
    box = foreground(hu, settings)
    probabilities = _blended(network, torch.from_numpy(np.array(hu[box])), settings, device)
    if probabilities.shape[1:] == hu.shape:
        return probabilities
    whole = np.zeros((len(probabilities), *hu.shape), probabilities.dtype)
    whole[BACKGROUND] = 1
    whole[(slice(None), *box)] = probabilities
    return whole


def _blended(network, hu: torch.Tensor, settings: Settings, device: torch.device) -> np.ndarray:
    def of_windows(windows: torch.Tensor) -> torch.Tensor:
        with half_precision(settings, device):
            return network(windows).float()

    for place, windows, warning in leaner_ways(settings.batch_size, device):
        if warning:
            # Here, where no frame of what failed is left to hold its memory.
            torch.cuda.empty_cache()
            LOG.warning(warning)
        try:
            logits = sliding_window_inference(
                in_window(hu[None, None].to(place), settings.window_hu),
                roi_size=zyx(settings.patch_size),
                sw_batch_size=windows,
                predictor=of_windows,
                overlap=settings.overlap,
                mode="gaussian",
                sw_device=device,
                device=place,
            )
            return _softmax(logits[0]).cpu().numpy()
        except RuntimeError as error:
            if not _lacks_gpu_memory(error):
                raise
    raise torch.OutOfMemoryError("out of memory with one window at a time")


def _softmax(logits: torch.Tensor) -> torch.Tensor:
    """Turn logits (class, z, y, x) into probabilities, in the memory that they have."""
    for slices in logits.split(SLAB, dim=1):
        slices.copy_(torch.softmax(slices, dim=0))
    return logits


def leaner_ways(windows: int, device: torch.device) -> Iterator[tuple[torch.device, int, str]]:
    """Yield where the volume lies, how many windows go through at once, and what is told of it."""
    yield device, windows, ""
    if device == CPU:
        return
    yield (
        CPU,
        windows,
        "The GPU's memory is too small for this scan: its voxels and logits stay in the memory of "
        "the CPU, and its windows alone go to the GPU, which takes longer",
    )
    while windows > 1:
        windows //= 2
        yield (
            CPU,
            windows,
            f"The GPU's memory is used up: {windows} windows go through the network at once, half "
            "as many as before, which takes longer",
        )


def _lacks_gpu_memory(error: BaseException) -> bool:
    # MONAI wraps what goes wrong with its weights.
    return isinstance(error, torch.OutOfMemoryError) or isinstance(
        error.__cause__, torch.OutOfMemoryError
    )
