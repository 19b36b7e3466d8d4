"""nnU-Net's fingerprint, plan and preprocessed cases, with each file whole or absent."""

import logging
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from copy import deepcopy
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import (
    DatasetFingerprintExtractor,
)
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import (
    ExperimentPlanner,
)
from nnunetv2.utilities.json_export import recursive_fix_for_json_export
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from livermet.errors import InputError
from livermet.nnunet.dataset import files_of_case
from livermet.nnunet.layout import CONFIGURATION, PLANS, case_files

LOG = logging.getLogger("livermet")
MOST_FEATURES = 320  # ExperimentPlanner.UNet_max_features_3d
FEWEST_STAGES = 3  # with two, the only output is the one that nnU-Net's loss weights with zero
PER_STAGE = ("kernel_sizes", "strides", "n_conv_per_stage")


class _Planner(ExperimentPlanner):
    """nnU-Net's planner, except that its plan is returned and not merged into an older file."""

    def save_plans(self, plans: dict) -> None:
        recursive_fix_for_json_export(plans)


def extract_fingerprint(dataset: str, workers: int) -> None:
    """Write dataset_fingerprint.json: spacings, shapes after cropping, foreground intensities."""
    extractor = DatasetFingerprintExtractor(dataset, workers)
    extractor.show_progress_bar = False
    extractor.run(overwrite_existing=True)


def plan_dataset(dataset: str, overrides: dict) -> dict:
    """Let nnU-Net plan a dataset whose fingerprint exists, then apply the config's overrides.

    Writes dataset.json beside the fingerprint, where nnU-Net expects it. Overrides are those of
    `override_plan`, and `spacing_mm` (z, y, x), the target spacing. An empty dictionary leaves
    nnU-Net's own plan.
    """
    spacing = overrides.get("spacing_mm")
    planner = _Planner(
        dataset,
        plans_name=PLANS,
        overwrite_target_spacing=[float(s) for s in spacing] if spacing else None,
    )
    return override_plan(planner.plan_experiment(), overrides)


def override_plan(plan: dict, overrides: dict) -> dict:
    """Shrink the 3d_fullres configuration of a plan; the argument stays as it is.

    Overrides, each optional: `patch_size` (voxels, in the plan's axis order), `batch_size`,
    `n_stages`, `features` (of the first stage; doubled at each stage up to 320),
    `convolutions_per_stage`, `torch_resampling` (true: linear resampling of the logits by torch
    in place of scikit-image; same interpolation, several times as fast on a large CT).
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
            f"segmentation.nnunet.plans.n_stages is {stages}, but must lie between "
            f"{FEWEST_STAGES} and {network['n_stages']}, the number in nnU-Net's own plan for this "
            "dataset."
        )
    features = overrides.get("features", network["features_per_stage"][0])
    network["n_stages"] = stages
    network["features_per_stage"] = [min(features * 2**i, MOST_FEATURES) for i in range(stages)]
    for key in PER_STAGE:
        network[key] = network[key][:stages]
    network["n_conv_per_stage_decoder"] = network["n_conv_per_stage_decoder"][: stages - 1]
    if "convolutions_per_stage" in overrides:
        convolutions = overrides["convolutions_per_stage"]
        network["n_conv_per_stage"] = [convolutions] * stages
        network["n_conv_per_stage_decoder"] = [convolutions] * (stages - 1)
    configuration["patch_size"] = overrides.get("patch_size", configuration["patch_size"])
    configuration["batch_size"] = overrides.get("batch_size", configuration["batch_size"])
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
            f"segmentation.nnunet.plans.patch_size is {list(configuration['patch_size'])}, but "
            f"its axes must be multiples of {strides}, the product of the network's strides."
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
