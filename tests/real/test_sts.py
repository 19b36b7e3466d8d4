"""A real cohort enters with given masks: 36 sarcoma patients, their CT, tumour and outcome."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from livermet.config.loading import load_config
from livermet.ledger.assign import assign_from_config
from livermet.radiomics.features import FEATURES
from livermet.sheets import MOLECULAR_SHEET, SERIES_SHEET
from livermet.tables import read_table


@pytest.fixture(scope="module")
def outcome(shared_data) -> pd.DataFrame:
    table = pd.read_csv(shared_data("sts") / "outcome_lung_mets.csv")
    return table[table["ct_nifti_available"] == 1]


@pytest.fixture(scope="module")
def results(shared_data, root, outcome) -> Path:
    """Write the cohort's sheets, assign its ledger and run the whole DAG."""
    folder = root / "results" / "test_sts"
    folder.mkdir(parents=True, exist_ok=True)
    series = pd.DataFrame({column: "" for column in SERIES_SHEET.names}, index=outcome.index)
    series["series"] = series["patient"] = outcome["patient"]
    # The collection's dates are not part of the data; one date serves, as no other is compared.
    series["study_date"] = "2000-01-01"
    series["cohort"] = "STS"
    series["image"] = outcome["patient"] + "/CT_image.nii.gz"
    series["reference"] = outcome["patient"] + "/CT_mask.nii.gz"
    series.to_csv(folder / "series.tsv", sep="\t", index=False)
    molecular = pd.DataFrame(
        {
            "patient": outcome["patient"],
            "sample_date": "2000-01-01",
            "sample_type": "follow_up",
            "score": outcome["lung_metastasis"],
        }
    )
    molecular[MOLECULAR_SHEET.names].to_csv(folder / "molecular.tsv", sep="\t", index=False)
    config = {
        "run": "sts",
        "data_root": str(shared_data("sts") / "nifti"),
        "sheets": {"series": "series.tsv", "molecular": "molecular.tsv", "phantoms": None},
        "ledger": "ledger",
        "cohorts": {"source": None, "target": "STS"},
        "split": {"test": {"source": 0, "target": 9}},
        "reference_labels": {"liver": None, "lesion": 1},
        "segmentation": {"source": "reference"},
        # Of the defaults 1 mm, 5 and four weightings, for the test's time.
        "radiomics": {
            "settings": {"resampledPixelSpacing": [2, 2, 2]},
            "perturbations": {"count": 2},
        },
        "phenotype": {
            "name": "lung_metastasis",
            "positive_above": 0.5,
            "trees": 20,
            "weightings": ["none"],
            "repeats": 2,
            "permutations": {"count": 2},
            "specifications": "neighbours",
        },
    }
    (folder / "sts.yaml").write_text(yaml.safe_dump(config))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assign_from_config(load_config([root / "config" / "config.yaml", "sts.yaml"]))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", "sts.yaml"]
    command += ["--profile", str(root / "profiles" / "default")]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-5000:]
    return folder / "results" / "sts"


def test_every_patient_with_a_ct_has_features_and_the_outcome(results, outcome):
    table = read_table(results / "radiomics" / "reference" / "features.csv")
    assert len(table) == 36
    assert len(FEATURES) == 107
    assert table[list(FEATURES)].notna().all(axis=None)
    classes = table.set_index("unique_pt")["lung_metastasis_Class"]
    expected = outcome.set_index("patient")["lung_metastasis"]
    assert classes.sort_index().tolist() == expected.sort_index().tolist()
    assert classes.sum() == 12
    assert (table["Group"] == "test").sum() == 9


def test_one_tumour_has_the_same_features_by_every_aggregation(results):
    folder = results / "radiomics" / "reference"
    union = read_table(folder / "features.csv")
    single = union["Num_Lesions"] == 1
    # One patient's mask falls into two parts.
    assert (single.sum(), len(union)) == (35, 36)
    largest, *others = (
        read_table(folder / f"features_{aggregation}.csv")
        for aggregation in ("largest", "volume_weighted_mean", "sum")
    )
    for other in others:
        same = (other[list(FEATURES)] == largest[list(FEATURES)]).all(axis=1)
        assert same[single].all()
        assert not same[~single].any()
    # Lesions have a grid of their own, on which tumours of 17 ml and more have about the same size.
    volume = "original_shape_MeshVolume"
    apart = (largest.loc[single, volume] / union.loc[single, volume] - 1).abs()
    assert apart.median() < 0.01
    assert apart.max() < 0.1


def test_both_protocols_reach_intervals_on_the_test_patients(results):
    table = read_table(results / "tables" / "table4_classification.csv")
    auc = table[table["metric"] == "auc"]
    assert set(auc["protocol"]) == {"published", "corrected"}
    assert set(auc["model"]) >= {"LR", "RF", "XGB"}
    known = auc.dropna(subset=["mean"])
    # One series a patient: every draw of the published protocol is the same, its interval a point.
    rounding = 1e-9
    assert (known["low"] <= known["mean"] + rounding).all()
    assert (known["mean"] <= known["high"] + rounding).all()
    assert known["mean"].between(0, 1).all()


def test_given_masks_have_their_contours_moved(results):
    table = read_table(results / "tables" / "reproducibility.csv")
    masks = table[table["comparison"].eq("perturbed masks")]
    # 27 training patients of one series each, so that no two reconstructions can be compared.
    assert masks[["targets", "patients", "ratings"]].drop_duplicates().values.tolist() == [
        [27, 27, 2]
    ]
    assert table.loc[table["comparison"].eq("reconstructions"), "icc"].isna().all()
    # Tumours of centimetres whose contours move by 1 mm: sizes hardly change.
    volume = masks[masks["feature"].eq("original_shape_MeshVolume")].set_index("aggregation")
    assert list(volume.index) == ["volume_weighted_mean", "union"]
    assert volume.at["union", "icc"] > 0.99
    assert masks["median_dice"].between(0.9, 0.99).all()
    assert "standard deviation of 1 mm" in (results / "report.html").read_text()


def test_the_report_speaks_of_this_phenotype_only(results):
    page = (results / "report.html").read_text().rpartition("</style>")[2]
    assert "lung_metastasis" in page
    assert "NE score" not in page
    assert "phantom" not in page
