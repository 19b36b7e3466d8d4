"""The workflow, run on a study of new patients, by one at a time in a folder of results."""

import fcntl
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from livermet.config.loading import PROJECT
from livermet.errors import InputError
from livermet.files import whole_file
from livermet.patients.ended import Ended, studies_of, unfinished
from livermet.patients.preparing import CONFIG, SHEET, sheet_of
from livermet.provenance.records import HINTS
from livermet.sheets import SERIES_SHEET
from livermet.tables import write_table

LOCK, SNAKEMAKES_LOCKS = ".livermet-predict.lock", ".snakemake/locks"
# It is there while a run is at work, and after one that was killed.
BEGUN = ".snakemake/livermet/predicting"
# The config and the sheet by which the lists are made where a study has failed.
OTHERS = HINTS / "others"
# What a shell says of a program that Ctrl-C ended.
STOPPED = 128 + signal.SIGINT
# Options of snakemake by which a second run would make all results again.
FORCING = {"-f", "--force", "-F", "--forceall", "-R", "--forcerun"}
PROFILES = PROJECT / "profiles"


@contextmanager
def alone(out: Path) -> Iterator[int]:
    """Keep others from a folder of results while the block works; gives the lock's open file.

    The system lets go of it when the last process ends that has it open, however it ends. Raises
    InputError where another process has it, and for a folder that cannot be written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        stream = (out / LOCK).open("a")
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{out} is no folder; name another one with --out.") from None
    except OSError as error:
        raise InputError(
            f"{out} cannot be written to ({error.strerror}); name another folder with --out."
        ) from None
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"Another livermet predict is at work in {out}; wait for its end, or stop it."
            ) from None
        yield stream.fileno()


@dataclass(frozen=True)
class Run:
    """Snakemake on a study that `preparing.prepare` has written.

    lock: what `alone` gives. profile: a path, or a name in the project's profiles/. options: those
    of snakemake that a user has typed.
    """

    out: Path
    lock: int
    profile: str | None = None
    cores: int | None = None
    options: Sequence[str] = ()

    @property
    def is_dry(self) -> bool:
        """Whether it only says which jobs would run."""
        return bool({"-n", "--dry-run", "--dryrun"} & {*self.options})

    def command(self, *configs: Path) -> list[str]:
        """Return the command by the study's config and those that are laid over it.

        Raises InputError for a profile that is not there.
        """
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile")]
        command += ["--directory", str(self.out)]
        command += ["--configfile", str(self.out / CONFIG), *map(str, configs)]
        command += ["--profile", str(profile_of(self.profile))]
        command += ["--cores", str(self.cores)] if self.cores else []
        return [*command, *self.options]


def run_workflow(run: Run) -> Ended:
    """Run snakemake, and once more for the lists of all other studies where some have failed.

    One scan that cannot be read would else keep the results of all others out of the lists.
    """
    # A run that was killed may have left it.
    shutil.rmtree(run.out / OTHERS, ignore_errors=True)
    since = _now(run.out)
    status = _run(run, run.command())
    if run.is_dry:
        return Ended(status)
    lacking = unfinished(run.out, since)
    if status in (0, STOPPED) or not lacking or FORCING & {*run.options}:
        return Ended(status, lacking)
    return Ended(status, lacking, _list_others(run, list(lacking)))


def _list_others(run: Run, studies: Sequence[str]) -> bool:
    """Make what is left to be made without some studies, and tell whether all of it was made."""
    sheet = sheet_of(run.out)
    others = sheet[~studies_of(sheet).isin(studies)]
    if others.empty:
        return False
    sheet_of_others, config = OTHERS / SHEET, run.out / OTHERS / CONFIG
    write_table(others, run.out / sheet_of_others, SERIES_SHEET)
    with whole_file(config) as beside:
        beside.write_text(yaml.safe_dump({"sheets": {"series": str(sheet_of_others)}}))
    try:
        # What has failed is told above, and would be told once more.
        return _run(run, [*run.command(config), "--quiet", "all"]) == 0
    finally:
        # A patient who is withdrawn later is not to stay in it.
        shutil.rmtree(run.out / OTHERS)


def _run(run: Run, command: Sequence[str]) -> int:
    """Run a command of snakemake; what a run that was killed has locked is unlocked."""
    out, begun = run.out, run.out / BEGUN
    if begun.exists():
        # It was ours, and has ended, or this process would not be alone.
        shutil.rmtree(out / SNAKEMAKES_LOCKS, ignore_errors=True)
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.touch()
    # The run keeps the lock should this process be killed before it.
    status = _ended(subprocess.Popen(command, pass_fds=[run.lock]))
    begun.unlink()
    return status


def _ended(process: subprocess.Popen) -> int:
    """Wait for a run's end. Ctrl-C reaches it too, and it is given the time to stop its jobs."""
    is_stopped = False
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            is_stopped = True
            continue
        return STOPPED if is_stopped and status else status


def profile_of(name: str | None) -> Path:
    """Find a profile: the workstation's where none is named."""
    places = [PROFILES / (name or "default"), *([Path(name)] if name else [])]
    found = [place for place in places if (place / "profile.yaml").is_file()]
    if not found:
        known = ", ".join(sorted(path.name for path in PROFILES.iterdir()))
        raise InputError(f"There is no profile '{name}'; name one of {known}, or a folder of one.")
    return found[0]


def _now(out: Path) -> float:
    """Return the time by the clock of the files of a folder, which may lie on another machine."""
    place = out / LOCK
    place.touch()
    return place.stat().st_mtime
