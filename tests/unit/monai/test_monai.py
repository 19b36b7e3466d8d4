"""MONAI's networks: settings, patches, training that a kill does not change, prediction."""

import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from monai.inferers import sliding_window_inference

from livermet.checkpoints import Checkpoints, digests
from livermet.contracts import check
from livermet.errors import InputError
from livermet.images import BACKGROUND, array_of, grid_difference, write_image
from livermet.interruption import Clock, InterruptionError
from livermet.monai import training as training_module
from livermet.monai.cases import cases_of, forget_cases, kept, to_draw_from, to_validate
from livermet.monai.networks import (
    build_loss,
    build_network,
    foreground,
    in_window,
    load_network,
    save_state,
)
from livermet.monai.prediction import on_ct_grid, prepare_scan
from livermet.monai.progress import TRAINING, training_table
from livermet.monai.settings import Settings, settings_of, split_by_fold
from livermet.monai.training import Machine, Patches, dice, train
from livermet.monai.volumes import (
    ct_on_network_grid,
    labels_on_ct_grid,
    network_grid,
    read_case,
    resample,
)
from livermet.monai.windows import leaner_ways, probabilities_of_scan

CPU = torch.device("cpu")
# 30 degrees about z, then 20 about x: an oblique acquisition.
Z30 = np.array([[math.cos(0.5), -math.sin(0.5), 0], [math.sin(0.5), math.cos(0.5), 0], [0, 0, 1]])
X20 = np.array([[1, 0, 0], [0, math.cos(0.3), -math.sin(0.3)], [0, math.sin(0.3), math.cos(0.3)]])
DIRECTIONS = {
    "identity (LPS)": np.eye(3),
    "canonical (RAS)": np.diag([-1, -1, 1]),
    "exchanged axes": np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    "oblique": Z30 @ X20,
    "oblique and flipped": Z30 @ X20 @ np.diag([-1, 1, -1]),
}
SECTION = {
    "spacing_mm": [2, 2, 3],
    "crop_foreground": False,
    "window_hu": [-100, 300],
    "window_ranges_hu": None,
    "patch_size": [8, 8, 4],
    "label_ratios": [1, 1, 1],
    "samples_per_image": 1,
    "batch_size": 2,
    "epochs": 3,
    "iterations_per_epoch": 2,
    "validation_every": 1,
    "learning_rate": 0.01,
    "schedule": "cosine",
    "loss": "dice_ce",
    "loss_weights": [1, 1, 1],
    "loss_batch": True,
    "flip": 0.5,
    "overlap": 0.25,
    "mixed_precision": True,
    "unet": {
        "channels": [4, 8],
        "strides": [2],
        "residual_units": 1,
        "normalization": "instance",
    },
    "segresnet": {"initial_filters": 8, "blocks_down": [1, 1], "blocks_up": [1], "dropout": 0.5},
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def settings(model="unet", **changes):
    return Settings.of(model, settings_of({**SECTION, **changes}, model))


def image(array, spacing=(1.0, 1.0, 1.0), direction=None, origin=(10.0, -20.0, 30.0)):
    made = sitk.GetImageFromArray(array)
    made.SetSpacing(spacing)
    made.SetOrigin(origin)
    made.SetDirection(np.eye(3).ravel() if direction is None else direction.ravel().tolist())
    return made


def ball(shape, spacing_zyx, radius_mm):
    """Label a liver of some radius about the middle, with a lesion of half that radius in it."""
    middle = [(n - 1) / 2 for n in shape]
    axes = [(np.arange(n) - c) * s for n, c, s in zip(shape, middle, spacing_zyx, strict=True)]
    distance = np.sqrt(sum(part**2 for part in np.meshgrid(*axes, indexing="ij")))
    return (distance < radius_mm).astype(np.uint8) + (distance < radius_mm / 2)


def phantom(seed, shape=(6, 12, 12)):
    labels = ball(shape, (1, 1, 1), 4).astype(np.uint8)
    noise = np.random.default_rng(seed).normal(0, 10, shape)
    return (np.array([0, 110, 50])[labels] + noise).astype(np.int16), labels


def in_memory(arrays):
    return lambda: arrays


def patches_of(cases, made, seed=1):
    """Patches of cases that are held in memory."""
    return Patches([in_memory(to_draw_from(case, made)) for case in cases], made, seed)


# Settings


def test_model_block_overrides_shared_key():
    section = {**SECTION, "segresnet": {**SECTION["segresnet"], "epochs": 99}}
    assert settings_of(section, "segresnet")["epochs"] == 99
    assert settings_of(section, "unet")["epochs"] == 3
    assert settings_of(section, "unet")["network"] == SECTION["unet"]


def test_settings_survive_being_stored_as_plain_values():
    for model in ("unet", "segresnet"):
        made = settings(model)
        assert Settings.of(model, made.as_values()) == made


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rate": 1}, "unknown key 'rate'"),
        ({"loss": "focal"}, "loss 'focal' is none of dice, dice_ce"),
        ({"patch_size": [8, 7, 4]}, "patch_size must be multiples of 2"),
        ({"window_hu": [300, -100]}, "window_hu"),
        ({"window_ranges_hu": [[-100, 0], [0, 100]]}, "window_ranges_hu"),
        ({"label_ratios": [0, 0, 0]}, "label_ratios must be from 0, and one of them above"),
        ({"schedule": "steps"}, "schedule 'steps' is none of constant, cosine"),
        ({"unet": {"channels": [4, 8]}}, "key 'strides' is missing"),
    ],
)
def test_wrong_settings_are_told_in_words(change, sentence):
    with pytest.raises(InputError, match=sentence):
        settings_of({**SECTION, **change}, "unet")


# The split


def test_fold_zero_validates_and_other_folds_train():
    places = {"e": "0", "a": "0", "d": "1", "b": "4", "c": "2"}
    assert split_by_fold(places) == (["b", "c", "d"], ["a", "e"])


def test_test_patient_in_training_set_stops():
    with pytest.raises(InputError, match="Series 'b' is in the training set"):
        split_by_fold({"a": "0", "b": "test", "c": "1"})


@pytest.mark.parametrize(("places", "side"), [({"a": "0"}, "training"), ({"a": "3"}, "validation")])
def test_empty_side_stops(places, side):
    with pytest.raises(InputError, match=f"No {side} series"):
        split_by_fold(places)


# Grids


def test_network_grid_covers_extent_about_same_centre():
    ct = image(np.zeros((6, 8, 11), np.int16), spacing=(1.0, 2.0, 3.0))
    grid = network_grid(ct, (2, 2, 2))
    # 11 x 16 x 18 mm in steps of 2 mm, rounded up.
    assert grid.GetSize() == (6, 8, 9)
    centres = [
        i.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in i.GetSize()])
        for i in (ct, grid)
    ]
    assert np.allclose(*centres)
    # From an identity (LPS) direction to RAS+: x and y are flipped.
    assert np.allclose(np.reshape(grid.GetDirection(), (3, 3)), np.diag([-1, -1, 1]))


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
def test_value_stays_at_its_physical_point(direction):
    array = np.zeros((5, 6, 7), np.int16)
    array[1, 4, 5] = 1000
    ct = image(array, direction=direction)
    grid = network_grid(ct, (1, 1, 1))
    hu = ct_on_network_grid(ct, grid)
    assert (hu > 500).sum() == 1
    z, y, x = (int(place) for place in np.argwhere(hu > 500)[0])
    assert np.allclose(
        grid.TransformIndexToPhysicalPoint((x, y, z)), ct.TransformIndexToPhysicalPoint((5, 4, 1))
    )


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
def test_labels_return_to_every_orientation_unchanged(direction):
    # Same spacing on both grids, so that there and back is a permutation of the voxels.
    labels = np.random.default_rng(0).integers(0, 3, (5, 6, 7)).astype(np.uint8)
    ct = image(labels, direction=direction)
    grid = network_grid(ct, (1, 1, 1))
    there = resample(ct, grid, sitk.sitkNearestNeighbor)
    one_hot = (array_of(there)[None] == np.arange(3)[:, None, None, None]).astype(np.float32)
    back = labels_on_ct_grid(one_hot, grid, ct)
    assert back.GetPixelID() == sitk.sitkUInt8
    assert grid_difference(back, ct) == ""
    assert np.array_equal(array_of(back), labels)


def test_labels_return_to_thick_oblique_slices():
    # The ball (radius 20 mm) is drawn on each grid on its own; a border voxel may fall either way.
    ct = image(
        np.zeros((11, 50, 50), np.int16), spacing=(1.0, 1.0, 5.0), direction=DIRECTIONS["oblique"]
    )
    grid = network_grid(ct, (2, 2, 2))
    drawn = ball(grid.GetSize()[::-1], (2, 2, 2), 20)
    one_hot = (drawn[None] == np.arange(3)[:, None, None, None]).astype(np.float32)
    back = labels_on_ct_grid(one_hot, grid, ct)
    assert grid_difference(back, ct) == ""
    expected = ball((11, 50, 50), (5, 1, 1), 20)
    for label in (1, 2):
        assert dice(array_of(back) >= label, expected >= label) > 0.93


def test_reference_on_another_grid_stops(tmp_path):
    write_image(image(np.zeros((4, 4, 4), np.int16)), tmp_path / "ct.nii.gz")
    write_image(image(np.zeros((4, 4, 5), np.uint8)), tmp_path / "reference.nii.gz")
    with pytest.raises(InputError, match=r"size \(4, 4, 4\) against \(5, 4, 4\)"):
        read_case(tmp_path / "ct.nii.gz", tmp_path / "reference.nii.gz", (1, 1, 1))


# Loss, Dice, patches


@pytest.mark.parametrize(
    ("loss", "batch", "expected"),
    [
        # Patch A: 4 voxels liver, 4 lesion; patch B: 8 liver; every class has probability 1/3.
        # Dice 2 sum(py) / (sum(p) + sum(y)), A: 0, 0.4, 0.4; B: 0, 0.5, 0.
        ("dice", False, 1 - 1.3 / 6),
        # Both patches together: 0, 8 / (52/3), (8/3) / (28/3).
        ("dice", True, 1 - (24 / 52 + 8 / 28) / 3),
        ("dice_ce", False, 1 - 1.3 / 6 + math.log(3)),
    ],
)
def test_loss_of_undecided_network(loss, batch, expected):
    labels = torch.ones(2, 1, 2, 2, 2)
    labels[0, 0, 0] = 2
    logits = torch.zeros(2, 3, 2, 2, 2)
    value = build_loss(settings(loss=loss, loss_batch=batch))(logits, labels)
    assert value.item() == pytest.approx(expected, abs=1e-4)


def test_weights_of_the_loss_leave_classes_out():
    # The undecided network of above: of lesions alone, patch A has 0.4 and patch B 0.
    labels = torch.ones(2, 1, 2, 2, 2)
    labels[0, 0, 0] = 2
    value = build_loss(settings(loss="dice", loss_batch=False, loss_weights=[0, 0, 1]))(
        torch.zeros(2, 3, 2, 2, 2), labels
    )
    # MONAI takes the mean over all three classes, of which two weigh nothing.
    assert value.item() == pytest.approx((0.6 + 1) / 6, abs=1e-4)


def test_dice_counts_empty_masks_as_agreement():
    some, none = np.array([True, True, False]), np.zeros(3, bool)
    assert dice(some, np.array([True, False, False])) == pytest.approx(2 / 3)
    assert dice(none, none) == 1.0
    assert dice(some, none) == 0.0


def test_every_case_takes_its_turn_and_small_ones_are_padded():
    # Two slices, fewer than the patch's four; each case is told by the one label that fills it.
    shape = (2, 12, 12)
    cases = [(np.zeros(shape, np.int16), np.full(shape, label, np.uint8)) for label in range(3)]
    patches = patches_of(cases, settings(batch_size=3))
    for turn in range(4):
        images, labels = patches[turn]
        assert images.shape == labels.shape == (3, 1, 4, 8, 8)
        assert sorted(int(patch.max()) for patch in labels) == [0, 1, 2]


def test_a_case_gives_its_samples_one_after_the_other():
    shape = (4, 12, 12)
    cases = [(np.zeros(shape, np.int16), np.full(shape, label, np.uint8)) for label in range(3)]
    patches = patches_of(cases, settings(batch_size=4, samples_per_image=4))
    seen = [{int(patch.max()) for patch in patches[turn][1]} for turn in range(3)]
    assert sorted(map(tuple, seen)) == [(0,), (1,), (2,)]
    # Three images of 12 patches each, in batches of 8.
    assert (
        settings(samples_per_image=12, batch_size=8, iterations_per_epoch=None).epoch_length(3) == 5
    )


def test_patches_centre_on_labels_in_the_given_ratio():
    """One row of voxels: the label at a patch's centre is the one that was drawn."""
    labels = np.repeat(np.uint8([0, 1, 2]), [80, 10, 10])[None, None]
    made = settings(
        patch_size=[2, 2, 2], label_ratios=[4, 1, 3], samples_per_image=160, batch_size=160
    )
    patches = patches_of([(np.zeros(labels.shape, np.int16), labels)], made)
    _, drawn = patches[0]
    # A centre is a patch's second voxel; the row is padded in y and z.
    counts = np.bincount(drawn[:, 0, :, :, 1].amax((1, 2)).numpy().astype(int), minlength=3)
    # 160 draws: 80, 20 and 60; three standard deviations are 19, 13 and 18.
    assert np.allclose(counts, [80, 20, 60], atol=19)


def test_windows_vary_from_patch_to_patch_within_their_ranges():
    cases = [(np.full((4, 8, 8), 50, np.int16), np.zeros((4, 8, 8), np.uint8))]
    ranges = [[-150, -45], [105, 250]]
    patches = patches_of(cases, settings(window_ranges_hu=ranges, batch_size=50, flip=0))
    drawn = [next(windows) for windows in [patches._windows(0)] for _ in range(200)]
    lower, upper = np.transpose(drawn)
    assert -150 <= lower.min() < -140 < -55 < lower.max() <= -45
    assert 105 <= upper.min() < 115 < 240 < upper.max() <= 250


def test_patches_are_plain_tensors():
    # MONAI's MetaTensor halves the speed of a compiled network on a GPU (benchmarks/gpu.py).
    images, labels = patches_of([phantom(0)], settings())[0]
    assert type(images) is type(labels) is torch.Tensor


def test_patches_follow_from_seed_and_iteration():
    cases = [phantom(0), phantom(1)]
    one, other = (patches_of(cases, settings(), seed=7) for _ in range(2))
    one[0]
    assert all(torch.equal(left, right) for left, right in zip(one[5], other[5], strict=True))
    different = patches_of(cases, settings(), seed=8)[5][0]
    assert not torch.equal(one[5][0], different)


# Training


def checkpoints_of(folder, origin="same", epochs=3):
    return Checkpoints(folder, digests(of=origin), epochs, ".pt")


def run_training(model, folder, origin="same", seed=3, clock=None, workers=0, **changes):
    made = settings(model, **changes)
    return train(
        made,
        [in_memory(to_draw_from(phantom(number), made)) for number in range(3)],
        [in_memory(to_validate(phantom(3)))],
        seed,
        Machine(CPU, workers),
        checkpoints_of(folder, origin, made.epochs),
        clock or Clock(0),
    )


def last_network(folder):
    (path,) = folder.glob("checkpoint_at_*.pt")
    return torch.load(path, weights_only=True)["network"]


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def signalled_at(iteration):
    """Make a clock that is sent SIGTERM by this process at its so many-th look."""
    looks = 0

    class Signalled(Clock):
        @property
        def due(self):
            nonlocal looks
            looks += 1
            if looks == iteration:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().due

    return Signalled(0)


@pytest.mark.parametrize("model", ["unet", "segresnet"])
@pytest.mark.parametrize("iteration", [1, 3, 4])
def test_a_training_that_left_on_a_signal_ends_as_one_that_was_not_asked(
    model, iteration, tmp_path
):
    whole = run_training(model, tmp_path / "whole")
    clock = signalled_at(iteration)
    with clock.listening(), pytest.raises(InterruptionError, match="asked to stop"):
        run_training(model, tmp_path / "left", clock=clock)
    resumed = run_training(model, tmp_path / "left")
    assert resumed.rows == whole.rows
    assert_same_weights(last_network(tmp_path / "left"), last_network(tmp_path / "whole"))
    assert checkpoints_of(tmp_path / "left").state.resumed == [iteration]


def killed_in_save(number, during, folder):
    """Train in a process that ends with -9 in its so many-th save; give how it ended.

    `during`: half of the file is written; else it is whole, but has not its name.
    """
    process = os.fork()
    if not process:
        saves = iter(range(1, 100))

        def save(state, path):
            if next(saves) < number:
                save_state(state, path)
            elif during:
                Path(path).write_bytes(b"half of a checkpoint")
                os.kill(os.getpid(), signal.SIGKILL)
            else:
                save_state(state, path)
                os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)

        training_module.save_state = save
        try:
            run_training("unet", folder)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


@pytest.mark.parametrize(("number", "during"), [(1, True), (2, True), (2, False), (3, True)])
def test_a_training_killed_while_it_saves_ends_as_one_that_was_not(number, during, tmp_path):
    folder = tmp_path / "killed"
    assert killed_in_save(number, during, folder) == -signal.SIGKILL
    resumed = run_training("unet", folder)
    assert resumed.rows == run_training("unet", tmp_path / "whole").rows
    assert_same_weights(last_network(folder), last_network(tmp_path / "whole"))
    names = {path.name for path in folder.iterdir()}
    assert names == {"resume.json", "checkpoint_at_00000006.pt"}


def test_a_finished_training_is_not_repeated(tmp_path, monkeypatch):
    whole = run_training("unet", tmp_path)
    monkeypatch.setattr(Patches, "__getitem__", None)  # no batch is drawn any more
    again = run_training("unet", tmp_path)
    assert again.rows == whole.rows
    assert_same_weights(again.best_weights, whole.best_weights)


def test_more_epochs_go_on_and_other_origins_begin_anew(tmp_path, caplog):
    run_training("unet", tmp_path / "one")
    with caplog.at_level("WARNING", logger="livermet"):
        longer = run_training("unet", tmp_path / "one", epochs=4)
    assert "3 epochs were planned and 4 are now" in caplog.text
    assert [row["iteration"] for row in longer.rows] == [2, 4, 6, 8]
    caplog.clear()
    other = run_training("unet", tmp_path / "one", origin="other", epochs=4)
    assert "of another origin: of" in caplog.text
    assert (tmp_path / "one" / "refused_1" / "checkpoint_at_00000008.pt").exists()
    assert other.rows == run_training("unet", tmp_path / "fresh", epochs=4).rows


@pytest.mark.parametrize("done", [3, 6])
def test_more_epochs_have_the_rates_of_the_longer_cosine(done, tmp_path, monkeypatch):
    """Of 6 planned iterations so many are done when 12 are planned; the formula is torch's own."""
    rates = []

    def noted(self, *batch, step=training_module.Learner.step):
        rates.append(self.optimizer.param_groups[0]["lr"])
        return step(self, *batch)

    if done < 6:
        clock = signalled_at(done)
        with clock.listening(), pytest.raises(InterruptionError):
            run_training("unet", tmp_path, clock=clock)
    else:
        run_training("unet", tmp_path)
    monkeypatch.setattr(training_module.Learner, "step", noted)
    run_training("unet", tmp_path, epochs=6)
    expected = [0.01 * (1 + math.cos(math.pi * n / 12)) / 2 for n in range(done, 12)]
    assert rates == pytest.approx(expected)


def run_validated_twice(folder, clock=None):
    """Train for 4 iterations, with validations of two cases behind iterations 2 and 4."""
    made = settings(epochs=2)
    return train(
        made,
        [in_memory(to_draw_from(phantom(number), made)) for number in range(3)],
        [in_memory(to_validate(phantom(number))) for number in (3, 4)],
        3,
        Machine(CPU),
        checkpoints_of(folder, epochs=2),
        clock or Clock(0),
    )


# Looks at the clock: behind iteration 1, within a validation, behind iterations 2 and 3, within.
@pytest.mark.parametrize(("look", "iteration"), [(2, 2), (5, 4)])
def test_a_signal_within_a_validation_is_not_kept_waiting(look, iteration, tmp_path):
    whole = run_validated_twice(tmp_path / "whole")
    clock = signalled_at(look)
    with clock.listening(), pytest.raises(InterruptionError, match="asked to stop"):
        run_validated_twice(tmp_path / "left", clock)
    _, checkpoint = checkpoints_of(tmp_path / "left", epochs=2).newest()
    assert checkpoint.iteration == iteration
    resumed = run_validated_twice(tmp_path / "left")
    assert resumed.rows == whole.rows
    assert [row["iteration"] for row in resumed.rows] == [2, 4]
    assert_same_weights(last_network(tmp_path / "left"), last_network(tmp_path / "whole"))


def test_validations_at_other_epochs_go_on_with_the_training(tmp_path):
    clock = signalled_at(3)
    with clock.listening(), pytest.raises(InterruptionError):
        run_training("unet", tmp_path / "one", clock=clock)
    resumed = run_training("unet", tmp_path / "one", validation_every=3)
    assert [row["iteration"] for row in resumed.rows] == [2, 6]
    run_training("unet", tmp_path / "whole")
    assert_same_weights(last_network(tmp_path / "one"), last_network(tmp_path / "whole"))


def left_after(seconds=60):
    """Return the processes of this one that are still there after a while at most."""
    until = time.monotonic() + seconds
    while (left := multiprocessing.active_children()) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def test_processes_that_load_change_no_weight_and_end_with_the_training(tmp_path):
    """SIGTERM in iteration 3 of 6; of two processes before it, and of one after it."""
    whole = run_training("segresnet", tmp_path / "whole")
    clock = signalled_at(3)
    with clock.listening(), pytest.raises(InterruptionError):
        run_training("segresnet", tmp_path / "left", clock=clock, workers=2)
    assert not left_after()
    resumed = run_training("segresnet", tmp_path / "left", workers=1)
    assert not left_after()
    assert resumed.rows == whole.rows
    assert_same_weights(last_network(tmp_path / "left"), last_network(tmp_path / "whole"))


# Cases on the disk


def written_case(folder):
    """Write a CT with its reference, and return their paths and made-up checksums."""
    hu, labels = phantom(0)
    paths = folder / "ct.nii.gz", folder / "reference.nii.gz"
    for array, path in zip((hu, labels), paths, strict=True):
        write_image(image(array, direction=DIRECTIONS["canonical (RAS)"]), path)
    return paths, {"ct": "a", "reference": "b"}


def kept_case(tmp_path, paths, sums, validation=False, code="x", **changes):
    made = settings(spacing_mm=[1, 1, 1], **changes)
    also = {"code": code, "versions": {}}
    (case,) = cases_of(tmp_path / "cases", {"s": paths}, {"s": sums}, made, validation, also)
    return case


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / "cases" / "s").iterdir()}


def test_cases_on_the_disk_give_the_patches_of_those_in_memory(tmp_path):
    paths, sums = written_case(tmp_path)
    made = settings(spacing_mm=[1, 1, 1])
    held = read_case(*paths, made.spacing_mm)
    case = kept_case(tmp_path, paths, sums)
    from_disk, from_memory = Patches([case], made, 1), patches_of([held], made)
    for one, other in zip(from_disk[3], from_memory[3], strict=True):
        assert torch.equal(one, other)
    # They are mapped, and nobody writes to them.
    assert isinstance(case()["image"], np.memmap)
    assert not case()["image"].flags.writeable
    whole = kept_case(tmp_path, paths, sums, validation=True)()
    assert np.array_equal(whole["image"], held[0])
    assert np.array_equal(whole["label"], held[1])
    forget_cases(tmp_path / "cases")
    forget_cases(tmp_path / "cases")
    assert not (tmp_path / "cases").exists()


def test_a_kept_case_is_made_once(tmp_path):
    paths, sums = written_case(tmp_path)
    kept_case(tmp_path, paths, sums)
    made = times(tmp_path)
    for path in paths:
        path.unlink()  # it is not read again
    kept_case(tmp_path, paths, sums, learning_rate=0.5)
    assert times(tmp_path) == made


@pytest.mark.parametrize(
    ("sums", "changes", "named"),
    [
        ({"ct": "other"}, {}, "ct"),
        ({"reference": "other"}, {}, "reference"),
        ({}, {"patch_size": [8, 8, 8]}, "settings"),
        ({}, {"code": "y"}, "code"),
    ],
)
def test_a_case_of_another_source_is_made_again(sums, changes, named, tmp_path, caplog):
    paths, before = written_case(tmp_path)
    kept_case(tmp_path, paths, before)
    made = times(tmp_path)
    with caplog.at_level("INFO", logger="livermet"):
        kept_case(tmp_path, paths, before | sums, **changes)
    assert f"case s is made again, since others are: {named}" in caplog.text
    assert not made.items() & times(tmp_path).items()


def test_a_case_that_is_not_whole_is_made_again(tmp_path, caplog):
    paths, sums = written_case(tmp_path)
    good = np.array(kept_case(tmp_path, paths, sums)()["image"])
    os.truncate(tmp_path / "cases" / "s" / "image.npy", 200)
    case = kept_case(tmp_path, paths, sums)
    assert "case s is not whole on the disk" in caplog.text
    assert np.array_equal(case()["image"], good)
    # A kill before the record, or between two files: the same.
    (tmp_path / "cases" / "s" / "case.json").unlink()
    (tmp_path / "cases" / "s" / "label.npy").unlink()
    assert np.array_equal(kept_case(tmp_path, paths, sums)()["image"], good)


def test_minus_nine_while_cases_are_made_leaves_those_that_are_whole(tmp_path):
    first = {"image": np.arange(5)}
    kept(tmp_path / "cases" / "one", {"ct": "a"}, lambda: first)
    process = os.fork()
    if not process:
        try:
            np.save = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
            kept(tmp_path / "cases" / "two", {"ct": "b"}, lambda: first)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL

    def never():
        raise AssertionError("it is there")

    assert np.array_equal(
        kept(tmp_path / "cases" / "one", {"ct": "a"}, never)()["image"], first["image"]
    )
    two = kept(tmp_path / "cases" / "two", {"ct": "b"}, lambda: {"image": np.arange(3)})
    assert two()["image"].tolist() == [0, 1, 2]
    assert sorted(path.name for path in two.folder.iterdir()) == ["case.json", "image.npy"]


def test_a_signal_while_cases_are_made_leaves_those_that_are_whole(tmp_path):
    paths, sums = written_case(tmp_path)
    names = ["a", "b"]

    def cases(before_each=lambda: None):
        of = dict.fromkeys(names, paths), dict.fromkeys(names, sums)
        return cases_of(tmp_path / "cases", *of, settings(), False, {}, before_each)

    def signalled():
        if (tmp_path / "cases" / "a").exists():
            os.kill(os.getpid(), signal.SIGUSR1)
        clock.saved(0)

    clock = Clock(0)
    with clock.listening(), pytest.raises(InterruptionError, match="asked to stop"):
        cases(signalled)
    assert [path.name for path in (tmp_path / "cases").iterdir()] == ["a"]
    assert [case.folder.name for case in cases()] == names


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_and_leaves_the_last_good_checkpoint(
    value, tmp_path, monkeypatch
):
    def loss_of(settings):
        good, calls = build_loss(settings), iter(range(100))
        loss = lambda logits, labels: good(logits, labels) * (1 if next(calls) < 3 else value)  # noqa: E731
        return SimpleNamespace(to=lambda device: loss)

    monkeypatch.setattr("livermet.monai.training.build_loss", loss_of)
    with pytest.raises(InputError, match=r"The loss is (nan|inf) in epoch 1.*learning_rate"):
        run_training("unet", tmp_path)
    path, checkpoint = checkpoints_of(tmp_path).newest()
    assert checkpoint.iteration == 2
    weights = torch.load(path, weights_only=True)["network"]
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_weights_that_are_no_numbers_are_not_saved(tmp_path, monkeypatch):
    """A step of an infinite gradient has a loss that is a number; the next loss would be none."""
    steps = iter(range(1, 100))

    def spoilt(self, *batch, step=training_module.Learner.step):
        loss = step(self, *batch)
        if next(steps) == 4:
            with torch.no_grad():
                next(self.network.parameters()).fill_(math.inf)
        return loss

    monkeypatch.setattr(training_module.Learner, "step", spoilt)
    with pytest.raises(InputError, match=r"Weights are infinite.* in epoch 2, .*learning_rate"):
        run_training("unet", tmp_path)
    assert checkpoints_of(tmp_path).newest()[1].iteration == 2


def test_best_weights_are_those_of_the_best_row(tmp_path):
    done = run_training("unet", tmp_path)
    assert done.iteration == 6
    check(training_table(done.rows), TRAINING, "monai/unet/training.tsv")
    assert done.best == max(done.rows, key=lambda row: row["dice_liver"] + row["dice_lesion"])


# Prediction


@pytest.mark.parametrize("model", ["unet", "segresnet"])
def test_prediction_lies_on_the_grid_of_its_ct(model, tmp_path):
    made = settings(model)
    torch.manual_seed(0)
    weights = build_network(made).state_dict()
    save_state(
        {"model": model, "settings": made.as_values(), "weights": weights}, tmp_path / "model.pt"
    )
    network, loaded = load_network(tmp_path / "model.pt", CPU)
    assert loaded == made
    hu, _ = phantom(0, (5, 21, 17))
    ct = image(hu, spacing=(0.8, 0.8, 5.0), direction=DIRECTIONS["oblique and flipped"])
    write_image(ct, tmp_path / "ct.nii.gz")
    scan = prepare_scan(loaded, tmp_path / "ct.nii.gz")
    probabilities = probabilities_of_scan(network, scan.hu, loaded, CPU)
    labels, probability = on_ct_grid(scan, probabilities, True)
    for answer in (labels, probability):
        assert grid_difference(answer, ct) == ""
        assert answer.GetPixelID() == sitk.sitkUInt8
    assert set(np.unique(array_of(labels))) <= {0, 1, 2}
    # The most probable of three classes has a third at least, and half makes it the most probable.
    lesion, times_255 = array_of(labels) == 2, array_of(probability)
    assert (times_255[lesion] >= 85).all()
    assert (times_255[~lesion] <= 128).all()


def test_weights_that_are_no_numbers_end_the_prediction(tmp_path):
    path = tmp_path / "ct.nii.gz"
    write_image(image(phantom(0)[0]), path)
    made = settings()
    scan = prepare_scan(made, path)
    network = build_network(made).eval()
    with torch.no_grad():
        next(network.parameters())[0] = math.nan
    answer = probabilities_of_scan(network, scan.hu, made, CPU)
    with pytest.raises(InputError, match="says of a scan is infinite, or no number"):
        on_ct_grid(scan, answer, False)


def test_what_is_cropped_away_is_background():
    hu = np.full((6, 20, 20), -1000, np.int16)
    hu[1:5, 4:16, 3:17] = 40
    made = settings(crop_foreground=True)
    assert foreground(hu, made) == (slice(1, 5), slice(4, 16), slice(3, 17))
    assert foreground(np.full_like(hu, -1000), made) == (slice(0, 6), slice(0, 20), slice(0, 20))
    network = build_network(made).eval()
    answer = probabilities_of_scan(network, hu, made, CPU)
    inside = probabilities_of_scan(network, hu[1:5, 4:16, 3:17], settings(), CPU)
    assert np.array_equal(answer[:, 1:5, 4:16, 3:17], inside)
    assert (answer[BACKGROUND][hu < 0] == 1).all()
    # Training draws its patches from within the box.
    drawn_from = to_draw_from((hu, np.zeros(hu.shape, np.uint8)), made)
    assert drawn_from["image"].shape == (1, 4, 12, 14)
    assert in_window(torch.tensor([-57.0, 164.0]), (-57, 164)).tolist() == [0, 1]


def test_probabilities_sum_to_one_and_volumes_may_be_smaller_than_a_patch():
    network = build_network(settings()).eval()
    probabilities = probabilities_of_scan(network, phantom(0, (3, 5, 20))[0], settings(), CPU)
    assert probabilities.shape == (3, 3, 5, 20)
    assert np.allclose(probabilities.sum(axis=0), 1, atol=1e-5)


def test_a_scan_is_segmented_by_monais_sliding_window():
    hu = phantom(0, (6, 20, 20))[0]
    made = settings()
    network = build_network(made).eval()
    with torch.inference_mode():
        logits = sliding_window_inference(
            in_window(torch.from_numpy(hu)[None, None], made.window_hu),
            made.patch_size[::-1],
            made.batch_size,
            network,
            overlap=made.overlap,
            mode="gaussian",
        )
    answer = probabilities_of_scan(network, hu, made, CPU)
    assert np.array_equal(answer, torch.softmax(logits[0], dim=0).numpy())


OF_A_LARGE_SCAN = """
import sys, threading, time
sys.path.insert(0, {tests!r})
import numpy as np, torch
from test_monai import settings
from livermet.monai.windows import probabilities_of_scan

def held():
    return 4096 * int(open("/proc/self/statm").read().split()[1])

def watch():
    while not ended:
        most[0] = max(most[0], held())
        time.sleep(0.001)

made = settings(patch_size=[128, 128, 16], batch_size=1)
hu = np.zeros((256, 384, 384), np.int16)
network = lambda windows: windows.expand(-1, 3, -1, -1, -1).clone()
probabilities_of_scan(network, hu[:16, :128, :128], made, torch.device("cpu"))
most, ended = [0], False
watcher = threading.Thread(target=watch)
before = held()
watcher.start()
probabilities_of_scan(network, hu, made, torch.device("cpu"))
ended = True
watcher.join()
print((most[0] - before) / hu.size)
"""


def test_a_voxel_of_a_scan_takes_what_is_stated():
    """22 bytes, and a tenth for windows; the scan's own HU are there before."""
    code = OF_A_LARGE_SCAN.format(tests=str(Path(__file__).parent))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(ended.stdout.splitlines()[-1]) < 22 * 1.1


def test_where_a_gpu_lacks_memory_fewer_windows_go_through_and_the_answer_stays(
    monkeypatch, caplog
):
    # The ways of a GPU, on a CPU whose network refuses more than one window at once.
    hu = phantom(0, (6, 20, 20))[0]
    made = settings(batch_size=5)
    network = build_network(made).eval()
    ways = list(leaner_ways(5, torch.device("cuda")))
    assert [(place.type, windows) for place, windows, _ in ways] == [
        ("cuda", 5),
        ("cpu", 5),
        ("cpu", 2),
        ("cpu", 1),
    ]
    assert [bool(warning) for *_, warning in ways] == [False, True, True, True]
    assert len(list(leaner_ways(5, CPU))) == 1
    on_cpu = [(CPU, windows, warning) for _, windows, warning in ways]
    passes = []

    def small(windows):
        passes.append(len(windows))
        if len(windows) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return network(windows)

    undisturbed = probabilities_of_scan(network, hu, made, CPU)
    monkeypatch.setattr("livermet.monai.windows.leaner_ways", lambda *_: on_cpu)
    answer = probabilities_of_scan(small, hu, made, CPU)
    assert passes[:4] == [5, 5, 2, 1]
    assert "stay in the memory of the CPU" in caplog.text
    assert "1 windows go through" in caplog.text
    assert np.allclose(answer, undisturbed, atol=1e-6)

    def too_small(windows):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError, match="one window"):
        probabilities_of_scan(too_small, hu, made, CPU)


def test_a_loss_that_is_no_number_loses_no_training():
    scores = {"dice_liver": 0.5, "dice_lesion": 0.0}
    losses = (0.25, float("inf"), float("nan"))
    rows = [{"iteration": 10 * n, "loss": loss, **scores} for n, loss in enumerate(losses, 1)]
    table = training_table(rows)
    check(table, TRAINING, "monai/unet/training.tsv")
    assert table["loss"].isna().tolist() == [False, True, True]
