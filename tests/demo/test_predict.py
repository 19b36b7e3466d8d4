"""A test patient of the demo, sent as a new one to its packed model, gets the run's own result.

From the raw DICOM slices on: the same CT, the same mask, the same probability.
"""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from livermet.images import array_of, read_image
from livermet.ledger.batches import read_batches
from livermet.pack.folder import open_pack
from livermet.pack.making import pack_run
from livermet.patients.judged import rows_to_judge

MODEL = "nnunet_finetuned"


@pytest.fixture(scope="module")
def sent(demo_run):
    """The first series that the chosen classifier has scored as a test series: its row."""
    folder = f"phenotype/{MODEL}/corrected"
    choice = demo_run.table(f"{folder}/choice.tsv")
    (chosen,) = choice.loc[choice["chosen"], "model"]
    scored = demo_run.table(f"{folder}/test_predictions.tsv")
    return scored[scored["model"].eq(chosen)].iloc[0]


@pytest.fixture(scope="module")
def predicted(demo_run, sent, tmp_path_factory):
    """The model, and the results of the command."""
    folder = tmp_path_factory.mktemp("predict")
    pack_run(demo_run.results, MODEL, folder / "model")
    images = demo_run.results / "phantoms" / sent["series"] / "dicom"
    command = [sys.executable, "-m", "livermet", "predict", str(images)]
    command += ["--model", str(folder / "model"), "--out", str(folder / "out")]
    command += ["--secret", str(folder / "secret"), "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder / "model", folder / "out" / "results" / "predict"


def test_scan_and_mask_are_those_of_the_run(demo_run, sent, predicted):
    _, results = predicted
    (series,) = (path.name for path in (results / "series").iterdir())
    for here, there in (
        (f"series/{series}/ct.nii.gz", f"series/{sent['series']}/ct.nii.gz"),
        (
            f"predictions/{MODEL}/ensemble/{series}.nii.gz",
            f"predictions/{MODEL}/ensemble/{sent['series']}.nii.gz",
        ),
    ):
        volumes = (
            array_of(read_image(folder)) for folder in (results / here, demo_run.results / there)
        )
        np.testing.assert_array_equal(*volumes)


def test_the_probability_is_that_of_the_run_and_withheld_where_it_is_not_validated(sent, predicted):
    model, results = predicted
    packed = open_pack(model).phenotype
    batches = results / "radiomics" / MODEL / "batches"
    (row,) = pd.read_csv(results / "patients" / "predictions.tsv", sep="\t").to_dict("records")
    unions, lesions = (
        read_batches([batches / f"b0001.{table}.tsv"], [row["shown_series"]])
        for table in ("union", "lesions")
    )
    studies = {row["shown_series"]: row["study"]}
    scans = results / "detection" / MODEL / "batches" / "b0001.scans.tsv"
    recorded = pd.DataFrame({"series": [row["shown_series"]], "minimum_hu": np.nan})
    rows = rows_to_judge(
        unions, lesions, studies, packed.aggregation, recorded, read_batches([scans], [*studies])
    )
    found = packed.probabilities(rows).mean()
    assert found == pytest.approx(sent["probability"], abs=1e-12)
    if packed.validation.failures or row["reasons"] == row["reasons"]:
        assert np.isnan(row["probability"])
        assert row["verdict"] == "no validated prediction"
        assert row["reasons"]
    else:
        assert row["probability"] == pytest.approx(sent["probability"], abs=1e-12)
        assert row["called"] == sent["predicted"]


def test_scans_of_the_run_without_a_sample_are_judged(demo_run):
    matching = demo_run.table("cohort/matching.tsv")
    lacking = matching.loc[matching["excluded_by"].isin(["no_sample", "outside_window"]), "series"]
    judged = demo_run.table(f"phenotype/{MODEL}/new_patients.tsv")
    of_series = judged[judged["level"].eq("series")]
    assert set(of_series["series"]) == set(lacking)
    assert judged["level"].eq("study").sum() == judged["study"].nunique()
    given = judged["verdict"].eq("predicted")
    assert judged["probability"].notna().equals(given)
    assert judged["reasons"].notna()[~given].all()
    # As of new patients: where no liver is marked there is nothing to judge.
    scans = demo_run.table(f"detection/{MODEL}/scans.tsv").set_index("series")
    liverless = of_series["series"].map(scans["predicted_liver_ml"]).eq(0)
    told = of_series["reasons"].fillna("").str.contains("No liver is marked in it.", regex=False)
    assert told.equals(liverless)
