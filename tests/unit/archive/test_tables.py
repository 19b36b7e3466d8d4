"""`livermet pseudonymise`: other tables under the pseudonyms and the moved dates of the sheet."""

import os

import pandas as pd
import pytest
from click.testing import CliRunner

from livermet.archive.pseudonyms import Pseudonyms
from livermet.cli import main
from livermet.sheets import MOLECULAR_COLUMNS, read_molecular

SECRET = bytes(range(32))


@pytest.fixture
def run(tmp_path):
    """Return a function that writes a table and puts it under pseudonyms."""
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    os.chmod(secret, 0o600)

    def pseudonymise(text, *options, status=0):
        (tmp_path / "samples.csv").write_text(text)
        asked = [
            "pseudonymise",
            tmp_path / "samples.csv",
            "--to",
            tmp_path / "out" / "molecular.tsv",
        ]
        asked += ["--secret", secret, "--patient", "MRN", *options]
        result = CliRunner().invoke(main, [str(one) for one in asked], catch_exceptions=False)
        assert result.exit_code == status, result.output
        return result.stderr if status else result.stdout

    pseudonymise.out = tmp_path / "out" / "molecular.tsv"
    return pseudonymise


TABLE = "MRN;Name;Biopsy;Type;score\n4711;Doe;2020-01-16;biopsy;0.5\nA-1;Roe;2020/02/01;cfdna;-1\n"
OPTIONS = ("--date", "Biopsy=sample_date", "--keep", "Type=sample_type", "--keep", "score")


def test_a_molecular_table_is_written_that_the_study_reads(run):
    told = run(TABLE, *OPTIONS)
    assert "2 rows of 2 patients" in told
    assert "Columns left out: 1." in told
    table = read_molecular(run.out)
    assert list(table.columns) == MOLECULAR_COLUMNS
    made = Pseudonyms(SECRET)
    assert list(table["patient"]) == [made.pseudonym("4711"), made.pseudonym("a-1")]
    moved = pd.Timestamp("2020-01-16") - table["sample_date"][0]
    # As the dates of the same patient's scans move.
    assert moved.days == made.days(made.digest("4711"))
    text = run.out.read_text()
    assert not any(word in text for word in ("4711", "Doe", "2020-01-16", "A-1"))


def test_rows_without_series_are_counted_and_near_identities_found(run, tmp_path):
    made = Pseudonyms(SECRET)
    sheet = tmp_path / "series.tsv"
    names = [made.pseudonym("0004711"), made.pseudonym("A-1")]
    sheet.write_text("series\tpatient\n" + "".join(f"s\t{name}\n" for name in names))
    told = run(TABLE, *OPTIONS, "--series", sheet)
    assert "1 of 2 rows" in told
    assert "row 2: the patient has no series, but one whose identity differs in zeros" in told
    assert "4711" not in told


def test_all_that_is_wrong_is_told_by_rows_without_a_cell(run):
    text = "MRN;Biopsy;score\n;2020-01-01;1\n4711;16.01.2020;2\n8888;2020-01-01;of 8888\n"
    told = run(text, "--date", "Biopsy", "--keep", "score", status=1)
    assert "row 2: the column 'MRN' is empty." in told
    assert "row 3: the column 'Biopsy' holds no date; write it as YYYY-MM-DD." in told
    assert "row 4: the column 'score' holds the identity of this or another patient" in told
    assert not any(cell in told for cell in ("4711", "16.01", "8888"))
    assert not run.out.exists()


@pytest.mark.parametrize(
    ("identity", "cell", "tells"),
    [
        ("4711", "see 4711", True),
        ("0004711", "4711", True),
        ("4711", "0004711", True),
        ("4711", "4711.0", True),
        ("4711", "4711.5", False),
        ("4711", "0.4711", False),
        ("4711", "14711", False),
        ("4711", "2020-47-11", False),
        ("MRN-4711", "of mrn-4711b", True),
        ("A-1", "A-1", False),
        # Another row's patient.
        ("4711", "sister of 8888", True),
        ("4711", "0.8888", False),
    ],
)
def test_a_kept_column_tells_no_patient(run, identity, cell, tells):
    text = f"MRN\tnote\n{identity}\t{cell}\n8888\tx\n"
    told = run(text, "--keep", "note", status=int(tells))
    assert ("row 2: the column 'note' holds the identity" in told) == tells


def test_columns_that_are_not_there_are_named(run):
    told = run("A;B\n1;2\n", "--date", "C", status=1)
    assert "has no column 'MRN'; its columns are A, B." in told
    assert "has no column 'C'" in told


def test_a_table_that_is_there_is_not_written_over(run):
    run(TABLE, *OPTIONS)
    assert "is there already" in run(TABLE, *OPTIONS, status=1)
    run(TABLE, *OPTIONS, "--replace")
