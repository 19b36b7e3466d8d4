"""The demo's models, packed and opened elsewhere, give what the run has given."""

import json
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import SimpleITK as sitk
import torch

from livermet.engines import Engine
from livermet.files import read_json
from livermet.images import read_image
from livermet.monai.networks import load_network
from livermet.monai.prediction import on_ct_grid, prepare_scan
from livermet.monai.settings import settings_of
from livermet.monai.windows import probabilities_of_scan
from livermet.nnunet.prediction import FoldPredictor
from livermet.pack.folder import open_pack
from livermet.pack.making import pack_run
from livermet.phenotype.corrected import prepared
from livermet.phenotype.table import read_feature_table
from livermet.radiomics.aggregation import features_file
from livermet.sheets import read_series

FINAL, OTHER = "nnunet_finetuned", "unet"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def packed(demo_run, tmp_path_factory):
    """Pack two models, and move the folders away from where they were packed."""
    folder, elsewhere = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("elsewhere")
    found = {}
    for model in (FINAL, OTHER):
        pack_run(demo_run.results, model, folder / model)
        found[model] = open_pack(shutil.move(folder / model, elsewhere / f"{model}_2026"))
    return found


def first_prediction(demo_run, model, kind):
    """Return the name of a series that a model predicted, and its labels."""
    path = sorted((demo_run.results / "predictions" / model / kind).glob("*.nii.gz"))[0]
    return path.name.removesuffix(".nii.gz"), sitk.GetArrayFromImage(read_image(path))


@pytest.mark.parametrize("engine", Engine)
def test_the_copy_of_nnunet_segments_as_the_run(engine, demo_run, packed):
    """By the run's own engine each voxel, and by PyTorch all but one in a thousand."""
    series, expected = first_prediction(demo_run, FINAL, "ensemble")
    opened = packed[FINAL]
    predictor = FoldPredictor(
        read_json(opened.plan),
        read_json(opened.description),
        dict(enumerate(opened.networks)),
        CPU,
        engine,
        **opened.settings["segmentation"]["nnunet"]["prediction"],
    )
    found = predictor.segment(demo_run.results / "series" / series / "ct.nii.gz", range(5))
    assert len(np.unique(expected)) > 1
    different = np.count_nonzero(found != expected)
    assert different <= (found.size / 1000 if engine == Engine.TORCH else 0)


def test_the_copy_of_a_monai_network_segments_as_the_run(demo_run, packed):
    series, expected = first_prediction(demo_run, OTHER, "single")
    (path,) = packed[OTHER].networks
    network, settings = load_network(path, CPU)
    overlap = settings_of(packed[OTHER].settings["segmentation"]["monai"], OTHER)["overlap"]
    ct = demo_run.results / "series" / series / "ct.nii.gz"
    settings = replace(settings, overlap=overlap)
    scan = prepare_scan(settings, ct)
    probabilities = probabilities_of_scan(network, scan.hu, settings, CPU)
    (labels,) = on_ct_grid(scan, probabilities, False)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(labels), expected)


def test_the_copy_of_the_classifier_gives_the_runs_probabilities(demo_run, packed):
    phenotype = packed[FINAL].phenotype
    features = demo_run.results / "radiomics" / FINAL / features_file(phenotype.aggregation)
    rows = prepared(read_feature_table(features, "NE"))
    name = phenotype.classifier
    path = demo_run.results / "phenotype" / FINAL / "corrected" / name / "models.joblib"
    expected = [model.probability(rows) for model in joblib.load(path)[name]["none"]]
    assert np.abs(phenotype.probabilities(rows) - expected).max() <= 1e-12
    acquisition = demo_run.table("cohort/acquisition.tsv")
    judged = phenotype.judge(rows, acquisition)
    assert set(judged["level"]) == {"series", "study"}
    assert (
        judged["reasons"]
        .ne("")
        .eq(judged["probability"].isna())[judged["level"].eq("series")]
        .all()
    )


def test_no_copy_names_a_patient_a_series_or_a_path(demo_run, packed):
    sheet = read_series(demo_run.config["sheets"]["series"], ["LiTS", "mSCLC"])
    names = {*sheet.index.astype(str), *sheet["patient"], *sheet["study_date"].astype(str)}
    wanted = re.compile("|".join(map(re.escape, [*names, str(demo_run.results.resolve())])))
    for opened in packed.values():
        for path in filter(Path.is_file, opened.folder.rglob("*")):
            contents = [path.read_bytes()]
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    contents = [archive.read(name) for name in archive.namelist()]
            for content in contents:
                assert not wanted.findall(content.decode("latin-1")), path


def test_cards_are_made_and_lie_in_the_copies(demo_run, packed):
    cards = demo_run.results / "cards"
    models = demo_run.config["segmentation"]["models"]
    assert {path.stem for path in cards.iterdir()} == {*models, "phenotype"}
    card = (packed[FINAL].folder / "MODEL_CARD.md").read_text()
    assert card == "\n".join((cards / f"{name}.md").read_text() for name in (FINAL, "phenotype"))
    assert "Everything here was made from phantoms" in card
    assert json.loads((packed[FINAL].folder / "pack.json").read_text())["run"] == "test_demo"
