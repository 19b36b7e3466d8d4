"""What a rule depends on: logic and not words, and pins."""

import pytest

from livermet.provenance import code


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that writes a script and two modules, and hashes what the script uses."""
    monkeypatch.setattr(code, "PACKAGE", tmp_path)
    caches = (code._logic, code._is_module)

    def write(script="from livermet.second import f\nf()\n", second=F, sentences=True, **others):
        (tmp_path / "script.py").write_text(script)
        modules = {"second": second, "third": "x = 1\n"} | others
        for name, text in modules.items():
            path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        for one in caches:
            one.cache_clear()
        return code.script_hash(tmp_path / "script.py", sentences)

    yield write
    for one in caches:
        one.cache_clear()


F = "def f():\n    return 1\n"


def test_words_do_not_change_the_hash(package):
    told = (
        '"""What."""\nLOG = None\n\n\ndef f():\n    """Why."""\n'
        '    LOG.info("now")\n    if g:\n        raise ValueError(f"{g} is no number")\n'
        "    return 1  # one\n"
    )
    before = package(second=told)
    assert package(second=told.replace('"now"', '"then: %s", 3')) == before
    assert package(second=told.replace("is no number", "must be a number")) == before
    assert package(second=told.replace("Why", "What for").replace("# one", "# 1")) == before
    assert package(second=told.replace("ValueError", "KeyError")) != before
    assert package(second=told.replace("if g:", "if h:")) != before


def test_logic_changes_the_hash_in_the_script_and_behind_an_import(package):
    before = package()
    assert package(second="def f():\n    return 2\n") != before
    assert package(script="from livermet.second import f\nf(1)\n") != before
    assert package(script="from livermet import second\n") != package(script="")


def test_a_module_that_is_not_imported_does_not_count(package):
    assert package(third="x = 2\n") == package()


@pytest.mark.parametrize("name", ["errors", "jobs", "files", "provenance.records"])
def test_modules_that_decide_no_number_do_not_count(package, name):
    script = f"from livermet.{name} import x\nfrom livermet.second import f\n"
    before = package(script, **{name: "x = 1\n"})
    assert package(script, **{name: "x = 2\n"}) == before
    assert package(script, second="f = 2\n", **{name: "x = 1\n"}) != before


def test_a_sentence_counts_for_a_report_and_for_no_network(package):
    told = 'def f(name):\n    return [f"The network {name} is not there.", "mode"]\n'
    other = told.replace("not there", "missing")
    assert package(second=told) != package(second=other)
    assert package(second=told, sentences=False) == package(second=other, sentences=False)
    named = told.replace("mode", "model")
    assert package(second=told, sentences=False) != package(second=named, sentences=False)


def test_every_script_of_a_rule_has_a_hash_of_its_own(root):
    scripts = sorted((root / "workflow" / "scripts").glob("*.py"))
    hashes = {code.script_hash(script) for script in scripts}
    assert len(scripts) == len(hashes) > 50


def test_pins_of_conda_and_pip(tmp_path):
    file = tmp_path / "env.yaml"
    file.write_text(
        "channels: [conda-forge]\ndependencies:\n  - python =3.11\n  - pandas=3.1.1\n  - pip\n"
        "  - pip:\n      - torch==2.13.0\n"
    )
    assert code.pinned_versions(file) == {
        "python": "3.11",
        "pandas": "3.1.1",
        "torch": "2.13.0",
    }


def test_every_pin_is_the_version_that_the_tests_run_with(root):
    lock = code.re.findall(
        r"^([\w.-]+)==([\w.+]+)", (root / "requirements.lock").read_text(), code.re.M
    )
    locked = {name.lower().replace("_", "-"): version for name, version in lock}
    for environment in sorted((root / "envs").glob("*.yaml")):
        pinned = code.pinned_versions(environment)
        for name in pinned.keys() - {"python", "pip"}:
            assert pinned[name] == locked[name.replace("_", "-")], f"{environment.name}: {name}"
