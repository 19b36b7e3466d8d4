"""What a rule depends on: logic and not words, pins, and a folder's listing."""

import pytest

from livermet import provenance


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Give a function that writes a package of two modules, of which `first` imports `second`."""
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)

    def write(first="from livermet.second import f\n", second="def f():\n    return 1\n"):
        (tmp_path / "first.py").write_text(first)
        (tmp_path / "second.py").write_text(second)
        (tmp_path / "third.py").write_text("x = 1\n")
        provenance._module_facts.cache_clear()
        return provenance.code_hash("first")

    yield write
    provenance._module_facts.cache_clear()


def test_words_do_not_change_the_hash(package):
    before = package()
    assert (
        package(second='"""What."""\n\n\ndef f():\n    """Why."""\n    return 1  # one\n') == before
    )


def test_logic_changes_the_hash_also_behind_an_import(package):
    before = package()
    assert package(second="def f():\n    return 2\n") != before
    assert package(first="from livermet.second import f\nf()\n") != before
    assert package(first="from livermet import second\n") != package(first="")


def test_a_module_that_is_not_imported_does_not_count(package, tmp_path):
    before = package()
    (tmp_path / "third.py").write_text("x = 2\n")
    provenance._module_facts.cache_clear()
    assert provenance.code_hash("first") == before


def test_an_unknown_module_is_refused():
    with pytest.raises(KeyError, match="no module 'nothing'"):
        provenance.code_hash("nothing")


def test_pins_of_conda_and_pip(tmp_path):
    file = tmp_path / "env.yaml"
    file.write_text(
        "channels: [conda-forge]\ndependencies:\n  - python =3.11\n  - pandas=3.1.1\n  - pip\n"
        "  - pip:\n      - torch==2.13.0\n"
    )
    assert provenance.pinned_versions(file) == {
        "python": "3.11",
        "pandas": "3.1.1",
        "torch": "2.13.0",
    }


def test_every_pin_is_the_version_that_the_tests_run_with(root):
    lock = provenance.re.findall(
        r"^([\w.-]+)==([\w.+]+)", (root / "requirements.lock").read_text(), provenance.re.M
    )
    locked = {name.lower().replace("_", "-"): version for name, version in lock}
    for environment in sorted((root / "envs").glob("*.yaml")):
        pinned = provenance.pinned_versions(environment)
        for name in pinned.keys() - {"python", "pip"}:
            assert pinned[name] == locked[name.replace("_", "-")], f"{environment.name}: {name}"


def test_a_slice_overwritten_in_place_changes_the_listing(tmp_path):
    (tmp_path / "1.dcm").write_bytes(b"ab")
    before = provenance.listing_digest(tmp_path)
    assert provenance.listing_digest(tmp_path) == before
    (tmp_path / "1.dcm").write_bytes(b"abc")
    assert provenance.listing_digest(tmp_path) != before
