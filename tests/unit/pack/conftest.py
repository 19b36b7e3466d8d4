"""A finished run that is packed; it is copied, and never changed."""

import pytest

from .. import pack_phantoms


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    return pack_phantoms.make_run(tmp_path_factory.mktemp("run"))
