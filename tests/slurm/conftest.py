"""A cluster that all tests of this folder share."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from slurm import BIN, Slurm
from step_runs import Run


@pytest.fixture(scope="session")
def slurm():
    """Start the cluster; where it cannot be had, skip, and fail in CI."""
    reason = None
    if os.getuid() != 0:
        reason = "SLURM's daemons need root"
    elif not (BIN / "slurmctld").exists():
        reason = "SLURM is not unpacked here; `make slurm` does it from Debian's packages"
    if reason:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    cluster = Slurm()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def run(slurm, tmp_path) -> Run:
    made = Run(tmp_path)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.wait()
    slurm.restore()
