"""The command `livermet`: its list, what it hands on, and how it tells of bad input."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from livermet import commands
from livermet.cli import main
from livermet.config.loading import load_config
from livermet.ledger.assign import assign_from_config
from livermet.radiomics.ibsi.page import BEGIN, END

PACKAGE = Path(commands.__file__).parents[1]


def run(*arguments):
    """Run the command in this process; an exception that it does not catch fails the test."""
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture
def study(root, tmp_path, monkeypatch):
    """Return the small demo's config file, whose sheets are committed, with an empty ledger."""
    monkeypatch.chdir(root)
    keys = yaml.safe_load((root / "tests" / "demo" / "demo.yaml").read_text())
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(keys | {"ledger": str(tmp_path / "ledger")}))
    return path


def ledger_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.tsv")}


def test_help_lists_every_command_with_what_it_does():
    files = {path.stem for path in Path(commands.__file__).parent.glob("*.py")} - {"__init__"}
    assert files >= {"assign", "ibsi"}
    _, _, listed = run("--help").output.partition("Commands:\n")
    told = dict(line.split(maxsplit=1) for line in listed.splitlines())
    assert told.keys() == files
    for name in files:
        assert "Usage: " in run(name, "--help").output


def test_a_list_of_commands_imports_no_library_that_computes(root):
    """`livermet --help` answers at once; numpy and pandas alone take a second."""
    code = (
        "import sys; from livermet.cli import main; main(['--help'], standalone_mode=False); "
        "print(sorted({'numpy', 'pandas', 'torch', 'SimpleITK'} & sys.modules.keys()))"
    )
    result = python("-c", code)
    assert result.stdout.splitlines()[-1] == "[]", result.stderr


def test_the_package_is_a_command_where_it_is_not_installed():
    result = python("-m", "livermet", "--help")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Usage: livermet ")
    assert " assign " in result.stdout


def python(*arguments):
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_assign_writes_the_ledger_that_the_function_writes(root, study, tmp_path):
    result = run("assign", "--configfile", study)
    assert result.exit_code == 0, result.output
    config = load_config([root / "config" / "config.yaml", study])
    other = tmp_path / "other"
    told = assign_from_config(config | {"ledger": str(other)})
    assert result.stdout == told.replace(str(other), config["ledger"]) + "\n"
    assert ledger_of(tmp_path / "ledger") == ledger_of(other)
    assert len(ledger_of(other)) > 2


def refused(*arguments):
    """Run the command; give its sentences, which stand alone on stderr beside status 1."""
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    return result.stderr


def test_unknown_keys_end_assign_with_a_sentence_each(study, tmp_path):
    study.write_text(study.read_text() + "folds: 5\nseeds: 3\n")
    told = refused("assign", "--configfile", study)
    folds, seeds = told.splitlines()
    assert folds.startswith("Config key 'folds' is not known; remove it")
    assert seeds.startswith("Config key 'seeds' is not known; remove it")
    assert not (tmp_path / "ledger").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "There is no config file {path}; correct its path, or write the file."),
        ("run: a\nsplit: {folds: 5\n", "{path} is not valid YAML (line 3); correct it."),
        ("- run\n", "The config file {path} has no keys; config/README.md lists them."),
    ],
)
def test_a_config_file_that_cannot_be_read_is_named(tmp_path, content, sentence):
    path = tmp_path / "study.yaml"
    if content is not None:
        path.write_text(content)
    told = refused("assign", "--configfile", path)
    assert told.endswith(sentence.format(path=path) + "\n")
    assert len(told.splitlines()) == 1


def test_a_package_without_its_project_says_so(study, tmp_path, monkeypatch):
    monkeypatch.setattr("livermet.config.loading.PROJECT", tmp_path)
    told = refused("assign", "--configfile", study)
    assert told.startswith("livermet lies outside of a clone of its project: there is no ")


def test_ibsi_names_what_it_misses(tmp_path):
    page = tmp_path / "page.md"
    asked = ("ibsi", "--data", tmp_path, "--page", page)
    assert refused(*asked) == f"There is no page {page}; name one with --page.\n"
    page.write_text("no marks\n")
    assert refused(*asked).startswith("The page lacks the line ")
    page.write_text(f"{BEGIN}\n{END}\n")
    assert refused(*asked).startswith(f"There is no {tmp_path}")
    assert page.read_text() == f"{BEGIN}\n{END}\n"


def test_a_home_that_the_shell_left_unwritten_is_none_of_the_working_folder(tmp_path, monkeypatch):
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home, here):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    told = run("predict", "~/IMAGES", "--model=~/MODEL", "--out=~/OUT", "--secret=~/secret")
    assert told.exit_code == 1
    assert f"{home}/MODEL is no packed model" in told.stderr
    assert (home / "OUT").is_dir()
    assert not list(here.iterdir())
