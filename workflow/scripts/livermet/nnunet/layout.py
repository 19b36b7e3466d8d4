"""Names and folders of an nnU-Net dataset, and the environment by which nnU-Net finds them.

nnU-Net's three roots lie in one folder: `raw`, `preprocessed` and `results`.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from livermet.models import NETWORKS

CONFIGURATION = "3d_fullres"
PLANS = "livermetPlans"
TRAINER = "nnUNetTrainerLivermet"


def dataset_name(model: str, training_set: str) -> str:
    """Name a model's dataset as nnU-Net wants it: Dataset, three digits, underscore, name."""
    return f"Dataset{NETWORKS[model].dataset:03d}_{training_set}"


def raw_folder(root: str, dataset: str) -> str:
    """Return the folder of dataset.json, which points at the ingested volumes."""
    return f"{root}/raw/{dataset}"


def preprocessed_folder(root: str, dataset: str) -> str:
    """Return the folder of fingerprint, plan and splits."""
    return f"{root}/preprocessed/{dataset}"


def case_folder(root: str, dataset: str) -> str:
    """Return the folder of the preprocessed cases."""
    return f"{preprocessed_folder(root, dataset)}/{PLANS}_{CONFIGURATION}"


def case_files(folder: str | Path, series: str) -> list[str]:
    """List the three files of a preprocessed case: image, labels, properties."""
    return [f"{folder}/{series}{ending}" for ending in (".b2nd", "_seg.b2nd", ".pkl")]


def missing_case_files(folder: str | Path, series: Iterable[str]) -> list[str]:
    """Name the preprocessed cases that are not whole; their rule declares their record alone."""
    return [
        f"The preprocessed case {name} is not whole in {folder}: remove cases.json beside that "
        "folder, and the next run makes all of them again."
        for name in series
        if not all(Path(file).exists() for file in case_files(folder, name))
    ]


def fold_folder(root: str, dataset: str, fold: int | str) -> str:
    """Return the folder of a fold's checkpoints, at the place where nnU-Net's own commands look."""
    return f"{root}/results/{dataset}/{TRAINER}__{PLANS}__{CONFIGURATION}/fold_{fold}"


@contextmanager
def nnunet_roots(root: str | Path, workers: int) -> Iterator[None]:
    """Point nnU-Net at its folders and set its augmentation processes, while the block runs."""
    wanted = {
        **{f"nnUNet_{kind}": f"{root}/{kind}" for kind in ("raw", "preprocessed", "results")},
        "nnUNet_extTrainer": str(Path(__file__).parent),
        "nnUNet_n_proc_DA": str(workers),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
