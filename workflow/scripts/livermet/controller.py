"""The Snakemake process that a job works for: a job whose controller was killed ends with it.

Otherwise a killed run would go on writing for minutes, beside the run that follows it. Processes
are read from /proc; where there is none (macOS), only the job's own parent is watched.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.5
PROC = Path("/proc")
# The variable that tells a job which process has started it.
CONTROLLER = "LIVERMET_CONTROLLER"
# Until when a job outlives its controller, to save its work.
_spared = {"until": 0.0}


@dataclass(frozen=True)
class Process:
    """A process: its number, its parent's, and its start in clock ticks, since numbers return."""

    number: int
    parent: int
    start: int

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        now = process_of(self.number)
        return now is not None and now.start == self.start


def process_of(number: int) -> Process | None:
    """Read a process from /proc; None where it has ended, is a zombie, or there is no /proc."""
    try:
        # The second field is the command in brackets, which may hold blanks and brackets.
        state, parent, *rest = (PROC / str(number) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else Process(number, int(parent), int(rest[17]))


def name_as_controller() -> None:
    """Let every job that this process starts know whom it works for."""
    if me := process_of(os.getpid()):
        os.environ[CONTROLLER] = _identity(me)


def _identity(process: Process) -> str:
    # A container may number processes anew.
    return f"{process.number} {process.start} {os.readlink(PROC / 'self' / 'ns' / 'pid')}"


def controllers() -> list[Process]:
    """List the processes above this one up to the first Snakemake, the nearest first.

    A program that calls Snakemake has named itself. Empty where this process does not work for a
    Snakemake, or for none any more.
    """
    above = list(_ancestors(os.getpid()))
    named = os.environ.get(CONTROLLER)
    found = (i for i, one in enumerate(above) if _identity(one) == named or _is_snakemake(one))
    return above[: max(found, default=-1) + 1]


def _ancestors(number: int) -> Iterator[Process]:
    process = process_of(number)
    while process and (process := process_of(process.parent)):
        yield process


def _is_snakemake(process: Process) -> bool:
    try:
        words = (PROC / str(process.number) / "cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    # `snakemake`, `python .../bin/snakemake` and `python -m snakemake`, but no shell that names it.
    return any(Path(os.fsdecode(word)).name == "snakemake" for word in words[:3])


def _has_lost_controller() -> bool:
    """Tell whether who started this process is gone from the processes above it."""
    named = os.environ.get(CONTROLLER)
    me = process_of(os.getpid())
    if not named or not me or named.split()[-1] != _identity(me).split()[-1]:
        return False
    return named not in map(_identity, _ancestors(me.number))


def end_with_controller() -> None:
    """Watch the processes above this one; kill it and all that it started when one has ended.

    A controller that was killed while Python started here is above it no more: that ends it too.
    """
    above = controllers()
    if _has_lost_controller():
        _end(above)
    if above or not PROC.exists():
        threading.Thread(target=_watch, args=(above, os.getppid()), daemon=True).start()


def spare(seconds: float) -> None:
    """Let this process outlive its controller by some seconds, in which it saves its work."""
    _spared["until"] = time.monotonic() + seconds


def _watch(above: list[Process], parent: int) -> None:
    while (
        os.getppid() == parent and all(process.alive for process in above)
    ) or time.monotonic() < _spared["until"]:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    _end(above)


def _end(above: list[Process]) -> None:
    # Nested Snakemakes would take this job for failed and remove files that the next run has made.
    for process in above:
        if process.alive:
            kill(process.number)
    for number in descendants(os.getpid()):
        kill(number)
    kill(os.getpid())


def descendants(number: int) -> list[int]:
    """List the processes that a process has started, and theirs."""
    children: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        if process := process_of(int(folder.name)):
            children.setdefault(process.parent, []).append(process.number)
    found, waiting = [], [number]
    while waiting:
        started = children.get(waiting.pop(), [])
        found += started
        waiting += started
    return found


def kill(number: int) -> None:
    """Kill a process, if it has not ended already."""
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return
