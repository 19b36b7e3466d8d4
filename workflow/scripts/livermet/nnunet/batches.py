"""Batches of nnU-Net's augmentation, each drawn from a seed of its own.

nnU-Net's own processes take batches from one another's queue in whatever order they are ready, from
seeds that nobody knows. Here a batch follows from its number (`livermet.batches`).
"""

from typing import Any

from torch.utils.data import Dataset

from livermet.randomness import seed_of, seeded


class SeededBatches(Dataset):
    """Batches by their number, drawn by one of nnU-Net's loaders."""

    def __init__(self, loader: Any, *seed: int):
        self.loader, self.seed = loader, seed

    def __getitem__(self, number: int) -> dict[str, Any]:
        """Return a batch: data (patch, channel, z, y, x), target, and the names of its series."""
        with seeded(seed_of(*self.seed, number)):
            return self.loader.generate_train_batch()
