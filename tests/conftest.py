"""What all tests share: the project's root and the real data beside it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest

# What test files share lies beside this one.
sys.path.insert(0, str(Path(__file__).parent))

from livermet.config import load_config
from livermet.files import read_table

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
# Begun first, so that no process is left with one of them at the end.
LONGEST = ("demo", "reruns", "test_sts", "test_published")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items) -> None:
    """Keep what shares a long run in one process of `make test`, and begin with the longest."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group_of(item)))
    order = {group: number for number, group in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(_group_of(item), len(order)))


def _group_of(item) -> str:
    if "demo_run" in item.fixturenames:
        return "demo"
    folder = item.path.parent.name
    return folder if folder == "reruns" else item.path.stem


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared_data():
    """Give a function from a folder's name to its place among the real data, or skip the test."""

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
