"""The device that networks run on: why a granted GPU may not be usable, and what it can do."""

import importlib.util
import logging
import os
import shutil
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import torch

from livermet.claims import take_own_gpu
from livermet.errors import InputError

LOG = logging.getLogger("livermet")
# What SLURM, CUDA and container runtimes set where a job has been given GPUs.
GRANTS = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "GPU_DEVICE_ORDINAL")
OLDEST_CAPABILITY = (7, 0)
# A variable that lets a job that has been given a GPU compute without it.
CPU_FOR_GPU = "LIVERMET_CPU_FOR_GPU"
# A variable that lets several jobs compute on one GPU at the same time.
SHARED_GPU = "LIVERMET_SHARED_GPU"
NO_GPU = frozenset({"", "-1", "none", "void", "NoDevFiles"})


def choose_device(wanted: str) -> torch.device:
    """Turn the config's device (auto, cpu or cuda) into one that this machine has.

    'auto' is a GPU where torch can use one, else the CPU. It is a GPU that no other job of this
    user has on this machine: where all are taken, this waits. Raises InputError where cuda is asked
    for and absent, and where 'auto' finds a GPU that was granted to the job and that torch cannot
    use: weeks of training on a CPU would else begin without a word.
    """
    if wanted == "cpu":
        return torch.device("cpu")
    if not os.environ.get(SHARED_GPU):
        take_own_gpu()
    if torch.cuda.is_available():
        return torch.device("cuda")
    if wanted == "cuda":
        raise InputError(
            f"segmentation.device is 'cuda', but torch finds no GPU here ({why_no_gpu()}): run on "
            "a GPU node, or set it to 'auto' or 'cpu'."
        )
    grant = granted_gpus(os.environ)
    if grant and not os.environ.get(CPU_FOR_GPU):
        raise InputError(
            f"This job has been given a GPU ({grant}), but torch {torch.__version__} cannot use it "
            f"({why_no_gpu()}): mend the node's driver or install a build of torch for it "
            "(docs/how-to/cluster.md); or, to work without, set segmentation.device to 'cpu', or "
            f"{CPU_FOR_GPU}=1 in the environment."
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


def can_compile(wanted: bool, device: torch.device) -> bool:
    """Say whether a network is compiled; where a GPU's cannot be, a warning tells why.

    On a CPU nothing is compiled: that takes longer than it spares.
    """
    if not wanted or device.type != "cuda":
        return False
    if reason := why_not_compiled(torch.cuda.get_device_capability(device)):
        LOG.warning(
            "The network is not compiled, since %s: it is trained as it is, in more time. Mend "
            "that, or set segmentation.compile to false, and this sentence goes",
            reason,
        )
        return False
    # What fails all the same runs as it is, with a warning of torch's own.
    torch._dynamo.config.suppress_errors = True
    return True


def why_not_compiled(capability: tuple[int, int]) -> str:
    """Say what torch.compile lacks here for a GPU of a compute capability; empty: nothing.

    It writes its kernels by Triton, which serves GPUs from capability 7.0 (as torch's inductor
    demands) and has a C compiler build a module for Python.
    """
    if capability < OLDEST_CAPABILITY:
        return "the GPU has compute capability {}.{}, and 7.0 is needed".format(*capability)
    if importlib.util.find_spec("triton") is None:
        return "this build of torch has no Triton"
    if not os.environ.get("CC") and not any(map(shutil.which, ("cc", "gcc", "clang"))):
        return "there is no C compiler"
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        return "the headers of Python (Python.h) are not installed"
    return ""
