"""Sheets: what is read, and that every problem of a sheet is told at once, by its row."""

import os
import re

import pandas as pd
import pytest

from livermet.errors import InputError
from livermet.sheets import (
    MOLECULAR_SHEET,
    SERIES_SHEET,
    check_molecular,
    check_series,
    near_patients,
    read_molecular,
    read_series,
)
from livermet.sources import located, problems_of_sources

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
    """Write a sheet; each series has an image of its own unless its row names one."""
    rows = [{"image": f"{row.get('series', 'a1')}/ct.nii.gz"} | row for row in rows]
    return write(tmp_path / "series.tsv", [ROW | row for row in rows], SERIES_SHEET.names)


def text_of(*rows, columns=SERIES_SHEET.names, separator="\t"):
    lines = [separator.join(columns)]
    lines += [separator.join((ROW | row)[column] for column in columns) for row in rows]
    return "\n".join(lines) + "\n"


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
        (
            "row 5",
            "'31.01.2020' is not a date as it should be; write it as YYYY-MM-DD (2020-01-31)",
        ),
        ("row 6", "'d/1' would not make a name"),
        ("row 7", "'sixty' is not a number"),
        ("row 8", "'image' is empty"),
        ("row 9", "lesions_read 'some' is unknown"),
        ("row 10", "'NA' would not make a name"),
    ]
    # The row of a repeated series is not told again for its image.
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


@pytest.mark.parametrize(
    ("change", "noted"),
    [
        (lambda text: text.encode("utf-8-sig"), None),
        (lambda text: text.replace("\n", "\r\n").encode(), None),
        (lambda text: text.replace("\n", "\r").encode(), None),
        (lambda text: text.encode("utf-16"), "was read as utf-16"),
        (lambda text: text.encode("utf-16-le"), "was read as utf-16-le"),
        (lambda text: text.encode("utf-16-be"), "was read as utf-16-be"),
        (lambda text: text.encode("latin-1"), "was read as cp1252"),
        (lambda text: text.replace("\t", ",").encode(), "separated by commas"),
        (lambda text: text.replace("\t", ";").encode(), "separated by semicolons"),
        (lambda text: ("sep=;\n" + text.replace("\t", ";")).encode(), "separated by semicolons"),
        (lambda text: text.replace("series\t", "Series \t").encode(), "'Series' as series"),
        (lambda text: text.replace("study_date", "Study Date").encode(), "'Study Date' as study"),
        (
            lambda text: text.replace("\n", "\t\t\n").encode(),
            "empty columns were passed over: L, M",
        ),
        (lambda text: text.replace("\na1", "\n\t\t\na1").encode(), "row 2: empty and passed over"),
        (lambda text: ("Our study\n" + text).encode(), "row 1: stand above the header"),
        (lambda text: (text + "Total\t1\n").encode(), "row 3: looks like a total"),
    ],
)
def test_a_sheet_as_programs_save_it_is_read_and_what_was_mended_is_noted(tmp_path, change, noted):
    path = tmp_path / "series.tsv"
    path.write_bytes(
        change(text_of({"phase": "venös" if noted != "was read as utf-16-le" else "v"}))
    )
    if noted and "utf-16-" in noted:
        path.write_bytes(change(text_of({"phase": "venous"})))
    sheet = check_series(path, ["LiTS"])
    assert sheet.problems == []
    assert list(sheet.table["series"]) == ["a1"]
    assert list(sheet.table["age"]) == [61]
    assert sheet.table["phase"].iloc[0].startswith("v")
    assert [noted in note for note in sheet.notes if noted] == ([True] if noted else [])
    assert len(sheet.notes) == bool(noted)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04rest", "is a workbook (.xlsx, .ods)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "older Excel (.xls)"),
        (b"%PDF-1.4", "is a PDF"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"a\0b" * 9, "is not a text"),
        (text_of({}).replace("\t", "  ").encode(), "separated by blanks; separate them by tabs"),
        (text_of({}).replace("\t", "#").encode(), "split at tabs, semicolons or commas"),
        (
            text_of({}).replace("sex\t", "phase\t").encode(),
            "'phase' more than once (columns I and J)",
        ),
        (text_of({}).replace("sex\t", "sexx\t").encode(), "did you mean 'sex'?"),
        (text_of({}).replace("a1\t", '"a1\t').encode(), "row 2: a quotation mark has no partner"),
        (text_of({}).replace("61\n", "61\tmore\n").encode(), "row 2: it has 12 cells and the"),
        (
            text_of({}).replace("61\n", "61\tx\n").replace("age\n", "age\t\n").encode(),
            "column L: cells",
        ),
    ],
)
def test_what_is_no_sheet_is_told_with_its_cause(tmp_path, content, told):
    path = tmp_path / "series.tsv"
    path.write_bytes(content)
    assert any(told in sentence for sentence in sentences_of(path, read_series, ["LiTS"]))


@pytest.mark.parametrize(
    "text",
    ["20190408", "2019/04/08", "2019.4.8", "2019-04-08 00:00:00", "2019-04-08T10:15"],
)
def test_dates_that_begin_with_the_year_are_read(tmp_path, text):
    sheet = check_series(series_sheet(tmp_path, {"study_date": text}), ["LiTS"])
    assert sheet.problems == []
    assert sheet.table.at[2, "study_date"] == pd.Timestamp(2019, 4, 8)
    assert "row 2: study_date is no YYYY-MM-DD and was read" in sheet.notes[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("08.04.2019", "(2019-04-08 or 2019-08-04, as the day or the month stands first)"),
        ("25/12/2019", "(2019-12-25)"),
        # 43,563 days after 1899-12-30.
        ("43563", "a day number of Excel (2019-04-08"),
        ("2019-02-30", "write it as YYYY-MM-DD"),
        ("0219-04-08", "write it as YYYY-MM-DD"),
        ("8 Apr 19", "write it as YYYY-MM-DD"),
    ],
)
def test_other_dates_are_told_with_the_form_that_is_wanted(tmp_path, text, told):
    (sentence,) = sentences_of(series_sheet(tmp_path, {"study_date": text}), read_series, ["LiTS"])
    assert f"row 2: study_date '{text}' is not a date" in sentence
    assert told in sentence


@pytest.mark.parametrize(
    ("text", "years"),
    [("83y", 83), ("83 years", 83), ("083Y", 83), ("83,5", 83.5), ("018M", 1.5), ("83 J.", 83)],
)
def test_ages_with_units_are_read_in_years(tmp_path, text, years):
    sheet = check_series(series_sheet(tmp_path, {"age": text}), ["LiTS"])
    assert sheet.problems == []
    assert sheet.table.at[2, "age"] == years
    assert "row 2: age has a unit" in sheet.notes[0]


@pytest.mark.parametrize("text", ["1936", "-5", ">89", "83 m"])
def test_what_is_no_age_may_be_left_out(tmp_path, text):
    (sentence,) = sentences_of(series_sheet(tmp_path, {"age": text}), read_series, ["LiTS"])
    assert f"row 2: age '{text}' is not a number of years" in sentence
    assert "leave the cell empty" in sentence


@pytest.mark.parametrize("column", ["age", "lesions_read", "reference", "liver_mask"])
def test_words_for_not_known_are_read_as_empty(tmp_path, column):
    sheet = check_series(series_sheet(tmp_path, {column: "n/a"}), ["LiTS"])
    assert sheet.problems == []
    assert f"row 2: {column} says that it is not known" in sheet.notes[0]


@pytest.mark.parametrize(
    ("scores", "read"),
    [
        (["0,25"], [0.25]),
        (["-0,250"], [-0.25]),
        (["1,234", "0,5"], [1.234, 0.5]),
        (["\u22121"], [-1]),
    ],
)
def test_decimal_commas_are_read(tmp_path, scores, read):
    rows = [SAMPLE | {"score": score} for score in scores]
    path = write(tmp_path / "molecular.tsv", rows, MOLECULAR_SHEET.names)
    assert list(read_molecular(path)["score"]) == read


def test_a_comma_that_may_part_thousands_is_told(tmp_path):
    path = write(tmp_path / "m.tsv", [SAMPLE | {"score": "1,234"}], MOLECULAR_SHEET.names)
    (sentence,) = sentences_of(path, read_molecular)
    assert "score '1,234' is not a number" in sentence


@pytest.mark.parametrize("other", ["ab-001", "AB_001", "AB001", "Ab.001"])
def test_a_patient_under_two_names_is_told(tmp_path, other):
    path = series_sheet(tmp_path, {"patient": "AB-001"}, {"series": "b1", "patient": other})
    (sentence,) = sentences_of(path, read_series, ["LiTS"])
    assert f"row 3: patient '{other}' differs from 'AB-001' of row 2" in sentence
    assert "did you mean 'AB-001'?" in sentence


@pytest.mark.parametrize(("one", "other"), [("1-12", "11-2"), ("p1.1", "p11"), ("AB1", "AB01")])
def test_names_that_differ_in_more_are_two_patients(tmp_path, one, other):
    path = series_sheet(tmp_path, {"patient": one}, {"series": "b1", "patient": other})
    assert check_series(path, ["LiTS"]).problems == []


@pytest.mark.parametrize(("one", "other"), [("007", "7"), ("AB1", "AB01"), ("12", "12.0")])
def test_zeros_that_a_spreadsheet_may_have_dropped_are_noted(tmp_path, one, other):
    path = series_sheet(tmp_path, {"patient": one}, {"series": "b1", "patient": other})
    sheet = check_series(path, ["LiTS"])
    assert sheet.problems == []
    (note,) = [note for note in sheet.notes if "in zeros alone" in note]
    assert f"row 3: patient '{other}' differs from '{one}' of row 2" in note


def test_a_name_that_no_file_can_have_is_told(tmp_path):
    path = series_sheet(tmp_path, {"series": "s" * 101})
    (sentence,) = sentences_of(path, read_series, ["LiTS"])
    assert "would not make a name" in sentence


@pytest.mark.parametrize("unseen", ["\u200b", "\u202c", "\u2064", "\u00ad", "\ufeff"])
def test_what_nobody_sees_parts_no_patients(tmp_path, unseen):
    path = series_sheet(tmp_path, {"patient": f"AB{unseen}-001"})
    sheet = check_series(path, ["LiTS"])
    assert sheet.problems == []
    assert list(sheet.table["patient"]) == ["AB-001"]


def test_a_patients_name_is_not_told_beside_a_sample(tmp_path):
    series = check_series(series_sheet(tmp_path, {"patient": "Muster, Hans"}), ["LiTS"])
    rows = [SAMPLE | {"patient": "MUSTER HANS"}]
    molecular = check_molecular(write(tmp_path / "m.tsv", rows, MOLECULAR_SHEET.names))
    assert near_patients(series, molecular) == []


@pytest.mark.parametrize("name", ["ab-001", "AB_001", "AB 001", "AB-1"])
def test_a_sample_of_nearly_a_known_patient_is_told(tmp_path, name):
    series = check_series(series_sheet(tmp_path, {"patient": "AB-001"}), ["LiTS"])
    rows = [SAMPLE | {"patient": name}, SAMPLE | {"patient": "stranger"}]
    molecular = check_molecular(write(tmp_path / "m.tsv", rows, MOLECULAR_SHEET.names))
    (sentence,) = near_patients(series, molecular)
    assert f"m.tsv, row 2: patient '{name}' has no series, but 'AB-001' has" in sentence
    assert "row 2); did you mean 'AB-001'?" in sentence


def test_what_is_no_pseudonym_is_not_repeated(tmp_path):
    (sentence,) = sentences_of(
        series_sheet(tmp_path, {"patient": "Muster, Hans"}), read_series, ["LiTS"]
    )
    assert "row 2: the cell of the column 'patient' would not make a pseudonym" in sentence
    assert "Hans" not in sentence


def test_an_image_belongs_to_one_row_and_a_mask_to_one_patient(tmp_path):
    path = series_sheet(
        tmp_path,
        {"image": "scan/dicom", "reference": "m.nii"},
        {"series": "a2", "image": "scan/../scan/dicom/", "reference": "m.nii"},
        {"series": "b1", "patient": "b", "image": "b", "reference": "./m.nii"},
    )
    image, mask = sentences_of(path, read_series, ["LiTS"])
    assert "row 3: the column 'image' names the scan of row 2 again, which would count" in image
    assert "row 4: the column 'reference' names the reference of row 2 again" in mask
    assert "one patient would be in training and in test" in mask


def test_a_fault_of_all_rows_is_told_20_times_and_counted(tmp_path):
    rows = [{"series": f"s{n}", "patient": f"p{n}", "study_date": "1.2.2020"} for n in range(30)]
    told = sentences_of(series_sheet(tmp_path, *rows), read_series, ["LiTS"])
    assert len(told) == 21
    assert "10 more rows, rows 22, 23, 24, 25, 26 and 5 more" in told[-1]


def test_words_that_differ_in_case_alone_are_noted(tmp_path):
    path = series_sheet(tmp_path, {}, {"series": "b1", "patient": "b", "sex": "f"})
    assert "sex is written 'F' and 'f'" in check_series(path, ["LiTS"]).notes[0]


def test_nothing_of_a_plain_sheet_is_noted(tmp_path):
    assert check_series(series_sheet(tmp_path, {}), ["LiTS"]).notes == []


# The files that a sheet names.

DICOM = b"\0" * 128 + b"DICM"


def faults(tmp_path, **cells):
    """Tell what is wrong with the files of a row."""
    table = check_series(series_sheet(tmp_path, {"image": "", **cells}), ["LiTS"]).table
    return [problem.sentence for problem in problems_of_sources(table, tmp_path)]


def make(place, content=b""):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


@pytest.mark.parametrize("column", ["image", "reference", "liver_mask"])
@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "Hans/x.nii.gz",
            None,
            "names what is not there; the folder in which it should lie is not",
        ),
        (
            "gone.nii.gz",
            None,
            "names what is not there; the folder in which it should lie is there",
        ),
        ("C:\\export\\Hans.nii", None, "names a path as Windows writes it"),
        ("export.zip", b"PK\x03\x04", "names a packed file; unpack it"),
        ("export.bin", b"PK\x03\x04", "names a packed file; unpack it"),
        ("export.tar.gz", b"\x1f\x8b", "names a packed file; unpack it"),
        ("notes.txt", b"text", "names a file of a kind that is not read"),
        ("ct.raw", b"values", "names values without their header"),
        ("ct.img", b"values", "names values without their header"),
        ("ct.hdr", b"\0" * 348, "names a header of ANALYZE"),
        (
            "ct.mhd",
            b"ElementDataFile = ct.raw\n",
            "names a header whose values are not there (1 of 1 files",
        ),
        (
            "ct.mhd",
            b"ElementDataFile = s%03d.raw 1 9 1\n",
            "names a header whose values lie in files that it names by a pattern; save the",
        ),
        (
            "ct.nhdr",
            b"NRRD0004\ndata file: ct.raw\n",
            "names a header whose values are not there (1 of 1 files",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_told_without_its_path(tmp_path, column, name, content, told):
    if content is not None:
        make(tmp_path / name, content)
    (sentence,) = faults(tmp_path, **({"image": ""} | {column: name}))
    assert sentence.startswith(f"series 'a1': the column '{column}' {told}")
    assert "Hans" not in sentence
    assert str(tmp_path) not in sentence


def test_links_and_folders_that_lead_nowhere_are_told(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "lost").symlink_to("nothing")
    (tmp_path / "empty").mkdir()
    make(tmp_path / "volumes" / "ct.nii.gz")
    make(tmp_path / "packed" / "ct.zip")
    make(tmp_path / "one.dcm", DICOM)
    for name, told in {
        "loop": "a link that leads to itself",
        "lost": "a link to what is not there",
        "empty": "an empty folder",
        "volumes": "a folder of volumes",
        "packed": "a folder of packed files",
        "one.dcm": "one DICOM file of one slice; name the folder",
        "x" * 300: "a path that is too long",
    }.items():
        (sentence,) = faults(tmp_path, image=name)
        assert told in sentence
    # A reference may be one file: a segmentation, or a set of contours.
    assert faults(tmp_path, reference="one.dcm") == []


@pytest.mark.parametrize(
    "name",
    ["A.NII.GZ", "a.nrrd", "a.mha", "{4F2A}/ct.nii.gz", "two words.nii", "ä/ö.nii", "it's;.nii"],
)
def test_volumes_under_any_name_are_taken(tmp_path, name):
    make(tmp_path / name)
    assert faults(tmp_path, image=name) == []


@pytest.mark.parametrize("written", [b"M\xfcller", "Mu\u0308ller".encode(), "M\u00fcller".encode()])
def test_letters_with_accents_are_found_as_the_disk_has_them(tmp_path, written):
    folder = os.fsencode(tmp_path) + b"/" + written
    os.mkdir(folder)
    assert os.fsencode(located("M\u00fcller", tmp_path)) == folder


def test_separators_of_windows_are_read(tmp_path):
    make(tmp_path / "a" / "ct.nii")
    assert located("a\\ct.nii", tmp_path) == str(tmp_path / "a" / "ct.nii")


@pytest.mark.parametrize("way", ["link", "hard link", "copy", "renamed copy"])
def test_one_scan_of_two_patients_is_found_by_any_way(tmp_path, way):
    make(tmp_path / "one" / "1", DICOM + b"scan")
    make(tmp_path / "one" / "2", DICOM + b"more")
    other = tmp_path / "other"
    if way == "link":
        other.symlink_to("one")
    else:
        other.mkdir()
        for name in ("1", "2"):
            place = other / (f"I{name}" if way == "renamed copy" else name)
            if way == "hard link":
                os.link(tmp_path / "one" / name, place)
            else:
                make(place, (tmp_path / "one" / name).read_bytes())
    path = series_sheet(
        tmp_path, {"image": "one"}, {"series": "b1", "patient": "b", "image": "other"}
    )
    (problem,) = problems_of_sources(check_series(path, ["LiTS"]).table, tmp_path)
    assert problem.row == 3
    assert "the scan of row 2 again, which is another patient's" in problem.sentence


def test_scans_of_one_size_are_not_copies(tmp_path):
    make(tmp_path / "one" / "1", DICOM + b"scan")
    make(tmp_path / "other" / "1", DICOM + b"ncas")
    path = series_sheet(
        tmp_path, {"image": "one"}, {"series": "b1", "patient": "b", "image": "other"}
    )
    assert problems_of_sources(check_series(path, ["LiTS"]).table, tmp_path) == []
