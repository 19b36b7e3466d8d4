"""The files of the packed model that a run predicts with."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from livermet.pack.layout import (
    CHECKPOINT,
    DESCRIPTION,
    MANIFEST,
    PHENOTYPE,
    PLAN,
    RECORD,
    SEGMENTATION,
    WEIGHTS,
)
from livermet.sources import link_of_model

if TYPE_CHECKING:
    from livermet.study import Study


@dataclass(frozen=True, eq=False)
class Packed:
    """The packed model of a run, by the link through which it enters the workflow."""

    study: "Study"

    def checkpoint(self, fold: int) -> str:
        """Return the network of a fold of the packed nnU-Net model."""
        return self._file(SEGMENTATION, CHECKPOINT.format(fold=fold))

    def plan(self) -> dict[str, str]:
        """Return the plan and the description of the packed nnU-Net model."""
        files = {"plan": PLAN, "description": DESCRIPTION}
        return {name: self._file(SEGMENTATION, file) for name, file in files.items()}

    def weights(self) -> str:
        """Return the packed network of MONAI."""
        return self._file(SEGMENTATION, WEIGHTS)

    def manifest(self) -> str | list[str]:
        """Return what the packed model says of itself, where the run has one."""
        return self._file(MANIFEST) if self.study.is_packed else []

    def phenotype(self) -> list[str]:
        """List the files of the packed classifier; none where the run has none."""
        if not self.study.is_packed:
            return []
        folder = Path(self.study.config["segmentation"]["packed"], PHENOTYPE)
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        return [self._file(PHENOTYPE, name) for name in names]

    def classifier(self) -> str | list[str]:
        """Return what the packed classifier says of itself, where the run has one."""
        return self._file(PHENOTYPE, RECORD) if self.phenotype() else []

    def _file(self, *names: str) -> str:
        return "/".join((link_of_model(self.study.config["run"]), *names))
