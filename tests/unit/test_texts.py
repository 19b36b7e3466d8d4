"""Pages rerun with their words and styles: what a template includes is among its rule's texts."""

import pytest
from jinja2 import meta

from livermet.patients import rendering, texts
from livermet.report import exhibits
from livermet.report import page as report
from livermet.viewer import page as viewer
from livermet.viewer import texts as of_views


@pytest.mark.parametrize(
    ("environment", "listed"),
    [
        (rendering.TEMPLATES, texts.texts()),
        (viewer.TEMPLATES, of_views.texts()),
        (report.TEMPLATES, exhibits.texts()),
    ],
    ids=["new patients", "viewer", "report"],
)
def test_a_rule_knows_every_file_that_its_pages_include(environment, listed):
    loader = environment.loader
    # The first folder is the pages' own; the others are for all.
    own = {path.name for path in listed if str(path.parent) == loader.searchpath[0]}
    waiting, included = list(own), set()
    while waiting:
        name = waiting.pop()
        included.add(name)
        source, *_ = loader.get_source(environment, name)
        found = set(meta.find_referenced_templates(environment.parse(source)))
        waiting += found - included
    assert {"base.html", "dark.css", "style.css", "theme.js"} <= included
    assert included <= {path.name for path in listed}
