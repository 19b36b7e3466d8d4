"""What a plan asks of a cluster: by the two profiles for SLURM, without one at hand."""

import os
import re

import pytest
import yaml
from planning import planner
from study import make_study
from test_plan import planned

from livermet.models import networks_of
from livermet.provenance.plan import read_plan

SENTENCE = re.compile(r"This plan makes (\d+) SLURM jobs of (\d+) steps; (\d+) of them ask")


def on_cluster(study, root, name="slurm", *options: str):
    """Plan for a cluster, with a profile of the project."""
    plan = study.plan("--profile", str(root / "profiles" / name), *options)
    assert plan.returncode == 0, plan.stderr[-3000:]
    return plan


def resources(plan) -> dict[str, list[dict[str, str]]]:
    """Read what each job of a plan asks for, by rule."""
    found: dict[str, list[dict[str, str]]] = {}
    blocks = re.split(r"\n *(?=(?:local)?rule )", plan.stdout + plan.stderr)[1:]
    for block in blocks:
        rule = re.match(r"(?:local)?rule (\S+):", block).group(1)
        asked = re.search(r"resources: (.*)", block)
        if asked:
            pairs = (one.split("=", 1) for one in asked.group(1).split(", "))
            found.setdefault(rule, []).append(dict(pairs))
    return found


@pytest.mark.parametrize(
    ("profile", "own"), [("slurm", ("gpu", "1")), ("slurm-gres", ("gres", "gpu:1"))]
)
def test_rules_of_networks_and_only_they_ask_for_a_gpu(study, root, profile, own):
    asked = resources(on_cluster(study, root, profile))
    assert asked
    for rule, jobs in asked.items():
        network = rule.startswith(("train_", "predict_"))
        for job in jobs:
            assert job.get("slurm_partition") == ("gpu" if network else "cpu"), rule
            assert (job.get(own[0]) == own[1]) == network, rule
            assert not {"gpu", "gres"} - {own[0]} & job.keys(), rule


def test_a_type_of_gpu_reaches_every_job_that_has_one(study, root):
    options = ("--default-resources", "slurm_partition='c'", "gpu_partition='g'")
    by_gres = on_cluster(study, root, "slurm", *options, "gpu_type='a100'", "gpu_by='gres'")
    assert {job["gres"] for job in resources(by_gres)["train_nnunet"]} == {"gpu:a100:1"}
    by_gpus = on_cluster(study, root, "slurm", *options, "gpu_type='a100'", "gpu_by='gpus'")
    assert {job["gpu_model"] for job in resources(by_gpus)["train_nnunet"]} == {"a100"}


def test_a_workstations_settings_are_not_laid_over_a_clusters(study, root):
    """As its one GPU at a time; that a job keeps its cores, the test of hours below shows."""
    plan = on_cluster(study, root)
    assert {job["gpu"] for job in resources(plan)["train_nnunet"]} == {"1"}
    assert "gpu=1 gpu" not in plan.stderr


@pytest.mark.parametrize("profile", ["slurm", "slurm-gres"])
def test_hours_are_told_of_what_jobs_get_on_a_cluster(study, root, monkeypatch, profile):
    """The requests of the full study's config; a dry run alone would count with one core."""
    monkeypatch.setenv("LIVERMET_PLAN", str(study.folder / "plan.json"))
    on_cluster(study, root, profile)
    found = read_plan(study.folder / "plan.json")
    asked = {job.step: (job.threads, job.gpus) for job in found.jobs}
    assert asked["train_nnunet"] == (12, 1)
    assert asked["train_monai"] == (4, 1)
    assert asked["ingest_series"] == (1, 0)


def test_more_cores_than_a_node_has_are_refused_by_the_dry_run(study, root, tmp_path, monkeypatch):
    """Training asks for 12; the partitions' largest node has 8, in the format of sinfo's manual."""
    # Snakemake's plugin asks a SLURM that it finds, which this is not.
    planner()
    sinfo = tmp_path / "bin" / "sinfo"
    sinfo.parent.mkdir()
    sinfo.write_text("#!/bin/sh\necho '8|64000|3-00:00:00|gpu:2'\n")
    sinfo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{sinfo.parent}:{os.environ['PATH']}")
    partitions = ("--default-resources", "slurm_partition='c'", "gpu_partition='g'")
    plan = study.plan("--profile", str(root / "profiles" / "slurm"), *partitions)
    assert plan.returncode != 0
    refused = re.findall(r"Rule (\w+) asks for (\d+) CPUs", plan.stdout + plan.stderr)
    assert ("train_nnunet", "12") in refused
    assert all(int(cpus) > 8 for _, cpus in refused)


def test_the_two_profiles_differ_in_how_a_gpu_is_asked_for_alone(root):
    texts = [
        [line for line in (root / "profiles" / name / "profile.yaml").read_text().splitlines()]
        for name in ("slurm", "slurm-gres")
    ]
    differing = [pair for pair in zip(*texts, strict=True) if pair[0] != pair[1]]
    code = [pair for pair in differing if not pair[0].startswith("#")]
    assert code == [("  gpu_by: gpus", "  gpu_by: gres")]


def test_every_rule_in_a_group_of_the_profile_is_there(root):
    """A rule that was renamed would be a SLURM job of seconds, without a word."""
    text = "".join(path.read_text() for path in (root / "rules").glob("*.smk"))
    profile = (root / "profiles" / "slurm" / "profile.yaml").read_text()
    grouped = re.search(r"^groups:\n(.*?)^\w", profile, re.S | re.M).group(1)
    rules = set(re.findall(r"^ *rule (\w+):", text, re.M))
    of_models = set(re.findall(r'f"(\w+)_{nnunet_model}"', text))
    rules |= {f"{rule}_{model}" for rule in of_models for model in networks_of("nnunet")}
    names = re.findall(r"^  (\w+): \w+$", grouped, re.M)
    assert len(names) > 30
    assert not set(names) - rules


def test_a_time_that_the_profile_limits_is_not_asked_for(study, root):
    options = ("--default-resources", "slurm_partition='c'", "gpu_partition='g'")
    plan = on_cluster(study, root, "slurm", *options, "gpu_minutes=600", "cpu_minutes=100")
    asked = resources(plan)
    assert {job["runtime"] for job in asked["train_nnunet"]} == {"600"}
    # The submitting machine's own steps ask for no time.
    submitted = [job for jobs in asked.values() for job in jobs if "runtime" in job]
    assert max(int(job["runtime"]) for job in submitted) == 600
    # 2880 minutes are asked for by the config.
    assert (
        "Rule train_nnunet wants 2880 minutes, and partition g gives 600: a training that meets "
        "this limit goes on in another job, in 5 of them or more." in plan.stderr + plan.stdout
    )


def test_a_memory_that_the_profile_limits_is_refused_with_a_sentence(study, root):
    options = ("--default-resources", "slurm_partition='c'", "gpu_partition='g'")
    profile = str(root / "profiles" / "slurm")
    plan = study.plan("--profile", profile, *options, "gpu_memory=20000")
    assert plan.returncode != 0
    assert (
        "Rule train_nnunet asks for 48000 MB of memory, and partition g gives at most 20000 MB"
        in plan.stderr + plan.stdout
    )


def test_how_many_slurm_jobs_a_study_of_350_series_makes(tmp_path, root):
    """As docs/how-to/cluster.md says: the ledger's batches have 20 series."""
    study = make_study(tmp_path, lits=50, msclc=150)
    study.configure(**yaml.safe_load(study.config_path.read_text()) | {"split": SPLIT})
    study.assign()
    plan = on_cluster(study, root)
    jobs, steps, gpu = map(int, SENTENCE.search(plan.stdout + plan.stderr).groups())
    planned_steps = planned(plan)
    assert planned_steps["ingest_series"] == 350
    assert steps == sum(planned_steps.values()) - 1
    said = (root / "docs" / "how-to" / "cluster.md").read_text()
    assert f"{steps} steps in {jobs} SLURM jobs, {gpu} of them with a GPU" in said


SPLIT = {"test": {"source": 10, "target": 30}, "batch_size": 20}
