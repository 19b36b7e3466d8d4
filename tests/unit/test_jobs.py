"""What a job tells when its disk is full."""

import errno
import subprocess
import sys

import pytest

from livermet.errors import InputError
from livermet.files import full_disk, whole_file


def test_a_file_that_finds_no_room_names_its_folder(tmp_path):
    def write():
        with whole_file(tmp_path / "a" / "ct.nii.gz") as beside:
            beside.write_bytes(b"part")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match=f"no room left for {tmp_path / 'a'}"):
        write()
    assert list((tmp_path / "a").iterdir()) == []


def test_the_systems_own_word_is_found_behind_a_librarys(tmp_path):
    error = RuntimeError("unexpected pos 512 vs 400")
    error.__context__ = OSError(errno.EDQUOT, "Disk quota exceeded")
    assert "a quota is used up" in full_disk(error, tmp_path)
    assert full_disk(RuntimeError("something else"), tmp_path) == ""
    assert full_disk(FileNotFoundError(errno.ENOENT, "no such file"), tmp_path) == ""


QUOTA = """
import resource, signal, sys
from pathlib import Path
import numpy as np, SimpleITK as sitk, torch
from livermet.errors import InputError
from livermet.files import whole_file
from livermet.images import write_image

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
noise = np.random.default_rng(0).integers(0, 256, (30, 40, 50)).astype(np.uint8)
folder = Path(sys.argv[1])
for name, write in {
    "array.npy": lambda path: np.save(path, noise),
    "weights.pt": lambda path: torch.save(torch.from_numpy(noise), path),
    "mask.nii.gz": lambda path: sitk.WriteImage(sitk.GetImageFromArray(noise), str(path)),
}.items():
    try:
        with whole_file(folder / name) as beside:
            write(beside)
    except InputError as error:
        print(error)
write_image(sitk.GetImageFromArray(noise[:2]), folder / "small.nii.gz")
"""


def test_a_quota_that_ends_a_write_is_told_whatever_library_writes(tmp_path):
    """A limit of a file's size stands for it: the disk has room. ITK raises no error at all."""
    command = [sys.executable, "-c", QUOTA, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.count(f"There is no room left for {tmp_path} (its disk is full, or a") == 3
    assert [path.name for path in tmp_path.iterdir()] == ["small.nii.gz"]


JOB = """
import sys
from types import SimpleNamespace
sys.path.insert(0, {package!r})
from livermet import jobs
jobs.end_with_controller = lambda: None
params = SimpleNamespace(items=lambda: [])
given = SimpleNamespace(items=lambda: [])
with jobs.job(SimpleNamespace(rule="a", log=["/dev/full"], params={{}}, input=given, output=[])):
    print("progress")
"""


def test_a_full_disk_that_holds_the_log_too_is_told_where_snakemake_was_started(root, tmp_path):
    """/dev/full is a file of the system to which nothing can be written."""
    code = JOB.format(package=str(root / "workflow" / "scripts"))
    script = tmp_path / "script.py"
    script.write_text(code)
    ended = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "no room left" in ended.stderr
