"""A run that is killed while networks predict next month's patient ends as one that was not."""

import random
import subprocess
import sys
import time
from filecmp import cmp

import pytest
from killing import killed, stamps, wait_for_end

from .changes import Place, copied_place, jobs_planned, new_patient

RESULTS = "results/test_demo"
MODELS = ("unet", "segresnet", "nnunet", "nnunet_finetuned")
PREDICTING = ("unet", "segresnet", "nnunet_ensemble", "nnunet_finetuned_ensemble")
TARGETS = [f"{RESULTS}/detection/{model}/scans.tsv" for model in MODELS]
TARGETS += [f"{RESULTS}/radiomics/nnunet_finetuned/features.csv"]
# Of the models those that have not predicted yet begin in no fixed order, two at a time.
A_PREDICTION = r"predict_\w+_b0005"
# Whether the jobs are killed with their Snakemake.
KILLS = [True, False]
# In the first seconds a job imports torch; the rest is its prediction.
LONGEST_WAIT_S = 6.0
SEED = 4


def command(*options: str) -> list[str]:
    run = [sys.executable, "-m", "snakemake", *options, "--configfile", "tests/demo/demo.yaml"]
    return [*run, "changed.yaml"]


def run_to_its_end(place: Place) -> None:
    done = subprocess.run(
        command(*TARGETS), cwd=place.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture
def changed(demo_run, tmp_path):
    """Return two copies of the finished run, each with a patient more in its sheets."""
    places = [copied_place(tmp_path / name, demo_run.results) for name in ("killed", "whole")]
    with new_patient(places[0]), new_patient(places[1]):
        for place in places:
            place.overlay()
        yield places


def test_killed_predictions_are_made_again(changed):
    place, whole = changed
    draw = random.Random(SEED)
    planned = set(jobs_planned(place.plan()).values())
    assert {f"predict_{name}_new" for name in PREDICTING} <= planned
    for with_jobs in KILLS:
        wait = draw.uniform(2, LONGEST_WAIT_S)
        jobs = killed(command(*TARGETS), place.folder, A_PREDICTION, with_jobs, wait)
        wait_for_end(jobs)
        left = stamps(place.file(RESULTS))
        time.sleep(2)
        assert stamps(place.file(RESULTS)) == left
        subprocess.run(command("--unlock"), cwd=place.folder, capture_output=True, check=True)
    for each in changed:
        run_to_its_end(each)
    made = {
        path.relative_to(whole.folder)
        for part in ("series", "predictions", "detection", "radiomics", "records")
        for path in whole.file(RESULTS, part).rglob("*")
        if path.is_file()
    }
    assert sum("msclc_017_20181028_thin" in path.name for path in made) >= len(MODELS)
    differing = [
        path for path in sorted(made) if not cmp(whole.file(path), place.file(path), False)
    ]
    assert differing == []
    left = set(jobs_planned(place.plan()).values())
    assert not {rule for rule in left if rule.startswith(("ingest", "predict", "measure_det"))}
