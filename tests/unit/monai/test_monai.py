"""MONAI's networks: settings, patches, training that a kill does not change, prediction."""

import math

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from livermet.contracts import check
from livermet.errors import InputError
from livermet.images import array_of, grid_difference, write_image
from livermet.monai import training as training_module
from livermet.monai.networks import (
    build_loss,
    build_network,
    class_probabilities,
    device_of,
    load_network,
    save_state,
)
from livermet.monai.prediction import predict_scan
from livermet.monai.progress import TRAINING, training_table
from livermet.monai.settings import Settings, settings_of, split_by_fold
from livermet.monai.training import Patches, dice, fingerprint_of, train
from livermet.monai.volumes import (
    ct_on_network_grid,
    labels_on_ct_grid,
    network_grid,
    read_case,
    resample,
)

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
    "window_hu": [-100, 300],
    "patch_size": [8, 8, 4],
    "batch_size": 2,
    "iterations": 6,
    "validation_every": 2,
    "learning_rate": 0.01,
    "loss": "dice_ce",
    "loss_batch": True,
    "flip": 0.5,
    "overlap": 0.25,
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


# Settings


def test_model_block_overrides_shared_key():
    section = {**SECTION, "segresnet": {**SECTION["segresnet"], "iterations": 99}}
    assert settings_of(section, "segresnet")["iterations"] == 99
    assert settings_of(section, "unet")["iterations"] == 6
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


def test_dice_counts_empty_masks_as_agreement():
    some, none = np.array([True, True, False]), np.zeros(3, bool)
    assert dice(some, np.array([True, False, False])) == pytest.approx(2 / 3)
    assert dice(none, none) == 1.0
    assert dice(some, none) == 0.0


def test_every_case_takes_its_turn_and_small_ones_are_padded():
    # Two slices, fewer than the patch's four; each case is told by the one label that fills it.
    shape = (2, 12, 12)
    cases = [(np.zeros(shape, np.int16), np.full(shape, label, np.uint8)) for label in range(3)]
    patches = Patches(cases, settings(batch_size=3), seed=1)
    for turn in range(4):
        images, labels = patches.batch(turn)
        assert images.shape == labels.shape == (3, 1, 4, 8, 8)
        assert sorted(int(patch.max()) for patch in labels) == [0, 1, 2]


def test_patches_follow_from_seed_and_iteration():
    cases = [phantom(0), phantom(1)]
    one, other = (Patches(cases, settings(), seed=7) for _ in range(2))
    one.batch(0)
    assert all(
        torch.equal(left, right) for left, right in zip(one.batch(5), other.batch(5), strict=True)
    )
    different = Patches(cases, settings(), seed=8).batch(5)[0]
    assert not torch.equal(one.batch(5)[0], different)


# Training


def run_training(model, folder, fingerprint="same", seed=3):
    return train(
        settings(model),
        [phantom(0), phantom(1), phantom(2)],
        [phantom(3)],
        seed,
        CPU,
        folder / "checkpoint_latest.pt",
        fingerprint,
    )


def kill_after_first_checkpoint(monkeypatch):
    """Stop the next training as a kill would, right after its first checkpoint (iteration 2)."""

    def save_and_die(state, path):
        save_state(state, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(training_module, "save_state", save_and_die)


@pytest.mark.parametrize("model", ["unet", "segresnet"])
def test_killed_and_resumed_equals_never_killed(model, tmp_path, monkeypatch):
    (tmp_path / "killed").mkdir()
    (tmp_path / "whole").mkdir()
    whole = run_training(model, tmp_path / "whole")
    with monkeypatch.context() as context:
        kill_after_first_checkpoint(context)
        with pytest.raises(KeyboardInterrupt):
            run_training(model, tmp_path / "killed")
    resumed = run_training(model, tmp_path / "killed")
    assert [row["iteration"] for row in resumed.rows] == [2, 4, 6]
    assert resumed.rows == whole.rows
    last = [
        torch.load(tmp_path / name / "checkpoint_latest.pt", weights_only=True)["network"]
        for name in ("whole", "killed")
    ]
    assert all(torch.equal(last[0][key], last[1][key]) for key in last[0])


def test_checkpoint_of_another_origin_is_not_resumed(tmp_path, monkeypatch, caplog):
    with monkeypatch.context() as context:
        kill_after_first_checkpoint(context)
        with pytest.raises(KeyboardInterrupt):
            run_training("unet", tmp_path, seed=4)
    with caplog.at_level("INFO", logger="livermet"):
        done = run_training("unet", tmp_path, fingerprint="other")
    assert "it is deleted" in caplog.text
    # Nothing is left of the training with seed 4: all three rows are those of a fresh start.
    (tmp_path / "fresh").mkdir()
    assert done.rows == run_training("unet", tmp_path / "fresh").rows


def test_fingerprint_changes_with_any_part_of_the_origin():
    origin = {"seed": 1, "settings": {"iterations": 5}, "checksums": {"a": {"ct": "x"}}}
    reordered = dict(reversed(origin.items()))
    assert fingerprint_of(**origin) == fingerprint_of(**reordered)
    assert fingerprint_of(**origin) != fingerprint_of(**{**origin, "seed": 2})
    changed = {**origin, "checksums": {"a": {"ct": "y"}}}
    assert fingerprint_of(**origin) != fingerprint_of(**changed)


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
    labels, probability = predict_scan(network, loaded, tmp_path / "ct.nii.gz", CPU)
    for answer in (labels, probability):
        assert grid_difference(answer, ct) == ""
        assert answer.GetPixelID() == sitk.sitkUInt8
    assert set(np.unique(array_of(labels))) <= {0, 1, 2}
    # The most probable of three classes has a third at least, and half makes it the most probable.
    lesion, times_255 = array_of(labels) == 2, array_of(probability)
    assert (times_255[lesion] >= 85).all()
    assert (times_255[~lesion] <= 128).all()


def test_probabilities_sum_to_one_and_volumes_may_be_smaller_than_a_patch():
    network = build_network(settings()).eval()
    probabilities = class_probabilities(network, phantom(0, (3, 5, 20))[0], settings(), CPU)
    assert probabilities.shape == (3, 3, 5, 20)
    assert np.allclose(probabilities.sum(axis=0), 1, atol=1e-5)


def test_absent_gpu_is_told_in_words():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert device_of("auto") == CPU
    with pytest.raises(InputError, match=r"device is cuda"):
        device_of("cuda")


def test_a_loss_that_is_no_number_loses_no_training():
    scores = {"dice_liver": 0.5, "dice_lesion": 0.0}
    losses = (0.25, float("inf"), float("nan"))
    rows = [{"iteration": 10 * n, "loss": loss, **scores} for n, loss in enumerate(losses, 1)]
    table = training_table(rows)
    check(table, TRAINING, "monai/unet/training.tsv")
    assert table["loss"].isna().tolist() == [False, True, True]
