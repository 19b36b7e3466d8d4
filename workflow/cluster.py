"""A run on a SLURM cluster: what its jobs may ask for, and what follows when one ends early.

The executor plugin submits jobs and asks for their state. Left to it, a job that fits no partition
goes to the cluster's default one, a preempted job is waited for without end, and the jobs of a
controller that was killed write on beside those of the next. What is done otherwise stands here:
the limits of partitions are asked for before anything is submitted; memory grows after memory ran
out and time after time ran out, and a training that met its time limit goes on in another job; a
group's good results are kept when one member fails; an interrupt ends every job of the run, and the
next start knows the jobs that an earlier one has left (`earlier.py`).
"""

import ast
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from tempfile import NamedTemporaryFile

import earlier
from endings import Ending, Why, ending_of, keep_logs
from snakemake.exceptions import WorkflowError
from snakemake.jobs import GroupJob
from snakemake.logging import logger
from snakemake.scheduling.job_scheduler import JobScheduler

from livermet.provenance.records import record_path

SECONDS_FOR_SINFO = 10
# A job that its node's failure or preemption ended is at no fault; yet no run shall go on for ever.
MOST_LOST = 10
# How often in a row a job has to be missing in SLURM's answer before it counts as gone.
MOST_MISSED = 3


@dataclass
class Limits:
    """What the nodes of a partition have at most; 0: not known, and then not limited."""

    minutes: int = 0
    megabytes: int = 0
    cpus: int = 0
    gres: set[str] = field(default_factory=set)
    known: bool = False


@dataclass(frozen=True)
class Cluster:
    """A profile's default resources that name a cluster's partitions; none on a workstation."""

    partition: str = ""
    gpu_partition: str = ""
    gpu_type: str = ""
    gpu_by: str = "gpus"
    limits: dict[str, Limits] = field(default_factory=dict)

    def gpus(self, count: int) -> dict[str, int | str]:
        """Return the resources of a rule that wants some GPUs, or none of them on a workstation."""
        if not count or not self.partition:
            return {"gpu": count}
        place = {"slurm_partition": self.gpu_partition}
        if self.gpu_by == "gres":
            kind = f"gpu:{self.gpu_type}" if self.gpu_type else "gpu"
            return place | {"gres": f"{kind}:{count}"}
        return place | {"gpu": count} | ({"gpu_model": self.gpu_type} if self.gpu_type else {})

    def partition_of(self, gpu: bool) -> str:
        """Name the partition of jobs with a GPU, or of those without."""
        return self.gpu_partition if gpu else self.partition

    def minutes(self, wanted: int, partition: str) -> int:
        """Return a time in minutes that a partition gives."""
        limit = self.limits.get(partition, Limits()).minutes
        return min(wanted, limit) if limit else wanted

    def megabytes(self, wanted: int, partition: str) -> int:
        """Return a growing memory in MB that a partition's nodes have."""
        limit = self.limits.get(partition, Limits()).megabytes
        return min(wanted, limit) if limit else wanted


def read_cluster(workflow) -> Cluster:
    """Read a profile's partitions and, in the process that plans, ask SLURM for their limits."""
    default = workflow.resource_settings.default_resources or {}

    def given(name, otherwise):
        if name not in default:
            return otherwise
        raw = default[name].raw if default[name].raw is not None else default[name].value
        try:
            return ast.literal_eval(str(raw))
        except (SyntaxError, ValueError):
            return raw

    if not given("slurm_partition", "") or not given("gpu_partition", ""):
        return Cluster()
    partitions = {
        "cpu": str(given("slurm_partition", "")),
        "gpu": str(given("gpu_partition", "")),
    }
    cluster = Cluster(
        partition=partitions["cpu"],
        gpu_partition=partitions["gpu"],
        gpu_type=str(given("gpu_type", "")),
        gpu_by=str(given("gpu_by", "gpus")),
    )
    if workflow.is_main_process:
        for kind, name in partitions.items():
            limits = limits_of(name)
            # Where both kinds of jobs go to one partition, the narrower limit holds for both.
            for what, key in (("minutes", "minutes"), ("megabytes", "memory")):
                said = int(given(f"{kind}_{key}", 0))
                values = [value for value in (getattr(limits, what), said) if value]
                setattr(limits, what, min(values, default=0))
            cluster.limits[name] = limits
    return cluster


def limits_of(partition: str) -> Limits:
    """Ask SLURM what a partition's nodes have; where it does not answer, nothing is limited."""
    if not shutil.which("sinfo"):
        return Limits()
    command = ["sinfo", "--noheader", "--partition", partition, "--format", "%c|%m|%l|%G"]
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS_FOR_SINFO, check=True
        )
    except (subprocess.SubprocessError, OSError):
        return Limits()
    limits = Limits(known=True)
    for line in asked.stdout.splitlines():
        cpus, memory, time, gres = line.split("|")
        limits.cpus = max(limits.cpus, _number(cpus))
        limits.megabytes = max(limits.megabytes, _number(memory))
        limits.minutes = max(limits.minutes, minutes_of(time))
        limits.gres |= {re.sub(r"\(.*", "", one) for one in gres.split(",") if one != "(null)"}
    return limits


def _number(words: str) -> int:
    # A partition of unlike nodes is written as the least of them and a plus.
    return int(re.match(r"\d*", words).group() or 0)


def minutes_of(time: str) -> int:
    """Read SLURM's time limit, [days-]hours:minutes:seconds or less; 0 where there is none."""
    days, _, rest = time.rpartition("-")
    parts = rest.split(":")
    if not all(part.isdigit() for part in parts):
        return 0
    numbers = [int(part) for part in parts]
    if days:
        hours, minutes = [*numbers, 0][:2]
        return int(days) * 1440 + hours * 60 + minutes
    # minutes, minutes:seconds, or hours:minutes:seconds
    hours, minutes = numbers[:2] if len(numbers) == 3 else [0, numbers[0]]
    return hours * 60 + minutes


class Requests:
    """How much memory and time the jobs of this run ask for, by how their attempts ended."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        # By rule and wildcards: how often memory, or time, ran out.
        self.short: dict[Why, Counter] = {Why.MEMORY: Counter(), Why.TIME: Counter()}
        # Trainings, which go on where the last one ended: {rule: minutes that they want in all}.
        self.resuming: dict[str, int] = {}

    def memory(self, megabytes: int, gpu: bool = False) -> Callable:
        """Ask for some MB of memory, and for twice as much after it ran out."""

        def of_job(wildcards, rulename):
            return self._grown(megabytes, gpu, rulename, wildcards)

        return of_job

    def memory_by_size(self, megabytes: int, factor: float) -> Callable:
        """Ask for some MB of memory, for more where the largest input is large, and so on.

        `factor` is how many MB one MB of the largest input, as it lies on the disk, takes.
        """

        def of_job(wildcards, input, rulename):
            partition = self.cluster.partition
            wanted = self.cluster.megabytes(ceil(factor * _largest(input)), partition)
            return self._grown(max(megabytes, wanted), False, rulename, wildcards)

        return of_job

    def _grown(self, megabytes: int, gpu: bool, rule: str, wildcards) -> int:
        times = self.short[Why.MEMORY][rule, tuple(wildcards)]
        grown = self.cluster.megabytes(megabytes << times, self.cluster.partition_of(gpu))
        # What is too much from the first is not lessened: the plan is refused.
        return max(megabytes, grown)

    def minutes(self, count: int, gpu: bool = False) -> Callable:
        """Ask for a time: no more than the partition gives, twice after it ran out."""

        def of_job(wildcards, rulename):
            times = self.short[Why.TIME][rulename, tuple(wildcards)]
            return self.cluster.minutes(count << times, self.cluster.partition_of(gpu))

        return of_job

    def minutes_of_training(self, count: int, gpu: bool = False) -> Callable:
        """Ask for the time of a training; one that meets its limit goes on in a job of as much."""

        def of_job(wildcards, rulename):
            self.resuming[rulename] = count
            return self.cluster.minutes(count, self.cluster.partition_of(gpu))

        return of_job


def _largest(paths) -> float:
    """Return the size in MB of the largest input that is there; of a folder, of all in it."""
    sizes = [0]
    for path in map(Path, paths):
        files = path.rglob("*") if path.is_dir() else [path]
        # What another job has yet to make counts once it is there: Snakemake asks again.
        sizes.append(sum(file.stat().st_size for file in files if file.is_file()))
    return max(sizes) / 1e6


def run_on_cluster(workflow, cluster: Cluster, requests: Requests, run: str) -> None:
    """Let Snakemake and its SLURM executor act as above; called once, when a workflow is parsed."""
    if not cluster.partition:
        if workflow.is_main_process:
            # A run on this machine is a second writer beside SLURM jobs of an earlier one, too.
            _settle_first(workflow, run)
        return
    GroupJob.resources = property(_bounded(GroupJob.resources.fget, cluster))
    GroupJob.postprocess = _keeping_results(GroupJob.postprocess)
    if not workflow.is_main_process:
        # SLURM asks a whole job to leave; the training in it then saves, which takes a moment.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        STARTED.append(now_of_files())
        JobScheduler.__init__ = _going_on(JobScheduler.__init__)
        return
    JobScheduler.__init__ = _checked_first(JobScheduler.__init__, cluster, requests)
    JobScheduler._handle_error = _by_ending(JobScheduler._handle_error, cluster, requests)
    _settle_first(workflow, run)
    plugin = sys.modules.get("snakemake_executor_plugin_slurm")
    if plugin is not None:
        _change_executor(plugin, requests)


def _settle_first(workflow, run: str) -> None:
    """Wrap the workflow's start and end: earlier jobs before it, and no job of its own after it."""
    execute = workflow.execute

    def settled(executor_plugin, executor_settings, **options):
        plain = executor_plugin.common_settings
        if plain.dryrun_exec or plain.touch_exec:
            return execute(executor_plugin, executor_settings, **options)
        if plain.local_exec:
            earlier.settle(run, only_if_recorded=True)
            return execute(executor_plugin, executor_settings, **options)
        earlier.settle(run)
        executor_settings.jobname_prefix = earlier.name_of(run)
        with earlier.recorded(run):
            return execute(executor_plugin, executor_settings, **options)

    workflow.execute = settled


# ---- What a plan asks for -----------------------------------------------------------------------


def _checked_first(construct, cluster: Cluster, requests: Requests):
    def construct_scheduler(scheduler, workflow, *arguments, **options):
        # What has no files of its own, such as `all`, is no job of the cluster.
        needed = [job for job in workflow.dag.needrun_jobs() if job.output]
        jobs = list({workflow.dag.get_job_group(job) or job: None for job in needed})
        refused = sorted(set(_refusals(jobs, cluster)))
        if refused:
            raise WorkflowError("\n".join(refused))
        for sentence in sorted(set(_shortened(jobs, cluster, requests))):
            logger.warning(sentence)
        if jobs:
            logger.info(_count(jobs))
        construct(scheduler, workflow, *arguments, **options)

    return construct_scheduler


def _members(job) -> list:
    return list(job.jobs) if job.is_group() else [job]


def threads_of(job) -> int:
    """Return the cores that a job takes.

    A cluster gives what the rule asks for. Its profile names no cores, so that a dry run counts
    with one, to which Snakemake would cut down each job.
    """
    if job.is_group() or not job.resources.get("slurm_partition"):
        return job.threads
    most = job.rule.workflow.resource_settings.max_threads
    return job.rule.resources["_cores"].constrain(most).value


def has_gpu(resources) -> bool:
    """Tell whether a job asks for a GPU, one way or the other."""
    return bool(resources.get("gpu")) or "gpu" in str(resources.get("gres", ""))


def _count(jobs: list) -> str:
    gpu = sum(has_gpu(job.resources) for job in jobs)
    members = sum(len(_members(job)) for job in jobs)
    return (
        f"This plan makes {len(jobs)} SLURM jobs of {members} steps; {gpu} of them ask for a GPU."
    )


def _refusals(jobs: list, cluster: Cluster) -> Iterator[str]:
    """Say, once a rule, what no node of its partition has."""
    for job in jobs:
        asked = job.resources
        name = str(asked.get("slurm_partition", cluster.partition))
        limits = cluster.limits.get(name, Limits())
        rule = _members(job)[0].rule.name
        memory, cpus = asked.get("mem_mb", 0), threads_of(job)
        if limits.megabytes and isinstance(memory, int) and memory > limits.megabytes:
            yield (
                f"Rule {rule} asks for {memory} MB of memory, and partition {name} gives at most "
                f"{limits.megabytes} MB. Name another partition in the profile, or lower the "
                f"memory: {_where(rule, 'mem_mb')}."
            )
        if limits.cpus and cpus > limits.cpus:
            yield (
                f"Rule {rule} asks for {cpus} CPUs, and the largest node of partition {name} has "
                f"{limits.cpus}. Name another partition in the profile, or lower the threads: "
                f"{_where(rule, 'threads')}."
            )
        if limits.known and has_gpu(asked) and not _has_gpu_of(limits, cluster.gpu_type):
            kind = f"GPU of type {cluster.gpu_type}" if cluster.gpu_type else "GPU"
            have = ", ".join(sorted(limits.gres)) or "none"
            yield (
                f"Rule {rule} asks for a GPU, and no node of partition {name} has a {kind} (sinfo "
                f"lists: {have}). Name a partition of nodes that have one, as gpu_partition, and "
                "its type at the top of the profile; or set segmentation.device: cpu."
            )


def _has_gpu_of(limits: Limits, kind: str) -> bool:
    wanted = ["gpu", kind] if kind else ["gpu"]
    return any(gres.split(":")[: len(wanted)] == wanted for gres in limits.gres)


# Of rules whose request stands in the config: how their names begin, and in which section.
SECTIONS = {"predict": "predict", "train": "train", "pre": "preprocess", "plan": "preprocess"}


def _where(rule: str, what: str) -> str:
    option = f"--set-resources {rule}:{what}=..."
    if what == "threads":
        option = f"--set-threads {rule}=..."
    for begun, section in SECTIONS.items():
        if rule.startswith(begun):
            return f"config segmentation.*.jobs.{section}.{what}, or {option}"
    return option


def _shortened(jobs: list, cluster: Cluster, requests: Requests) -> Iterator[str]:
    """Say which trainings want more time than their partition gives."""
    for job in jobs:
        for member in _members(job):
            wanted = requests.resuming.get(member.rule.name, 0)
            given = job.resources.get("runtime", 0)
            if isinstance(given, int) and given < wanted:
                yield (
                    f"Rule {member.rule.name} wants {wanted} minutes, and partition "
                    f"{job.resources.get('slurm_partition')} gives {given}: a training that meets "
                    f"this limit goes on in another job, in {ceil(wanted / given)} of them or more."
                )


def _bounded(resources, cluster: Cluster):
    """Let a group ask for no more time than its partition gives."""

    def of_group(group):
        asked = resources(group)
        if isinstance(asked.get("runtime"), int):
            name = str(asked.get("slurm_partition", cluster.partition))
            asked = type(asked)(
                fromdict=dict(asked.items()) | {"runtime": cluster.minutes(asked.runtime, name)}
            )
        return asked

    return of_group


# ---- What becomes of a job that failed ----------------------------------------------------------

# By a job's number: when it was submitted, as the file system says, and how SLURM says it ended.
SUBMITTED: dict[object, float] = {}
ENDINGS: dict[object, Ending] = {}
# The same: how often it was lost at no fault of its own, and how often a training met its limit.
LOST: Counter = Counter()
MET_LIMIT: Counter = Counter()


def is_made(job, since: float) -> bool:
    """Tell whether a job has made all its files after a moment: its record is written last."""
    record = record_path(job.log[0])
    return (
        record.exists()
        and record.stat().st_mtime >= since
        and all(Path(path).exists() for path in job.output)
    )


def now_of_files() -> float:
    """Return the time as the file system of the results has it; nodes have clocks of their own.

    Each call has a file of its own, because the plugin submits jobs in two threads at a time.
    """
    folder = Path(".snakemake")
    folder.mkdir(exist_ok=True)
    with NamedTemporaryFile(dir=folder, prefix="livermet.clock.") as stamp:
        return os.stat(stamp.name).st_mtime


# Of a process that runs a group inside of its SLURM job: when it began.
STARTED: list[float] = []


def _keeping_results(postprocess):
    """Keep, of a group that failed, the files of those jobs that have done their work.

    The group then holds the others alone, which are what its next attempt makes.
    """

    async def of_group(group, error=False, **options):
        if not error:
            return await postprocess(group, error=error, **options)
        since = SUBMITTED[group.jobid] if group.jobid in SUBMITTED else STARTED[0]
        made = {job for job in group.jobs if is_made(job, since)}
        failed = [job for job in group.jobs if job not in made]
        for job in made:
            await job.postprocess(error=False, check_output_mtime=False, store_in_storage=False)
        for job in failed:
            await job.postprocess(error=True, **options)
        if made and failed and group.dag.workflow.is_main_process:
            names = ", ".join(sorted(str(job.log[0]) for job in failed)[:3])
            logger.error(
                f"{len(made)} of {len(made) + len(failed)} jobs of group {group.groupid} have made "
                f"their files, which are kept. Not so, with what their logs say: {names}"
            )
            await _shrink(group, made)

    return of_group


async def _shrink(group, made: set) -> None:
    """Let a group hold the jobs alone that are not made yet; what follows the others may run."""
    dag, scheduler = group.dag, group.dag.workflow.scheduler
    # A group's hash is that of its jobs: sets would not find it again.
    sets = [known for known in (dag._running, scheduler.running) if group in known]
    for known in sets:
        known.remove(group)
    group.jobid  # noqa: B018 - named after its last job, once and for all
    group.jobs = frozenset(group.jobs - made)
    group._toposorted = group._resources = group._scheduler_resources = None
    group._input = group._output = group._log = group._all_products = None
    group.finalize()
    for known in sets:
        known.add(group)
    scheduler.finished_jobs += len(made)
    for job in made:
        dag._running.add(job)
        await dag.finish(job, update_checkpoint_dependencies=False)


def _going_on(construct):
    """Let a group's other jobs go on when one of them fails."""

    def construct_scheduler(scheduler, *arguments, **options):
        construct(scheduler, *arguments, **options)
        scheduler.keepgoing = True

    return construct_scheduler


def _by_ending(handle_error, cluster: Cluster, requests: Requests):
    """Try a failed job again as its ending says, and not where another attempt would end alike."""

    def handle(scheduler, job, postprocess_job=True):
        ending = ENDINGS.pop(job.jobid, None)
        why = ending.why if ending else Why.FAULT
        asked = {what: job.resources.get(what) for what in ("runtime", "mem_mb")}
        again = _prepare_again(job, why, cluster, requests)
        if again is False:
            job.attempt = job.restart_times + 1
        elif again is None:
            # An attempt that does not count; Snakemake adds one.
            job.attempt -= 1
        handle_error(scheduler, job, postprocess_job)
        if job in scheduler.failed:
            return
        grown = {what: job.resources.get(what) for what in asked}
        if grown != asked:
            logger.info(
                f"The next attempt asks for {grown['mem_mb']} MB and {grown['runtime']} minutes."
            )

    return handle


def _prepare_again(job, why: Why, cluster: Cluster, requests: Requests) -> bool | None:
    """Tell whether a job is tried again; None: it is, and the attempt does not count."""
    if why is Why.USER:
        return False
    if why is Why.LOST:
        LOST[job.jobid] += 1
        return None if LOST[job.jobid] <= MOST_LOST else False
    if why is Why.TIME and not job.is_group() and job.rule.name in requests.resuming:
        MET_LIMIT[job.jobid] += 1
        planned = ceil(requests.resuming[job.rule.name] / max(job.resources.get("runtime", 1), 1))
        return None if MET_LIMIT[job.jobid] < planned else True
    if why in requests.short:
        what = {Why.MEMORY: "mem_mb", Why.TIME: "runtime"}[why]
        before = job.resources.get(what)
        for member in _members(job):
            requests.short[why][member.rule.name, tuple(member.wildcards)] += 1
            member._resources = None
        job._resources = None
        if job.resources.get(what) == before:
            logger.error(
                f"Job {job.jobid} already had all of {what} that its partition gives ({before}); "
                "it is not tried again."
            )
            return False
    return True


# ---- The executor -------------------------------------------------------------------------------


def longer_wait(seconds: float, first: float) -> float:
    """Return how long to wait before SLURM is asked again, after it was asked in vain.

    The plugin adds 10 s, up to 180, whatever the first wait is; that is 40 s unless a profile names
    another, and a shorter one is meant to stay short.
    """
    return min(seconds + first / 4, first * 4.5)


def _change_executor(plugin, requests: Requests) -> None:
    """Change the plugin's executor in the ways that this module's head names."""
    executor = plugin.Executor
    run_job, report_error = executor.run_job, executor.report_job_error
    check, query = executor.check_active_jobs, plugin.query_job_status
    active: list = []
    states: dict[str, str] = {}
    missed: Counter = Counter()

    def account(executor, job):
        # As it is named: neither guessed from sacct nor checked with sacctmgr, which may be absent.
        named = str(job.resources.get("slurm_account", "") or "")
        yield f" -A {shlex.quote(named)}" if named else ""

    def run(executor, job):
        try:
            SUBMITTED[job.jobid] = now_of_files()
        except OSError as error:
            # Raised in the plugin's thread, it would be lost, and the job waited for without end.
            sentence = f"Nothing can be written beside the results: {error.strerror}."
            executor._report_job_error_threadsafe(plugin.SubmittedJobInfo(job), sentence)
            return
        run_job(executor, job)

    def report(executor, job_info, msg=None, **about):
        number = job_info.external_jobid
        if number is None:
            # sbatch has refused it; of a group Snakemake would not say why.
            refusal = re.search(r"error message was '(.*?)'", msg or "", re.S)
            msg = f"SLURM took no job: {refusal.group(1) if refusal else msg}"
            logger.error(msg)
        else:
            ending = ending_of(number, states.get(number, ""), job_info)
            ENDINGS[job_info.job.jobid] = ending
            logger.error(ending.sentence)
            msg = ending.sentence
            since = SUBMITTED[job_info.job.jobid]
            failed = [job for job in _members(job_info.job) if not is_made(job, since)]
            keep_logs([log for job in failed for log in job.log], number)
        report_error(executor, job_info, msg=f"{msg} ", **about)

    async def check_active(executor, active_jobs):
        active[:] = active_jobs
        executor._preemption_warning = True
        before = executor.next_seconds_between_status_checks
        async for job in check(executor, active_jobs):
            yield job
        if executor.next_seconds_between_status_checks > before:
            first = executor.workflow.executor_settings.init_seconds_before_status_checks
            executor.next_seconds_between_status_checks = longer_wait(before, first)

    async def ask(command, log):
        found, seconds = await query(command, log)
        if found is None:
            return found, seconds
        states.update(found)
        for job_info in active:
            number = job_info.external_jobid
            missed[number] = 0 if number in found else missed[number] + 1
            if missed[number] >= MOST_MISSED:
                made = all(
                    is_made(job, SUBMITTED[job_info.job.jobid]) for job in _members(job_info.job)
                )
                found[number] = "COMPLETED" if made else "FAILED"
                states[number] = found[number] if made else "GONE"
            elif found.get(number, "").split(" ")[0] in ("PREEMPTED", "REVOKED", "CANCELLED"):
                # What the plugin would wait for, for ever.
                found[number] = "FAILED"
        return found, seconds

    def cancel(executor):
        with earlier.deaf_to_interrupts():
            executor._job_submission_executor.shutdown(wait=True, cancel_futures=True)
            earlier.cancel_named(executor.run_uuid)
            executor.shutdown()

    executor.get_account_arg = account
    executor.run_job = run
    executor.report_job_error = report
    executor.check_active_jobs = check_active
    plugin.query_job_status = ask
    executor.cancel = cancel
