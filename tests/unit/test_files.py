"""Files appear whole or not at all, and what a killed writer left is removed."""

import numpy as np
import pytest
import SimpleITK as sitk

from livermet.errors import InputError
from livermet.files import read_json, remove_parts, whole_file, write_json


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("old")

    def write_half():
        with whole_file(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_not_there_before_the_block_ends(tmp_path):
    path = tmp_path / "folder" / "volume.nii.gz"
    with whole_file(path) as beside:
        beside.write_text("x")
        assert not path.exists()
        assert beside.name.endswith(".nii.gz")
    assert path.read_text() == "x"


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("shape", [(1, 1, 1), (20, 30, 40), (3, 4, 5, 2)])
def test_a_volume_that_was_cut_appears_not_at_all(kind, shape, tmp_path):
    noise = np.random.default_rng(1).integers(0, 100, shape).astype(kind)
    volume = sitk.GetImageFromArray(noise, isVector=len(shape) == 4)
    with whole_file(tmp_path / "whole.nii.gz") as beside:
        sitk.WriteImage(volume, str(beside))
    cut = tmp_path / "cut.nii.gz"
    written = (tmp_path / "whole.nii.gz").read_bytes()
    for length in (0, 1, 10, len(written) // 2, len(written) - 4, len(written) - 1):
        with pytest.raises(InputError, match="no room left"), whole_file(cut) as beside:
            beside.write_bytes(written[:length])
    assert [path.name for path in tmp_path.iterdir()] == ["whole.nii.gz"]


def test_parts_that_a_killed_writer_left_are_removed_and_nothing_else(tmp_path):
    kept = ["ct.nii.gz", ".12.mask.nii.gz", ".hidden.ct.nii.gz", "12.ct.nii.gz"]
    for name in [*kept, ".12.ct.nii.gz", ".345.ct.nii.gz"]:
        (tmp_path / name).write_text("x")
    (tmp_path / ".12.dicom").mkdir()
    (tmp_path / ".12.dicom" / "0001.dcm").write_text("x")
    remove_parts([tmp_path / "ct.nii.gz", tmp_path / "dicom", tmp_path / "not_there" / "t.tsv"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_json_passes_through(tmp_path):
    write_json({"b": 1, "a": [1.5, None]}, tmp_path / "r.json")
    assert read_json(tmp_path / "r.json") == {"a": [1.5, None], "b": 1}
