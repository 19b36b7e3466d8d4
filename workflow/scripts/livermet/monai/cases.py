"""Training and validation cases on the disk, as networks draw from them.

At the article's spacing a case takes half a GB and more, so that a training set fits into no
memory. What does not change from patch to patch (resampling, cropping, the centres to draw from) is
therefore made once and kept as NumPy's own files. They are mapped when a patch is drawn: the system
then reads that patch's slices alone, keeps what is read often, and shares it among the processes
that load.

A case is kept beside a record of what it was made from. Where that differs, or where a file is not
whole, the case is made again, so that a training that was interrupted finds those that are there.
None of these files is a declared output; they go when a network is in use.
"""

import logging
import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import ClassesToIndices, SpatialPad

from livermet.checkpoints import digests
from livermet.files import onto_disk, read_json, whole_file, write_json
from livermet.monai.architectures import CLASSES
from livermet.monai.networks import foreground
from livermet.monai.settings import Settings, zyx
from livermet.monai.volumes import LOWEST_HU, read_case

LOG = logging.getLogger("livermet")
RECORD = "case.json"
# Voxels a class and case that a patch's centre is drawn from; all of a CT's would fill the memory.
CENTRES_PER_CLASS = 20_000

# HU (int16) and labels (uint8), z, y, x.
Volumes = tuple[np.ndarray, np.ndarray]
Arrays = Mapping[str, np.ndarray]
# Opens a case: its arrays by name.
Case = Callable[[], Arrays]


def to_draw_from(volumes: Volumes, settings: Settings) -> dict[str, np.ndarray]:
    """Make what patches are drawn from: `image` and `label` (1, z, y, x), `centres_<class>`.

    Cropped to the foreground, and padded to the patch where it is smaller; centres are places in
    the flattened label, at most 20,000 of a class, evenly spread.
    """
    patch = zyx(settings.patch_size)
    box = foreground(volumes[0], settings)
    image, label = (
        SpatialPad(patch, value=outside)(torch.from_numpy(np.ascontiguousarray(part[box]))[None])
        .as_tensor()
        .numpy()
        for part, outside in zip(volumes, (LOWEST_HU, 0), strict=True)
    )
    centres = ClassesToIndices(CLASSES, max_samples_per_class=CENTRES_PER_CLASS)(label)
    found = {f"centres_{number}": np.asarray(places) for number, places in enumerate(centres)}
    return {"image": image, "label": label} | found


def to_validate(volumes: Volumes) -> dict[str, np.ndarray]:
    """Name the whole volumes that a validation needs: `image` and `label`, (z, y, x)."""
    return {"image": volumes[0], "label": volumes[1]}


def tensor(array: np.ndarray) -> torch.Tensor:
    """Return a tensor of the same memory, which may be a file's that nobody writes to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(array)


@dataclass(frozen=True)
class Kept:
    """A case's files in a folder; called, it maps them."""

    folder: Path
    names: tuple[str, ...]

    def __call__(self) -> dict[str, np.ndarray]:
        """Map the arrays of the case, to be read alone."""
        return {name: np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in self.names}


def kept(folder: str | Path, of: Mapping[str, str], make: Callable[[], Arrays]) -> Kept:
    """Return a case that a folder keeps; it is made where it is not there, whole, or of the same.

    `of` are digests of all that it is made from (`livermet.checkpoints.digests`).
    """
    folder = Path(folder)
    if found := _whole(folder, of):
        return found
    shutil.rmtree(folder, ignore_errors=True)
    sizes = {}
    for name, array in make().items():
        path = folder / f"{name}.npy"
        with whole_file(path) as beside:
            np.save(beside, array)
            onto_disk(beside)
        sizes[name] = path.stat().st_size
    # The last: a case with a record is whole.
    write_json({"of": dict(of), "bytes": sizes}, folder / RECORD)
    onto_disk(folder)
    LOG.info("case %s is kept on the disk, %.2f GB", folder.name, sum(sizes.values()) / 1e9)
    return Kept(folder, tuple(sizes))


def cases_of(
    folder: Path,
    paths: Mapping[str, tuple[str | Path, str | Path]],
    checksums: Mapping[str, Mapping[str, str]],
    settings: Settings,
    validation: bool,
    also: Mapping[str, Any],
    before_each: Callable[[], object] = lambda: None,
) -> list[Kept]:
    """Return the cases of some series, one after the other, from a folder that keeps them.

    `paths` gives each series' CT and reference, `checksums` theirs (`ct`, `reference`); `also` is
    what else the arrays follow from; `before_each` is called before a case is made. Raises
    InputError where the grids of two files differ, and where the disk is full.
    """
    shape = {
        "spacing": settings.spacing_mm,
        "crop": settings.crop_foreground and settings.window_hu[0],
        "patch": settings.patch_size,
    }
    origin = {"made for validation": True, "spacing": settings.spacing_mm} if validation else shape

    def make(series: str) -> Arrays:
        before_each()
        volumes = read_case(*paths[series], settings.spacing_mm)
        return to_validate(volumes) if validation else to_draw_from(volumes, settings)

    return [
        kept(
            folder / series,
            digests(**checksums[series], settings=origin, **also),
            partial(make, series),
        )
        for series in paths
    ]


def _whole(folder: Path, of: Mapping[str, str]) -> Kept | None:
    try:
        record: dict[str, Any] = read_json(folder / RECORD)
        sizes = {name: (folder / f"{name}.npy").stat().st_size for name in record["bytes"]}
    except (FileNotFoundError, KeyError, ValueError):
        return None
    if record["of"] != dict(of):
        names = sorted(name for name in of if record["of"].get(name) != of[name])
        LOG.info("case %s is made again, since others are: %s", folder.name, ", ".join(names))
        return None
    if sizes != record["bytes"]:
        LOG.warning("case %s is not whole on the disk and is made again", folder.name)
        return None
    return Kept(folder, tuple(sizes))


def forget_cases(folder: str | Path) -> None:
    """Remove the kept cases of a network that is in use; a folder that may not be changed stays."""
    with suppress(OSError):
        shutil.rmtree(folder)
