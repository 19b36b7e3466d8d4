"""livermet's own networks in SLURM: on GPU nodes, and nothing else is."""

import pytest
from networks import FOLDS, TABLE, study_with_networks
from study_runs import StudyRun, has_gpu, job

from livermet.tables import read_table


@pytest.fixture(scope="module")
def run(slurm, tmp_path_factory) -> StudyRun:
    """Run a study with networks; its GPUs are none, and jobs are told to go on without."""
    run = StudyRun(study_with_networks(tmp_path_factory.mktemp("networks")))
    run.run(TABLE, LIVERMET_CPU_FOR_GPU="1")
    return run


def is_network(rules: set[str]) -> bool:
    return any(rule.startswith(("train_", "predict_")) for rule in rules)


def test_rules_of_networks_and_only_they_had_a_gpu(run, root):
    jobs, steps, with_gpu = run.planned()
    numbers = run.submitted()
    assert len(numbers) == jobs
    about = {number: job(number) for number in numbers}
    assert {one["JobState"] for one in about.values()} == {"COMPLETED"}
    on_gpu = {number for number in numbers if is_network(run.rules(number))}
    assert on_gpu == {number for number in numbers if has_gpu(about[number])}
    assert on_gpu == {number for number in numbers if about[number]["Partition"] == "gpu"}
    assert len(on_gpu) == with_gpu
    said = (root / "docs" / "how-to" / "cluster.md").read_text()
    assert f"{steps} steps in {jobs} SLURM jobs, {with_gpu} with a GPU" in said


def test_folds_were_trained_at_once_each_on_its_own_gpu(run):
    folds = [job(n) for n in run.submitted() if run.rules(n) == {"train_nnunet"}]
    assert len(folds) == FOLDS
    assert max(fold["StartTime"] for fold in folds) < min(fold["EndTime"] for fold in folds)


def test_the_networks_scores_are_there(run):
    table = read_table(run.study.workdir / TABLE)
    assert {"unet", "nnunet_finetuned"} <= set(table["model"])


def test_no_job_was_near_the_memory_that_it_asked_for(run):
    """By the benchmarks of the scripts; the two processes of Snakemake above each take some too."""
    for number in run.submitted():
        asked = int(job(number)["MinMemoryNode"].removesuffix("M"))
        assert run.megabytes(number) < 0.75 * asked, run.rules(number)
