"""`make assign` looks at headers before it gives anybody a place."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from livermet.config.loading import load_config
from livermet.errors import InputError
from livermet.ledger.assign import assign_from_config, differing_grids
from livermet.ledger.tables import read_ledger


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


@pytest.fixture
def config(root, tmp_path, monkeypatch):
    """Return the demo's config, whose sheets are committed, with a ledger of its own."""
    monkeypatch.chdir(root)
    known = load_config([root / "config" / "config.yaml", "tests/demo/demo.yaml"])
    return known | {"ledger": str(tmp_path / "ledger")}


def files(config):
    return {path: path.read_bytes() for path in Path(config["ledger"]).rglob("*.tsv")}


def test_assigning_twice_changes_no_file_and_makes_what_is_committed(config, root):
    assert " 0 patients" not in assign_from_config(config)
    first = files(config)
    assert "ledger: 0 patients, 0 series and 0 training sets added" in assign_from_config(config)
    assert files(config) == first
    committed = root / "tests" / "demo" / "cohort" / "ledger"
    for path, content in first.items():
        assert (committed / path.relative_to(config["ledger"])).read_bytes() == content


def test_nothing_is_added_to_an_edited_ledger(config):
    assign_from_config(config)
    splits = Path(config["ledger"]) / "splits.tsv"
    splits.write_text(splits.read_text() + "by_hand\tLiTS\t0\n")
    edited = files(config)
    with pytest.raises(InputError, match=r"splits\.tsv .* \(not written by make assign: line"):
        assign_from_config(config)
    assert files(config) == edited


@pytest.mark.parametrize("lost", ["splits.tsv", "batches.tsv", "training_sets/lits.tsv", "*.tsv"])
def test_an_interrupted_assignment_is_finished(config, lost):
    """The seal is there, and a table, or each, is not yet."""
    assign_from_config(config)
    whole = files(config)
    for path in Path(config["ledger"]).rglob(lost):
        if path.name != "seal.tsv":
            path.unlink()
    with pytest.raises(InputError, match=r"make assign was interrupted.* Run make assign again"):
        read_ledger(config["ledger"])
    assign_from_config(config)
    assert files(config) == whole
