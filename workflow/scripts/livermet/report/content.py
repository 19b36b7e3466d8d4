"""What the page says, and in which order: from a run's tables, figures and settings to sections."""

from collections.abc import Callable, Mapping

import pandas as pd

from livermet.report import checks
from livermet.report.burden import content as burden
from livermet.report.classification import content as classification
from livermet.report.detection import content as detection
from livermet.report.exhibits import TITLES, Exhibit, rooms_of, sections_of, shown_in
from livermet.report.features import content as features
from livermet.report.ladder import content as ladder
from livermet.report.masks import content as masks
from livermet.report.null_cohorts import content as null_cohorts
from livermet.report.page import Picture, Section, Table, download, picture, plain_table
from livermet.report.phrases import fill, phrases_of
from livermet.report.reproduction import content as reproduction
from livermet.report.run import Results, Run
from livermet.report.segmentation import content as segmentation

# What the rooms of the registry compute; a room that only shows its files has nothing here.
ROOMS = {
    "segmentation": segmentation,
    "detection": detection,
    "burden": burden,
    "classification": classification,
    "features": features,
    "ladder": ladder,
    "masks": masks,
    "null_cohorts": null_cohorts,
    "reproduction": reproduction,
}
HEADLINES = (segmentation, classification, reproduction)
INTRODUCTIONS = {"classification": classification.introduction}


def compose(results: Results, settings: Mapping) -> dict:
    """Return the page's content for `livermet.report.page.render`.

    `settings` is what `livermet.report.phrases.phrases_of` takes, and phantoms, run, checklists (a
    file beside the page, or None) and versions. A table or figure that the run did not make is left
    out, and so is a section without any.
    """
    run, named = Run(results, settings), phrases_of(settings)
    rooms = [ROOMS[name] for name in rooms_of(settings["entry"]) if name in ROOMS]
    sections = [
        Section(
            name,
            TITLES[name],
            INTRODUCTIONS[name](run) if name in INTRODUCTIONS else [],
            _items(name, run, named),
        )
        for name in sections_of(settings["entry"])
    ]
    return {
        "run": settings["run"],
        "name": settings["name"],
        "phantoms": settings["phantoms"],
        "flow": _items("flow", run, named),
        "headlines": [headline for room in HEADLINES for headline in room.headlines(run)],
        "sentences": [sentence for room in rooms for sentence in room.sentences(run)],
        "sections": [section for section in sections if section.items],
        "rules": [*checks.rules(run, named), *checks.checks(run)],
        "stale": checks.stale_table(results.stale),
        "checklists": settings["checklists"],
        "versions": sorted(settings["versions"].items()),
    }


def _items(section: str, run: Run, named: Mapping) -> list[Table | Picture]:
    return [_item(one, run, named) for one in shown_in(section) if _is_made(one, run)]


def _is_made(exhibit: Exhibit, run: Run) -> bool:
    if exhibit.context:
        return bool(run.final)
    return exhibit.stem in (run.results.figures if exhibit.is_figure else run.tables)


def _item(exhibit: Exhibit, run: Run, named: Mapping) -> Table | Picture:
    # The results of others are no phantoms.
    mark = " Made from phantoms." if run.settings["phantoms"] and not exhibit.context else ""
    told = exhibit.key, fill(exhibit.title, named), fill(exhibit.caption, named) + mark
    if exhibit.is_figure:
        return picture(*told, exhibit.alternative, run.results.figures[exhibit.stem])
    return plain_table(*told, *lay_out(exhibit, run.tables))


def lay_out(exhibit: Exhibit, tables: Mapping) -> tuple:
    """Return what the page shows of a table, and the link to the whole file.

    A part of another table has nothing of its own to download, nor have the results of others.
    """
    layout: Callable = getattr(ROOMS[exhibit.room], exhibit.layout) if exhibit.layout else _as_it_is
    if exhibit.context:
        return layout(), ""
    whole = tables[exhibit.stem]
    shown = whole if whole.empty else layout(whole)
    return shown, "" if exhibit.part_of else download(whole)


def _as_it_is(table: pd.DataFrame) -> pd.DataFrame:
    return table
