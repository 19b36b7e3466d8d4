"""`livermet pack`: a trained model as a folder that predicts elsewhere."""

from pathlib import Path

import click


@click.command(short_help="Pack a trained model into a folder that predicts elsewhere.")
@click.argument("run_folder", type=click.Path(path_type=Path))
@click.option(
    "--model",
    required=True,
    help="A network of the run, such as nnunet_finetuned; 'reference' or 'table' where masks or "
    "features were given to the run.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The folder, which is yet to be."
)
@click.option("--classifier", help="Another classifier than the one that cross-validation chose.")
@click.option("--without-phenotype", is_flag=True, help="Pack the networks alone.")
def command(
    run_folder: Path, model: str, out: Path, classifier: str | None, without_phenotype: bool
) -> None:
    """Pack a model of RUN_FOLDER, results/ and a run's name, with its classifier.

    The folder names no patient, no series and no path, and holds no executable pickle.
    """
    from livermet.pack.making import pack_run

    click.echo(pack_run(run_folder, model, out, not without_phenotype, classifier))
