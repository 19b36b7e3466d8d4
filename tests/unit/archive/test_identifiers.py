"""What identifies a patient stays in the archive: tables, folders, index, terminal, logs, records.

The phantoms hold a name in every text element of the dictionary, in private elements, in dates and
UIDs, and in the names of folders, files and members of packed files.
"""

import json
import logging
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from pydicom.uid import generate_uid
from unit.dicom_phantoms import make_slices
from unit.identifier_phantoms import (
    IDENTITY,
    NAME,
    NEEDED,
    SURNAME,
    UID_ROOT,
    found_in,
    names_of_needed,
    plant,
    text_of,
)

import livermet
from livermet.archive import series as archive_series
from livermet.cli import main
from livermet.errors import InputError
from livermet.ingest import dicom
from livermet.ingest.series import ingest_dicom
from livermet.untold import untold

PACKAGE = Path(livermet.__file__).parents[1]


def planted(folder: Path, change=lambda one: None, begin: str = "IM", **tags) -> Path:
    """Write a series of six slices that hold the person's name wherever a text can stand."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(make_slices()):
        plant(one)
        one.SOPInstanceUID = generate_uid(prefix=f"{UID_ROOT}.")
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.RescaleType = "HU"
        one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", text_of("CS")]
        for tag, value in tags.items():
            setattr(one, tag, value)
        change(one)
        one.save_as(folder / f"{begin}_{SURNAME}_{IDENTITY}_{number}.dcm", enforce_file_format=True)
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Return an archive of usable and unusable series, a segmentation, damage and packed files."""
    top = tmp_path_factory.mktemp("archive")
    home = top / f"{SURNAME}_{IDENTITY}"
    planted(home / f"CT {NAME}")
    for number, name in enumerate(names_of_needed()):
        uid = f"{UID_ROOT}.77.{number}"
        planted(home / f"odd {name}", SeriesInstanceUID=uid, **{name: text_of("CS")})
    broken = planted(home / "numbers", SeriesInstanceUID=f"{UID_ROOT}.78")
    for path in broken.iterdir():
        # A name where decimal numbers belong, of the same length.
        path.write_bytes(path.read_bytes().replace(b"-10.0\\-20.0\\", b"Xiomara\\2.0\\"))
    packed = planted(top / "unpacked", SeriesInstanceUID=f"{UID_ROOT}.79")
    with zipfile.ZipFile(home / f"{SURNAME}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(packed.iterdir()):
            archive.write(path, f"{NAME}/{path.name}")
            path.unlink()
    packed.rmdir()
    (home / f"{SURNAME}.txt").write_text(NAME)
    (home / f"{SURNAME}_empty.dcm").touch()
    (home / f"{SURNAME}_cut.dcm").write_bytes((broken / os.listdir(broken)[0]).read_bytes()[:700])
    (home / f"{SURNAME}_nowhere").symlink_to(top / NAME)
    return top


@pytest.fixture(scope="module")
def made(archive, tmp_path_factory):
    """Run `livermet sheet` on it as a user does; return its folder and what it printed."""
    place = tmp_path_factory.mktemp("study")
    secret = tmp_path_factory.mktemp("home") / "secret"
    command = [sys.executable, "-m", "livermet", "sheet", str(archive), "--to", "config/study"]
    command += ["--cohort", "mSCLC", "--secret", str(secret), "--make-secret"]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE)}
    result = subprocess.run(command, cwd=place, env=environment, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    return place, result.stdout + result.stderr


def written_below(place: Path) -> dict[str, bytes]:
    """Return the files below a folder; of links to the archive, and what was unpacked, the names.

    The archive's own slices hold what they held.
    """
    found = {}
    for path in sorted(place.rglob("*")):
        own = path.is_file() and not path.is_symlink() and path.suffix != ".dcm"
        found[str(path.relative_to(place))] = path.read_bytes() if own else b""
    return found


def test_a_phantom_holds_the_name_where_ingestion_and_sheet_look(archive):
    (folder,) = archive.glob("*/CT *")
    content = next(folder.iterdir()).read_bytes()
    assert content.count(SURNAME.encode()) > 500
    assert len(found_in(content)) == 6


def test_nothing_that_a_sheet_writes_or_prints_tells_the_patient(made):
    place, printed = made
    assert found_in(printed) == []
    files = written_below(place)
    told = {name: found_in(name.encode() + content) for name, content in files.items()}
    assert {name: marks for name, marks in told.items() if marks} == {}
    assert "data/archive/index.sqlite" in files


def test_the_planted_series_are_in_the_tables_all_the_same(made):
    place, _ = made
    table = pd.read_csv(place / "config/study/archive.tsv", sep="\t")
    usable = table[table["verdict"] == "usable"]
    # One in its folder, one in the zip file, and those whose odd field is of no harm.
    assert len(usable) >= 2
    assert set(table["modality"]) == {"CT", "other"}
    assert table["patient"].nunique() == 1
    assert set(table["kernel"].dropna()) == {"other"}
    assert len(table) == 2 + 1 + len(names_of_needed())


def test_nothing_that_ingestion_gives_or_logs_tells_the_patient(made, caplog, capfd):
    place, _ = made
    sheet = pd.read_csv(place / "config/study/series.tsv", sep="\t")
    caplog.set_level(logging.DEBUG)
    for series, image in zip(sheet["series"], sheet["image"], strict=True):
        _, acquisition, quality = ingest_dicom(series, place / "data" / image)
        record = json.dumps([acquisition, quality])
        assert found_in(record.encode()) == []
        assert acquisition["contrast_agent"] is None
        assert "ContrastBolusAgent of 6 slices cannot be read, or names the patient" in record
    out, err = capfd.readouterr()
    assert found_in((out + err + caplog.text).encode()) == []


def refusal(folder: Path) -> str:
    """Return the sentence by which ingestion refuses a folder, '' where it takes it."""
    try:
        ingest_dicom("s1", folder)
    except InputError as error:
        return str(error)
    return ""


def test_refusals_of_ingestion_do_not_tell_the_patient(archive, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    sentences = [refusal(path) for path in archive.glob("*/*") if path.is_dir()]
    assert sum(map(bool, sentences)) >= 3
    out, err = capfd.readouterr()
    assert found_in((out + err + caplog.text + "".join(sentences)).encode()) == []


def test_an_error_that_nobody_expected_is_told_without_its_message(
    archive, tmp_path, monkeypatch, capfd
):
    def broken(*_, **__):
        raise ValueError(f"cannot read {NAME} at {archive}")

    monkeypatch.setattr(archive_series, "stack_slices", broken)
    asked = ["sheet", str(archive), "--to", str(tmp_path / "config"), "--cohort", "mSCLC"]
    asked += ["--secret", str(tmp_path / "secret"), "--make-secret"]
    asked += ["--data-root", str(tmp_path / "data"), "--processes", "1"]
    result = CliRunner().invoke(main, asked, catch_exceptions=False)
    assert result.exit_code == 1
    assert "an error that it did not expect (ValueError at " in result.stderr
    assert "archive/series.py, line " in result.stderr
    assert found_in((result.output + "".join(capfd.readouterr())).encode()) == []
    assert str(archive) not in result.output


def test_an_unexpected_error_of_ingestion_is_told_without_its_message(archive, monkeypatch):
    def broken(*_, **__):
        raise OSError(2, "No such file", str(archive / NAME))

    monkeypatch.setattr(dicom, "stack_slices", broken)
    (folder,) = archive.glob("*/CT *")
    with pytest.raises(InputError) as caught:
        ingest_dicom("s1", folder)
    assert "OSError at ingest/" in str(caught.value) or "FileNotFoundError" in str(caught.value)
    error: BaseException | None = caught.value
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert found_in(str(error).encode()) == []


def test_a_sentence_keeps_its_words_and_loses_what_it_came_from():
    @untold()
    def refuse():
        raise InputError("row 3 is wrong") from ValueError(NAME)

    with pytest.raises(InputError, match=r"^row 3 is wrong$") as caught:
        refuse()
    assert caught.value.__cause__ is None


def test_fields_that_are_needed_are_those_of_a_ct_slice():
    assert len(NEEDED) == 8
