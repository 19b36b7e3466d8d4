"""`livermet audit`: what of a run is missing, stale or edited, and where numbers come from."""

from pathlib import Path

import click


@click.command(short_help="Find what of a run is missing, stale or changed by hand.")
@click.argument("run_folder", type=click.Path(path_type=Path))
@click.pass_context
def command(context: click.Context, run_folder: Path) -> None:
    """Examine RUN_FOLDER, results/ and a run's name; nothing is made again.

    Writes manifest.json, ro-crate-metadata.json and audit.html into its folder provenance/. Ends
    with status 1 where a file is missing, stale or not as its job left it.
    """
    from livermet.provenance.audit import audit_run, has_faults, in_words

    found = audit_run(run_folder)
    for sentence in in_words(found):
        click.echo(sentence)
    click.echo(f"The audit: {run_folder / 'provenance' / 'audit.html'}")
    if has_faults(found):
        context.exit(1)
