"""What a person reads of a job: why it runs, in short; and if it fails, first of all why.

Snakemake 9 prints the exception of its own call of the script first, then all inputs of the job,
and the job's log last. A job of livermet ends its log with the reason (`livermet.jobs`), so that
the log comes first here, long lists of files are shortened, and the exception is left out. Of a
reason to run only the first files are named; a job's own inputs and outputs are listed whole, since
a dry run is an audit.
"""

import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, TypeGuard

import snakemake.executors.local as local_executor
from snakemake.exceptions import print_exception
from snakemake.logging import DefaultFormatter, logger
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

MOST_NAMED = 3
# What `livermet.jobs` ends a job with after an error that its log tells of.
STATUS_OF_JOBS = 1
MOST_SIGNALS = 65
# A log holds progress too, each line with its time; its end says why a job failed.
LAST_LINES = 30
PROGRESS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")


def tell_reasons_first(workflow) -> None:
    """Let failed jobs be told as above, in this process; `--quiet rules` leaves the exception."""
    if not {Quietness.RULES, Quietness.ALL} & set(workflow.output_settings.quiet or ()):
        local_executor.print_exception = _print_unless_told
    DefaultFormatter._format_job_error = lambda formatter, job: list(told(job))
    list_job = DefaultFormatter._format_job_info
    DefaultFormatter._format_job_info = lambda formatter, job: list_job(
        formatter, {**job, "reason": in_short(job["reason"])}
    )


def told(job: dict[str, Any]) -> Iterator[str]:
    """Tell of a failed job, line by line; `job` is what Snakemake logs of it.

    Of a group Snakemake tells of every job, of those too that have done their work.
    """
    in_group = job.get("indent", False)
    if in_group and job["output"] and all(Path(path).exists() for path in job["output"]):
        yield f"Rule {job['rule_name']}: its files are there."
        return
    yield f"Error in rule {job['rule_name']}:"
    for log in job["log"]:
        yield from (f"    {line}" for line in end_of(Path(log)))
    if job["rule_msg"]:
        yield f"    message: {job['rule_msg']}"
    for kind in ("log", "output", "input"):
        if job[kind]:
            yield f"    {kind}: {some(job[kind])}"
    yield f"    jobid: {job['jobid']}"
    for name, value in job["aux"].items():
        yield f"    {name}: {value}"


def end_of(log: Path) -> list[str]:
    """Read the last lines of a log, from its last progress on; say where it is missing or empty."""
    if not log.is_file():
        return ["There is no log: the job was not begun, or its log cannot be seen here yet."]
    lines = log.read_text(errors="replace").splitlines()
    if not lines:
        return ["The log is empty: the job was killed, or not begun."]
    progress = [place for place, line in enumerate(lines) if PROGRESS.match(line)]
    if progress and progress[-1] + 1 < len(lines):
        lines = lines[progress[-1] + 1 :]
    left_out = [f"({len(lines) - LAST_LINES} lines before)"] if len(lines) > LAST_LINES else []
    return left_out + lines[-LAST_LINES:]


def some(names: Sequence[str]) -> str:
    """Name the first of some files, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def in_short(reason: Any) -> str:
    """Shorten the lists of files in Snakemake's reason to run: 'why: file, file; why: ...'."""
    parts = []
    for part in str(reason).split("; "):
        why, colon, files = part.partition(": ")
        # They come from a set, in no order.
        names = sorted(files.split(", "))
        # What a record says is a sentence of ours, which names few already.
        listed = colon and len(names) > MOST_NAMED and all(" " not in name for name in names)
        parts.append(f"{why}: {some(names)}" if listed else part)
    return "; ".join(parts)


def _print_unless_told(error: BaseException, linemaps: Any = None) -> None:
    """Print an exception, but not that a script ended as `livermet.jobs` ends it: its log tells."""
    ended = next((one for one in (error, error.__cause__, error.__context__) if _is_end(one)), None)
    if ended is None:
        print_exception(error, linemaps)
    elif ended.returncode != STATUS_OF_JOBS:
        logger.error(how_it_ended(ended.returncode), extra={"event": LogEvent.ERROR})


def _is_end(error: BaseException | None) -> TypeGuard[CalledProcessError]:
    return isinstance(error, CalledProcessError)


def how_it_ended(status: int) -> str:
    """Say what a script's exit status means; a shell gives 128 and the number of a signal."""
    number = -status if status < 0 else status - 128
    if not 0 < number < MOST_SIGNALS:
        return f"A script ended with status {status}."
    why = ", most often because memory ran out (mem_mb)" if number == signal.SIGKILL else ""
    return f"A script was killed by signal {number}{why}."
