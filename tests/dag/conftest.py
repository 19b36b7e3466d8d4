"""Studies of empty files, shared by the tests that plan them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from study import Study, make_study


@pytest.fixture
def study(tmp_path) -> Study:
    """Return a study whose ledger is assigned."""
    made = make_study(tmp_path)
    made.assign()
    return made
