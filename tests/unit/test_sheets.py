"""Sheets: what is read, and that every problem of a sheet is told at once, by its row."""

import re

import pandas as pd
import pytest

from livermet.errors import InputError
from livermet.sheets import (
    MOLECULAR_SHEET,
    SERIES_SHEET,
    missing_files,
    read_molecular,
    read_series,
)

ROW = {
    "series": "a1",
    "patient": "a",
    "study_date": "2020-01-31",
    "cohort": "LiTS",
    "image": "a1/ct.nii.gz",
    "reference": "",
    "liver_mask": "",
    "lesions_read": "present",
    "phase": "portal venous",
    "sex": "F",
    "age": "61",
}
SAMPLE = {"patient": "a", "sample_date": "2020-02-01", "sample_type": "biopsy", "score": "0.25"}


def write(path, rows, columns):
    pd.DataFrame(rows, columns=columns).to_csv(path, sep="\t", index=False)
    return path


def series_sheet(tmp_path, *rows):
    return write(tmp_path / "series.tsv", [ROW | row for row in rows], SERIES_SHEET.names)


def sentences_of(path, read, *arguments):
    with pytest.raises(InputError) as caught:
        read(path, *arguments)
    return str(caught.value).splitlines()


def test_reads_dates_and_ages(tmp_path):
    path = series_sheet(tmp_path, {}, {"series": "b1", "patient": "b", "age": ""})
    table = read_series(path, ["LiTS", "mSCLC"])
    assert list(table.index) == ["a1", "b1"]
    assert table.at["a1", "study_date"] == pd.Timestamp(2020, 1, 31)
    assert table.at["a1", "age"] == 61
    assert pd.isna(table.at["b1", "age"])


def test_a_missing_sheet_names_its_columns(tmp_path):
    (sentence,) = sentences_of(tmp_path / "series.tsv", read_series, ["LiTS"])
    assert "There is no sheet" in sentence
    assert "lesions_read" in sentence


def test_a_missing_column_is_named(tmp_path):
    path = write(tmp_path / "series.tsv", [ROW], [c for c in SERIES_SHEET.names if c != "cohort"])
    (sentence,) = sentences_of(path, read_series, ["LiTS"])
    assert "lacks the column 'cohort'" in sentence


def test_every_problem_is_told_at_once_by_its_row(tmp_path):
    path = series_sheet(
        tmp_path,
        {},
        {},
        {"series": "b1", "patient": "b", "cohort": "Lits"},
        {"series": "c1", "patient": "c", "study_date": "31.01.2020"},
        {"series": "d/1", "patient": "d"},
        {"series": "e1", "patient": "e", "age": "sixty"},
        {"series": "f1", "patient": "f", "image": ""},
        {"series": "g1", "patient": "g", "lesions_read": "some"},
        {"series": "NA", "patient": "h"},
    )
    told = sentences_of(path, read_series, ["LiTS", "mSCLC"])
    expected = [
        ("row 3", "'a1' stands in the sheet already"),
        ("row 4", "cohort 'Lits' is unknown; it takes LiTS, mSCLC"),
        ("row 5", "'31.01.2020' is not a date"),
        ("row 6", "'d/1' would not make a name"),
        ("row 7", "'sixty' is not a number"),
        ("row 8", "'image' is empty"),
        ("row 9", "lesions_read 'some' is unknown"),
        ("row 10", "'NA' would not make a name"),
    ]
    assert len(told) == len(expected)
    for row, words in expected:
        assert any(row in sentence and words in sentence for sentence in told), words


def test_a_patient_has_one_cohort(tmp_path):
    path = series_sheet(tmp_path, {}, {"series": "a2", "cohort": "mSCLC"})
    (sentence,) = sentences_of(path, read_series, ["LiTS", "mSCLC"])
    assert "patient 'a' stands in cohorts LiTS and mSCLC" in sentence


@pytest.mark.parametrize("score", ["high", "", "nan", "inf"])
def test_a_score_is_a_number(tmp_path, score):
    rows = [SAMPLE, SAMPLE | {"score": score}]
    path = write(tmp_path / "molecular.tsv", rows, MOLECULAR_SHEET.names)
    (sentence,) = sentences_of(path, read_molecular)
    assert f"row 3: score '{score}' is not a number" in sentence


COMPUTED = {"patient": "a", "sample_date": "2020-02-01", "sample_type": "biopsy", "sample": "T1"}


def test_a_score_that_is_computed_is_left_out(tmp_path):
    path = write(tmp_path / "molecular.tsv", [COMPUTED], list(COMPUTED))
    table = read_molecular(path, ["biopsy"])
    assert table["score"].isna().all()
    assert table.at[0, "sample"] == "T1"
    (sentence,) = sentences_of(path, read_molecular)
    assert "lacks the column 'score'" in sentence


def test_a_score_that_is_given_stands_beside_those_that_are_computed(tmp_path):
    given = COMPUTED | {"sample_type": "cfdna", "sample": "", "score": "0.5"}
    path = write(tmp_path / "molecular.tsv", [COMPUTED, given], [*COMPUTED, "score"])
    assert read_molecular(path, ["biopsy"])["score"].fillna(-9).tolist() == [-9, 0.5]
    empty = given | {"score": ""}
    path = write(tmp_path / "molecular.tsv", [COMPUTED, empty], [*COMPUTED, "score"])
    (sentence,) = sentences_of(path, read_molecular, ["biopsy"])
    assert "row 3: score '' is not a number" in sentence


def test_a_sample_type_that_no_row_has_is_told(tmp_path):
    path = write(tmp_path / "molecular.tsv", [COMPUTED], list(COMPUTED))
    (sentence,) = sentences_of(path, read_molecular, ["Biopsy"])
    assert "'molecular.assays.Biopsy': no row of" in sentence
    assert "it has biopsy. Write both alike" in sentence


def test_the_readme_of_the_config_tells_of_the_same_columns(root):
    readme = (root / "config" / "README.md").read_text()
    sheets = readme.split("## Sheets")[1].split("## Ledger")[0]
    heads = re.findall(r"^\| ([\w, ]+) \|", sheets, re.M)
    assert [name for head in heads[1:] for name in head.split(", ")] == SERIES_SHEET.names
    samples = re.search(r"`molecular.tsv`, one row a sample: (.*)", sheets, re.S).group(1)
    said = [samples.index(name) for name in MOLECULAR_SHEET.names]
    assert said == sorted(said)


def test_missing_files_are_named_with_the_place_to_put_them(tmp_path):
    path = series_sheet(tmp_path, {"reference": "a1/reference.nii.gz"})
    (tmp_path / "a1").mkdir()
    (tmp_path / "a1" / "ct.nii.gz").touch()
    (sentence,) = missing_files(read_series(path, ["LiTS"]), tmp_path)
    assert "Series 'a1': reference" in sentence
    assert str(tmp_path / "a1" / "reference.nii.gz") in sentence
