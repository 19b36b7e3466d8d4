"""The pages beside the report in a real browser: none bars a reader, dark or on a telephone."""

import base64

import imagecodecs
import numpy as np
import pytest
import viewer_phantoms
from unit import audit_phantoms
from unit import report_phantoms as made
from viewer_phantoms import TOLD

from livermet.provenance.audit import audit_run
from livermet.report import checklists, quality
from livermet.report.page import render
from livermet.viewer.page import index_page

# As long as a DICOM UID, and without a place to break at.
LONG = "x" * 64


def quality_page(**others) -> str:
    records = made.ingested() | others
    rows = {series: {"cohort": "mSCLC", "phase": "venous"} for series in records}
    told = {"run": "small", "version": "0.1.0", "phantoms": True, "viewed": ["air_1"]}
    black = imagecodecs.webp_encode(np.zeros((256, 776, 3), np.uint8))
    pictures = dict.fromkeys(records, base64.b64encode(black).decode())
    return render(quality.compose(rows, records, pictures, [], told), "quality.html")


def checklists_page() -> str:
    run = made.run()
    filled = [(one, checklists.answers(one, run)) for one in checklists.read_checklists()]
    return checklists.render(checklists.compose(filled, run))


def index_of_viewer() -> str:
    rows = {name: {"cohort": "mSCLC", "phase": ""} for name in ("b2", "a1")}
    return index_page(rows, viewer_phantoms.measured("a1")["scans"], TOLD)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict:
    """Each page as a file, by name; the audit's is of a run with a file that was changed."""
    folder = tmp_path_factory.mktemp("pages")
    texts = {
        "quality": quality_page(),
        "checklists": checklists_page(),
        "viewer": index_of_viewer(),
        "series": viewer_phantoms.page("a1"),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        audit_phantoms.make_run()
        (audit_phantoms.RUN / audit_phantoms.PREDICTION).write_text("another mask")
        audit_run(audit_phantoms.RUN)
    audit = folder / audit_phantoms.RUN / "provenance" / "audit.html"
    return {name: folder / f"{name}.html" for name in texts} | {"audit": audit}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["quality", "checklists", "viewer", "series", "audit"])
def test_the_page_bars_no_reader(pages, opened, name, width, scheme):
    with opened(pages[name], width=width, color_scheme=scheme) as seen:
        if name == "series":
            seen.page.wait_for_function("document.body.dataset.decoded === 'all'")
            seen.page.click("text=reference 1")
        if name == "audit":
            seen.page.locator("#cells td button").first.click()
        assert seen.barriers() == []
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["quality", "series", "viewer"])
def test_a_long_name_of_a_series_is_shown_whole(tmp_path, opened, name, width):
    scans = viewer_phantoms.measured(LONG)["scans"]
    texts = {
        "quality": quality_page(**{LONG: made.ingested()["air_2"]}),
        "series": viewer_phantoms.page(LONG),
        "viewer": index_page({LONG: {"cohort": "mSCLC", "phase": ""}}, scans, TOLD),
    }
    path = tmp_path / f"{name}.html"
    path.write_text(texts[name], encoding="utf-8")
    with opened(path, width=width, fragment=f"#{LONG}" if name == "quality" else "") as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        shown = seen.page.locator(f"text={LONG}").filter(visible=True)
        # The list and the heading of quality, the others' heading or row.
        assert shown.count() == (2 if name == "quality" else 1)
        for one in shown.all():
            # Its letters, and not the box that may cut them off.
            right = one.evaluate(
                "(e) => { const r = document.createRange(); r.selectNodeContents(e);"
                " return r.getBoundingClientRect().right; }"
            )
            if name != "viewer":
                assert right <= width
            assert one.evaluate("(e) => e.scrollWidth <= e.clientWidth || !e.clientWidth")
