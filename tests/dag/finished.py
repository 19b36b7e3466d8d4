"""Finished studies of zero-byte files: every output and record of a plan, made without a run."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from snakemake.api import SnakemakeApi
from snakemake.dag import DAG
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings
from study import ROOT, Study, write_files

from livermet.files import write_json
from livermet.ledger.tables import read_ledger
from livermet.provenance.records import (
    Checksums,
    Record,
    hints_path,
    path_in_run,
    record_path,
    write_record,
)
from livermet.sheets import MOLECULAR_SHEET, SERIES_SHEET


def finish(study: Study) -> None:
    """Finish a study in a process of its own: Snakemake is changed, and keeps all that it plans."""
    _in_own_process("finish", study)


def plan_twice(study: Study) -> None:
    """Plan a study two times in one process."""
    _in_own_process("plan_twice", study)


def _in_own_process(what: str, study: Study) -> None:
    paths = [str(ROOT / folder) for folder in ("workflow/scripts", "tests")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    subprocess.run([sys.executable, __file__, what, study.folder], check=True, env=environment)


def add_series(study: Study, name: str) -> str:
    """Add one series, of a new patient with a negative sample, to a study; give its new batch."""
    row = dict.fromkeys(SERIES_SHEET.names, "") | {
        "series": f"{name}_thin",
        "patient": name,
        "study_date": "2020-01-01",
        "cohort": "mSCLC",
        "image": f"{name}_thin/dicom",
        "lesions_read": "present",
    }
    study.write_series(pd.concat([study.series(), pd.DataFrame([row])]))
    samples = pd.read_csv(study.folder / "molecular.tsv", sep="\t", dtype=str)
    sample = dict(zip(MOLECULAR_SHEET.names, (name, "2020-01-10", "biopsy", "-0.1"), strict=True))
    study.write_molecular(pd.concat([samples, pd.DataFrame([sample])]))
    write_files(study, row)
    study.assign()
    return read_ledger(study.config["ledger"]).batches["batch"].iloc[-1]


def planned_jobs(plan: str) -> list[tuple[str, str]]:
    """Read from a dry run's output the rule and the log of every job that would run."""
    blocks = re.split(r"\n *(?=(?:local)?rule )", plan)[1:]
    found = [re.match(r"(?:local)?rule (\S+):.*?\n +log: (\S+)", b, re.S) for b in blocks]
    return [match.groups() for match in found if match]


@contextmanager
def _planned(study: Study) -> Iterator[DAG]:
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[study.config_path]),
            snakefile=ROOT / "Snakefile",
            workdir=study.folder,
        )
        workflow.dag().execute_workflow(executor="dryrun")
        yield workflow._workflow.dag


def _finish(study: Study) -> None:
    with _planned(study) as dag:
        # The Snakefile has put its folder on the path.
        from reruns import _wanted

        jobs = [job for job in dag.jobs if job.output]
        made_by = {path: record_path(job.log[0]) for job in jobs for path in job.output}
        for path in map(Path, made_by):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        records = dict.fromkeys(made_by.values(), True)
        for job in jobs:
            _record(_wanted(job, made_by, records))


def _record(wanted) -> None:
    """Write the record that a job would have written, and what it would have read of its files."""
    sums = Checksums()
    inputs = [
        [path_in_run(wanted.record, file.path), file.series, sums.of(file.path)]
        for file in wanted.inputs
    ]
    outputs = {path_in_run(wanted.record, path): sums.of(path) for path in wanted.outputs}
    write_json(sums.read, hints_path(wanted.record))
    write_record(Record(wanted.code, wanted.params, inputs, outputs), wanted.record)


def _plan_twice(study: Study) -> None:
    for _ in range(2):
        with _planned(study):
            pass


if __name__ == "__main__":
    does = {"finish": _finish, "plan_twice": _plan_twice}
    does[sys.argv[1]](Study(Path(sys.argv[2])))
