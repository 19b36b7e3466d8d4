"""What reruns: the project's own records decide, and not times or Snakemake's metadata.

Snakemake 9 offers no such choice: file times always count (`--rerun-triggers` cannot leave them
out), what they say is wrong after a copy or a touch, and the metadata in `.snakemake` are lost with
a copy. What decides in Snakemake is therefore replaced: the check for incomplete files, where
every job whose record does not say what it should gets its reason, and the comparison of times.
After Snakemake has worked out a plan, trainings without leave are refused.
docs/decisions/reruns.md tells what else was tried. Where the variable LIVERMET_PLAN names a file,
the jobs that would run are written into it with their reasons, which `livermet plan` tells.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from cluster import threads_of
from snakemake.dag import DAG
from snakemake.exceptions import WorkflowError
from snakemake.io import _IOFile
from snakemake.logging import logger
from snakemake.persistence import ParamsChange
from snakemake.settings.enums import RerunTrigger

from livermet.files import write_json
from livermet.provenance.code import script_hash
from livermet.provenance.records import (
    BY_SERIES,
    FROZEN,
    NETWORK,
    RAW,
    VERIFIED,
    Checksums,
    Fault,
    Input,
    Wanted,
    faults,
    files_and_series,
    hints_path,
    keep_logic,
    plain,
    read_hints,
    read_record,
    recall_logic,
    record_path,
    why_trained,
)

# The variable that names the file for `livermet plan`, and the rule that knows the study's series.
PLAN, KNOWS_SERIES = "LIVERMET_PLAN", "write_settings"
MOST_NAMED = 3
# Why each job has to run, by its log, where that does not follow from other jobs.
REASONS: dict[str, list[str]] = {}
# What the study tells of itself before it runs.
NOTES: list[str] = []
# The results whose content is not what their job recorded.
ALTERED: set[str] = set()
# As Snakemake has it, whatever an earlier plan of this process has put in its place.
UPDATE_NEEDRUN = DAG.update_needrun


def decide_by_records(workflow, allow_training: bool) -> None:
    """Let records decide what this run makes again; without leave no network is trained again.

    Called once, when the workflow is parsed. Processes that run one job have nothing to decide, and
    one that plans again begins anew.
    """
    for told in (REASONS, NOTES, ALTERED):
        told.clear()
    _IOFile.is_newer = _never_newer
    DAG.check_output_mtime = _whatever_its_time
    # Snakemake tells of jobs without its metadata, as after a copy; here nothing hangs on them.
    workflow.log_metadata_info = lambda *about: None
    if workflow.is_main_process:
        DAG.check_incomplete = _give_reasons
        DAG.update_needrun = _refusing_training(UPDATE_NEEDRUN, allow_training)


async def _never_newer(file, time) -> bool:
    return False


async def _whatever_its_time(dag: DAG, job, outputs) -> None:
    """Let an output look older than an input, whose time a wrong clock may have set ahead."""


async def _give_reasons(dag: DAG) -> None:
    """Mark each job to run whose record does not say what it should."""
    dag.workflow.dag_settings.rerun_triggers = frozenset({RerunTrigger.MTIME})
    # Params are asked for below, and one of them takes the whole package apart.
    recall_logic()
    jobs = [job for level in dag.toposorted() for job in level if job.output]
    places = {job: _record_of(job) for job in jobs}
    made_by = {
        str(path): place
        for job, place in places.items()
        if RAW not in dict(job.rule.params.items())
        for path in job.output
    }
    records = {place: read_record(place) for place in places.values()}
    wanted = {job: _wanted(job, made_by, records) for job in jobs}
    keep_logic()
    verified = read_hints(VERIFIED)
    sums = Checksums()
    sums.learn(verified)
    for job in wanted.values():
        if records[job.record]:
            sums.learn(read_hints(hints_path(job.record)))
    unknown, altered = [], []
    for job in jobs:
        for finding in faults(wanted[job], records, sums):
            _give_reason(dag.reason(job), finding, job)
            REASONS.setdefault(str(job.log[0]), []).append(finding.fault.value)
            if finding.fault is Fault.UNKNOWN:
                unknown += finding.names
            elif finding.fault is Fault.ALTERED:
                altered += finding.names
    ALTERED.update(altered)
    if sums.read:
        write_json(verified | sums.read, VERIFIED)
    _tell(unknown, "have no record of how they were made and are made again")
    _tell(altered, "are not as their job left them and are made again")


def _record_of(job) -> Path:
    return record_path(job.log[0])


@cache
def _hash_once(script: Path, sentences: bool) -> str:
    return script_hash(script.resolve(), sentences)


def _wanted(job, made_by: dict[str, Path], records: dict) -> Wanted:
    outputs = [str(path) for path in job.output]
    if records[_record_of(job)] is None:
        # There is nothing to compare with, and a first plan is faster.
        return Wanted(str(job.log[0]), "", {}, [], outputs)
    params = dict(job.params.items())
    script = Path(job.rule.basedir.get_path_or_uri(secret_free=False), job.rule.script)
    inputs = files_and_series(job.input.items(), params.get(BY_SERIES, {}))
    if len(inputs) < len(job.input):
        raise WorkflowError(f"Rule {job.rule.name} has inputs without a name; name them.")
    return Wanted(
        log=str(job.log[0]),
        code=_hash_once(script, not FROZEN & params.keys()),
        params=params,
        inputs=[Input(path, series, made_by.get(path)) for path, series in inputs],
        outputs=outputs,
    )


def _give_reason(reason, finding, job) -> None:
    # Snakemake asks no further where a job has a reason, and prints each kind in its own words.
    names = set(finding.names)
    if finding.fault is Fault.MISSING:
        reason.missing_output.update(path for path in job.output if str(path) in names)
    elif finding.fault is Fault.CODE:
        reason.code_changed = True
    elif finding.fault is Fault.PARAMS:
        reason.params_changed = ParamsChange(only_new=names, files=set(job.output))
    elif finding.fault is Fault.INPUTS:
        present = [path for path in job.input if str(path) in names]
        reason.updated_input.update(present)
        reason.input_changed = len(set(present)) < len(names)
    else:
        reason.forced = True
    reason.derived = False


def _tell(paths: list[str], what: str) -> None:
    if paths:
        more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
        logger.warning(f"{', '.join(paths[:MOST_NAMED])}{more} {what}.")


def _refusing_training(update: Callable, allowed: bool) -> Callable:
    async def update_needrun(dag: DAG, *arguments, **options) -> None:
        await update(dag, *arguments, **options)
        if os.environ.get(PLAN):
            write_json(_plan(dag), os.environ[PLAN])
        refused = {} if allowed else _trained_before(dag)
        if refused:
            raise WorkflowError(
                "\n".join(
                    [
                        "This run would train networks again that have been trained before.",
                        *(f"{', '.join(sorted(names))}: {why}." for why, names in refused.items()),
                        "Undo the change; or, to train them again, set allow_training: true in "
                        "the config or LIVERMET_ALLOW_TRAINING=1 in the environment.",
                    ]
                )
            )

    return update_needrun


def _plan(dag: DAG) -> dict:
    """List the jobs that would run, by stage; name the run's folder, the series and the notes."""
    order = {rule.name: number for number, rule in enumerate(dag.workflow.rules)}
    jobs = sorted(dag.needrun_jobs(), key=lambda job: (order[job.rule.name], job.log))
    known = [job for job in dag.jobs if job.rule.name == KNOWS_SERIES]
    return {
        "run": next((str(Path(*_record_of(job).parts[:2])) for job in dag.jobs if job.log), None),
        "series": list(known[0].params["series"]) if known else None,
        "notes": NOTES,
        "jobs": [_planned(job) for job in jobs if job.log],
    }


def _planned(job) -> dict:
    params = dict(job.params.items())
    log = str(job.log[0])
    own = [job.wildcards_dict["series"]] if "series" in job.wildcards_dict else []
    return {
        "stage": Path(str(job.rule.snakefile)).stem,
        "log": log,
        "series": list(params.get(BY_SERIES, own)),
        "reasons": REASONS.get(log, []),
        "threads": threads_of(job),
        "gpus": _gpus(job),
        "network": NETWORK in params,
    }


def _gpus(job) -> int:
    """Return the GPUs that a job asks for, by `gpu` or in SLURM's words: gpu:1 or gpu:a100:1."""
    gres = str(job.resources.get("gres") or "")
    count = gres.rpartition(":")[2] if gres.startswith("gpu") else job.resources.get("gpu")
    return int(count or 0)


def _trained_before(dag: DAG) -> dict[str, list[str]]:
    """Name the networks that would be trained again: {why: networks}."""
    found: dict[str, list[str]] = {}
    for job in dag.needrun_jobs():
        params = dict(job.params.items())
        if NETWORK not in params:
            continue
        record = read_record(_record_of(job))
        lost = [str(path) for path in job.output if not Path(path).exists()]
        # A training that was killed has no record, and not all of its files.
        if record or not lost:
            why = why_trained(record, plain(params), lost)
            if not why:
                edited = ALTERED & {str(path) for path in job.output}
                why = Fault.ALTERED.value if edited else str(dag.reason(job))
            found.setdefault(why, []).append(" ".join(_record_of(job).with_suffix("").parts[3:]))
    return found
