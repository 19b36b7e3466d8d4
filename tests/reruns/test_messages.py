"""What a person reads of a job that failed: the reason first, and no exception of Snakemake's."""

import importlib
import subprocess

import pytest
import SimpleITK as sitk

from .changes import REDRAWN


@pytest.fixture
def messages(root, monkeypatch):
    """Import workflow/messages.py."""
    monkeypatch.syspath_prepend(root / "workflow")
    return importlib.import_module("messages")


def test_the_reason_of_a_failed_job_comes_first(study):
    path = study.data / REDRAWN / "reference.nii.gz"
    image = sitk.ReadImage(str(path))
    sitk.WriteImage(image * 3, str(path))
    failed = subprocess.run(
        study.command("--until", "ingest_reference_b0001", "ingest_reference_b0002"),
        cwd=study.workdir,
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    lines = (failed.stdout + failed.stderr).splitlines()
    (place,) = [n for n, line in enumerate(lines) if line.startswith("Error in rule ingest_ref")]
    reason, log, *_ = lines[place + 1 :]
    assert REDRAWN in reason
    assert log.startswith("    log: results/small/logs/ingest_reference/")
    printed = "\n".join(lines)
    for word in ("CalledProcessError", "RuleException", "Traceback", "set -euo pipefail"):
        assert word not in printed


def test_a_reason_names_few_files(messages):
    in_short = messages.in_short
    said = "Missing output files: d, a, c, b, e; Input files updated by another job: y, x"
    assert in_short(said) == (
        "Missing output files: a, b, c and 2 more; Input files updated by another job: y, x"
    )
    # A sentence of a record has commas too.
    assert in_short("settings.epochs was 4, is 5: b, c, d, e f") == (
        "settings.epochs was 4, is 5: b, c, d, e f"
    )


def test_a_script_that_was_killed_is_told_by_its_signal(messages):
    # 128 + 9 is what a shell makes of SIGKILL.
    for status in (-9, 137):
        assert messages.how_it_ended(status) == (
            "A script was killed by signal 9, most often because memory ran out (mem_mb)."
        )
    assert messages.how_it_ended(2) == "A script ended with status 2."


def failed(folder, **more):
    """What Snakemake logs of a failed job with one log and one output."""
    job = {"rule_name": "a", "rule_msg": None, "jobid": 1, "aux": {}, "input": []}
    return {**job, "log": [str(folder / "a.log")], "output": [str(folder / "a.tsv")], **more}


def test_of_a_group_only_jobs_without_their_files_are_told(messages, tmp_path):
    first, *_ = messages.told(failed(tmp_path, indent=True))
    assert first == "Error in rule a:"
    (tmp_path / "a.tsv").touch()
    assert list(messages.told(failed(tmp_path, indent=True))) == ["Rule a: its files are there."]
    # A job of its own that failed may have left a file.
    assert next(messages.told(failed(tmp_path))) == "Error in rule a:"


def test_a_long_log_is_told_by_its_end(messages, tmp_path):
    (tmp_path / "a.log").write_text("".join(f"epoch {n}\n" for n in range(50)) + "why\n")
    told = list(messages.told(failed(tmp_path)))
    assert told[1] == "    (21 lines before)"
    assert told[31] == "    why"
    (tmp_path / "a.log").write_text("")
    assert "killed, or not begun" in next(iter(list(messages.told(failed(tmp_path)))[1:]))
