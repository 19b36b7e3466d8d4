"""What a plan takes: nothing where all is there, and little where one series is added."""

import re
import shutil
from functools import partial
from random import Random
from types import SimpleNamespace

import pytest
from finished import add_series, finish, planned_jobs
from planning import planner
from snakemake.dag import DAG
from snakemake.exceptions import ChildIOException, WorkflowError
from study import make_study

SEARCH_AS_SNAKEMAKE_DOES = "def search_once():\n    pass\n"


def test_one_more_series_of_a_finished_study_plans_few_jobs_of_its_own(tmp_path):
    # 12 LiTS series and 40 of 20 mSCLC patients, in batches of at most six.
    study = make_study(tmp_path)
    study.assign()
    finish(study)
    plan = study.plan()
    assert planned_jobs(plan.stdout) == []
    assert "Nothing to be done" in plan.stdout + plan.stderr

    batch = add_series(study, "added")
    jobs = planned_jobs(study.plan().stdout)
    own = [rule for rule, log in jobs if batch in f"{rule} {log}" or "added" in log]
    assert "ingest_series" in own
    assert 0 < len(own) < 20
    # Neither is another series read again, nor a network trained or another batch predicted.
    others = {rule for rule, log in jobs} - set(own)
    assert not {rule for rule in others if rule.startswith(("ingest", "train", "predict"))}
    assert "measure_detection" not in others


def test_a_plan_is_that_of_snakemakes_own_searches(root, tmp_path):
    study = make_study(tmp_path)
    study.assign()
    own = tmp_path / "own"
    for name in ("Snakefile", "config", "envs", "profiles", "rules", "workflow"):
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        own.mkdir(exist_ok=True)
        copy(root / name, own / name)
    (own / "workflow" / "searches.py").write_text(SEARCH_AS_SNAKEMAKE_DOES)
    options = ["--snakefile", str(own / "Snakefile"), "--configfile", str(study.config_path)]
    expected = planner().plan(options, study.folder)
    plan = study.plan()
    assert jobs_with_files(plan.stdout) == jobs_with_files(expected.stdout)
    assert len(jobs_with_files(plan.stdout)) > 100


def jobs_with_files(said: str) -> dict[str, list[list[str]]]:
    """Read from a dry run, by log, what each job reads, writes and why it runs."""
    jobs = {}
    for block in re.split(r"\n *(?=(?:local)?rule )", said)[1:]:
        lines = dict(re.findall(r"^ +(log|input|output|reason): (.*)$", block, re.M))
        log = lines.pop("log", block.partition(":")[0])
        # Reasons name the files of a set, in no order.
        jobs[log] = [sorted(re.split("[,;:] ", lines.get(key, ""))) for key in sorted(lines)]
    return jobs


def test_an_output_below_another_is_refused(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "workflow")
    from searches import _stop_on_output_below_another as stop

    def dag(**outputs):
        return SimpleNamespace(
            jobs=[SimpleNamespace(name=name, output=paths) for name, paths in outputs.items()]
        )

    with pytest.raises(ChildIOException, match=r"(?s)a/b.*a/b/c/d"):
        stop(dag(one=["a/b"], other=["e", "a/b/c/d"]))
    stop(dag(one=["a/b", "a/b/c"], other=["a/bc/d", "a/c"]))


def test_a_group_that_depends_on_itself_is_found_as_snakemake_finds_it(root, monkeypatch):
    """Against Snakemake's own search, along all ways above a group; on graphs without cycles."""
    monkeypatch.syspath_prepend(root / "workflow")
    from searches import _levels, _returns

    answers = []
    for seed in range(200):
        random = Random(seed)
        jobs = [Member(f"r{number}") for number in range(20)]
        above = {
            job: {other: set() for other in jobs[:number] if random.random() < 0.12}
            for number, job in enumerate(jobs)
        }
        group = frozenset(random.sample(jobs, 4))
        answers.append(_returns(above, _levels(above), group))
        dag = SimpleNamespace(_dependencies=above, bfs=partial(DAG.bfs, None))
        if answers[-1]:
            with pytest.raises(WorkflowError, match=r"from outside the group"):
                DAG.validate_group(dag, SimpleNamespace(jobs=group))
        else:
            DAG.validate_group(dag, SimpleNamespace(jobs=group))
    assert 30 < sum(answers) < 170


def test_a_search_over_what_follows_finds_the_same_jobs_when_it_visits_each_once(root, monkeypatch):
    """Against Snakemake's own search, which begins anew with each job; on graphs without cycles."""
    monkeypatch.syspath_prepend(root / "workflow")
    from searches import _each_job_once

    for seed in range(20):
        random = Random(seed)
        follows = {
            job: {later: set() for later in range(job + 1, 40) if random.random() < 0.05}
            for job in range(40)
        }
        bfs = partial(DAG.bfs, None)
        once = _each_job_once(bfs)
        starts = random.sample(range(40), 8)
        found = [set(once(follows, job)) for job in starts]
        expected = [set(bfs(follows, job)) for job in starts]
        for number in range(1, len(starts) + 1):
            assert set.union(*found[:number]) == set.union(*expected[:number])
        assert sum(map(len, found)) == len(set.union(*expected))


class Member:
    """A job as `DAG.validate_group` looks at it."""

    group = "together"

    def __init__(self, rule: str):
        self.rule = SimpleNamespace(name=rule)
