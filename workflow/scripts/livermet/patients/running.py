"""The workflow, run on a study of new patients, and what it has made of them in few words."""

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from livermet.cohort.matching import study_names
from livermet.config.loading import PROJECT
from livermet.errors import InputError
from livermet.pack.judged import PREDICTED
from livermet.patients.preparing import CONFIG, RUN, SHEET
from livermet.patients.tables import PREDICTIONS
from livermet.tables import read_table

LOCK, SNAKEMAKES_LOCKS = ".livermet-predict.lock", ".snakemake/locks"
# It is there while a run is at work, and after one that was killed.
BEGUN = ".snakemake/livermet/predicting"
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


def run_workflow(
    out: Path, lock: int, profile: str | None, cores: int | None, options: Sequence[str] = ()
) -> int:
    """Run snakemake on a study that `preparing.prepare` has written; return its exit status.

    `lock` is what `alone` gives. `profile` is a path, or a name in the project's profiles/. What a
    run that was killed has locked is unlocked. Raises InputError for a profile that is not there.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile")]
    command += ["--directory", str(out), "--configfile", str(out / CONFIG)]
    command += ["--profile", str(profile_of(profile))]
    command += ["--cores", str(cores)] if cores else []
    begun = out / BEGUN
    if begun.exists():
        # It was ours, and has ended, or this process would not be alone.
        shutil.rmtree(out / SNAKEMAKES_LOCKS, ignore_errors=True)
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.touch()
    # The run keeps the lock should this process be killed before it.
    status = _ended(subprocess.Popen([*command, *options], pass_fds=[lock]))
    begun.unlink()
    return status


def _ended(run: subprocess.Popen) -> int:
    """Wait for a run's end. Ctrl-C reaches it too, and it is given the time to stop its jobs."""
    while True:
        try:
            return run.wait()
        except KeyboardInterrupt:
            continue


def profile_of(name: str | None) -> Path:
    """Find a profile: the workstation's where none is named."""
    places = [PROFILES / (name or "default"), *([Path(name)] if name else [])]
    found = [place for place in places if (place / "profile.yaml").is_file()]
    if not found:
        known = ", ".join(sorted(path.name for path in PROFILES.iterdir()))
        raise InputError(f"There is no profile '{name}'; name one of {known}, or a folder of one.")
    return found[0]


def results_told(out: Path, failed: bool = False) -> str:
    """Say of each study what was found, and where its page lies; and how many have no result.

    Of a run that `failed`, results may be those of an earlier one.
    """
    texts = {"patient": str, "series": str}
    sheet = read_table(out / SHEET, dtype=texts, parse_dates=["study_date"])
    series = sheet.groupby(study_names(sheet))["series"].agg(set)
    folders = {name: out / RESULTS / "studies" / name for name in series.index}
    files = [
        folder / "prediction.tsv"
        for name, folder in folders.items()
        if _series_of_page(folder) == series[name]
    ]
    tables = [read_table(path, dtype={"study": str, "phenotype": str}) for path in files]
    table = pd.concat([pd.DataFrame(columns=PREDICTIONS.names), *tables], ignore_index=True)
    lines = []
    for row in table.head(MOST_TOLD).itertuples():
        said = row.verdict
        if row.verdict == PREDICTED:
            said = (
                f"{row.phenotype} positive with probability {row.probability:.2f} (range of the "
                f"folds {row.lowest:.2f} to {row.highest:.2f})"
            )
        lines.append(
            f"{row.study}: {row.lesions} lesion{'' if row.lesions == 1 else 's'}, "
            f"{row.burden_ml:.1f} ml; {said}; "
            f"{out / RESULTS / f'{row.study}.html'}"
        )
    if len(table) > MOST_TOLD:
        lines.append(f"{len(table) - MOST_TOLD} studies more")
    if lacking := sorted(set(folders) - set(table["study"])):
        lines.append(
            f"Without a result: {', '.join(lacking[:MOST_TOLD])}; the log of the failed job says "
            "why. The same command goes on; --leave-out leaves a series out. The lists of all "
            "studies are written when each has a result."
        )
    elif failed:
        lines.append("The run ended with an error: some of these results may be of an earlier run.")
    elif len(table) > 1:
        lines.append(f"All studies: {out / RESULTS / 'index.html'}")
    return "\n".join([*lines, "Research software, not a medical device."])


def _series_of_page(folder: Path) -> set[str]:
    """Name the series that a study's page is of; an earlier page may be of others, or left over."""
    path = folder / "series.tsv"
    return set(read_table(path, dtype={"series": str})["series"]) if path.exists() else set()
