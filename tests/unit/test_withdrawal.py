"""A withdrawal takes rows and files of its series, and nothing of any other; the ledger stays."""

import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from livermet.cli import main
from livermet.config.loading import study_config
from livermet.errors import InputError
from livermet.ledger.assign import assign_from_config
from livermet.ledger.tables import Ledger, empty_ledger, read_ledger
from livermet.provenance.records import Record, write_record
from livermet.study import read_study
from livermet.withdrawal import files_of, owner_of, withdraw

OF_004 = ["msclc_004_20201130_thick", "msclc_004_20201130_thin"]
OTHER = "msclc_003_20200323_thin"
# What a run has of series of one batch, b0003: by series, by batch, and of all.
FILES = {
    "series/{}/ct.nii.gz": True,
    "predictions/nnunet/ensemble/{}.nii.gz": True,
    "nnunet/nnUNet_raw/Dataset501/imagesTr/{}_0000.nii.gz": True,
    "nnunet/nnUNet_preprocessed/Dataset501/gt_segmentations/{}.nii.gz": True,
    "records/ingest_series/{}.json": True,
    "journal/ingest_series/{}.json": True,
    "logs/ingest_series/{}.log": True,
}


@pytest.fixture
def study(root, tmp_path, monkeypatch):
    """Return the config file of the small demo, its sheets and ledger copied, with some results."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(root / "tests/demo/cohort", "cohort")
    keys = yaml.safe_load((root / "tests/demo/demo.yaml").read_text())
    keys |= {"run": "mine", "ledger": "cohort/ledger", "data_root": "raw"}
    keys["sheets"] = {name: f"cohort/{name}.tsv" for name in ("series", "molecular", "phantoms")}
    Path("study.yaml").write_text(yaml.safe_dump(keys))
    run = Path("results/mine")
    for name in (*OF_004, OTHER):
        for pattern in FILES:
            put(run / pattern.format(name), "")
        link = Path(".snakemake/livermet/sources/mine", name, "image")
        link.parent.mkdir(parents=True)
        link.symlink_to(tmp_path)
    put(run / "quality/b0003.json", f'{{"{OF_004[0]}": "", "{OTHER}": ""}}')
    put(run / "detection/nnunet/batches/b0003.scans.tsv", f"series\n{OF_004[0]}\n{OTHER}\n")
    put(run / "detection/nnunet/batches/b0001.scans.tsv", "series\nlits_001\n")
    put(run / "records/ingest_reference/b0003.json", f'{{"{OF_004[0]}": 1}}')
    put(run / "logs/ingest_reference/b0003.log", f"{OF_004[0]}: liver voxels: 1\n")
    put(run / "cohort/matching.tsv", f"series\n{OF_004[0]}\n{OTHER}\n")
    return Path("study.yaml")


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def lines(path):
    return Path(path).read_text().splitlines()


def told_of_withdrawals(config):
    return [note for note in read_study(config).notes if note.startswith("Withdrawn")]


def command(*options):
    return CliRunner().invoke(main, ["withdraw", *map(str, options)], catch_exceptions=False)


def test_a_patient_leaves_with_all_series_samples_and_files(study):
    series, samples = lines("cohort/series.tsv"), lines("cohort/molecular.tsv")
    ledger = {path: path.read_bytes() for path in Path("cohort/ledger").rglob("*.tsv")}
    result = command("--configfile", study, "--patient", "msclc_004")
    assert result.exit_code == 0, result.output
    assert lines("cohort/series.tsv") == [row for row in series if "msclc_004" not in row]
    assert lines("cohort/molecular.tsv") == [row for row in samples if "msclc_004" not in row]
    assert {path: path.read_bytes() for path in ledger} == ledger
    left = [path for path in Path("results/mine").rglob("*") if "msclc_004" in path.name]
    assert left == []
    assert all((Path("results/mine") / name.format(OTHER)).exists() for name in FILES)
    # The tables of its batch are made again; other batches and records stay.
    run = Path("results/mine")
    assert not (run / "quality/b0003.json").exists()
    assert not (run / "detection/nnunet/batches/b0003.scans.tsv").exists()
    assert (run / "detection/nnunet/batches/b0001.scans.tsv").exists()
    assert (run / "records/ingest_reference/b0003.json").exists()
    assert not (run / "logs/ingest_reference/b0003.log").exists()
    links = Path(".snakemake/livermet/sources/mine")
    assert [path.name for path in links.iterdir()] == [OTHER]
    # Seven files of each series (a folder of its own is one), two tables of the batch, its log.
    assert "results/mine: removed: 17 files and folders." in result.output
    assert "cohort/series.tsv: taken out: rows 14, 15." in result.output
    assert "The training sets lits_msclc hold them" in result.output
    assert "1 tables and pages of all series still name them" in result.output


def test_a_new_patient_leaves_with_the_pages_of_all_studies(study):
    """A packed model's study: no samples, and files that are named as the study of its series."""
    keys = yaml.safe_load(study.read_text())
    keys["sheets"]["molecular"] = None
    keys["segmentation"] |= {"packed": "model", "models": ["nnunet"], "final_model": "nnunet"}
    keys["phenotype"]["compare_with_reference"] = False
    study.write_text(yaml.safe_dump(keys))
    run, gone, stays = Path("results/mine"), "msclc_004_20201130", "msclc_003_20200323"
    made = ("patients/{}.html", "patients/studies/{}/prediction.tsv", "logs/judge_study/{}.log")
    made += ("records/write_patient/{}.json", "journal/write_patient/{}.json")
    made += ("benchmarks/write_patient/{}.tsv",)
    for name, series in ((gone, OF_004[0]), (stays, OTHER)):
        for path in made:
            put(run / path.format(name), f"study\n{name}\n")
        record = Record("", {"by_series": {series: True}}, [], {})
        write_record(record, run / f"records/write_patient/{name}.json")
    result = command("--configfile", study, "--patient", "msclc_004")
    assert result.exit_code == 0, result.output
    assert [path for path in run.rglob("*") if gone in path.name] == []
    assert all((run / path.format(stays)).exists() for path in made)


def test_a_series_leaves_and_its_patient_stays(study):
    result = command("--configfile", study, "--series", OF_004[0])
    assert result.exit_code == 0, result.output
    assert any(OF_004[1] in row for row in lines("cohort/series.tsv"))
    assert any("msclc_004" in row for row in lines("cohort/molecular.tsv"))
    assert Path("results/mine/series", OF_004[1]).exists()
    assert not Path("results/mine/series", OF_004[0]).exists()


def test_a_plan_changes_nothing(study):
    before = {path for path in Path().rglob("*") if path.is_file()}
    sheet = Path("cohort/series.tsv").read_bytes()
    result = command("--configfile", study, "--patient", "msclc_004", "--plan")
    assert "Nothing is changed yet." in result.output
    assert f"- results/mine/series/{OF_004[0]}" in result.output
    assert {path for path in Path().rglob("*") if path.is_file()} == before
    assert Path("cohort/series.tsv").read_bytes() == sheet


def test_rows_that_were_taken_out_by_hand_leave_files_that_left_removes(study):
    sheet = Path("cohort/series.tsv")
    rows = [row for row in sheet.read_text().splitlines(True) if "msclc_004" not in row]
    sheet.write_text("".join(rows))
    config = study_config(study)
    (note,) = told_of_withdrawals(config)
    assert note.startswith(f"Withdrawn, in the ledger and not in the sheet: 2 series: {OF_004[0]}")
    assert "results/mine/series still has 2 of them" in note
    assert "removed: 17 files" in withdraw(config, left=True)
    (note,) = told_of_withdrawals(config)
    assert "still has" not in note


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "Name who leaves: --series, --patient, or --left."),
        (("--left",), "every series of the ledger is in the sheet"),
        (("--patient", "msclc_04"), "has the patient 'msclc_04'; did you mean 'msclc_0"),
        (("--series", "strange"), "No sheet and no ledger has the series 'strange'."),
    ],
)
def test_what_cannot_be_withdrawn_is_told(study, options, sentence):
    result = command("--configfile", study, *options)
    assert result.exit_code == 1
    assert sentence in result.stderr


def test_a_sheet_that_is_not_one_line_a_row_is_left_to_a_person(study):
    sheet = Path("cohort/series.tsv")
    sheet.write_bytes(sheet.read_text().encode("utf-16"))
    before = sheet.read_bytes()
    with pytest.raises(InputError, match=r"yours to take out: rows 14, 15\. .* --left"):
        withdraw(study_config(study), patients=["msclc_004"])
    assert sheet.read_bytes() == before
    assert Path("results/mine/series", OF_004[0]).exists()


def test_after_a_withdrawal_new_patients_are_still_added(study):
    """Of five training patients with positive studies alone one leaves: less than one a fold."""
    config = study_config(study)
    withdraw(config, patients=["msclc_003"])
    with Path("cohort/series.tsv").open("a") as sheet:
        sheet.write("msclc_017_a\tmsclc_017\t2020-01-01\tmSCLC\tmsclc_017/dicom\t\t\t\t\t\t\n")
    before = read_ledger(config["ledger"]).places
    assert "1 patients, 1 series" in assign_from_config(config)
    after = read_ledger(config["ledger"]).places
    assert {patient: after[patient] for patient in before} == before
    assert after["msclc_017"] != "test"


def test_a_file_is_of_the_series_with_the_longest_name(tmp_path):
    known = {"p1", "p1.b", "p1_a"}
    names = {
        "p1.nii.gz": "p1",
        "p1.b.nii.gz": "p1.b",
        "p1_a.json": "p1_a",
        "p1_0000.nii.gz": "p1",
        "p1_a_0000.nii.gz": "p1_a",
        "p1_b.nii.gz": None,
        "p12.nii.gz": None,
        "report.html": None,
    }
    assert {name: owner_of(name, known) for name in names} == names
    for name in names:
        put(tmp_path / "series" / name, "")
    ledger: Ledger = empty_ledger()
    found = [path.name for path in files_of(tmp_path, ["p1"], known, ledger)]
    assert found == ["p1.nii.gz", "p1_0000.nii.gz"]
