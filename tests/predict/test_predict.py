"""`livermet predict` on phantoms, from files to pages, with networks of random weights.

What such networks mark means nothing; what is held is that they mark it here as where they were
packed, that nothing is made twice, and that a patient who comes later changes nobody else's result.
"""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import torch
from killing import killed, stamps, wait_for_end
from small_study import SIZE

from livermet.demo.cohort import demo_cohort
from livermet.demo.dicom import write_dicom_series
from livermet.engines import Engine
from livermet.images import array_of, read_image
from livermet.nnunet.layout import PLANS, dataset_name, fold_folder, preprocessed_folder
from livermet.nnunet.prediction import FoldPredictor
from livermet.pack.making import pack_run
from livermet.patients.running import BEGUN, alone

from ..unit.nnunet.test_prediction import FOLDS
from ..unit.pack_phantoms import MODEL, make_run

RESULTS = "results/predict"


def body(seed: int) -> sitk.Image:
    """A CT of a body of 40 mm with some texture."""
    random = np.random.default_rng(seed)
    _, y, x = np.ogrid[:20, :48, :46]
    hu = np.full((20, 48, 46), -1000.0)
    inside = np.broadcast_to((y - 24) ** 2 + (x - 23) ** 2 < 400, hu.shape)
    hu[inside] = 60
    # Not below what a scanner writes.
    hu = (hu + random.normal(0, 30, hu.shape)).clip(-1000)
    image = sitk.GetImageFromArray(hu.round().astype(np.int16))
    image.SetSpacing((0.9, 0.9, 2.0))
    return image


class Predict:
    """The command, on some images, with results in a folder."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.model = folder, model
        self.out, self.images = folder / "out", folder / "images"
        self.images.mkdir()

    def command(self, *options: str) -> list[str]:
        command = [sys.executable, "-m", "livermet", "predict", str(self.images)]
        command += ["--model", str(self.model), "--out", str(self.out)]
        command += ["--secret", str(self.folder / "secret"), "--cores", "2", "--device", "cpu"]
        return [*command, *options]

    def run(self, *options: str) -> str:
        done = subprocess.run(self.command(*options), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout + done.stderr

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.out / RESULTS / "patients" / f"{name}.tsv", sep="\t")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run with two networks of nnU-Net and a classifier."""
    return make_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def predict(tmp_path_factory, trained) -> Predict:
    """A volume that was predicted by a run that was killed, and by the next one."""
    folder = tmp_path_factory.mktemp("predict")
    pack_run(trained, MODEL, folder / "model")
    predict = Predict(folder, folder / "model")
    sitk.WriteImage(body(1), predict.images / "DOE_JANE.nii.gz")
    wait_for_end(killed(predict.command(), folder, r"predict_\w+", True, 1.0))
    assert (predict.out / BEGUN).exists()
    predict.run()
    assert not (predict.out / BEGUN).exists()
    return predict


def test_masks_are_those_of_the_run_that_was_packed(predict, trained):
    name = dataset_name(MODEL, "lits_msclc")
    prepared = Path(preprocessed_folder(f"{trained}/nnunet", name))
    checkpoints = {
        fold: Path(fold_folder(f"{trained}/nnunet", name, fold)) / "checkpoint_final.pth"
        for fold in FOLDS
    }
    plan, description = (
        json.loads((prepared / file).read_text()) for file in (f"{PLANS}.json", "dataset.json")
    )
    cpu, engine = torch.device("cpu"), Engine.OPENVINO
    of_run = FoldPredictor(plan, description, checkpoints, cpu, engine, 0.5, False)
    (series,) = predict.table("series")["series"]
    ct = predict.out / RESULTS / "series" / series / "ct.nii.gz"
    found = predict.out / RESULTS / "predictions" / MODEL / "ensemble" / f"{series}.nii.gz"
    labels = array_of(read_image(found))
    np.testing.assert_array_equal(labels, of_run.segment(ct, FOLDS))
    assert {1, 2} <= set(np.unique(labels))


def test_a_study_has_a_page_and_a_reason_in_the_place_of_a_probability(predict):
    row = predict.table("predictions").iloc[0]
    assert row["verdict"] == "no validated prediction"
    assert np.isnan(row["probability"])
    # The classifier learnt from pixels of 0.8 mm.
    assert "pixels are 0.9 mm wide, those of training 0.8 to 0.8 mm" in row["reasons"]
    page = (predict.out / RESULTS / "patients" / f"{row['study']}.html").read_text()
    assert "no validated prediction" in page
    assert (predict.out / RESULTS / "viewer" / "series" / f"{row['shown_series']}.html").exists()
    lesions = predict.table("lesions")
    assert len(lesions) == row["lesions"]
    assert lesions["volume_ml"].sum() == pytest.approx(row["burden_ml"])


def test_nothing_is_made_twice(predict):
    before = stamps(predict.out / "results")
    assert "Nothing to be done" in predict.run()
    assert stamps(predict.out / "results") == before


def test_a_patient_who_comes_later_changes_no_other_result(predict):
    before, first = stamps(predict.out / "results"), predict.table("predictions")
    row = demo_cohort(SIZE).phantoms.to_dict("records")[0]
    told = row | {"patient": "ROE_RICHARD", "study_date": "2021-05-04"}
    write_dicom_series(body(2), told, predict.images / "ROE RICHARD")
    told = predict.run("--dicom", "pseudonyms")
    assert "2 CT series of 2 patients." in told
    after = stamps(predict.out / "results")
    again = {path for path in before if after[path] != before[path]}
    of_all = ("collect_", "write_viewer", "viewer/index", f"detection/{MODEL}/", "patients/")
    # What a run says of itself when it ends.
    of_all += ("provenance/", "write_settings")
    assert {path for path in again if not any(one in path for one in of_all)} == set()
    assert not any("studies" in path or "batches" in path for path in again)
    (study,) = first["study"]
    assert f"{predict.out}/{RESULTS}/patients/{study}.html" not in again
    second = predict.table("predictions")
    assert len(second) == 2
    pd.testing.assert_frame_equal(second[second["study"].eq(study)], first, check_dtype=False)


def test_a_dicom_series_has_seg_and_report_where_they_are_asked_for(predict):
    """The one of the test above, under its pseudonym and with the packed model's digest."""
    folder = predict.out / RESULTS / "dicom"
    table = pd.read_csv(folder / "exported.tsv", sep="\t").set_index("series")
    (series,) = table.index[table["exported"]]
    assert table.loc[~table["exported"], "reason"].str.startswith("its source is no DICOM").all()
    seg = hd.seg.segread(folder / MODEL / series / "segmentation.dcm")
    every = predict.table("series").set_index("series")
    assert every.loc[series, "study"].startswith(str(seg.PatientID))
    found = predict.out / RESULTS / "predictions" / MODEL / "ensemble" / f"{series}.nii.gz"
    marked = np.count_nonzero(array_of(read_image(found)))
    assert np.count_nonzero(seg.pixel_array) == marked > 0
    (manifest,) = predict.model.glob("pack.json")
    inner = hashlib.sha256(manifest.read_bytes()).hexdigest()
    digest = hashlib.sha256(f"{inner}\n".encode()).hexdigest()
    algorithm = seg.get_segment_description(1).algorithm_identification
    assert algorithm.version.endswith(f"training {digest[:12]}")
    assert algorithm.parameters["records_sha256"] == digest


def test_a_scan_that_fails_costs_the_others_nothing(predict):
    """A truncated volume is taken for a scan by its header, and refused by ingestion."""
    whole = predict.images / "DOE_JOHN.nii.gz"
    sitk.WriteImage(body(3), whole)
    (predict.images / "DOE_BROKEN.nii.gz").write_bytes(whole.read_bytes()[:5000])
    done = subprocess.run(predict.command(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DICOM is written as the last time (--dicom pseudonyms)" in done.stdout
    (line,) = re.findall(r"^Not finished: .*", done.stdout, re.M)
    failed, log = re.fullmatch(r"Not finished: (\S+); (\S+) says why", line).groups()
    assert "ingest_series" in log
    assert Path(log).exists()
    for name in ("predictions", "series"):
        assert len(predict.table(name)) == 3
        assert failed not in set(predict.table(name)["study"])
    exported = pd.read_csv(predict.out / RESULTS / "dicom" / "exported.tsv", sep="\t")
    assert set(exported["series"]) == set(predict.table("series")["series"])
    assert exported["exported"].sum() == 1
    index = (predict.out / RESULTS / "patients" / "index.html").read_text()
    assert f"All others: {predict.out / RESULTS / 'patients' / 'index.html'}" in done.stdout
    assert failed not in index
    assert all(study in index for study in predict.table("predictions")["study"])
    assert not list((predict.out / ".snakemake" / "livermet").rglob("series.tsv"))
    # The sheet keeps it, so that the next call tries it once more.
    sheet = pd.read_csv(predict.out / "series.tsv", sep="\t")
    assert len(sheet) == 4
    again = predict.run("--leave-out", sheet.loc[sheet["patient"].eq(failed[:-9]), "series"].item())
    assert "Not finished" not in again


def test_no_result_names_a_patient_or_a_place(predict):
    for path in (predict.out / "results").rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            for name in (b"DOE", b"ROE", str(predict.images).encode()):
                assert name not in text, path


def test_each_page_leads_to_what_is_there(predict):
    pages = sorted((predict.out / RESULTS).rglob("*.html"))
    # Of three studies, of their series, the two lists, and two of the audit.
    assert len(pages) == 10
    for page in pages:
        for link in re.findall(r'<a [^>]*href="([^"#]+)', page.read_text()):
            assert (page.parent / link).is_file(), (page, link)


def test_two_do_not_work_in_one_folder(predict):
    with alone(predict.out):
        done = subprocess.run(predict.command(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Another livermet predict is at work" in done.stderr
