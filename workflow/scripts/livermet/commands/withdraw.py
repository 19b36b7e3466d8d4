"""`livermet withdraw`: take series or patients out of a study, and their files out of its run."""

from pathlib import Path

import click


@click.command(short_help="Take series or patients, and all their files, out of a study.")
@click.option(
    "--configfile",
    required=True,
    type=click.Path(path_type=Path),
    help="The study's config file, laid over config/config.yaml.",
)
@click.option("--series", multiple=True, help="A series; may be given several times.")
@click.option(
    "--patient",
    "patients",
    multiple=True,
    help="A patient, with all series and samples; may be given several times.",
)
@click.option("--left", is_flag=True, help="All series whose rows have left the sheet already.")
@click.option("--plan", is_flag=True, help="Say what would be removed, and remove nothing.")
def command(
    configfile: Path, series: tuple[str, ...], patients: tuple[str, ...], left: bool, plan: bool
) -> None:
    """Take rows out of the sheets and the files of their series out of results/ and the run's name.

    The ledger keeps their places, and raw data stay where they are. Run it in the folder that
    snakemake runs in, and run snakemake then: tables and pages are made again without them.
    """
    from livermet.config.loading import study_config
    from livermet.errors import InputError
    from livermet.withdrawal import withdraw

    if not (series or patients or left):
        raise InputError("Name who leaves: --series, --patient, or --left.")
    click.echo(withdraw(study_config(configfile), series, patients, left, plan))
