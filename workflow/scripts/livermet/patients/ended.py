"""How a run on new patients ended: which studies are not finished, and what the others hold."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from livermet.cohort.matching import study_names
from livermet.ledger.tables import read_ledger
from livermet.pack.judged import PREDICTED
from livermet.patients.preparing import LEDGER, RUN, sheet_of
from livermet.patients.tables import PREDICTIONS
from livermet.provenance.records import record_path
from livermet.tables import read_table

# Beyond so many the list of all is told alone.
MOST_TOLD = 20
RESULTS = Path("results", RUN, "patients")


@dataclass(frozen=True)
class Ended:
    """The end of a run: its exit status, and the logs of failed jobs of studies without a result.

    others_listed: whether the lists hold all studies but these.
    """

    status: int = 0
    lacking: dict[str, list[Path]] = field(default_factory=dict)
    others_listed: bool = False


def unfinished(out: Path, since: float) -> dict[str, list[Path]]:
    """Find the studies without a result by a run, each with the logs of its jobs that failed.

    since: when the run began, as `st_mtime` of files of the folder. An earlier run's page is no
    result where a job of its study has failed, or where it is of other series.
    """
    sheet = sheet_of(out)
    study_of = dict(zip(sheet["series"], studies_of(sheet), strict=True))
    found: dict[str, list[Path]] = {
        study: []
        for study, series in sheet.groupby(studies_of(sheet))["series"].agg(set).items()
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


def studies_of(sheet: pd.DataFrame) -> pd.Series:
    """Name the study of each row of a sheet whose dates are text."""
    return study_names(sheet.assign(study_date=pd.to_datetime(sheet["study_date"])))


def results_told(out: Path, ended: Ended) -> str:
    """Say of each study what was found, and where its page lies; and which have no result, why."""
    studies = [study for study in studies_of(sheet_of(out)).unique() if study not in ended.lacking]
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
