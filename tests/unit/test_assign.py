"""`make assign` looks at headers before it gives anybody a place."""

import nibabel as nib
import numpy as np
import pandas as pd

from livermet.assign import differing_grids


def write(path, shape, shift=0.0):
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    affine[0, 3] = shift
    path.parent.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(np.zeros(shape, np.uint8), affine), path)


def test_only_the_reference_on_another_grid_is_named(tmp_path):
    rows = []
    grids = {"same": ((4, 5, 3), 0), "moved": ((4, 5, 3), 1), "cut": ((4, 5, 2), 0)}
    for name, (shape, shift) in grids.items():
        write(tmp_path / name / "ct.nii.gz", (4, 5, 3))
        write(tmp_path / name / "reference.nii.gz", shape, shift)
        rows.append((name, f"{name}/ct.nii.gz", f"{name}/reference.nii.gz"))
    rows += [("none", "none/ct.nii.gz", ""), ("dicom", "dicom", "dicom/reference.nii.gz")]
    series = pd.DataFrame(rows, columns=["series", "image", "reference"])
    told = differing_grids(series, tmp_path)
    assert len(told) == 2
    assert told[0].startswith("Series 'moved': the reference lies on another grid")
    assert "1 mm apart" in told[0]
    assert told[1].startswith("Series 'cut'")
