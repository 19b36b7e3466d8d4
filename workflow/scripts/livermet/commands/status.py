"""`livermet status`: how far a run is, seen from another terminal."""

from pathlib import Path

import click


@click.command(short_help="Tell how far a run is: its jobs by stage, and its trainings.")
@click.option(
    "--configfile",
    required=True,
    type=click.Path(path_type=Path),
    help="The study's config file, laid over config/config.yaml.",
)
def command(configfile: Path) -> None:
    """Tell by stage which jobs are done, running or failed, and how far each training is.

    It reads what the jobs have written, and SLURM's queue where there is one; nothing is planned,
    so that jobs that have not begun are told of only where SLURM holds them. Run it in the folder
    that snakemake runs in.
    """
    from livermet.config.loading import study_config
    from livermet.provenance.journal import PROJECT
    from livermet.status import told

    for line in told(Path("results", study_config(configfile)["run"]), PROJECT):
        click.echo(line)
