"""Scans that overlap in three steps, and finished files that outlive a killed job."""

import subprocess
import sys
import threading
import time

import pytest
import torch

from livermet.finished import Finished
from livermet.pipeline import in_three_steps


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_every_item_goes_through_three_steps_in_order(threads):
    finished = []
    found = in_three_steps(
        [1, 2, 3],
        lambda item: item * 10,
        lambda item, ready: ready + item,
        lambda item, result: finished.append((item, result)),
        threads,
    )
    assert list(found) == [1, 2, 3]
    assert finished == [(1, 11), (2, 22), (3, 33)]
    assert list(in_three_steps([], None, None, None, threads)) == []


def test_steps_of_three_scans_run_at_the_same_time():
    # Of three scans of three steps each five steps follow each other, if they overlap: each waits
    # for the others of its moment, which a loop would never bring together.
    together = {moment: threading.Barrier(len(moment)) for moment in ("12", "123", "23")}

    def at(step):
        moments = {2: "12", 3: "123", 4: "23"}

        def work(item, *_):
            if moment := moments.get(item + step):
                together[moment].wait(timeout=20)

        return work

    assert list(in_three_steps([1, 2, 3], at(0), at(1), at(2), threads=2)) == [1, 2, 3]


def test_with_one_thread_all_runs_in_the_callers():
    threads = set()
    note = lambda *_: threads.add(threading.current_thread())  # noqa: E731
    list(in_three_steps([1, 2], note, note, note, threads=1))
    assert threads == {threading.main_thread()}


def test_other_threads_take_no_more_than_their_cores():
    seen = []
    note = lambda item, *_: seen.append((item, torch.get_num_threads()))  # noqa: E731
    list(in_three_steps([1, 2], note, lambda *_: None, note, threads=4))
    of_the_caller = (1, torch.get_num_threads())
    # Prepared are both, and finished are both.
    assert sorted(seen) == sorted([of_the_caller, (2, 2), (1, 2), (2, 2)])


CALLER = """
import torch
from livermet.pipeline import in_three_steps

torch.set_num_threads(3)
work = lambda *_: torch.ones(10**6) + 1
seen = []
compute = lambda *_: (work(), seen.append(torch.get_num_threads()))
list(in_three_steps([1, 2], work, compute, work, threads=2))
print(seen)
"""


def test_the_callers_step_keeps_its_cores():
    # In a new process, since torch asks for the number once in the life of a thread.
    ended = subprocess.run([sys.executable, "-c", CALLER], capture_output=True, check=True)
    assert ended.stdout.decode().strip() == "[3, 3]"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("step", range(3))
def test_an_error_of_a_step_ends_the_work(step, threads):
    written = []

    def failing(number):
        def work(item, *_):
            if number == step and item == 2:
                raise ValueError("no such file")
            if number == 2:
                time.sleep(0.05)
                written.append(item)

        return work

    with pytest.raises(ValueError, match="no such file"):
        list(in_three_steps([1, 2, 3, 4], *map(failing, range(3)), threads))
    # The one before is whole, and nothing was written after.
    assert written[:1] == [1]
    assert 4 not in written


ORIGIN = {"settings": {"step_size": 0.5}, "versions": ("1", "2")}


@pytest.fixture
def killed(tmp_path):
    """A job that was killed behind its first scan: Snakemake has deleted what it declared."""
    files = [tmp_path / "predictions" / "a.nii.gz", tmp_path / "probabilities" / "a.nii.gz"]
    for number, file in enumerate(files):
        file.parent.mkdir()
        file.write_bytes(bytes([number]) * 100)
    Finished(files, "predict_b1", ORIGIN).keep("a", ["ct", [0, 1]], files)
    for file in files:
        file.unlink()
    return files


def job_of(files, **other):
    return Finished(files, "predict_b1", ORIGIN | other)


def test_a_killed_job_leaves_its_finished_files_to_the_next(killed):
    job = job_of(killed)
    assert not job.take("b", ["ct", [0, 1]], killed)
    assert job.take("a", ["ct", [0, 1]], killed)
    assert [file.read_bytes() for file in killed] == [b"\0" * 100, b"\1" * 100]
    job.forget()
    assert sorted(path.name for path in killed[0].parent.iterdir()) == ["a.nii.gz"]


def test_files_of_another_origin_are_not_taken(killed):
    assert not job_of(killed, settings={"step_size": 0.6}).take("a", ["ct", [0, 1]], killed)
    assert not job_of(killed).take("a", ["another ct", [0, 1]], killed)
    assert not job_of(killed).take("a", ["ct", [0]], killed)
    # A run that saves other files of a scan.
    assert not job_of(killed).take("a", ["ct", [0, 1]], killed[:1])
    assert not any(file.exists() for file in killed)


def test_files_that_are_not_whole_are_not_taken(killed):
    (kept,) = killed[0].parent.glob(".unfinished_*/a/0_*")
    kept.write_bytes(b"\0" * 99)
    assert not job_of(killed).take("a", ["ct", [0, 1]], killed)
    kept.unlink()
    assert not job_of(killed).take("a", ["ct", [0, 1]], killed)


def test_a_file_that_is_made_anew_leaves_the_kept_one_whole(killed):
    job = job_of(killed)
    job.take("a", ["ct", [0, 1]], killed)
    # Files are written beside and renamed, so that a second name never shows half a file.
    beside = killed[0].with_name("beside")
    beside.write_bytes(b"new")
    beside.replace(killed[0])
    assert job.take("a", ["ct", [0, 1]], killed)
    assert killed[0].read_bytes() == b"\0" * 100
