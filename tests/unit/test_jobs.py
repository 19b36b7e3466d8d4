"""What a job tells when its disk is full, or a GPU that it was given cannot be used."""

import errno
import subprocess
import sys

import pytest

from livermet.errors import InputError
from livermet.files import full_disk, whole_file
from livermet.jobs import refuse_cpu


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


def test_a_gpu_that_slurm_has_given_is_not_left_for_the_cpus(monkeypatch):
    """On a machine whose torch finds a GPU nothing is refused."""
    given = {"gpu": 1, "device": "auto"}
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    refuse_cpu(given)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    refuse_cpu({"device": "auto"})
    refuse_cpu(given | {"device": "cpu"})
    with pytest.raises(InputError, match="given this job a GPU, and torch finds none"):
        refuse_cpu(given)
    with pytest.raises(InputError, match="given this job a GPU"):
        refuse_cpu({"gres": "gpu:a100:1", "device": "auto"})
    monkeypatch.setenv("LIVERMET_CPU_FOR_GPU", "1")
    refuse_cpu(given)
