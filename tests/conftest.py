"""What all tests share: the project's root and the real data beside it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest

# What test files share lies beside this one, and the cluster with its own tests.
sys.path.insert(0, str(Path(__file__).parent / "slurm"))
sys.path.insert(0, str(Path(__file__).parent))

from livermet.config.loading import load_config
from livermet.tables import read_table

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
# What shares a long run, by where it lies; every other file is a group of its own.
GROUPS = {
    "tests/demo": "demo",
    "tests/real/test_crlm.py": "demo",
    # One cluster a machine.
    "tests/reruns": "slurm",
    "tests/slurm": "slurm",
}
# Begun first, so that no process is left with one of them at the end.
LONGEST = ("slurm", "demo", "tests/real/test_sts.py", "tests/real/test_published.py")


def group_of(nodeid: str) -> str:
    """Name the tests that one process of `make test` has to run one after the other."""
    path = nodeid.partition("::")[0]
    return GROUPS.get(path) or GROUPS.get(path.rpartition("/")[0], path)


def pytest_xdist_make_scheduler(config, log):
    """Spread groups of tests over the processes."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return ByGroup(config, log)


def pytest_collection_modifyitems(items) -> None:
    """Begin with the longest groups."""
    for item in items:
        if "demo_run" in item.fixturenames and group_of(item.nodeid) != "demo":
            # Two processes would make the same results at the same time.
            raise pytest.UsageError(f"{item.nodeid} needs the demo's run; add its file to GROUPS.")
    order = {group: number for number, group in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(group_of(item.nodeid), len(order)))


def pytest_terminal_summary(terminalreporter, config) -> None:
    """Keep what failed and why, which `make test` prints at its very end, where CI shows it."""
    if config.getoption("numprocesses", None):
        path = config.cache.mkdir("failures") / "last.txt"
        path.write_text("\n".join(map(_told, _failures(terminalreporter))))


def _failures(reporter) -> list:
    return reporter.getreports("failed") + reporter.getreports("error")


def _told(report) -> str:
    lines = str(report.longrepr).strip().splitlines()
    found = [line for line in lines if line.startswith("E ")]
    return "\n    ".join([f"FAILED {report.nodeid} ({report.when})", *(found or lines)[-12:]])


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared_data():
    """Return a function from a folder's name to its place among the real data, or skip the test."""

    def folder(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            reason = f"the real data ../shared/data/{name} is not on this machine"
            # In CI the data are there: their absence is a fault and not a user's machine.
            (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
        return path

    return folder


@dataclass(frozen=True)
class DemoRun:
    """The small demo cohort's finished run: its config, its results, and snakemake upon it."""

    config_path: Path
    results: Path
    config: dict

    def snakemake(self, *options: str, configfile: Path | None = None) -> CompletedProcess:
        """Run snakemake in the project's root; a user's own run there is left alone."""
        # The config comes last: its option would take targets that follow it for config files.
        command = [sys.executable, "-m", "snakemake", "--nolock", *options]
        command += ["--configfile", str(configfile or self.config_path)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    def table(self, name: str) -> pd.DataFrame:
        """Read a table of the results."""
        return read_table(self.results / name)


@pytest.fixture(scope="session")
def demo_run() -> DemoRun:
    """Run the small demo cohort end to end, once for all tests; a second test run catches up."""
    config_path = ROOT / "tests" / "demo" / "demo.yaml"
    config = load_config([ROOT / "config" / "config.yaml", config_path])
    run = DemoRun(config_path, ROOT / "results" / config["run"], config)
    result = run.snakemake()
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-6000:]
    return run


def why_no_slurm() -> str:
    """Say why no cluster can be started here; nothing where it can."""
    if os.getuid() != 0:
        return "SLURM's daemons need root"
    if not (ROOT / ".slurm" / "bin" / "slurmctld").exists():
        return "SLURM is not unpacked here; `make slurm` does it from Debian's packages"
    return ""


@pytest.fixture(scope="session")
def slurm():
    """Start a cluster on this machine; where it cannot be had, skip, and fail in CI."""
    if reason := why_no_slurm():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    from slurm import Slurm

    cluster = Slurm()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def slurm_if_any(request):
    """Return the cluster where one can be had, else None; in CI it has to be had."""
    if why_no_slurm() and not os.environ.get("CI"):
        return None
    return request.getfixturevalue("slurm")
