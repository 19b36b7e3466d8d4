"""`livermet view`: open what a run has to be looked at."""

from pathlib import Path

import click


@click.command(short_help="Open the pages on which a run's series are scrolled through.")
@click.argument("run_folder", type=click.Path(path_type=Path))
@click.argument("series", required=False)
@click.option(
    "--open/--no-open", "opened", default=True, help="Open it in the browser, or only say."
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Serve the run's pages to this machine alone at this port, for a tunnel to a cluster.",
)
def command(run_folder: Path, series: str | None, opened: bool, port: int | None) -> None:
    """Open the viewer of RUN_FOLDER, results/ and a run's name, or its page of one SERIES.

    The pages are files that need no server: copied with the folder viewer/ they open anywhere.
    """
    from livermet.viewer.opening import address_of, page_of, serve

    page = page_of(run_folder, series)
    if port is None:
        click.echo(f"The viewer: {page}")
        if opened:
            click.launch(page.resolve().as_uri())
        return
    click.echo(f"The viewer: {address_of(page, run_folder, port)} (end it with Ctrl-C)")
    serve(run_folder, port)
