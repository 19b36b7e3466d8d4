"""Journals: what is installed as pip says it, the commit as git says it, and no host's name."""

import json
import platform
import subprocess
import sys
import time
from importlib import metadata

from livermet.provenance.journal import (
    Journal,
    commit_of,
    in_utc,
    installed_packages,
    journal_path,
    read_journal,
    write_journal,
)


def test_installed_versions_are_those_that_python_tells():
    """As `importlib.metadata` reads them from the files themselves; the local version with them."""
    told = {}
    for one in metadata.distributions():
        told.setdefault(one.name.lower().replace("_", "-").replace(".", "-"), one.version)
    found = {
        name.replace(".", "-"): version for name, version in installed_packages(sys.path).items()
    }
    assert found == told


def test_the_first_folder_counts(tmp_path):
    for folder, version in (("first", "2.13.0+cpu"), ("second", "2.12.0")):
        (tmp_path / folder / f"torch-{version}.dist-info").mkdir(parents=True)
    (tmp_path / "second" / "old_name-1.0-py3.11.egg-info").mkdir()
    folders = [str(tmp_path / name) for name in ("first", "second", "nowhere")]
    assert installed_packages(folders) == {"torch": "2.13.0+cpu", "old-name": "1.0-py3.11"}


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_is_the_one_that_git_tells(tmp_path):
    clone = tmp_path / "clone"
    clone.mkdir()
    assert commit_of(clone) is None
    git(clone, "init", "--quiet")
    commit_of.cache_clear()
    assert commit_of(clone) is None
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "a")
    git(clone, "worktree", "add", "--quiet", str(tmp_path / "other"), "-b", "other")
    git(clone, "worktree", "add", "--quiet", "--detach", str(tmp_path / "detached"))
    expected = git(clone, "rev-parse", "HEAD")
    for packed in (False, True):
        if packed:
            git(clone, "pack-refs", "--all")
        for folder in ("clone", "other", "detached"):
            commit_of.cache_clear()
            assert commit_of(tmp_path / folder) == expected


def test_a_journal_comes_back_and_names_what_is_installed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = "results/demo/records/fit/LR.json"
    write_journal("fit", time.time() - 2, record)
    path = journal_path(record)
    assert str(path) == "results/demo/journal/fit/LR.json"
    journal = read_journal(path)
    assert 2 <= journal.seconds < 60
    assert journal.host["machine"] == platform.machine()
    assert platform.node() not in path.read_text()
    listed = json.loads(
        (tmp_path / f"results/demo/journal/environments/{journal.environment}.json").read_text()
    )
    assert listed["packages"]["numpy"] == metadata.version("numpy")


def test_half_a_journal_is_none(tmp_path):
    (tmp_path / "half.json").write_text('{"rule": "a"')
    assert read_journal(tmp_path / "half.json") is None
    assert read_journal(tmp_path / "nowhere.json") is None


def test_times_are_in_utc():
    # The epoch of Unix, one day and one second later.
    assert in_utc(86401.7) == "1970-01-02T00:00:01Z"
    assert Journal("a", in_utc(0), 1.0).started == "1970-01-01T00:00:00Z"
