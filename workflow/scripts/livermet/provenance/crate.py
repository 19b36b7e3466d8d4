"""The run as a Workflow Run RO-Crate, profile Provenance Run: what other tools read of it.

Profiles: https://w3id.org/ro/wfrun/process/0.5, workflow/0.5 and provenance/0.5; workflow-ro-crate
1.0. A rule is a step and a tool, a job an action; the manifest beside it holds params and versions.
"""

import json
import shutil
from datetime import datetime, timedelta
from os.path import relpath
from pathlib import Path
from typing import Any

from rocrate.model.computationalworkflow import ComputationalWorkflow
from rocrate.model.contextentity import ContextEntity
from rocrate.model.dataset import Dataset
from rocrate.model.file import File
from rocrate.rocrate import ROCrate

from livermet.files import whole_file
from livermet.provenance.findings import CRATE, MANIFEST, PAGE, WORKFLOW
from livermet.provenance.journal import PROJECT
from livermet.provenance.origins import Origins

VERSION = "1.1"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
# A word that RO-Crate 1.1 lacks, as the Workflow Run profiles explain it.
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
# The metadata file lies in a folder of the run, whose files it names from there on.
HERE = "provenance"
LICENCE = "The licence of a run's results is for the study's authors to name."


def write_crate(origins: Origins, manifest: dict[str, Any]) -> None:
    """Write the metadata of a run, and a copy of the Snakefile, which is its main entity."""
    workflow = PROJECT / "Snakefile"
    if workflow.exists():
        shutil.copyfile(workflow, origins.folder / WORKFLOW)
    crate = run_crate(origins.folder, manifest)
    with whole_file(origins.folder / CRATE) as beside:
        beside.write_text(json.dumps(crate.metadata.generate(), indent=1, sort_keys=True) + "\n")


def run_crate(folder: Path, manifest: dict[str, Any]) -> ROCrate:
    """Describe a run of which the manifest is given; files that are not there are left out."""
    crate = ROCrate(version=VERSION)
    crate.metadata.extra_terms |= TERMS
    writer = _Crate(crate, folder, manifest)
    writer.describe()
    return crate


class _Crate:
    """A crate while it is written."""

    def __init__(self, crate: ROCrate, folder: Path, manifest: dict[str, Any]):
        self.crate, self.folder, self.manifest = crate, folder, manifest
        self.raw: dict[str, dict[str, str]] = {}

    def describe(self) -> None:
        manifest = self.manifest
        files = {path: self._file(path, facts) for path, facts in manifest["files"].items()}
        steps = {step: self._step(n, step) for n, step in enumerate(self._steps(), start=1)}
        actions = [self._job(name, job, files) for name, job in manifest["jobs"].items()]
        controls = [self._control(name, job, steps) for name, job in manifest["jobs"].items()]
        for path, name in OWN.items():
            self._own(path, name)
        engine = self._context("#snakemake-engine", "SoftwareApplication", name="Snakemake")
        workflow = self._workflow(list(steps.values()))
        run = self._run(workflow, files)
        self._context(
            "#organisation",
            "OrganizeAction",
            name=f"Snakemake's run of {manifest['run']}",
            instrument=engine,
            object=controls,
            result=run,
        )
        profiles = [
            self._context(url, "CreativeWork", name=name, version=url.rpartition("/")[2])
            for url, name in PROFILES.items()
        ]
        about = {
            "name": f"Run {manifest['run']} of livermet",
            "description": "From CT and molecular results to lesions, radiomics and a phenotype "
            "classifier: every file of the run, and the jobs that made them.",
            "datePublished": manifest["audited"],
            "license": LICENCE,
            "conformsTo": profiles,
            "mainEntity": workflow,
            "mentions": [run, *actions],
        }
        self.crate.root_dataset.properties().update(about)

    def _context(self, identifier: str, kind: str, /, **properties: Any) -> dict[str, str]:
        known = {key: value for key, value in properties.items() if value not in (None, [])}
        entity = ContextEntity(self.crate, identifier, {"@type": kind, **known})
        self.crate.add(entity)
        return {"@id": entity.id}

    def _part(self, entity: Any) -> dict[str, str]:
        self.crate.add(entity)
        return {"@id": entity.id}

    def _file(self, path: str, facts: dict[str, Any]) -> dict[str, str] | None:
        place = self.folder / path
        if not place.exists():
            return None
        about = {"name": path, "sha256": facts["sha256"]}
        kind = Dataset if place.is_dir() else File
        return self._part(kind(self.crate, dest_path=relpath(path, HERE), properties=about))

    def _own(self, path: str, name: str) -> None:
        self._part(File(self.crate, dest_path=relpath(path, HERE), properties={"name": name}))

    def _steps(self) -> list[str]:
        return list(dict.fromkeys(job["step"] for job in self.manifest["jobs"].values()))

    def _step(self, position: int, step: str) -> dict[str, str]:
        tool = self._context(
            f"#tool/{step}",
            "SoftwareApplication",
            name=step,
            description=f"The script of the rule {step}.",
            softwareVersion=", ".join(self.manifest["livermet"]) or None,
        )
        return self._context(
            f"#step/{step}", "HowToStep", name=step, position=str(position), workExample=tool
        )

    def _job(self, name: str, job: dict[str, Any], files: dict) -> dict[str, str]:
        read = [self._read(one, files) for one in job["inputs"]]
        written = [files[path] for path in self._outputs.get(name, [])]
        return self._context(
            f"#job/{name}",
            "CreateAction",
            name=f"Job {name}",
            instrument={"@id": f"#tool/{job['step']}"},
            object=[one for one in read if one],
            result=[one for one in written if one],
            actionStatus="http://schema.org/CompletedActionStatus",
            **_times(job["journal"]),
        )

    @property
    def _outputs(self) -> dict[str, list[str]]:
        if not hasattr(self, "_of_jobs"):
            self._of_jobs: dict[str, list[str]] = {}
            for path, facts in self.manifest["files"].items():
                self._of_jobs.setdefault(facts["job"], []).append(path)
        return self._of_jobs

    def _read(self, one: dict[str, Any], files: dict) -> dict[str, str] | None:
        if one["path"]:
            return files.get(one["path"])
        checksum = one["sha256"] or "none"
        if checksum not in self.raw:
            of = f" of series {one['series']}" if one["series"] else ""
            self.raw[checksum] = self._context(
                f"#raw/{checksum}",
                "CreativeWork",
                name=f"Data from outside of the run{of}",
                sha256=one["sha256"],
            )
        return self.raw[checksum]

    def _control(self, name: str, job: dict[str, Any], steps: dict) -> dict[str, str]:
        return self._context(
            f"#control/{name}",
            "ControlAction",
            name=f"Start of job {name}",
            instrument=steps[job["step"]],
            object={"@id": f"#job/{name}"},
        )

    def _workflow(self, steps: list[dict[str, str]]) -> dict[str, str]:
        language = self._context(
            "#snakemake", "ComputerLanguage", name="Snakemake", url="https://snakemake.github.io"
        )
        about = {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": "livermet",
            "description": "The workflow's Snakefile; rules, scripts and package are in its clone.",
            "programmingLanguage": language,
            "version": next(iter(self.manifest["commits"]), None) or "unknown",
            "step": steps,
            "hasPart": [{"@id": step["@id"].replace("#step/", "#tool/")} for step in steps],
        }
        return self._part(
            ComputationalWorkflow(self.crate, dest_path=relpath(WORKFLOW, HERE), properties=about)
        )

    def _run(self, workflow: dict[str, str], files: dict) -> dict[str, str]:
        journals = [job["journal"] for job in self.manifest["jobs"].values() if job["journal"]]
        ends = [_times(journal)["endTime"] for journal in journals]
        return self._context(
            "#run",
            "CreateAction",
            name=f"Run {self.manifest['run']}",
            instrument=workflow,
            object=list(self.raw.values()),
            result=[part for path, part in files.items() if part and "/" not in path],
            startTime=self.manifest["started"],
            endTime=max(ends, default=None),
            actionStatus="http://schema.org/CompletedActionStatus",
        )


OWN = {
    MANIFEST: "Manifest: every file's checksum, jobs, params, environments, findings",
    PAGE: "Audit: the chain of files and steps behind every number",
}


def _times(journal: dict[str, Any] | None) -> dict[str, str]:
    if journal is None:
        return {}
    begin = datetime.fromisoformat(journal["started"])
    end = begin + timedelta(seconds=journal["seconds"])
    return {"startTime": begin.isoformat(), "endTime": end.isoformat(timespec="seconds")}
