"""A small study and its finished run, made once; each test changes a copy."""

import pytest
from small_study import Study, make_study
from study_runs import StudyRun

from .changes import INPUTS, SEQUENCE


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Study:
    """Return a study as it was first, with its results; it is copied, and never changed."""
    study = make_study(tmp_path_factory.mktemp("finished"))
    study.run()
    return study


@pytest.fixture
def study(finished, tmp_path) -> Study:
    """Return a copy of the finished study."""
    return finished.copy(tmp_path)


@pytest.fixture(scope="session")
def fresh(finished, tmp_path_factory, slurm_if_any) -> Study:
    """Return the study after all changes of the sequence, its results made from nothing.

    SLURM makes them where it is at hand, so that its results are compared with those made without.
    """
    study = finished.copy(tmp_path_factory.mktemp("fresh"), with_results=False)
    for name in (name for step in SEQUENCE for name in step if name in INPUTS):
        INPUTS[name](study)
    if slurm_if_any:
        StudyRun(study).run()
    else:
        study.run()
    return study
