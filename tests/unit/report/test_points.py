"""Points of a figure name their series, and lead to the viewer where it has a page of them."""

import re
import xml.etree.ElementTree as ElementTree

import pandas as pd
import pytest
from matplotlib.figure import Figure

from livermet.report.drawing import name_points, save
from livermet.report.page import picture, with_points
from livermet.report.points import as_elements, is_marked, told_of

TOLD = {"a&b": "a&b: 1.5 ml"}
LINKS = {"a&b": "viewer/series/a&b.html"}


def drawn(folder, series=()) -> bytes:
    """A figure of 2 x 1 inches with two points, which name their series where any are given."""

    def draw():
        figure = Figure(figsize=(2, 1))
        points = figure.subplots().scatter([1, 2], [1, 2])
        if series:
            name_points(points, series)
        return figure

    save(draw, folder / "figure.png", folder / "figure.svg")
    return (folder / "figure.svg").read_bytes()


@pytest.fixture(scope="module")
def svg(tmp_path_factory) -> bytes:
    return drawn(tmp_path_factory.mktemp("figure"), ["a&b", "c"])


@pytest.fixture(scope="module")
def elements(svg) -> str:
    return as_elements(svg, "figure3", 'Burden "against" score', TOLD, LINKS)


def test_a_point_leads_to_its_page_and_tells_of_its_series(elements):
    tree = ElementTree.fromstring(elements)
    (link,) = tree.iter("a")
    assert link.attrib["href"] == "viewer/series/a&b.html"
    assert link.attrib["aria-label"] == link.find("title").text == "a&b: 1.5 ml"
    # Without a page in the viewer and without words a point has its name.
    assert [one.text for one in tree.iter("title")] == ["a&b: 1.5 ml", "c"]


def test_the_figure_keeps_to_itself_on_a_page(elements):
    tree = ElementTree.fromstring(elements)
    assert tree.attrib["aria-label"] == 'Burden "against" score'
    names = {one.attrib["id"] for one in tree.iter() if "id" in one.attrib}
    assert len(names) > 5
    assert all(name.startswith("figure3-") for name in names)
    # What it uses is its own and there.
    used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', elements)
    assert used
    assert {one or other for one, other in used} <= names
    assert "<style" not in elements
    assert "http" not in elements
    assert "stroke-linejoin: round" in tree.attrib["style"]


def test_an_image_of_points_without_pages_is_one_image(svg):
    tree = ElementTree.fromstring(as_elements(svg, "figure3", "", TOLD, {}))
    assert tree.attrib["role"] == "img"
    assert not list(tree.iter("a"))
    assert [one.text for one in tree.iter("title")] == ["a&b: 1.5 ml", "c"]


def test_only_a_figure_with_named_points_becomes_elements(svg, tmp_path):
    plain = drawn(tmp_path)
    assert is_marked(svg)
    assert not is_marked(plain)
    image = picture("figure3", "", "", "", plain)
    assert with_points(image, plain, TOLD, ["c"]) == image
    # 2 x 1 inches of 96 pixels.
    assert (image.width, image.height) == (192, 96)
    assert 'href="viewer/series/c.html"' in with_points(image, svg, TOLD, ["c"]).drawing


def test_what_is_not_known_of_a_series_is_not_told():
    facts = pd.DataFrame(
        {
            "series": ["a", "b"],
            "score": [-0.126, None],
            "label": ["negative", None],
            "burden_ml": [12.34, 0.0],
            "sample_type": ["cfdna", None],
        }
    )
    assert told_of(facts, "NE") == {
        "a": "a: NE score -0.13 (negative), 12.3 ml, cfDNA",
        "b": "b: 0.0 ml",
    }
