"""A run that is killed leaves nothing behind that the next run would take for a result."""

import random
import subprocess
import time
from pathlib import Path

import pytest

from livermet.controller import descendants, kill, process_of

from .changes import INPUTS, SEED, SEQUENCE
from .comparison import differences
from .small_study import Study

# Rules in whose first job a run is killed, and whether all of its processes are.
KILLS = [
    ("ingest_series", False),
    ("extract_radiomics", True),
    ("select_features", False),
    ("write_report", True),
]
# Python takes most of it to start a job's script, and a small job's work the rest.
LONGEST_WAIT_S = 3.0


@pytest.fixture
def changed(study) -> Study:
    """Give a finished study whose inputs have changed since."""
    for name in (name for step in SEQUENCE for name in step if name in INPUTS):
        INPUTS[name](study)
    return study


def killed(study: Study, rule: str, with_jobs: bool, wait: float) -> list[int]:
    """Kill a run some time after the first job of a rule has begun; give its other processes."""
    printed = study.workdir / f"killed_in_{rule}.txt"
    with printed.open("w") as stream:
        run = subprocess.Popen(
            study.command(), cwd=study.workdir, stdout=stream, stderr=subprocess.STDOUT
        )
        while f"rule {rule}:" not in printed.read_text():
            assert run.poll() is None, printed.read_text()[-3000:]
            time.sleep(0.05)
        time.sleep(wait)
        assert run.poll() is None, printed.read_text()[-3000:]
        jobs = descendants(run.pid)
        for number in [run.pid, *jobs] if with_jobs else [run.pid]:
            kill(number)
        run.wait()
    return jobs


def wait_for_end(jobs: list[int]) -> None:
    """Wait until processes have ended; a job ends when its script begins, or within a second."""
    end = time.monotonic() + 30
    while any(process_of(number) for number in jobs):
        assert time.monotonic() < end
        time.sleep(0.1)


def stamps(results: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in results.rglob("*") if p.is_file()}


def test_a_run_killed_again_and_again_ends_as_if_it_were_not(changed, fresh):
    draw = random.Random(SEED)
    for rule, with_jobs in KILLS:
        jobs = killed(changed, rule, with_jobs, draw.uniform(0, LONGEST_WAIT_S))
        time.sleep(2)
        left = stamps(changed.results)
        wait_for_end(jobs)
        changed.snakemake("--unlock")
        assert stamps(changed.results) == left
    changed.run()
    assert changed.is_done()
    # Files that begin with a dot are among those that are compared.
    assert differences(changed, fresh) == []


def test_what_killed_writers_left_is_removed_with_the_next_run(study):
    """A glob of the series' files, a user's or ours, finds whole files alone."""
    ct = study.results / "series" / "msclc_008_20181008_thin" / "ct.nii.gz"
    left = ct.with_name(f".4194305.{ct.name}")
    left.write_bytes(ct.read_bytes()[:100])
    ct.unlink()
    study.snakemake("--until", "ingest_series")
    assert ct.exists()
    assert not left.exists()
