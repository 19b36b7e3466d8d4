"""A study whose every step runs in a job of the cluster that tests have started."""

import os
import re
import signal
import subprocess
from collections.abc import Sequence

from slurm import BIN, ROOT, ask
from small_study import Study

PLAN = re.compile(r"This plan makes (\d+) SLURM jobs of (\d+) steps; (\d+) of them ask for a GPU")
SUBMITTED = re.compile(r"submitted with SLURM jobid (\d+)")
BENCHMARK = re.compile(r"^    benchmark: (\S+)$", re.M)
RULE = re.compile(r"^(?:local)?rule (\w+):$", re.M)
# The profile waits for clusters as slow as real ones are.
TIMERS = (
    *("--slurm-init-seconds-before-status-checks", "2"),
    *("--seconds-between-status-checks", "2", "--latency-wait", "10"),
)
SECONDS_OF_A_RUN = 1500


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a shell that SLURM's commands are found in."""
    return os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"} | more


def begin(command: Sequence[str], printed, **more: str) -> subprocess.Popen:
    """Start snakemake in the project's root, as README does; interrupts are for it alone."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(**more),
        stdout=printed,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


class StudyRun:
    """A study's run by `snakemake --profile profiles/slurm`, and what SLURM knows of its jobs."""

    def __init__(self, study: Study):
        self.study = study
        self.printed = study.workdir / "printed.txt"

    def run(self, *targets: str, **more: str) -> None:
        """Run all of it; raises AssertionError, with what snakemake said, where it fails."""
        command = self.study.command(*TIMERS, *(["--", *targets] if targets else []))
        command[command.index("--profile") + 1] = "profiles/slurm"
        with self.printed.open("w") as stream:
            process = begin(command, stream, **more)
            try:
                assert process.wait(SECONDS_OF_A_RUN) == 0, self.said()[-6000:]
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
                    process.wait(120)

    def said(self) -> str:
        return self.printed.read_text()

    def planned(self) -> tuple[int, int, int]:
        """Return what the plan said: SLURM jobs, steps, and jobs with a GPU."""
        return tuple(map(int, PLAN.search(self.said()).groups()))

    def submitted(self) -> list[str]:
        """Return the numbers of all SLURM jobs that were submitted."""
        return SUBMITTED.findall(self.said())

    def log(self, number: str) -> str:
        """Return what a SLURM job wrote."""
        (log,) = (self.study.workdir / ".snakemake" / "slurm_logs").glob(f"**/{number}.log")
        return log.read_text()

    def rules(self, number: str) -> set[str]:
        """Name the rules that a SLURM job's own log says that it ran."""
        return set(RULE.findall(self.log(number)))

    def megabytes(self, number: str) -> float:
        """Return how much memory the largest script of a SLURM job took, by its benchmark."""
        files = set(BENCHMARK.findall(self.log(number)))
        assert files
        texts = [(self.study.workdir / file).read_text() for file in files]
        return max(float(text.splitlines()[1].split("\t")[2]) for text in texts)


def job(number: str) -> dict[str, str]:
    """Return what slurmctld knows of a job."""
    words = ask("scontrol", "--oneliner", "show", "job", number).split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def has_gpu(about: dict[str, str]) -> bool:
    """Tell whether a job asked for a GPU, in whichever way."""
    return any(key.startswith("TresPer") and "gpu" in value for key, value in about.items())
