"""After any changes one run is enough: its results are those of a run from nothing."""

from .changes import CHANGES, HARMLESS, SEQUENCE
from .comparison import differences, tables_with


def test_a_sequence_of_changes_ends_as_a_run_from_nothing(study, fresh):
    for step in SEQUENCE:
        for name in step:
            CHANGES[name](study)
        study.run()
        assert study.is_done(), step
    assert differences(study, fresh) == []
    assert len(study.withdrawn()) == 1
    assert tables_with(study, study.withdrawn()) == []


def test_what_leaves_every_content_as_it_was_makes_nothing_again(study):
    for name in HARMLESS:
        CHANGES[name](study)
        assert study.is_done(), name


def test_a_clock_that_was_ahead_stops_no_job(study):
    CHANGES["times_to_come"](study)
    (study.results / "quality.html").unlink()
    study.run()
    assert study.is_done()


def test_a_study_elsewhere_has_the_same_results(finished, study):
    """The results that come with a copy are known by what they hold."""
    assert study.is_done()
    assert differences(study, finished) == []
