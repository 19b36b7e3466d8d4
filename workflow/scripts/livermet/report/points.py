"""Figures whose points name their series: each tells of it and leads to its page in the viewer.

Where it is drawn (`livermet.report.drawing.name_points`) a point is marked: it is a link to
`#series=<name>`. The page then holds the figure's elements and not an image of it.
"""

import html
import re
from collections.abc import Mapping

import pandas as pd

from livermet.report import words

MARK = "#series="
_MARKED = re.compile(rf'<a xlink:href="{MARK}([^"]*)"[^>]*>')
_NAMED = re.compile(r'(?<= id=")|(?<=xlink:href="#)|(?<=url\(#)')
# What an image needs and an element of a page has already.
_OF_FILES = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>", re.DOTALL)
_STYLE = re.compile(r'<defs>\s*<style type="text/css">\*\{(.*?)\}</style>\s*</defs>', re.DOTALL)


def told_of(facts: pd.DataFrame, name: str) -> dict[str, str]:
    """Say of each series what is known of it: its score with the class, its burden, its sample.

    facts: the table of every series; name: the phenotype's. What is not known is not told.
    """
    told = {
        row.series: [
            "" if pd.isna(row.score) else f"{name} score {words.number(row.score)} ({row.label})",
            "" if pd.isna(row.burden_ml) else f"{words.number(row.burden_ml, 1)} ml",
            "" if pd.isna(row.sample_type) else words.value("sample_type", row.sample_type),
        ]
        for row in facts.itertuples()
    }
    return {series: f"{series}: {', '.join(filter(None, parts))}" for series, parts in told.items()}


def is_marked(svg: bytes) -> bool:
    """Tell whether a figure's points name their series."""
    return f'xlink:href="{MARK}'.encode() in svg


def as_elements(
    svg: bytes, key: str, alternative: str, told: Mapping[str, str], links: Mapping[str, str]
) -> str:
    """Return a marked figure's SVG for a page: each point has a title, and a link if there is one.

    key: begins the figure's ids, so that two figures of a page do not meet. alternative: what the
    figure shows, in words. told, links: by series; a point without words has its series' name.
    """
    text = svg.decode()
    style = _STYLE.search(text)
    # In a page a rule for '*' would hold for everything.
    text = _OF_FILES.sub("", _STYLE.sub("", text))
    text, leading = _point_by_point(text, told, links)
    text = _NAMED.sub(f"{key}-", text)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text).replace("xlink:href=", "href=")
    # The links of an image cannot be reached by those who hear the page.
    role = "group" if leading else "img"
    head = f'<svg role="{role}" aria-label="{html.escape(alternative)}"'
    inherited = f' style="{style[1].strip()}"' if style else ""
    return re.sub(r"<svg", head + inherited, text.strip(), count=1)


def _point_by_point(
    text: str, told: Mapping[str, str], links: Mapping[str, str]
) -> tuple[str, bool]:
    """Write a link or a group in the place of each mark; tell whether there is any link."""
    parts = _MARKED.split(text)
    written, leading = [parts[0]], False
    for marked, rest in zip(parts[1::2], parts[2::2], strict=True):
        series = html.unescape(marked)
        words = html.escape(told.get(series, series))
        point, after = rest.split("</a>", 1)
        if series in links:
            # One stop of the tabulator for a figure's points; arrow keys go from point to point.
            stop = "-1" if leading else "0"
            leading = True
            begin = f'<a class="point" href="{html.escape(links[series])}" tabindex="{stop}"'
            written.append(f'{begin} aria-label="{words}"><title>{words}</title>{point}</a>{after}')
        else:
            written.append(f'<g class="point"><title>{words}</title>{point}</g>{after}')
    return "".join(written), leading
