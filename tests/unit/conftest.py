"""What unit tests share."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _no_remembered_selection():
    """Let each test compute what it selects: a remembered selection would hide what changes it."""
    corrected = sys.modules.get("livermet.phenotype.corrected")
    if corrected:
        corrected._SELECTED.clear()
