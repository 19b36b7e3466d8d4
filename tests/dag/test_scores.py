"""Scores from expression: in the plan, in the ledger, and through a real run of their two rules."""

import re
import subprocess
import sys

import expression_phantoms as phantoms
import pandas as pd
import pytest
from study import POSITIVE, ROOT, make_study, score_from_expression
from test_plan import planned

from livermet.errors import InputError


@pytest.fixture
def scored(tmp_path):
    """Return a study whose scores come from expression, not assigned."""
    study = make_study(tmp_path)
    score_from_expression(study)
    return study


def test_the_plan_has_one_job_more_where_scores_are_computed(study):
    given = planned(study.plan())
    assert "score_samples" not in given
    score_from_expression(study)
    assert "frozen scores: 20" in study.assign()
    assert planned(study.plan()) == given | {"score_samples": 1}


def test_a_run_scores_and_matches(scored):
    scored.assign()
    wanted = "results/study/cohort/matching.tsv"
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", str(scored.config_path), "--profile"]
    command += [str(ROOT / "profiles" / "default"), wanted]
    run = subprocess.run(command, cwd=scored.folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, (run.stdout + run.stderr)[-4000:]
    matched = pd.read_csv(scored.folder / wanted, sep="\t")
    classes = {f"M{name[1:]}": int(positive) for name, positive in POSITIVE.items()}
    assert matched["class"].tolist() == [classes[patient] for patient in matched["patient"]]
    table = pd.read_csv(scored.folder / "results/study/cohort/scores.tsv", sep="\t")
    assert table["genes_found"].eq(20).all()
    assert table["score"].abs().between(0.9, 1).all()
    described = pd.read_csv(scored.folder / "results/study/tables/sample_scores.csv")
    assert described[["samples", "positive_samples"]].to_numpy().tolist() == [[20, 12]]
    # A table of other numbers: the job refuses, and the labels stay as the ledger has them.
    changed = phantoms.expression(POSITIVE, seed=9)
    phantoms.write(changed, scored.folder / "expression.tsv")
    run = subprocess.run(command, cwd=scored.folder, capture_output=True, text=True, check=False)
    told = run.stdout + run.stderr
    assert run.returncode != 0
    assert "row 2: the score of sample 'T0' is" in told
    assert "in the ledger, where make assign froze it as 'scores'" in told
    assert "Traceback" not in told


def test_a_reference_that_was_exchanged_stops_the_plan(scored):
    scored.assign()
    other = phantoms.centroids().assign(ne=lambda table: table["ne"] * 1.1)
    phantoms.write(other, scored.folder / "centroids.tsv")
    result = scored.plan()
    told = result.stdout + result.stderr
    assert result.returncode != 0
    assert "What samples of biopsy are scored by has changed (molecular.assays.biopsy.ref" in told
    assert "Traceback" not in told
    with pytest.raises(InputError, match="labels that were given would change"):
        scored.assign()


def test_a_new_sample_asks_for_assign_and_moves_no_score(scored):
    scored.assign()
    frozen = (scored.folder / "ledger/scores/scores.tsv").read_text()
    more = phantoms.expression(POSITIVE | {"T99": True})
    phantoms.write(more, scored.folder / "expression.tsv")
    path = scored.folder / "molecular.tsv"
    path.write_text(path.read_text() + "M1\t2020-03-01\tbiopsy\tT99\n")
    result = scored.plan()
    assert "The ledger lacks the score of sample T99" in result.stdout + result.stderr
    assert "frozen scores: 1" in scored.assign()
    after = (scored.folder / "ledger/scores/scores.tsv").read_text()
    assert after.startswith(frozen)
    assert re.search(r"^biopsy\tT99\t0\.9", after, re.M)
    assert planned(scored.plan())["score_samples"] == 1


def test_a_table_that_is_not_there_is_told(scored):
    scored.assign()
    (scored.folder / "expression.tsv").unlink()
    result = scored.plan()
    told = result.stdout + result.stderr
    assert "Config key 'molecular.assays.biopsy.expression': there is no table at" in told


def test_lines_of_treatment_in_one_sheet_alone_stop_the_plan(study):
    series = study.series().assign(treatment_line="1")
    study.write_series(series)
    result = study.plan()
    assert "molecular.tsv lacks the column 'treatment_line'" in result.stdout + result.stderr
    samples = pd.read_csv(study.folder / "molecular.tsv", sep="\t", dtype=str)
    study.write_molecular(samples.assign(treatment_line="1"))
    assert planned(study.plan())["match_cohort"] == 1
