"""A run of short steps on the cluster that all tests share."""

import pytest
from step_runs import Run


@pytest.fixture
def run(slurm, tmp_path) -> Run:
    made = Run(tmp_path)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.wait()
    slurm.restore()
