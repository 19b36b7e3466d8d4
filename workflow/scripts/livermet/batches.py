"""Batches of a training by their number, drawn by processes beside it.

Batch number n is the same whoever draws it and whenever, so that a training that was interrupted
goes on with the batches that it would have had, and the number of processes decides nothing.
torch's loader sees that its processes end with their parent.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader

from livermet.interruption import end_later

PREFETCHED = 2  # batches that each process draws ahead


class Batches(Protocol):
    """Batches of a training; a number gives the same batch in every process."""

    def __getitem__(self, number: int) -> Any:
        """Return the batch of a number, which needs no collating."""


def loading_processes(threads: int) -> int:
    """Say how many processes load and augment: none where a job has two threads or fewer."""
    return 0 if threads <= 2 else threads


def batches_from(
    batches: Batches, first: int, end: int, workers: int, pin_memory: bool
) -> Iterator[Any]:
    """Give the batches with the numbers from `first` to before `end`, in their order.

    The processes that draw them end with the iterator; 0 workers: they are drawn when asked for.
    """
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


def as_it_is(batch: Any) -> Any:
    """Return a batch that needs no collating."""
    return batch


def prepare(worker: int) -> None:
    """Let a process use one thread, since there are as many processes as threads, and end last."""
    torch.set_num_threads(1)
    end_later()
