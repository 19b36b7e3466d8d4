"""Seeds of trainings, and the states of the generators that their random choices come from."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def seed_of(*parts: int) -> int:
    """Make one seed, below 2**32, of several whole numbers from 0."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch, all GPUs included."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def generator_states() -> dict[str, Any]:
    """Return the states of the generators of Python, NumPy and torch, of each GPU too."""
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_generators(states: dict[str, Any]) -> None:
    """Take up the states that `generator_states` gave, those of GPUs where their number is same."""
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"].cpu())
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from generators that are seeded anew while the block runs; GPUs' are left alone."""
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])
