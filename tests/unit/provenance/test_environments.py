"""The environments of envs/: complete, in the lock's versions, and enough for what rules import."""

import ast
import re
import sys
from functools import cache
from importlib import metadata

import pytest
from packaging.utils import canonicalize_name

from livermet.provenance import code, environments
from livermet.provenance.environments import ENVIRONMENTS

# Imported by functions of `phenotype.table` and `ingest.rtstruct` that these rules do not call.
NOT_CALLED = {
    "export": {"scikit-image"},
    "ingest": {"scikit-learn"},
    "radiomics": {"scikit-learn"},
}


@pytest.fixture(scope="module")
def locked(root):
    return environments.locked_packages((root / "requirements.lock").read_text())


@pytest.fixture(scope="module")
def scripts(root):
    """Return the scripts of each environment, as the rules call them."""
    found, environment = {name: set() for name in ENVIRONMENTS}, ""
    called = r'"\.\./(?:envs/(\w+)\.yaml|workflow/scripts/(\w+)\.py)"'
    for path in (root / "rules").glob("*.smk"):
        for name, script in re.findall(called, path.read_text()):
            environment = name or environment
            if script:
                found[environment].add(root / "workflow" / "scripts" / f"{script}.py")
    return found


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_file_is_what_make_envs_writes_of_the_lock(root, locked, name):
    written = environments.environment_file(ENVIRONMENTS[name], locked)
    assert (root / "envs" / f"{name}.yaml").read_text() == written


def test_there_is_no_other_file(root):
    assert {path.stem for path in (root / "envs").glob("*.yaml")} == set(ENVIRONMENTS)


def test_whatever_a_locked_package_needs_is_locked(locked):
    """But for what a build of torch needs: it pins CUDA's libraries itself."""
    needed = {
        other
        for name in locked.keys() - {"torch"}
        for other, _ in environments._requirements(name, "")
    }
    assert needed <= locked.keys()


def test_extras_and_markers_count_and_other_systems_do_not(locked, monkeypatch):
    said = {
        "torch": ["scipy; platform_system == 'Linux'", "six; platform_system == 'Windows'"],
        "scipy": ["httpx[http2]", "cuda-toolkit; platform_system == 'Linux'"],
        "httpx": ["idna", "h2; extra == 'http2'", "click; extra == 'cli'"],
    }
    monkeypatch.setattr(environments.metadata, "requires", said.get)
    assert environments.needed(["torch"], locked) == {"torch", "scipy", "httpx", "idna", "h2"}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_its_scripts_import_is_named(scripts, name):
    assert scripts[name]
    assert imported(scripts[name]) - NOT_CALLED.get(name, set()) <= ENVIRONMENTS[name].named


def imported(scripts):
    """Name the distributions that scripts import, by themselves or through livermet."""
    modules, waiting, found = set(), set(scripts), set()
    while waiting:
        path = waiting.pop()
        modules.add(path)
        own, others = imports_of(path)
        found |= others
        waiting |= own - modules
    return found


@cache
def imports_of(path):
    """Return the modules of livermet and the distributions that one file imports."""
    tree = ast.parse(path.read_text())
    names = {*code._own_imports(tree)}
    names |= {name.rpartition(".")[0] for name in names} - {""}
    own = {code._source_of(name) for name in names if code._is_module(name)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    others = found - sys.stdlib_module_names - {"livermet"}
    return own, {canonicalize_name(distributions()[name][0]) for name in others}


distributions = cache(metadata.packages_distributions)


def test_only_what_results_depend_on_is_a_param(root):
    versions = environments.decisive_versions("nnunet")
    assert versions.keys() == {"python", *ENVIRONMENTS["nnunet"].decisive}
    assert versions["dynamic-network-architectures"] == "0.4.4"
    assert "timm" in code.pinned_versions(root / "envs" / "nnunet.yaml").keys() - versions.keys()


def test_python_is_that_of_make_setup(root):
    assert f"PYTHON ?= python{environments.PYTHON}\n" in (root / "Makefile").read_text()
