"""How the module that speaks with SLURM reads what SLURM says."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).parents[2] / "workflow"


@pytest.fixture
def cluster(monkeypatch):
    """Import workflow/cluster.py, which lies beside the Snakefile and in no package."""
    monkeypatch.syspath_prepend(WORKFLOW)
    import cluster

    return cluster


@pytest.mark.parametrize(
    ("time", "minutes"),
    [
        ("infinite", 0),
        ("30:00", 30),
        ("1:00", 1),
        ("2:00:00", 120),
        ("23:59:00", 1439),
        ("1-00:00:00", 1440),
        ("7-12:30:00", 7 * 1440 + 12 * 60 + 30),
    ],
)
def test_times_as_sinfo_writes_them(cluster, time, minutes):
    assert cluster.minutes_of(time) == minutes


def test_memory_doubles_after_it_ran_out_up_to_what_a_node_has(cluster):
    limits = {"c": cluster.Limits(megabytes=3000, known=True)}
    requests = cluster.Requests(cluster.Cluster("c", "g", limits=limits))
    of_job = requests.memory(1000)
    asked = []
    for _ in range(4):
        asked.append(of_job(["b1"], "measure"))
        requests.short[cluster.Why.MEMORY]["measure", ("b1",)] += 1
    assert asked == [1000, 2000, 3000, 3000]
    # Another batch of the same rule has not run out of it.
    assert of_job(["b2"], "measure") == 1000


def test_a_large_input_asks_for_more_memory(cluster, tmp_path):
    small, large, folder = (tmp_path / name for name in ("small", "large", "dicom"))
    small.write_bytes(bytes(1_000_000))
    large.write_bytes(bytes(30_000_000))
    folder.mkdir()
    for number in range(5):
        (folder / str(number)).write_bytes(bytes(10_000_000))
    of_job = cluster.Requests(cluster.Cluster()).memory_by_size(1000, 50)
    assert of_job([], [small], "ingest") == 1000
    assert of_job([], [small, large], "ingest") == 1500
    assert of_job([], [folder], "ingest") == 2500


def test_a_training_asks_for_the_same_time_again(cluster):
    limits = {"g": cluster.Limits(minutes=600, known=True)}
    requests = cluster.Requests(cluster.Cluster("c", "g", limits=limits))
    of_job = requests.minutes_of_training(2880, gpu=True)
    assert of_job(["0"], "train_nnunet") == 600
    requests.short[cluster.Why.TIME]["train_nnunet", ("0",)] += 1
    assert of_job(["0"], "train_nnunet") == 600
    # Whatever does not go on where it was needs more.
    slow = requests.minutes(100, gpu=True)
    requests.short[cluster.Why.TIME]["predict", ("0",)] += 1
    assert slow(["0"], "predict") == 200


@pytest.mark.parametrize(
    ("state", "last", "why"),
    [
        ("FAILED", "Training was asked to stop (SIGUSR1) and is saved in epoch 7: ...", "TIME"),
        ("FAILED", "The loss is nan in epoch 7", "FAULT"),
        ("TIMEOUT", "", "TIME"),
        ("PREEMPTED", "Training was asked to stop (SIGTERM) and is saved in epoch 7: ...", "LOST"),
        ("CANCELLED", "Training was asked to stop (SIGTERM) and is saved in epoch 7: ...", "USER"),
    ],
)
def test_a_training_that_left_before_its_limit_is_no_fault(cluster, state, last, why, tmp_path):
    import endings

    log = tmp_path / "train.log"
    log.write_text(f"resumed after 3 of 12 epochs\n{last}\n")
    absent = tmp_path / "slurm.log"
    assert endings._why(state, {}, absent, [str(log)]) is endings.Why[why]


def test_two_threads_ask_for_the_files_time_at_once(cluster, tmp_path, monkeypatch):
    """The plugin submits in two threads: what one of them raises would lose its job for good."""
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(4) as threads:
        times = list(threads.map(lambda _: cluster.now_of_files(), range(400)))
    assert max(times) - min(times) < 60
    assert not list(Path(".snakemake").iterdir())


def test_slurm_is_asked_less_and_less_often_while_nothing_ends(cluster):
    """After the profile's 40 s as the plugin does it; after another time in proportion."""
    waits = [40.0]
    while len(waits) < 17:
        waits.append(cluster.longer_wait(waits[-1], 40))
    assert waits == [*range(40, 180, 10), 180, 180, 180]
    assert cluster.longer_wait(4, 4) == 5
    assert cluster.longer_wait(18, 4) == 18
