"""Weights of others: which file a fold begins from, and how their network is described.

Needs no nnU-Net. `weights` opens the files, `comparison` sets two networks beside each other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livermet.errors import InputError

KEY = "segmentation.nnunet.pretrained"


@dataclass(frozen=True)
class Described:
    """What a network was planned as: a configuration without inheritance, and dataset.json.

    `plan` is the content of the plans, `configuration` that of one of its configurations.
    """

    name: str
    plan: Mapping[str, Any]
    configuration: Mapping[str, Any]
    description: Mapping[str, Any]


def checkpoints_by_fold(path: str, folds: Iterable[int]) -> dict[int, str]:
    """Say which checkpoint each of a run's folds begins from.

    A file is that of all folds. Of a model's folder fold k begins from fold k, or all folds from
    its only one (fold_all, or a single one): its patients are others, so that any fold will do.
    Raises InputError where there is no file, or several folds and not the one that is wanted.
    """
    place = Path(path)
    if place.is_file():
        return dict.fromkeys(folds, path)
    found = {file.parent.name: str(file) for file in place.glob("fold_*/checkpoint_final.pth")}
    if not found:
        raise InputError(
            f"Config key '{KEY}' names neither a checkpoint nor a folder of an nnU-Net model with "
            "fold_<k>/checkpoint_final.pth (<trainer>__<plans>__<configuration> below nnU-Net's "
            "results); correct it, or set it to null."
        )
    if len(found) == 1:
        return dict.fromkeys(folds, next(iter(found.values())))
    lacking = [fold for fold in folds if f"fold_{fold}" not in found]
    if lacking:
        raise InputError(
            f"Config key '{KEY}' names a folder that has {', '.join(sorted(found))}, and no "
            f"checkpoint_final.pth of fold {', '.join(map(str, lacking))}; name one checkpoint, "
            "which all folds then begin from."
        )
    return {fold: found[f"fold_{fold}"] for fold in folds}
