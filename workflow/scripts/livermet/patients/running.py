"""The workflow, run on a study of new patients, and what it has made of them in few words."""

import fcntl
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from livermet.cohort.matching import study_names
from livermet.config.loading import PROJECT
from livermet.errors import InputError
from livermet.files import whole_file
from livermet.ledger.tables import read_ledger
from livermet.pack.judged import PREDICTED
from livermet.patients.preparing import CONFIG, LEDGER, RUN, SHEET, sheet_of
from livermet.patients.tables import PREDICTIONS
from livermet.provenance.records import HINTS, record_path
from livermet.sheets import SERIES_SHEET
from livermet.tables import read_table, write_table

LOCK, SNAKEMAKES_LOCKS = ".livermet-predict.lock", ".snakemake/locks"
# It is there while a run is at work, and after one that was killed.
BEGUN = ".snakemake/livermet/predicting"
# The config and the sheet by which the lists are made where a study has failed.
OTHERS = HINTS / "others"
# What a shell says of a program that Ctrl-C ended.
STOPPED = 128 + signal.SIGINT
# Options of snakemake by which a second run would make all results again.
FORCING = {"-f", "--force", "-F", "--forceall", "-R", "--forcerun"}
# Beyond so many the list of all is told alone.
MOST_TOLD = 20
RESULTS = Path("results", RUN, "patients")
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


@dataclass(frozen=True)
class Ended:
    """The end of a run: its exit status, and the logs of failed jobs of studies without a result.

    others_listed: whether the lists hold all studies but these.
    """

    status: int = 0
    lacking: dict[str, list[Path]] = field(default_factory=dict)
    others_listed: bool = False


def run_workflow(run: Run) -> Ended:
    """Run snakemake, and once more for the lists of all other studies where some have failed.

    One scan that cannot be read would else keep the results of all others out of the lists.
    """
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
    others = sheet[~_studies(sheet).isin(studies)]
    if others.empty:
        return False
    sheet_of_others, config = OTHERS / SHEET, run.out / OTHERS / CONFIG
    write_table(others, run.out / sheet_of_others, SERIES_SHEET)
    with whole_file(config) as beside:
        beside.write_text(yaml.safe_dump({"sheets": {"series": str(sheet_of_others)}}))
    # What has failed is told above, and would be told once more.
    return _run(run, [*run.command(config), "--quiet", "all"]) == 0


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


def unfinished(out: Path, since: float) -> dict[str, list[Path]]:
    """Find the studies without a result by a run, each with the logs of its jobs that failed.

    since: when the run began (`_now`). An earlier run's page is no result where a job of its study
    has failed, or where it is of other series.
    """
    sheet = sheet_of(out)
    study_of = dict(zip(sheet["series"], _studies(sheet), strict=True))
    found: dict[str, list[Path]] = {
        study: []
        for study, series in sheet.groupby(_studies(sheet))["series"].agg(set).items()
        if _series_of_page(out / RESULTS / "studies" / study) != series
    }
    # A job is of a series, of its batch or of its study.
    batches = read_ledger(out / LEDGER).batches
    whose = {study: study for study in study_of.values()} | study_of
    whose |= {
        row.batch: study_of[row.series] for row in batches.itertuples() if row.series in study_of
    }
    for log in sorted((out / "results" / RUN / "logs").rglob("*.log")):
        is_new = log.stat().st_mtime >= since
        if is_new and log.stem in whose and not (out / record_path(log.relative_to(out))).exists():
            found.setdefault(whose[log.stem], []).append(log)
    return found


def _now(out: Path) -> float:
    """Return the time by the clock of the files of a folder, which may lie on another machine."""
    place = out / LOCK
    place.touch()
    return place.stat().st_mtime


def _studies(sheet: pd.DataFrame) -> pd.Series:
    return study_names(sheet.assign(study_date=pd.to_datetime(sheet["study_date"])))


def results_told(out: Path, ended: Ended) -> str:
    """Say of each study what was found, and where its page lies; and which have no result, why."""
    studies = [study for study in _studies(sheet_of(out)).unique() if study not in ended.lacking]
    files = [out / RESULTS / "studies" / study / "prediction.tsv" for study in sorted(studies)]
    tables = [read_table(path, dtype={"study": str, "phenotype": str}) for path in files]
    table = pd.concat([pd.DataFrame(columns=PREDICTIONS.names), *tables], ignore_index=True)
    lines = [_told_of(row, out) for row in table.head(MOST_TOLD).itertuples()]
    if len(table) > MOST_TOLD:
        lines.append(f"{len(table) - MOST_TOLD} studies more")
    lines += _lacking_told(out, ended)
    if ended.lacking and ended.others_listed:
        lines.append(f"All others: {out / RESULTS / 'index.html'}")
    elif ended.lacking:
        lines.append("The lists of all studies are written when each is finished.")
    elif ended.status:
        lines.append("The run ended with an error: some of these results may be of an earlier run.")
    elif len(table) > 1:
        lines.append(f"All studies: {out / RESULTS / 'index.html'}")
    return "\n".join([*lines, "Research software, not a medical device."])


def _told_of(row: Any, out: Path) -> str:
    said = row.verdict
    if row.verdict == PREDICTED:
        said = (
            f"{row.phenotype} positive with probability {row.probability:.2f} (range of the "
            f"folds {row.lowest:.2f} to {row.highest:.2f})"
        )
    return (
        f"{row.study}: {row.lesions} lesion{'' if row.lesions == 1 else 's'}, "
        f"{row.burden_ml:.1f} ml; {said}; {out / RESULTS / f'{row.study}.html'}"
    )


def _lacking_told(out: Path, ended: Ended) -> list[str]:
    if not ended.lacking:
        return []
    told = [
        f"Not finished: {study}" + (f"; {logs[0]} says why" if logs else "")
        for study, logs in sorted(ended.lacking.items())[:MOST_TOLD]
    ]
    if len(ended.lacking) > MOST_TOLD:
        told.append(f"{len(ended.lacking) - MOST_TOLD} studies more are not finished")
    return [*told, "The same command goes on; --leave-out leaves a series out."]


def _series_of_page(folder: Path) -> set[str]:
    """Name the series that a study's page is of; an earlier page may be of others, or left over."""
    path = folder / "series.tsv"
    return set(read_table(path, dtype={"series": str})["series"]) if path.exists() else set()
