"""The manifest: every file of a run with its checksum as its job recorded it, and that job."""

from dataclasses import asdict
from typing import Any

from livermet.provenance.findings import Found
from livermet.provenance.origins import Origins, as_told


def manifest(origins: Origins, found: list[Found], audited: str) -> dict[str, Any]:
    """List a run's files, jobs and environments, what is wrong with it, and its settings.

    A file's checksum is the one that was taken when it was made, whatever lies there now: a
    manifest of what lies there would vouch for a forged number.
    """
    journals = [job.journal for job in origins.jobs.values() if job.journal]
    return {
        "run": origins.settings.get("run", origins.folder.name),
        "audited": audited,
        "started": min((journal.started for journal in journals), default=None),
        "last_job_started": max((journal.started for journal in journals), default=None),
        "commits": commits(origins),
        "livermet": sorted({journal.livermet for journal in journals}),
        "findings": [
            {"kind": one.kind.name.lower(), "path": one.path, "sentence": one.sentence}
            for one in found
        ],
        "settings": origins.settings.get("settings", {}),
        "series": origins.series,
        "environments": origins.environments,
        "files": {
            path: {"sha256": checksum, "job": name, "series": origins.series_of(path)}
            for name, job in origins.jobs.items()
            for path, checksum in job.record.outputs.items()
        },
        "jobs": {
            name: {
                "step": job.step,
                "code": job.record.code,
                "params": as_told(job.record.params),
                "inputs": [
                    {"path": path or None, "series": series or None, "sha256": checksum}
                    for path, series, checksum in job.record.inputs
                ],
                "journal": asdict(job.journal) if job.journal else None,
            }
            for name, job in origins.jobs.items()
        },
    }


def commits(origins: Origins) -> list[str]:
    """Name the commits that a run's jobs ran with, the last job's first."""
    journals = [job.journal for job in origins.jobs.values() if job.journal and job.journal.commit]
    journals.sort(key=lambda journal: journal.started, reverse=True)
    return list(dict.fromkeys(str(journal.commit) for journal in journals))
