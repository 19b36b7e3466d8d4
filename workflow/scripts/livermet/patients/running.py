"""The workflow, run on a study of new patients, and what it has made of them in few words."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from livermet.cohort.matching import study_names
from livermet.config.loading import PROJECT
from livermet.errors import InputError
from livermet.patients.preparing import CONFIG, RUN, SHEET
from livermet.patients.tables import PREDICTED, PREDICTIONS
from livermet.tables import read_table

# Beyond so many the list of all is told alone.
MOST_TOLD = 20
RESULTS = Path("results", RUN, "patients")
PROFILES = PROJECT / "profiles"


def run_workflow(
    out: Path, profile: str | None, cores: int | None, options: Sequence[str] = ()
) -> int:
    """Run snakemake on a study that `preparing.prepare` has written; return its exit status.

    `profile` is a path, or a name in the project's profiles/. Raises InputError without one.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile")]
    command += ["--directory", str(out), "--configfile", str(out / CONFIG)]
    command += ["--profile", str(profile_of(profile))]
    command += ["--cores", str(cores)] if cores else []
    return subprocess.run([*command, *options], check=False).returncode


def profile_of(name: str | None) -> Path:
    """Find a profile: the workstation's where none is named."""
    places = [PROFILES / (name or "default"), *([Path(name)] if name else [])]
    found = [place for place in places if (place / "profile.yaml").is_file()]
    if not found:
        known = ", ".join(sorted(path.name for path in PROFILES.iterdir()))
        raise InputError(f"There is no profile '{name}'; name one of {known}, or a folder of one.")
    return found[0]


def results_told(out: Path) -> str:
    """Say of each study what was found, and where its page lies; and how many have no result."""
    files = sorted((out / RESULTS / "studies").glob("*.prediction.tsv"))
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
            f"{row.study}: {row.lesions} lesions, {row.burden_ml:.1f} ml; {said}; "
            f"{out / RESULTS / f'{row.study}.html'}"
        )
    if len(table) > MOST_TOLD:
        lines.append(f"{len(table) - MOST_TOLD} studies more")
    if len(table) > 1:
        lines.append(f"All studies: {out / RESULTS / 'index.html'}")
    series = read_table(out / SHEET, dtype={"patient": str}, parse_dates=["study_date"])
    if lacking := set(study_names(series)) - set(table["study"]):
        lines.append(
            f"Without a result: {', '.join(sorted(lacking)[:MOST_TOLD])}; the log of the failed "
            "job says why. The same command goes on; --leave-out leaves a series out."
        )
    return "\n".join([*lines, "Research software, not a medical device."])
