"""Errors that nobody expected, told without what they say: a message may quote a path or a header.

A message of Python or of a library names the file, or the value, that it failed on. Where raw data
are read, that may be a patient's name. What is left is the kind of error and the lines of livermet
that it came through, which is what a report of a fault needs.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livermet.errors import InputError
from livermet.files import full_disk

PACKAGE = Path(__file__).parent


class UntoldError(InputError):
    """An error that was not expected, by its kind and its place in the code."""


@contextmanager
def untold(folder: Path | None = None) -> Iterator[None]:
    """Let an InputError through, and any other error as an UntoldError without its message.

    `folder` is where files are written: that its disk is full is told as such.
    """
    try:
        yield
    except InputError as error:
        # What it came from would stand in a traceback.
        raise error.with_traceback(None) from None
    except Exception as error:
        if folder is not None and (sentence := full_disk(error, folder)):
            raise InputError(sentence) from None
        raise UntoldError(
            f"livermet met an error that it did not expect ({type(error).__name__} at "
            f"{_place(error)}). What it says is not repeated here, since it may name a patient or "
            "a path; please report these lines."
        ) from None


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(PACKAGE)]
    named = [
        f"{Path(frame.filename).relative_to(PACKAGE)}, line {frame.lineno}"
        for frame in (ours or frames)[-4:]
        if Path(frame.filename).is_relative_to(PACKAGE)
    ]
    return "; ".join(named) or "a place outside of livermet"
