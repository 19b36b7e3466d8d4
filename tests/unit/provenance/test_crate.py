"""The crate is what the Workflow Run profiles ask for, by their validator and by runcrate.

Both run in an environment of their own (tests/peers/rocrate.lock), once for all tests.
"""

import json
import os
import subprocess

import pytest

from livermet.provenance.audit import audit_run
from livermet.provenance.findings import CRATE

from .. import audit_phantoms as made
from ..audit_phantoms import PREDICTION, RUN, TABLE_4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with an audited run, in which a prediction has been removed."""
    folder, before = tmp_path_factory.mktemp("crate"), os.getcwd()
    os.chdir(folder)
    made.make_run()
    (RUN / PREDICTION).unlink()
    audit_run(RUN)
    os.chdir(before)
    return folder


@pytest.fixture(scope="module")
def graph(folder):
    entities = json.loads((folder / RUN / CRATE).read_text())["@graph"]
    by_id = {one["@id"]: one for one in entities}
    assert len(by_id) == len(entities)
    return by_id


@pytest.fixture(scope="module")
def judged(folder, root):
    """Return what the validator and runcrate say of the crate."""
    python = root / ".venv" / "rocrate" / "bin" / "python"
    assert python.exists(), "the validator's environment is missing: type `make peers`"
    script = root / "tests" / "peers" / "validate_crate.py"
    done = subprocess.run(
        [python, script, (folder / RUN / CRATE).parent, folder / "cache"],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_the_crate_meets_the_profile_provenance_run(judged):
    assert judged["issues"] == []
    # Without RO-Crate's context at hand the validator would skip nearly all of its checks.
    assert judged["checks"] > 80
    assert judged["skipped"] == 0


def test_runcrate_lists_every_job(judged, folder):
    jobs = [path for path in (folder / RUN / "records").rglob("*.json")]
    assert judged["actions"].count("action: #job/") == len(jobs)
    assert judged["actions"].count("action: #run\n") == 1


def test_a_table_leads_to_what_its_job_read(graph):
    job = graph["#job/tabulate_classification"]
    assert job["result"] == {"@id": f"../{TABLE_4}"} or job["result"] == [{"@id": f"../{TABLE_4}"}]
    read = [one["@id"] for one in job["object"]]
    assert read == [
        f"../phenotype/unet/published/{one}/predictions.tsv" for one in made.CLASSIFIERS
    ]
    assert job["startTime"] <= job["endTime"]


def test_files_have_their_recorded_checksums_and_missing_ones_are_left_out(graph, folder):
    manifest = json.loads((folder / RUN / "provenance" / "manifest.json").read_text())
    assert graph[f"../{TABLE_4}"]["sha256"] == manifest["files"][TABLE_4]["sha256"]
    assert f"../{PREDICTION}" not in graph
    assert PREDICTION in manifest["files"]
