"""The SLURM jobs of this run that an earlier start has left, and the end of those of this one.

A job's name begins with the run's, which is made from the study's run and the folder that it runs
in; so squeue finds them without a database, whoever started them. A file beside Snakemake's own
says which process controls the run, so that a lock that a killed one has left is told from that of
one that still works.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from livermet.controller import process_of

RECORD = Path(".snakemake", "livermet", "slurm_run.json")
LOCKS = Path(".snakemake", "locks")
# What to do with jobs of an earlier start that run: wait, or cancel them.
CHOICE = "LIVERMET_EARLIER_JOBS"
SECONDS_FOR_SQUEUE = 60
SECONDS_TO_END = 300
SECONDS_BETWEEN_LOOKS = 5
SECONDS_BETWEEN_WORDS = 600
# Not begun: nothing is lost when they are cancelled.
WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD")


def name_of(run: str) -> str:
    """Return what the names of all SLURM jobs of this run begin with."""
    place = hashlib.sha256(str(Path.cwd().resolve()).encode()).hexdigest()[:8]
    return f"livermet-{re.sub('[^A-Za-z0-9]', '-', run)[:24]}-{place}"


def jobs_named(name: str) -> dict[str, str]:
    """Return this user's SLURM jobs in the queue whose names begin so: {number: state}."""
    command = ["squeue", "--user", str(os.getuid()), "--noheader", "--format", "%i|%T|%j"]
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS_FOR_SQUEUE, check=True
        ).stdout
    except (subprocess.SubprocessError, OSError) as error:
        raise WorkflowError(
            "squeue does not answer, so that it is not known whether SLURM jobs of an earlier "
            f"start of this run are still at work ({getattr(error, 'stderr', '') or error}). "
            f"Start it again when it does. Where there is no SLURM and none is, remove {RECORD}."
        ) from None
    rows = [line.split("|", 2) for line in said.splitlines()]
    return {number: state for number, state, called in rows if called.startswith(name)}


def settle(run: str, only_if_recorded: bool = False) -> None:
    """Wait for the jobs of an earlier start that run, and cancel those that wait.

    Raises WorkflowError where another process may still control them.
    """
    if only_if_recorded and not RECORD.exists():
        return
    _check_controller()
    name = name_of(run)
    found = jobs_named(name)
    if not found:
        RECORD.unlink(missing_ok=True)
        return
    waiting = sorted(number for number, state in found.items() if state in WAITING)
    working = sorted(found.keys() - set(waiting))
    cancelled = sorted(found) if os.environ.get(CHOICE) == "cancel" else waiting
    logger.warning(
        f"{len(found)} SLURM jobs of an earlier start of this run are in the queue: "
        f"{len(working)} at work, {len(waiting)} waiting. Nothing is submitted before they have "
        f"ended. Cancelled now: {_some(cancelled)}. Waited for: "
        f"{_some(sorted(found.keys() - set(cancelled)))}. To cancel all of them, interrupt this or "
        f"set {CHOICE}=cancel."
    )
    _scancel(cancelled)
    try:
        _wait(name, None)
    except KeyboardInterrupt:
        with deaf_to_interrupts():
            cancel_named(name)
        raise
    RECORD.unlink(missing_ok=True)


def _some(numbers: list[str]) -> str:
    more = f" and {len(numbers) - 10} more" if len(numbers) > 10 else ""
    return (", ".join(numbers[:10]) + more) or "none"


def _check_controller() -> None:
    """Remove the lock of a controller that has ended on this machine; stop where one may live."""
    if not RECORD.exists():
        return
    said = json.loads(RECORD.read_text())
    locked = LOCKS.is_dir() and any(LOCKS.iterdir())
    if said["host"] == socket.gethostname():
        process = process_of(said["process"])
        if process and process.start == said["start"]:
            raise WorkflowError(
                f"This run is controlled by process {said['process']} on this machine. Wait for "
                "it, or interrupt it (Ctrl-C), which cancels its SLURM jobs."
            )
        if locked:
            logger.warning("The process that locked this folder has ended; its lock is removed.")
            shutil.rmtree(LOCKS)
    elif locked:
        raise WorkflowError(
            f"This run was started as process {said['process']} on {said['host']}, which cannot be "
            "seen from here. If it runs there, leave it alone. If it has ended, start again "
            "there, or type snakemake --unlock here first: the SLURM jobs that it left are then "
            "found, and waited for or cancelled."
        )


@contextmanager
def recorded(run: str) -> Iterator[None]:
    """Say whose the SLURM jobs are while the block works; after it none of them is in the queue."""
    me = process_of(os.getpid())
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(
        json.dumps(
            {
                "host": socket.gethostname(),
                "process": os.getpid(),
                "start": me.start if me else 0,
                "name": name_of(run),
            }
        )
    )
    try:
        yield
    finally:
        with deaf_to_interrupts():
            cancel_named(name_of(run))
            RECORD.unlink(missing_ok=True)


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Let nothing interrupt the cancelling of jobs; a second Ctrl-C is answered with words."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def say(number, frame):
        logger.warning("The run's SLURM jobs are being cancelled; this takes a moment.")

    before = {number: signal.signal(number, say) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def cancel_named(name: str) -> None:
    """Cancel this user's jobs whose names begin so, and wait until SLURM has ended them."""
    found = jobs_named(name)
    if found:
        logger.warning(f"Cancelling {len(found)} SLURM jobs: {_some(sorted(found))}.")
        _scancel(sorted(found))
        _wait(name, SECONDS_TO_END)


def _scancel(numbers: list[str]) -> None:
    # Some hundred numbers a call, since a command line has an end.
    for first in range(0, len(numbers), 200):
        subprocess.run(
            ["scancel", *numbers[first : first + 200]],
            capture_output=True,
            timeout=SECONDS_FOR_SQUEUE,
            check=False,
        )


def _wait(name: str, seconds: float | None) -> None:
    start = said = time.monotonic()
    pause = 0.5
    while found := jobs_named(name):
        now = time.monotonic()
        if seconds is not None and now - start > seconds:
            logger.error(f"SLURM has not ended these jobs: {_some(sorted(found))}. Ask squeue.")
            return
        if now - said > SECONDS_BETWEEN_WORDS:
            said = now
            logger.info(f"Still waiting for {len(found)} SLURM jobs: {_some(sorted(found))}.")
        time.sleep(pause)
        pause = min(2 * pause, SECONDS_BETWEEN_LOOKS)
