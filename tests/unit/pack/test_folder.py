"""A packed model predicts elsewhere what it predicts in its run, or is refused by name."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

from livermet.engines import Engine
from livermet.errors import InputError
from livermet.files import read_json
from livermet.nnunet.layout import dataset_name, fold_folder
from livermet.nnunet.prediction import FoldPredictor
from livermet.pack import folder as packing
from livermet.pack.folder import FORMAT, installed, open_pack
from livermet.pack.making import pack_run
from livermet.phenotype.corrected import prepared
from livermet.phenotype.table import read_feature_table

from .. import pack_phantoms as made
from ..nnunet.test_prediction import CPU, ct  # noqa: F401, a fixture


@pytest.fixture(scope="module")
def packed(run, tmp_path_factory):
    """The model with its chosen classifier, in a folder that is never changed."""
    folder = tmp_path_factory.mktemp("packed") / "model"
    pack_run(run, made.MODEL, folder)
    return folder


@pytest.fixture
def copied(packed, tmp_path):
    """Return a copy in another folder, as another machine has it."""
    return Path(shutil.copytree(packed, tmp_path / "elsewhere" / "model"))


def features_of(run):
    path = run / "radiomics" / made.MODEL / "features.csv"
    return prepared(read_feature_table(path, "NE"))


def edit(folder, **changes):
    """Change facts of pack.json, whose own checksum is made anew."""
    path = folder / "pack.json"
    content = read_json(path) | changes
    del content["sha256"]
    path.write_text(packing._as_text(content))


@pytest.mark.parametrize("classifier", made.CLASSIFIERS)
def test_a_copy_gives_the_probabilities_of_the_runs_models(run, tmp_path, classifier):
    pack_run(run, made.MODEL, tmp_path / "model", classifier=classifier)
    (tmp_path / "elsewhere").mkdir()
    elsewhere = Path(shutil.move(tmp_path / "model", tmp_path / "elsewhere" / "other_name"))
    rows = features_of(run)
    rows.iloc[:3, -10:] = np.nan  # features that could not be measured
    path = run / "phenotype" / made.MODEL / "corrected" / classifier / "models.joblib"
    expected = [model.probability(rows) for model in joblib.load(path)[classifier]["none"]]
    found = open_pack(elsewhere).phenotype
    assert found.classifier == classifier
    # Cross-validation chose LR, of which the card is.
    told = "which cross-validation did not choose" in (elsewhere / "MODEL_CARD.md").read_text()
    assert told == (classifier != "LR")
    assert np.abs(found.probabilities(rows) - expected).max() <= 1e-12
    assert np.ptp(expected) > 0.1


def test_a_copys_networks_segment_as_the_runs(run, copied, ct):  # noqa: F811
    opened = open_pack(copied)
    root = f"{run}/nnunet"
    name = dataset_name(made.MODEL, "lits_msclc")
    theirs = {k: f"{fold_folder(root, name, k)}/checkpoint_final.pth" for k in made.FOLDS}
    ours = dict(enumerate(opened.networks))
    settings = opened.settings["segmentation"]["nnunet"]["prediction"] | {"mirroring": True}
    plan, description = read_json(opened.plan), read_json(opened.description)
    found, expected = (
        FoldPredictor(plan, description, paths, CPU, Engine.OPENVINO, **settings).segment(
            ct, made.FOLDS
        )
        for paths in (ours, theirs)
    )
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(found, expected)


def test_nnunets_own_predictor_reads_the_networks(packed):
    theirs = nnUNetPredictor(device=CPU, perform_everything_on_device=False)
    theirs.initialize_from_trained_model_folder(str(packed / "segmentation"), made.FOLDS)
    opened = torch.load(packed / "segmentation" / "fold_1" / "checkpoint_final.pth")
    assert len(theirs.list_of_parameters) == 2
    for name, weights in opened["network_weights"].items():
        assert torch.equal(theirs.list_of_parameters[1][name], weights)


def test_it_says_what_it_holds(packed):
    opened = open_pack(packed)
    assert (opened.model, opened.family) == ("nnunet_finetuned", "nnunet")
    assert opened.manifest["training_set"] == "lits_msclc"
    assert [path.parent.name for path in opened.networks] == ["fold_0", "fold_1"]
    assert opened.settings["detection"] == {"connectivity": 26, "minimum_lesion_voxels": 3}
    assert opened.settings["phenotype"]["aggregation"] == "union"
    assert set(opened.settings["segmentation"]) == {"nnunet"}
    assert opened.warnings == ()
    card = (packed / "MODEL_CARD.md").read_text()
    assert card.index("Card of nnunet_finetuned") < card.index("Card of phenotype")


def every_content(folder):
    """Give the content of every file by name; of an archive that of the files inside."""
    for path in filter(Path.is_file, folder.rglob("*")):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield f"{path.name}/{name}", archive.read(name)
        else:
            yield str(path.relative_to(folder)), path.read_bytes()


def test_nothing_names_a_patient_a_series_or_a_path(run, packed, tmp_path):
    texts = {name: content.decode("latin-1") for name, content in every_content(packed)}
    # The run itself has all of them, so that the search would find them.
    mine = "".join(content.decode("latin-1") for _, content in every_content(run))
    for identifier in (*made.IDENTIFIERS, re.escape(str(run))):
        found = [name for name, text in texts.items() if re.search(identifier, text)]
        assert found == [], identifier
        assert identifier.startswith(re.escape(str(run))) or re.search(identifier, mine)


def test_no_file_is_an_executable_pickle(packed):
    for path in packed.rglob("*"):
        assert path.suffix not in (".joblib", ".pkl", ".pickle"), path
        if path.suffix == ".pth":
            torch.load(path, weights_only=True)


def test_a_flipped_byte_of_any_file_is_refused_by_name(packed, copied):
    files = [path for path in packed.rglob("*") if path.is_file()]
    assert len(files) == 14
    for path in files:
        name = path.relative_to(packed)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        (copied / name).write_bytes(content)
        with pytest.raises(InputError, match=re.escape(path.name)):
            open_pack(copied)
        shutil.copy(path, copied / name)
    open_pack(copied)


def test_a_missing_file_is_named(copied):
    (copied / "phenotype" / "fold_1.skops").unlink()
    with pytest.raises(InputError, match=r"fold_1\.skops is missing"):
        open_pack(copied)


def test_a_folder_that_was_not_packed_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no packed model: it has no pack\.json"):
        open_pack(tmp_path)


def test_another_format_or_first_number_of_livermet_is_refused(copied):
    edit(copied, format=FORMAT + 1)
    with pytest.raises(InputError, match=f"packed in format {FORMAT + 1}.*reads format {FORMAT}"):
        open_pack(copied)
    edit(copied, format=FORMAT, livermet="7.0.0")
    with pytest.raises(InputError, match=r"packed by livermet 7\.0\.0"):
        open_pack(copied)


@pytest.mark.parametrize("name", ["scikit-learn", "xgboost", "nnunetv2", "pyradiomics-bhklab"])
def test_another_minor_version_is_refused_and_another_patch_is_told(copied, name):
    packages = read_json(copied / "pack.json")["packages"]
    major, minor, *patch = packages[name].split(".")
    edit(copied, packages=packages | {name: f"{major}.{int(minor) + 1}.0"})
    with pytest.raises(InputError, match=f"packed with {name} {major}.{int(minor) + 1}"):
        open_pack(copied)
    edit(copied, packages=packages | {name: f"{major}.{minor}.{int(patch[0]) + 1}"})
    (told,) = open_pack(copied).warnings
    assert name in told


def test_another_torch_is_told(copied):
    packages = read_json(copied / "pack.json")["packages"]
    edit(copied, packages=packages | {"torch": "1.0.0"})
    assert [told for told in open_pack(copied).warnings if "torch 1.0.0" in told]


def test_a_classifier_that_computes_other_numbers_here_is_refused(copied):
    """As another version or machine might: here the probe says other probabilities."""
    path = copied / "phenotype" / "probe.json"
    probe = read_json(path)
    probe["probabilities"][0][0] += 1e-9
    path.write_text(json.dumps(probe))
    files = read_json(copied / "pack.json")["files"]
    edit(copied, files=files | {"phenotype/probe.json": packing.file_checksum(path)})
    opened = open_pack(copied)
    with pytest.raises(InputError, match="computes other probabilities here"):
        opened.phenotype  # noqa: B018, opened when it is asked for


def test_a_checkpoint_that_holds_a_program_is_refused(copied):
    path = copied / "segmentation" / "fold_0" / "checkpoint_final.pth"
    torch.save({"network_weights": {}, "run": print}, path)
    name = "segmentation/fold_0/checkpoint_final.pth"
    files = read_json(copied / "pack.json")["files"]
    edit(copied, files=files | {name: packing.file_checksum(path)})
    with pytest.raises(InputError, match=r"checkpoint_final\.pth holds more than"):
        open_pack(copied)


def test_a_file_outside_of_the_folder_is_refused(copied):
    files = read_json(copied / "pack.json")["files"]
    edit(copied, files=files | {"../outside": "0" * 64})
    with pytest.raises(InputError, match="outside of its folder"):
        open_pack(copied)


def test_networks_alone_are_packed_when_asked_for(run, tmp_path):
    told = pack_run(run, made.MODEL, tmp_path / "model", with_phenotype=False)
    opened = open_pack(tmp_path / "model")
    assert opened.phenotype is None
    assert told.endswith("There is no classifier in it: it was left out when it was packed.")
    assert not (tmp_path / "model" / "phenotype").exists()
    # Its classifiers' packages bind it to nothing.
    assert "scikit-learn" not in opened.manifest["packages"]


def test_a_harmonised_classifier_is_left_out_with_the_reason(run, tmp_path):
    run = Path(shutil.copytree(run, tmp_path / "run"))
    path = run / "phenotype" / made.MODEL / "corrected" / "LR" / "models.joblib"
    models = joblib.load(path)
    models["LR"]["none"][0].pipeline["harmonise"].effects_ = {"a scanner": None}
    joblib.dump(models, path)
    told = pack_run(run, made.MODEL, tmp_path / "model")
    assert "harmonised by ComBat" in told
    opened = open_pack(tmp_path / "model")
    assert opened.phenotype is None
    assert "another scanner has none" in opened.phenotype_lacks


def test_what_a_run_lacks_is_named_and_nothing_is_left_behind(run, tmp_path):
    for model, told in (("unet", r"model\.pt is not there"), ("nnunet", "no model 'nnunet'")):
        with pytest.raises(InputError, match=told):
            pack_run(run, model, tmp_path / "model")
    with pytest.raises(InputError, match="no finished run"):
        pack_run(tmp_path, made.MODEL, tmp_path / "model")
    with pytest.raises(InputError, match="no classifier 'SVM'; name one of LR, RF, XGB"):
        pack_run(run, made.MODEL, tmp_path / "model", classifier="SVM")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "model").mkdir()
    with pytest.raises(InputError, match="is there already"):
        pack_run(run, made.MODEL, tmp_path / "model")


def test_a_run_without_cards_is_to_be_finished_first(run, tmp_path):
    run = Path(shutil.copytree(run, tmp_path / "run"))
    (run / "cards" / "phenotype.md").unlink()
    with pytest.raises(InputError, match=r"phenotype\.md is not there"):
        pack_run(run, made.MODEL, tmp_path / "model")


def test_versions_are_without_the_mark_of_a_build():
    assert "+" not in installed(["torch"])["torch"]
    assert installed(["no-such-package"]) == {"no-such-package": ""}
    assert pd.__version__ == installed(["pandas"])["pandas"]
