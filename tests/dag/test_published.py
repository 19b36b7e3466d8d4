"""The plan of the published analysis: from the feature table alone, and no image."""

import subprocess

import pytest
import yaml
from study import feature_table, planned_in
from test_plan import planned


@pytest.fixture
def plan(tmp_path, root):
    """Return a function that dry-runs config/published.yaml on a phantom table, more over it."""
    feature_table().to_csv(tmp_path / "features.csv", index=False)
    overlay = tmp_path / "overlay.yaml"
    printed = str(root / "config" / "published_values.yaml")
    keys = {"table": "features.csv", "printed_values": printed}
    overlay.write_text(yaml.safe_dump({"phenotype": keys}))

    def dry_run(*configs: str) -> dict[str, int]:
        files = [str(root / "config" / name) for name in configs]
        return planned(planned_in(tmp_path, "--configfile", *files, str(overlay)))

    return dry_run


def test_printed_numbers_are_compared_and_no_image_is_touched(plan):
    jobs = plan("published.yaml")
    assert jobs["fit_published"] == 3
    assert jobs["fit_corrected"] == 3
    assert jobs["repeat_xgboost"] == 1
    assert jobs["repeat_logistic_regression"] == 3
    assert jobs["compare_with_print"] == 1
    assert jobs["correct_stepwise"] == 1
    # 144 specifications of the finished table, 36 a job.
    assert jobs["score_specifications"] == 4
    imaging = ("ingest", "plan", "preprocess", "train", "finetune", "predict", "measure_detection")
    assert not [name for name in jobs if name.startswith((*imaging, "extract", "match"))]
    assert not [name for name in jobs if "weights" in name]


def test_the_search_of_weights_runs_in_parts(plan):
    jobs = plan("published.yaml", "published_searched.yaml")
    # The forest's 200 weights in eight parts, those of LR and XGB in one.
    assert jobs["search_published_weights"] == 8 + 1 + 1
    assert jobs["gather_published_weights"] == 3
    assert jobs["compare_weights"] == 1


def test_make_published_says_where_the_missing_table_is_published(root):
    command = ["make", "published", "TABLE=nowhere/table.csv"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "There is no feature table at nowhere/table.csv" in result.stdout
    assert "doi:10.4274/dir.2025.253310" in result.stdout
    assert "make published TABLE=path/to/Final_ResampledClassificationData.csv" in result.stdout
