"""Where a run's viewer lies, and a server of this machine for those who reach it by a tunnel."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from livermet.errors import InputError
from livermet.spreadsheets import did_you_mean

HOST = "127.0.0.1"


def page_of(run_folder: Path, series: str | None = None) -> Path:
    """Return the index of a run's viewer, or the page of a series.

    Raises InputError where it is not there, with what makes it.
    """
    index = run_folder / "viewer" / "index.html"
    if not index.is_file():
        raise InputError(
            f"{run_folder} has no viewer (viewer/index.html). Name the folder of a run, as in "
            "'livermet view results/demo'; with viewer.series other than 'none' in its config, "
            "snakemake makes the pages."
        )
    if series is None:
        return index
    page = index.parent / "series" / f"{series}.html"
    if not page.is_file():
        there = [path.stem for path in page.parent.glob("*.html")]
        raise InputError(
            f"The viewer of {run_folder} has no page of the series '{series}'"
            f"{did_you_mean(series, there) or '; its index.html lists those that it has.'}"
        )
    return page


def address_of(page: Path, run_folder: Path, port: int) -> str:
    """Return the address of a page of a run's folder that `serve` answers to."""
    return f"http://{HOST}:{port}/{quote(page.relative_to(run_folder).as_posix())}"


def serve(run_folder: Path, port: int) -> None:
    """Serve a run's folder to this machine alone, until it is interrupted.

    Raises InputError where another program has the port.
    """
    handler = partial(SimpleHTTPRequestHandler, directory=str(run_folder))
    try:
        server = ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise InputError(
            f"Port {port} cannot be served ({error.strerror}); choose another with --port."
        ) from error
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
