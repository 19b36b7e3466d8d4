"""The registry of exhibits: one list of names, and words that no computation depends on."""

from importlib import import_module

import pytest

from livermet.provenance.code import _imported, _logic
from livermet.report import exhibits
from livermet.report.content import ROOMS
from livermet.report.exhibits import EXHIBITS, TITLES, rooms_of, sections_of, shown_in
from livermet.report.phrases import fill, phrases_of

from .. import report_phantoms as made

# What shows and does not compute: tables and figures for readers, pages.
SHOWS = ("draw_", "tabulate_c", "write_")


def test_the_captions_of_snakemakes_report_are_the_registrys(root):
    folder = root / "workflow/report"
    written = {path.name: path.read_text() for path in folder.glob("*")}
    # To write them: python -m livermet.report.exhibits ../report (in workflow/scripts).
    assert written == exhibits.captions()


def test_every_exhibit_has_its_words():
    for one in EXHIBITS.values():
        assert bool(one.title and one.caption) == one.on_page, one.key
        assert bool(one.summary) == one.has_file, one.key
        assert bool(one.alternative) == one.is_figure, one.key
        assert not one.part_of or EXHIBITS[one.part_of].has_file


@pytest.mark.parametrize("entry", ["scans", "masks", "table"])
def test_every_section_is_a_rooms_and_shows_something(entry):
    assert set(rooms_of(entry)) <= set(exhibits.ROOMS)
    for section in sections_of(entry):
        assert TITLES[section]
        assert shown_in(section)


def test_words_are_filled_in_from_the_settings():
    named = phrases_of(made.SETTINGS)
    told = {one.key: fill(one.caption, named) for one in EXHIBITS.values()}
    assert "{" not in "".join(told.values())
    assert told["table2_splits"].startswith("Every patient has one place, test or one of 5 folds")


def test_how_scores_came_about_is_told():
    given = phrases_of(made.SETTINGS)
    assert given["class_rule"] == "The class is positive where the NE score is above 0"
    assert given["scoring_rule"] == ""
    own = {"thresholds": {"cfdna": 0.12}, "scoring": "ssgsea"}
    computed = phrases_of(made.SETTINGS | own)
    assert computed["class_rule"].endswith("above 0, of cfdna samples above 0.12")
    assert "not normalised over the cohort" in computed["scoring_rule"]


def test_what_an_exhibit_names_is_there():
    for name, room in ROOMS.items():
        assert room is import_module(f"livermet.report.{name}.content")
    for one in EXHIBITS.values():
        assert not one.layout or callable(getattr(ROOMS[one.room], one.layout)), one.key


def test_a_run_makes_the_files_whose_conditions_hold():
    conditions = {one.when: False for one in EXHIBITS.values()}
    always = exhibits.files_of("tables", conditions)
    assert "tables/table1_cohort.csv" in always
    assert "tables/null_cohorts.csv" not in always
    more = exhibits.files_of("tables", conditions | {"null cohorts": True})
    assert set(more) - set(always) == {"tables/null_cohorts.csv"}
    # A part has no file of its own, and a page is no table.
    every = exhibits.files_of("tables", dict.fromkeys(conditions, True))
    assert len(every) == len(set(every))
    assert "tables/report.csv" not in every


def test_no_rule_that_computes_depends_on_the_report(root):
    for script in sorted((root / "workflow/scripts").glob("*.py")):
        imports = {name.split(".")[0] for name in _imported(_logic(script))}
        assert "report" not in imports or script.name.startswith(SHOWS), script.name


def test_no_stage_depends_on_the_report(root):
    for path in (root / "workflow/scripts/livermet").rglob("*.py"):
        # A command computes nothing that a run would make again.
        if not {"report", "commands"} & {*path.parts}:
            assert "livermet.report" not in path.read_text(), path
