"""The page of quality: who comes first, what is told, and that it opens by itself."""

import re

from livermet.report.content import compose as compose_report
from livermet.report.page import render
from livermet.report.quality import compose

from .. import report_phantoms as made

TOLD = {"run": "small", "version": "0.1.0", "phantoms": True}


def content(records=None, accepted=()):
    records = records or made.ingested()
    rows = {series: {"cohort": "mSCLC", "phase": "venous"} for series in records}
    return compose(rows, records, dict.fromkeys(records, "UklGRg=="), accepted, TOLD)


def test_series_with_most_doubts_about_their_reference_come_first():
    records = made.ingested()
    plain = records["plain"]
    records["ct_alone"] = plain | {"warnings": ["It covers 80 mm, less than a liver."]}
    records["another"] = plain
    order = [leaf.series for leaf in content(records)["series"]]
    assert order == ["air_2", "air_1", "ct_alone", "another", "plain"]
    # A mask that the config accepts all the same is looked at before all others.
    assert content(records, ["air_1"])["series"][0].series == "air_1"
    assert content(records, ["plain"])["series"][0].series == "air_2"


def test_a_leaf_tells_how_the_series_was_read():
    leaves = {leaf.series: leaf for leaf in content()["series"]}
    assert leaves["plain"].facts == (
        "mSCLC; venous; 512 x 512 x 60 voxels of 0.8 x 0.8 x 5 mm; 300 mm covered; -1024 to 1200 "
        "HU; no reference."
    )
    # 1000 voxels of 0.8 x 0.8 x 5 mm are 3.2 ml.
    assert "lesions of the reference: 3.2 ml" in leaves["air_1"].facts


def test_the_page_needs_nothing_else_and_shows_every_series():
    page = render(content(), "quality.html")
    assert not re.search(r"""(src|href)=["']?(https?:|//)""", page)
    assert page.count('<figure class="series"') == 3
    assert page.count("data:image/webp;base64,UklGRg==") == 3
    assert "2 of them with a warning" in page
    assert "3 of 4 lesions touch no liver of the mask." in page
    assert "ArrowRight" in page
    # The kinds by which series are picked, the most frequent first, and whose they are.
    assert re.findall(r'<option value="(\d)">(\d):', page) == [("0", "2"), ("1", "1"), ("2", "1")]
    assert re.search(r'id="air_1" data-kinds="0"', page)
    assert "Phantoms." in page


def test_what_a_sheet_holds_is_escaped():
    records = {"plain": made.ingested()["plain"]}
    rows = {"plain": {"cohort": "<b>", "phase": ""}}
    page = render(compose(rows, records, {"plain": ""}, (), TOLD), "quality.html")
    assert "<b>;" not in page


def test_the_report_counts_series_with_warnings_and_leads_to_the_page():
    page = render(compose_report(made.run()))
    assert "2 of 3 series carry a warning of ingestion." in page
    assert 'href="quality.html"' in page
