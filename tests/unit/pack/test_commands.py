"""`livermet pack` and `livermet validate`, as they are typed."""

import pytest
from click.testing import CliRunner

from livermet.cli import main
from livermet.phenotype.table import as_published_columns
from livermet.tables import read_table

from .. import pack_phantoms as made
from .. import phenotype_phantoms


def typed(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture
def cohort(tmp_path):
    table = phenotype_phantoms.feature_table(seed=7, patients=40, test_patients=0)
    path = tmp_path / "cohort.csv"
    as_published_columns(table, "NE").drop(columns=["Group", "Fold"]).to_csv(path, index=False)
    return path


def test_a_model_is_packed_and_validated_elsewhere(run, cohort, tmp_path):
    model, out = tmp_path / "model", tmp_path / "scores.tsv"
    told = typed("pack", run, "--model", made.MODEL, "--out", model)
    assert told.output == (
        f"Packed into {model}: 2 networks and the classifier logistic regression.\n"
    )
    told = typed("validate", cohort, "--model", model, "--out", out)
    assert told.exit_code == 0
    assert "Riley's criterion asks for" in told.output
    assert told.output.endswith(f"The table: {out}\n")
    assert "auc" in set(read_table(out)["metric"])


def test_a_place_that_cannot_be_written_to_is_told_without_a_traceback(run, cohort, tmp_path):
    model = tmp_path / "model"
    told = typed("pack", run, "--model", made.MODEL, "--out", cohort / "model")
    assert (told.exit_code, told.stderr.count("\n")) == (1, 1)
    assert "cannot be used (Not a directory); name another place." in told.stderr
    typed("pack", run, "--model", made.MODEL, "--out", model)
    told = typed("validate", cohort, "--model", model, "--out", tmp_path)
    assert told.stderr == f"{tmp_path} cannot be used (Is a directory); name another place.\n"
    told = typed("validate", tmp_path / "no.csv", "--model", model)
    assert told.stderr == f"There is no feature table at {tmp_path / 'no.csv'}; correct the path.\n"


def test_networks_alone_validate_nothing(run, cohort, tmp_path):
    model = tmp_path / "model"
    typed("pack", run, "--model", made.MODEL, "--out", model, "--without-phenotype")
    told = typed("validate", cohort, "--model", model)
    assert told.exit_code == 1
    assert told.stderr == f"{model} has no classifier: It was left out when it was packed.\n"
