"""What the page says, and in which order: from a run's tables, figures and settings to sections."""

from collections.abc import Mapping

from livermet.report import brief, checks
from livermet.report.burden import content as burden
from livermet.report.classification import content as classification
from livermet.report.cohort import content as cohort
from livermet.report.detection import content as detection
from livermet.report.exhibits import (
    TITLES,
    Exhibit,
    rooms_of,
    section_of,
    sections_of,
    shown_in,
)
from livermet.report.features import content as features
from livermet.report.ladder import content as ladder
from livermet.report.limitations import limitations
from livermet.report.masks import content as masks
from livermet.report.methods import methods
from livermet.report.null_cohorts import content as null_cohorts
from livermet.report.page import (
    Picture,
    Section,
    Table,
    download,
    fold,
    picture,
    plain_table,
    with_points,
    with_views,
)
from livermet.report.phrases import fill
from livermet.report.points import told_of
from livermet.report.reproduction import content as reproduction
from livermet.report.run import Run
from livermet.report.scans import content as scans
from livermet.report.segmentation import content as segmentation
from livermet.report.segmentation_error import content as segmentation_error
from livermet.report.specifications import content as specifications
from livermet.report.variation import content as variation

# What the rooms of the registry compute; a room that only shows its files has nothing here.
ROOMS = {
    "scans": scans,
    "segmentation": segmentation,
    "detection": detection,
    "burden": burden,
    "classification": classification,
    "features": features,
    "ladder": ladder,
    "specifications": specifications,
    "masks": masks,
    "segmentation_error": segmentation_error,
    "variation": variation,
    "null_cohorts": null_cohorts,
    "reproduction": reproduction,
}
INTRODUCTIONS = {
    "cohort": cohort.introduction,
    "classification": classification.introduction,
}


def compose(run: Run) -> dict:
    """Return the page's content for `livermet.report.page.render`.

    A table or figure that the run did not make is left out, and so is a section without any.
    """
    sections = [
        Section(name, TITLES[name], _sentences(name, run), _items(name, run))
        for name in sections_of(run.entry)
    ]
    return {
        "run": run.settings["run"],
        "name": run.settings["name"],
        "phantoms": run.settings["phantoms"],
        "images": run.entry != "table",
        "viewer": bool(run.settings["viewed"]),
        "dicom": run.settings["dicom"],
        "no_dicom": run.settings["no_dicom"],
        "flow": _items("flow", run),
        "headlines": brief.headlines(run),
        "sentences": brief.sentences(run),
        "sections": [section for section in sections if section.items],
        "limitations": limitations(run),
        "methods": methods(run),
        "rules": [*checks.rules(run), *checks.checks(run)],
        "stale": checks.stale_table(run),
        "version": run.settings["version"],
        "versions": sorted(run.settings["versions"].items()),
    }


def _sentences(section: str, run: Run) -> list[str]:
    """Say what a section's rooms find, after what is to be known before."""
    told = INTRODUCTIONS[section](run) if section in INTRODUCTIONS else []
    rooms = [
        ROOMS[name] for name in rooms_of(run.entry) if section_of(name) == section and name in ROOMS
    ]
    return [*told, *(sentence for room in rooms for sentence in room.sentences(run))]


def _items(section: str, run: Run) -> list[Table | Picture]:
    return fold(_item(one, run) for one in shown_in(section) if _is_made(one, run))


def _is_made(exhibit: Exhibit, run: Run) -> bool:
    if exhibit.context:
        return bool(run.final)
    return exhibit.stem in (run.figures if exhibit.is_figure else run.tables)


def _item(exhibit: Exhibit, run: Run) -> Table | Picture:
    viewed = run.settings["viewed"]
    title, caption = (fill(text, run.phrases) for text in (exhibit.title, exhibit.caption))
    if exhibit.is_figure:
        svg = run.figures[exhibit.stem]
        figure = picture(exhibit.key, title, caption, exhibit.alternative, svg)
        told = told_of(run.tables["facts"], run.settings["name"])
        return with_points(figure, svg, told, viewed)
    table = plain_table(exhibit.key, title, caption, *lay_out(exhibit, run.tables))
    return with_views(table, viewed)


def lay_out(exhibit: Exhibit, tables: Mapping) -> tuple:
    """Return what the page shows of a table, and the link to the whole file.

    A part of another table has nothing of its own to download, nor have the results of others.
    """
    if exhibit.context:
        return getattr(ROOMS[exhibit.room], exhibit.layout)(), ""
    whole = shown = tables[exhibit.stem]
    if exhibit.layout and len(whole):
        shown = getattr(ROOMS[exhibit.room], exhibit.layout)(whole)
    return shown, "" if exhibit.part_of else download(whole)
