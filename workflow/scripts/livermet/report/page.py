"""The report's page: one HTML file that needs nothing else to be read."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import jinja2
import pandas as pd

from livermet.report import words

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


@dataclass(frozen=True)
class Table:
    """A table as the page shows it: cells are text; `numbers` tells which columns are numbers.

    `links` lead from the names of series to their pages in the viewer.
    """

    key: str
    title: str
    caption: str
    columns: list[str]
    rows: list[list[str]]
    numbers: list[bool]
    download: str
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it: `source` is a data URI."""

    key: str
    title: str
    caption: str
    alternative: str
    source: str


@dataclass(frozen=True)
class Section:
    """A part of the page with its sentences, and its tables and figures in order."""

    key: str
    title: str
    sentences: list[str] = field(default_factory=list)
    items: list[Table | Picture] = field(default_factory=list)


def picture(key: str, title: str, caption: str, alternative: str, svg: bytes) -> Picture:
    """Put a figure's SVG into the page, as an image so that its names stay its own."""
    source = "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
    return Picture(key, title, caption, alternative, source)


def download(table: pd.DataFrame) -> str:
    """Return a link to a whole table as CSV, which the page itself holds."""
    csv = base64.b64encode(table.to_csv(index=False).encode()).decode()
    return f"data:text/csv;base64,{csv}"


def plain_table(
    key: str, title: str, caption: str, frame: pd.DataFrame, download: str = ""
) -> Table:
    """Lay out a data frame for readers; `download` is a link to the whole of it, if any."""
    columns = list(frame.columns)
    rows = [
        [words.cell(column, value) for column, value in zip(columns, row, strict=True)]
        for row in frame.itertuples(index=False, name=None)
    ]
    numbers = [_is_number_column(index, rows) for index in range(len(columns))]
    names = [words.heading(name) for name in columns]
    return Table(key, title, caption, names, rows, numbers, download)


def with_views(table: Table, series: Iterable[str]) -> Table:
    """Let a table's names of series lead to their pages in the viewer, where they have one."""
    if words.heading("series") not in table.columns:
        return table
    return replace(table, links={name: f"viewer/series/{name}.html" for name in series})


def _is_number_column(index: int, rows: list[list[str]]) -> bool:
    cells = [row[index] for row in rows if row[index] != words.MISSING]
    return bool(cells) and all(cell[:1].isdigit() or cell[:1] == "-" for cell in cells)


def render(content: Mapping, template: str = "report.html") -> str:
    """Fill a page's template in with the content that `livermet.report.content.compose` gives.

    All text is escaped, and the same content gives the same bytes.
    """
    return TEMPLATES.get_template(template).render(**content)
