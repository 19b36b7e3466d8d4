"""Features of IBSI's phantoms beside the consensus values, and what explains a difference."""

from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

from livermet.errors import InputError
from livermet.images import array_of, on_grid_of, read_image
from livermet.radiomics.ibsi.configurations import Configuration
from livermet.radiomics.ibsi.reference import agrees, read_consensus
from livermet.radiomics.ibsi.steps import STEPS, values_by_step


def read_phantom(folder: str | Path, name: str) -> tuple[sitk.Image, sitk.Image]:
    """Read a phantom of IBSI's data sets: CT (int16 HU, as livermet stores it) and mask (1 inside).

    folder: IBSI's data sets; name: `digital_phantom` or `ct_phantom`. Raises InputError where its
    files are not there.
    """
    nifti = Path(folder) / name / "nifti"
    ct, mask = (
        read_image(_present(nifti / file)) for file in ("image/phantom.nii.gz", "mask/mask.nii.gz")
    )
    return (
        on_grid_of(np.rint(array_of(ct)).astype(np.int16), ct),
        on_grid_of((array_of(mask) == 1).astype(np.uint8), mask),
    )


def compare(folder: str | Path, configuration: Configuration) -> pd.DataFrame:
    """Set the 107 features of a configuration beside IBSI's consensus values.

    folder: IBSI's data sets and `reference_values`. One row a feature: code, consensus and
    tolerance (empty where IBSI has no such feature), and the value at each step.
    """
    reference = _present(Path(folder) / "reference_values" / configuration.reference)
    consensus = read_consensus(reference, configuration.by_slice)
    values = values_by_step(*read_phantom(folder, configuration.folder), configuration)
    return values.join(consensus)


def _present(path: Path) -> Path:
    if not path.exists():
        raise InputError(
            f"There is no {path}; get IBSI's data sets and reference values "
            "(https://theibsi.github.io) and name their folder with --data."
        )
    return path


def agreement(comparison: pd.DataFrame) -> pd.DataFrame:
    """Say of each feature with a code whether its value agrees with the consensus, at each step."""
    coded = comparison.dropna(subset="code")
    return pd.DataFrame(
        {step: agrees(coded[step], coded["consensus"], coded["tolerance"]) for step in STEPS}
    )


def explaining_step(agreed: pd.DataFrame, step: str) -> pd.Series:
    """Number the step from which on a feature that disagrees at `step` agrees to the end.

    agreed: one row a feature, one column a step (`agreement`). Steps are numbered from 1 behind
    PyRadiomics' own way. 0: it agrees at `step`; NaN: it never agrees for good, so that no known
    difference explains it.
    """
    trailing = agreed.iloc[:, ::-1].cummin(axis=1).sum(axis=1)
    number = (len(STEPS) - trailing).where(trailing > 0)
    return number.mask(agreed[step], 0)
