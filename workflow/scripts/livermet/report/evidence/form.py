"""The form that evidence has, and the words that it shares."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import pandas as pd

from livermet.report.features.content import agreement_sentence, contour_sentence
from livermet.report.features.lists import PERTURBED, learnt_from
from livermet.report.run import Run
from livermet.vocabulary import Aggregation, Protocol

DONE, PARTLY, NOT_DONE = "done", "partly", "not done"
AUTHORS, NOT_APPLICABLE = "for the authors", "not applicable"
STATES = (DONE, PARTLY, NOT_DONE, AUTHORS, NOT_APPLICABLE)
METHODS = "docs/methods.md"
MANIFEST = "provenance/manifest.json"
FACTS = "cohort/facts.tsv"


@dataclass(frozen=True)
class Evidence:
    """What the run did about one item.

    `done` is one of STATES, `what` says it in sentences, `where` names files: links relative to
    the run's folder, those of the project itself (docs/) as they are.
    """

    done: str
    what: str
    where: tuple[str, ...] = ()


Judge = Callable[[Run], Evidence]
JudgeOfTable = Callable[[Run, pd.DataFrame], Evidence]


def from_images(judge: Judge) -> Judge:
    """Answer 'not done' for a run that began with a finished feature table."""

    @wraps(judge)
    def judged(run: Run) -> Evidence:
        if run.entry == "table":
            return Evidence(
                NOT_DONE,
                "The run began with a finished feature table; what was done to the images before "
                "is for the authors of that table to say.",
            )
        return judge(run)

    return judged


def of_table(name: str, what: str) -> Callable[[JudgeOfTable], Judge]:
    """Hand a table to the judge; answer 'not done' for a run that did not make it."""

    def handing(judge: JudgeOfTable) -> Judge:
        @wraps(judge)
        def judged(run: Run) -> Evidence:
            table = run.table(name)
            return lacking(run, what) if table is None else judge(run, table)

        return judged

    return handing


def of_classified(judge: JudgeOfTable) -> Judge:
    """Hand the facts of the classified series to the judge; 'not done' where there is none."""

    @of_table("facts", "the series that were classified")
    @wraps(judge)
    def judged(run: Run, facts: pd.DataFrame) -> Evidence:
        rows = facts[facts["included"]]
        return lacking(run, "the series that were classified") if rows.empty else judge(run, rows)

    return judged


def lacking(run: Run, what: str) -> Evidence:
    """Say that the run made no such table, and why where the protocols tell it."""
    reason = (
        "" if run.ran(Protocol.CORRECTED) else "; the protocol 'corrected', which makes it, was off"
    )
    return Evidence(NOT_DONE, f"The run made no table of {what}{reason}.")


def csv(name: str) -> str:
    """Return the link to a table of the run."""
    return f"tables/{name}.csv"


def sentences(*parts: str) -> str:
    """Put sentences together, leaving out the empty ones."""
    return " ".join(filter(None, parts))


def by_protocol(run: Run, **told: str) -> str:
    """Put together what is told of the protocols that the run followed."""
    return sentences(*(told[name] for name in run.settings["protocols"]))


def version(run: Run, package: str) -> str:
    """Name a package with the version that the run pins."""
    return f"{package} {run.settings['versions'][package]}"


def mask_of(run: Run) -> str:
    """Name the folder of what was computed from the final model's masks, or from given ones."""
    return Aggregation.TABLE if run.entry == "table" else run.final or "reference"


def agreement(run: Run, comparison: str) -> str:
    """Count the features that a comparison finds good and poor; '' where none has an ICC.

    The features are those that the corrected protocol learns from. Of moved contours it is told
    how far they were moved too.
    """
    known = run.rows("reproducibility", "icc")
    if known.empty:
        return ""
    learnt = learnt_from(run.tables["reproducibility"])
    rows = learnt[learnt["comparison"].eq(comparison) & learnt["icc"].notna()]
    if rows.empty:
        return ""
    moved = contour_sentence(rows.iloc[0]) if comparison == PERTURBED else ""
    return sentences(agreement_sentence(rows), moved)
