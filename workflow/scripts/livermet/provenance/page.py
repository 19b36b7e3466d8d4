"""The page of the audit: one file in which every number leads to the series behind it."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2

from livermet.provenance.findings import FAULTS, Found, Kind
from livermet.provenance.origins import OF_HEADERS, Job, Origins, as_told
from livermet.provenance.records import BY_SERIES
from livermet.tables import PROVENANCE_MARK

FOLDER = Path(__file__).with_name("templates")
# The page looks as the report does.
STYLES = Path(__file__).parents[1] / "report" / "templates"
PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader([FOLDER, STYLES]),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
TABLES = (".csv", ".tsv")
# A page of some MB opens at once; a table that is left out can be chosen from the run's folder.
MOST_OF_A_TABLE, MOST_OF_ALL = 300_000, 6_000_000
MOST_LISTED = 200
FACTS = "cohort/facts.tsv"
# The page that the audit leads back to: a run of new patients has theirs, and no report.
REPORT, PATIENTS = "report.html", "patients/index.html"
# What a file's state is called on the page; all that is not listed is as its job left it.
STATES = {kind: kind.name.lower() for kind in Kind}
SOME_PHANTOMS = "Phantoms stand in the place of scans."
# Told once for the run, and long.
NOT_SHOWN = {BY_SERIES, "versions"}


def audit_page(origins: Origins, found: list[Found], manifest: dict[str, Any]) -> str:
    """Write the page's HTML; nothing is fetched when it is opened."""
    graph = graph_of(origins, found)
    tables = embedded_tables(origins)
    return PAGES.get_template("audit.html").render(
        run=manifest["run"],
        audited=manifest["audited"],
        has_report=REPORT in origins.makers,
        has_patients=PATIENTS in origins.makers,
        started=manifest["started"],
        commits=manifest["commits"],
        versions=manifest["livermet"],
        environments=manifest["environments"],
        faults=[one.sentence for one in found if one.kind in FAULTS][:MOST_LISTED],
        more=max(0, sum(one.kind in FAULTS for one in found) - MOST_LISTED),
        notes=_notes(found),
        counts={
            "files": len(origins.makers),
            "jobs": len(origins.jobs),
            "series": len(origins.series),
        },
        phantoms=SOME_PHANTOMS if any(job.is_raw for job in origins.jobs.values()) else "",
        left_out=sum(path.endswith(TABLES) for path in origins.makers) - len(tables),
        graph=_for_a_script(graph),
        tables=_for_a_script(tables),
    )


def when_and_where(found: list[Found], manifest: dict[str, Any]) -> str:
    """Write the line that the report shows of its run: date, commit, and what the audit found."""
    return PAGES.get_template("run.html").render(
        started=manifest["started"],
        ended=manifest["last_job_started"],
        audited=manifest["audited"],
        commits=manifest["commits"],
        faults=sum(one.kind in FAULTS for one in found),
    )


def graph_of(origins: Origins, found: Iterable[Found]) -> dict[str, Any]:
    """Write the files and jobs of a run as lists that name each other by place.

    A file is [path, checksum as recorded, job, series, state], a file from outside of the run has
    an empty path.
    """
    states = {one.path: STATES[one.kind] for one in reversed(list(found))}
    series = sorted(origins.known_series)
    number = {name: n for n, name in enumerate(series)}
    names = list(origins.jobs)
    files: list[list[Any]] = []
    places: dict[tuple[str, str | None, str], int] = {}
    for n, job in enumerate(origins.jobs.values()):
        for path, checksum in job.record.outputs.items():
            places[path, None, ""] = len(files)
            owner = number.get(origins.series_of(path) or "", -1)
            files.append([path, checksum, n, owner, states.get(path, "")])

    def place(job: Job, path: str | None, owner: str, checksum: str | None) -> int:
        key = (path, None, "") if path else ("", checksum, owner or _own_series(origins, job))
        if key not in places:
            places[key] = len(files)
            who = origins.series_of(path) if path else key[2]
            files.append([path or "", checksum, -1, number.get(who or "", -1), ""])
        return places[key]

    params: dict[str, int] = {}
    jobs = [
        {
            "name": names[n],
            "step": job.step,
            "code": job.record.code,
            "params": params.setdefault(_shown_params(job), len(params)),
            "inputs": [
                place(job, path, owner or "", checksum)
                for path, owner, checksum in job.record.inputs
            ],
            "series": sorted(number[name] for name in job.by_series) or None,
            "network": job.is_network,
            "started": job.journal.started if job.journal else "",
            "seconds": job.journal.seconds if job.journal else None,
            "commit": (job.journal.commit or "") if job.journal else "",
            "environment": job.journal.environment if job.journal else "",
            "host": _host(job),
        }
        for n, job in enumerate(origins.jobs.values())
    ]
    return {
        "series": series,
        "patients": _patients(origins, number),
        "files": files,
        "jobs": jobs,
        "params": list(params),
    }


def embedded_tables(origins: Origins) -> dict[str, str]:
    """Return the text of the tables that the page holds: first the report's, then small ones.

    What headers say of a series stays in the run's folder: a page is sent around.
    """
    sizes = {}
    for path in origins.makers:
        place = origins.folder / path
        if path.endswith(TABLES) and place.is_file() and not _tells_of_headers(place):
            sizes[path] = place.stat().st_size
    order = sorted(sizes, key=lambda path: (not path.startswith("tables/"), sizes[path], path))
    taken, kept = 0, {}
    for path in order:
        if sizes[path] <= MOST_OF_A_TABLE and taken + sizes[path] <= MOST_OF_ALL:
            kept[path] = (origins.folder / path).read_text(encoding="utf-8", errors="replace")
            taken += sizes[path]
    return dict(sorted(kept.items(), key=lambda item: (not item[0].startswith("tables/"), item[0])))


def _tells_of_headers(path: Path) -> bool:
    """Tell whether a table has a column of what headers say of a person or a scanner."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        header = next((line for line in stream if not line.startswith(PROVENANCE_MARK)), "")
    return not OF_HEADERS.isdisjoint(re.split(r"[,\t]", header.strip()))


def _own_series(origins: Origins, job: Job) -> str:
    """Return the series of a job that works on one alone, by what it writes."""
    owners = {origins.series_of(path) for path in job.record.outputs}
    return (owners.pop() or "") if len(owners) == 1 else ""


def _patients(origins: Origins, number: dict[str, int]) -> dict[str, list[int]]:
    """Read which series are whose, as far as the run has got to say so."""
    import pandas as pd

    from livermet.tables import read_table

    place = origins.folder / FACTS
    found: dict[str, list[int]] = {}
    if FACTS in origins.makers and place.exists():
        try:
            facts = read_table(place, dtype=str, usecols=["series", "patient"])
        except (ValueError, pd.errors.ParserError):
            # Edited by hand: the finding says so.
            return {}
        for series, patient in zip(facts["series"], facts["patient"], strict=True):
            if series in number:
                found.setdefault(patient, []).append(number[series])
    return found


def _shown_params(job: Job) -> str:
    shown = {key: value for key, value in job.record.params.items() if key not in NOT_SHOWN}
    return json.dumps(as_told(shown), sort_keys=True)


def _host(job: Job) -> str:
    if not job.journal:
        return ""
    host = job.journal.host
    return ", ".join(str(host[key]) for key in ("system", "machine", "gpu") if host.get(key))


def _notes(found: list[Found]) -> list[tuple[str, list[str]]]:
    notes = []
    for kind in Kind:
        paths = [one.path for one in found if one.kind is kind]
        if kind not in FAULTS and paths:
            files = "1 file" if len(paths) == 1 else f"{len(paths)} files"
            more = [f"and {len(paths) - MOST_LISTED} more"] if len(paths) > MOST_LISTED else []
            notes.append((f"{files} of which each {kind.value}", paths[:MOST_LISTED] + more))
    return notes


def _for_a_script(content: Any) -> str:
    """Write JSON that can stand inside of a script element."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c")
