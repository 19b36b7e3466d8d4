"""A study of new patients from files alone: who is whom, what is kept, and what is refused."""

import io
import json
import os
import re
import shutil
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import SimpleITK as sitk
import yaml
from packed_networks import pack_monai
from pydicom import dcmread
from small_study import SIZE

from livermet.archive.progress import Counter
from livermet.config.loading import PROJECT, load_config
from livermet.demo.cohort import demo_cohort
from livermet.demo.dicom import write_dicom_series
from livermet.demo.phantoms import phantom_images
from livermet.errors import InputError
from livermet.ledger.tables import read_ledger
from livermet.patients.preparing import Request, prepare
from livermet.patients.running import profile_of
from livermet.sources import fault_of
from livermet.study import read_study

from ..patient_phantoms import volumes

NAMES = ("DOE^JANE", "ROE^RICHARD")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return pack_monai(tmp_path_factory.mktemp("packed") / "model")


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """Two patients' DICOM series and a volume, under names that nobody may see."""
    folder = tmp_path_factory.mktemp("archive")
    ct, _ = volumes()
    rows = demo_cohort(SIZE).phantoms.to_dict("records")
    for row, name in zip(rows, NAMES, strict=False):
        told = row | {"patient": name, "study_date": "2021-05-04"}
        write_dicom_series(phantom_images(row)[0], told, folder / f"{name} CT")
    sitk.WriteImage(ct, folder / "MUSTERMANN_ERIKA.nii.gz")
    return folder


@pytest.fixture
def asked(model, archive, tmp_path):
    """Return a function that prepares a study, and gives what was told."""

    def ask(**changes) -> list[str]:
        told: list[str] = []
        request = {
            "images": archive,
            "model": model,
            "out": tmp_path / "out",
            "secret": tmp_path / "secret",
        }
        prepare(Request(**request | changes), Counter(io.StringIO()), told.append)
        return told

    return ask


def sheet_in(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "series.tsv", sep="\t", dtype=str, keep_default_na=False)


def test_files_become_a_study_that_can_be_planned(asked, tmp_path, monkeypatch):
    asked()
    out = tmp_path / "out"
    sheet = sheet_in(out)
    assert sheet["patient"].nunique() == len(sheet) == 3
    assert sheet["reference"].eq("").all()
    monkeypatch.chdir(out)
    config = load_config([PROJECT / "config" / "config.yaml", out / "config.yaml"])
    study = read_study(config)
    assert study.places == dict.fromkeys(sheet["patient"], "test")
    assert (study.trained_models, study.models) == ([], ["unet"])
    assert {study.prediction_kind("unet", series) for series in sheet["series"]} == {"single"}
    assert len(study.new_patients.studies) == 3
    # A scan that cannot be read stops its own study alone.
    assert [len(names) for names in study.batches.values()] == [1, 1, 1]


def test_results_are_written_as_dicom_where_that_is_asked_for(asked, tmp_path, monkeypatch):
    """By the config's own key; the secret is found from the folder that the workflow runs in."""
    monkeypatch.chdir(tmp_path)
    told = {}
    for mode in ("none", "as_given", "pseudonyms"):
        asked(dicom=mode, secret=Path("secret"))
        told[mode] = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())["export"]
    assert told == {
        "none": {"dicom": "none", "secret": None},
        "as_given": {"dicom": "as_given", "secret": None},
        "pseudonyms": {"dicom": "pseudonyms", "secret": str(tmp_path / "secret")},
    }


def test_dicom_that_was_asked_for_once_is_written_until_it_is_ended(asked, tmp_path):
    def written() -> str:
        return yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())["export"]["dicom"]

    asked(dicom="as_given")
    told = asked()
    assert written() == "as_given"
    assert "DICOM is written as the last time (--dicom as_given); --dicom none ends it." in told
    assert not any("as the last time" in sentence for sentence in asked(dicom="pseudonyms"))
    assert written() == "pseudonyms"
    asked(dicom="none")
    assert not any("DICOM" in sentence for sentence in asked())
    assert written() == "none"


def test_no_file_of_the_study_names_a_patient_or_a_path(asked, tmp_path, archive):
    told = asked()
    out = tmp_path / "out"
    texts = [path.read_bytes() for path in out.rglob("*") if path.is_file()]
    texts = [text for text in texts if not text.startswith(b"SQLite")]
    names = [str(path.relative_to(out)) for path in out.rglob("*")]
    known = re.compile(rb"DOE|ROE|JANE|RICHARD|MUSTERMANN|" + re.escape(str(archive).encode()))
    assert not [text for text in texts if known.search(text) and b"DICM" not in text[:132]]
    assert not known.search("\n".join([*names, *told]).encode())


def test_a_patient_who_comes_later_moves_nobody(asked, tmp_path, archive):
    first = tmp_path / "first"
    shutil.copytree(archive / f"{NAMES[0]} CT", first)
    asked(images=first)
    out = tmp_path / "out"
    before, ledger = sheet_in(out), read_ledger(out / "ledger")
    asked()
    after, grown = sheet_in(out), read_ledger(out / "ledger")
    # The same scan from another place is the same series of the same patient.
    assert after[: len(before)].equals(before)
    assert len(after) == 3
    assert grown.batches[: len(ledger.batches)].equals(ledger.batches)
    assert set(grown.places.values()) == {"test"}
    asked()
    assert sheet_in(out).equals(after)


def test_a_series_can_be_left_out(asked, tmp_path):
    asked()
    series = sheet_in(tmp_path / "out")["series"].tolist()
    asked(leave_out=series[:1])
    assert sheet_in(tmp_path / "out")["series"].tolist() == series[1:]
    # Known from the first run, and not in the sheet any more.
    asked(leave_out=series[:1])
    with pytest.raises(InputError, match="leave out fewer"):
        asked(leave_out=series)
    with pytest.raises(InputError, match="--leave-out names nobody, which"):
        asked(leave_out=["nobody"])


def test_a_name_that_is_no_unicode_is_read(asked, tmp_path, archive):
    """As an old disc has it: umlauts in Latin-1, by which ITK would end the process."""
    images = tmp_path / os.fsdecode("Müller".encode("latin-1"))
    images.mkdir()
    shutil.copy(archive / "MUSTERMANN_ERIKA.nii.gz", images)
    sitk.WriteImage(volumes()[1], tmp_path / "labels.nii.gz")
    shutil.move(tmp_path / "labels.nii.gz", images)
    shutil.copytree(archive / f"{NAMES[0]} CT", images / "CT")
    told = asked(images=images)
    assert len(sheet_in(tmp_path / "out")) == 2
    assert "Volumes passed over: 1, since it has 8 bits a voxel: a mask and no CT." in told


def test_undated_series_are_one_study_by_their_uid_alone(asked, tmp_path):
    """Two scans of one patient, the first as two reconstructions; no header has a date."""
    images = tmp_path / "images"
    for number, row in enumerate(demo_cohort(SIZE).phantoms.to_dict("records")[:3]):
        told = row | {"patient": NAMES[0], "study_date": "2021-05-04"}
        write_dicom_series(phantom_images(row)[0], told, images / f"{number}")
        for path in (images / f"{number}").iterdir():
            header = dcmread(path)
            for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
                setattr(header, keyword, "")
            header.StudyInstanceUID = f"1.2.3.{number // 2}"
            header.save_as(path)
    told = asked(images=images)
    sheet = sheet_in(tmp_path / "out")
    assert sheet["patient"].nunique() == 1
    assert sorted(sheet.groupby("study_date")["series"].size()) == [1, 2]
    assert pd.to_datetime(sheet["study_date"]).dt.year.between(1900, 1969).all()
    assert any("3 series have no date in their headers" in sentence for sentence in told)
    # As many studies as are found together are found one after another.
    for number in range(3):
        asked(images=images / f"{number}", out=tmp_path / "again")
    again = sheet_in(tmp_path / "again").set_index("series")["study_date"]
    assert again.to_dict() == sheet.set_index("series")["study_date"].to_dict()


def test_a_file_alone_is_a_study_known_by_its_content(asked, tmp_path, archive):
    moved = tmp_path / "elsewhere" / "CT.nii.gz"
    moved.parent.mkdir()
    shutil.copy(archive / "MUSTERMANN_ERIKA.nii.gz", moved)
    asked(images=archive / "MUSTERMANN_ERIKA.nii.gz")
    before = sheet_in(tmp_path / "out")
    asked(images=moved)
    assert sheet_in(tmp_path / "out").equals(before)
    assert len(before) == 1


def links(folder: Path) -> dict[str, str]:
    return {path.name: os.readlink(path) for path in folder.iterdir()}


def test_a_scan_that_is_written_over_or_removed_stays_the_one_that_was_read(
    asked, tmp_path, archive, monkeypatch
):
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    shutil.copy(archive / "MUSTERMANN_ERIKA.nii.gz", images / "CT.nii.gz")
    asked(images=images)
    (first,) = sheet_in(out)["series"]
    held = out / "data" / "volumes" / f"{first}.nii.gz"
    assert links(out / "data" / "volumes_read_from") == {first: str(images / "CT.nii.gz")}
    before = held.read_bytes()
    ct, _ = volumes()
    sitk.WriteImage(ct + 1, images / "CT.nii.gz")
    asked(images=images)
    assert held.read_bytes() == before
    assert len(sheet_in(out)) == 2
    # The next patient's disc is in the place of the last one's.
    shutil.rmtree(images)
    images.mkdir()
    sitk.WriteImage(ct + 2, images / "CT.nii.gz")
    asked(images=images)
    monkeypatch.chdir(out)
    study = read_study(load_config([PROJECT / "config" / "config.yaml", out / "config.yaml"]))
    assert len(study.new_patients.studies) == 3


def test_a_series_whose_disc_is_taken_out_leaves_the_lists_and_keeps_its_ct(
    asked, tmp_path, archive
):
    disc, out = tmp_path / "disc", tmp_path / "out"
    shutil.copytree(archive / f"{NAMES[0]} CT", disc)
    asked(images=disc)
    (first,) = sheet_in(out)["series"]
    disc.rename(tmp_path / "in a drawer")
    # Ingest would fail, and Snakemake would remove the CT that it wrote before.
    _, told = asked(images=archive / f"{NAMES[1]} CT")
    assert f"not any more where they were read: {first}." in told
    assert first not in sheet_in(out)["series"].tolist()
    folder = out / "data" / "archive" / first
    assert "links to what is not there" in fault_of(str(folder), "image")
    asked(images=tmp_path / "in a drawer")
    assert len(sheet_in(out)) == 2
    assert fault_of(str(folder), "image") == ""


def test_volumes_are_taken_out_of_packed_files(asked, tmp_path, archive):
    whole = archive / "MUSTERMANN_ERIKA.nii.gz"
    asked(images=whole)
    expected = sheet_in(tmp_path / "out")["series"].tolist()
    _, labels = volumes()
    sitk.WriteImage(labels, tmp_path / "labels.nii.gz")
    with zipfile.ZipFile(tmp_path / "DOE.zip", "w") as packed:
        packed.write(whole, "../../../evil.nii.gz")
        packed.write(tmp_path / "labels.nii.gz", "seg.nii.gz")
        packed.writestr("values.mhd", "NDims = 3")
    with tarfile.open(tmp_path / "DOE.tar.gz", "w:gz") as packed:
        packed.add(whole, "/a/b/CT.nii.gz")
        link = tarfile.TarInfo("passwd.nii.gz")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(link)
    for name, passed_over in (("DOE.zip", 2), ("DOE.tar.gz", 0)):
        out = tmp_path / f"out of {name}"
        told = asked(images=tmp_path / name, out=out)
        assert sheet_in(out)["series"].tolist() == expected
        place = out / "data" / "volumes" / f"{expected[0]}.nii.gz"
        assert place.read_bytes() == whole.read_bytes()
        assert links(out / "data" / "volumes_read_from") == {expected[0]: str(tmp_path / name)}
        assert sum("Volumes passed over: 1" in sentence for sentence in told) == passed_over
        assert [path.name for path in place.parent.iterdir()] == [place.name]
    assert not list(tmp_path.rglob("evil*"))


def test_a_packed_file_that_is_cut_is_told(asked, tmp_path, archive):
    with zipfile.ZipFile(tmp_path / "DOE.zip", "w") as packed:
        packed.write(archive / "MUSTERMANN_ERIKA.nii.gz", "a.nii.gz")
    os.truncate(tmp_path / "DOE.zip", 5000)
    with pytest.raises(InputError, match="a packed file that is damaged 1"):
        asked(images=tmp_path / "DOE.zip")


def test_what_cannot_be_read_is_told_beside_what_is(asked, tmp_path, archive):
    images = tmp_path / "images"
    images.mkdir()
    shutil.copy(archive / "MUSTERMANN_ERIKA.nii.gz", images / "a.nii.gz")
    (images / "b.nii.gz").symlink_to(tmp_path / "unplugged" / "b.nii.gz")
    (images / "d.nii.gz").touch()
    sitk.WriteImage(volumes()[0], images / "c.mhd")
    told = "\n".join(asked(images=images))
    assert len(sheet_in(tmp_path / "out")) == 1
    assert "cannot be opened 1" in told
    assert "Volumes passed over: 1, since it is empty." in told
    assert "Volumes passed over: 1, since it ends in .mhd" in told


def test_results_are_no_new_patients(asked, tmp_path):
    asked()
    out = tmp_path / "out"
    ct = out / "results" / "predict" / "series" / "a" / "ct.nii.gz"
    ct.parent.mkdir(parents=True)
    sitk.WriteImage(volumes()[0] + 1, ct)
    for images in (out, out / "results", ct):
        with pytest.raises(InputError, match="whose CTs are results"):
            asked(images=images)
    assert len(sheet_in(out)) == 3


def test_what_was_accepted_once_stays_accepted(asked, tmp_path):
    asked(accept=["lossy"])
    asked(accept=["other_units"])
    asked()
    config = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert config["ingest"] == {"accept": ["lossy", "other_units"]}


def test_another_secret_does_not_bring_the_same_patients_again(asked, tmp_path):
    asked()
    before = sheet_in(tmp_path / "out")
    with pytest.raises(InputError, match="come from another secret, so that its patients would"):
        asked(secret=tmp_path / "other")
    shutil.copy(tmp_path / "secret", tmp_path / "moved")
    asked(secret=tmp_path / "moved")
    assert sheet_in(tmp_path / "out").equals(before)


def test_another_model_does_not_mix_its_results_in(asked, tmp_path):
    asked()
    other = pack_monai(tmp_path / "other", seed=1)
    with pytest.raises(InputError, match="what another model has predicted"):
        asked(model=other)


def test_results_do_not_go_into_the_model(asked, model):
    before = sorted(model.rglob("*"))
    for out in (model, model / "results"):
        with pytest.raises(InputError, match="lies in the folder of the model"):
            asked(out=out)
    assert sorted(model.rglob("*")) == before


def test_a_folder_of_other_files_is_left_alone(asked, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").touch()
    with pytest.raises(InputError, match="none of them is of livermet predict"):
        asked()


def test_a_changed_model_predicts_nothing(asked, model, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    (copy / "MODEL_CARD.md").write_text("better")
    with pytest.raises(InputError, match=r"MODEL_CARD\.md is not as it was packed"):
        asked(model=copy)
    assert not (tmp_path / "out").exists()


def test_images_that_hold_no_ct_are_told(asked, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("none")
    with pytest.raises(InputError, match="There is no CT that can be read"):
        asked(images=empty)
    with pytest.raises(InputError, match="There is nothing where IMAGES says"):
        asked(images=tmp_path / "nowhere")


def test_masks_beside_scans_are_no_scans(asked, tmp_path):
    ct, labels = volumes()
    folder = tmp_path / "images"
    folder.mkdir()
    sitk.WriteImage(ct, folder / "ct.nii.gz")
    sitk.WriteImage(labels, folder / "liver.nii.gz")
    told = asked(images=folder)
    assert len(sheet_in(tmp_path / "out")) == 1
    assert "Volumes passed over: 1, since it has 8 bits a voxel: a mask and no CT." in told


def test_the_phase_is_told_where_no_header_has_one(asked, tmp_path):
    asked(phase="delayed")
    sheet = sheet_in(tmp_path / "out").set_index("image")
    assert sheet.loc[sheet.index.str.startswith("volumes/"), "phase"].tolist() == ["delayed"]
    assert "delayed" not in sheet.loc[sheet.index.str.startswith("archive/"), "phase"].tolist()
    # Told wrong, or not at all, the first time.
    of_dicom = sheet.loc[sheet.index.str.startswith("archive/"), "phase"].tolist()
    asked(phase="arterial")
    sheet = sheet_in(tmp_path / "out").set_index("image")
    assert sheet.loc[sheet.index.str.startswith("volumes/"), "phase"].tolist() == ["arterial"]
    assert sheet.loc[sheet.index.str.startswith("archive/"), "phase"].tolist() == of_dicom


def test_a_header_with_its_values_beside_it_is_refused(asked, tmp_path):
    image, _ = volumes()
    sitk.WriteImage(image, tmp_path / "DOE.mhd")
    with pytest.raises(InputError, match=r"A volume cannot be used: it ends in \.mhd") as told:
        asked(images=tmp_path / "DOE.mhd")
    assert "DOE" not in str(told.value)


def test_the_config_is_the_packed_models(asked, tmp_path, model):
    asked(device="cpu", accept=["lossy", "derived"])
    config = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    settings = json.loads((model / "pack.json").read_text())["settings"]
    assert config["radiomics"] == settings["radiomics"]
    assert config["detection"] == settings["detection"]
    assert config["segmentation"]["packed"] == str(model)
    assert config["segmentation"]["device"] == "cpu"
    # What ingest takes with a warning; whether a series is derived decides the sheet alone.
    assert config["ingest"] == {"accept": ["lossy"]}


def test_profiles_are_found_by_name():
    assert profile_of(None) == PROJECT / "profiles" / "default"
    assert profile_of("slurm") == PROJECT / "profiles" / "slurm"
    with pytest.raises(InputError, match="no profile 'pbs'; name one of default, slurm"):
        profile_of("pbs")
