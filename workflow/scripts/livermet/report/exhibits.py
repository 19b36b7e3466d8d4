"""The registry of exhibits: each table, figure and page of a run, told once in its section's room.

A room is a section of the page: `<room>/exhibits.yaml` says what it shows and in which words,
`<room>/content.py` how its tables are laid out and what may be said of them, `<room>/figures.py`
how its figures are drawn. The rules, the page, the captions of Snakemake's own report
(workflow/report/*.rst, which this module writes when it is run) and the tests read this registry.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent
# In the order of the page, but for a finished table's.
ROOMS = (
    "scans",
    "cohort",
    "segmentation",
    "detection",
    "burden",
    "classification",
    "features",
    "ladder",
    "specifications",
    "masks",
    "segmentation_error",
    "variation",
    "null_cohorts",
    "reproduction",
)
PAGES = "pages"
# If a run begins with a finished table, its readers ask first which printed numbers stand.
OF_FINISHED_TABLE = (
    "ladder",
    "reproduction",
    "classification",
    "specifications",
    "features",
    "variation",
    "null_cohorts",
    "burden",
    "cohort",
    "segmentation",
    "detection",
)


@dataclass(frozen=True)
class Exhibit:
    """A table or figure of a run, or one of its pages.

    key: its name on the page; that of a figure begins with 'figure'.
    room, section: whose exhibit it is, and the section of the page that shows it.
    category, summary: what Snakemake's own report says of its file.
    title, caption: templates, filled in by `livermet.report.phrases`.
    alternative: what stands for a figure where it cannot be seen.
    layout: the function of the room's content.py that lays a table out; '' shows it as it is.
    when: the condition under which a run makes its file; '' for every run.
    part_of: the table whose file this one shows a part of.
    context: whether it shows others' results and no file of the run.
    on_page: whether the report shows it.
    """

    key: str
    room: str
    section: str
    category: str
    summary: str = ""
    title: str = ""
    caption: str = ""
    alternative: str = ""
    layout: str = ""
    when: str = ""
    part_of: str = ""
    context: bool = False
    on_page: bool = True

    @property
    def is_figure(self) -> bool:
        """Whether it is a figure, drawn as SVG."""
        return self.key.startswith("figure")

    @property
    def stem(self) -> str:
        """The name of its file without suffix; a table and its figure share theirs."""
        return self.part_of or self.key.removeprefix("figure_")

    @property
    def path(self) -> str:
        """Its file, from the run's folder."""
        if self.room == PAGES:
            return f"{self.stem}.html"
        return f"figures/{self.stem}.svg" if self.is_figure else f"tables/{self.stem}.csv"

    @property
    def has_file(self) -> bool:
        """Whether it has a file of its own."""
        return not (self.part_of or self.context)


def _read(room: str) -> dict:
    path = FOLDER / f"{PAGES}.yaml" if room == PAGES else FOLDER / room / "exhibits.yaml"
    # The reader that is written in C is not everywhere.
    return yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


_CONTENT = {room: _read(room) for room in (*ROOMS, PAGES)}
EXHIBITS = {
    key: Exhibit(
        **{"key": key, "room": room}
        | {name: content[name] for name in ("section", "category")}
        | facts
    )
    for room, content in _CONTENT.items()
    for key, facts in content["exhibits"].items()
}
# Sections of the page by anchor; two rooms may share one.
TITLES = {
    content["section"]: content["title"] for content in _CONTENT.values() if "title" in content
}


def rooms_of(entry: str) -> tuple[str, ...]:
    """Name the rooms in the order in which a run's page goes through them, by its entry."""
    if entry == "table":
        return OF_FINISHED_TABLE
    # Given masks are the reference's: there are no others to set beside them.
    return tuple(room for room in ROOMS if entry == "scans" or room != "masks")


def sections_of(entry: str) -> list[str]:
    """Name the sections of a run's page in order, by its entry."""
    return list(dict.fromkeys(_CONTENT[room]["section"] for room in rooms_of(entry)))


def section_of(room: str) -> str:
    """Name the section of the page that a room's sentences and exhibits stand in."""
    return _CONTENT[room]["section"]


def shown_in(section: str) -> list[Exhibit]:
    """Return what a section of the page may show, in order."""
    return [one for one in EXHIBITS.values() if one.section == section and one.on_page]


def files_of(folder: str, holds: Mapping[str, object]) -> list[str]:
    """Name the files of tables or figures that a run makes for its report.

    `holds` tells of every condition that exhibits name whether it holds for the run.
    """
    return [
        one.path
        for one in EXHIBITS.values()
        if one.has_file and one.path.startswith(f"{folder}/") and (not one.when or holds[one.when])
    ]


def texts() -> list[Path]:
    """List the files of this package that hold words or style: templates and tables of words."""
    found = (FOLDER.rglob(f"*.{suffix}") for suffix in ("bib", "css", "html", "js", "md", "yaml"))
    return sorted(path for paths in found for path in paths)


def captions() -> dict[str, str]:
    """Return the captions of Snakemake's own report: the name of each file, and its text."""
    return {f"{one.key}.rst": f"{one.summary}\n" for one in EXHIBITS.values() if one.has_file}


if __name__ == "__main__":
    for name, text in captions().items():
        Path(sys.argv[1], name).write_text(text)
