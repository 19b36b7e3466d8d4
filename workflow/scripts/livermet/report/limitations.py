"""The limitations of a run, each from the run's own numbers."""

import re

import pandas as pd

from livermet.report import words
from livermet.report.classification import content as classification
from livermet.report.run import Run
from livermet.vocabulary import FEWEST_PATIENTS, Protocol

# Of the AUC, by benchmarks/coverage.py; docs/decisions/intervals.md has the table.
COVERAGE = "94 to 98% of simulated test sets of 10 to 30 patients"
THICKNESS = ("slice thickness, mm", "slice spacing, mm")
# Of a cell '5.00 (1.25 to 5.00)'.
RANGE = re.compile(r"\(([\d.]+) to ([\d.]+)\)")


def limitations(run: Run) -> list[str]:
    """Say what the run's numbers cannot show, what concerns the reader most first."""
    told = [
        run.settings["phantoms"],
        _size(run),
        _one_place(run),
        _worth(run),
        _published(run),
        _labels(run),
        _masks(run),
        _thickness(run),
        _missing(run),
        _intervals(run),
        run.phrases["pretrained_told"],
    ]
    return [sentence for sentence in told if sentence]


def _size(run: Run) -> str:
    counts = classification.patients_by_class(run, "test")
    told = f"The test has {classification.told_by_class(*counts)}"
    needed = run.rows("sample_size", "required_patients")
    asked = ""
    if len(needed):
        first = needed.iloc[0]
        asked = (
            f" To develop such a model Riley's criteria ask for "
            f"{needed['required_patients'].max():,.0f} patients with all candidate features; there "
            f"are {first['available_patients']:.0f}."
        )
    if min(counts) < FEWEST_PATIENTS:
        return f"{told}: fewer than {FEWEST_PATIENTS} of a class settle nothing.{asked}"
    return f"{told}.{asked}"


def _one_place(run: Run) -> str:
    facts = run.tables["facts"]
    cohorts = words.listed(facts["cohort"].unique())
    return (
        f"Patients come from {cohorts}; which hospitals they were scanned in is not recorded, and "
        "no patient of another cohort tested the classifier: how it does elsewhere is not known."
    )


def _worth(run: Run) -> str:
    chosen = run.chosen.get(Protocol.CORRECTED)
    if chosen is None or not chosen.deals or pd.isna(chosen.auc):
        return ""
    lacking = classification.unbeaten(chosen)
    if not lacking:
        return ""
    return (
        f"In cross-validation no model beats {' or '.join(lacking)}, so that none is to be "
        "used, whatever it scores on the test."
    )


def _published(run: Run) -> str:
    if not run.ran(Protocol.PUBLISHED):
        return ""
    return (
        "Scores of the published protocol are too good: its folds share patients and its intervals "
        "leave out how patients differ. They stand here to be compared."
    )


def _labels(run: Run) -> str:
    name = run.settings["name"]
    if run.entry == "table":
        return f"The {name} class is of a sample and not of the lesions on the CT."
    return (
        f"The {name} class of a study is of one sample, taken up to "
        f"{run.settings['window_days']} days from the CT, and not of the lesions on it; lesions of "
        "one patient may differ."
    )


def _masks(run: Run) -> str:
    if run.entry == "scans":
        return (
            "Features are taken from predicted masks that nobody corrected: what a network misses "
            "or adds is part of every feature."
        )
    if run.entry == "masks":
        return "Masks were given: how features change with another reader's is not measured here."
    return "How the scans of the finished table were segmented is not part of this run."


def _thickness(run: Run) -> str:
    table = run.table("tableS1_acquisition")
    if table is None or run.target not in table:
        return ""
    for characteristic in THICKNESS:
        rows = table[table["characteristic"].eq(characteristic)]
        for cell in rows[run.target].dropna().astype(str):
            found = RANGE.search(cell)
            if found and found[1] != found[2]:
                harmonised = run.settings["harmonisation"]["by"]
                end = "" if harmonised else " and were not harmonised"
                return (
                    f"Series differ in {characteristic.split(',')[0]} ({found[1]} to {found[2]} "
                    f"mm){end}; texture depends on it."
                )
    return ""


def _missing(run: Run) -> str:
    facts = run.tables["facts"]
    used = facts[facts["included"]].drop_duplicates("patient")
    unknown = [name for name in ("age", "sex") if _unknown(used[name]) > 0]
    if used.empty or not unknown:
        return ""
    counts = words.listed(f"the {name} of {_unknown(used[name])}" for name in unknown)
    return f"Not known of {words.counted(len(used), 'classified patient')}: {counts}."


def _unknown(values: pd.Series) -> int:
    return int((values.isna() | values.eq("")).sum())


def _intervals(run: Run) -> str:
    if not run.ran(Protocol.CORRECTED):
        return ""
    return (
        f"The 95% interval of the corrected protocol's test AUC held the truth in {COVERAGE} "
        "(docs/decisions/intervals.md); those of detection, calibration and reproducibility are "
        "percentiles, which are too short with few patients."
    )
