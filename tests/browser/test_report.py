"""The report in a real browser: tables sort, filter and are saved, parts fold, all readers get in.

Its tables are those of the made-up run (tests/unit/report_phantoms.py), and figure 3 is drawn.
"""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
from unit import report_phantoms as made

from livermet.report.content import compose
from livermet.report.drawing import save
from livermet.report.exhibits import EXHIBITS
from livermet.report.page import render

SCHEMES = ("light", "dark")
WIDTHS = (1280, 400)
# Of a series that the viewer has a page of, and whose study is classified.
VIEWED = "m01_a"
BESIDE = {
    "provenance/run.html": "<!doctype html><html lang='en'><title>Run</title>Run of 2026-11-27",
    f"viewer/series/{VIEWED}.html": "",
}
# The cells of an element's rows, as they are read.
CELLS = """(all) => all.map((row) =>
    [...row.cells].map((cell) => cell.textContent.trim().replace(/\\s+/g, ' ')))"""
CUT = "(all) => all.filter((one) => !one.closest('.scroll')).length"


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """The report of the made-up run as a file, with what it shows of others beside it."""
    folder = tmp_path_factory.mktemp("report")
    save(made.figures()["figure3_burden"], folder / "figure3.png", folder / "figure3.svg")
    blank = b'<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt"/>'
    figures = {one.stem: blank for one in EXHIBITS.values() if one.is_figure}
    figures["figure3_burden"] = (folder / "figure3.svg").read_bytes()
    settings = made.SETTINGS | {"viewed": [VIEWED]}
    run = replace(made.run(), figures=figures, settings=settings)
    (folder / "report.html").write_text(render(compose(run)))
    for beside, text in BESIDE.items():
        (folder / beside).parent.mkdir(parents=True)
        (folder / beside).write_text(text)
    return folder / "report.html"


@pytest.fixture
def read(report, opened):
    """Open the report, and give its page once its tables are ready."""

    def open_report(**options):
        return opened(report, **options)

    return open_report


def ready(seen):
    seen.page.wait_for_function("document.body.dataset.tables === 'ready'")
    return seen.page


def rows(page, key: str) -> list[list[str]]:
    """The cells of a table's rows, as they are shown."""
    return page.locator(f"#{key} tbody tr").evaluate_all(CELLS)


def button(page, key: str, begins: str):
    """The button of a table whose words begin so; a column's is called as the column."""
    return page.locator(f"#{key}").get_by_role("button", name=re.compile(f"^{begins}"))


def until(page, selector: str, holds: str) -> None:
    """Wait until something holds for the first such element, which is called one."""
    page.wait_for_function(
        f"(at) => {{ const one = document.querySelector(at); return {holds}; }}", arg=selector
    )


def sort(page, key: str, column: str, ways: str = "ascending", press: str = "") -> None:
    """Sort a table by a column, by a click or a key, and wait until it is."""
    head = button(page, key, column)
    head.press(press) if press else head.click()
    until(page, f"#{key} th[aria-sort='{ways}']", f"one?.textContent.startsWith('{column}')")


def is_open(page, selector: str) -> bool:
    return page.locator(selector).first.evaluate("(one) => one.open")


def chosen(page, key: str, label: str):
    label = page.locator(f"#{key} .choose label", has_text=re.compile(f"^{label}"))
    return label.locator("select, input")


def test_the_page_asks_for_nothing_but_the_date_of_its_run(read, report):
    with read() as seen:
        ready(seen)
        asked = [url for url in seen.asked if url.startswith("file:")]
        assert [url.rsplit("/", 1)[1] for url in asked] == ["report.html", "run.html"]
        # Beside the library: 5 MB is what the whole demo may take.
        assert report.stat().st_size < 1_500_000


def test_a_table_sorts_by_number_with_what_is_missing_last(read):
    with read() as seen:
        page = ready(seen)
        # Positive series: a dash in four rows of segmentation, 12 and 4 in those of classification.
        for ways, order in (("ascending", ["4", "12"]), ("descending", ["12", "4"])):
            sort(page, "table2_splits", "Positive series", ways)
            assert [row[6] for row in rows(page, "table2_splits")] == [*order, *4 * ["\u2013"]]
        # By keyboard alone, and text in its own order.
        sort(page, "table2_splits", "Place", press="Enter")
        assert [row[2] for row in rows(page, "table2_splits")] == 3 * ["test"] + 3 * ["train"]


def test_estimates_sort_by_the_number_before_their_interval(read):
    with read() as seen:
        page = ready(seen)
        before = [row[2] for row in rows(page, "table4_classification")]
        sort(page, "table4_classification", "Accuracy")
        after = [row[2] for row in rows(page, "table4_classification")]
        assert after == sorted(before, key=lambda cell: float(cell.split()[0]))
        assert after != before


def test_a_long_table_shows_its_first_rows_and_all_on_demand(read):
    with read(fragment="#baselines") as seen:
        page = ready(seen)
        assert len(rows(page, "baselines")) == 10
        assert page.locator("#baselines output").inner_text() == "10 of 21 rows"
        button(page, "baselines", "Show all 21 rows").click()
        assert len(rows(page, "baselines")) == 21
        button(page, "baselines", "Show the first 10 rows").click()
        assert len(rows(page, "baselines")) == 10


def test_rows_are_chosen_by_column_and_by_words(read):
    with read(fragment="#detection_scores") as seen:
        page = ready(seen)
        chosen(page, "detection_scores", "Model").select_option("U-Net (MONAI)")
        shown = rows(page, "detection_scores")
        assert {row[0] for row in shown} == {"U-Net (MONAI)"}
        chosen(page, "detection_scores", "Rows with").fill("ppv")
        shown = rows(page, "detection_scores")
        assert {row[2] for row in shown} == {"PPV"}
        assert page.locator("#detection_scores output").inner_text() == f"{len(shown)} of 20 rows"
        chosen(page, "detection_scores", "Rows with").fill("no such words")
        assert rows(page, "detection_scores") == [["No row has what is looked for."]]


def test_a_rule_of_matching_leaves_its_column_alone(read):
    with read(fragment="#detection_scores") as seen:
        page = ready(seen)
        heads = page.locator("#detection_scores thead .dt-column-title")
        assert heads.all_inner_texts()[3:] == ["any overlap", "IoU 0.5"]
        chosen(page, "detection_scores", "Matching rule").select_option("IoU 0.5")
        assert heads.all_inner_texts()[3:] == ["IoU 0.5"]


def test_a_choice_for_all_tables_holds_where_they_have_it(read):
    with read() as seen:
        page = ready(seen)
        page.click("#unfold")
        page.locator("#choices label", has_text="Cohort").locator("select").select_option("LiTS")
        assert {row[1] for row in rows(page, "table2_splits")} == {"LiTS"}
        assert {row[1] for row in rows(page, "table3_segmentation")} == {"LiTS"}
        # It has models, and no cohort.
        assert len(rows(page, "table4_classification")) == 4
        page.locator("#choices label", has_text="Model").locator("select").select_option("XGBoost")
        assert {row[1] for row in rows(page, "table4_classification")} == {"XGBoost"}
        # No network is called so: these rows stay.
        assert len(rows(page, "table3_segmentation")) == 3


def test_what_is_saved_are_the_rows_that_are_shown(read, tmp_path):
    with read() as seen:
        page = ready(seen)
        sort(page, "table3_segmentation", "Scans")
        chosen(page, "table3_segmentation", "Cohort").select_option("mSCLC")
        with page.expect_download() as started:
            button(page, "table3_segmentation", "Save 4 rows").click()
        assert started.value.suggested_filename == "table3_segmentation_shown.csv"
        started.value.save_as(tmp_path / "saved.csv")
        head, *saved = csv.reader((tmp_path / "saved.csv").open(encoding="utf-8"))
        assert head[:2] == ["Model", "Cohort"]
        shown = rows(page, "table3_segmentation")
        assert saved == shown
        # Scans of mSCLC: of two models the test patients', the training patients' and the cohort's.
        assert [row[5] for row in saved] == ["4", "4", "10", "14"]


def test_parts_and_tables_fold_by_keyboard(read):
    with read() as seen:
        page = ready(seen)
        assert is_open(page, "#table3_segmentation details")
        assert not is_open(page, "#detection_scores details")
        page.locator("#detection_scores summary").press("Enter")
        assert is_open(page, "#detection_scores details")
        page.locator("#segmentation > details > summary").press("Space")
        assert not is_open(page, "#segmentation > details")
        assert not page.locator("#table3_segmentation").is_visible()
        page.click("#unfold")
        assert page.locator("main details:not([open])").count() == 0
        page.click("#fold")
        assert page.locator("main details[open]").count() == 0


def test_the_contents_show_the_place_and_lead_into_what_is_folded(read):
    with read() as seen:
        page = ready(seen)
        # A section's own exhibits are listed while it is read.
        exhibit = '#contents a[href="#baselines"]'
        assert not page.locator(exhibit).is_visible()
        page.locator('#contents a[href="#classification"]').click()
        until(page, exhibit, "one.checkVisibility()")
        page.locator(exhibit).click()
        assert is_open(page, "#baselines details")
        until(page, exhibit, "one.hasAttribute('aria-current')")
        until(page, "#baselines", "Math.abs(one.getBoundingClientRect().top) < 20")
        assert page.locator("#contents a[aria-current]").count() == 1


def test_figure_3s_points_name_their_series_and_lead_to_the_viewer(read):
    with read() as seen:
        page = ready(seen)
        links = page.locator("#figure3_burden a.point")
        # It stands with all samples, with those of its type, and below both.
        assert links.count() == 4
        assert set(links.evaluate_all("(all) => all.map((one) => one.getAttribute('href'))")) == {
            f"viewer/series/{VIEWED}.html"
        }
        told = links.first.get_attribute("aria-label")
        assert re.match(rf"{VIEWED}: NE score [-\d.]+ \(\w+\), [\d.]+ ml, ", told)
        # 13 studies in both rows of three panels: all, and each of one type.
        assert page.locator("#figure3_burden .point title").count() == 4 * 13
        # One stop of the tabulator, and arrows from there.
        assert links.evaluate_all("(all) => all.map((one) => one.tabIndex)") == [0, -1, -1, -1]
        links.first.focus()
        page.keyboard.press("ArrowRight")
        assert links.evaluate_all("(all) => all.map((one) => one === document.activeElement)")[1]
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/viewer/series/{VIEWED}.html")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_style_follows_the_system_until_the_reader_switches(read, scheme):
    with read(color_scheme=scheme) as seen:
        page = ready(seen)

        def darkness():
            colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
            return sum(map(int, re.findall(r"\d+", colour)[:3])) < 3 * 128

        assert darkness() == (scheme == "dark")
        page.click("#theme")
        assert darkness() == (scheme == "light")
        # The next page that is opened is so too.
        page.reload()
        assert darkness() == (scheme == "light")


def test_all_is_on_paper(read):
    with read(color_scheme="dark") as seen:
        page = ready(seen)
        folded = page.locator("main details:not([open])").count()
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("main details:not([open])").count() == 0
        assert len(rows(page, "baselines")) == 21
        page.emulate_media(media="print")
        # Dark ink on white, without tools.
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
        assert not page.locator(".choose").first.is_visible()
        # The numbers of the results stand on one sheet.
        assert (
            page.evaluate("getComputedStyle(document.querySelector('.cards')).breakInside")
            == "avoid"
        )
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("main details:not([open])").count() == folded
        assert len(rows(page, "baselines")) == 10


def test_without_scripts_everything_can_be_read(read):
    with read(java_script_enabled=False) as seen:
        page = seen.page
        assert page.locator("main details:not([open])").count() == 0
        assert page.locator("#baselines tbody tr").count() == 21
        assert page.locator("#baselines tbody tr").last.is_visible()
        assert not page.locator("#theme").is_visible()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_bars_no_reader(read, width, scheme):
    with read(width=width, color_scheme=scheme) as seen:
        page = ready(seen)
        assert seen.barriers() == []
        if width == 400:
            page.click("#contents summary")
            assert seen.barriers() == []


def test_what_is_folded_bars_no_reader_either(read):
    with read(fragment="#baselines") as seen:
        page = ready(seen)
        page.evaluate("document.getElementById('unfold').click()")
        assert seen.barriers() == []


def test_nothing_is_wider_than_a_telephone(read):
    with read(width=400) as seen:
        page = ready(seen)
        page.evaluate("document.getElementById('unfold').click()")
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        # Wide tables and figures scroll in their boxes, to their ends.
        assert page.locator("main :is(table, img, svg)").evaluate_all(CUT) == 0
        # A long name of a series breaks, and leaves room for its row.
        name = page.locator("#scan_list tbody th").first
        name.evaluate("(one) => { one.textContent = 'x'.repeat(60); }")
        assert name.evaluate("(one) => one.getBoundingClientRect().width") <= 200
        # The contents stay at hand, folded, and tell the place.
        page.evaluate("scrollTo({ top: document.body.scrollHeight, behavior: 'instant' })")
        until(page, "#place", "one.textContent === 'Versions'")
        assert page.locator("#contents > summary").is_visible()
        assert not is_open(page, "#contents")
