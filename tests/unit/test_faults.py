"""Devices, faults and interruptions of networks, told in words; no network."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from livermet import controller
from livermet.device import (
    CPU_FOR_GPU,
    GRANTS,
    can_compile,
    choose_device,
    granted_gpus,
    why_not_compiled,
)
from livermet.errors import InputError
from livermet.faults import check_loss, plain_faults
from livermet.interruption import RESUBMIT, Clock, InterruptionError
from livermet.jobs import job


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in (*GRANTS, CPU_FOR_GPU):
        monkeypatch.delenv(name, raising=False)


def test_auto_is_the_cpu_where_no_gpu_is_and_none_was_granted(no_gpu):
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="'cuda', but torch finds no GPU"):
        choose_device("cuda")


@pytest.mark.parametrize("name", ["CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS"])
def test_a_granted_gpu_that_torch_cannot_use_is_refused(name, no_gpu, monkeypatch):
    monkeypatch.setenv(name, "0")
    with pytest.raises(InputError, match=rf"a GPU \({name}=0\), but torch \S+ cannot use it"):
        choose_device("auto")
    assert choose_device("cpu") == torch.device("cpu")
    monkeypatch.setenv("LIVERMET_CPU_FOR_GPU", "1")
    assert choose_device("auto") == torch.device("cpu")


def test_a_driver_that_is_too_old_is_the_reason_that_is_told(no_gpu, monkeypatch):
    def too_old():
        raise RuntimeError(
            "The NVIDIA driver on your system is too old (found version 11040). Please update."
        )

    monkeypatch.setenv("SLURM_JOB_GPUS", "3")
    monkeypatch.setattr(torch.cuda, "init", too_old)
    with pytest.raises(InputError, match="driver on your system is too old"):
        choose_device("auto")


def test_what_grants_no_gpu():
    assert granted_gpus({}) == ""
    assert granted_gpus({"CUDA_VISIBLE_DEVICES": "", "SLURM_JOB_GPUS": "NoDevFiles"}) == ""
    assert granted_gpus({"CUDA_VISIBLE_DEVICES": "-1"}) == ""
    assert granted_gpus({"CUDA_VISIBLE_DEVICES": "1,2"}) == "CUDA_VISIBLE_DEVICES=1,2"


def test_a_gpu_that_cannot_compile_says_what_is_missing(monkeypatch):
    """No GPU is at hand: what is asked of one is its compute capability."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "capability 6.1, and 7.0 is needed" in why_not_compiled((6, 1))
    assert "no Triton" in why_not_compiled((8, 0))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    assert "no C compiler" in why_not_compiled((8, 0))
    monkeypatch.setenv("CC", "gcc")
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": "/nowhere"})
    assert "Python.h" in why_not_compiled((8, 0))


def test_what_cannot_be_compiled_is_trained_as_it_is_with_a_warning(monkeypatch, caplog):
    gpu = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    assert not can_compile(True, torch.device("cpu"))
    assert not can_compile(False, gpu)
    assert not caplog.text
    assert not can_compile(True, gpu)
    assert "The network is not compiled, since the GPU has compute capability 6.1" in caplog.text


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory."),
            "GPU's memory is used up.*smaller patch",
        ),
        (MemoryError(), "memory is used up: give the rule more mem_mb, or a smaller patch"),
        (
            RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed. "),
            "loads and augments was killed, most often for want of memory",
        ),
    ],
)
def test_known_faults_are_told(error, sentence):
    with pytest.raises(InputError, match=sentence), plain_faults("a smaller patch"):
        raise error


def test_memory_that_the_system_refuses_is_told():
    """A real refusal: 4 EB."""
    with pytest.raises(InputError, match="memory is used up"), plain_faults("a smaller patch"):
        torch.empty(2**60, dtype=torch.float32)


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shape mismatch"), plain_faults("a smaller patch"):
        raise RuntimeError("shape mismatch")


def test_a_loss_that_is_a_number_passes():
    check_loss(-0.5, "epoch 3", "rate")
    with pytest.raises(InputError, match=r"The loss is nan in epoch 3.*lower rate"):
        check_loss(float("nan"), "epoch 3", "rate")


def test_a_clock_is_due_after_its_minutes_and_on_a_signal():
    assert not Clock(0).due
    assert not Clock(1).due
    clock = Clock(1e-6, seconds_before=100)
    time.sleep(0.001)
    assert clock.due
    assert 100 < clock.seconds < 200
    clock = Clock(0)
    before = signal.getsignal(signal.SIGUSR1)
    with clock.listening():
        os.kill(os.getpid(), signal.SIGUSR1)
        assert clock.due
        with pytest.raises(InterruptionError, match=r"asked to stop \(SIGUSR1\).* in epoch 7"):
            clock.saved(7)
    assert signal.getsignal(signal.SIGUSR1) == before


def test_a_clock_listens_again_where_a_library_has_taken_its_signals():
    # As LLVM does when torch.compile writes kernels for a GPU: its handlers are set in C, so that
    # Python still names its own.
    swallow = ctypes.CDLL(None).signal
    swallow.argtypes, swallow.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
    clock = Clock(0)
    with clock.listening():
        swallow(signal.SIGUSR1, 1)  # SIG_IGN
        os.kill(os.getpid(), signal.SIGUSR1)
        assert clock.signal is None
        assert not clock.due
        os.kill(os.getpid(), signal.SIGUSR1)
        assert clock.due


def test_a_job_that_was_asked_to_leave_ends_with_its_own_status(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A job's code is its script, which a process of several tests has not.
    monkeypatch.setattr(sys.modules["__main__"], "__file__", __file__, raising=False)
    log = tmp_path / "results" / "run" / "logs" / "train.log"
    log.parent.mkdir(parents=True)
    snakemake = SimpleNamespace(log=["results/run/logs/train.log"], params={}, input={}, output=[])
    with pytest.raises(SystemExit) as ended, job(snakemake):
        raise InterruptionError("Training was asked to stop and is saved in epoch 7.")
    assert ended.value.code == RESUBMIT == 75
    assert log.read_text().endswith("saved in epoch 7.\n")


ORPHAN = """
import os, signal, sys, threading, time
from livermet import controller
from livermet.interruption import Clock
clock = Clock(0)
with clock.listening():
    threading.Thread(target=controller._watch, args=([], os.getppid()), daemon=True).start()
    print(os.getpid(), flush=True)
    while not clock.due:
        time.sleep(0.01)
    time.sleep(2)  # a checkpoint is written
    open(sys.argv[1], "w").write("saved")
"""


def test_a_training_outlives_its_controller_until_it_has_saved(tmp_path):
    """SLURM's signal reaches the controller too, which ends at once."""
    saved = tmp_path / "saved"
    shell = subprocess.Popen(
        ["sh", "-c", '"$0" -c "$1" "$2" & wait', sys.executable, ORPHAN, saved],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    training = int(shell.stdout.readline())
    os.kill(training, signal.SIGUSR1)
    shell.kill()
    shell.wait()
    until = time.monotonic() + 60
    while controller.process_of(training) and time.monotonic() < until:
        time.sleep(0.05)
    assert saved.read_text() == "saved"
