"""Predictions of a batch: written on their CT's grid, and gone on with after a kill."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from livermet.finished import Finished
from livermet.images import write_image
from livermet.jobs import own_script
from livermet.pipeline import Found, Ready, in_three_steps
from livermet.provenance.code import file_checksum, script_hash

LOG = logging.getLogger("livermet")


class Batch:
    """The scans of a job that predicts; those that a job which was stopped has finished are taken.

    `cts` maps series to CTs; `predictions` and `probabilities` are the job's declared files in the
    same order, the latter none where they are not saved. `origin` is all that decides the files of
    every scan apart from the job's code, `of_scan` what decides a scan's own apart from its CT; all
    of it JSON values.
    """

    def __init__(
        self,
        rule: str,
        cts: Mapping[str, str],
        predictions: Sequence[str],
        probabilities: Sequence[str],
        origin: Mapping[str, Any],
        of_scan: Mapping[str, Any] | None = None,
    ):
        self.cts = dict(cts)
        self.files = {name: [path] for name, path in zip(self.cts, predictions, strict=True)}
        for name, path in zip(self.cts, probabilities, strict=False):
            self.files[name].append(path)
        self.finished = Finished(predictions, rule, {**origin, "code": script_hash(own_script())})
        self.made_from = {
            name: [file_checksum(ct), (of_scan or {}).get(name)] for name, ct in self.cts.items()
        }

    def segment(
        self,
        prepare: Callable[[str], Ready],
        compute: Callable[[str, Ready], Found],
        write: Callable[[str, Found], None],
        threads: int,
    ) -> None:
        """Take each scan that is left, by the name of its series, through its three steps."""
        left = [
            name
            for name in self.cts
            if not self.finished.take(name, self.made_from[name], self.files[name])
        ]
        done = len(self.cts) - len(left)
        if done:
            LOG.info("%d of %d were segmented by a job that was stopped", done, len(self.cts))

        def finish(name: str, found: Found) -> None:
            write(name, found)
            self.finished.keep(name, self.made_from[name], self.files[name])

        scans = in_three_steps(left, prepare, compute, finish, threads)
        for number, name in enumerate(scans, start=done + 1):
            LOG.info("segmented %s (%d of %d)", name, number, len(self.cts))

    def forget(self) -> None:
        """Let go of what was kept for the next job: this one has ended."""
        self.finished.forget()


def write_on_grid(voxels: np.ndarray, ct: str | Path, path: str | Path) -> None:
    """Write an array (z, y, x) on the grid of a CT, whose header alone is read."""
    header = sitk.ImageFileReader()
    header.SetFileName(str(ct))
    header.ReadImageInformation()
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(header.GetSpacing())
    image.SetOrigin(header.GetOrigin())
    image.SetDirection(header.GetDirection())
    write_image(image, path)
