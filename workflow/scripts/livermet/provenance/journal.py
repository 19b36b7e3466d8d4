"""Journals: when, where and with what a job ran, beside the record of what it was made from.

A record holds no time and no host, so that equal results have equal records. What differs between
two runs of the same inputs stands apart, in `results/<run>/journal/` under the record's name: start
and duration, the class of the host and never its name, the clone's commit, and the environment as
it is installed, which `results/<run>/journal/environments/` lists once.
"""

import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from livermet import __version__
from livermet.files import write_json

PROJECT = Path(__file__).parents[4]
# Of the name of a folder or file that describes an installed distribution.
DESCRIBES = (".dist-info", ".egg-info")
# What git prints of a commit; an older digest has 40 digits, a newer one 64.
COMMIT_DIGITS = frozenset({40, 64})


@dataclass(frozen=True)
class Journal:
    """One job's run: `started` is in UTC, `seconds` are those of its script's own work.

    `environment` names the list of installed packages by its digest.
    """

    rule: str
    started: str
    seconds: float
    host: dict[str, Any] = field(default_factory=dict)
    python: str = ""
    livermet: str = ""
    commit: str | None = None
    environment: str = ""


def journal_path(record: str | Path) -> Path:
    """Return the place of a job's journal by that of its record."""
    results, run, _, *name = Path(record).parts
    return Path(results, run, "journal", *name)


def write_journal(rule: str, began: float, record: str | Path) -> None:
    """Write what is to be told of a job that began at `began` (`time.time()`) and ends now."""
    path = journal_path(record)
    packages = installed_packages(sys.path)
    digest = digest_of(packages)
    listed = environment_path(path, digest)
    if not listed.exists():
        write_json({"python": platform.python_version(), "packages": packages}, listed)
    journal = Journal(
        rule=rule,
        started=in_utc(began),
        seconds=round(time.time() - began, 2),
        host=class_of_host(),
        python=platform.python_version(),
        livermet=__version__,
        commit=commit_of(PROJECT),
        environment=digest,
    )
    write_json(asdict(journal), path)


def read_journal(path: str | Path) -> Journal | None:
    """Read a journal; None where there is none, or none that can be read."""
    try:
        return Journal(**json.loads(Path(path).read_text()))
    except (FileNotFoundError, TypeError, ValueError):
        return None


def environment_path(journal: str | Path, digest: str) -> Path:
    """Return the place of a list of installed packages, by that of a journal that names it."""
    return Path(*Path(journal).parts[:3], "environments", f"{digest}.json")


def digest_of(packages: dict[str, str]) -> str:
    """Return the name of a list of packages: 16 digits of a digest of names and versions."""
    rows = (f"{name} {version}" for name, version in sorted(packages.items()))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def installed_packages(folders: Iterable[str]) -> dict[str, str]:
    """Read names and versions of the distributions that are installed in some folders.

    They are read from the names of the folders that describe them (Binary distribution format:
    `name-version.dist-info`, blanks and hyphens of the name written as underscores): to open each
    file would cost every job a tenth of a second. The first folder counts, as in an import.
    """
    found: dict[str, str] = {}
    for folder in folders:
        try:
            names = [name for name in os.listdir(folder or ".") if name.endswith(DESCRIBES)]
        except OSError:
            continue
        for name, dash, version in (name.rsplit(".", 1)[0].partition("-") for name in names):
            if dash:
                found.setdefault(name.lower().replace("_", "-"), version)
    return found


def class_of_host() -> dict[str, Any]:
    """Say on what kind of machine this process runs, without the machine's name."""
    host: dict[str, Any] = {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
    }
    # A job that used no GPU has not asked for one, and is not made to.
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        host["gpu"] = torch.cuda.get_device_name()
    return host


@cache
def commit_of(project: Path) -> str | None:
    """Return the commit that a clone has checked out; None where it is no clone.

    Git's files are read, since git itself is missing in some environments and takes a hundredth of
    a second (gitrepository-layout: HEAD, refs, packed-refs; of a worktree gitdir, commondir).
    """
    try:
        folder = project / ".git"
        if folder.is_file():
            folder = project / folder.read_text().removeprefix("gitdir:").strip()
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref:"):
            return head if len(head) in COMMIT_DIGITS else None
        name = head.removeprefix("ref:").strip()
        shared = folder / "commondir"
        if shared.exists():
            folder = folder / shared.read_text().strip()
        if (folder / name).exists():
            return (folder / name).read_text().strip()
        lines = (folder / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in lines if line.endswith(f" {name}")), None)
    except OSError:
        return None


def in_utc(seconds: float) -> str:
    """Write a time of `time.time()` as a date and time in UTC (ISO 8601), to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
