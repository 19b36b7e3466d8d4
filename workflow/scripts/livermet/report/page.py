"""The report's page: one HTML file that needs nothing else to be read."""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import jinja2
import pandas as pd

from livermet.report import words
from livermet.report.library import zipped_library
from livermet.report.points import as_elements, is_marked

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
TEMPLATES.globals["zipped_library"] = zipped_library
# Columns by whose values a table's rows are chosen; the first ones for all tables at once too.
CHOICES = {
    "model": "model",
    "cohort": "cohort",
    "protocol": "protocol",
    "test_set": "set",
    "set": "set",
    "metric": "metric",
    "place": "place",
    "comparison": "comparison",
    "aggregation": "aggregation",
}
# A column that holds the numbers by one rule of matching.
RULE = "rule"
# Tables and figures that the article numbers too.
OF_ARTICLE = re.compile(r"(table|figure)\d")
PIXELS_A_POINT = 96 / 72
_SIZE = re.compile(rb'<svg[^>]*? width="([\d.]+)pt" height="([\d.]+)pt"')


@dataclass(frozen=True)
class Table:
    """A table as the page shows it: cells are text; `numbers` tells which columns are numbers.

    choices: per column what its values choose rows by (`CHOICES`), `RULE` for the numbers of a rule
    of matching, '' for any other. links: from the names of series to their pages in the viewer.
    folded: whether its title alone is shown until a reader asks for more.
    """

    key: str
    title: str
    caption: str
    columns: list[str]
    rows: list[list[str]]
    numbers: list[bool]
    choices: list[str]
    download: str
    links: Mapping[str, str] = field(default_factory=dict)
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it: `source` is a data URI.

    drawing: its elements, where its points name their series. width, height: in pixels, 0 where the
    figure does not say.
    """

    key: str
    title: str
    caption: str
    alternative: str
    source: str
    drawing: str = ""
    width: int = 0
    height: int = 0
    folded: bool = False


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
    found = _SIZE.search(svg)
    points = map(float, found.groups()) if found else (0.0, 0.0)
    width, height = (round(side * PIXELS_A_POINT) for side in points)
    return Picture(key, title, caption, alternative, source, width=width, height=height)


def with_points(
    figure: Picture, svg: bytes, told: Mapping[str, str], viewed: Iterable[str]
) -> Picture:
    """Let the points of a figure tell of their series and lead to their pages in the viewer.

    told: words by series. A figure whose points name no series stays an image.
    """
    if not is_marked(svg):
        return figure
    drawing = as_elements(svg, figure.key, figure.alternative, told, _views(viewed))
    return replace(figure, drawing=drawing, source="")


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
    choices = [_choice(name) for name in columns]
    return Table(key, title, caption, names, rows, numbers, choices, download)


def with_views(table: Table, series: Iterable[str]) -> Table:
    """Let a table's names of series lead to their pages in the viewer, where they have one."""
    if words.heading("series") not in table.columns:
        return table
    return replace(table, links=_views(series))


def fold(items: Iterable[Table | Picture]) -> list[Table | Picture]:
    """Fold a section's tables but for those of the article and what the section begins with."""
    return [
        replace(item, folded=n > 0 and isinstance(item, Table) and not OF_ARTICLE.match(item.key))
        for n, item in enumerate(items)
    ]


def _views(series: Iterable[str]) -> dict[str, str]:
    return {name: f"viewer/series/{name}.html" for name in series}


def _choice(column: str) -> str:
    return RULE if words.is_rule(column) else CHOICES.get(column, "")


def _is_number_column(index: int, rows: list[list[str]]) -> bool:
    cells = [row[index] for row in rows if row[index] != words.MISSING]
    return bool(cells) and all(cell[:1].isdigit() or cell[:1] == "-" for cell in cells)


def render(content: Mapping, template: str = "report.html") -> str:
    """Fill a page's template in with the content that `livermet.report.content.compose` gives.

    All text is escaped, and the same content gives the same bytes.
    """
    return TEMPLATES.get_template(template).render(**content)
