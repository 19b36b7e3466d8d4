"""The report's page: one HTML file that needs nothing else to be read."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import jinja2
import pandas as pd

from livermet.report import words

TEMPLATE = Path(__file__).with_name("template.html")


@dataclass(frozen=True)
class Table:
    """A table as the page shows it: cells are text; `numbers` tells which columns are numbers."""

    key: str
    title: str
    caption: str
    columns: list[str]
    rows: list[list[str]]
    numbers: list[bool]
    download: str


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


def picture(key: str, svg: bytes, words_of_figure: tuple[str, str, str]) -> Picture:
    """Put a figure's SVG into the page, as an image so that its names stay its own.

    `words_of_figure` are title, caption and alternative text.
    """
    source = "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
    return Picture(key, *words_of_figure, source)


def table(
    key: str, title: str, caption: str, shown: pd.DataFrame, whole: pd.DataFrame | None
) -> Table:
    """Lay out a table of the run for readers; `whole` can be downloaded from the page itself."""
    made = plain_table(key, title, caption, shown)
    if whole is None:
        return made
    csv = base64.b64encode(whole.to_csv(index=False).encode()).decode()
    return replace(made, download=f"data:text/csv;base64,{csv}")


def plain_table(key: str, title: str, caption: str, frame: pd.DataFrame) -> Table:
    """Lay out any data frame; nothing to download."""
    columns = list(frame.columns)
    rows = [
        [words.cell(column, value) for column, value in zip(columns, row, strict=True)]
        for row in frame.itertuples(index=False, name=None)
    ]
    numbers = [_is_number_column(index, rows) for index in range(len(columns))]
    return Table(key, title, caption, [words.heading(name) for name in columns], rows, numbers, "")


def _is_number_column(index: int, rows: list[list[str]]) -> bool:
    cells = [row[index] for row in rows if row[index] != words.MISSING]
    return bool(cells) and all(cell[:1].isdigit() or cell[:1] == "-" for cell in cells)


def render(content: Mapping) -> str:
    """Fill the page's template with the content that `livermet.report.content.compose` gives.

    All text is escaped, and the same content gives the same bytes.
    """
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    versions = sorted(content["versions"].items())
    return environment.from_string(TEMPLATE.read_text()).render(**{**content, "versions": versions})
