"""The run from nothing that the others are compared with, made by SLURM where it is at hand.

It is the smallest cohort from its scans to the report. That its results are those of undisturbed
and of killed runs on this machine, file by file, the tests beside this one show.
"""

import json

from study_runs import StudyRun, has_gpu, job


def test_every_rule_of_the_smallest_cohort_ran_in_slurm(fresh, slurm, root):
    run = StudyRun(fresh)
    jobs, steps, with_gpu = run.planned()
    numbers = run.submitted()
    assert (len(numbers), with_gpu) == (jobs, 0)
    about = {number: job(number) for number in numbers}
    assert {one["JobState"] for one in about.values()} == {"COMPLETED"}
    assert {one["Partition"] for one in about.values()} == {"cpu"}
    assert not [number for number in numbers if has_gpu(about[number])]
    # Every step has written a journal when it ended; each rule stands in the log of a SLURM job.
    manifest = json.loads((fresh.results / "provenance" / "manifest.json").read_text())
    assert manifest["findings"] == []
    assert len(manifest["jobs"]) == steps
    ran = set().union(*map(run.rules, numbers))
    assert ran == {one["journal"]["rule"] for one in manifest["jobs"].values()}
    assert {"ingest_series", "match_cohort", "extract_radiomics", "write_report"} <= ran
    said = (root / "docs" / "how-to" / "cluster.md").read_text()
    assert f"{steps} steps in {jobs} SLURM jobs, none with a GPU" in said
