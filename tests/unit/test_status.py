"""How far a run is: told from records, logs, SLURM's queue and what trainings write."""

import os
from pathlib import Path

import pytest
import torch

from livermet import status
from livermet.checkpoints import Checkpoints
from livermet.files import write_json
from livermet.provenance.journal import PROJECT
from livermet.provenance.records import record_path
from livermet.status import State, Training

NNUNET_LOG = """Using device: cuda:0
2026-11-27 11:34:29.437727: Epoch 0
2026-11-27 11:34:33.049179: Pseudo dice [np.float32(0.5), np.float32(nan)]
2026-11-27 11:34:33.049332: Epoch time: 3.61 s
2026-11-27 11:34:34.855290: Epoch 1
2026-11-27 11:34:38.428798: Pseudo dice [np.float32(0.9422), np.float32(0.25)]
2026-11-27 11:34:38.428936: Epoch time: 3.5 s
2026-11-27 11:34:38.448447: Epoch 2
"""
MONAI_LOG = """2026-11-27 11:27:50,000 unet on cpu: 3 training and 2 validation series
2026-11-27 11:28:06,072 Epoch 1 of 8: loss 1.121, validation Dice liver 0.523, lesion 0.125
"""
FAILED = """[Fri Nov 27 11:00:00 2026]
Error in rule score_detection:
    message: SLURM job 11 (score_detection) ended with an error.
    jobid: 3
    log: results/r/logs/score_detection.log (check log file(s) for error details)
    external_jobid: 11
[Fri Nov 27 11:00:01 2026]
rule draw_flow:
    log: results/r/logs/draw_flow.log
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return the folder of an empty run; the test works in the folder above results/."""
    monkeypatch.chdir(tmp_path)
    return Path("results", "r")


def begin(run: Path, name: str, text: str = "") -> Path:
    log = run / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)
    return log


def end(log: Path) -> None:
    record = record_path(log)
    record.parent.mkdir(parents=True, exist_ok=True)
    write_json({}, record)


def test_jobs_are_told_by_record_queue_and_snakemakes_log(run):
    end(begin(run, "ingest_series/s1"))
    begin(run, "ingest_series/s2")
    begin(run, "train_nnunet/0")
    begin(run, "train_nnunet/1")
    begin(run, "train_nnunet/1.slurm-9")
    begin(run, "score_detection")
    begin(run, "score_detection.slurm-11")
    said = (
        "21|RUNNING|livermet-r-1|rule_train_nnunet_wildcards_0\n"
        "22|PENDING|livermet-r-1|rule_train_nnunet_wildcards_1\n"
        "23|RUNNING|livermet-other|rule_train_nnunet_wildcards_2\n"
        "24|RUNNING|livermet-r-1|ingest\n"
    )
    queue = status.queued_in(said, "livermet-r-1")
    steps = status.steps_of(run, queue, status.failed_in(FAILED), controlled=True)
    found = {step.log.relative_to(run / "logs").as_posix(): step for step in steps}
    assert {name: (step.state, step.slurm) for name, step in found.items()} == {
        "ingest_series/s1.log": (State.DONE, ()),
        "ingest_series/s2.log": (State.RUNNING, ()),
        "train_nnunet/0.log": (State.RUNNING, ("21",)),
        "train_nnunet/1.log": (State.WAITING, ("22",)),
        "score_detection.log": (State.FAILED, ("11",)),
    }
    lines = list(status.in_words(run, steps, status.stages_of(PROJECT), [], queue))
    assert "ingest: 1 done, 1 running" in lines
    assert "  failed: SLURM 11, results/r/logs/score_detection.log" in lines
    assert "  24 RUNNING ingest" in lines


def test_where_no_run_works_a_job_without_a_record_has_failed(run):
    begin(run, "draw_flow")
    (step,) = status.steps_of(run, [], set(), controlled=False)
    assert step.state is State.FAILED


def test_a_job_with_a_record_is_done_whatever_a_copy_made_of_times(run):
    log = begin(run, "ingest_series/s1")
    end(log)
    os.utime(record_path(log), (1, 1))  # copied without times, the records before the logs
    (step,) = status.steps_of(run, [], set(), controlled=False)
    assert step.state is State.DONE


def test_every_stage_of_the_workflow_has_its_logs(run):
    stages = status.stages_of(PROJECT)
    step = status.Step(run / "logs" / "train_nnunet_finetuned" / "0.log", State.DONE)
    assert status.stage_of(step, run, stages) == "nnunet"
    step = status.Step(run / "logs" / "train_monai" / "unet.log", State.DONE)
    assert status.stage_of(step, run, stages) == "monai"


def test_a_running_fold_tells_epoch_pseudo_dice_and_time_left(run):
    begin(run, "train_nnunet/0", NNUNET_LOG)
    folder = run / "nnunet/results/Dataset501_lits/trainer/fold_0"
    Checkpoints(folder, {}, 10, ".pth")
    assert status.trainings_of(run) == [
        Training("nnunet fold 0", 2, 10, "pseudo Dice liver 0.942, lesion 0.250", 3.5, "cuda:0")
    ]
    assert status.trainings_of(run)[0].left == 28


def test_a_resumed_fold_counts_the_epochs_of_its_checkpoint(run):
    begin(run, "train_nnunet/0")
    folder = run / "nnunet/results/Dataset501_lits/trainer/fold_0"
    Checkpoints(folder, {}, 10, ".pth").save(
        lambda path: torch.save({}, path), epoch=4, iteration=40, seconds=20.0
    )
    (training,) = status.trainings_of(run)
    assert (training.done, training.epochs, training.seconds, training.left) == (4, 10, 5, 30)


def test_a_monai_training_tells_the_dice_of_its_validation_series(run):
    begin(run, "train_monai/unet", MONAI_LOG)
    assert status.trainings_of(run) == [
        Training("unet", 1, 8, "validation Dice liver 0.523, lesion 0.125", None, "cpu")
    ]


def test_a_finished_training_tells_what_its_record_says(run):
    begin(run, "train_nnunet/0", NNUNET_LOG)
    folder = run / "nnunet/results/Dataset501_lits/trainer/fold_0"
    folder.mkdir(parents=True)
    record = {"epochs": 3, "device": "GPU of a lab", "training": {"seconds_per_epoch": 4.5}}
    write_json(record, folder / "model.json")
    (training,) = status.trainings_of(run)
    assert (training.done, training.seconds, training.device) == (3, 4.5, "GPU of a lab")
    assert not training.left
