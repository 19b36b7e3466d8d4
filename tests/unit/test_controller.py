"""A job ends with the Snakemake that it works for; /proc says which one that is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from livermet.controller import PROC, process_of

SECONDS_TO_END = 2
STARTER = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]])"
NAME_ITSELF = """
import sys
sys.path.insert(0, sys.argv[2])
from livermet.controller import name_as_controller
name_as_controller()
"""
# A job with a process of its own, as nnU-Net's; it tells both numbers when it is watched.
JOB = """
import os, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from livermet.controller import end_with_controller
end_with_controller()
started = subprocess.Popen(["sleep", "60"])
with open("numbers.tmp", "w") as stream:
    stream.write(f"{os.getpid()} {started.pid}")
os.rename("numbers.tmp", "numbers")
time.sleep(60)
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a job below a process of some name: both, by number."""
    started = []

    def start_below(name: str, begin: str = "") -> tuple[subprocess.Popen, list[int]]:
        (tmp_path / name).write_text(begin + STARTER)
        (tmp_path / "job.py").write_text(JOB)
        package = Path(__file__).parents[2] / "workflow" / "scripts"
        command = [sys.executable, str(tmp_path / name), "job.py", str(package)]
        above = subprocess.Popen(command, cwd=tmp_path)
        wait_until((tmp_path / "numbers").exists, 30)
        numbers = [int(number) for number in (tmp_path / "numbers").read_text().split()]
        started.extend([above.pid, *numbers])
        return above, numbers

    yield start_below
    for number in started:
        if process_of(number):
            os.kill(number, signal.SIGKILL)


def wait_until(true, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def running(numbers: list[int]) -> list[int]:
    return [number for number in numbers if process_of(number)]


def test_a_job_whose_controller_is_killed_ends_with_all_that_it_has_started(start):
    above, numbers = start("snakemake")
    assert running(numbers) == numbers
    above.kill()
    above.wait()
    wait_until(lambda: running(numbers) == [], SECONDS_TO_END)


def test_a_controller_may_be_any_program_that_names_itself(start):
    """Snakemake can be called from Python."""
    above, numbers = start("program", begin=NAME_ITSELF)
    assert running(numbers) == numbers
    above.kill()
    above.wait()
    wait_until(lambda: running(numbers) == [], SECONDS_TO_END)


def test_a_job_whose_controller_was_killed_before_it_began_does_not_begin(tmp_path):
    """Python takes a second to start, and the libraries of some jobs take more."""
    package = Path(__file__).parents[2] / "workflow" / "scripts"
    (tmp_path / "job.py").write_text("import time; time.sleep(1)" + JOB)
    start_and_end = (
        "import subprocess; print(subprocess.Popen([sys.executable, *sys.argv[1:]]).pid)"
    )
    (tmp_path / "starter.py").write_text(NAME_ITSELF + start_and_end)
    command = [sys.executable, "starter.py", "job.py", str(package)]
    # The number comes by a file: a pipe would be open as long as the job runs.
    with (tmp_path / "job_number").open("w") as stream:
        subprocess.run(command, cwd=tmp_path, stdout=stream, check=True)
    job = int((tmp_path / "job_number").read_text())
    wait_until(lambda: not process_of(job), 15)
    assert not (tmp_path / "numbers").exists()


def test_a_job_that_works_for_no_snakemake_is_not_watched(start):
    """It goes on when the process above it ends, as a script that a user starts by hand does."""
    above, numbers = start("shell")
    above.kill()
    above.wait()
    time.sleep(SECONDS_TO_END)
    assert running(numbers) == numbers


def test_a_zombie_is_no_process():
    ended = subprocess.Popen(["true"])
    stat = PROC / str(ended.pid) / "stat"
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", 10)
    assert process_of(ended.pid) is None
    ended.wait()


def test_a_process_is_known_by_its_start_and_not_by_its_number():
    me = process_of(os.getpid())
    assert me.alive
    assert me.parent == os.getppid()
    assert not type(me)(me.number, me.parent, me.start + 1).alive
    # A number above the largest that Linux gives.
    assert process_of(2**22 + 1) is None
