"""Checkpoints: two generations, what is found after a kill, what is refused; no network."""

import json
import logging
import os
import subprocess
from pathlib import Path

import pytest

from livermet.checkpoints import Checkpoints, digests, forget_checkpoints, linked
from livermet.errors import InputError

ORIGIN = digests(cases={"s1": "abc"}, settings={"rate": 0.1}, code="x")


def taken_up(folder, origin=ORIGIN, epochs=10, older=()):
    return Checkpoints(folder, origin, epochs, ".pt", older)


def save(checkpoints, *epochs):
    for epoch in epochs:
        checkpoints.save(
            lambda path, epoch=epoch: path.write_text(f"weights of epoch {epoch}"),
            epoch,
            100 * epoch,
            1.5 * epoch,
        )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_two_generations_stay_and_the_newest_is_found(tmp_path):
    assert taken_up(tmp_path).newest() is None
    save(taken_up(tmp_path), 1, 2, 3)
    assert names(tmp_path) == [
        "checkpoint_at_00000200.pt",
        "checkpoint_at_00000300.pt",
        "resume.json",
    ]
    path, checkpoint = taken_up(tmp_path).newest()
    assert path.read_text() == "weights of epoch 3"
    assert (checkpoint.epoch, checkpoint.iteration) == (3, 300)
    assert taken_up(tmp_path).state.seconds == 4.5


def test_the_log_tells_what_time_is_left(tmp_path, caplog):
    """1.5 s an epoch; 2 and 200 epochs of 250 are done, and all of them."""
    with caplog.at_level(logging.INFO, logger="livermet"):
        save(taken_up(tmp_path, epochs=250), 2, 200, 250)
    assert [record.message for record in caplog.records] == [
        "saved after epoch 2 of 250: 6 min left",
        "saved after epoch 200 of 250: 1 min left",
    ]


def test_a_truncated_newest_falls_back_with_a_warning(tmp_path, caplog):
    save(taken_up(tmp_path), 1, 2)
    newest, _ = taken_up(tmp_path).newest()
    os.truncate(newest, 5)
    with caplog.at_level(logging.WARNING, logger="livermet"):
        checkpoints = taken_up(tmp_path)
        path, checkpoint = checkpoints.newest()
    assert "checkpoint_at_00000200.pt is not whole" in caplog.text
    assert path.read_text() == "weights of epoch 1"
    checkpoints.going_on_from(checkpoint)
    assert names(tmp_path) == ["checkpoint_at_00000100.pt", "resume.json"]
    assert taken_up(tmp_path).state.resumed == [100]


def test_a_recorded_checkpoint_that_is_not_there_or_none_that_is_whole_is_an_error(tmp_path):
    save(taken_up(tmp_path), 1, 2)
    for path in tmp_path.glob("*.pt"):
        os.truncate(path, 0)
    with pytest.raises(InputError, match="None of the checkpoints"):
        taken_up(tmp_path).newest()
    (tmp_path / "checkpoint_at_00000200.pt").unlink()
    with pytest.raises(InputError, match=r"records a checkpoint of epoch 2, but .*is not there"):
        taken_up(tmp_path).newest()


@pytest.mark.parametrize("name", ["save", "_write"])
def test_minus_nine_within_a_save_leaves_what_was_recorded(name, tmp_path):
    """The process ends while the file is written, or when it is whole and not yet recorded."""
    save(taken_up(tmp_path), 1)
    process = os.fork()
    if not process:
        checkpoints = taken_up(tmp_path)
        end = lambda *given: os.kill(os.getpid(), 9)  # noqa: E731
        if name == "_write":
            checkpoints._write = end
            save(checkpoints, 2)
        checkpoints.save(lambda path: (path.write_text("half"), end()), 2, 200, 3.0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -9
    path, checkpoint = taken_up(tmp_path).newest()
    assert (path.read_text(), checkpoint.epoch) == ("weights of epoch 1", 1)
    assert names(tmp_path) == ["checkpoint_at_00000100.pt", "resume.json"]


def test_minus_nine_within_a_second_save_of_an_iteration_leaves_the_first(tmp_path):
    """nnU-Net's training may save within a validation, before which and behind which it saves."""
    checkpoints = taken_up(tmp_path)
    for content in ("one", "two", "three"):
        checkpoints.save(lambda path, content=content: path.write_text(content), 1, 100, 1.0)
    assert len(names(tmp_path)) == 2 + 1
    process = os.fork()
    if not process:
        checkpoints._write = lambda: os.kill(os.getpid(), 9)
        checkpoints.save(lambda path: path.write_text("four"), 1, 100, 1.0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -9
    assert taken_up(tmp_path).newest()[0].read_text() == "three"
    assert len(names(tmp_path)) == 2 + 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cases": {"s1": "abd"}}, "cases"),
        ({"settings": {"rate": 0.2}, "code": "y"}, "code, settings"),
    ],
)
def test_another_origin_is_moved_aside_with_a_sentence(change, named, tmp_path, caplog):
    save(taken_up(tmp_path), 1, 2)
    origin = ORIGIN | digests(**change)
    with caplog.at_level(logging.WARNING, logger="livermet"):
        assert taken_up(tmp_path, origin).newest() is None
    assert f"of another origin: {named}" in caplog.text
    assert len(names(tmp_path / "refused_1")) == 3
    # Nothing is refused twice, and the next one goes beside.
    save(taken_up(tmp_path, origin), 1)
    taken_up(tmp_path)
    assert names(tmp_path) == ["refused_1", "refused_2", "resume.json"]


def test_more_epochs_go_on_and_fewer_do_not(tmp_path, caplog):
    save(taken_up(tmp_path), 4)
    with caplog.at_level(logging.WARNING, logger="livermet"):
        longer = taken_up(tmp_path, epochs=20)
    assert "10 epochs were planned and 20 are now" in caplog.text
    assert longer.newest()[1].epoch == 4
    longer.going_on_from(longer.newest()[1])
    assert taken_up(tmp_path, epochs=20).state.extended == [[400, 10, 20]]
    assert taken_up(tmp_path, epochs=5).newest() is None
    assert "made for 20 epochs, and 5 are fewer" in caplog.text


def test_checkpoints_of_earlier_versions_are_moved_aside(tmp_path):
    (tmp_path / "checkpoint_latest.pt").write_text("weights")
    (tmp_path / "resume.json").write_text(json.dumps({"state": "abc"}))
    assert taken_up(tmp_path, older=("checkpoint_latest.pt",)).newest() is None
    assert names(tmp_path / "refused_1") == ["checkpoint_latest.pt", "resume.json"]


def test_a_finished_training_keeps_one_checkpoint_until_its_network_is_used(tmp_path):
    checkpoints = taken_up(tmp_path)
    save(checkpoints, 9, 10)
    path, _ = checkpoints.newest()
    checkpoints.finish(path, tmp_path / "final.pt")
    assert names(tmp_path) == ["checkpoint_at_00001000.pt", "final.pt", "resume.json"]
    assert path.samefile(tmp_path / "final.pt")
    (tmp_path / "final.pt").unlink()
    assert taken_up(tmp_path).newest()[1].epoch == 10
    linked(path, tmp_path / "final.pt")
    forget_checkpoints(tmp_path)
    forget_checkpoints(tmp_path)
    assert names(tmp_path) == ["final.pt"]


def test_a_disk_without_hard_links_has_a_copy(tmp_path, monkeypatch):
    def refuse(*paths):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "one").write_text("weights")
    linked(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "two").read_text() == "weights"


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "livermet", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_told_and_leaves_the_last_good_checkpoint(small_disk):
    checkpoints = taken_up(small_disk)
    save(checkpoints, 1)
    with pytest.raises(InputError, match="no room left"):
        checkpoints.save(lambda path: Path(path).write_bytes(bytes(8 * 2**20)), 2, 200, 3.0)
    path, _ = taken_up(small_disk).newest()
    assert path.read_text() == "weights of epoch 1"
    assert names(small_disk) == ["checkpoint_at_00000100.pt", "resume.json"]
