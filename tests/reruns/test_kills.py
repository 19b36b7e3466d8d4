"""A run that is killed leaves nothing behind that the next run would take for a result."""

import random
import time

import pytest
from killing import killed, stamps, wait_for_end
from small_study import Study

from .changes import INPUTS, SEED, SEQUENCE
from .comparison import differences

# Rules in whose first job a run is killed, whether all of its processes are, and after how many
# seconds at most. Python takes most of them to start a job's script, and a small job's work the
# rest; the last job of a run takes one alone where nothing else is at work.
KILLS = [
    ("ingest_series", False, 3.0),
    ("extract_radiomics", True, 3.0),
    ("select_features", False, 3.0),
    ("write_report", True, 0.6),
]


@pytest.fixture
def changed(study) -> Study:
    """Return a finished study whose inputs have changed since."""
    for name in (name for step in SEQUENCE for name in step if name in INPUTS):
        INPUTS[name](study)
    return study


def test_a_run_killed_again_and_again_ends_as_if_it_were_not(changed, fresh):
    draw = random.Random(SEED)
    for rule, with_jobs, longest in KILLS:
        wait = draw.uniform(0, longest)
        jobs = killed(changed.command(), changed.workdir, rule, with_jobs, wait)
        time.sleep(2)
        left = stamps(changed.results)
        wait_for_end(jobs)
        changed.snakemake("--unlock")
        assert stamps(changed.results) == left
    changed.run()
    assert changed.is_done()
    # Files that begin with a dot are among those that are compared.
    assert differences(changed, fresh) == []


def test_what_killed_writers_left_is_removed_with_the_next_run(study):
    """A glob of the series' files, a user's or ours, finds whole files alone."""
    ct = study.results / "series" / "msclc_008_20181008_thin" / "ct.nii.gz"
    left = ct.with_name(f".4194305.{ct.name}")
    left.write_bytes(ct.read_bytes()[:100])
    ct.unlink()
    study.snakemake("--until", "ingest_series")
    assert ct.exists()
    assert not left.exists()
