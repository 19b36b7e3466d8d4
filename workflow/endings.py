"""How a SLURM job ended, in a sentence: SLURM's own state, what it says of the job, and its log.

Asked of slurmctld (`scontrol show job`) and of the job's log, so that no accounting database is
needed; slurmctld forgets a job some minutes after its end (MinJobAge).
"""

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from snakemake.logging import logger

SECONDS_FOR_SCONTROL = 20
MEMORY_IN_LOG = re.compile(
    r"oom[-_ ]?kill|out of memory|exceeded (?:job |step )?memory limit|memory limit.*being killed",
    re.I,
)
LAST_CHARACTERS = 20_000
# As livermet.interruption words it, at the end of a training's own log.
ASKED = "Training was asked to stop"


class Why(Enum):
    """Why a job ended: each is answered in another way."""

    MEMORY = "memory"
    TIME = "time"
    LOST = "lost"
    USER = "user"
    FAULT = "fault"


@dataclass(frozen=True)
class Ending:
    """Why a job ended, and the sentence that says so."""

    why: Why
    sentence: str


SENTENCES = {
    Why.MEMORY: "used more memory than the {mem_mb} MB that it asked for",
    Why.TIME: "met its time limit of {runtime} minutes, or was asked to leave before it",
    Why.LOST: "was lost at no fault of its own ({state}); it is submitted again",
    Why.USER: "was cancelled by someone (scancel) and is not submitted again in this run",
    Why.FAULT: "ended with an error ({state}{code}); the log of its rule says why",
}


def ending_of(number: str, state: str, job_info) -> Ending:
    """Tell how a job ended, from SLURM's state for it, what slurmctld knows of it, and its log."""
    about = _asked(number)
    state = (about.get("JobState") or state or "FAILED").split(" ")[0]
    log = Path(str((job_info.aux or {}).get("slurm_logfile", "")))
    why = _why(state, about, log, job_info.job.log)
    code = about.get("ExitCode", "")
    resources = job_info.job.resources
    sentence = SENTENCES[why].format(
        state=state,
        code=f", exit status {code}" if code else "",
        mem_mb=resources.get("mem_mb"),
        runtime=resources.get("runtime"),
    )
    return Ending(why, f"SLURM job {number} ({job_info.job.name}) {sentence}.")


def _asked(number: str) -> dict[str, str]:
    if not shutil.which("scontrol"):
        return {}
    try:
        said = subprocess.run(
            ["scontrol", "--oneliner", "show", "job", number],
            capture_output=True,
            text=True,
            timeout=SECONDS_FOR_SCONTROL,
            check=True,
        ).stdout
    except (subprocess.SubprocessError, OSError):
        return {}
    return dict(re.findall(r"(\w+)=(\S*)", said))


def _why(state: str, about: dict[str, str], log: Path, of_rules: Iterable[str]) -> Why:
    if state in ("NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "REVOKED", "GONE"):
        return Why.LOST
    if state in ("TIMEOUT", "DEADLINE"):
        return Why.TIME
    if state == "OUT_OF_MEMORY" or "OutOfMemory" in about.get("Reason", ""):
        return Why.MEMORY
    if log.is_file() and MEMORY_IN_LOG.search(log.read_text(errors="replace")[-LAST_CHARACTERS:]):
        return Why.MEMORY
    if state == "CANCELLED":
        return Why.USER
    # SLURM's signal before a limit (--signal=USR1@300): the training has saved and left by itself.
    return Why.TIME if any(map(_asked_to_stop, map(Path, of_rules))) else Why.FAULT


def _asked_to_stop(log: Path) -> bool:
    last = log.read_text(errors="replace").rstrip().rpartition("\n")[2] if log.is_file() else ""
    return last.startswith(ASKED)


def keep_logs(logs: Iterable[str], number: str) -> None:
    """Keep the logs of a failed attempt under names of their own, before the next writes anew."""
    for log in map(Path, logs):
        if log.is_file():
            try:
                shutil.copy(log, log.with_name(f"{log.stem}.slurm-{number}{log.suffix}"))
            except OSError as error:
                logger.warning(f"A failed job's log could not be kept: {error.strerror}.")
