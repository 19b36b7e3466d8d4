"""What becomes of a run when SLURM ends a job early, or the controller ends before its jobs.

On a real slurmctld with two slurmd, without accounting and without an account.
"""

import signal
import time
from itertools import pairwise

import pytest
from slurm import ask, wait
from step_runs import Run, profile_with
from study_runs import job

FOLDS = [f"results/steps/{fold}.pth" for fold in range(3)]
SERIES = "a b bad c d e"


def queue() -> list[str]:
    return ask("squeue", "-h", "-o", "%i").split()


@pytest.fixture(scope="module")
def at_once(slurm, tmp_path_factory) -> dict[str, Run]:
    """Run two studies of steps that end well and steps that cannot, at once and all of each.

    One is run as from a node of 64 cores, the other in partitions whose limit it meets.
    """
    first = Run(tmp_path_factory.mktemp("first"))
    first.start(
        *("--cores", "64", "--group-components", "ingest=6", "--"),
        *(*FOLDS, "results/steps/table.tsv", "results/steps/hungry.txt"),
        epochs=2,
        pause=8,
        series=f"'{SERIES}'",
        megabytes=900,
    )
    folder = tmp_path_factory.mktemp("limited")
    limited = Run(folder, profile_with(folder, cpu_partition="short", gpu_partition="short"))
    limited.start(
        *("--", "results/steps/0.pth", "results/steps/slow.txt"),
        train_minutes=2,
        epochs=8,
        pause=12,
        seconds=200,
    )
    first.wait()
    limited.wait()
    return {"first": first, "limited": limited}


@pytest.fixture(scope="module")
def first(at_once) -> Run:
    return at_once["first"]


def test_three_folds_are_trained_at_once_on_gpus(first):
    folds = [first.journal(f"{fold}.pth") for fold in range(3)]
    assert max(rows[0]["time"] for rows in folds) < min(rows[-1]["time"] for rows in folds)
    assert all(rows[0]["gpu"] in ("0", "1") for rows in folds)
    for rows in folds:
        about = job(rows[0]["job"])
        assert about["Partition"] == "gpu"
        assert about["TresPerJob"] == "gres:gpu:1"
        assert about["Requeue"] == "0"


def test_only_trainings_ask_for_gpus(first):
    trained = {first.journal(f"{fold}.pth")[0]["job"] for fold in range(3)}
    others = set(first.submitted()) - trained
    assert len(others) >= 3
    for number in others:
        about = job(number)
        assert about["Partition"] == "cpu"
        assert not [key for key in about if key.startswith("TresPer")]


def test_a_group_works_one_by_one_and_keeps_the_good_results(first):
    good = [name for name in SERIES.split() if name != "bad"]
    assert all(first.path(f"series/{name}.nii").exists() for name in good)
    assert not first.path("series/bad.nii").exists()
    rows = {name: first.journal(f"series/{name}.nii") for name in SERIES.split()}
    # The others were made once; the bad one was tried again alone.
    assert {name: sum("begin" in row for row in rows[name]) for name in good} == dict.fromkeys(
        good, 1
    )
    assert len(rows["bad"]) == 3
    spans = sorted((rows[name][0]["time"], rows[name][-1]["time"]) for name in good)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    about = job(rows["a"][0]["job"])
    assert about["NumCPUs"] == "1"
    assert "mem=600M" in about["TRES"]
    # What follows all of them waits; the sentence of the one that failed is told.
    assert not first.path("table.tsv").exists()
    assert "Series bad cannot be read: copy it again." in first.said()


def test_memory_grows_after_it_ran_out(first):
    assert first.path("hungry.txt").exists()
    attempts = [row["job"] for row in first.journal("hungry.txt")]
    assert len(attempts) == 2
    assert ["mem=600M" in job(attempts[0])["TRES"], "mem=1200M" in job(attempts[1])["TRES"]] == [
        True,
        True,
    ]
    assert "used more memory than the 600 MB that it asked for" in first.said()
    kept = first.path(f"logs/hungry.slurm-{attempts[0]}.log")
    assert kept.read_text().startswith("hungry")


def test_time_limits(at_once):
    """A training that meets its limit goes on; another step that had all the time does not."""
    run = at_once["limited"]
    assert run.process.returncode != 0
    said = run.said()
    assert "wants 2 minutes, and partition short gives 1" in said
    assert run.path("0.pth").exists()
    began = [row["begin"] for row in run.journal("0.pth") if "begin" in row]
    assert len(began) == 2
    assert began[0] == 0 < began[1]
    assert {job(row["job"])["TimeLimit"] for row in run.journal("0.pth")} == {"00:01:00"}
    assert len(run.journal("slow.txt")) == 1
    assert "met its time limit of 1 minutes" in said
    assert "already had all of runtime that its partition gives" in said


def test_what_no_partition_has_is_refused_before_anything_is_submitted(run, tmp_path):
    assert run.finish("results/steps/hungry.txt", hungry_mb=50000, megabytes=1) != 0
    assert "Rule hungry asks for 50000 MB of memory, and partition cpu gives at most" in run.said()
    assert not run.submitted()


def test_a_gpu_that_no_node_has_is_refused_before_anything_is_submitted(slurm, tmp_path):
    run = Run(tmp_path, profile_with(tmp_path, gpu_type="a100"))
    assert run.finish(FOLDS[0], epochs=1, pause=1) != 0
    assert "no node of partition gpu has a GPU of type a100 (sinfo lists: gpu:fake:2)" in run.said()
    assert not run.submitted()


def test_gpus_by_gres(slurm, tmp_path):
    run = Run(tmp_path, "profiles/slurm-gres")
    assert run.finish(FOLDS[0], epochs=1, pause=1) == 0
    row = run.journal("0.pth")[0]
    assert row["gpu"] in ("0", "1")
    assert job(row["job"])["TresPerNode"] == "gres:gpu:1"


def test_a_lost_node_and_a_preemption_are_no_attempts(slurm, run):
    """The trainings go on elsewhere, from their last epoch; neither costs one of two retries."""
    run.start("--retries", "0", "--", *FOLDS[:1], epochs=6, pause=3)
    run.wait_for_epoch("0.pth", 2)
    node = run.journal("0.pth")[-1]["node"]
    slurm.kill_node(node)
    run.wait_for_epoch("0.pth", 4, 200)
    assert run.journal("0.pth")[-1]["node"] != node
    slurm.start_node(node)
    # A partition that comes first takes all GPUs of all nodes.
    for name in ("node1", "node2"):
        ask(
            *f"sbatch -p urgent -w {name} --gpus=2 --mem 100 -o /dev/null --wrap".split(), "sleep 5"
        )
    assert run.wait() == 0
    said = run.said()
    assert "was lost at no fault of its own (NODE_FAIL)" in said
    assert "was lost at no fault of its own (PREEMPTED)" in said
    began = [row["begin"] for row in run.journal("0.pth") if "begin" in row]
    assert len(began) == 3
    assert 0 == began[0] < began[1] < began[2]


def test_a_job_that_someone_cancels_is_not_submitted_again(run):
    run.start("--", FOLDS[0], epochs=50, pause=1)
    run.wait_for_epoch("0.pth")
    ask("scancel", run.submitted()[0])
    assert run.wait() != 0
    assert len(run.submitted()) == 1
    assert "was cancelled by someone (scancel)" in run.said()


def test_a_killed_controllers_jobs_are_waited_for(run):
    """One writer: the next start submits nothing before the earlier job has ended."""
    run.start("--", *FOLDS[:2], epochs=12, pause=2)
    run.wait_for_epoch("0.pth")
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    assert len(queue()) == 2
    # The same command: neither --unlock nor scancel.
    assert run.finish(*FOLDS[:2]) == 0
    said = run.said()
    assert "its lock is removed" in said
    assert "2 SLURM jobs of an earlier start of this run are in the queue" in said
    assert len(run.submitted()) == 2
    for fold in range(2):
        assert {row["job"] for row in run.journal(f"{fold}.pth")} <= set(run.submitted())
        assert [row["epoch"] for row in run.journal(f"{fold}.pth") if "epoch" in row] == list(
            range(1, 13)
        )


def test_a_second_controller_of_a_living_one_is_refused(run):
    run.start("--", FOLDS[0], epochs=10, pause=1)
    run.wait_for_epoch("0.pth")
    other = Run(run.folder)
    assert other.finish(FOLDS[0], epochs=10, pause=1) != 0
    assert "This run is controlled by process" in other.said()
    assert run.wait() == 0


def test_two_interrupts_leave_neither_job_nor_lock(run):
    run.start("--", *FOLDS, epochs=100, pause=1)
    run.wait_for_epoch("0.pth")
    run.interrupt()
    time.sleep(0.5)
    run.interrupt()
    assert run.wait(120) != 0
    assert wait(lambda: not queue(), 5) is not None
    assert not list((run.folder / ".snakemake" / "locks").glob("*"))
    # What has been trained is there for the next start.
    begun = run.journal("0.pth")[-1]["epoch"]
    assert run.finish(FOLDS[0], epochs=begun + 1) == 0
    assert [row["begin"] for row in run.journal("0.pth") if "begin" in row] == [0, begun]
