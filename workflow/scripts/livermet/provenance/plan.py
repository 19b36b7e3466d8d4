"""A plan in the field's words: what would be made and why, in what time, what it would train."""

import glob
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from livermet.errors import InputError
from livermet.provenance.origins import Origins, read_origins
from livermet.provenance.records import BY_SERIES, read_record

FOLLOWS = "what it reads is made again"
SECONDS_PER_HOUR = 3600
MOST_NAMED = 8


@dataclass(frozen=True)
class Planned:
    """A job that would run: the stage is its rule file, `reasons` are empty where it follows."""

    stage: str
    log: str
    series: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    threads: int = 1
    gpus: int = 0
    network: bool = False

    @property
    def name(self) -> str:
        """The job's name, as its record has it."""
        return str(Path(*Path(self.log).parts[3:]).with_suffix(""))

    @property
    def step(self) -> str:
        """The rule, or what the rules are called that were made in a loop."""
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class Measured:
    """Median seconds of a step's earlier jobs: a job, and a series of those that work by series."""

    job: float
    series: float | None = None

    def of(self, job: Planned) -> float:
        """Return the seconds that a job is expected to take."""
        if self.series is not None and job.series:
            return self.series * len(job.series)
        return self.job


@dataclass(frozen=True)
class Plan:
    """What Snakemake has planned: jobs, the run's folder, and the study's series if known.

    notes: what the study tells of itself before it runs.
    """

    jobs: list[Planned]
    run: str | None = None
    series: list[str] | None = None
    notes: list[str] = field(default_factory=list)


def read_plan(path: str | Path) -> Plan | None:
    """Read a plan as workflow/reruns.py has written it; None where Snakemake came to none."""
    try:
        content = json.loads(Path(path).read_text())
    except FileNotFoundError:
        return None
    jobs = [Planned(**job) for job in content["jobs"]]
    return Plan(jobs, content["run"], content["series"], content["notes"])


def read_measured(results: Path, own: str | None = None) -> dict[str, Measured]:
    """Read the benchmarks of earlier runs, by step.

    Where the run `own` has measured a step, it alone counts: a demo's training says little of a
    study's.
    """
    found = _measured(results, "*")
    return found | _measured(results, glob.escape(own)) if own else found


def _measured(results: Path, runs: str) -> dict[str, Measured]:
    jobs: dict[str, list[float]] = {}
    by_series: dict[str, list[float]] = {}
    for path in sorted(results.glob(f"{runs}/benchmarks/**/*.tsv")):
        run, name = path.relative_to(results).parts[0], path.relative_to(results).parts[2:]
        seconds = _seconds(path)
        if seconds is None:
            continue
        step = Path(name[0]).stem
        jobs.setdefault(step, []).append(seconds)
        record = read_record(results.joinpath(run, "records", *name).with_suffix(".json"))
        count = len(record.params.get(BY_SERIES, {})) if record else 0
        if count:
            by_series.setdefault(step, []).append(seconds / count)
    return {
        step: Measured(
            statistics.median(values),
            statistics.median(by_series[step]) if step in by_series else None,
        )
        for step, values in jobs.items()
    }


def _seconds(path: Path) -> float | None:
    """Read the column `s` of Snakemake's benchmark; None of a job that was killed."""
    try:
        header, row, *_ = (line.split("\t") for line in path.read_text().splitlines())
        return float(dict(zip(header, row, strict=True))["s"])
    except (ValueError, KeyError):
        return None


def plan_in_words(
    jobs: list[Planned], measured: Mapping[str, Measured], changed: Mapping[str, list[str]]
) -> list[str]:
    """Tell of a plan, line by line: stages, hours, networks, and networks whose cases have changed.

    `changed` names the cases of trained networks that are no more what they were trained on.
    """
    lines = []
    if not jobs:
        lines.append("Nothing is to be made.")
    for stage in dict.fromkeys(job.stage for job in jobs):
        lines += _stage(stage, [job for job in jobs if job.stage == stage], measured)
    if jobs:
        lines.append(f"Together: {_count(len(jobs), 'job')}, {_hours(jobs, measured)}.")
    training = sorted({job.name for job in jobs if job.network})
    if training:
        lines.append(f"Would be trained: {_some(training)}.")
    elif jobs:
        lines.append("No network would be trained.")
    for name, cases in sorted(changed.items()):
        lines.append(
            f"Trained on cases that have changed or been withdrawn since: {name} ({_some(cases)}). "
            "It stays as it is; to retrain, name a new training set."
        )
    return lines


def _stage(stage: str, jobs: list[Planned], measured: Mapping[str, Measured]) -> list[str]:
    series = {name for job in jobs for name in job.series}
    of_series = f", {len(series)} series" if series else ""
    lines = [f"{stage}: {_count(len(jobs), 'job')}{of_series}, {_hours(jobs, measured)}"]
    for step in dict.fromkeys(job.step for job in jobs):
        chosen = [job for job in jobs if job.step == step]
        reasons = Counter(why for job in chosen for why in job.reasons or [FOLLOWS])
        told = ", ".join(f"{why} ({number})" for why, number in reasons.most_common())
        lines.append(f"    {step} ({len(chosen)}): {told}")
    return lines


def _hours(jobs: Sequence[Planned], measured: Mapping[str, Measured]) -> str:
    """Sum core hours and GPU hours; name how many jobs were never measured."""
    cores = gpus = 0.0
    unknown = 0
    for job in jobs:
        if job.step not in measured:
            unknown += 1
            continue
        hours = measured[job.step].of(job) / SECONDS_PER_HOUR
        cores += hours * job.threads
        gpus += hours * job.gpus
    if unknown == len(jobs):
        return "not measured"
    told = f"{cores:.2f} core hours, {gpus:.2f} GPU hours"
    return f"{told} and {_count(unknown, 'job')} not measured" if unknown else told


def changed_cases(plan: Plan) -> dict[str, list[str]]:
    """Name each trained network's cases that have changed, would change, or are withdrawn."""
    try:
        origins = read_origins(plan.run or "")
    except InputError:
        return {}
    again = {job.name for job in plan.jobs}
    found = {}
    for name, job in origins.jobs.items():
        if job.is_network and name not in again:
            cases = {
                origins.series_of(path) or path
                for path, _, checksum in job.record.inputs
                if path and not _is_same(origins, path, checksum, again, plan.series)
            }
            if cases:
                found[name] = sorted(cases)
    return found


def _is_same(
    origins: Origins, path: str, checksum: str | None, again: set[str], series: list[str] | None
) -> bool:
    maker = origins.makers.get(path)
    owner = origins.series_of(path)
    if series is not None and owner is not None and owner not in series:
        return False
    if maker is None or origins.jobs[maker].is_raw:
        return True
    return maker not in again and origins.jobs[maker].record.outputs[path] == checksum


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
