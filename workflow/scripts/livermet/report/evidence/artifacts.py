"""What the evidence is computed from, the form that it has, and the words that it shares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps

import pandas as pd

from livermet.phenotype.chosen import Choice, chosen_models
from livermet.phenotype.table import FEATURES
from livermet.report import words
from livermet.report.features.lists import GOOD, PERTURBED, POOR, learnt_from
from livermet.vocabulary import Protocol

DONE, PARTLY, NOT_DONE = "done", "partly", "not done"
AUTHORS, NOT_APPLICABLE = "for the authors", "not applicable"
STATES = (DONE, PARTLY, NOT_DONE, AUTHORS, NOT_APPLICABLE)
METHODS = "docs/methods.md"
MANIFEST = "manifest.json"
FACTS = "cohort/facts.tsv"
# What later tables call the two sets, in the words of the page.
SETS = {
    "validation": "held-out training patients",
    "cross-validation": "held-out training patients",
    "test": "test patients",
}


@dataclass(frozen=True)
class Evidence:
    """What the run did about one item.

    `done` is one of STATES, `what` says it in sentences, `where` names files: links relative to
    the run's folder, those of the project itself (docs/) as they are.
    """

    done: str
    what: str
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class Artifacts:
    """What a run left behind: its settings, and its tables by file name without suffix.

    settings: run, entry (scans, masks or table), target, name, phantoms, models,
    final_model, folds, window_days, positive_above, protocols, aggregation, weightings,
    lasso_alpha, lasso_target, trees, draws, radiomics (PyRadiomics' settings), harmonisation (by,
    thin_up_to_mm, minimum_patients) and versions.
    """

    settings: Mapping
    tables: Mapping[str, pd.DataFrame]

    def table(self, name: str) -> pd.DataFrame | None:
        """Return a table; None where the run did not make it or it has no rows."""
        found = self.tables.get(name)
        return None if found is None or found.empty else found

    @property
    def entry(self) -> str:
        """Say what the run began with: scans, masks or table."""
        return self.settings["entry"]

    def ran(self, protocol: str) -> bool:
        """Tell whether the run followed a protocol."""
        return protocol in self.settings["protocols"]

    def version(self, package: str) -> str:
        """Name a package with the version that the run pins."""
        return f"{package} {self.settings['versions'].get(package, 'of unknown version')}"


Judge = Callable[[Artifacts], Evidence]


def from_images(judge: Judge) -> Judge:
    """Answer 'not done' for a run that began with a finished feature table."""

    @wraps(judge)
    def judged(run: Artifacts) -> Evidence:
        if run.entry == "table":
            return Evidence(
                NOT_DONE,
                "The run began with a finished feature table; what was done to the images before "
                "is for the authors of that table to say.",
            )
        return judge(run)

    return judged


def lacking(run: Artifacts, what: str) -> Evidence:
    """Say that the run made no such table, and why where the protocols tell it."""
    reason = (
        "" if run.ran(Protocol.CORRECTED) else "; the protocol 'corrected', which makes it, was off"
    )
    return Evidence(NOT_DONE, f"The run made no table of {what}{reason}.")


def csv(name: str) -> str:
    """Return the link to a table of the run."""
    return f"tables/{name}.csv"


def with_interval(row: pd.Series, value: str = "mean", prefix: str = "") -> str:
    """Write a row's value with its interval: 0.62 (0.40 to 0.86)."""
    written = words.estimate(row[value], row[f"{prefix}low"], row[f"{prefix}high"])
    return written or words.MISSING


def sentences(*parts: str) -> str:
    """Put sentences together, leaving out the empty ones."""
    return " ".join(filter(None, parts))


def without_unit(name: str) -> str:
    """Take the unit off a characteristic's name: 'age, years' becomes 'age'."""
    return name.split(",")[0]


def is_true(values: pd.Series) -> pd.Series:
    """Read a column of truth values that may have come as text."""
    return values.astype(str).str.lower().isin(["true", "1", "1.0"])


def classified(run: Artifacts) -> pd.DataFrame | None:
    """Take the facts of the series that were classified; None where the run has none."""
    facts = run.table("facts")
    if facts is None:
        return None
    rows = facts[is_true(facts["included"])]
    return None if rows.empty else rows


def of_place(rows: pd.DataFrame, place: str) -> str:
    """Count the patients, studies and series of one place: 36 patients, 93 studies, 177 series."""
    here = rows[rows["place"].eq(place)]
    return (
        f"{words.counted(here['patient'].nunique(), 'patient')}, "
        f"{words.counted(here['study'].nunique(), 'study', 'studies')}, "
        f"{words.counted(len(here), 'series', 'series')}"
    )


def agreement(run: Artifacts, comparison: str) -> str:
    """Count the features that a comparison finds good and poor; '' where none has an ICC."""
    table = run.table("reproducibility")
    if table is None:
        return ""
    learnt = learnt_from(table)
    rows = learnt[learnt["comparison"].eq(comparison) & learnt["icc"].notna()]
    if rows.empty:
        return ""
    first, icc = rows.iloc[0], rows["icc"]
    if comparison == PERTURBED:
        what = (
            f"Between {first['ratings']} masks of a series whose contour was moved at random "
            f"(standard deviation {first['contour_sd_mm']:g} mm; "
            f"{words.counted(first['targets'], 'series', 'series')}"
        )
    else:
        studies = words.counted(first["targets"], "study", "studies")
        what = f"Between two reconstructions of a study ({studies}"
    return (
        f"{what} of {words.counted(first['patients'], 'training patient')}): {first['form']} >= "
        f"{GOOD} in {int((icc >= GOOD).sum())} of {len(FEATURES)} features, below {POOR} in "
        f"{int((icc < POOR).sum())}."
    )


def choice_of(run: Artifacts, protocol: str) -> Choice | None:
    """Name the model that cross-validation chose for a protocol; None where nothing tells it."""
    validation = run.table("tableS2_cross_validation")
    if validation is None:
        return None
    return chosen_models(validation, run.table("choice")).get(protocol)
