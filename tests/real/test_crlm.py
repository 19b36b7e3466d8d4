"""A real CT of liver metastases joins the demo's cohort: from DICOM through the demo's model."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import yaml

from livermet.config.loading import load_config
from livermet.images import grid_difference, read_image
from livermet.ledger.assign import assign_from_config
from livermet.radiomics.features import FEATURES
from livermet.tables import read_table

SERIES = "crlm_1004"


def tables_of_batch(demo_run) -> dict[str, str]:
    """Name the tables that hold the series, which opened a batch of its own after the demo's."""
    folder = f"results/{demo_run.config['run']}"
    model = demo_run.config["segmentation"]["final_model"]
    batches = pd.read_csv(f"{demo_run.config['ledger']}/batches.tsv", sep="\t")
    batch = f"b{int(batches['batch'].str[1:].max()) + 1:04d}"
    return {
        "scan": f"{folder}/detection/{model}/batches/{batch}.scans.tsv",
        "union": f"{folder}/radiomics/{model}/batches/{batch}.union.tsv",
    }


@pytest.fixture(scope="module")
def results(demo_run, shared_data, root, tmp_path_factory) -> Path:
    """Add the series to a copy of the demo's sheets and ledger; run what leads to its features."""
    folder = tmp_path_factory.mktemp("crlm")
    config = demo_run.config
    series = pd.read_csv(
        root / config["sheets"]["series"], sep="\t", dtype=str, keep_default_na=False
    )
    row = dict.fromkeys(series.columns, "") | {
        "series": SERIES,
        "patient": SERIES,
        "study_date": "2000-01-01",
        "cohort": config["cohorts"]["target"],
        # Relative to data_root, as every image: out of the demo's folder to the real data.
        "image": str(shared_data("crlm_1004")),
        "lesions_read": "present",
        "phase": "portal venous",
    }
    pd.concat([series, pd.DataFrame([row])]).to_csv(folder / "series.tsv", sep="\t", index=False)
    (folder / "ledger" / "training_sets").mkdir(parents=True)
    for path in (root / config["ledger"]).rglob("*.tsv"):
        copy = folder / "ledger" / path.relative_to(root / config["ledger"])
        copy.write_text(path.read_text())
    overlay = yaml.safe_load(demo_run.config_path.read_text())
    overlay["sheets"]["series"] = str(folder / "series.tsv")
    overlay["ledger"] = str(folder / "ledger")
    # A model of phantoms may strew lesions over a patient, each of which costs seconds.
    overlay["radiomics"]["per_lesion"] = False
    overlay["phenotype"]["aggregation"] = "union"
    configfile = folder / "crlm.yaml"
    configfile.write_text(yaml.safe_dump(overlay))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assign_from_config(load_config([root / "config" / "config.yaml", configfile]))
    run = demo_run.snakemake(*tables_of_batch(demo_run).values(), configfile=configfile)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-5000:]
    retrained = "rule train_nnunet" in run.stdout + run.stderr
    assert not retrained
    return demo_run.results


def test_the_volume_is_the_scanners(results):
    ct = read_image(results / "series" / SERIES / "ct.nii.gz")
    assert ct.GetSize() == (512, 512, 41)
    assert ct.GetSpacing() == pytest.approx((0.797, 0.797, 5.0), abs=5e-4)
    values = sitk.GetArrayViewFromImage(ct)
    # The scanner pads with -3024 outside its field of view.
    assert values.min() == -1024


def test_prediction_and_ct_share_their_grid(results, demo_run):
    model = demo_run.config["segmentation"]["final_model"]
    ct = read_image(results / "series" / SERIES / "ct.nii.gz")
    prediction = read_image(results / "predictions" / model / "ensemble" / f"{SERIES}.nii.gz")
    assert grid_difference(ct, prediction) == ""
    assert set(np.unique(sitk.GetArrayViewFromImage(prediction))) <= {0, 1, 2}


def test_lesions_and_features_are_there(results, demo_run):
    scan, union = (
        read_table(demo_run.results.parents[1] / path).set_index("series").loc[SERIES]
        for path in tables_of_batch(demo_run).values()
    )
    assert not scan["has_reference"]
    assert union["Num_Lesions"] == scan["predicted_lesions"]
    # A model of phantoms may find nothing in a patient; then no feature has a value.
    assert union[list(FEATURES)].notna().all() == (scan["predicted_lesions"] > 0)
