"""The run's part of three checklists: CLEAR, METRICS and TRIPOD+AI, item by item.

The items stand in checklists.yaml; what the run did about each comes from
`livermet.report.evidence` and so from the run's own settings and tables. METRICS is scored too, as
its authors do: weights of the items met over weights of the items whose conditions hold.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from livermet.contracts import SHARE, TEXT, Column, Contract
from livermet.report import page
from livermet.report.evidence import images, modelling, results, study
from livermet.report.evidence.form import AUTHORS, DONE, METHODS, STATES, Evidence
from livermet.report.run import Run

ITEMS = Path(__file__).with_name("checklists.yaml")
MODULES = {"study": study, "images": images, "modelling": modelling, "results": results}
# Links to files of the project itself begin so.
PROJECT = METHODS.split("/")[0] + "/"
YES, NO, LEFT_OUT = "yes", "no", "left out"
CHECKLISTS = Contract(
    files=("tables/checklists.csv",),
    row="an item of a checklist",
    columns=(
        Column("checklist", TEXT, "name of the checklist"),
        Column("item", TEXT, "number of the item, as published"),
        Column("section", TEXT, "section of the checklist"),
        Column("topic", TEXT, "what the item asks for"),
        Column("done", TEXT, "what the run did about the item", words=STATES),
        Column("what", TEXT, "the same in sentences"),
        Column(
            "where",
            TEXT,
            "files that show it, with '; ' between them; docs/ is that of the project",
            missing="no file shows it",
        ),
        Column("weight", SHARE, "weight of the item in METRICS' score", missing="other checklists"),
        Column(
            "counted",
            TEXT,
            "whether METRICS' score counts the item as met",
            words=(YES, NO, LEFT_OUT),
            missing="other checklists",
        ),
    ),
    key=("checklist", "item"),
)


@dataclass(frozen=True)
class Item:
    """An item of a checklist; `evidence` is 'module.function' or 'authors'.

    METRICS' items have a weight and the numbers of the conditions under which they count.
    """

    item: str
    section: str
    topic: str
    evidence: str
    note: str = ""
    weight: float | None = None
    conditions: tuple[int, ...] = ()


@dataclass(frozen=True)
class Checklist:
    """A checklist: its name, its full title, where it was published, its items in order."""

    name: str
    title: str
    source: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Answer:
    """What the run did about an item; `counted` is how METRICS' score counts it, else ''."""

    item: Item
    evidence: Evidence
    counted: str = ""


@dataclass(frozen=True)
class Condition:
    """One of METRICS' five conditions: whether it holds for this run, and why."""

    number: int
    holds: bool
    why: str


def read_checklists() -> tuple[Checklist, ...]:
    """Read the items of all checklists."""
    content = yaml.safe_load(ITEMS.read_text())
    return tuple(
        Checklist(name, facts["title"], facts["source"], tuple(map(_item, facts["items"])))
        for name, facts in content.items()
    )


def _item(facts: dict) -> Item:
    own = {"item": str(facts["item"]), "conditions": tuple(facts.get("conditions", ()))}
    return Item(**(facts | own))


def judge_of(key: str) -> Callable[[Run], Evidence]:
    """Find the function behind 'module.function'; KeyError or AttributeError for an unknown one."""
    module, function = key.split(".")
    return getattr(MODULES[module], function)


def answers(checklist: Checklist, run: Run) -> list[Answer]:
    """Say for each item what the run did, and for METRICS how the score counts it."""
    hold = {condition.number for condition in conditions(run) if condition.holds}
    return [
        Answer(item, found, "" if item.weight is None else _counted(item, found, hold))
        for item in checklist.items
        for found in [_evidence(item, run)]
    ]


def _evidence(item: Item, run: Run) -> Evidence:
    if item.evidence == "authors":
        return Evidence(AUTHORS, f"{item.note or 'The manuscript says it'}.")
    return judge_of(item.evidence)(run)


def _counted(item: Item, found: Evidence, hold: set[int]) -> str:
    if not hold.issuperset(item.conditions):
        return LEFT_OUT
    return YES if found.done == DONE else NO


def conditions(run: Run) -> list[Condition]:
    """Answer METRICS' conditions. What the run cannot know counts as held, against the score."""
    automatic = {
        "scans": "yes, a network draws the masks",
        "masks": "no, the masks were given as a human's",
        "table": "not known of a finished feature table, and so counted against the score",
    }
    measured = "the features are those of lesions that someone or something outlined"
    return [
        Condition(1, True, f"Segmentation: yes, {measured}."),
        Condition(
            2, run.entry != "masks", f"Fully automatic segmentation: {automatic[run.entry]}."
        ),
        Condition(3, True, "Hand-crafted features: yes, PyRadiomics' by their names."),
        Condition(4, True, "Tabular data: yes, one row of features a series."),
        Condition(5, False, "End-to-end deep learning: no, so that item 17 is left out."),
    ]


def metrics_score(found: list[Answer]) -> float:
    """Return METRICS' score in percent: weights of items met over weights of items that count."""
    met, count = (
        sum(answer.item.weight or 0.0 for answer in found if answer.counted in kinds)
        for kinds in ((YES,), (YES, NO))
    )
    return 100 * met / count


def table_of(checklist: Checklist, found: list[Answer]) -> pd.DataFrame:
    """Lay out a checklist's answers, one row an item (`CHECKLISTS`)."""
    rows = [
        (
            checklist.name,
            answer.item.item,
            answer.item.section,
            answer.item.topic,
            answer.evidence.done,
            answer.evidence.what,
            "; ".join(answer.evidence.where),
            answer.item.weight,
            answer.counted or None,
        )
        for answer in found
    ]
    return pd.DataFrame(rows, columns=CHECKLISTS.names)


def compose(filled: list[tuple[Checklist, list[Answer]]], run: Run) -> dict:
    """Return the page's content for `render`: counts, METRICS' score and every answer."""
    return {
        "run": run.settings["run"],
        "phantoms": run.settings["phantoms"],
        "entry": run.entry,
        "parts": [_part(checklist, found, run) for checklist, found in filled],
        "states": STATES,
    }


def _part(checklist: Checklist, found: list[Answer], run: Run) -> dict:
    states = Counter(answer.evidence.done for answer in found)
    scored = any(answer.counted for answer in found)
    return {
        "key": re.sub(r"\W+", "-", checklist.name.lower()),
        "checklist": checklist,
        "answers": found,
        "counts": [(state, states[state]) for state in STATES if states[state]],
        "score": f"{metrics_score(found):.1f}" if scored else "",
        "conditions": [condition.why for condition in conditions(run)] if scored else [],
        "unjudged": [
            f"{answer.item.item} ({answer.item.topic.lower()})"
            for answer in found
            if answer.counted == NO and answer.evidence.done == AUTHORS
        ],
    }


def label_of(place: str) -> str:
    """Name a place for readers: 'report: cohort', or the file without its folder."""
    if place.startswith("report.html#"):
        return place.replace("report.html#", "report: ")
    return place if place.endswith("/") else place.rsplit("/", 1)[-1]


def render(content: dict) -> str:
    """Fill the template in, in the report's own style; all text is escaped."""
    return page.render(
        content | {"label_of": label_of, "project_files": PROJECT}, "checklists.html"
    )
