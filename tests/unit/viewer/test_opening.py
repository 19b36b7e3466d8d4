"""`livermet view`: it says where the pages lie, serves them, and says what is missing."""

import threading
import time
import urllib.request

import pytest
from click.testing import CliRunner

from livermet.cli import main
from livermet.errors import InputError
from livermet.viewer.opening import address_of, page_of, serve


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "results" / "small"
    (folder / "viewer" / "series").mkdir(parents=True)
    (folder / "viewer" / "index.html").write_text("index")
    (folder / "viewer" / "series" / "lits_001.html").write_text("page")
    return folder


def view(*arguments):
    return CliRunner().invoke(main, ["view", *map(str, arguments)])


def test_it_says_where_the_pages_lie(run):
    assert view(run, "--no-open").output == f"The viewer: {run / 'viewer' / 'index.html'}\n"
    told = view(run, "lits_001", "--no-open")
    assert told.output == f"The viewer: {run / 'viewer' / 'series' / 'lits_001.html'}\n"


def test_what_is_not_there_is_named_with_what_to_do(run, tmp_path):
    told = view(tmp_path, "--no-open")
    assert told.exit_code == 1
    assert f"{tmp_path} has no viewer (viewer/index.html)." in told.output
    told = view(run, "lits_01", "--no-open")
    assert told.exit_code == 1
    assert "no page of the series 'lits_01'; did you mean 'lits_001'?" in told.output


def test_it_serves_this_machine_alone(run):
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    threading.Thread(target=serve, args=(run, port), daemon=True).start()
    address = address_of(page_of(run, "lits_001"), run, port)
    assert address == f"http://127.0.0.1:{port}/viewer/series/lits_001.html"
    for _ in range(50):
        try:
            assert urllib.request.urlopen(address, timeout=5).read() == b"page"
            break
        except ConnectionError:
            time.sleep(0.1)
        except urllib.error.URLError:
            time.sleep(0.1)
    else:
        pytest.fail("nothing answers")
    with pytest.raises(InputError, match=f"Port {port} cannot be served"):
        serve(run, port)
