"""nnU-Net's stage: splits, description, plan, and a real training of a very small network."""

import json
import logging
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

from livermet import checkpoints as checkpoints_module
from livermet import images
from livermet.checkpoints import Checkpoints
from livermet.controller import process_of
from livermet.engines import Engine
from livermet.errors import InputError
from livermet.interruption import InterruptionError
from livermet.nnunet import training as training_module
from livermet.nnunet.acceptance import hold_against_plan
from livermet.nnunet.dataset import LABELS, describe_dataset, files_of_case, split_by_place
from livermet.nnunet.layout import (
    CONFIGURATION,
    PLANS,
    TRAINER,
    case_folder,
    dataset_name,
    fold_folder,
    nnunet_roots,
    preprocessed_folder,
    raw_folder,
)
from livermet.nnunet.planning import (
    extract_fingerprint,
    override_plan,
    plan_dataset,
    preprocess_dataset,
    publish,
    transfer_plan,
)
from livermet.nnunet.prediction import FoldPredictor
from livermet.nnunet.trainer import FINAL, TrainingSettings, nnUNetTrainerLivermet
from livermet.nnunet.training import (
    Base,
    Fold,
    check_held_out,
    train_fold,
)
from livermet.nnunet.weights import Pretrained, read_pretrained

CPU = torch.device("cpu")
PLACES = {"a1": "0", "a2": "0", "b1": "1", "c1": "2"}  # patient a has two series


def test_fold_holds_out_all_series_of_its_patients():
    assert split_by_place(PLACES, [0, 1, 2]) == [
        {"train": ["b1", "c1"], "val": ["a1", "a2"]},
        {"train": ["a1", "a2", "c1"], "val": ["b1"]},
        {"train": ["a1", "a2", "b1"], "val": ["c1"]},
    ]


def test_every_series_of_a_test_patient_is_named():
    with pytest.raises(InputError) as error:
        split_by_place(PLACES | {"d1": "test", "e1": "test"}, [0, 1, 2])
    assert "d1" in str(error.value)
    assert "e1" in str(error.value)


def test_fold_without_a_series_stops_the_run():
    with pytest.raises(InputError, match=r"Fold 3 .* 4 series to train on and 0 held out"):
        split_by_place(PLACES, [0, 1, 2, 3])


def test_description_leads_nnunet_to_the_volumes(tmp_path):
    cts = {name: str(tmp_path / "series" / name / "ct.nii.gz") for name in ("s2", "s1")}
    references = {name: str(tmp_path / "series" / name / "reference.nii.gz") for name in cts}
    folder = raw_folder(str(tmp_path / "nnunet"), dataset_name("nnunet", "lits"))
    assert folder.endswith("nnunet/raw/Dataset501_lits")
    description = describe_dataset(cts, references, folder)
    assert description["numTraining"] == 2
    # From nnunet/raw/Dataset501_lits three folders up to the run.
    assert description["dataset"]["s1"]["images"] == ["../../../series/s1/ct.nii.gz"]
    assert str(tmp_path) not in json.dumps(description)
    assert files_of_case(description, "s2", folder) == (cts["s2"], references["s2"])
    found = get_filenames_of_train_images_and_targets(folder, description)
    assert found == {n: {"images": [cts[n]], "label": references[n]} for n in ("s1", "s2")}


def test_labels_are_those_of_all_other_stages():
    assert list(LABELS.values()) == [images.BACKGROUND, images.LIVER, images.LESION]


def test_environment_of_nnunet_ends_with_the_block(monkeypatch):
    monkeypatch.setenv("nnUNet_raw", "elsewhere")
    monkeypatch.delenv("nnUNet_results", raising=False)
    with nnunet_roots("run/nnunet", workers=0):
        inside = dict(os.environ)
    after = dict(os.environ)
    assert inside["nnUNet_raw"] == "run/nnunet/raw"
    assert inside["nnUNet_n_proc_DA"] == "0"
    assert after["nnUNet_raw"] == "elsewhere"
    assert "nnUNet_results" not in after


def test_nnunet_finds_the_trainer_in_the_external_folder():
    # The search that nnU-Net's find_objects makes in each folder of nnUNet_extTrainer.
    with nnunet_roots("run/nnunet", workers=0):
        folder = dict(os.environ)["nnUNet_extTrainer"]
    found = recursive_find_python_class(folder, TRAINER, None, base_folder=folder)
    assert found.__name__ == nnUNetTrainerLivermet.__name__ == TRAINER


def own_plan() -> dict:
    """The parts of a five-stage plan that overrides touch; four halvings in plane, three in z."""
    network = {
        "n_stages": 5,
        "features_per_stage": [32, 64, 128, 256, 320],
        "kernel_sizes": [[3, 3, 3]] * 5,
        "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2], [1, 2, 2]],
        "n_conv_per_stage": [2] * 5,
        "n_conv_per_stage_decoder": [2] * 4,
    }
    configuration = {
        "patch_size": [32, 64, 64],
        "batch_size": 2,
        "architecture": {"arch_kwargs": network},
    }
    return {"dataset_name": "Dataset501_lits", "configurations": {CONFIGURATION: configuration}}


def test_no_overrides_leave_nnunets_own_plan():
    assert override_plan(own_plan(), {}) == own_plan()


def test_overrides_shrink_every_part_of_the_network():
    plan = own_plan()
    small = override_plan(
        plan, {"n_stages": 3, "features": 6, "convolutions_per_stage": 1, "patch_size": [4, 8, 12]}
    )["configurations"][CONFIGURATION]
    assert small["patch_size"] == [4, 8, 12]
    assert small["batch_size"] == 2
    assert small["architecture"]["arch_kwargs"] == {
        "n_stages": 3,
        "features_per_stage": [6, 12, 24],
        "kernel_sizes": [[3, 3, 3]] * 3,
        "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
        "n_conv_per_stage": [1, 1, 1],
        "n_conv_per_stage_decoder": [1, 1],
    }
    assert plan == own_plan()


def test_the_articles_plan_has_its_patch_but_for_what_nnunet_makes_of_60_slices():
    """Counted by hand with nnU-Net's rules.

    An axis is halved while it has 8 voxels, and z only where it is less than twice as coarse as the
    plane: 0.789 x 0.789 x 2 mm in plane alone, then three times all, which leaves 8 x 5 x 5. Three
    halvings make 64 of 60.
    """
    plan = own_plan()
    plan["configurations"][CONFIGURATION] |= {
        "spacing": [2.0, 0.789, 0.789],
        "normalization_schemes": ["CTNormalization"],
    }
    published = publish(plan)["configurations"][CONFIGURATION]
    assert published["patch_size"] == [64, 80, 80]
    assert published["normalization_schemes"] == ["ZScoreNormalization"]
    network = published["architecture"]["arch_kwargs"]
    assert network["strides"] == [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 2]]
    assert network["kernel_sizes"] == [[1, 3, 3], *[[3, 3, 3]] * 4]
    assert network["features_per_stage"] == [32, 64, 128, 256, 320]
    assert (network["n_conv_per_stage"], network["n_conv_per_stage_decoder"]) == ([2] * 5, [2] * 4)
    assert override_plan(publish(plan), {}) == publish(plan)


def test_normalisation_is_changed_by_its_own_key():
    changed = override_plan(own_plan(), {"normalization": "zscore"})
    assert changed["configurations"][CONFIGURATION]["normalization_schemes"] == [
        "ZScoreNormalization"
    ]


def test_features_stop_at_nnunets_maximum():
    plan = override_plan(own_plan(), {"features": 64})["configurations"][CONFIGURATION]
    assert plan["architecture"]["arch_kwargs"]["features_per_stage"] == [64, 128, 256, 320, 320]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"n_stages": 6}, "between 3 and 5"),
        ({"n_stages": 2}, "between 3 and 5"),
        ({"patch_size": [32, 64, 72]}, r"multiples of \[8, 16, 16\]"),  # 72 = 4.5 * 16
    ],
)
def test_impossible_overrides_are_told(overrides, sentence):
    with pytest.raises(InputError, match=sentence):
        override_plan(own_plan(), overrides)


def test_moved_plan_changes_its_dataset_only():
    moved = transfer_plan(own_plan(), "Dataset502_lits_msclc")
    assert moved == own_plan() | {"dataset_name": "Dataset502_lits_msclc"}


def test_wrong_optimizer_is_told():
    with pytest.raises(InputError, match="optimizer is 'adam'"):
        TrainingSettings(optimizer="adam")


def a_fold(**changes) -> Fold:
    facts = {
        "model": "nnunet",
        "training_set": "lits",
        "number": 0,
        "plan": {},
        "description": {},
        "split": {"train": ["b1"], "val": ["a1"]},
        "cases": {"a1": {"ct": "1"}, "b1": {"ct": "2"}},
        "patients": {"a1": "a", "b1": "b"},
        "settings": TrainingSettings(),
        "seed": 1,
        "code": "x",
        "versions": {"torch": "2.13.0"},
    }
    return Fold(**facts | changes)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"code": "y"},
        {"versions": {"torch": "2.14.0"}},
        {"plan": {"batch_size": 3}},
        {"settings": TrainingSettings(iterations_per_epoch=1)},
        {"cases": {"a1": {"ct": "1"}, "b1": {"ct": "3"}}},
        {"base": Base(Path("base.pth"), "abc", {})},
        {"pretrained": Pretrained(Path("theirs.pth"), "abc")},
    ],
)
def test_origin_changes_with_everything_that_decides_the_weights(change):
    assert a_fold().origin == a_fold().origin
    changed = a_fold(**change).origin
    assert [name for name in changed if changed[name] != a_fold().origin[name]]


def test_origin_is_the_same_however_often_and_long_is_trained():
    other = TrainingSettings(save_every=3, epochs=2000)
    assert a_fold(settings=other).origin == a_fold().origin


def test_base_that_saw_a_held_out_patient_stops_fine_tuning():
    base = {"trained_patients": ["a", "c"]}
    check_held_out(a_fold())
    with pytest.raises(InputError, match=r"holds out patients .*: a\."):
        check_held_out(a_fold(base=Base(Path("base.pth"), "abc", base)))


SERIES = ["s0", "s1", "s2", "s3"]
SPLIT = {"train": ["s2", "s3"], "val": ["s0", "s1"]}
SETTINGS = TrainingSettings(
    epochs=12,
    iterations_per_epoch=2,
    validation_iterations=1,
    optimizer="adamw",
    mirroring=False,
    save_every=4,
)


def write_case(folder: Path, seed: int) -> None:
    """A bright ball with a dark core on 16 x 24 x 24 voxels of 6 x 5 x 5 mm."""
    rng = np.random.default_rng(seed)
    z, y, x = np.ogrid[:16, :24, :24]
    away = np.sqrt((1.2 * (z - 8)) ** 2 + (y - 12) ** 2 + (x - rng.integers(10, 14)) ** 2)
    labels = (away < 8).astype(np.uint8) + (away < 3)
    hu = np.array([-50, 110, 40])[labels] + rng.normal(0, 10, labels.shape)
    folder.mkdir(parents=True)
    for array, name in ((hu.astype(np.int16), "ct"), (labels.astype(np.uint8), "reference")):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((5, 5, 6))
        sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A folder with four planned and preprocessed cases, for the base and for fine-tuning."""
    run = tmp_path_factory.mktemp("run")
    root = str(run / "nnunet")
    for seed, series in enumerate(SERIES):
        write_case(run / "series" / series, seed)
    cts = {s: str(run / "series" / s / "ct.nii.gz") for s in SERIES}
    references = {s: str(run / "series" / s / "reference.nii.gz") for s in SERIES}
    plan = None
    with nnunet_roots(root, workers=1):
        for model in ("nnunet", "nnunet_finetuned"):
            dataset = dataset_name(model, "balls")
            raw, preprocessed = raw_folder(root, dataset), preprocessed_folder(root, dataset)
            Path(raw).mkdir(parents=True)
            Path(preprocessed).mkdir(parents=True)
            description = describe_dataset(cts, references, raw)
            Path(raw, "dataset.json").write_text(json.dumps(description))
            if plan is None:
                extract_fingerprint(dataset, 1)
                overrides = {"n_stages": 3, "features": 4, "patch_size": [16, 24, 24]}
                plan = plan_dataset(dataset, "auto", overrides)
                fingerprint = Path(preprocessed, "dataset_fingerprint.json").read_text()
            else:
                plan = transfer_plan(plan, dataset)
                Path(preprocessed, "dataset_fingerprint.json").write_text(fingerprint)
            Path(preprocessed, f"{PLANS}.json").write_text(json.dumps(plan))
            Path(preprocessed, "splits_final.json").write_text(json.dumps([SPLIT]))
            preprocess_dataset(description, raw, plan, case_folder(root, dataset), 1)
    return run


def fold_of(run: Path, model: str, base: Base | None = None) -> Fold:
    root, dataset = str(run / "nnunet"), dataset_name(model, "balls")
    return a_fold(
        model=model,
        training_set="balls",
        plan=json.loads(Path(preprocessed_folder(root, dataset), f"{PLANS}.json").read_text()),
        description=json.loads(Path(raw_folder(root, dataset), "dataset.json").read_text()),
        split=SPLIT,
        cases={s: {"ct": s, "reference": s} for s in SERIES},
        patients={s: f"patient_{s}" for s in SERIES},
        settings=SETTINGS,
        base=base,
    )


def folder_of(run: Path, model: str) -> Path:
    return Path(fold_folder(str(run / "nnunet"), dataset_name(model, "balls"), 0))


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Compute on one thread, however many a training is given: what is left is its processes."""
    before = torch.set_num_threads
    before(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "set_num_threads", lambda number: None)
        yield


def train(run, at=None, threads=1):
    """Train a fold to its end; `at` names a moment at which its process kills itself."""
    fold = fold_of(run, "nnunet")
    if at is None:
        return train_fold(fold, str(run / "nnunet"), CPU, threads)
    process = os.fork()
    if not process:
        try:
            (MOMENTS | WHERE_IT_GOES_ON)[at]()
            train_fold(fold, str(run / "nnunet"), CPU, threads)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def die(*anything, **more):
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(owner, name, number, then=die):
    """Let the so many-th call of a function end this process, or do something else."""
    calls, before = iter(range(1, 1000)), getattr(owner, name)

    def called(*given, **named):
        return then(*given, **named) if next(calls) == number else before(*given, **named)

    setattr(owner, name, called)


# Epochs have 2 iterations, saves come after epochs 4 and 8.
MOMENTS = {
    "in the middle of an epoch": lambda: at_call(nnUNetTrainerLivermet, "train_step", 12),
    "before the second save": lambda: at_call(Checkpoints, "save", 2),
    "between a checkpoint and its record": lambda: at_call(Checkpoints, "_write", 3),
    "before the final checkpoint has its name": lambda: at_call(checkpoints_module, "linked", 1),
    "after the final checkpoint": lambda: at_call(training_module, "record_of", 1),
}
# Of a job that goes on: its first record is that it does.
WHERE_IT_GOES_ON = {
    "between the next checkpoint and its record": lambda: at_call(Checkpoints, "_write", 2)
}


def weights_of(path) -> dict:
    return torch.load(path, weights_only=False)["network_weights"]


def largest_difference(one, other) -> float:
    assert one.keys() == other.keys()
    return max(float((one[key] - other[key]).abs().max()) for key in one)


def cleared(run) -> Path:
    folder = folder_of(run, "nnunet")
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def newest(run):
    """Return the newest checkpoint of the fold, its epoch and iteration."""
    fold = fold_of(run, "nnunet")
    kept = Checkpoints(folder_of(run, "nnunet"), fold.origin, fold.settings.epochs, ".pth")
    return kept.newest()[1]


@pytest.fixture(scope="module")
def undisturbed(run) -> dict:
    """The record, and the weights, of a fold that trained to its end at once."""
    cleared(run)
    record = train(run)
    return {"record": record, "weights": weights_of(folder_of(run, "nnunet") / FINAL)}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_and_resumed_training_has_the_weights_of_an_undisturbed_one(
    run, undisturbed, moment, caplog
):
    folder = cleared(run)
    assert train(run, at=moment) == -signal.SIGKILL
    # What Snakemake does with the declared output of a job that was killed.
    (folder / FINAL).unlink(missing_ok=True)
    with caplog.at_level("INFO", logger="livermet"):
        record = train(run)
    assert "resumed after" in caplog.text
    assert ("had ended before" in caplog.text) == ("final checkpoint" in moment)
    assert largest_difference(weights_of(folder / FINAL), undisturbed["weights"]) == 0
    assert record["training"]["curve"] == undisturbed["record"]["training"]["curve"]
    assert len(record["training"]["resumed_after_iterations"]) == 1


def left_after(seconds=60):
    """Return the processes of this one that are still there after a while at most."""
    until = time.monotonic() + seconds
    while (left := multiprocessing.active_children()) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def test_a_signal_saves_within_the_epoch_and_the_processes_end(run, undisturbed):
    """SIGUSR1 in iteration 5 of 24; of four threads, so that processes augment."""
    folder = cleared(run)
    step, calls = nnUNetTrainerLivermet.train_step, iter(range(1, 100))

    def signalled(self, batch):
        if next(calls) == 5:
            os.kill(os.getpid(), signal.SIGUSR1)
        return step(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nnUNetTrainerLivermet, "train_step", signalled)
        with pytest.raises(InterruptionError, match=r"asked to stop \(SIGUSR1\) and is saved"):
            train(run, threads=4)
    assert not left_after()
    assert newest(run).iteration == 5
    train(run)
    # Neither the interruption nor the number of processes has changed a weight.
    assert largest_difference(weights_of(folder / FINAL), undisturbed["weights"]) == 0


def test_a_signal_within_the_last_validation_and_a_kill_within_the_next_save(run, undisturbed):
    """Both save behind iteration 24 of 24; the first of them is recorded when the second is not."""
    folder = cleared(run)
    validate, calls = nnUNetTrainerLivermet.validation_step, iter(range(1, 100))

    def signalled(self, batch):
        if next(calls) == 12:
            os.kill(os.getpid(), signal.SIGUSR1)
        return validate(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nnUNetTrainerLivermet, "validation_step", signalled)
        with pytest.raises(InterruptionError, match="is saved in epoch 11"):
            train(run)
    assert newest(run).iteration == 24
    assert train(run, at="between the next checkpoint and its record") == -signal.SIGKILL
    record = train(run)
    assert largest_difference(weights_of(folder / FINAL), undisturbed["weights"]) == 0
    assert record["training"]["curve"] == undisturbed["record"]["training"]["curve"]


def test_processes_that_augment_end_with_their_killed_parent(run, tmp_path):
    cleared(run)
    numbers = tmp_path / "processes"

    def noted(*given, **named):
        children = [str(child.pid) for child in multiprocessing.active_children()]
        numbers.write_text(" ".join(children))
        die()

    process = os.fork()
    if not process:
        try:
            at_call(nnUNetTrainerLivermet, "train_step", 3, noted)
            train_fold(fold_of(run, "nnunet"), str(run / "nnunet"), CPU, 3)
        finally:
            os._exit(0)
    os.waitpid(process, 0)
    left = [int(number) for number in numbers.read_text().split()]
    assert len(left) == 3 + 1
    until = time.monotonic() + 60
    while any(process_of(number) for number in left) and time.monotonic() < until:
        time.sleep(0.1)
    assert not [number for number in left if process_of(number)]


def test_a_dead_process_that_augments_is_told(run):
    cleared(run)

    def with_a_kill(self, batch):
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
        time.sleep(5)
        raise AssertionError("torch's loader has not seen it")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nnUNetTrainerLivermet, "train_step", with_a_kill)
        with pytest.raises(InputError, match="process that loads and augments was killed"):
            train(run, threads=3)


def test_a_loss_that_is_no_number_stops_and_leaves_the_last_good_checkpoint(run):
    folder = cleared(run)
    step, calls = nnUNetTrainerLivermet.train_step, iter(range(1, 100))

    def bad(self, batch):
        found = step(self, batch)
        return {"loss": np.array(np.nan)} if next(calls) == 11 else found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nnUNetTrainerLivermet, "train_step", bad)
        with pytest.raises(InputError, match="The loss is nan in epoch 5"):
            train(run)
    assert newest(run).epoch == 4
    assert not (folder / FINAL).exists()


@pytest.fixture(scope="module")
def trained(run) -> dict:
    """The base's record after a training that was killed and resumed, with what it logged."""
    cleared(run)
    assert train(run, at="in the middle of an epoch") == -signal.SIGKILL
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("livermet").addHandler(handler)
    logging.getLogger("livermet").setLevel(logging.INFO)
    record = train(run)
    logging.getLogger("livermet").removeHandler(handler)
    return {"record": record, "log": lines}


@pytest.mark.parametrize(
    ("kind", "network", "normalization"),
    [
        ("auto", "PlainConvUNet", "CTNormalization"),
        ("published", "PlainConvUNet", "ZScoreNormalization"),
        ("resenc_m", "ResidualEncoderUNet", "CTNormalization"),
        ("resenc_l", "ResidualEncoderUNet", "CTNormalization"),
    ],
)
def test_every_kind_of_plan_is_nnunets_for_this_dataset(run, kind, network, normalization):
    with nnunet_roots(str(run / "nnunet"), workers=1):
        plan = plan_dataset(dataset_name("nnunet", "balls"), kind, {"convolutions_per_stage": 1})
    made = plan["configurations"][CONFIGURATION]
    assert made["architecture"]["network_class_name"].endswith(network)
    assert made["normalization_schemes"] == [normalization]
    # Each plan's cases are its own, at the place where the rules look for them.
    assert made["data_identifier"] == f"{PLANS}_{CONFIGURATION}"
    assert (made["spacing"] == [2.0, 0.789, 0.789]) == (kind == "published")


def test_preprocessed_cases_are_whole(run):
    folder = Path(case_folder(str(run / "nnunet"), dataset_name("nnunet", "balls")))
    endings = (".b2nd", "_seg.b2nd", ".pkl")
    assert {f.name for f in folder.iterdir()} == {s + e for s in SERIES for e in endings}


def test_killed_training_resumes_at_its_last_checkpoint(run, trained):
    # Checkpoints are written after epochs 4 and 8; the kill came in the twelfth iteration, epoch 5.
    assert trained["log"][0] == "resumed after 4 of 12 epochs and 0 iterations more"
    assert trained["record"]["training"]["resumed_after_iterations"] == [8]
    left = {f.name for f in folder_of(run, "nnunet").iterdir()}
    assert {FINAL, "checkpoint_at_00000024.pth", "resume.json"} <= left
    assert "checkpoint_at_00000016.pth" not in left
    assert "debug.json" not in left
    # A second name takes no room, and goes once the network is in use.
    assert (folder_of(run, "nnunet") / FINAL).stat().st_nlink == 2
    assert not any(name.endswith(".tmp") for name in left)


def test_record_names_what_the_network_saw(trained):
    record = trained["record"]
    assert record["trained_patients"] == ["patient_s2", "patient_s3"]
    assert record["held_out"] == ["s0", "s1"]
    assert record["cases"]["s3"] == {"ct": "s3", "reference": "s3"}
    assert record["epochs"] == 12
    assert record["base"] is None
    assert record["device"] == "cpu"


def test_fine_tuning_starts_from_all_weights_of_the_base(run, trained):
    checkpoint = folder_of(run, "nnunet") / "checkpoint_final.pth"
    base = Base(checkpoint, "abc", trained["record"])
    fold = fold_of(run, "nnunet_finetuned", base)
    still = TrainingSettings(**{**vars(SETTINGS), "epochs": 1, "initial_learning_rate": 0.0})
    fold = Fold(**{**vars(fold), "settings": still})
    record = train_fold(fold, str(run / "nnunet"), torch.device("cpu"), 1)
    assert record["base"]["checkpoint_sha256"] == "abc"
    # With a learning rate of 0 the weights stay where they started: at the base's.
    assert "nan" not in (next(folder_of(run, "nnunet_finetuned").glob("*.txt")).read_text())
    tuned = folder_of(run, "nnunet_finetuned") / "checkpoint_final.pth"
    before, after = (
        torch.load(path, weights_only=False)["network_weights"] for path in (checkpoint, tuned)
    )
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


def made_by_nnunet(run, labels) -> Path:
    """Train with nnU-Net's own trainer, an epoch of one iteration; give its checkpoint."""
    fold = fold_of(run, "nnunet")
    description = fold.description | {"labels": labels}
    with nnunet_roots(str(run / "nnunet"), workers=0):
        plan = json.loads(json.dumps(fold.plan)) | {"plans_name": f"of{len(labels)}"}
        trainer = nnUNetTrainer(
            plan | {"continue_training": False}, CONFIGURATION, 0, description, CPU
        )
        trainer.num_epochs = trainer.num_iterations_per_epoch = 1
        trainer.num_val_iterations_per_epoch = 1
        trainer.run_training()
    return Path(trainer.output_folder, FINAL)


@pytest.fixture(scope="module")
def of_others(run) -> Path:
    return made_by_nnunet(run, LABELS)


def begun_from(run, checkpoint, **changes) -> tuple[dict, dict]:
    """Train an epoch with a learning rate of 0 from weights of others: record and weights."""
    cleared(run)
    still = TrainingSettings(**{**vars(SETTINGS), "epochs": 1, "initial_learning_rate": 0.0})
    fold = Fold(
        **vars(fold_of(run, "nnunet"))
        | {"settings": still, "pretrained": Pretrained(checkpoint, "abc")}
        | changes
    )
    record = train_fold(fold, str(run / "nnunet"), CPU, 1)
    return record, weights_of(folder_of(run, "nnunet") / FINAL)


def prepared(run) -> tuple[dict, dict]:
    fold = fold_of(run, "nnunet")
    return fold.plan, fold.description


def test_a_fold_begins_from_the_weights_of_nnunets_own_trainer(run, of_others):
    differences = hold_against_plan([of_others], *prepared(run))
    assert set(differences["verdict"]) == {"same"}
    record, weights = begun_from(run, of_others)
    assert largest_difference(weights, weights_of(of_others)) == 0
    assert record["pretrained"] == {
        "checkpoint_sha256": "abc",
        "trainer": "nnUNetTrainer",
        "configuration": CONFIGURATION,
        "epochs": 1,
        "begun_anew": [],
        "patients": "not known",
    }
    assert record["trained_patients"] == ["patient_s2", "patient_s3"]
    assert record["base"] is None
    # livermet's own checkpoints, with generators' states, can be others' too.
    assert read_pretrained(folder_of(run, "nnunet") / FINAL).trainer == TRAINER
    # What is fine-tuned from it began there too.
    base = Base(folder_of(run, "nnunet") / FINAL, "xyz", record)
    still = TrainingSettings(**{**vars(SETTINGS), "epochs": 1})
    fold = Fold(**vars(fold_of(run, "nnunet_finetuned", base)) | {"settings": still})
    tuned = train_fold(fold, str(run / "nnunet"), CPU, 1)
    assert tuned["pretrained"] == record["pretrained"]
    assert tuned["base"]["checkpoint_sha256"] == "xyz"


def test_segmentation_layers_of_other_classes_begin_anew_and_this_is_said(run, caplog):
    theirs = made_by_nnunet(run, LABELS | {"vessel": 3})
    with caplog.at_level("INFO", logger="livermet"):
        differences = hold_against_plan([theirs], *prepared(run)).set_index("property")
        assert tuple(differences.loc["classes"]) == ("4", "3", "begun anew")
        record, weights = begun_from(run, theirs)
    # Of three stages the decoder has two, each with its own logits.
    anew = [f"decoder.seg_layers.{stage}" for stage in (0, 1)]
    assert record["pretrained"]["begun_anew"] == anew
    assert f"begun anew, since they know other classes: {', '.join(anew)}" in caplog.text
    before = weights_of(theirs)
    kept = [name for name in weights if ".seg_layers." not in name]
    assert all(torch.equal(weights[name], before[name]) for name in kept)
    assert len(weights) - len(kept) == 2 * 2


def test_weights_of_another_network_are_refused_before_any_training(run, of_others, caplog):
    plan, description = prepared(run)
    smaller = override_plan(plan, {"features": 2})
    with (
        caplog.at_level("INFO", logger="livermet"),
        pytest.raises(InputError, match=r"features: 4 8 16, here 2 4 8\): set .*'pretrained'"),
    ):
        hold_against_plan([of_others], smaller, description)
    # The whole table is in the log.
    assert "features" in caplog.text
    assert "kernels" in caplog.text


def test_ensemble_is_the_argmax_of_the_folds_mean_logits(run, trained):
    fold = fold_of(run, "nnunet")
    checkpoint = folder_of(run, "nnunet") / "checkpoint_final.pth"
    predictor = FoldPredictor(
        fold.plan,
        fold.description,
        {0: checkpoint, 1: checkpoint},
        torch.device("cpu"),
        Engine.OPENVINO,
        step_size=1.0,
        mirroring=False,
    )
    ct = run / "series" / "s0" / "ct.nii.gz"
    alone = predictor.segment(ct, [0])
    assert alone.shape == (16, 24, 24)
    assert alone.dtype == np.uint8
    assert alone.max() <= 2
    # Two equal networks have the mean of one.
    assert np.array_equal(alone, predictor.segment(ct, [0, 1]))
    labels, probability = predictor.segment_with_probability(ct, [0])
    assert np.array_equal(labels, alone)
    assert probability.shape == labels.shape
    assert probability.dtype == np.uint8
    # The most probable of three classes has a third at least, and half makes it the most probable.
    assert (probability[labels == 2] >= 85).all()
    assert (probability[labels != 2] <= 128).all()


def test_checkpoint_that_cannot_be_written_leaves_the_older_one(run, trained):
    fold = fold_of(run, "nnunet")
    final = folder_of(run, "nnunet") / "checkpoint_final.pth"
    before = final.read_bytes()
    with nnunet_roots(str(run / "nnunet"), workers=0):
        trainer = nnUNetTrainerLivermet(
            fold.plan | {"continue_training": False},
            CONFIGURATION,
            0,
            fold.description,
            torch.device("cpu"),
        )
        trainer.follow(SETTINGS)
        trainer.initialize()
        trainer._best_ema = lambda: None  # cannot be pickled: torch.save fails half-way
        with pytest.raises(Exception, match="pickle"):
            trainer.save_checkpoint(str(final))
    assert final.read_bytes() == before
    assert not [f for f in final.parent.iterdir() if f.name.startswith(".") and "pth" in f.name]
