"""GPUs of one machine among the jobs that run on it: each job has one of its own.

Snakemake counts the GPUs that jobs take and tells none of them which. A job therefore locks a file
that is named after its GPU; the system frees the lock when the job's processes have ended, however
they did.
"""

import fcntl
import functools
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LOG = logging.getLogger("livermet")
VISIBLE = "CUDA_VISIBLE_DEVICES"
# Seconds between two looks for a GPU that has become free.
PAUSE = 5.0


@functools.cache
def take_own_gpu() -> None:
    """Claim one of the GPUs that this process may see, and hide the others from it.

    This comes before CUDA's first use, which reads CUDA_VISIBLE_DEVICES once; nnU-Net always takes
    the first GPU that it sees. Nothing is done where there is no GPU of NVIDIA.
    """
    if names := visible_gpus(os.environ.get(VISIBLE), installed_gpus()):
        os.environ[VISIBLE] = names[claim(names, lock_folder())]


def installed_gpus() -> dict[str, str]:
    """Return the UUID of each GPU of this machine by its number, as nvidia-smi has them."""
    if not (command := shutil.which("nvidia-smi")):
        return {}
    query = [command, "--query-gpu=index,uuid", "--format=csv,noheader"]
    listed = subprocess.run(query, capture_output=True, text=True, check=False)
    lines = listed.stdout.splitlines() if listed.returncode == 0 else []
    return {index.strip(): uuid.strip() for index, _, uuid in (li.partition(",") for li in lines)}


def visible_gpus(visible: str | None, installed: Mapping[str, str]) -> list[str]:
    """Return the UUIDs of the GPUs that CUDA_VISIBLE_DEVICES (`visible`) leaves to this process.

    None: all. What it names otherwise than by number, such as a part of a GPU (MIG), is its own
    name. CUDA sees none from the first number on that no GPU has.
    """
    if visible is None:
        return list(installed.values())
    names = []
    for entry in filter(None, map(str.strip, visible.split(","))):
        if entry.lstrip("-").isdigit() and entry not in installed:
            break
        names.append(installed.get(entry, entry))
    return names if installed else []


def lock_folder() -> Path:
    """Return the folder of this user's locks on this machine; it is made where it is missing."""
    folder = Path(tempfile.gettempdir(), f"livermet-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def claim(names: Sequence[str], folder: Path, pause: float = PAUSE) -> int:
    """Take the first GPU that no other job has, and return its number among `names`.

    `names` are the same for every job, as UUIDs are and numbers are not. Where all are taken, this
    looks again after every `pause` seconds. The claim ends with this process and those that it has
    forked.
    """
    told = False
    while True:
        for number, name in enumerate(names):
            if _locked(folder / name.replace("/", "_")):
                return number
        if not told:
            LOG.warning("Every GPU here has a job of livermet already: this job waits for one")
            told = True
        time.sleep(pause)


def _locked(path: Path) -> bool:
    """Lock a file for the life of this process; False where another process has it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    # The descriptor stays open, and with it the lock.
    return True
