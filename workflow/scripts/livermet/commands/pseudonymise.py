"""`livermet pseudonymise`: another table of a study under the pseudonyms of its sheet."""

from pathlib import Path

import click

from livermet.options import pseudonyms, secret


def _renamed(pairs: tuple[str, ...]) -> dict[str, str]:
    """Take COLUMN or COLUMN=NAME apart."""
    return {column: name or column for column, _, name in (one.partition("=") for one in pairs)}


@click.command(short_help="Write a table under pseudonyms, its dates moved.")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--to", required=True, type=click.Path(path_type=Path), help="The file to write.")
@click.option("--patient", required=True, help="The column that holds the patients' identities.")
@click.option(
    "--date",
    "dates",
    multiple=True,
    metavar="COLUMN[=NAME]",
    help="A column of dates, and what it is called then; may be given several times.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="COLUMN[=NAME]",
    help="A column that goes on as it is; any other is left out.",
)
@secret(
    required=True,
    help="The file of the secret that the sheet was made with.",
)
@pseudonyms(
    help="A table of given pseudonyms, with the columns patient and pseudonym.",
)
@click.option(
    "--series",
    type=click.Path(path_type=Path),
    help="The sheet of series, to see which patients have one.",
)
@click.option("--replace", is_flag=True, help="Write over the file that is there.")
def command(
    table: Path,
    to: Path,
    patient: str,
    dates: tuple[str, ...],
    keep: tuple[str, ...],
    secret: Path,
    pseudonyms: Path | None,
    series: Path | None,
    replace: bool,
) -> None:
    """Write TABLE, such as the molecular one, under the pseudonyms of `livermet sheet`.

    The patient's column becomes 'patient'; each patient's dates move by the same days as in the
    sheet of series, so that intervals hold. Columns that no option names are left out.
    """
    from livermet.archive.making import pseudonymise_file
    from livermet.untold import untold

    with untold(to.parent):
        told = pseudonymise_file(
            table, to, patient, _renamed(dates), _renamed(keep), secret, pseudonyms, series, replace
        )
    click.echo(told)
