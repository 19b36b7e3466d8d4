"""Runs of the short steps on the cluster that tests have started, by the project's own profile."""

import json
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from slurm import ROOT, wait
from study_runs import SUBMITTED, TIMERS, begin

STEPS = Path(__file__).parent / "steps"
SECONDS_OF_A_RUN = 300


@dataclass
class Run:
    """One study of short steps in a folder of its own, and the controller that runs it."""

    folder: Path
    profile: str = "profiles/slurm"
    process: subprocess.Popen | None = None
    starts: int = 0
    config: dict = field(default_factory=dict)

    def start(self, *options: str, **config) -> None:
        """Start snakemake, with the project's own profile, as README names it."""
        self.starts += 1
        self.config |= config
        command = [sys.executable, "-m", "snakemake", "--profile", self.profile]
        command += TIMERS
        command += ["--snakefile", str(STEPS / "Snakefile"), "--directory", str(self.folder)]
        command += ["--config", *(f"{key}={value}" for key, value in self.config.items())]
        command += options
        self.process = begin(command, self.printed.open("a"))

    @property
    def printed(self) -> Path:
        return self.folder / "printed.txt"

    def said(self) -> str:
        return self.printed.read_text()

    def wait(self, seconds: float = SECONDS_OF_A_RUN) -> int:
        return self.process.wait(seconds)

    def finish(self, *targets: str, **config) -> int:
        self.start("--", *targets, **config)
        return self.wait()

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def path(self, name: str) -> Path:
        return self.folder / "results" / "steps" / name

    def journal(self, name: str) -> list[dict]:
        """Return what a step noted while it worked, of all its attempts."""
        path = self.path(f"{name}.journal")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for_epoch(self, name: str, epoch: int = 1, seconds: float = 120) -> None:
        wait(lambda: any(row.get("epoch", 0) >= epoch for row in self.journal(name)), seconds)

    def submitted(self) -> list[str]:
        """Return the numbers of all SLURM jobs that were submitted."""
        return SUBMITTED.findall(self.said())


def profile_with(folder: Path, **lines: str) -> str:
    """Copy the profile, with lines of its first part changed as an administrator does."""
    text = (ROOT / "profiles" / "slurm" / "profile.yaml").read_text()
    for key, value in lines.items():
        text, count = re.subn(rf"^  {key}: .*$", f"  {key}: {value}", text, flags=re.M)
        assert count, key
    place = folder / "profile"
    place.mkdir()
    (place / "profile.yaml").write_text(text)
    return str(place)
