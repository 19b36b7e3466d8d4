"""The plan of every config branch, on empty files: what would run, and that nothing is missing."""

import re

import pandas as pd
import pytest
from study import feature_table

from livermet.ledger import read_ledger


def planned(result) -> dict[str, int]:
    """Read the table of jobs from a dry run: rule to number of jobs."""
    assert result.returncode == 0, result.stderr[-3000:] + result.stdout[-3000:]
    text = result.stdout + result.stderr
    table = re.search(r"Job stats:\njob\s+count\n[-\s]+\n(.*?)\ntotal", text, re.S)
    return (
        {}
        if table is None
        else dict(
            (name, int(count))
            for name, count in re.findall(r"^(\S+)\s+(\d+)$", table.group(1), re.M)
        )
    )


@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_the_full_study_is_planned_whole(study, root, profile):
    options = ["--profile", str(root / "profiles" / profile)]
    if profile == "slurm":
        # The profile names the file as it lies below the project's root, where users run.
        options += ["--slurm-partition-config", str(root / "profiles/slurm/partitions.yaml")]
    jobs = planned(study.plan(*options))
    # 12 LiTS series as NIfTI; 20 patients x 2 series as DICOM; references of LiTS and 10 patients.
    assert jobs["ingest_volume"] == 12
    assert jobs["ingest_dicom"] == 40
    assert jobs["ingest_reference"] == 12 + 10
    assert jobs["train_monai"] == 2
    assert jobs["train_nnunet"] == 5
    assert jobs["finetune_nnunet"] == 5
    # 10 of 12 LiTS patients train the MONAI networks, which therefore never score them.
    assert jobs["measure_detection"] == 2 * (52 - 10) + 2 * 52
    assert jobs["extract_radiomics"] == 40
    # Of the 20 target patients four are for test.
    assert jobs["perturb_lesions"] == 2 * 16
    assert jobs["write_report"] == 1


@pytest.mark.parametrize(
    ("models", "absent"),
    [
        (["nnunet"], {"train_monai", "finetune_nnunet"}),
        (["unet"], {"train_nnunet", "finetune_nnunet"}),
        (["segresnet", "nnunet"], {"finetune_nnunet"}),
    ],
)
def test_a_study_with_some_of_the_models(study, models, absent):
    study.configure(segmentation={"models": models, "final_model": models[-1]})
    jobs = planned(study.plan())
    assert not absent & jobs.keys()
    assert jobs["write_report"] == 1


def test_given_masks_train_nothing(study):
    study.configure(segmentation={"source": "reference"})
    jobs = planned(study.plan())
    assert not [name for name in jobs if name.startswith(("train", "finetune", "predict"))]
    # Of the 20 target patients every second one has a reference, of one series.
    assert jobs["extract_radiomics"] == 10
    places = read_ledger(study.config["ledger"]).places
    segmented = [f"M{number}" for number in range(1, 20, 2)]
    assert jobs["perturb_lesions"] == sum(places[patient] != "test" for patient in segmented)
    assert "collect_detection" not in jobs
    assert jobs["write_report"] == 1


def test_only_series_that_classifiers_learn_from_are_perturbed(study):
    """Neither those of a patient without a sample, nor any where no mask is asked for."""
    molecular = pd.read_csv(study.folder / "molecular.tsv", sep="\t", dtype=str)
    places = read_ledger(study.config["ledger"]).places
    untested = next(name for name in molecular["patient"] if places[name] != "test")
    study.write_molecular(molecular[molecular["patient"].ne(untested)])
    assert planned(study.plan())["perturb_lesions"] == 2 * 15
    study.configure(radiomics={"perturbations": {"count": 0}})
    assert "perturb_lesions" not in planned(study.plan())


@pytest.mark.parametrize("per_lesion", [True, False])
def test_features_by_other_aggregations_are_of_single_lesions(study, per_lesion):
    study.configure(radiomics={"per_lesion": per_lesion})
    plan = study.plan().stdout
    collected = re.search(r"rule collect_radiomics:.*?\n\n", plan, re.S).group()
    assert "features.csv" in collected
    assert ("features_sum.csv" in collected) == per_lesion
    # A predicted mask's lesions are matched by detection.
    assert "detection/nnunet_finetuned/groups.tsv" in collected


def test_a_feature_table_skips_the_images(study):
    study.begin_with(feature_table())
    jobs = planned(study.plan())
    assert not [name for name in jobs if name.startswith(("ingest", "train", "extract", "perturb"))]
    assert jobs["write_report"] == 1


@pytest.mark.parametrize("protocol", ["published", "corrected"])
def test_one_protocol_alone(study, protocol):
    study.configure(phenotype={"protocols": [protocol]})
    jobs = planned(study.plan())
    other = {"published": "corrected", "corrected": "published"}[protocol]
    # Three classifiers of one protocol, and nothing that compares the two.
    assert jobs[f"fit_{protocol}"] == 3
    assert f"fit_{other}" not in jobs
    assert "correct_stepwise" not in jobs
    # The report shows the features' reproducibility beside the corrected protocol alone.
    assert ("perturb_lesions" in jobs) == (protocol == "corrected")


def test_a_gpu_is_asked_for_unless_the_device_is_the_cpu(study):
    study.configure(segmentation={"device": "cuda"})
    assert "gpu=1" in study.plan().stdout
    study.configure(segmentation={"device": "cpu"})
    assert "gpu=1" not in study.plan().stdout


def test_no_patient_is_on_both_sides_of_any_split(study):
    """Every training job's declared cases against the ledger, read from the plan itself."""
    ledger = read_ledger(study.config["ledger"])
    places = ledger.places
    patient = study.series().set_index("series")["patient"].to_dict()
    for name, series in ledger.training_sets.items():
        assert series, name
        assert not [case for case in series if places[patient[case]] == "test"]
    plan = study.plan().stdout
    predictions = re.findall(r"predictions/(\w+)/(ensemble|out_of_fold|single)/([\w]+)\.nii", plan)
    assert {model for model, _, _ in predictions} == {
        "unet",
        "segresnet",
        "nnunet",
        "nnunet_finetuned",
    }
    seen = {
        "unet": "lits",
        "segresnet": "lits",
        "nnunet": "lits",
        "nnunet_finetuned": "lits_msclc",
    }
    for model, kind, series in predictions:
        trained = {patient[case] for case in ledger.training_sets[seen[model]]}
        assert (patient[series] in trained) == (kind == "out_of_fold"), (model, series)
        if places[patient[series]] == "test":
            assert kind in ("ensemble", "single")


def test_a_thin_and_a_thick_series_of_a_training_patient_are_both_out_of_fold(study):
    """The reference, and so the training case, is of the thin series only."""
    ledger = read_ledger(study.config["ledger"])
    thin = next(s for s in ledger.training_sets["lits_msclc"] if s.endswith("_thin"))
    thick = thin.replace("_thin", "_thick")
    plan = study.plan().stdout
    assert f"predictions/nnunet_finetuned/out_of_fold/{thick}.nii.gz" in plan
    assert f"predictions/nnunet_finetuned/ensemble/{thick}.nii.gz" not in plan
