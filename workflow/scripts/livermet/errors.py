"""The one kind of error that a user is meant to read."""


class InputError(ValueError):
    """Bad input, told in one sentence: which row or file, what is wrong, what to do."""


def stop_on(problems: list[str]) -> None:
    """Raise one InputError that lists every problem, or return if there is none."""
    if problems:
        raise InputError("\n".join(problems))
