"""What a person reads of a job that failed: the reason first, and no exception of Snakemake's."""

import subprocess

import SimpleITK as sitk

from .changes import REDRAWN


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


def test_a_reason_names_few_files(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "workflow")
    from messages import in_short

    said = "Missing output files: d, a, c, b, e; Input files updated by another job: y, x"
    assert in_short(said) == (
        "Missing output files: a, b, c and 2 more; Input files updated by another job: y, x"
    )
    # A sentence of a record has commas too.
    assert in_short("settings.epochs was 4, is 5: b, c, d, e f") == (
        "settings.epochs was 4, is 5: b, c, d, e f"
    )
