"""Options that several commands of `livermet` have; each command words its own help.

Imports little, since `livermet --help` imports every command.
"""

import os
from functools import partial
from pathlib import Path

import click

from livermet.vocabulary import Accepted, Verdict

ACCEPTED = [word.value for word in (*Accepted, Verdict.DERIVED, Verdict.REFORMATTED)]

accept = partial(click.option, "--accept", multiple=True, type=click.Choice(ACCEPTED))
pseudonyms = partial(click.option, "--pseudonyms", type=click.Path(path_type=Path))
secret = partial(
    click.option,
    "--secret",
    envvar="LIVERMET_SECRET",
    show_envvar=True,
    type=click.Path(path_type=Path),
)
processes = partial(
    click.option,
    "--processes",
    default=lambda: len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2,
    show_default="one a core",
    type=click.IntRange(1, 256),
)
