"""Batches of nnU-Net's augmentation, each drawn from a seed of its own, by processes beside it.

nnU-Net's own processes take batches from one another's queue in whatever order they are ready, from
seeds that nobody knows. Here batch number n is the same whoever draws it and whenever, so that a
training that was interrupted goes on with the batches that it would have had, and the number of
processes decides nothing. torch's loader also sees that its processes end with their parent.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from livermet.interruption import end_later
from livermet.randomness import seed_of, seeded

PREFETCHED = 2  # batches that each process draws ahead


class SeededBatches(Dataset):
    """Batches by their number, drawn by one of nnU-Net's loaders."""

    def __init__(self, loader: Any, *seed: int):
        self.loader, self.seed = loader, seed

    def __getitem__(self, number: int) -> dict[str, Any]:
        """Return a batch: data (patch, channel, z, y, x), target, and the names of its series."""
        with seeded(seed_of(*self.seed, number)):
            return self.loader.generate_train_batch()


def batches_from(
    batches: SeededBatches, first: int, end: int, workers: int, pin_memory: bool
) -> Iterator[dict[str, Any]]:
    """Give the batches with the numbers from `first` to before `end`, in their order."""
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, end),
        collate_fn=as_it_is,
        num_workers=workers,
        prefetch_factor=PREFETCHED if workers else None,
        worker_init_fn=prepare if workers else None,
        pin_memory=pin_memory,
    )
    return iter(loader)


def as_it_is(batch: dict[str, Any]) -> dict[str, Any]:
    """Return a batch that needs no collating: nnU-Net has done it."""
    return batch


def prepare(worker: int) -> None:
    """Let a process use one thread, since there are as many processes as threads, and end last."""
    torch.set_num_threads(1)
    end_later()
