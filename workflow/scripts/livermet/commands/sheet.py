"""`livermet sheet`: make a draft of the sheet of series from an archive of DICOM files."""

from pathlib import Path

import click

from livermet.options import accept, processes, pseudonyms, secret


@click.command(short_help="Make a draft of the sheet of series from an archive.")
@click.argument("archive", type=click.Path(path_type=Path))
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder that series.tsv and archive.tsv are written to, such as config/study.",
)
@click.option(
    "--cohort", required=True, help="What the column cohort says: a cohort of the study's config."
)
@secret(
    required=True,
    help="The file of the secret that pseudonyms come from; outside of any repository.",
)
@click.option("--make-secret", is_flag=True, help="Make the file of the secret if there is none.")
@pseudonyms(
    help="A table of given pseudonyms, with the columns patient and pseudonym.",
)
@click.option(
    "--data-root",
    default=Path("data"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="data_root of the study's config; series are laid out below it, in archive/.",
)
@accept(
    help="Take such series all the same; may be given several times.",
)
@click.option(
    "--index",
    type=click.Path(path_type=Path),
    help="The file that keeps what was read.  [default: archive/index.sqlite below --data-root]",
)
@processes(
    help="Processes that read; more than cores where the archive lies on a slow drive.",
)
@click.option(
    "--check",
    type=click.Path(path_type=Path),
    help="Write no table, and hold this sheet of series against the headers.",
)
@click.option("--replace", is_flag=True, help="Write over the tables that are there.")
def command(**options) -> None:
    """Make a draft of the sheet of series from ARCHIVE, a folder of DICOM files, or a zip or tar.

    Headers are read, and no pixels. Patients get pseudonyms, and their dates move back by a number
    of days of their own. Run it again, and only new files are read.
    """
    from livermet.archive.making import Wish, make_sheet
    from livermet.archive.progress import Counter
    from livermet.errors import InputError
    from livermet.untold import untold

    wish = Wish(**options)
    with untold(wish.data_root):
        try:
            told = make_sheet(wish, Counter(), lambda words: click.echo(words, err=True))
        except KeyboardInterrupt:
            raise InputError(
                "Stopped. What was read is kept: the same command goes on from there."
            ) from None
    click.echo(told)
