"""What goes wrong in trainings and predictions, told with its cause and its remedy."""

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch

from livermet.errors import InputError

# As torch's loader tells of a process that was killed, or died of a full /dev/shm.
DEAD_WORKER = re.compile(r"DataLoader worker \(pid")
NO_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


@contextmanager
def plain_faults(leaner: str) -> Iterator[None]:
    """Turn a lack of memory and the death of a loading process into an InputError.

    `leaner` says what makes the job need less memory of a GPU.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if sentence := told(error, leaner):
            raise InputError(sentence) from error
        raise


def told(error: BaseException, leaner: str) -> str:
    """Say what a known fault comes from and what helps; empty for an unknown one."""
    text = str(error)
    if DEAD_WORKER.search(text):
        return (
            "A process that loads and augments was killed, most often for want of memory: give "
            "the rule more mem_mb or fewer threads (in a container, more of /dev/shm). The last "
            "checkpoint is kept, and the next run goes on from it."
        )
    if isinstance(error, torch.OutOfMemoryError):
        return (
            f"The GPU's memory is used up: use a GPU with more of it, or {leaner}; see that no "
            "other job is on the same GPU."
        )
    if isinstance(error, MemoryError) or NO_MEMORY.search(text):
        return f"The memory is used up: give the rule more mem_mb, or {leaner}."
    return ""


def check_loss(loss: float, place: str, rate: str) -> None:
    """Stop a training whose loss is no number any more, before its weights are saved.

    `place` says where ('epoch 3'), `rate` is the config's key of the learning rate.
    """
    if not math.isfinite(loss):
        raise InputError(_learns_no_more(f"The loss is {loss}", place, rate))


def check_weights(weights: Iterable[torch.Tensor], place: str, rate: str) -> None:
    """Stop a training whose weights are no numbers any more, before they are saved.

    They can be so behind a step whose loss was a number. `place` and `rate` are as of `check_loss`.
    """
    if not all(torch.isfinite(one).all() for one in weights):
        raise InputError(_learns_no_more("Weights are infinite, or no numbers,", place, rate))


def _learns_no_more(what: str, place: str, rate: str) -> str:
    return (
        f"{what} in {place}, so that the network can learn nothing more: training stops, and the "
        "last good checkpoint is kept. Look for voxels in the training CTs that are no HU, or "
        f"lower {rate}, with which the training begins anew."
    )


def check_answer(finite: bool) -> None:
    """Stop a prediction where what networks say of a scan is infinite or no number somewhere.

    Left alone it would be background: no comparison with what is no number holds.
    """
    if not finite:
        raise InputError(
            "What the network says of a scan is infinite, or no number. Where one scan ends so, "
            "look for voxels in its CT that are no HU; where all do, the network's weights are bad "
            "and it is to be trained anew. On a GPU try segmentation.device: cpu first, which "
            "computes in 32 bits."
        )
