"""`livermet assign`: add the sheets' new patients and series to the study's ledger."""

from pathlib import Path

import click


@click.command(short_help="Add the sheets' new patients and series to the ledger.")
@click.option(
    "--configfile",
    required=True,
    type=click.Path(path_type=Path),
    help="The study's config file, laid over config/config.yaml.",
)
def command(configfile: Path) -> None:
    """Add the sheets' new patients and series to the study's ledger; no line is moved.

    Run it in the folder that snakemake runs in: the paths of the config begin there.
    """
    from livermet.config.loading import study_config
    from livermet.ledger.assign import assign_study

    click.echo(assign_study(study_config(configfile)))
