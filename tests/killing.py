"""Runs that are killed with -9, alone or with their jobs, while a job of a rule is at work."""

import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from livermet.controller import descendants, kill, process_of


def killed(
    command: Sequence[str], folder: Path, rule: str, with_jobs: bool, wait: float
) -> list[int]:
    """Kill a run some seconds after the first job of a rule has begun; give its other processes.

    `rule` is a regular expression.
    """
    printed = folder / "killed.txt"
    with printed.open("w") as stream:
        run = subprocess.Popen(command, cwd=folder, stdout=stream, stderr=subprocess.STDOUT)
        while not re.search(f"rule {rule}:", printed.read_text()):
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
    end = time.monotonic() + 60
    while any(process_of(number) for number in jobs):
        assert time.monotonic() < end
        time.sleep(0.1)


def stamps(results: Path) -> dict[str, int]:
    """Return the time of every file of a run."""
    return {str(p): p.stat().st_mtime_ns for p in results.rglob("*") if p.is_file()}
