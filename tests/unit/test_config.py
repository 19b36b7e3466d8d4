"""The config: overlays as Snakemake lays them, and a schema that refuses what it does not know."""

import pytest

from livermet.config import check_config, in_order, load_config
from livermet.errors import InputError


@pytest.fixture
def schema(root):
    return root / "config" / "schemas" / "config.schema.yaml"


def test_keys_are_laid_over_one_by_one(tmp_path):
    (tmp_path / "a.yaml").write_text("run: a\nsplit: {folds: 5, test: {source: 1}}\nx: [1, 2]\n")
    (tmp_path / "b.yaml").write_text("run: b\nsplit: {test: {target: 2}}\nx: [3]\n")
    assert load_config([tmp_path / "a.yaml", tmp_path / "b.yaml"]) == {
        "run": "b",
        "split": {"folds": 5, "test": {"source": 1, "target": 2}},
        "x": [3],
    }


def test_exchanged_lines_are_the_same_config():
    one = {"b": {"y": 1, "x": [2, 1]}, "a": 0}
    other = {"a": 0, "b": {"x": [2, 1], "y": 1}}
    assert repr(in_order(one)) == repr(in_order(other)) == "{'a': 0, 'b': {'x': [2, 1], 'y': 1}}"


@pytest.mark.parametrize("overlay", ["demo.yaml", None])
def test_the_projects_own_configs_pass(root, schema, overlay):
    files = [root / "config" / name for name in ("config.yaml", overlay) if name]
    check_config(load_config(files), schema)


def test_every_wrong_key_is_told_by_its_name(root, schema):
    config = load_config([root / "config" / "config.yaml"])
    config["split"] = config["split"] | {"folds": 1, "fold": 5}
    config["seed"] = "x"
    with pytest.raises(InputError) as caught:
        check_config(config, schema)
    told = str(caught.value).splitlines()
    assert len(told) == 3
    assert any("'split.folds'" in sentence and "minimum of 2" in sentence for sentence in told)
    assert any("'split'" in sentence and "'fold' was unexpected" in sentence for sentence in told)
    assert any("'seed'" in sentence and "not of type 'integer'" in sentence for sentence in told)


def harmonised(root, **phenotype):
    config = load_config([root / "config" / "config.yaml"])
    harmonisation = config["phenotype"]["harmonisation"] | {"by": "scanner"}
    config["phenotype"] = config["phenotype"] | {"harmonisation": harmonisation} | phenotype
    return config


def test_features_are_harmonised_where_a_run_knows_its_scanners(root, schema):
    assert (
        load_config([root / "config" / "config.yaml"])["phenotype"]["harmonisation"]["by"] is None
    )
    check_config(harmonised(root), schema)
    check_config(harmonised(root, protocols=["corrected"]), schema)


def test_a_harmonisation_that_could_not_be_done_is_refused(root, schema):
    with pytest.raises(InputError, match="which a finished feature table"):
        check_config(harmonised(root, table="features.csv"), schema)
    with pytest.raises(InputError, match="only the protocol 'corrected' harmonises"):
        check_config(harmonised(root, protocols=["published"]), schema)
    with pytest.raises(InputError, match="'site' is not one of"):
        check_config(harmonised(root, harmonisation={"by": "site"}), schema)
