"""A training that is asked to leave: by SLURM before its time limit, or by a user.

SIGTERM and SIGUSR1 ask. The training then saves at once and ends with `RESUBMIT`, which says that
the same job is to be submitted again.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from livermet import controller

# sysexits.h: EX_TEMPFAIL, 'the user is invited to retry the operation'.
RESUBMIT = 75
SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
# What a step and a checkpoint may take after the signal; SLURM's own kill comes when it comes.
SECONDS_TO_SAVE = 120


class InterruptionError(Exception):
    """A training was asked to leave, and has saved; the sentence is for the user."""


class Clock:
    """When a training is to be saved: on a signal, and every so many minutes (0: never)."""

    def __init__(self, minutes: float, seconds_before: float = 0.0):
        self.minutes = minutes
        self.signal: signal.Signals | None = None
        self._began = time.monotonic() - seconds_before
        self._saved = time.monotonic()
        self._owner = os.getpid()
        self._listens = False

    @property
    def seconds(self) -> float:
        """Time that the training took, earlier jobs included."""
        return time.monotonic() - self._began

    @property
    def due(self) -> bool:
        """Whether the training is to be saved now; it goes on listening."""
        if self._listens:
            self._listen()
        late = self.minutes > 0 and time.monotonic() - self._saved >= 60 * self.minutes
        return late or self.signal is not None

    def _listen(self) -> None:
        # Each time anew: torch.compile loads a compiler for GPUs whose own handlers then stand in
        # the place of these, and swallow SIGUSR1 (found with torch 2.11 on a GPU).
        for number in SIGNALS:
            signal.signal(number, self._asked)

    def _asked(self, number: int, frame: object) -> None:
        if os.getpid() != self._owner:
            return  # a process that was forked here, and has nothing to save
        self.signal = signal.Signals(number)
        # Who started this job may have been sent the signal too, and end before it has saved.
        controller.spare(SECONDS_TO_SAVE)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let signals ask to save and leave, while the block runs."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._owner = os.getpid()
        before = {number: signal.getsignal(number) for number in SIGNALS}
        self._listen()
        self._listens = True
        try:
            yield
        finally:
            self._listens = False
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)

    def saved(self, epoch: int) -> None:
        """Take note of a save; leave if a signal asked to. Raises InterruptionError."""
        self._saved = time.monotonic()
        if self.signal is not None:
            raise InterruptionError(
                f"Training was asked to stop ({self.signal.name}) and is saved in epoch {epoch}: "
                "submit it again, and it goes on from there."
            )


def end_later() -> None:
    """Let a loading process outlive a signal to all processes of a job until that has saved."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: signal.alarm(SECONDS_TO_SAVE))
