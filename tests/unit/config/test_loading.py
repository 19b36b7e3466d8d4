"""The config: overlays as Snakemake lays them, and a check that refuses what it does not know."""

from pathlib import Path

import pytest
import yaml

from livermet.config.keys import Phenotype, RadiomicsSettings
from livermet.config.loading import check_config, in_order, load_config
from livermet.errors import InputError
from livermet.report import words
from livermet.vocabulary import AGGREGATIONS


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
def test_the_projects_own_configs_pass(root, overlay):
    files = [root / "config" / name for name in ("config.yaml", overlay) if name]
    check_config(load_config(files))


def test_the_aggregations_are_those_that_radiomics_makes_and_the_page_names():
    taken = Phenotype.model_json_schema()["properties"]["aggregation"]["enum"]
    assert set(taken) == set(AGGREGATIONS) == words.AGGREGATIONS.keys() - {"table"}


@pytest.mark.parametrize("aggregation", ["largest", "volume_weighted_mean", "sum"])
def test_an_aggregation_of_lesions_needs_their_features(root, aggregation):
    config = load_config([root / "config" / "config.yaml"])
    config["radiomics"] = config["radiomics"] | {"per_lesion": False}
    config["phenotype"] = config["phenotype"] | {"aggregation": aggregation}
    with pytest.raises(InputError) as caught:
        check_config(config)
    (told,) = str(caught.value).splitlines()
    assert f"'phenotype.aggregation' is '{aggregation}'" in told
    assert "radiomics.per_lesion is false" in told
    # Neither the union, nor the published protocol, nor a finished table asks for them.
    for change in ({"aggregation": "union"}, {"protocols": ["published"]}, {"table": "a.csv"}):
        check_config(config | {"phenotype": config["phenotype"] | change})


def test_every_wrong_key_is_told_by_its_name(root):
    config = load_config([root / "config" / "config.yaml"])
    config["split"] = config["split"] | {"folds": 1, "fold": 5}
    config["seed"] = "x"
    with pytest.raises(InputError) as caught:
        check_config(config)
    told = str(caught.value).splitlines()
    assert len(told) == 3
    says = "config/README.md says what each key takes."
    few = "should be greater than or equal to 2 (it is 1)"
    assert f"Config key 'seed': should be a valid integer (it is 'x'); {says}" in told
    assert f"Config key 'split.folds': {few}; {says}" in told
    (unknown,) = [sentence for sentence in told if "'split.fold'" in sentence]
    assert unknown.startswith("Config key 'split.fold' is not known; remove it, or correct its")


def test_a_key_of_two_kinds_is_told_by_its_own_name(root):
    config = load_config([root / "config" / "config.yaml"])
    config["split"] = config["split"] | {"test": {"source": -1, "target": ["a", "a"]}}
    with pytest.raises(InputError) as caught:
        check_config(config)
    source, target = str(caught.value).splitlines()
    assert source.startswith("Config key 'split.test.source': should be a whole number from 0, or")
    assert target.startswith("Config key 'split.test.target': an entry stands twice")


def pyradiomics_names():
    """The names that PyRadiomics' own schema knows."""
    import radiomics

    path = Path(radiomics.__file__).parent / "schemas" / "paramSchema.yaml"
    return set(yaml.safe_load(path.read_text())["mapping"]["setting"]["mapping"])


def test_settings_of_radiomics_have_pyradiomics_names():
    known = RadiomicsSettings.model_fields
    assert len(known) > 10
    assert set(known) <= pyradiomics_names()


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
def test_settings_of_radiomics_are_checked_before_anything_runs(root, name, value):
    config = load_config([root / "config" / "config.yaml"])
    config["radiomics"]["settings"][name] = value
    with pytest.raises(InputError, match=name):
        check_config(config)


def harmonised(root, **phenotype):
    config = load_config([root / "config" / "config.yaml"])
    harmonisation = config["phenotype"]["harmonisation"] | {"by": "scanner"}
    config["phenotype"] = config["phenotype"] | {"harmonisation": harmonisation} | phenotype
    return config


def test_features_are_harmonised_where_a_run_knows_its_scanners(root):
    assert (
        load_config([root / "config" / "config.yaml"])["phenotype"]["harmonisation"]["by"] is None
    )
    check_config(harmonised(root))
    check_config(harmonised(root, protocols=["corrected"]))


def test_a_harmonisation_that_could_not_be_done_is_refused(root):
    with pytest.raises(InputError, match="which a finished feature table"):
        check_config(harmonised(root, table="features.csv"))
    # Its scans' spacing may tell the thickness.
    by_thickness = harmonised(root)["phenotype"]["harmonisation"] | {"by": "thickness"}
    check_config(harmonised(root, table="features.csv", harmonisation=by_thickness))
    with pytest.raises(InputError, match="only the protocol 'corrected' harmonises"):
        check_config(harmonised(root, protocols=["published"]))
    with pytest.raises(InputError, match=r"harmonisation\.by': should be 'scanner'"):
        check_config(harmonised(root, harmonisation={"by": "site"}))


def test_a_key_that_was_taken_out_of_the_defaults_is_named(root):
    config = load_config([root / "config" / "config.yaml"])
    del config["seed"], config["segmentation"]["nnunet"]["training"]["epochs"]
    with pytest.raises(InputError) as caught:
        check_config(config)
    keys = [line.split("'")[1] for line in str(caught.value).splitlines()]
    assert keys == ["seed", "segmentation.nnunet.training.epochs"]
    # Overrides of nnU-Net's plan have no default, and may be absent.
    check_config(load_config([root / "config" / "config.yaml"]))


@pytest.mark.parametrize(("value", "said"), [(None, "is a section of keys"), (float("inf"), "")])
def test_an_emptied_section_and_an_infinite_number_are_refused(root, value, said):
    config = load_config([root / "config" / "config.yaml"])
    if value is None:
        config["detection"] = None
    else:
        config["detection"] = config["detection"] | {"surface_tolerance_mm": value}
    with pytest.raises(InputError, match=f"Config key 'detection.*{said}"):
        check_config(config)


@pytest.mark.parametrize(
    ("export", "said"),
    [
        ({"dicom": "pseudonyms"}, "export.secret names no file"),
        ({"dicom": "as_given", "secret": "/home/me/secret"}, "which needs none"),
        ({"dicom": "originals"}, "'originals' is not one of none, as_given, pseudonyms"),
    ],
)
def test_a_secret_goes_with_pseudonyms(root, export, said):
    config = load_config([root / "config" / "config.yaml"])
    config["export"] |= export
    with pytest.raises(InputError, match=said):
        check_config(config)
    config["export"] = {"dicom": "pseudonyms", "secret": "/home/me/secret"}
    check_config(config)


def assays(root, method="centroids", **given):
    config = load_config([root / "config" / "config.yaml"])
    config["molecular"] = config["molecular"] | {"method": method, "assays": given}
    return config


SCORED = {"expression": "e.tsv", "units": "tpm", "reference": "c.tsv"}


@pytest.mark.parametrize(
    ("method", "given", "said"),
    [
        ("centroids", {"biopsy": {"expression": "e.tsv"}}, ["no units", "no reference"]),
        ("centroids", {"biopsy": {"units": "tpm"}}, ["has units and no expression"]),
        ("centroids", {"biopsy": {}}, ["says nothing"]),
        ("centroids", {"biopsy": SCORED | {"units": "rpkm"}}, ["'rpkm' is not one of tpm"]),
        ("centroids", {"biopsy": SCORED | {"unit": "tpm"}}, ["biopsy.unit' is not known"]),
        ("ssgsea", {"biopsy": SCORED}, ["an enrichment score is 0 nowhere in particular"]),
        ("centroids", {"cfdna": SCORED}, ["threshold of tissue does not hold for it"]),
        (
            "centroids",
            {"biopsy": SCORED, "cfdna": SCORED | {"positive_above": 0.1}},
            ["cfDNA needs its own"],
        ),
    ],
)
def test_an_assay_that_cannot_be_scored_is_told(root, method, given, said):
    with pytest.raises(InputError) as caught:
        check_config(assays(root, method, **given))
    told = str(caught.value).splitlines()
    assert len(told) == len(said)
    for words_said in said:
        assert any(words_said in sentence for sentence in told), words_said


def test_assays_that_can_be_scored_pass(root):
    own = {"reference": "cfdna.tsv", "positive_above": 0.1}
    check_config(assays(root, biopsy=SCORED, cfdna=SCORED | own))
    # A threshold of its own for scores that the sheet gives.
    check_config(assays(root, cfdna={"positive_above": 0.1}))
    check_config(assays(root, "ssgsea", biopsy=SCORED | {"positive_above": 50}))


def test_a_packed_model_goes_without_samples_and_learns_nothing(root):
    config = load_config([root / "config" / "config.yaml"])
    config["sheets"]["molecular"] = None
    with pytest.raises(InputError, match=r"'sheets\.molecular' is null, and the run has neither"):
        check_config(config)
    config["segmentation"]["packed"] = "/models/mine"
    with pytest.raises(InputError, match=r"'segmentation\.models' is .* contradicts") as told:
        check_config(config)
    assert len(str(told.value).splitlines()) == 1
    config["segmentation"]["models"] = ["nnunet_finetuned"]
    check_config(config)
    config["segmentation"]["source"] = "reference"
    with pytest.raises(InputError, match=r"a packed model goes with 'model'"):
        check_config(config)
