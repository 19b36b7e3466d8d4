"""A run with a packed model: it trains nothing, asks for no sample, and judges study by study."""

import re

from finished import finish
from study import Study, make_study, planned_in

from livermet.patients.preparing import COHORT, assign_new
from livermet.sheets import by_series, check_series

MODEL = "nnunet_finetuned"
FILES = ["pack.json", "segmentation/plans.json", "segmentation/dataset.json"]
FILES += [f"segmentation/fold_{fold}/checkpoint_final.pth" for fold in range(5)]
CLASSIFIER = ["phenotype/phenotype.json", "phenotype/domain.json", "phenotype/fold_0.skops"]


def packed_study(folder, files) -> Study:
    """Four new patients of two series each, and a packed model of empty files."""
    study = make_study(folder, lits=0, msclc=4)
    for name in files:
        path = folder / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    series = study.series().assign(cohort=COHORT, reference="")
    study.write_series(series)
    study.configure(
        cohorts={"source": None, "target": COHORT},
        split={"batch_size": 1},
        sheets={"series": str(folder / "series.tsv"), "molecular": None, "phantoms": None},
        segmentation={
            "packed": str(folder / "model"),
            "models": [MODEL],
            "final_model": MODEL,
        },
    )
    assign(study)
    return study


def assign(study: Study) -> None:
    path = study.folder / "series.tsv"
    rows = by_series(check_series(path, [COHORT])).reset_index(drop=True)
    assign_new(rows, study.folder / "ledger", study.config)


def jobs(plan) -> dict[str, int]:
    """Count the jobs of a plan by the rule's name, batches aside."""
    assert plan.returncode == 0, plan.stdout + plan.stderr
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", plan.stdout, re.M | re.S)[1]
    found: dict[str, int] = {}
    for name, count in re.findall(r"^(\S+) +(\d+)$", table, re.M):
        name = re.sub(r"_b\d+$", "", name)
        found[name] = found.get(name, 0) + int(count)
    return found


def test_new_patients_are_predicted_and_judged_and_nothing_is_trained(tmp_path):
    study = packed_study(tmp_path, FILES + CLASSIFIER)
    assert jobs(study.plan()) == {
        "ingest_series": 8,
        f"predict_{MODEL}_ensemble": 8,
        "measure_detection": 8,
        "collect_detection": 1,
        "extract_radiomics": 8,
        "view_series": 8,
        "write_viewer": 1,
        "judge_study": 4,
        "write_patient": 4,
        "collect_patients": 1,
        "write_settings": 1,
        "patients": 1,
    }


def test_a_study_is_judged_again_where_one_of_its_series_leaves(tmp_path):
    """As by --leave-out: its page and its probability are of all series that are left."""
    study = packed_study(tmp_path, FILES + CLASSIFIER)
    finish(study)
    plan = study.plan()
    assert "Nothing to be done" in plan.stdout + plan.stderr
    series = study.series()
    study.write_series(series[series["series"] != "msclc_0_thick"])
    planned = jobs(study.plan())
    again = ("judge_study", "write_patient", "collect_patients", "write_viewer")
    assert [planned.pop(name) for name in again] == [1, 1, 1, 1]
    assert not {"ingest_series", "measure_detection", "extract_radiomics"} & planned.keys()


def test_a_model_without_a_classifier_judges_nothing(tmp_path):
    planned = jobs(packed_study(tmp_path, FILES).plan())
    assert "judge_study" not in planned
    assert planned["write_patient"] == 4
    assert planned["extract_radiomics"] == 8


def test_a_study_of_one_patient_asks_for_its_files_alone(tmp_path):
    study = packed_study(tmp_path, FILES + CLASSIFIER)
    page = "results/study/patients/M1_20200101.html"
    planned = jobs(planned_in(tmp_path, page, "--configfile", str(study.config_path)))
    assert planned["ingest_series"] == planned[f"predict_{MODEL}_ensemble"] == 2
    assert planned["judge_study"] == planned["write_patient"] == 1


def test_no_input_names_the_place_of_the_model(tmp_path):
    plan = packed_study(tmp_path, FILES + CLASSIFIER).plan()
    inputs = "\n".join(re.findall(r"^ +input: (.*)", plan.stdout, re.M))
    assert ".snakemake/livermet/packed/study/segmentation/fold_4/checkpoint_final.pth" in inputs
    assert str(tmp_path) not in inputs


def test_a_packed_model_beside_others_is_refused(tmp_path):
    study = packed_study(tmp_path, FILES)
    study.configure(
        segmentation={
            "packed": str(tmp_path / "model"),
            "models": [MODEL, "unet"],
            "final_model": MODEL,
        }
    )
    plan = study.plan()
    assert plan.returncode != 0
    assert "which contradicts segmentation.packed" in plan.stdout + plan.stderr
