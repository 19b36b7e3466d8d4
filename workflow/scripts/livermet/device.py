"""The device that networks run on, and why a GPU that was granted may not be usable."""

import os
from collections.abc import Mapping

import torch

from livermet.errors import InputError

# What SLURM, CUDA and container runtimes set where a job has been given GPUs.
GRANTS = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "GPU_DEVICE_ORDINAL")
NO_GPU = frozenset({"", "-1", "none", "void", "NoDevFiles"})


def choose_device(wanted: str) -> torch.device:
    """Turn the config's device (auto, cpu or cuda) into one that this machine has.

    'auto' is a GPU where torch can use one, else the CPU. Raises InputError where cuda is asked for
    and absent, and where 'auto' finds a GPU that was granted to the job and that torch cannot use:
    weeks of training on a CPU would else begin without a word.
    """
    if wanted == "cpu" or torch.cuda.is_available():
        return torch.device("cpu" if wanted == "cpu" else "cuda")
    if wanted == "cuda":
        raise InputError(
            f"segmentation.device is 'cuda', but torch finds no GPU here ({why_no_gpu()}): run on "
            "a GPU node, or set it to 'auto' or 'cpu'."
        )
    if grant := granted_gpus(os.environ):
        raise InputError(
            f"This job has been given a GPU ({grant}), but torch cannot use it ({why_no_gpu()}): "
            "mend the node's driver or install a build of torch for it, or set "
            "segmentation.device to 'cpu' to work without."
        )
    return torch.device("cpu")


def granted_gpus(environment: Mapping[str, str]) -> str:
    """Say which variable of the environment grants GPUs to this job; empty where none does."""
    for name in GRANTS:
        if (value := environment.get(name, "").strip()) not in NO_GPU:
            return f"{name}={value}"
    return ""


def why_no_gpu() -> str:
    """Return torch's own reason for finding no GPU, as of a driver that is too old for it."""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return str(error).strip().split("\n")[0].split(". ")[0].rstrip(".")
    return "no reason is given"
