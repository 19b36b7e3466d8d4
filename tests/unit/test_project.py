"""What makes livermet a project that others can join says the same thing in all of its files."""

import ast
import os
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import livermet
from livermet.cli import main

PACKAGE = Path(livermet.__file__).parent


@pytest.fixture(scope="module")
def pyproject(root):
    return tomllib.loads((root / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def locked(root):
    """Return the versions of requirements.lock by their canonical names."""
    lines = (root / "requirements.lock").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}


@pytest.fixture(scope="module")
def citation(root):
    return yaml.safe_load((root / "CITATION.cff").read_text())


def names(requirements):
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def test_the_version_stands_in_one_place(root, pyproject, citation):
    version = livermet.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert "version" not in pyproject["project"]
    assert pyproject["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "livermet.__version__"}
    assert "version" not in citation
    released = re.findall(r"^## \[(\d[^]]*)\]", (root / "CHANGELOG.md").read_text(), re.M)
    assert released[:1] in ([], [version])


def test_the_installed_package_has_this_version():
    try:
        installed = metadata.version("livermet")
    except metadata.PackageNotFoundError:
        # In CI make setup has run: that nothing is installed is a fault there.
        (pytest.fail if os.environ.get("CI") else pytest.skip)("livermet is not installed")
    assert installed == livermet.__version__


def test_the_command_tells_the_version(capsys):
    main(["--version"], standalone_mode=False)
    assert capsys.readouterr().out == f"livermet {livermet.__version__}\n"


def test_the_licence_is_the_same_everywhere(root, pyproject, citation):
    text = (root / "LICENSE").read_text()
    assert text.split()[:5] == ["Apache", "License", "Version", "2.0,", "January"]
    assert pyproject["project"]["license"] == citation["license"] == "Apache-2.0"
    assert pyproject["project"]["license-files"] == ["LICENSE"]


def test_the_citation_has_what_the_format_requires_and_the_article(citation):
    """Citation File Format 1.2.0: its four required keys, and those of a reference."""
    assert citation["cff-version"] == "1.2.0"
    assert citation.keys() >= {"message", "title", "authors"}
    (article,) = citation["references"]
    assert article.keys() >= {"type", "title", "authors", "journal", "year"}
    assert article["doi"] == "10.4274/dir.2025.253310"
    assert [author["family-names"] for author in article["authors"]][::8] == ["Ty", "Harmon"]


def test_what_is_required_is_locked(pyproject, locked):
    project = pyproject["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for group in groups:
        assert names(group) <= locked.keys()
        assert group == sorted(group)
        # A version has one place.
        assert not any(Requirement(line).specifier for line in group)
    for line in pyproject["build-system"]["requires"]:
        build = Requirement(line)
        assert build.specifier.contains(locked[canonicalize_name(build.name)])


def imported(folder):
    """Name the distributions that the Python files below a folder import."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    known = metadata.packages_distributions()
    others = found - sys.stdlib_module_names - {"livermet"}
    return {canonicalize_name(known[name][0]) for name in others}


def test_what_is_required_is_what_livermet_imports(pyproject):
    assert names(pyproject["project"]["dependencies"]) == imported(PACKAGE)


def test_the_package_takes_its_templates_and_tables_along(pyproject):
    taken = pyproject["tool"]["setuptools"]["package-data"]["*"]
    suffixes = {pattern.removeprefix("**/*") for pattern in taken}
    lying = {path.suffix for path in PACKAGE.rglob("*") if path.is_file()} - {".py", ".pyc"}
    assert lying <= suffixes
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert all((folder / "__init__.py").exists() for folder in folders)


def test_no_module_joins_those_whose_types_are_not_checked(pyproject):
    overrides = pyproject["tool"]["mypy"]["overrides"]
    ignored = {name for one in overrides if "ignore_errors" in one for name in one["module"]}
    assert ignored <= {"livermet.report.*"}


def test_hooks_of_a_commit_have_the_locks_versions(root, locked):
    hooks = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["id"] for hook in hooks] == ["ruff", "ruff-format", "snakefmt"]
    for hook in hooks:
        (tool,) = map(Requirement, hook["additional_dependencies"])
        assert hook["entry"].split()[0] == tool.name
        assert str(tool.specifier) == f"=={locked[tool.name]}"


def test_githubs_workflow_calls_what_ci_calls(root):
    targets = re.findall(r"^make (\w+)$", (root / ".ci" / "run").read_text(), re.M)
    (job,) = yaml.safe_load((root / ".github" / "workflows" / "ci.yml").read_text())[
        "jobs"
    ].values()
    called = [step["run"] for step in job["steps"] if "run" in step]
    # SLURM's daemons need root, which GitHub's runner is not, and Chromium is no package of its
    # system: there tests/slurm and tests/browser are skipped.
    targets.remove("slurm")
    targets.remove("browser")
    assert [line.split()[-1] for line in called] == targets
    assert all(re.fullmatch(r"(CI= )?make \w+", line) for line in called)
    (python,) = [step["with"]["python-version"] for step in job["steps"] if "python" in str(step)]
    assert f"PYTHON ?= python{python}\n" in (root / "Makefile").read_text()


def test_the_catalog_is_told_how_the_workflow_is_used(root):
    usage = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    deployment = usage["software-stack-deployment"]
    assert deployment["conda"] is True
    assert deployment["report"] is True
    assert (root / "config" / "README.md").exists()


def test_each_stage_has_one_name_in_rules_package_and_tests(root):
    """Only what holds no rule (what all stages share, and what decides training) has no room."""
    stages = {path.stem for path in (root / "rules").glob("*.smk")} - {"common", "training"}
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    tests = {path.name for path in (root / "tests" / "unit").iterdir() if path.is_dir()}
    assert stages <= rooms
    # Archive, config and ledger are there before the DAG, packed models after it; commands are its
    # face.
    assert rooms - stages == {"archive", "config", "ledger", "pack", "commands"}
    assert tests - {"__pycache__"} == (rooms - {"commands"})
    for name in ("common", "training"):
        assert not re.search(r"^ *rule\b", (root / "rules" / f"{name}.smk").read_text(), re.M)


def test_each_rule_has_a_script_of_its_name(root):
    """Rules that are made in a loop, one a batch or a model, are called as their script begins."""
    rules = "\n".join(path.read_text() for path in sorted((root / "rules").glob("*.smk")))
    named = set(re.findall(r"^ *rule (\w+):", rules, re.M))
    scripts = {path.stem for path in (root / "workflow" / "scripts").glob("*.py")}
    assert set(re.findall(r'"\.\./workflow/scripts/(\w+)\.py"', rules)) == scripts
    assert named <= scripts


def test_every_test_module_says_what_it_holds(root):
    modules = sorted((root / "tests").rglob("test_*.py"))
    told = {path.name: ast.get_docstring(ast.parse(path.read_text())) for path in modules}
    assert {name for name, words in told.items() if not words} == set()
