"""`livermet sheet` on archives of phantoms: what is a series, its verdict, row and folder."""

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage, generate_uid
from unit.dicom_phantoms import make_enhanced, make_slices, save_slices, stored_values

from livermet.archive import series as series_module
from livermet.archive.pseudonyms import Pseudonyms
from livermet.archive.reading import BATCH, read_archive
from livermet.archive.series import ACCEPTED, find_series
from livermet.cli import main
from livermet.errors import InputError
from livermet.images import array_of
from livermet.ingest.series import ingest_dicom
from livermet.options import ACCEPTED as OPTIONS
from livermet.sheets import SERIES_COLUMNS, read_series
from livermet.vocabulary import Verdict

SECRET = bytes(range(32))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return a function that makes a sheet of the archive and returns both tables and the words."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret").write_bytes(SECRET)
    os.chmod(home / "secret", 0o600)
    place = tmp_path / "study"
    place.mkdir()
    monkeypatch.chdir(place)

    def sheet(*options, archive=tmp_path / "archive", status=0):
        asked = ["sheet", str(archive), "--to", "config/study", "--cohort", "mSCLC"]
        asked += ["--secret", str(home / "secret"), "--processes", "1", *map(str, options)]
        result = CliRunner().invoke(main, asked, catch_exceptions=False)
        assert result.exit_code == status, result.output
        if status:
            return result.stderr
        if "--check" in options:
            return result.stdout
        options = {"sep": "\t", "keep_default_na": False, "dtype": str}
        series = pd.read_csv("config/study/series.tsv", **options)
        table = pd.read_csv("config/study/archive.tsv", **options)
        return series, table, result

    sheet.archive = tmp_path / "archive"
    return sheet


def verdicts(table):
    return sorted(table["verdict"])


def test_a_series_becomes_a_row_and_a_folder_that_ingestion_reads(study):
    save_slices(make_slices(PatientSex="F", PatientAge="061Y"), study.archive / "any" / "depth")
    series, table, result = study()
    assert list(series.columns) == SERIES_COLUMNS
    (row,) = series.to_dict("records")
    assert (row["cohort"], row["sex"], row["age"], row["phase"]) == ("mSCLC", "F", "61.0", "")
    assert row["image"] == f"archive/{row['series']}"
    made = Pseudonyms(SECRET)
    assert row["patient"] == made.pseudonym("MRN-4711")
    moved = pd.Timestamp("2020-01-02") - pd.Timestamp(row["study_date"])
    assert moved.days == made.days(made.digest("MRN-4711"))
    assert row["series"].startswith(f"{row['patient']}_{row['study_date'].replace('-', '')}_5mm_")
    (told,) = table.to_dict("records")
    assert (told["verdict"], told["files"], told["slices"]) == ("usable", "6", "6")
    assert (told["thickness_mm"], told["spacing_mm"]) == ("3.0", "5.0")
    ct, _, _ = ingest_dicom(row["series"], Path("data") / row["image"])
    # Links lie in the order of the slices, whatever the files' names were.
    assert np.array_equal(np.sort(array_of(ct).ravel()), np.sort(stored_values().ravel() - 1024))
    links = sorted(os.listdir(Path("data") / row["image"]))
    assert links == [f"000{n}_of_0006.dcm" for n in range(1, 7)]
    assert "Usable: 1 CT series of 1 patients." in result.stdout
    # What reads sheets reads the draft.
    assert list(read_series("config/study/series.tsv", ["mSCLC"]).index) == [row["series"]]


def test_thick_and_thin_reconstructions_are_two_series_of_a_study(study):
    study_uid = generate_uid()
    for step in (1.25, 5.0):
        places = step * np.arange(6)
        made = make_slices(places=places, StudyInstanceUID=study_uid, SliceThickness=step)
        save_slices(made, study.archive / str(step))
    series, _, result = study()
    assert series["patient"].nunique() == series["study_date"].nunique() == 1
    assert sorted(name.split("_")[2] for name in series["series"]) == ["1.25mm", "5mm"]
    assert "1 studies have several usable series" in result.stdout


def seg_of(slices, **tags) -> Dataset:
    """Make a SEG object that refers to a series; its header alone is read."""
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = SegmentationStorage
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    one.SeriesInstanceUID, one.Modality, one.PatientID = generate_uid(), "SEG", "MRN-4711"
    one.StudyInstanceUID = slices[0].StudyInstanceUID
    item = Dataset()
    item.SeriesInstanceUID = slices[0].SeriesInstanceUID
    item.ReferencedInstanceSequence = []
    for image in slices:
        instance = Dataset()
        instance.ReferencedSOPInstanceUID = image.SOPInstanceUID
        item.ReferencedInstanceSequence.append(instance)
    one.ReferencedSeriesSequence = [item]
    for tag, value in tags.items():
        setattr(one, tag, value)
    return one


def test_a_segmentation_is_the_reference_of_the_series_that_it_names(study):
    first, second = make_slices(), make_slices()
    save_slices(first, study.archive / "a")
    save_slices(second, study.archive / "b")
    save_slices([seg_of(first)], study.archive / "c")
    series, table, _ = study()
    assert sorted(series["reference"] != "") == [False, True]
    (row,) = series[series["reference"] != ""].to_dict("records")
    link = Path("data") / row["reference"]
    assert link.resolve() == (study.archive / "c" / "000").resolve()
    image = (Path("data") / row["image"] / "0001_of_0006.dcm").resolve()
    assert image.parent == (study.archive / "a").resolve()
    assert verdicts(table) == ["reference", "usable", "usable"]


def test_several_segmentations_of_a_series_are_left_to_a_person(study):
    made = make_slices()
    save_slices(made, study.archive / "a")
    save_slices([seg_of(made), seg_of(made)], study.archive / "b")
    series, table, _ = study()
    (row,) = series.to_dict("records")
    assert row["reference"] == ""
    assert len(os.listdir(f"data/archive/{row['series']}_references")) == 2
    (told,) = table[table["verdict"] == "usable"]["notes"]
    assert "2 references refer to it (2 SEG)" in told


def test_a_segmentation_of_another_patient_is_no_reference(study):
    made = make_slices()
    save_slices(made, study.archive / "a")
    save_slices([seg_of(made, PatientID="MRN-1")], study.archive / "b")
    series, table, _ = study()
    assert list(series["reference"]) == [""]
    assert "names another patient" in " ".join(table["notes"])


CASES = {
    "localizer": ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
    "MR": ({"Modality": "MR"}, "other_modality"),
    "screen": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "secondary_capture"),
    "dose": (
        {
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7",
            "ImageType": ["DERIVED", "SECONDARY", "OTHER", "DOSE_INFO"],
        },
        "dose_report",
    ),
    "MIP": ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "projection"),
    "derived": ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL"]}, "derived"),
    "lossy": ({"LossyImageCompression": "01"}, "lossy"),
    "iodine map": ({"RescaleType": "MGML"}, "other_units"),
    "no rescale": ({"RescaleSlope": None, "RescaleIntercept": None}, "no_rescale"),
    "no position": ({"ImagePositionPatient": None}, "unplaced"),
    "coronal": ({"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "reformatted"),
    "a slice missing": ({"places": [0, 5, 10, 20, 25, 30]}, "missing_slices"),
    "one slice": ({"values": stored_values(1)}, "too_few_slices"),
    "two patients": ({"each": {"PatientID": ["A", "B", "A", "B", "A", "B"]}}, "several_patients"),
    "one place": ({"places": [0, 0, 0, 0, 0, 0]}, "several_acquisitions"),
}


@pytest.mark.parametrize(("options", "verdict"), CASES.values(), ids=CASES)
def test_what_is_not_usable_is_told_by_its_kind(study, options, verdict):
    made = make_slices(**options)
    if verdict == "reformatted":
        for number, one in enumerate(made):
            one.ImagePositionPatient = [-10, 5.0 * number, -20]
    save_slices(made, study.archive / "a")
    save_slices(make_slices(), study.archive / "b")
    series, table, _ = study()
    assert len(series) == 1
    (row,) = table[table["verdict"] != "usable"].to_dict("records")
    assert row["verdict"] == verdict
    assert row["reason"].endswith((".", "again"))
    assert not {"file 1 ", " of 6)"} & set(row["reason"])


def test_what_is_accepted_is_taken_all_the_same(study):
    save_slices(make_slices(LossyImageCompression="01"), study.archive / "a")
    save_slices(make_slices(ImageType=["DERIVED", "SECONDARY"]), study.archive / "b")
    series, _, _ = study("--accept", "lossy", "--accept", "derived")
    assert len(series) == 2
    assert tuple(sorted(OPTIONS)) == tuple(sorted(ACCEPTED))


def test_two_phases_under_one_series_are_told_apart(study):
    values = np.concatenate([stored_values(), stored_values() + 1])
    places = np.tile(5.0 * np.arange(6), 2)
    phases = [1] * 6 + [2] * 6
    made = make_slices(values, places, each={"AcquisitionNumber": phases})
    save_slices(made, study.archive / "a")
    series, table, result = study()
    assert len(series) == 2
    assert list(table["slices"]) == ["6", "6"]
    told = "Its SeriesInstanceUID holds … acquisitions, told apart by AcquisitionNumber."
    assert f"- 2 series: {told}" in result.stdout
    assert all("2 acquisitions, told apart by AcquisitionNumber" in told for told in table["notes"])
    for image in series["image"]:
        ingest_dicom("s", Path("data") / image)


def test_a_localizer_under_the_series_uid_is_left_out(study):
    uid = generate_uid()
    save_slices(make_slices(series=uid), study.archive / "a")
    scout = make_slices(
        stored_values(1), series=uid, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]
    )
    save_slices(scout, study.archive / "b")
    series, table, _ = study()
    assert len(series) == 1
    assert table["slices"].tolist() == ["6"]


def test_slices_with_a_series_each_are_one_series(study):
    made = make_slices()
    for one in made:
        one.SeriesInstanceUID = generate_uid()
    save_slices(made, study.archive / "a")
    series, table, _ = study()
    assert len(series) == 1
    assert "Each of the 6 slices has a SeriesInstanceUID of its own" in table["notes"][0]


def test_copies_are_left_out_and_counted(study):
    made = make_slices()
    save_slices(made, study.archive / "a")
    save_slices(made, study.archive / "b")
    series, table, _ = study()
    assert len(series) == 1
    assert (table["files"][0], table["copies"][0]) == ("6", "6")


def test_empty_and_cut_files_in_a_series_own_folder_refuse_it(study):
    save_slices(make_slices(), study.archive / "a")
    (study.archive / "a" / "999").touch()
    series, table, _ = study()
    assert series.empty
    assert verdicts(table) == ["incomplete"]
    series, table, _ = study("--accept", "incomplete", "--replace")
    assert len(series) == 1
    assert "1 files of its folder are empty" in table["notes"][0]


def test_headers_without_patient_or_date_are_read_and_told(study):
    save_slices(make_slices(PatientID="", StudyDate=""), study.archive / "a")
    save_slices(make_slices(PatientID="", StudyDate=""), study.archive / "b")
    series, table, result = study()
    assert series["patient"].nunique() == 2
    assert list(series["study_date"]) == ["", ""]
    assert "2 studies have no PatientID" in result.stdout
    assert "2 series have no date in their headers: fill in study_date." in result.stdout
    assert all("No header has a date" in told for told in table["notes"])


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"PatientID": "0012"}, {"PatientID": "12"}, "may be {other} too"),
        ({"PatientID": "A-12"}, {"PatientID": "a 012"}, "may be {other} too"),
        # The phantoms' own name and date of birth.
        ({"PatientID": "x1"}, {"PatientID": "y2"}, "may be {other} too"),
        ({"PatientID": "x1"}, {"PatientID": ""}, "may be {other} too"),
        ({"PatientName": "A^B"}, {"PatientName": "C^D"}, "name 2 persons (PatientName)"),
        ({"PatientName": "A^B"}, {"PatientName": "a b^^"}, ""),
        ({"PatientID": "x1", "PatientBirthDate": ""}, {"PatientID": "y2"}, ""),
        ({"PatientID": "x1", "PatientName": "A"}, {"PatientID": "y2", "PatientName": "B"}, ""),
    ],
)
def test_patients_who_may_be_one_or_two_are_told(study, first, second, said):
    for name, tags in (("a", first), ("b", second)):
        save_slices(make_slices(**tags), study.archive / name)
    series, table, result = study()
    patients = list(table["patient"])
    assert len(series) == 2
    for number, notes in enumerate(table["notes"]):
        assert (
            (said.format(other=patients[1 - number]) in notes) if said else "Patient" not in notes
        )
    assert ("one under two identities, or two under one" in result.stdout) == bool(said)


def test_an_anonymisers_name_and_birth_are_nobodys(study):
    for number in range(4):
        save_slices(make_slices(PatientID=f"x{number + 1}"), study.archive / str(number))
    _, table, result = study()
    assert not any("may be" in notes for notes in table["notes"])
    assert "two identities" not in result.stdout


def test_slices_packed_one_by_one_are_told_as_packed(study):
    save_slices(make_slices(), study.archive)
    for path in list(study.archive.iterdir()):
        path.with_suffix(".dcm.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    series, _, result = study()
    assert len(series) == 0
    assert "packed in a way that is not read (7z, rar, gz, encrypted) 6" in result.stdout


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"SeriesDescription": ["arterial", "venous"]}, "told apart by SeriesDescription"),
        ({"ContrastBolusStartTime": ["101500", "101600"]}, "apart by ContrastBolusStartTime"),
        ({"SliceThickness": [5, 1]}, "told apart by SliceThickness"),
        ({"ImageType": [["ORIGINAL", "A"], ["ORIGINAL", "B"]]}, "told apart by ImageType"),
    ],
)
def test_phases_between_each_other_are_told_apart_by_any_field(study, tags, told):
    uid = generate_uid()
    for n in range(2):
        one = {tag: values[n] for tag, values in tags.items()}
        same = {"StudyInstanceUID": uid, "FrameOfReferenceUID": uid, "InstanceNumber": None}
        made = make_slices(places=5.0 * np.arange(6) + 2.5 * n, series=uid, **same, **one)
        save_slices(made, study.archive / str(n))
    series, table, _ = study()
    assert len(series) == 2
    assert all(told in notes for notes in table["notes"])


def test_slices_of_two_patients_are_not_usable(study):
    save_slices(make_slices(each={"PatientName": ["A^B"] * 3 + ["C^D"] * 3}), study.archive)
    _, table, _ = study()
    assert verdicts(table) == ["several_patients"]


def test_an_enhanced_object_is_one_file_of_many_slices(study):
    save_slices([make_enhanced()], study.archive / "a")
    series, table, _ = study()
    assert (table["files"][0], table["slices"][0]) == ("1", "6")
    ct, _, _ = ingest_dicom("s", Path("data") / series["image"][0])
    assert ct.GetSize()[2] == 6


def packed(path: Path, made) -> Path:
    """Write slices into a zip or tar file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = []
    for one in made:
        stream = io.BytesIO()
        one.save_as(stream, enforce_file_format=True)
        contents.append(stream.getvalue())
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("DICOM/", "")
            for number, content in enumerate(contents):
                archive.writestr(f"DICOM/{number}", content)
        return path
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for number, content in enumerate(contents):
            facts = tarfile.TarInfo(f"DICOM/{number}")
            facts.size = len(content)
            archive.addfile(facts, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["a.zip", "b.tar", "c.tar.gz"])
def test_packed_series_are_read_in_place_and_the_usable_ones_taken_out(study, name):
    usable, mr = make_slices(), make_slices(Modality="MR")
    packed(study.archive / name, [*usable, *mr])
    series, table, _ = study()
    assert verdicts(table) == ["other_modality", "usable"]
    folder = Path("data") / series["image"][0]
    assert len(os.listdir(folder)) == 6
    ingest_dicom("s", folder)
    assert len(list(Path("data").rglob("*.dcm"))) == 6
    # A second run takes nothing out again.
    before = {path: path.stat().st_ino for path in folder.iterdir()}
    _, _, again = study("--replace")
    assert {path: path.stat().st_ino for path in folder.iterdir()} == before
    assert "(0 read now)" in again.stdout


def test_an_archive_may_be_one_packed_file(study):
    path = packed(study.archive / "export.zip", make_slices())
    series, _, _ = study(archive=path)
    assert len(series) == 1


def test_a_damaged_packed_file_is_counted_and_ends_nothing(study):
    path = packed(study.archive / "x" / "a.zip", make_slices())
    path.write_bytes(path.read_bytes()[:-200])
    save_slices(make_slices(), study.archive / "b")
    series, _, result = study()
    assert len(series) == 1
    assert "a packed file that is damaged 1" in result.stdout


def test_what_is_no_dicom_is_passed_over_and_counted(study):
    save_slices(make_slices(), study.archive / "a")
    (study.archive / "a" / "DICOMDIR").write_text("no index")
    (study.archive / "a" / "notes.txt").write_text("x" * 200)
    os.mkfifo(study.archive / "pipe")
    (study.archive / "loop").symlink_to(study.archive)
    series, _, result = study()
    assert len(series) == 1
    assert "Files passed over: no DICOM 2." in result.stdout


def test_only_new_and_changed_files_are_read_again(study):
    save_slices(make_slices(), study.archive / "a")
    _, first, result = study()
    assert "(6 read now)" in result.stdout
    save_slices(make_slices(PatientID="MRN-9"), study.archive / "b")
    os.utime(study.archive / "a" / "007")
    _, second, result = study("--replace")
    assert "12 files (7 read now)" in result.stdout
    # Names stay.
    assert set(first["series"]) < set(second["series"])


def test_a_run_that_was_killed_is_continued(tmp_path):
    folder = tmp_path / "archive"
    for number in range(5):
        save_slices(make_slices(np.tile(stored_values(), (8, 1, 1))), folder / str(number))
    made, index = Pseudonyms(SECRET), tmp_path / "index"

    class KilledError(Exception):
        pass

    def kill(done, _):
        if done >= BATCH:
            raise KilledError

    with pytest.raises(KilledError):
        read_archive(folder, made, index, 1, progress=kill)
    reading = read_archive(folder, made, index, 1)
    assert reading.files == 240
    assert reading.fresh == 240 - BATCH
    assert reading.entries == read_archive(folder, made, tmp_path / "other", 2).entries


def test_an_index_of_another_secret_is_begun_anew_and_a_strange_file_is_left(study, tmp_path):
    save_slices(make_slices(), study.archive / "a")
    study()
    index = Path("data/archive/index.sqlite")
    assert index.stat().st_mode & 0o777 == 0o600
    reading = read_archive(study.archive, Pseudonyms(SECRET[::-1]), index, 1)
    assert reading.fresh == 6
    strange = tmp_path / "table.tsv"
    strange.write_text("a table of mine")
    told = study("--replace", "--index", strange, status=1)
    assert "is no index of livermet" in told
    assert strange.read_text() == "a table of mine"


def test_a_sheet_that_is_there_is_not_written_over(study):
    save_slices(make_slices(), study.archive / "a")
    study()
    assert "has a series.tsv and a archive.tsv already" in study(status=1)


def test_files_that_are_gone_since_a_sheet_was_made_are_missed(study):
    save_slices(make_slices(), study.archive / "a")
    series, _, _ = study()
    folder = Path("data") / series["image"][0]
    # The last slices, which no gap and no count of a header tells.
    for number in (5, 6):
        (folder / f"000{number}_of_0006.dcm").unlink()
    with pytest.raises(InputError, match="2 of the 6 files that its folder had when `livermet"):
        ingest_dicom("a1", folder)
    _, _, quality = ingest_dicom("a1", folder, accept=["incomplete"])
    assert "2 files are gone since the folder was laid out." in quality["warnings"]
    study("--replace")
    assert ingest_dicom("a1", folder)[2]["slices"] == 6


def test_an_archive_that_lost_files_is_told_beside_the_sheet_of_before(study):
    save_slices(make_slices(), study.archive / "a")
    save_slices(make_slices(), study.archive / "b")
    study()
    first, *_, last = sorted((study.archive / "a").iterdir())
    last.unlink()
    told = study("--replace")[2].stdout
    assert "1 series have fewer files than in the archive.tsv that was there" in told
    assert "fewer files" not in study("--replace")[2].stdout
    first.unlink()
    (study.archive / "a" / "none").touch()
    assert "1 series have fewer files" in study("--replace")[2].stdout


def test_folders_of_names_without_a_count_are_laid_anew(study):
    save_slices(make_slices(), study.archive / "a")
    series, _, _ = study()
    folder = Path("data") / series["image"][0]
    for place in folder.iterdir():
        place.rename(place.with_name(f"{place.name[:4]}.dcm"))
    study("--replace")
    assert sorted(os.listdir(folder)) == [f"000{n}_of_0006.dcm" for n in range(1, 7)]


def test_a_folder_with_other_files_is_not_touched(study):
    save_slices(make_slices(), study.archive / "a")
    series, _, _ = study()
    other = Path("data") / series["image"][0] / "mine.txt"
    other.write_text("mine")
    assert "holds files that livermet did not lay there" in study("--replace", status=1)
    assert other.exists()


def test_patients_that_a_table_of_pseudonyms_lacks_are_left_out(study, tmp_path):
    save_slices(make_slices(), study.archive / "a")
    save_slices(make_slices(PatientID="MRN-9"), study.archive / "b")
    table = tmp_path / "given.tsv"
    table.write_text("patient\tpseudonym\nmrn-4711\tS01\n")
    series, told, _ = study("--pseudonyms", table)
    assert list(series["patient"]) == ["S01"]
    assert verdicts(told) == ["not_in_table", "usable"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--secret", "nowhere"], "There is no file of the secret"),
        (["--pseudonyms", "nowhere"], "There is no table of pseudonyms at nowhere"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(study, options, sentence):
    save_slices(make_slices(), study.archive / "a")
    assert sentence in study(*options, status=1)


def test_an_archive_that_is_not_there_is_told_without_its_path(study, tmp_path):
    told = study(archive=tmp_path / "Doe^Jane", status=1)
    assert told == "There is no archive where ARCHIVE says; name its folder, or a zip file.\n"


def test_a_sheet_is_checked_against_the_headers(study):
    for n in (1, 2):
        save_slices(make_slices(PatientID=f"MRN-{n}"), study.archive / str(n))
    series, _, _ = study()
    asked = ("--check", "config/study/series.tsv")
    assert "2 of 2 rows" in study(*asked)
    # As a person's slip makes it: the patients of two rows changed places, and a date.
    series["patient"] = series["patient"][::-1].tolist()
    series.loc[1, "study_date"] = "2001-01-01"
    series.to_csv("config/study/series.tsv", sep="\t", index=False)
    told = study(*asked, status=1)
    assert "rows 2, 3: its headers name another patient than the sheet" in told
    assert "row 3: its headers have another date" in told
    save_slices(make_slices(), study.archive / "3")
    assert "which has 1 usable series more" in study(*asked, status=1)


def test_several_processes_judge_as_one_does(tmp_path, monkeypatch):
    archive = tmp_path / "archive"
    for number in range(4):
        save_slices(make_slices(), archive / f"usable {number}")
    # Each slice with a series of its own: together they are one series, the last that is found.
    alone = make_slices()
    for one in alone:
        one.SeriesInstanceUID = generate_uid()
    save_slices(alone, archive / "alone")
    save_slices(make_slices(places=[0, 5, 10, 30]), archive / "with a gap")
    reading = read_archive(archive, Pseudonyms(SECRET), tmp_path / "index", 1)
    alone_found = find_series(reading)
    monkeypatch.setattr(series_module, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(series_module, "OBJECTS_OF_A_SHARE", 7)
    assert find_series(reading, processes=2) == alone_found
    assert [found.slices for found in alone_found] == [6, 6, 6, 6, 4, 6]
    assert [found.verdict for found in alone_found].count(Verdict.MISSING_SLICES) == 1
