"""The audit that a real run ends with, what it finds in a copy, and the plan that mends it."""

import json
import subprocess
import sys
from importlib import metadata

from small_study import RUN, Study

TABLE_4 = "tables/table4_classification.csv"


def livermet(study: Study, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "livermet", *arguments],
        cwd=study.workdir,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_ends_with_its_audit(finished):
    manifest = json.loads((finished.results / "provenance" / "manifest.json").read_text())
    assert manifest["findings"] == []
    assert manifest["series"] == sorted(finished.sheet("series")["series"])
    assert manifest["settings"]["seed"] == finished.config["seed"]
    # Every job that ended has said when, and with which versions as they are installed.
    assert all(job["journal"]["seconds"] >= 0 for job in manifest["jobs"].values())
    (environment,) = manifest["environments"].values()
    assert environment["packages"]["numpy"] == metadata.version("numpy")
    written = "".join(
        (finished.results / "provenance" / name).read_text()
        for name in ("manifest.json", "ro-crate-metadata.json", "audit.html", "run.html")
    )
    assert str(finished.inputs) not in written
    assert str(finished.workdir) not in written


def test_edits_by_hand_are_named_and_the_plan_makes_them_again(study):
    mask = sorted(study.results.glob("series/*/reference.nii.gz"))[0]
    content = bytearray(mask.read_bytes())
    content[-1] ^= 1
    mask.write_bytes(content)
    table = study.results / TABLE_4
    lines = table.read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace(lines[1].split(",")[4], "0.99")
    table.write_text("".join(lines))
    audited = livermet(study, "audit", f"results/{RUN}")
    assert audited.returncode == 1
    by_hand = "was changed by hand after its job had written it."
    edited = sorted([str(mask.relative_to(study.results)), TABLE_4])
    assert audited.stdout.splitlines()[:2] == [f"{path} {by_hand}" for path in edited]
    planned = livermet(study, "plan", *study.command()[3:])
    assert planned.returncode == 0, planned.stderr
    why = "files are not as their job left them (1)"
    assert f"    tabulate_classification (1): {why}" in planned.stdout
    assert f"    ingest_reference (1): {why}" in planned.stdout
    # Each rule has been measured by the run itself.
    assert "not measured" not in planned.stdout
    assert "No network would be trained." in planned.stdout
