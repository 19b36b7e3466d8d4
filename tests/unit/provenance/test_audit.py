"""What an audit finds of a run: each fault by its own sign, and none where nothing is wrong."""

import json
import os
import shutil
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from livermet.cli import main
from livermet.provenance.audit import audit_run, has_faults, in_words
from livermet.provenance.findings import Kind, examine, known_checksums
from livermet.provenance.origins import A_PATH, NOT_TOLD, as_told, read_origins

from .. import audit_phantoms as made
from ..audit_phantoms import ARCHIVE, PREDICTION, RUN, TABLE_4


@pytest.fixture(autouse=True)
def finished(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made.make_run()


def found() -> dict[Kind, list[str]]:
    origins = read_origins(RUN)
    kinds: dict[Kind, list[str]] = {}
    for one in examine(origins, known_checksums(origins)):
        kinds.setdefault(one.kind, []).append(one.path)
    return kinds


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def manifest() -> dict:
    return json.loads((RUN / "provenance" / "manifest.json").read_text())


def test_nothing_is_wrong_with_a_finished_run():
    assert found() == {}
    assert in_words(audit_run(RUN)) == []
    # What the audit has written is no result of unknown origin.
    assert found() == {}


def test_a_byte_of_a_prediction_and_a_cell_of_a_table_are_both_named():
    flip_a_byte(RUN / PREDICTION)
    table = RUN / TABLE_4
    table.write_text(table.read_text().replace("0.75", "0.95"))
    told = in_words(audit_run(RUN))
    by_hand = "was changed by hand after its job had written it."
    assert told == [f"{PREDICTION} {by_hand}", f"{TABLE_4} {by_hand}"]


def test_the_manifest_keeps_the_checksum_of_what_the_job_wrote():
    audit_run(RUN)
    before = manifest()["files"][TABLE_4]
    (RUN / TABLE_4).write_text("protocol,model,metric,mean\npublished,LR,auc,1.0\n")
    audit_run(RUN)
    after = manifest()
    assert after["files"][TABLE_4] == before
    assert [one["path"] for one in after["findings"]] == [TABLE_4]


def test_an_edit_under_the_old_time_and_size_is_seen():
    path = RUN / PREDICTION
    times = os.stat(path)
    flip_a_byte(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert found() == {Kind.ALTERED: [PREDICTION]}


def test_a_removed_file_is_missing():
    (RUN / TABLE_4).unlink()
    assert found() == {Kind.MISSING: [TABLE_4]}


def test_what_read_an_older_version_is_stale():
    made.ingest("m1_thin", "another ct")
    kinds = found()
    # The jobs that read the CT: prediction and radiomics, each of the batch.
    assert kinds.pop(Kind.STALE) == [PREDICTION, "radiomics/unet/batches/b1.scans.tsv"]
    # What was made of their tables, down to the report; the network has not learnt from m1.
    assert kinds == {
        Kind.BEHIND: [
            "cohort/facts.tsv",
            *(f"phenotype/unet/published/{one}/predictions.tsv" for one in made.CLASSIFIERS),
            "radiomics/unet/features.csv",
            "report.html",
            TABLE_4,
        ]
    }
    made.ingest("m1_thin", "ct m1_thin")
    assert found() == {}


def test_a_network_stays_where_its_cases_have_changed_and_that_is_told():
    made.ingest("m2_thin", "another ct")
    kinds = found()
    assert kinds[Kind.TRAINED] == ["monai/unet/model.pt"]
    assert "monai/unet/model.pt" not in kinds[Kind.STALE]


def test_a_file_that_no_job_has_made_is_told_and_is_no_fault():
    made.write(RUN / "tables" / "mine.csv", "a\n1\n")
    things = audit_run(RUN)
    assert [(one.kind, one.path) for one in things] == [(Kind.UNKNOWN, "tables/mine.csv")]
    assert not has_faults(things)
    assert in_words(things) == [
        "Note: 1 file of which each has no record of how it was made: tables/mine.csv."
    ]


def test_an_edit_is_not_hidden_by_removing_the_record():
    (RUN / "records" / "tabulate_classification.json").unlink()
    assert found() == {Kind.UNRECORDED: [TABLE_4]}
    (RUN / TABLE_4).write_text("protocol,model,metric,mean\npublished,LR,auc,1.0\n")
    assert found() == {Kind.UNRECORDED: [TABLE_4], Kind.STALE: ["report.html"]}
    assert has_faults(audit_run(RUN))


def test_a_run_without_snakemakes_folder_elsewhere_is_audited_alike(tmp_path):
    audit_run(RUN)
    before = manifest()
    shutil.copytree(RUN, tmp_path / "archived" / "renamed")
    os.chdir(tmp_path / "archived")
    flip_a_byte(tmp_path / "archived" / "renamed" / PREDICTION)
    things = audit_run("renamed")
    assert [(one.kind, one.path) for one in things] == [(Kind.ALTERED, PREDICTION)]
    copied = json.loads(Path("renamed/provenance/manifest.json").read_text())
    assert copied["files"] == before["files"]
    assert copied["environments"] == before["environments"]


def test_a_half_finished_run_is_audited():
    """Table 4 is being made again, and there is no report and no word of settings yet."""
    for name in ("tabulate_classification", "write_report", "write_settings"):
        (RUN / "records" / f"{name}.json").unlink()
    for path in (TABLE_4, "report.html", "provenance/settings.json"):
        (RUN / path).unlink()
    assert found() == {}
    audit_run(RUN)
    assert manifest()["series"] == list(made.SERIES)
    made.ingest("m1_thin", "another ct")
    assert Kind.STALE in found()


def test_what_no_page_shows_any_more_is_left_over():
    """A setting was changed: the old protocol's files stay, made from older features."""
    made.run_job(
        "fit_corrected/unet/LR", ["radiomics/unet/features.csv"], {"phenotype/old.tsv": ""}
    )
    made.run_job("collect_radiomics/unet", [], {"radiomics/unet/features.csv": "new"})
    for one in made.CLASSIFIERS:
        path = f"phenotype/unet/published/{one}/predictions.tsv"
        made.run_job(
            f"fit_published/unet/{one}",
            ["radiomics/unet/features.csv"],
            {path: f"{one}\nm1_thin\n"},
        )
    made.run_job(
        "gather_facts", ["radiomics/unet/features.csv"], {"cohort/facts.tsv": "series\tpatient\n"}
    )
    made.run_job("write_report", [TABLE_4, "cohort/facts.tsv"], {"report.html": "<p>0.75</p>"})
    assert found()[Kind.LEFT] == ["phenotype/old.tsv"]
    assert Kind.STALE not in found()


def test_what_a_run_makes_for_readers_beside_its_pages_counts_as_they_do():
    """A card lies in a folder of its own; once the config asks for it no more, it is left over."""
    made.run_job("write_cards", [TABLE_4], {"cards/unet.md": "AUC 0.75"})
    made.tell_settings(["report.html", "cards/unet.md"])
    assert found() == {}
    (RUN / "cards/unet.md").write_text("AUC 0.95")
    assert found() == {Kind.ALTERED: ["cards/unet.md"]}
    made.tell_settings(["report.html"])
    assert found() == {Kind.LEFT: ["cards/unet.md"]}


def test_no_file_is_read_twice_whose_checksum_is_known():
    origins = read_origins(RUN)
    sums = known_checksums(origins)
    examine(origins, sums)
    # But for the settings, whose job of this phantom has left no hint.
    assert list(sums.read) == [f"{RUN}/provenance/settings.json"]
    os.utime(RUN / PREDICTION)
    audit_run(RUN)
    sums = known_checksums(origins)
    examine(origins, sums)
    assert sums.read == {}


def test_a_run_that_is_reached_by_a_link_is_not_read_again(tmp_path):
    """As where `results` is a link to a larger disk, and Snakemake's folder lies with the clone."""
    audit_run(RUN)
    shutil.move("results", tmp_path / "disk")
    os.symlink(tmp_path / "disk", "results")
    origins = read_origins(RUN)
    sums = known_checksums(origins)
    assert examine(origins, sums) == []
    assert sums.read == {}


def test_nothing_that_is_written_holds_a_path_a_hosts_name_or_a_header(tmp_path):
    archive = tmp_path / "smith_john"
    row = {"series": "m1_thin", "study_date": "2019-08-17", "sex": "F", "manufacturer": "Xiomara"}
    params = {"table": f"{archive}.csv", "rows": [row], "command": f"read --from={archive}"}
    scanners = "series\tmanufacturer\nm1_thin\tXiomara\n"
    made.run_job("collect_acquisition", [], {"cohort/acquisition.tsv": scanners}, params)
    record = RUN / "records" / "collect_acquisition.json"
    # Phantoms of a study whose data lie elsewhere.
    content = json.loads(record.read_text())
    content["outputs"][f"{archive}/ct.nii.gz"] = "0" * 64
    record.write_text(json.dumps(content))
    assert audit_run(RUN) == []
    for path in (RUN / "provenance").iterdir():
        written = path.read_text()
        marks = (str(tmp_path), "smith", socket.gethostname(), "2019-08-17", "Xiomara")
        assert not [mark for mark in marks if mark in written], path
    assert manifest()["jobs"]["collect_acquisition"]["params"] == {
        "table": A_PATH,
        "command": A_PATH,
        "rows": [
            {"series": "m1_thin", "study_date": NOT_TOLD, "sex": NOT_TOLD, "manufacturer": NOT_TOLD}
        ],
    }


PATHS = ["/data/x.csv", "C:\\x", "~/x", "../x", "\\\\host\\x", "file:///x", "a b=/data/x"]
NO_PATHS = ["config/x.csv", "and/or", "a: b", "1/2", "https://example.org/a", "mg/ml", "a / b"]


def test_paths_are_found_wherever_they_stand():
    assert as_told({"a": PATHS, "/data/x": 1}) == {"a": [A_PATH] * len(PATHS), A_PATH: 1}
    assert as_told(NO_PATHS) == NO_PATHS


def run(*arguments: str):
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_the_command_ends_with_status_1_where_something_is_wrong():
    assert run("audit", str(RUN)).exit_code == 0
    flip_a_byte(RUN / PREDICTION)
    result = run("audit", str(RUN))
    assert result.exit_code == 1
    assert PREDICTION in result.stdout
    nothing = run("audit", str(ARCHIVE))
    assert nothing.exit_code == 1
    assert nothing.stderr.startswith("There is no record of a job in archive")


def test_where_the_audit_cannot_be_written_a_sentence_ends_what_was_found():
    """As in an archive; a folder in the place of a file stops the superuser too."""
    flip_a_byte(RUN / PREDICTION)
    (RUN / "provenance" / "manifest.json").mkdir()
    result = run("audit", str(RUN))
    assert result.exit_code == 1
    found, *_, why = result.stderr.splitlines()
    assert found.startswith(f"{PREDICTION} was changed by hand")
    assert why.startswith("The audit cannot write into demo/provenance")
    assert "copy the run's folder" in why


def test_the_line_that_the_report_shows_says_when_and_what_was_found():
    flip_a_byte(RUN / PREDICTION)
    audit_run(RUN)
    line = (RUN / "provenance" / "run.html").read_text()
    assert "1 file altered, missing or stale." in line
    assert manifest()["started"] in line
