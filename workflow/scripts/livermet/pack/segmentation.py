"""The networks of a model as files of plain tensors, and what nnU-Net needs beside them.

nnU-Net's networks lie as its own commands expect them (plans.json, dataset.json,
fold_<k>/checkpoint_final.pth), so that `nnUNetv2_predict_from_modelfolder` reads them too. Of a
checkpoint that is kept which predicts; of dataset.json that which does not name the training
cases.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.serialization import safe_globals

from livermet.errors import InputError, stop_on
from livermet.files import read_json, write_json
from livermet.models import NETWORKS
from livermet.monai.networks import load_state, save_state
from livermet.nnunet.layout import (
    CONFIGURATION,
    PLANS,
    dataset_name,
    fold_folder,
    preprocessed_folder,
)
from livermet.nnunet.weights import HARMLESS, read_pretrained

FOLDER = "segmentation"
NNUNET, MONAI = "nnunet", "monai"
PLAN, DESCRIPTION, CHECKPOINT, MODEL = (
    "plans.json",
    "dataset.json",
    "checkpoint_final.pth",
    "model.pt",
)
# What nnU-Net builds a network and its labels from; all else in dataset.json is of the cases.
DESCRIBED = ("channel_names", "labels", "file_ending", "regions_class_order")
# livermet's trainer trains nnU-Net's own network, which this one builds without livermet.
BUILT_BY = "nnUNetTrainer"


def pack_networks(run: Path, settings: Mapping[str, Any], model: str, folder: Path) -> list[str]:
    """Write a model's networks into a folder that is yet to be; name them fold by fold.

    `settings` are the run's (provenance/settings.json). Raises InputError that names every file
    which the run lacks.
    """
    if NETWORKS[model].family == MONAI:
        return _pack_monai(run, model, folder)
    return _pack_nnunet(run, settings, model, folder)


def _pack_monai(run: Path, model: str, folder: Path) -> list[str]:
    trained = run / "monai" / model / MODEL
    stop_on(_missing([trained]))
    folder.mkdir(parents=True)
    save_state(load_state(trained), folder / MODEL)
    return [MODEL]


def _pack_nnunet(run: Path, settings: Mapping[str, Any], model: str, folder: Path) -> list[str]:
    name = dataset_name(model, settings["training_sets"][NETWORKS[model].training_set])
    root = f"{run}/{NNUNET}"
    made = Path(preprocessed_folder(root, name))
    plan, description = made / f"{PLANS}.json", made / DESCRIPTION
    checkpoints = [
        Path(fold_folder(root, name, fold)) / CHECKPOINT
        for fold in range(settings["split"]["folds"])
    ]
    stop_on(_missing([plan, description, *checkpoints]))
    folder.mkdir(parents=True)
    write_json(read_json(plan), folder / PLAN)
    content = read_json(description)
    write_json({key: content[key] for key in DESCRIBED if key in content}, folder / DESCRIPTION)
    names = []
    for fold, checkpoint in enumerate(checkpoints):
        names.append(f"fold_{fold}/{CHECKPOINT}")
        save_state(_predicting(checkpoint), folder / names[-1])
    return names


def _predicting(checkpoint: Path) -> dict[str, Any]:
    """Keep of a checkpoint what a prediction reads."""
    opened = read_pretrained(checkpoint)
    with safe_globals(HARMLESS):
        content = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    return {
        "network_weights": {name: tensor.clone() for name, tensor in opened.weights.items()},
        "inference_allowed_mirroring_axes": content["inference_allowed_mirroring_axes"],
        "trainer_name": BUILT_BY,
        "init_args": {"configuration": CONFIGURATION},
    }


def _missing(paths: list[Path]) -> list[str]:
    return [
        f"{path} is not there: the run is not finished, or has no such model; run snakemake, then "
        "pack again."
        for path in paths
        if not path.is_file()
    ]


def check_networks(paths: list[Path]) -> None:
    """Raise InputError where a network's file holds more than tensors and plain values.

    Nothing is read but the list of its contents. What torch opens as data alone runs no program
    either where it is opened otherwise.
    """
    for path in paths:
        try:
            torch.load(path, map_location="meta", weights_only=True, mmap=True)
        except Exception as error:
            raise InputError(
                f"{path.name} holds more than a network's numbers, or is cut, and was not opened "
                f"({str(error).splitlines()[0]}): ask for another copy where it comes from."
            ) from error
