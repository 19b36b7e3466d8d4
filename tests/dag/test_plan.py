"""The plan of every config branch, on empty files: what would run, and that nothing is missing."""

import re
from pathlib import Path

import pandas as pd
import pytest
from finished import finish, plan_twice
from study import feature_table

from livermet.ledger.tables import read_ledger
from livermet.models import NETWORKS
from livermet.provenance.plan import read_plan


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


def count(jobs: dict[str, int], rule: str) -> int:
    """Count the jobs of all rules that a loop over batches has made of one."""
    return sum(number for name, number in jobs.items() if re.fullmatch(rf"{rule}_b\d+", name))


def batches_of(study, wanted) -> set[str]:
    """Name the ledger's batches of the sheet's rows that `wanted` picks."""
    batch = dict(read_ledger(study.config["ledger"]).batches.itertuples(index=False))
    return {batch[row.series] for row in study.series().itertuples() if wanted(row)}


@pytest.mark.parametrize("profile", ["default", "slurm", "slurm-gres"])
def test_the_full_study_is_planned_whole(study, root, profile):
    jobs = planned(study.plan("--profile", str(root / "profiles" / profile)))
    # 12 LiTS series as NIfTI; 20 patients x 2 series as DICOM; references of LiTS and 10 patients.
    assert jobs["ingest_series"] == 12 + 40
    # Batches of at most six: LiTS 1 of test and 2 of training series, mSCLC 2 and 6.
    assert len(batches_of(study, lambda row: row.reference != "")) == count(
        jobs, "ingest_reference"
    )
    assert jobs["train_monai"] == 2
    assert jobs["train_nnunet"] == 5
    assert jobs["train_nnunet_finetuned"] == 5
    # 10 of 12 LiTS patients train the MONAI networks, which therefore never score them.
    assert jobs["measure_detection"] == 2 * (1 + 8) + 2 * (3 + 8)
    # The 8 batches of mSCLC, and the two of test series in each fold's own masks.
    assert jobs["extract_radiomics"] == 8 + 5 * 2
    # Of the 20 target patients four are for test.
    assert jobs["perturb_lesions"] == 6
    assert jobs["write_report"] == 1
    assert jobs["write_cards"] == 1


@pytest.mark.parametrize(
    ("models", "absent"),
    [
        (["nnunet"], {"train_monai", "train_nnunet_finetuned"}),
        (["unet"], {"train_nnunet", "train_nnunet_finetuned"}),
        (["segresnet", "nnunet"], {"train_nnunet_finetuned"}),
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
    segmented = batches_of(study, lambda row: row.reference and row.cohort == "mSCLC")
    assert jobs["extract_radiomics"] == len(segmented)
    places = read_ledger(study.config["ledger"]).places
    trained = batches_of(
        study,
        lambda row: row.reference and row.cohort == "mSCLC" and places[row.patient] != "test",
    )
    assert jobs["perturb_lesions"] == len(trained)
    assert "collect_detection" not in jobs
    assert jobs["write_report"] == 1


def test_results_are_written_as_dicom_where_the_config_asks_for_it(study, monkeypatch):
    assert not [name for name in planned(study.plan()) if "export" in name]
    study.configure(export={"dicom": "as_given"})
    plan = study.plan()
    jobs = planned(plan)
    # The target cohort alone is DICOM, and the final model predicts all of it.
    target = batches_of(study, lambda row: row.cohort == "mSCLC")
    assert count(jobs, "export_dicom") == len(target)
    assert jobs["collect_export"] == 1
    assert "results/study/dicom/nnunet_finetuned/msclc_0_thin" in plan.stdout
    # Every job reads which training of each fold's network it names.
    jobs = re.findall(r"rule export_dicom_\w+:\n +input: (.*)", plan.stdout)
    assert len(jobs) == len(target)
    assert {job.count("model.json") for job in jobs} == {5}
    study.configure(segmentation={"source": "reference"})
    monkeypatch.setenv("LIVERMET_PLAN", str(study.folder / "plan.json"))
    plan = study.plan()
    assert not [name for name in planned(plan) if "export" in name]
    # That nothing is written is said by Snakemake, and by `livermet plan`.
    why = "No DICOM SEG or report is written, although export.dicom asks for them"
    assert why in plan.stdout + plan.stderr
    (note,) = read_plan(study.folder / "plan.json").notes
    assert note.startswith(why)


def test_a_process_that_plans_twice_tells_each_note_and_reason_once(study, monkeypatch):
    study.configure(export={"dicom": "as_given"}, segmentation={"source": "reference"})
    monkeypatch.setenv("LIVERMET_PLAN", str(study.folder / "plan.json"))
    plan_twice(study)
    plan = read_plan(study.folder / "plan.json")
    (note,) = plan.notes
    assert note.startswith("No DICOM SEG or report is written")
    told = [tuple(job.reasons) for job in plan.jobs if job.reasons]
    assert told
    assert all(len(set(reasons)) == len(reasons) for reasons in told)


def perturbed(study) -> set[str]:
    """Name the series whose CTs the plan's jobs of perturbed masks read."""
    jobs = re.findall(r"rule perturb_lesions:\n    input: (.*)", study.plan().stdout)
    return set(re.findall(r"series/(\w+)/ct\.nii", " ".join(jobs)))


def test_only_series_that_classifiers_learn_from_are_perturbed(study):
    """Neither those of a patient without a sample, nor any where no mask is asked for."""
    molecular = pd.read_csv(study.folder / "molecular.tsv", sep="\t", dtype=str)
    places = read_ledger(study.config["ledger"]).places
    untested = next(name for name in molecular["patient"] if places[name] != "test")
    everyone = perturbed(study)
    assert len(everyone) == 2 * 16
    study.write_molecular(molecular[molecular["patient"].ne(untested)])
    number = untested.removeprefix("M")
    assert everyone - perturbed(study) == {f"msclc_{number}_thin", f"msclc_{number}_thick"}
    study.configure(radiomics={"perturbations": {"count": 0}})
    assert "perturb_lesions" not in planned(study.plan())


def test_single_folds_segment_the_test_series_of_the_final_model_unless_switched_off(study):
    """Four test patients of mSCLC with two series each; a job a fold and batch."""
    places = read_ledger(study.config["ledger"]).places
    batches = batches_of(study, lambda row: row.cohort == "mSCLC" and places[row.patient] == "test")
    after = planned(study.plan())
    study.configure(phenotype={"single_fold_masks": False})
    before = planned(study.plan())
    added = {name: number - before.get(name, 0) for name, number in after.items()}
    added = {name: number for name, number in added.items() if number}
    predicting = {f"predict_nnunet_finetuned_fold_{k}_{b}": 1 for k in range(5) for b in batches}
    assert added == predicting | {"extract_radiomics": 5 * len(batches), "collect_radiomics": 5}
    assert before["measure_segmentation_error"] == after["measure_segmentation_error"] == 1


def test_segmentation_error_is_measured_where_there_are_other_masks(study):
    assert planned(study.plan())["measure_segmentation_error"] == 1
    study.configure(segmentation={"source": "reference"})
    assert planned(study.plan())["draw_segmentation_error"] == 1
    study.configure(radiomics={"perturbations": {"count": 0}})
    assert "measure_segmentation_error" not in planned(study.plan())


@pytest.mark.parametrize("per_lesion", [True, False])
def test_features_by_other_aggregations_are_of_single_lesions(study, per_lesion):
    study.configure(radiomics={"per_lesion": per_lesion}, phenotype={"aggregation": "union"})
    plan = study.plan().stdout
    blocks = re.findall(r"rule collect_radiomics:.*?\n\n", plan, re.S)
    (collected,) = [one for one in blocks if "radiomics/nnunet_finetuned/features.csv" in one]
    assert ("features_sum.csv" in collected) == per_lesion
    # A predicted mask's lesions are matched by detection.
    assert "detection/nnunet_finetuned/groups.tsv" in collected


def test_a_feature_table_skips_the_images(study):
    study.begin_with(feature_table())
    jobs = planned(study.plan())
    assert not [name for name in jobs if name.startswith(("ingest", "train", "extract", "perturb"))]
    assert jobs["write_report"] == 1


def tables_read(plan: str) -> dict[str, set[str]]:
    """Read from a dry run which feature tables each rule reads; a rule of both protocols twice."""
    tables: dict[str, set[str]] = {}
    for block in re.split(r"\n *(?=(?:local)?rule )", plan)[1:]:
        rule = re.match(r"(?:local)?rule (\S+):", block).group(1)
        protocol = re.search(r"wildcards: .*?protocol=(\w+)", block)
        given = re.search(r"input: (.*)", block)
        read = re.findall(r"radiomics/\w+/(features\w*\.csv)", given.group(1) if given else "")
        if read:
            name = f"{rule} ({protocol.group(1)})" if protocol else rule
            tables.setdefault(name, set()).update(read)
    return tables


EVERY_AGGREGATION = {
    "features.csv",
    "features_largest.csv",
    "features_volume_weighted_mean.csv",
    "features_sum.csv",
}


@pytest.mark.parametrize("aggregation", ["union", "largest", "volume_weighted_mean", "sum"])
def test_each_protocol_reads_its_own_features(study, aggregation):
    study.configure(phenotype={"aggregation": aggregation, "compare_with_reference": True})
    plan = study.plan()
    assert plan.returncode == 0, plan.stderr[-3000:]
    union = {"features.csv"}
    own = union if aggregation == "union" else {f"features_{aggregation}.csv"}
    assert tables_read(plan.stdout + plan.stderr) == {
        "select_features (published)": union,
        "fit_published": union,
        # Burden, folds and places are the same in every table.
        "correlate_burden": union,
        "audit_leakage": union,
        "select_features (corrected)": own,
        "fit_corrected": own,
        "fit_baselines": own,
        "score_test": own,
        "cross_validate_deals": own,
        "repeat_cross_validation": own,
        "permute_labels": own,
        "regress_score": own,
        "measure_segmentation_error": own,
        "tabulate_variation": own,
        # The specification curve crosses what features may be of with all else.
        "score_specifications": EVERY_AGGREGATION,
        "assess_selection": own,
        "correct_stepwise": union | own,
        "measure_reproducibility": union | own,
        "gather_facts": union | own,
    }


def test_a_finished_table_is_taken_as_it_is_by_both_protocols(study):
    study.begin_with(feature_table())
    plan = study.plan()
    assert plan.returncode == 0, plan.stderr[-3000:]
    tables = tables_read(plan.stdout + plan.stderr)
    assert {"fit_published", "fit_corrected", "correct_stepwise"} <= tables.keys()
    assert set.union(*tables.values()) == {"features.csv"}


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


def test_the_published_protocol_alone_reads_the_union_alone(study):
    study.configure(phenotype={"protocols": ["published"]}, radiomics={"per_lesion": False})
    plan = study.plan()
    assert plan.returncode == 0, plan.stderr[-3000:]
    tables = tables_read(plan.stdout + plan.stderr)
    assert "fit_published" in tables
    assert set.union(*tables.values()) == {"features.csv"}


@pytest.mark.parametrize(
    ("size", "by_lesion", "parts"),
    # 576, 144 and 33 specifications of at most 36 a job.
    [("all", True, 16), ("all", False, 4), ("neighbours", True, 1), ("none", True, 0)],
)
def test_the_specification_curve_runs_in_parts(study, size, by_lesion, parts):
    aggregation = "volume_weighted_mean" if by_lesion else "union"
    keys = {"specifications": size, "aggregation": aggregation}
    study.configure(phenotype=keys, radiomics={"per_lesion": by_lesion})
    jobs = planned(study.plan())
    assert jobs.get("score_specifications", 0) == parts
    for rule in ("tabulate_specifications", "draw_specification_curve"):
        assert jobs.get(rule, 0) == (parts > 0)


def test_features_are_harmonised_where_the_config_says_so(study):
    """The batches reach every job of the corrected protocol that fits or scores features."""
    assert "harmonisation" not in study.plan().stdout
    study.configure(phenotype={"harmonisation": {"by": "scanner"}})
    result = study.plan("--verbose")
    jobs = planned(result)
    assert jobs["assign_harmonisation"] == 1
    assert jobs["tabulate_harmonisation"] == 1
    planned_jobs = re.findall(
        r"^rule (\w+):\n    input: (.*)\n    output: (.*)$", result.stdout + result.stderr, re.M
    )
    reading = [job for job in planned_jobs if "phenotype/harmonisation.tsv" in job[1]]
    assert not [output for _, _, output in reading if "/published/" in output]
    assert {rule for rule, _, _ in reading} == {
        "assess_selection",
        "correct_stepwise",
        "cross_validate_deals",
        "fit_corrected",
        "measure_segmentation_error",
        "permute_labels",
        "regress_score",
        "repeat_cross_validation",
        "score_specifications",
        "score_test",
        "select_features",
        "tabulate_harmonisation",
        "tabulate_variation",
    }


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


def test_what_detection_found_is_told_without_radiomics(study):
    tables = ("score_detection", "tabulate_segmentation")
    jobs = planned(study.plan("--until", *tables))
    assert {"place_series", *tables} <= jobs.keys()
    assert not {"extract_radiomics", "collect_radiomics", "gather_facts"} & jobs.keys()


def test_each_network_has_a_card_and_the_corrected_protocols_classifier(study):
    study.configure(segmentation={"models": ["unet", "nnunet"], "final_model": "nnunet"})
    (made,) = re.findall(r"rule write_cards:\n.*\n    output: (.*)", study.plan().stdout)
    names = [Path(path).stem for path in made.split(", ")]
    assert names == ["unet", "nnunet", "phenotype"]


def test_given_masks_under_the_published_protocol_have_no_card(study):
    study.configure(segmentation={"source": "reference"}, phenotype={"protocols": ["published"]})
    assert "write_cards" not in planned(study.plan())


def test_one_network_can_learn_from_both_cohorts_beside_the_fine_tuned_one(study):
    """The joint model trains on the fine-tuned one's training set, and from no other network."""
    models = ["nnunet_finetuned", "nnunet_joint"]
    study.configure(segmentation={"models": models, "final_model": "nnunet_joint"})
    result = study.plan()
    jobs = planned(result)
    assert jobs["train_nnunet_joint"] == jobs["train_nnunet_finetuned"] == jobs["train_nnunet"] == 5
    training = re.search(r"rule train_nnunet_joint:\n    input: (.*)", result.stdout).group(1)
    assert "Dataset503_lits_msclc" in training
    assert "checkpoint_final" not in training
    assert "Dataset502_lits_msclc" in result.stdout
    assert jobs["write_report"] == 1
    study.configure(segmentation={"models": ["nnunet_joint"], "final_model": "nnunet_joint"})
    jobs = planned(study.plan())
    assert not {"train_nnunet", "train_nnunet_finetuned"} & jobs.keys()
    assert jobs["train_nnunet_joint"] == 5


def test_a_study_with_every_listed_network_is_planned_whole(study):
    study.configure(segmentation={"models": list(NETWORKS)})
    jobs = planned(study.plan())
    # The fifth is scored on what the fine-tuned one is scored on: see the full study.
    assert jobs["measure_detection"] == 2 * (1 + 8) + 3 * (3 + 8)
    assert jobs["write_report"] == 1


def weights_of_others(study, *folds: str) -> str:
    folder = study.folder / "others" / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    for fold in folds:
        (folder / fold).mkdir(parents=True, exist_ok=True)
        (folder / fold / "checkpoint_final.pth").write_text(f"weights of {fold}")
    return str(folder)


def begin_with(study, path: str, models=("nnunet_finetuned", "nnunet_joint"), **nnunet) -> None:
    study.configure(
        segmentation={
            "models": list(models),
            "final_model": models[0],
            "nnunet": {"pretrained": path} | nnunet,
        }
    )


def test_weights_of_others_are_compared_before_networks_without_a_base_train(study):
    path = weights_of_others(study, *(f"fold_{k}" for k in range(5)))
    begin_with(study, path)
    result = study.plan()
    jobs = planned(result)
    assert jobs["check_pretrained_nnunet"] == jobs["check_pretrained_nnunet_joint"] == 1
    assert "check_pretrained_nnunet_finetuned" not in jobs
    text = result.stdout
    for model in ("nnunet", "nnunet_joint"):
        trainings = re.findall(rf"rule train_{model}:\n    input: (.*)", text)
        begun = {re.search(r"others/\S+/(fold_\d)", one).group(1) for one in trainings}
        assert begun == {f"fold_{k}" for k in range(5)}
        assert all("pretrained.tsv" in one for one in trainings)
        assert "others/" not in re.search(rf"rule plan_{model}:\n    input: (.*)", text).group(1)
        asked = re.search(rf"rule check_pretrained_{model}:.*?resources: (.*?)\n", text, re.S)
        assert "gpu" not in asked.group(1)
    finetuning = re.findall(r"rule train_nnunet_finetuned:\n    input: (.*)", text)
    assert not [one for one in finetuning if "others/" in one]
    begin_with(study, path, plans="pretrained")
    text = study.plan().stdout
    assert "others/" in re.search(r"rule plan_nnunet:\n    input: (.*)", text).group(1)


def test_other_weights_at_the_same_place_train_again_with_leave_alone(study):
    path = weights_of_others(study, *(f"fold_{k}" for k in range(5)))
    begin_with(study, path, models=["nnunet_joint"])
    finish(study)
    assert planned(study.plan()) == {}
    # Where they lie, and when they were written, decides nothing.
    moved = study.folder / "elsewhere"
    Path(path).rename(moved)
    (moved / "fold_3" / "checkpoint_final.pth").touch()
    begin_with(study, str(moved), models=["nnunet_joint"])
    assert "train_nnunet_joint" not in planned(study.plan())
    (moved / "fold_3" / "checkpoint_final.pth").write_text("weights of another lab")
    refused = study.plan()
    told = refused.stdout + refused.stderr
    assert refused.returncode
    assert "This run would train networks again" in told
    assert "pretrained.3 was" in told
    study.configure(allow_training=True)
    assert planned(study.plan())["train_nnunet_joint"] == 5


def test_a_run_without_nnunet_asks_for_no_weights(study):
    begin_with(study, "nowhere", models=["unet"])
    assert "train_monai" in planned(study.plan())


@pytest.mark.parametrize(
    ("folds", "keys", "sentence"),
    [
        ([], {}, "names neither a checkpoint nor a folder of an nnU-Net model"),
        (["fold_0", "fold_1"], {}, "no checkpoint_final.pth of fold 2, 3, 4; name one checkpoint"),
    ],
)
def test_weights_that_are_not_there_stop_the_plan(study, folds, keys, sentence):
    begin_with(study, weights_of_others(study, *folds), **keys)
    result = study.plan()
    assert result.returncode
    assert sentence in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_the_plan_of_no_weights_cannot_be_taken(study):
    begin_with(study, None, plans="pretrained")
    result = study.plan()
    assert "segmentation.nnunet.pretrained names no weights" in result.stdout + result.stderr
