"""`livermet validate`: a packed classifier on the feature table of another cohort."""

from pathlib import Path

import click


@click.command(short_help="Validate a packed classifier on the features of another cohort.")
@click.argument("features", type=click.Path(path_type=Path))
@click.option(
    "--model",
    required=True,
    type=click.Path(path_type=Path),
    help="A folder that `livermet pack` has written.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the scores as a table (.tsv).")
def command(features: Path, model: Path, out: Path | None) -> None:
    """Score FEATURES, a table with the columns of radiomics/<mask>/features.csv and scores.

    The classifier is not changed: not its features, not its threshold, not its calibration.
    """
    from livermet.errors import InputError
    from livermet.pack.folder import open_pack
    from livermet.pack.validation import validate, write
    from livermet.report.validated import told

    packed = open_pack(model)
    if packed.phenotype is None:
        raise InputError(f"{model} has no classifier: {packed.phenotype_lacks}")
    found = validate(features, packed.phenotype, packed.settings["phenotype"]["assumed_auc"])
    for line in told(found):
        click.echo(line)
    if out:
        write(found, out)
        click.echo(f"The table: {out}")
