"""nnU-Net's fingerprint, plan and preprocessed cases, with each file whole or absent."""

import logging
import os
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from copy import deepcopy
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import (
    DatasetFingerprintExtractor,
)
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import (
    ExperimentPlanner,
)
from nnunetv2.experiment_planning.experiment_planners.network_topology import (
    get_pool_and_conv_props,
)
from nnunetv2.experiment_planning.experiment_planners.residual_unets import (
    residual_encoder_unet_planners as residual,
)
from nnunetv2.utilities.json_export import recursive_fix_for_json_export
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from livermet.errors import InputError
from livermet.nnunet.dataset import READER, files_of_case
from livermet.nnunet.layout import CONFIGURATION, PLANS, case_files
from livermet.nnunet.pretrained import KEY, Described
from livermet.nnunet.weights import Opened

LOG = logging.getLogger("livermet")
MOST_FEATURES = 320  # ExperimentPlanner.UNet_max_features_3d
FEWEST_VOXELS = 4  # of an axis: ExperimentPlanner.UNet_featuremap_min_edge_length
MOST_HALVINGS = 999999  # ExperimentPlanner's: no limit
FEWEST_STAGES = 3  # with two, the only output is the one that nnU-Net's loss weights with zero
# Blocks of the residual encoder stand for the plain one's convolutions.
CONVOLUTIONS = ("n_conv_per_stage", "n_blocks_per_stage")
PER_STAGE = ("kernel_sizes", "strides", *CONVOLUTIONS)
NORMALIZATIONS = {"ct": "CTNormalization", "zscore": "ZScoreNormalization"}
# The article's (methods, on nnU-Net), in z, y, x; nnU-Net makes 64 of the 60 voxels.
PUBLISHED_SPACING_MM = (2.0, 0.789, 0.789)
PUBLISHED_PATCH = (60, 80, 80)


class _Returned:
    """A planner whose plan is returned and not merged into an older file."""

    def save_plans(self, plans: dict) -> None:
        recursive_fix_for_json_export(plans)

    def generate_data_identifier(self, configuration_name: str) -> str:
        # Planners of the residual encoder would share the default plan's cases, made otherwise.
        return f"{PLANS}_{configuration_name}"


class _Planner(_Returned, ExperimentPlanner):
    """nnU-Net's default."""


class _ResidualM(_Returned, residual.nnUNetPlannerResEncM):
    """nnU-Net's residual encoder for GPUs of 9 to 11 GB."""


class _ResidualL(_Returned, residual.nnUNetPlannerResEncL):
    """nnU-Net's residual encoder for GPUs of 24 GB."""


PLANNERS: dict[str, type[ExperimentPlanner]] = {
    "auto": _Planner,
    "published": _Planner,
    "resenc_m": _ResidualM,
    "resenc_l": _ResidualL,
}


def extract_fingerprint(dataset: str, workers: int) -> None:
    """Write dataset_fingerprint.json: spacings, shapes after cropping, foreground intensities."""
    extractor = DatasetFingerprintExtractor(dataset, workers)
    extractor.show_progress_bar = False
    extractor.run(overwrite_existing=True)


def plan_dataset(dataset: str, kind: str, overrides: dict) -> dict:
    """Let nnU-Net plan a dataset whose fingerprint exists, then apply the config's overrides.

    Writes dataset.json beside the fingerprint, where nnU-Net expects it. `kind` is `auto`,
    `published` (the article's spacing, patch and normalisation), `resenc_m` or `resenc_l`.
    Overrides are those of `override_plan`, and `spacing_mm` (z, y, x), the target spacing.
    """
    published = kind == "published"
    spacing = overrides.get("spacing_mm", PUBLISHED_SPACING_MM if published else None)
    planner = PLANNERS[kind](
        dataset,
        plans_name=PLANS,
        overwrite_target_spacing=[float(s) for s in spacing] if spacing else None,
    )
    plan = planner.plan_experiment()
    return override_plan(publish(plan) if published else plan, overrides)


def described(opened: Opened) -> Described:
    """Say how the network of an opened checkpoint was planned."""
    configuration = resolved(opened.plan, opened.configuration)
    return Described(opened.configuration, opened.plan, configuration, opened.description)


def resolved(plan: Mapping[str, Any], configuration: str) -> dict[str, Any]:
    """Return a configuration of a plan as nnU-Net of today writes it, without inheritance.

    Raises InputError where the plan does not have it, or no architecture that nnU-Net knows.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a plan is old is told by what it lacks
            return PlansManager(deepcopy(dict(plan))).get_configuration(configuration).configuration
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            f"The plan of the weights that '{KEY}' names has no usable "
            f"configuration '{configuration}' ({error}): name weights of nnU-Net version 2."
        ) from error


def adopt_plan(theirs: Described, dataset: str, overrides: dict) -> dict:
    """Make the plan of others that of a dataset of ours, then apply the config's overrides.

    Spacing, normalisation with its intensities, patch and network stay those that their weights
    were trained with; images are read by our reader. Overrides are those of `plan_dataset`.
    Raises InputError where the plan is not of a CT alone in three dimensions, or asks for
    preprocessing that is not nnU-Net's.
    """
    configuration = {
        key: deepcopy(value)
        for key, value in theirs.configuration.items()
        if key not in ("inherits_from", "next_stage")
    }
    why = _unusable(theirs)
    if why:
        raise InputError(
            f"The plan of the weights that '{KEY}' names cannot be that of this run: {why}; name "
            "weights of a 3d_fullres that sees a CT alone, or set that key to null and "
            "segmentation.nnunet.plans to 'published' or 'auto'."
        )
    configuration["data_identifier"] = f"{PLANS}_{CONFIGURATION}"
    if "spacing_mm" in overrides:
        configuration["spacing"] = [float(s) for s in overrides["spacing_mm"]]
    plan = deepcopy(dict(theirs.plan)) | {
        "dataset_name": dataset,
        "plans_name": PLANS,
        "image_reader_writer": READER,
        "configurations": {CONFIGURATION: configuration},
    }
    return override_plan(plan, overrides)


def _unusable(theirs: Described) -> str:
    """Say why a plan cannot be taken over; nothing where it can."""
    configuration = theirs.configuration
    if len(configuration["patch_size"]) != len(PUBLISHED_PATCH):
        return f"{theirs.name} has slices, and no volumes"
    if configuration.get("previous_stage"):
        return f"{theirs.name} is the second network of a cascade"
    if len(configuration["normalization_schemes"]) != 1:
        return f"it has {len(configuration['normalization_schemes'])} input channels"
    if configuration["preprocessor_name"] != "DefaultPreprocessor":
        return f"its preprocessing is {configuration['preprocessor_name']}"
    return ""


def publish(plan: dict) -> dict:
    """Give a plan the article's patch and normalisation; the argument stays as it is.

    The network has as many stages as nnU-Net makes of such a patch at the plan's spacing. It halves
    an axis until it has fewer than 8 voxels, and pads the patch so that each half is whole: at
    0.789 x 0.789 x 2 mm four times in plane and three times along z, so that 60 slices become 64.
    """
    plan = deepcopy(plan)
    configuration = plan["configurations"][CONFIGURATION]
    network = configuration["architecture"]["arch_kwargs"]
    _, strides, kernels, patch, _ = get_pool_and_conv_props(
        configuration["spacing"], PUBLISHED_PATCH, FEWEST_VOXELS, MOST_HALVINGS
    )
    stages, features = len(strides), network["features_per_stage"][0]
    convolutions = network["n_conv_per_stage"][0]
    network |= {
        "n_stages": stages,
        "features_per_stage": [min(features * 2**i, MOST_FEATURES) for i in range(stages)],
        "strides": [list(one) for one in strides],
        "kernel_sizes": [list(one) for one in kernels],
        "n_conv_per_stage": [convolutions] * stages,
        "n_conv_per_stage_decoder": [convolutions] * (stages - 1),
    }
    configuration["patch_size"] = [int(size) for size in patch]
    configuration["normalization_schemes"] = [NORMALIZATIONS["zscore"]]
    return plan


def override_plan(plan: dict, overrides: dict) -> dict:
    """Shrink the 3d_fullres configuration of a plan; the argument stays as it is.

    Overrides, each optional: `patch_size` (voxels, in the plan's axis order), `batch_size`,
    `n_stages`, `features` (of the first stage; doubled at each stage up to 320),
    `convolutions_per_stage`, `normalization` (`ct` or `zscore`), `torch_resampling` (true: linear
    resampling of the logits by torch in place of scikit-image; same interpolation, several times as
    fast on a large CT).
    Raises InputError where there are more stages than nnU-Net planned, or fewer than three (whose
    deep supervision nnU-Net weights with zero), or where the patch does not divide by the product
    of the strides.
    """
    plan = deepcopy(plan)
    configuration = plan["configurations"][CONFIGURATION]
    network = configuration["architecture"]["arch_kwargs"]
    stages = overrides.get("n_stages", network["n_stages"])
    if not FEWEST_STAGES <= stages <= network["n_stages"]:
        raise InputError(
            f"segmentation.nnunet.plan_changes.n_stages is {stages}, but must lie between "
            f"{FEWEST_STAGES} and {network['n_stages']}, the number in nnU-Net's own plan for this "
            "dataset."
        )
    features = overrides.get("features", network["features_per_stage"][0])
    network["n_stages"] = stages
    network["features_per_stage"] = [min(features * 2**i, MOST_FEATURES) for i in range(stages)]
    for key in PER_STAGE:
        if key in network:
            network[key] = network[key][:stages]
    network["n_conv_per_stage_decoder"] = network["n_conv_per_stage_decoder"][: stages - 1]
    if "convolutions_per_stage" in overrides:
        convolutions = overrides["convolutions_per_stage"]
        for key in CONVOLUTIONS:
            if key in network:
                network[key] = [convolutions] * stages
        network["n_conv_per_stage_decoder"] = [convolutions] * (stages - 1)
    configuration["patch_size"] = overrides.get("patch_size", configuration["patch_size"])
    configuration["batch_size"] = overrides.get("batch_size", configuration["batch_size"])
    if "normalization" in overrides:
        configuration["normalization_schemes"] = [NORMALIZATIONS[overrides["normalization"]]]
    if overrides.get("torch_resampling"):
        configuration["resampling_fn_probabilities"] = "resample_torch_fornnunet"
        configuration["resampling_fn_probabilities_kwargs"] = {
            "is_seg": False,
            "force_separate_z": None,
        }
    strides = [int(n) for n in np.prod(network["strides"], axis=0)]
    if any(
        size % stride for size, stride in zip(configuration["patch_size"], strides, strict=True)
    ):
        raise InputError(
            "segmentation.nnunet.plan_changes.patch_size is "
            f"{list(configuration['patch_size'])}, but its axes must be multiples of {strides}, "
            "the product of the network's strides."
        )
    return plan


def transfer_plan(plan: dict, dataset: str) -> dict:
    """Make a plan that was made for one dataset the plan of another, as fine-tuning needs it.

    Patch, spacing, normalisation and network stay those that the weights were trained with. Both
    datasets are read by the same class, so the name is all that changes
    (nnU-Net's move_plans_between_datasets.py).
    """
    return {**plan, "dataset_name": dataset}


def preprocess_dataset(
    description: dict, folder: str | Path, plan: dict, into: str | Path, workers: int
) -> None:
    """Crop, normalise and resample every case of a dataset into the folder of the cases.

    `description` is the content of dataset.json in `folder`. nnU-Net's own loop does the same,
    but clears the folder first, writes in place, and starts a process even for one worker.
    Raises InputError when a process is killed.
    """
    Path(into).mkdir(parents=True, exist_ok=True)
    cases = sorted(description["dataset"])
    preprocess = partial(_preprocess_case, description, folder, plan, into)
    if workers <= 1:
        _log_progress(map(preprocess, cases), len(cases))
        return
    try:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            _log_progress(pool.map(preprocess, cases), len(cases))
    except BrokenProcessPool as error:
        raise InputError(
            f"One of {workers} preprocessing processes was killed, most often for want of memory: "
            "give the rule more mem_mb or fewer threads."
        ) from error


def _log_progress(finished: Iterable[str], count: int) -> None:
    for done, series in enumerate(finished, start=1):
        LOG.info("preprocessed %s (%d of %d)", series, done, count)


def _preprocess_case(
    description: dict, folder: str | Path, plan: dict, into: str | Path, series: str
) -> str:
    image, reference = files_of_case(description, series, folder)
    plans = PlansManager(deepcopy(plan))
    configuration = plans.get_configuration(CONFIGURATION)
    beside = f".{os.getpid()}.{series}"
    configuration.preprocessor_class(verbose=False).run_case_save(
        f"{into}/{beside}", [image], reference, plans, configuration, description
    )
    for part, whole in zip(case_files(into, beside), case_files(into, series), strict=True):
        os.replace(part, whole)
    return series
