"""nnU-Net's prediction in other steps: held to nnU-Net's own functions on the same networks."""

import logging

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from nnunetv2.inference.export_prediction import (
    convert_predicted_logits_to_segmentation_with_correct_shape,
)
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from livermet.engines import Engine
from livermet.errors import InputError
from livermet.images import LESION, LIVER, probability_bytes
from livermet.nnunet.layout import CONFIGURATION
from livermet.nnunet.prediction import FoldPredictor
from livermet.nnunet.resampling import cubic, first_largest, labels_on_grid, slices_apart

CPU = torch.device("cpu")
PATCH = (16, 24, 24)
FOLDS = (0, 1)
# (shape, new shape, spacing, new spacing): in three dimensions, and slice by slice.
GRIDS = {
    "all axes": ((21, 40, 37), (30, 35, 50), (2.0, 0.8, 0.8), (1.4, 0.9, 0.6)),
    "z is as it was": ((21, 40, 37), (21, 45, 42), (2.0, 0.8, 0.8), (2.0, 0.71, 0.71)),
    "slices apart": ((12, 40, 37), (30, 35, 50), (5.0, 0.8, 0.8), (2.0, 0.9, 0.6)),
    "slices apart, none new": ((12, 40, 37), (12, 35, 50), (5.0, 0.8, 0.8), (5.0, 0.9, 0.6)),
    "slices apart afterwards": ((30, 40, 37), (12, 35, 50), (2.0, 0.8, 0.8), (5.0, 0.9, 0.6)),
    "the same": ((12, 40, 37), (12, 40, 37), (2.0, 0.8, 0.8), (2.0, 0.8, 0.8)),
}


def nnunets(data, grid, order):
    _, shape, spacing, wanted = grid
    return resample_data_or_seg_to_shape(
        data, shape, spacing, wanted, order=order, order_z=0, force_separate_z=None
    )


def plan(scheme: str = "CTNormalization", spacing=(2.0, 0.9, 0.9)) -> dict:
    """A plan of a network of three stages, with nnU-Net's default resampling."""
    resampling = {"is_seg": False, "order_z": 0, "force_separate_z": None}
    network = {
        "n_stages": 3,
        "features_per_stage": [4, 8, 8],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3, 3, 3]] * 3,
        "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
        "n_conv_per_stage": [1] * 3,
        "n_conv_per_stage_decoder": [1] * 2,
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    configuration = {
        "data_identifier": "of_the_test",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(PATCH),
        "spacing": list(spacing),
        "normalization_schemes": [scheme],
        "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": resampling | {"order": 3},
        "resampling_fn_seg_kwargs": resampling | {"is_seg": True, "order": 1},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": resampling | {"order": 1},
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
            "arch_kwargs": network,
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        "batch_dice": True,
    }
    intensities = {"mean": 40.0, "std": 60.0, "percentile_00_5": -150.0, "percentile_99_5": 250.0}
    return {
        "dataset_name": "Dataset501_balls",
        "plans_name": "of_the_test",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {CONFIGURATION: configuration},
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }


DESCRIPTION = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "liver": 1, "lesion": 2},
    "file_ending": ".nii.gz",
}


@pytest.fixture(scope="module")
def ct(tmp_path_factory):
    """A CT of noise in balls, whose outer rows are zero, so that nnU-Net crops it."""
    random = np.random.default_rng(3)
    z, y, x = np.ogrid[:20, :50, :46]
    hu = np.full((20, 50, 46), -1000.0)
    hu[(z - 10) ** 2 / 64 + ((y - 25) ** 2 + (x - 22) ** 2) / 400 < 1] = 60
    hu += random.normal(0, 30, hu.shape)
    hu[:, :3], hu[0] = 0, 0
    image = sitk.GetImageFromArray(hu.round().astype(np.int16))
    image.SetSpacing((0.8, 0.8, 2.5))
    path = tmp_path_factory.mktemp("scan") / "ct.nii.gz"
    sitk.WriteImage(image, str(path))
    return path


def made(folder, plan, mirror_axes=(0, 1, 2), mirroring=False, step_size=0.5, engine=Engine.TORCH):
    """Make a predictor of two networks with random weights, each in its checkpoint."""
    paths = {}
    blank = FoldPredictor.__new__(FoldPredictor)
    for fold in FOLDS:
        torch.manual_seed(fold)
        paths[fold] = folder / f"{fold}.pth"
        predictor_of(blank, plan)
        weights = {
            name: torch.randn_like(value) * (4 if ".seg_layers." in name else 0.4)
            for name, value in blank._network().state_dict().items()
        }
        torch.save(
            {"network_weights": weights, "inference_allowed_mirroring_axes": mirror_axes},
            paths[fold],
        )
    return FoldPredictor(plan, DESCRIPTION, paths, CPU, engine, step_size, mirroring)


def predictor_of(blank, plan):
    """Fill in of a predictor what builds a network."""
    blank.plans = PlansManager(plan)
    blank.configuration = blank.plans.get_configuration(CONFIGURATION)
    blank.labels = blank.plans.get_label_manager(DESCRIPTION)
    blank.description = DESCRIPTION


def nnunets_logits(ours, image, folds, mirror_axes=None, step_size=0.5):
    """Return the mean logits as nnUNetv2_predict computes them."""
    theirs = nnUNetPredictor(
        tile_step_size=step_size,
        use_mirroring=mirror_axes is not None,
        device=CPU,
        perform_everything_on_device=False,
        allow_tqdm=False,
    )
    weights = [ours.networks.networks[fold].state_dict() for fold in folds]
    network = ours._network()
    network.load_state_dict(weights[0])
    theirs.manual_initialization(
        network, ours.plans, ours.configuration, weights, DESCRIPTION, "any", mirror_axes
    )
    return theirs.predict_logits_from_preprocessed_data(image)


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_cubic_resampling_is_nnunets(grid):
    shape, new_shape, spacing, wanted = grid
    image = np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)
    apart, axis = slices_apart(spacing, wanted)
    assert axis in (None, 0)
    found = cubic(image, new_shape, apart, CPU)
    assert found.dtype == np.float32
    expected = nnunets(image[None], grid, order=3)[0]
    # Float64 all the way: at most the last bit of the float32 that it ends in.
    assert np.abs(found - expected).max() <= 1e-6


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_labels_on_another_grid_are_nnunets(grid):
    shape, new_shape, spacing, wanted = grid
    logits = torch.from_numpy(np.random.default_rng(0).normal(0, 4, (3, *shape))).half()
    apart, _ = slices_apart(spacing, wanted)
    labels, probability = labels_on_grid(logits, new_shape, apart, CPU, True)
    expected = nnunets(logits, grid, order=1)
    most_probable = np.asarray(expected).argmax(0)
    # Where two classes are equal to the rounding of 16 bits the other one may be found.
    assert (labels != most_probable).mean() < 1e-3
    softmax = torch.softmax(torch.as_tensor(expected).float(), 0)[LESION].numpy()
    assert np.abs(probability.astype(int) - probability_bytes(softmax)).max() <= 1
    assert labels_on_grid(logits, new_shape, apart, CPU, False)[1] is None


def test_of_equal_classes_the_first_is_found():
    values = torch.tensor([[1.0, 1.0, 0.0, 2.0], [1.0, 2.0, 3.0, 1.0], [1.0, 2.0, 3.0, 5.0]])
    assert first_largest(values).tolist() == [0, 1, 1, 2]


def test_infinite_logits_end_the_prediction():
    logits = torch.zeros((3, 4, 5, 6), dtype=torch.half)
    logits[1, 2, 3, 4] = float("inf")
    with pytest.raises(InputError, match="says of a scan is infinite, or no number"):
        labels_on_grid(logits, (4, 5, 6), False, CPU, False)


@pytest.mark.parametrize("scheme", ["CTNormalization", "ZScoreNormalization"])
@pytest.mark.parametrize("spacing", [(2.0, 0.9, 0.9), (1.0, 0.6, 0.7), (3.5, 0.9, 0.9)])
def test_preparation_is_nnunets(scheme, spacing, ct, tmp_path):
    predictor = made(tmp_path, plan(scheme, spacing))
    ours, theirs = predictor.prepare(ct), predictor._prepared_by_nnunet(ct)
    assert theirs.properties["bbox_used_for_cropping"][:2] == [[1, 20], [3, 50]]
    for key in (
        "bbox_used_for_cropping",
        "shape_before_cropping",
        "shape_after_cropping_and_before_resampling",
        "spacing",
    ):
        assert ours.properties[key] == theirs.properties[key]
    assert ours.image.dtype == theirs.image.dtype == torch.float32
    assert (ours.image - theirs.image).abs().max() <= 1e-6


@pytest.mark.parametrize(("mirror_axes", "folds"), [(None, FOLDS), ((0, 1, 2), [1]), ((1,), FOLDS)])
def test_logits_are_nnunets_to_the_last_bit(mirror_axes, folds, ct, tmp_path):
    predictor = made(tmp_path, plan(), mirror_axes, mirroring=mirror_axes is not None)
    image = predictor.prepare(ct).image
    assert len(predictor.networks.boxes(image.shape[1:])) > 1
    found = predictor.networks.mean_logits(image, folds)
    assert torch.equal(found, nnunets_logits(predictor, image, folds, mirror_axes))


def test_logits_of_volumes_smaller_than_a_tile_are_nnunets(tmp_path):
    predictor = made(tmp_path, plan())
    image = torch.randn((1, 9, 30, 11))
    found = predictor.networks.mean_logits(image, [0])
    assert found.shape == (3, 9, 30, 11)
    assert torch.equal(found, nnunets_logits(predictor, image, [0]))


@pytest.mark.parametrize("batch", [3, 8, 20])
def test_patches_that_go_through_at_once_change_rounding_alone(batch, ct, tmp_path):
    predictor = made(tmp_path, plan(), mirroring=True)
    image = predictor.prepare(ct).image
    predictor.networks.batch = batch
    found = predictor.networks.mean_logits(image, [0]).float()
    expected = nnunets_logits(predictor, image, [0], (0, 1, 2)).float()
    # At the volume's edges a Gaussian's weight has few of its 16 bits, in nnU-Net's sums too.
    inside = (slice(None), slice(4, -4), slice(5, -5), slice(5, -5))
    difference = (found - expected).abs()
    assert difference[inside].max() <= 4e-3 * expected.abs().max()
    assert difference.median() <= 1e-3 * expected.abs().median()


def test_labels_of_an_ensemble_are_nnunets(ct, tmp_path):
    predictor = made(tmp_path, plan(), (2,), mirroring=True, step_size=0.8)
    scan = predictor._prepared_by_nnunet(ct)
    for fold, network in predictor.networks.networks.items():
        # So that each class is found.
        usual = predictor.networks.mean_logits(scan.image, [fold]).float().flatten(1)
        network.decoder.seg_layers[-1].bias.data -= usual.median(1).values
    logits = nnunets_logits(predictor, scan.image, FOLDS, (2,), 0.8)
    expected, probabilities = convert_predicted_logits_to_segmentation_with_correct_shape(
        logits,
        predictor.plans,
        predictor.configuration,
        predictor.labels,
        scan.properties,
        return_probabilities=True,
        num_threads_torch=1,
    )
    labels, probability = predictor.segment_with_probability(ct, FOLDS)
    assert labels.shape == expected.shape == (20, 50, 46)
    for label in (LIVER, LESION):
        assert (expected == label).sum() > 300
        assert dice(labels == label, expected == label) >= 0.999
    assert (labels[:, :3] == 0).all()
    lesion = probability_bytes(probabilities[LESION])
    assert np.abs(probability.astype(int) - lesion).max() <= 1
    assert np.array_equal(predictor.segment(ct, FOLDS), labels)


def test_a_lack_of_memory_halves_what_goes_through_at_once(ct, tmp_path, caplog):
    predictor = made(tmp_path, plan())
    image = predictor.prepare(ct).image
    expected = predictor.networks.mean_logits(image, [0])
    network = predictor.networks.networks[0]
    passes = []

    class Small(torch.nn.Module):
        """A network for which two patches at once are too many, as on a small GPU."""

        def forward(self, batch):
            passes.append(len(batch))
            if len(batch) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return network(batch)

    predictor.networks.networks[0] = Small()
    predictor.networks.batch = 5
    with caplog.at_level(logging.WARNING, "livermet"):
        found = predictor.networks.mean_logits(image, [0])
    assert torch.equal(found, expected)
    assert passes[:4] == [5, 2, 1, 1]
    assert [r.args for r in caplog.records] == [(2,), (1,)]
    assert "half as many as before" in caplog.text


def test_one_patch_that_does_not_fit_ends_the_prediction(ct, tmp_path):
    predictor = made(tmp_path, plan())

    class TooSmall(torch.nn.Module):
        def forward(self, batch):
            raise torch.OutOfMemoryError("CUDA out of memory.")

    predictor.networks.networks[0] = TooSmall()
    with pytest.raises(torch.OutOfMemoryError, match="one patch"):
        predictor.networks.mean_logits(predictor.prepare(ct).image, [0])
