"""A counter on stderr for long work: numbers alone, no path and no header's value."""

import sys
import time
from typing import TextIO

ON_TERMINAL_S, IN_FILE_S = 0.3, 30.0


class Counter:
    """Tells how many files are done, several times a second on a terminal, else twice a minute."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._begun = self._told = time.monotonic()
        self._line = ""

    def tell(self, words: str, done: int, fresh: int | None = None, at_last: bool = False) -> None:
        """Tell how many are done, and how many a second of `fresh`, those that took time."""
        now = time.monotonic()
        if not at_last and now - self._told < (ON_TERMINAL_S if self._terminal else IN_FILE_S):
            return
        self._told = now
        rate = (done if fresh is None else fresh) / max(now - self._begun, 1e-3)
        line = f"{done:,} {words} ({rate:,.0f} a second)"
        if self._terminal:
            self._stream.write(f"\r{line:<{len(self._line)}}" + ("\n" if at_last else ""))
        else:
            self._stream.write(f"{line}\n")
        self._line = "" if at_last else line
        self._stream.flush()
