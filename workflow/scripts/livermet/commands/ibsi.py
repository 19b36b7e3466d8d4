"""`livermet ibsi`: compute IBSI's phantoms and write their tables into the page of methods."""

from pathlib import Path

import click


@click.command(short_help="Write the tables of IBSI's phantoms into the methods page.")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder of IBSI's phantoms and reference values.",
)
@click.option(
    "--page",
    default=Path("docs/explanations/methods/ibsi.md"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="The page whose tables are written.",
)
def command(data: Path, page: Path) -> None:
    """Compute IBSI's phantoms and write their tables, beside its consensus values, into a page."""
    from livermet.radiomics.ibsi.page import write_page

    write_page(page, data)
