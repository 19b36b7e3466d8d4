"""A plan in words: hours from benchmarks counted by hand, reasons, and what would train."""

import pytest

from livermet.provenance.plan import (
    Measured,
    Plan,
    Planned,
    changed_cases,
    plan_in_words,
    read_measured,
    read_plan,
)
from livermet.provenance.records import BY_SERIES, Record, write_record

from .. import audit_phantoms as made
from ..audit_phantoms import RUN, SERIES, write

HEADER = "s\th:m:s\tmax_rss\n"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def job(name: str, **facts) -> Planned:
    return Planned(**{"stage": "monai", "log": f"results/demo/logs/{name}.log"} | facts)


def benchmark(run: str, name: str, seconds: str, series: int = 0) -> None:
    write(f"results/{run}/benchmarks/{name}.tsv", f"{HEADER}{seconds}\t0:00:01\t9\n")
    params = {BY_SERIES: {str(n): True for n in range(series)}} if series else {}
    write_record(Record("", params, [], {}), f"results/{run}/records/{name}.json")


def test_medians_are_of_all_earlier_runs_and_of_a_series_where_jobs_go_by_series(tmp_path):
    for number, seconds in enumerate(("10", "20", "60")):
        benchmark(f"run{number}", "fit_corrected/unet/LR", seconds)
    benchmark("run0", "predict_monai/unet_b1", "40", series=20)
    benchmark("run0", "predict_monai/unet_b2", "30", series=10)
    # Snakemake writes NA or nothing of a job that was killed.
    benchmark("run1", "write_report", "NA")
    write("results/run1/benchmarks/collect.tsv", "")
    assert read_measured(tmp_path / "results") == {
        "fit_corrected": Measured(20.0),
        "predict_monai": Measured(35.0, 2.5),
    }


def test_what_the_run_itself_took_counts_before_what_others_took(tmp_path):
    benchmark("demo", "train_monai/unet", "20")
    benchmark("study", "train_monai/unet", "40000")
    benchmark("demo", "fit_corrected/unet/LR", "3")
    assert read_measured(tmp_path / "results", "study") == {
        "train_monai": Measured(40000.0),
        "fit_corrected": Measured(3.0),
    }


def test_hours_are_seconds_by_cores_and_by_gpus():
    jobs = [
        job("train_monai/unet", threads=8, gpus=1, network=True, reasons=["files are missing"]),
        job("predict_monai/unet_b1", threads=2, gpus=1, series=["a", "b", "c"]),
        job("fit_corrected/unet/LR", stage="phenotype", threads=1),
    ]
    measured = {"train_monai": Measured(7200.0), "predict_monai": Measured(99.0, 600.0)}
    # Training: 2 h on 8 cores and one GPU. Prediction: 3 series of 10 minutes on 2 cores and a GPU.
    assert plan_in_words(jobs, measured, {}) == [
        "monai: 2 jobs, 3 series, 17.00 core hours, 2.50 GPU hours",
        "    train_monai (1): files are missing (1)",
        "    predict_monai (1): what it reads is made again (1)",
        "phenotype: 1 job, not measured",
        "    fit_corrected (1): what it reads is made again (1)",
        "Together: 3 jobs, 17.00 core hours, 2.50 GPU hours and 1 job not measured.",
        "Would be trained: train_monai/unet.",
    ]


def test_an_empty_plan_says_so_and_names_networks_whose_cases_changed():
    told = plan_in_words([], {}, {"train_monai/unet": ["m1", "m2"]})
    assert told == [
        "Nothing is to be made.",
        "Trained on cases that have changed or been withdrawn since: train_monai/unet (m1, m2). "
        "It stays as it is; to retrain, name a new training set.",
    ]


def test_cases_that_would_be_made_again_or_are_withdrawn_are_named():
    made.make_run()
    run, network = str(RUN), "train_monai/unet"
    assert changed_cases(Plan([], run, list(SERIES))) == {}
    assert changed_cases(Plan([], run, [SERIES[0]])) == {network: [SERIES[1]]}
    again = [job(f"ingest_series/{SERIES[1]}")]
    assert changed_cases(Plan(again, run, list(SERIES))) == {network: [SERIES[1]]}
    made.ingest(SERIES[1], "another ct")
    assert changed_cases(Plan([], run, list(SERIES))) == {network: [SERIES[1]]}
    # A network that is trained again learns from them as they are.
    assert changed_cases(Plan([job(network)], run, list(SERIES))) == {}
    assert changed_cases(Plan([], "results/nowhere", None)) == {}


def test_no_plan_is_none(tmp_path):
    assert read_plan(tmp_path / "plan.json") is None
