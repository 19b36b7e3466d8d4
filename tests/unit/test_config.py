"""The config: overlays as Snakemake lays them, and a schema that refuses what it does not know."""

from pathlib import Path

import pytest
import yaml

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


def pyradiomics_names():
    """The names that PyRadiomics' own schema knows."""
    import radiomics

    path = Path(radiomics.__file__).parent / "schemas" / "paramSchema.yaml"
    return set(yaml.safe_load(path.read_text())["mapping"]["setting"]["mapping"])


def test_settings_of_radiomics_have_pyradiomics_names(schema):
    known = yaml.safe_load(schema.read_text())["properties"]["radiomics"]["properties"]["settings"]
    assert len(known["properties"]) > 10
    assert set(known["properties"]) <= pyradiomics_names()


def test_settings_of_radiomics_are_pyradiomics_defaults_but_for_the_voxel(root):
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    settings = load_config([root / "config" / "config.yaml"])["radiomics"]["settings"]
    assert settings.pop("resampledPixelSpacing") == [1, 1, 1]
    # What its feature classes and its resegmentation fall back to (documentation, 'Settings').
    of_classes = {"binWidth": 25, "binCount": None, "voxelArrayShift": 0}
    of_mask = {"resegmentMode": "absolute", "resegmentShape": False}
    defaults = RadiomicsFeatureExtractor._getDefaultSettings() | of_classes | of_mask
    assert settings == {name: defaults[name] for name in settings}


@pytest.mark.parametrize(
    ("name", "value"),
    [("binwidth", 25), ("binWidth", 0), ("resegmentRange", []), ("label", 2), ("padDistance", 1.5)],
)
def test_settings_of_radiomics_are_checked_before_anything_runs(root, schema, name, value):
    config = load_config([root / "config" / "config.yaml"])
    config["radiomics"]["settings"][name] = value
    with pytest.raises(InputError, match=name):
        check_config(config, schema)
