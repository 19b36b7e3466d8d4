"""What a person reads of a job: why it runs, in short; and if it fails, first of all why.

Snakemake 9 prints the exception of its own call of the script first, then all inputs of the job,
and the job's log last. A job of livermet ends its log with the reason (`livermet.jobs`), so that
the log comes first here, long lists of files are shortened, and the exception is left out. Of a
reason to run only the first files are named; a job's own inputs and outputs are listed whole, since
a dry run is an audit.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import snakemake.executors.local as local_executor
from snakemake.exceptions import print_exception
from snakemake.logging import DefaultFormatter

MOST_NAMED = 3
# A log holds a library's progress too; its end says why a job failed.
LAST_LINES = 30


def tell_reasons_first() -> None:
    """Let failed jobs be told as above, in this process."""
    local_executor.print_exception = _print_unless_told
    DefaultFormatter._format_job_error = lambda formatter, job: list(told(job))
    list_job = DefaultFormatter._format_job_info
    DefaultFormatter._format_job_info = lambda formatter, job: list_job(
        formatter, {**job, "reason": in_short(job["reason"])}
    )


def told(job: dict[str, Any]) -> Iterator[str]:
    """Tell of a failed job, line by line; `job` is what Snakemake logs of it."""
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
    """Read the last lines of a log; say so where it is missing or empty."""
    if not log.is_file():
        return [f"The job ended before it wrote its log {log}."]
    lines = log.read_text(errors="replace").splitlines()
    if not lines:
        return [
            f"The job ended without a word in its log {log}: it was killed, or ran out of memory."
        ]
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
    """Print an exception, but not that a script ended with a status: its log is told of."""
    cause = error.__cause__ or error.__context__
    if not isinstance(error, CalledProcessError) and not isinstance(cause, CalledProcessError):
        print_exception(error, linemaps)
