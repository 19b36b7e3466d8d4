"""Snakemake's searches, with the same answers, made once for what has the same answer.

Snakemake 9 looks a file's producer up anew for each job that reads the file, by comparing its name
with patterns of every rule; it asks what depends on a job that has to run for each such job anew,
and for a rule's script and the arguments of its functions with each of its jobs; and for each group
of jobs whether a way leads out of it and back, along all ways to the sheets. Of a plan of 10,000
series with four models that is half, and with a cluster's groups more.
"""

import gc
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from graphlib import TopologicalSorter
from itertools import accumulate

from snakemake import common, rules
from snakemake.dag import DAG, ScriptProcessor
from snakemake.exceptions import ChildIOException
from snakemake.output_index import OutputIndex

_process_job = ScriptProcessor.process_job
_update, _update_needrun = DAG.update, DAG.update_needrun
_update_groups, _validate_group = DAG.update_groups, DAG.validate_group
_check_groups = DAG._check_groups
_index = OutputIndex.__init__


def search_once() -> None:
    """Let Snakemake search once for each file, job, rule and function.

    Called once, when the workflow is parsed.
    """
    # Python looks for unused cycles among all objects whenever a few were added; a plan has none.
    gc.disable()
    OutputIndex.__init__ = _index_of_names_and_patterns
    OutputIndex.match_producers = _by_name_or_pattern
    DAG.update = _update_and_remember
    DAG.update_needrun = _update_needrun_once
    DAG.update_groups = _update_groups_by_levels
    DAG.check_directory_outputs = _stop_on_output_below_another
    ScriptProcessor.process_job = _once_a_rule()
    common.get_function_params = rules.get_function_params = cache(common.get_function_params)


class _Patterns:
    """A rule with those of its outputs alone that have wildcards."""

    def __init__(self, rule, products):
        self.rule, self._products = rule, products

    def products(self):
        return self._products


def _index_of_names_and_patterns(index: OutputIndex, rules) -> None:
    """Index outputs without a wildcard, which rules made in a loop have, by their whole names."""
    index.by_name = defaultdict(set)
    patterns = []
    for rule in rules:
        with_wildcards = []
        for product in rule.products():
            if product.contains_wildcard():
                with_wildcards.append(product)
            else:
                index.by_name[str(product)].add(rule)
        if with_wildcards:
            patterns.append(_Patterns(rule, with_wildcards))
    _index(index, patterns)


def _by_name_or_pattern(index: OutputIndex, targetfile: str) -> set:
    matched = {entry.rule for entry in index.match(targetfile)}
    producers = {rule for rule in matched if rule.is_producer(targetfile)}
    return producers | index.by_name.get(str(targetfile), set())


async def _update_and_remember(dag: DAG, jobs, file=None, known_producers=None, **options):
    producer = await _update(dag, jobs, file=file, known_producers=known_producers, **options)
    if file is not None and known_producers is not None:
        known_producers[file] = [producer]
    return producer


def _once_a_rule() -> Callable:
    found = set()

    def process_job(processor: ScriptProcessor, job) -> None:
        # What a script is named after would be another one with each job.
        known = (processor.script_type, job.rule)
        if known not in found or "{" in str(getattr(job.rule, processor.script_type)):
            _process_job(processor, job)
            found.add(known)

    return process_job


def _stop_on_output_below_another(dag: DAG) -> None:
    made = {os.path.abspath(path): job for job in dag.jobs for path in job.output}
    folders = cache(lambda folder: [*accumulate(folder.split("/"), "{}/{}".format)])
    for path, job in made.items():
        for folder in folders(path.rpartition("/")[0]):
            if made.get(folder, job) != job:
                raise ChildIOException(parent=(folder, made[folder]), child=(path, job))


async def _update_needrun_once(dag: DAG, *arguments, **options) -> None:
    dag.bfs = _each_job_once(dag.bfs)
    try:
        await _update_needrun(dag, *arguments, **options)
    finally:
        del dag.bfs
        # The plan is made and stays: from now on only what is new is looked at.
        gc.freeze()
        gc.enable()


def _each_job_once(bfs: Callable) -> Callable:
    """Let a search pass over jobs that an earlier search with the same function found.

    Snakemake joins the answers: of 10,000 series each leads to every job after the trainings.
    """
    found = set()

    def search(direction, *jobs):
        new = [job for job in jobs if job not in found]
        for job in bfs(direction, *new, stop=found.__contains__):
            found.add(job)
            yield job

    return search


def _update_groups_by_levels(dag: DAG) -> None:
    """Let Snakemake look for a way out of a group and back only where there is one.

    It then says so in its own words.
    """
    levels = _levels(dag._dependencies)
    returns = partial(_returns, dag._dependencies, levels)
    dag.validate_group = lambda group: _validate_group(dag, group) if returns(group.jobs) else None
    dag._check_groups = lambda: (
        _check_groups(dag)
        if any(returns(group.jobs) for group in set(dag._group.values()))
        else None
    )
    try:
        _update_groups(dag)
    finally:
        del dag.validate_group, dag._check_groups


def _levels(dependencies: Mapping) -> dict:
    """Count the jobs on the longest way from each job to one that depends on none."""
    levels: dict = {}
    for job in TopologicalSorter(dependencies).static_order():
        above = dependencies.get(job, ())
        levels[job] = 1 + max((levels[dependency] for dependency in above), default=-1)
    return levels


def _returns(dependencies: Mapping, levels: Mapping, group: Collection) -> bool:
    """Tell whether a job of a group depends on another by way of jobs outside.

    Each job on such a way has a level above that of the group's lowest job.
    """
    lowest = min(levels[job] for job in group)
    outside = {job for member in group for job in dependencies.get(member, ()) if job not in group}
    ways = list(outside)
    while ways:
        for job in dependencies.get(ways.pop(), ()):
            if job in group:
                return True
            if job not in outside and levels[job] > lowest:
                outside.add(job)
                ways.append(job)
    return False
