"""Each job has a GPU of its own among several of one machine; the GPUs are a list that is given."""

import subprocess
import sys

from livermet import claims
from livermet.claims import claim, installed_gpus, visible_gpus

TWO = {"0": "GPU-aaaa", "1": "GPU-bbbb"}
HOLDS = """
import sys, time
from pathlib import Path
from livermet.claims import claim
print(claim(["GPU-aaaa", "GPU-bbbb"], Path(sys.argv[1])), flush=True)
time.sleep(60)
"""


def holder(folder) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", HOLDS, str(folder)], stdout=subprocess.PIPE)


def test_a_second_job_takes_the_second_gpu_and_a_third_waits_for_a_killed_one(tmp_path):
    first, second = holder(tmp_path), None
    try:
        assert first.stdout.readline() == b"0\n"
        second = holder(tmp_path)
        assert second.stdout.readline() == b"1\n"
        # A job that is killed with -9 frees nothing by itself: the system does.
        third = subprocess.Popen(
            [sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE
        )
        second.kill()
        assert third.stdout.readline() == b"1\n"
        third.kill()
    finally:
        for job in (first, second):
            if job:
                job.kill()
                job.wait()


def test_a_job_that_waits_says_so(tmp_path, caplog, monkeypatch):
    first = holder(tmp_path)
    first.stdout.readline()
    monkeypatch.setattr(claims.time, "sleep", lambda seconds: (first.kill(), first.wait()))
    assert claim(["GPU-aaaa"], tmp_path) == 0
    assert "Every GPU here has a job of livermet already" in caplog.text


def test_what_a_job_may_see_is_what_the_cluster_gave_it():
    assert visible_gpus(None, TWO) == ["GPU-aaaa", "GPU-bbbb"]
    assert visible_gpus("1", TWO) == ["GPU-bbbb"]
    assert visible_gpus("1,0", TWO) == ["GPU-bbbb", "GPU-aaaa"]
    assert visible_gpus("GPU-bbbb", TWO) == ["GPU-bbbb"]
    assert visible_gpus("MIG-GPU-cccc/1/0", TWO) == ["MIG-GPU-cccc/1/0"]
    assert visible_gpus("", TWO) == visible_gpus("-1", TWO) == []
    assert visible_gpus("0,7,1", TWO) == ["GPU-aaaa"]


def test_gpus_are_read_as_nvidia_smi_prints_them(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed_gpus() == {}
    # No GPU is here: the program prints what its manual shows for --format=csv,noheader.
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0, GPU-aaaa\\n1, GPU-bbbb\\n'\n")
    program.chmod(0o755)
    assert installed_gpus() == TWO
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'; exit 9\n")
    assert installed_gpus() == {}
