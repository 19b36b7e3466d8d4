"""What a plan takes: nothing where all is there, and little where one series is added."""

from functools import partial
from random import Random

from finished import add_series, finish, planned_jobs
from snakemake.dag import DAG
from study import make_study


def test_one_more_series_of_a_finished_study_plans_few_jobs_of_its_own(tmp_path):
    # 12 LiTS series and 40 of 20 mSCLC patients, in batches of at most six.
    study = make_study(tmp_path)
    study.assign()
    finish(study)
    plan = study.plan()
    assert planned_jobs(plan.stdout) == []
    assert "Nothing to be done" in plan.stdout + plan.stderr

    batch = add_series(study, "added")
    jobs = planned_jobs(study.plan().stdout)
    own = [rule for rule, log in jobs if batch in f"{rule} {log}" or "added" in log]
    assert "ingest_series" in own
    assert 0 < len(own) < 20
    # Neither is another series read again, nor a network trained or another batch predicted.
    others = {rule for rule, log in jobs} - set(own)
    assert not {rule for rule in others if rule.startswith(("ingest", "train", "predict"))}
    assert "measure_detection" not in others


def test_a_search_over_what_follows_finds_the_same_jobs_when_it_visits_each_once(root, monkeypatch):
    """Against Snakemake's own search, which begins anew with each job; on graphs without cycles."""
    monkeypatch.syspath_prepend(root / "workflow")
    from reruns import _each_job_once

    for seed in range(20):
        random = Random(seed)
        follows = {
            job: {later: set() for later in range(job + 1, 40) if random.random() < 0.05}
            for job in range(40)
        }
        bfs = partial(DAG.bfs, None)
        once = _each_job_once(bfs)
        starts = random.sample(range(40), 8)
        found = [set(once(follows, job)) for job in starts]
        expected = [set(bfs(follows, job)) for job in starts]
        for number in range(1, len(starts) + 1):
            assert set.union(*found[:number]) == set.union(*expected[:number])
        assert sum(map(len, found)) == len(set.union(*expected))
