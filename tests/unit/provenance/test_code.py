"""What a rule depends on: logic and not words, neither sentences nor contracts, and pins."""

import shutil

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


@pytest.mark.parametrize("name", ["contracts", "errors", "jobs", "files", "provenance.records"])
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


PROMISE = """\
SCORES = Contract(
    files=("detection/*/scores.tsv",),
    row="a scan",
    columns=(
        Column("dice", SHARE, "overlap of lesions", missing="without a reference"),
        Column("volume_ml", NUMBER, "volume", unit="ml", low=0),
        *(Column(f"{name}_lesions", COUNT, f"number of {name}") for name in SIDES),
        Column("matched", FLAG, "whether it is matched", family=("any", "lits")),
    ),
    key=("dice",),
)
"""


@pytest.mark.parametrize("sentences", [True, False])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("overlap of lesions", "Dice"),
        ("without a reference", "where there is no reference"),
        (', missing="without a reference"', ""),
        ("low=0", "low=0, high=100"),
        ('unit="ml", ', ""),
        ("SHARE", "NUMBER"),
        ('"volume",', '"volume", words=WORDS,'),
        ('f"number of {name}"', '"how many"'),
        ("detection/*/scores.tsv", "tables/scores.csv"),
        ('row="a scan"', 'row="a series"'),
        ('key=("dice",)', 'key=("dice", "volume_ml")'),
        ('    key=("dice",),\n', ""),
    ],
)
def test_words_of_a_contract_do_not_change_the_hash(package, old, new, sentences):
    assert old in PROMISE
    before = package(second=PROMISE, sentences=sentences)
    assert package(second=PROMISE.replace(old, new), sentences=sentences) == before


@pytest.mark.parametrize("sentences", [True, False])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"dice", SHARE', '"lesion_dice", SHARE'),
        ("{name}_lesions", "{name}_voxels"),
        ("in SIDES", "in OTHERS"),
        ('("any", "lits")', '("any", "iou_0.5")'),
        ('("any", "lits")', '("lits", "any")'),
        ('("any", "lits")', "None"),
        (', family=("any", "lits")', ""),
        ("SCORES =", "SCANS ="),
    ],
)
def test_columns_of_a_contract_change_the_hash(package, old, new, sentences):
    assert old in PROMISE
    before = package(second=PROMISE, sentences=sentences)
    assert package(second=PROMISE.replace(old, new), sentences=sentences) != before


def test_the_order_and_the_number_of_columns_change_the_hash(package):
    first, second = PROMISE.splitlines(True)[4:6]
    exchanged = PROMISE.replace(first + second, second + first)
    assert exchanged != PROMISE
    assert (
        len({package(second=text) for text in (PROMISE, exchanged, PROMISE.replace(second, ""))})
        == 3
    )


def test_a_shared_column_counts_where_it_is_made(package):
    shared = (
        'DICE = Column("dice", SHARE, "overlap")\nT = Contract(files=(), row="", columns=(DICE,))\n'
    )
    before = package(second=shared)
    assert package(second=shared.replace("overlap", "Dice of lesions")) == before
    assert package(second=shared.replace('"dice"', '"voe"')) != before


def test_every_script_of_a_rule_has_a_hash_of_its_own(root):
    scripts = sorted((root / "workflow" / "scripts").glob("*.py"))
    hashes = {code.script_hash(script) for script in scripts}
    assert len(scripts) == len(hashes) > 50


def test_a_reason_that_is_written_into_a_table_counts(root, tmp_path, monkeypatch):
    """exported.tsv says why a series was not exported: other words are another result."""
    scripts, copy = root / "workflow" / "scripts", tmp_path / "livermet"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(scripts / "livermet", copy, ignore=ignored)
    monkeypatch.setattr(code, "PACKAGE", copy)
    hashes = {hash_of(scripts / "export_dicom.py")}
    for old, new in (("can no longer be read", "is unreadable"), ("a SEG has", "SEG has")):
        for path in (copy / "export").glob("*.py"):
            path.write_text(path.read_text().replace(old, new))
        hashes.add(hash_of(scripts / "export_dicom.py"))
    forget()
    assert len(hashes) == 3


def hash_of(script):
    forget()
    return code.script_hash(script)


def forget():
    for one in (code._logic, code._is_module):
        one.cache_clear()


def test_pins_of_conda_and_pip(tmp_path):
    file = tmp_path / "env.yaml"
    file.write_text(
        "channels: [conda-forge]\ndependencies:\n  - python =3.11\n  - pandas=3.1.1\n  - pip\n"
        "  - pip:\n      - torch==2.13.0\n"
        '      - nvidia-nccl-cu12 ==2.32.3; platform_system == "Linux"\n'
    )
    assert code.pinned_versions(file) == {
        "python": "3.11",
        "pandas": "3.1.1",
        "torch": "2.13.0",
        "nvidia-nccl-cu12": "2.32.3",
    }


WORDS = """\
from enum import StrEnum


class Grid(StrEnum):
    CORNER = "corner"


class Calls(StrEnum):
    WRONG = "wrong"


CALLS = tuple(one.value for one in Calls)
"""


@pytest.mark.parametrize(
    ("imported", "reaches"),
    [
        ("from livermet.vocabulary import Grid", False),
        ("from livermet.vocabulary import Calls, Grid", True),
        # What a definition uses counts with it.
        ("from livermet.vocabulary import CALLS", True),
        ("from livermet.models import NETWORKS", False),
        ("from livermet.models import classifiers", True),
        # Whatever may come of a module that is imported as a whole.
        ("from livermet import vocabulary", True),
        ("import livermet.vocabulary", True),
        ("from livermet.vocabulary import *", True),
    ],
)
def test_of_shared_definitions_those_count_that_are_used(package, imported, reaches):
    models = (
        "from livermet.vocabulary import CALLS\nNETWORKS = {'unet': 1}\n\n\n"
        "def classifiers():\n    return CALLS\n"
    )

    def hashed(words):
        return package(script=f"{imported}\n", vocabulary=words, models=models)

    more = WORDS.replace('"wrong"\n', '"wrong"\n    DISAGREE = "series disagree"\n')
    assert (hashed(more) != hashed(WORDS)) == reaches


@pytest.mark.parametrize(
    "other",
    [
        # A value that is set later, a base that changes, and what no name is bound by.
        WORDS + 'CALLS += ("none",)\n',
        WORDS.replace("class Calls(StrEnum)", "class Calls(Grid)"),
        WORDS + "Calls.WRONG.label = 'Wrong'\n",
        WORDS + "if CALLS:\n    del CALLS\n",
        WORDS.replace("enum import StrEnum", "words import StrEnum"),
    ],
)
def test_a_definition_counts_with_all_that_makes_it(package, other):
    script = "from livermet.vocabulary import CALLS\n"
    assert package(script=script, vocabulary=other) != package(script=script, vocabulary=WORDS)


@pytest.mark.parametrize(
    "rule",
    [
        *("train_monai", "train_nnunet", "describe_nnunet", "split_nnunet", "plan_nnunet"),
        *("preprocess_nnunet", "predict_monai", "predict_nnunet"),
    ],
)
def test_no_word_and_no_classifier_is_behind_a_network(root, rule):
    script = root / "workflow" / "scripts" / f"{rule}.py"
    behind = code._imported(code._logic(script))
    assert not {name for name in behind if name.startswith("vocabulary")}
    assert not {name for name in behind if name.startswith("models") and "lassifier" in name}
