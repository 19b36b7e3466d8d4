"""Weights that a network begins from: of the base in fine-tuning, or of others.

A checkpoint is a pickle, and a pickle can run any program. One of this run was made by this run;
one of others is opened as data alone (`read_pretrained`): of all that a pickle may call, torch then
calls what builds tensors, plain values and NumPy's numbers, which nnU-Net keeps of a training.
"""

import logging
import pickle
import re
from _codecs import encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy._core.multiarray import _reconstruct, scalar
from torch.serialization import safe_globals

from livermet.errors import InputError
from livermet.files import read_json
from livermet.nnunet.pretrained import KEY

LOG = logging.getLogger("livermet")
# The 1x1x1 convolutions that give the logits, one a stage of the decoder.
OF_CLASSES = ".seg_layers."
# What a parallel or a compiled training puts before the names of weights.
WRAPPERS = re.compile(r"^(module\.|_orig_mod\.)+")
NUMBERS = ("bool", "float16", "float32", "float64", "int32", "int64", "uint8", "uint32")
# NumPy 1 and 2 have the same functions at different places.
HARMLESS = [
    *((scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    *((_reconstruct, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    np.ndarray,
    np.dtype,
    encode,
    *(type(np.dtype(name)) for name in NUMBERS),
]


@dataclass(frozen=True)
class Pretrained:
    """A checkpoint of others that a fold begins from, and the SHA-256 of its file."""

    checkpoint: Path
    sha256: str


@dataclass(frozen=True)
class Opened:
    """What a checkpoint of others holds: its weights, and how it was planned and trained."""

    weights: Mapping[str, torch.Tensor]
    plan: dict[str, Any]
    configuration: str
    description: dict[str, Any]
    trainer: str
    epochs: int | None


def check_planned(pretrained: Pretrained, planned: Mapping[Any, str], fold: int | str) -> None:
    """Stop if a checkpoint of others is not the one that the run was planned with."""
    if pretrained.sha256 not in [sha for key, sha in planned.items() if str(key) == str(fold)]:
        raise InputError(
            f"{pretrained.checkpoint.name}, which fold {fold} begins from, has changed since this "
            "run was planned: run snakemake again."
        )


def read_pretrained(checkpoint: str | Path) -> Opened:
    """Open a checkpoint of others on the CPU, as data alone: no code of it is run.

    Plan, configuration and dataset.json are those that nnU-Net keeps in the checkpoint; where it
    has none, plans.json and dataset.json beside it or one folder above, and 3d_fullres.
    Raises InputError, which names what a checkpoint holds that is no data.
    """
    path = Path(checkpoint)
    content = _content_of(path)
    weights = content.get("network_weights")
    if not isinstance(weights, Mapping) or not all(map(torch.is_tensor, weights.values())):
        raise InputError(
            f"{path.name} has no 'network_weights', as nnU-Net's checkpoints have: name a "
            "checkpoint that nnU-Net's training has written."
        )
    arguments = content.get("init_args") or {}
    return Opened(
        weights={WRAPPERS.sub("", name): tensor for name, tensor in weights.items()},
        plan=arguments.get("plans") or _beside(path, "plans.json"),
        configuration=arguments.get("configuration", "3d_fullres"),
        description=arguments.get("dataset_json") or _beside(path, "dataset.json"),
        trainer=str(content.get("trainer_name", "not told")),
        epochs=content.get("current_epoch"),
    )


def _content_of(path: Path) -> dict[str, Any]:
    try:
        with safe_globals(HARMLESS):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        raise InputError(
            f"{path.name} holds more than data ({found[1] if found else 'objects of Python'}), "
            "and a checkpoint of others is opened as data alone, since it could run any program: "
            "ask those who made it for one that nnU-Net's own trainer has saved, or save its "
            "network_weights, init_args and trainer_name anew where you trust it."
        ) from error
    except (RuntimeError, EOFError) as error:
        raise InputError(
            f"{path.name} is no checkpoint that torch can open: it is cut, or of another program; "
            "copy it again."
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path.name} is no checkpoint of nnU-Net; name another file.")
    return content


def _beside(path: Path, name: str) -> dict[str, Any]:
    for folder in (path.parent, path.parent.parent):
        if (folder / name).is_file():
            return read_json(folder / name)
    raise InputError(
        f"{path.name} does not hold the plan that it was trained with, and {name} is neither "
        "beside it nor in the folder above: copy it there from the folder of the nnU-Net model."
    )


def begin_from(network: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> list[str]:
    """Load weights of others into a network; name the layers that keep their random weights.

    Those are segmentation layers of another number of classes. With the same number they are taken
    over, as livermet's own fine-tuning does and nnU-Net's does not.
    Raises InputError where any other weight is missing or has another shape.
    """
    inner: Any = getattr(network, "_orig_mod", network)  # the network inside a compiled one
    own = inner.state_dict()
    taken, anew = fitting(weights, own)
    left = [name for name in weights if name not in own]
    if left:
        LOG.warning("%d weights have no place in this network, such as %s", len(left), left[0])
    inner.load_state_dict(own | taken)
    return anew


def fitting(
    weights: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Choose the weights that a network can take over, and name the layers that it begins anew.

    Raises InputError where a weight that is no segmentation layer's does not fit.
    """
    fit = {
        name: weights[name]
        for name, tensor in own.items()
        if name in weights and weights[name].shape == tensor.shape
    }
    lacking = [name for name in own if name not in fit]
    foreign = [name for name in lacking if OF_CLASSES not in name]
    if foreign:
        there = weights.get(foreign[0])
        found = "it is missing" if there is None else f"there it is {tuple(there.shape)}"
        raise InputError(
            f"The weights that '{KEY}' names do not fit the network that "
            f"is planned, whatever their plan says: {len(foreign)} of {len(own)} differ, such as "
            f"{foreign[0]} ({found}, here {tuple(own[foreign[0]].shape)}); their trainer builds "
            "another network, so take weights of one that builds the plan's, or set that key to "
            "null."
        )
    return fit, sorted({name.rpartition(".")[0] for name in lacking})
