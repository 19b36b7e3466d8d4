"""Harmonisation end to end: the demo's given masks, classified anew with ComBat by thickness."""

import re
import shutil

import pytest
import yaml

RUN = "test_harmonised"
CORRECTED = "phenotype/reference/corrected"
WANTED = (
    "tables/harmonisation.csv",
    "tables/stability.csv",
    f"{CORRECTED}/test_predictions.tsv",
    f"{CORRECTED}/repeats/LR.tsv",
    f"{CORRECTED}/permutations/0.tsv",
)


def configured(demo_run, folder, **harmonisation):
    """Write the demo's config with given masks and a harmonisation."""
    overlay = yaml.safe_load(demo_run.config_path.read_text())
    overlay["run"] = RUN
    overlay["segmentation"]["source"] = "reference"
    overlay["phenotype"] |= {"compare_with_reference": False, "harmonisation": harmonisation}
    path = folder / "harmonised.yaml"
    path.write_text(yaml.safe_dump(overlay))
    return path


@pytest.fixture(scope="module")
def harmonised(demo_run, tmp_path_factory):
    """Take over the demo's scans, masks and features, and run what is behind them."""
    results = demo_run.results.with_name(RUN)
    shutil.rmtree(results, ignore_errors=True)
    for part in ("series", "cohort", "radiomics/reference", "records"):
        shutil.copytree(demo_run.results / part, results / part)
    folder = tmp_path_factory.mktemp("harmonised")
    # Thin phantoms of this cohort have slices of 8 mm, thick ones of 10 mm.
    path = configured(demo_run, folder, by="thickness", thin_up_to_mm=8, minimum_patients=2)
    wanted = [f"results/{RUN}/{name}" for name in WANTED]
    run = demo_run.snakemake(*wanted, configfile=path)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-6000:]
    return results


def test_batches_are_those_of_the_headers(demo_run, harmonised):
    batches = demo_run.table(harmonised / "phenotype/harmonisation.tsv")
    thin = batches["series"].str.endswith("_thin")
    assert set(batches["batch"][thin]) == {"at most 8 mm"}
    assert set(batches["batch"][~thin]) == {"over 8 mm"}
    features = demo_run.table(harmonised / "radiomics/reference/features.csv")
    counts = demo_run.table(harmonised / "tables/harmonisation_batches.csv")
    assert counts["series"].sum() == len(features)
    assert len(demo_run.table(harmonised / "tables/harmonisation.csv")) == 107


def test_every_test_series_is_scored(demo_run, harmonised):
    features = demo_run.table(harmonised / "radiomics/reference/features.csv")
    tested = features.loc[features["Group"] == "test", "File"]
    scored = demo_run.table(harmonised / CORRECTED / "test_predictions.tsv")
    assert set(scored["series"]) == set(tested)
    assert scored["probability"].between(0, 1).all()


def test_another_harmonisation_reruns_no_image_and_nothing_of_the_published_protocol(
    demo_run, harmonised, tmp_path
):
    path = configured(demo_run, tmp_path, by=None)
    wanted = f"results/{RUN}/{CORRECTED}/test_predictions.tsv"
    result = demo_run.snakemake("--dry-run", wanted, configfile=path)
    assert result.returncode == 0
    plan = result.stdout + result.stderr
    rules = set(re.findall(r"^rule (\w+):", plan, re.M))
    assert rules == {"select_features", "fit_corrected", "cross_validate_deals", "score_test"}
    assert "/published/" not in "".join(re.findall(r"output: .*", plan))


def test_a_batch_with_too_few_patients_stops_the_run_with_its_sentence(
    demo_run, harmonised, tmp_path
):
    path = configured(demo_run, tmp_path, by="thickness", thin_up_to_mm=8, minimum_patients=5)
    wanted = f"results/{RUN}/phenotype/harmonisation.tsv"
    result = demo_run.snakemake(wanted, configfile=path)
    assert result.returncode != 0
    text = result.stdout + result.stderr
    # Of the three thin training patients each stands in a fold of its own.
    assert "Batch 'at most 8 mm' has too few training patients: 2 where fold" in text
    assert "Traceback" not in text
