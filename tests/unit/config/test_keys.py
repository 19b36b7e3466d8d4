"""The keys are the one source of the defaults, of the schema and of the page that explains them."""

import re

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from livermet.config import written
from livermet.config.keys import NOT_SET, Config, Keys
from livermet.config.loading import load_config
from livermet.models import CLASSIFIERS, NETWORKS, networks_of
from livermet.monai.architectures import ARCHITECTURES
from livermet.monai.settings import settings_of
from livermet.phenotype.classifiers import BUILDERS


def keys_of(section, prefix=""):
    """Name every key below a section, those that have no default too."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Keys) and "threads" not in type(value).model_fields:
            yield from keys_of(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def leaves(values, prefix=""):
    for name, value in values.items():
        if isinstance(value, dict) and value and "threads" not in value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


@pytest.mark.parametrize(
    ("file", "text"),
    [("config.yaml", written.defaults_file), ("schemas/config.schema.yaml", written.schema_file)],
)
def test_the_files_of_the_keys_are_as_make_config_writes_them(root, file, text):
    assert (root / "config" / file).read_text() == text()


def test_the_page_has_the_tables_that_make_config_writes(root):
    page = (root / "config" / "README.md").read_text()
    assert page == written.page(page)


def test_every_key_stands_once_in_the_defaults_and_in_the_page(root):
    keys = list(keys_of(Config()))
    rows = re.findall(r"^\| ([\w.]+) \|", (root / "config" / "README.md").read_text(), re.M)
    assert [row for row in rows if row in keys] == keys
    given = dict(leaves(yaml.safe_load((root / "config" / "config.yaml").read_text())))
    not_set = {name for name in keys if _value(Config(), name) is NOT_SET}
    # Nothing of nnU-Net's plan is changed.
    assert set(given) - {"segmentation.nnunet.plan_changes"} == set(keys) - not_set
    assert all(given[name] == _plain(_value(Config(), name)) for name in set(keys) - not_set)


def _value(config, name):
    for part in name.split("."):
        config = getattr(config, part)
    return config


def _plain(value):
    return value.model_dump() if isinstance(value, Keys) else value


def test_every_key_says_what_it_takes():
    def fields(section):
        for name, field in type(section).model_fields.items():
            value = getattr(section, name)
            if isinstance(value, Keys) and field.default_factory:
                yield from fields(value)
            else:
                yield field

    assert all(field.description for field in fields(Config()))


@pytest.mark.parametrize("overlay", [None, "demo.yaml", "published.yaml"])
def test_editors_and_runs_take_the_same_configs(root, overlay):
    """The schema, checked by jsonschema, and the keys, checked by pydantic."""
    schema = yaml.safe_load((root / "config" / "schemas" / "config.schema.yaml").read_text())
    files = [root / "config" / name for name in ("config.yaml", overlay) if name]
    config = load_config(files)
    jsonschema.validate(config, schema)
    Config.model_validate(config)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("split", "folds", 1),
        ("split", "folds", "5"),
        ("split", "fold", 5),
        ("detection", "connectivity", 8),
        ("detection", "matching", []),
        ("detection", "matching", ["lits", "lits"]),
        ("detection", "matching", ["iou_0"]),
        ("segmentation", "models", ["unet3d"]),
        ("segmentation", "lesion_probability", 1),
        ("phenotype", "assumed_auc", 1),
        ("phenotype", "bootstrap_draws", 99),
    ],
)
def test_editors_and_runs_refuse_the_same_values(root, section, key, value):
    schema = yaml.safe_load((root / "config" / "schemas" / "config.schema.yaml").read_text())
    config = load_config([root / "config" / "config.yaml"])
    config[section] = config[section] | {key: value}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, schema)
    with pytest.raises(ValidationError):
        Config.model_validate(config)


def test_a_network_may_have_a_key_of_its_own_and_no_unknown_one():
    config = load_config([written.FOLDER / "config.yaml"])
    monai = config["segmentation"]["monai"]
    monai["unet"] = monai["unet"] | {"batch_size": 2}
    Config.model_validate(config)
    assert settings_of(monai, "unet")["batch_size"] == 2
    assert settings_of(monai, "segresnet")["batch_size"] == 12
    for wrong in ({"batch_size": 0}, {"batches": 2}):
        monai["unet"] = {**monai["unet"], "batch_size": 2, **wrong}
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            Config.model_validate(config)


def test_what_is_listed_can_be_built_and_what_can_be_built_is_listed():
    assert set(networks_of("monai")) == set(ARCHITECTURES)
    assert set(CLASSIFIERS) == set(BUILDERS)
    assert {name for name in BUILDERS if BUILDERS[name].published} == {
        name for name, one in CLASSIFIERS.items() if one.published
    }
    numbers = [network.dataset for network in NETWORKS.values() if network.family == "nnunet"]
    assert len(set(numbers)) == len(numbers)
    assert all(isinstance(number, int) for number in numbers)


# The list, the builders, and what is of the article alone: its weights, its figure 5, its reasons.
NAMED = {
    "models.yaml",
    "monai/architectures.py",
    "phenotype/classifiers.py",
    "phenotype/published.py",
    "reproduction/comparison.py",
    "validation/null.py",
    "config/keys.py",
}


def test_no_other_module_or_rule_names_a_network_or_a_classifier(root):
    names = "|".join([*NETWORKS, *CLASSIFIERS])
    package = root / "workflow" / "scripts" / "livermet"
    files = [*package.rglob("*.py"), *root.glob("rules/*.smk"), *root.glob("workflow/scripts/*.py")]
    naming = {
        str(path.relative_to(package if package in path.parents else root))
        for path in files
        if re.search(rf"""["']({names})["']""", path.read_text())
    }
    # The kind of a network, its environment and its section of the config are called 'nnunet' too.
    of_kind = {"study.py", "rules/training.smk", "rules/nnunet.smk", "models.py"}
    of_kind |= {"provenance/environments.py", "status.py", "config/loading.py"}
    of_kind |= {"pack/folder.py", "pack/segmentation.py", "report/cards.py", "rules/report.smk"}
    of_kind |= {"report/methods.py"}
    # A forest takes as long as 30 other models: its search has parts.
    assert naming - NAMED - of_kind == {"rules/common.smk"}
