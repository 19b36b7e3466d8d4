"""The errors that a user is meant to read."""


class InputError(ValueError):
    """Bad input, told in one sentence: which row or file, what is wrong, what to do."""


class ContractError(InputError):
    """A table that livermet made and that is not what its contract promises."""


def stop_on(problems: list[str]) -> None:
    """Raise one InputError that lists every problem, or return if there is none."""
    if problems:
        raise InputError("\n".join(problems))
