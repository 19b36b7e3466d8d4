"""The corrected protocol's chosen model in subgroups: counts always, a score where it is honest.

A subgroup with fewer than FEWEST patients of either class has its counts and 'too few'. No
subgroup is tested against another: so many comparisons of so few patients would find something.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from livermet.contracts import COUNT, SHARE, TEXT, Column, Contract
from livermet.phenotype.bootstrap import WITHIN_FOLDS
from livermet.phenotype.columns import MODEL
from livermet.phenotype.fits import SET
from livermet.phenotype.metrics import draw_by, estimates
from livermet.vocabulary import FEWEST_PATIENTS

FEWEST = FEWEST_PATIENTS
TOO_FEW = "too few"
NOT_TOLD = "not told by this run's data"
NOT_KNOWN = "not known"
# Upper limits of each group, themselves included, and what the group is called.
DAYS = ((7.0, "up to 7 days"), (30.0, "8 to 30 days"), (np.inf, "more than 30 days"))
AGES = ((60.0, "up to 60 years"), (70.0, "61 to 70 years"), (np.inf, "above 70 years"))
SIZES = ((10.0, "up to 10 mm"), (20.0, "10 to 20 mm"), (np.inf, "above 20 mm"))
NO_LESION = "no lesion"
MM3_PER_ML = 1000.0
CHARACTERISTICS = (
    "slice thickness",
    "phase",
    "scanner",
    "sample type",
    "days between CT and sample",
    "sex",
    "age",
    "lesion size",
)
NO_SCORE = "as reason says"
SUBGROUPS = Contract(
    files=("tables/subgroups.csv",),
    row="a subgroup of the series that the corrected protocol's chosen model scored",
    columns=(
        MODEL,
        SET,
        Column("characteristic", TEXT, "what series are grouped by", words=CHARACTERISTICS),
        Column(
            "group",
            TEXT,
            "the group; lesions by the diameter of a sphere of their mean volume",
            missing="where no series has the characteristic",
        ),
        Column("series", COUNT, "series of the group"),
        Column("studies", COUNT, "studies with such a series"),
        Column("patients", COUNT, "patients with such a series"),
        Column("positive_patients", COUNT, "of these, patients with a positive series in it"),
        Column("negative_patients", COUNT, "patients with a negative series in it"),
        Column("right", COUNT, "series of the group that were called right"),
        Column("auc", SHARE, "AUC, of held-out series the one within folds", missing=NO_SCORE),
        Column("low", SHARE, "lower end of its 95% interval by patient", missing=NO_SCORE),
        Column("high", SHARE, "upper end of its 95% interval by patient", missing=NO_SCORE),
        Column(
            "reason",
            TEXT,
            f"why there is no score: '{TOO_FEW}' is fewer than {FEWEST} patients of a class",
            words=(TOO_FEW, NOT_TOLD),
            missing="where there is a score",
        ),
    ),
    key=("set", "characteristic", "group"),
)


@dataclass(frozen=True)
class Known:
    """What a run knows of its series, each by series: facts, and where there are images the rest.

    facts: `facts.FACTS`. thickness: slice thickness in mm; thin_up_to: up to which it is thin.
    acquisition: `acquisition.ACQUISITION`. days: from the CT to the sample, below 0 if that was
    first.
    """

    facts: pd.DataFrame
    thickness: pd.Series
    thin_up_to: float
    acquisition: pd.DataFrame = field(default_factory=pd.DataFrame)
    days: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))


def groups_of(known: Known) -> pd.DataFrame:
    """Name each series' group of each of CHARACTERISTICS; NaN where it is not known."""
    facts = known.facts.set_index("series")
    acquired = known.acquisition.reindex(facts.index)
    thin = ((known.thin_up_to, f"up to {known.thin_up_to:g} mm"), (np.inf, "thicker"))
    names = [_texts(acquired, column).fillna("") for column in ("manufacturer", "model")]
    scanner = names[0].astype(str).str.cat(names[1].astype(str), sep=" ").str.strip()
    groups = {
        "slice thickness": _cut(known.thickness.reindex(facts.index), thin),
        "phase": _texts(acquired, "phase"),
        "scanner": scanner.where(scanner.ne("")),
        "sample type": _texts(facts, "sample_type"),
        "days between CT and sample": _cut(known.days.reindex(facts.index).abs(), DAYS),
        "sex": _texts(facts, "sex"),
        "age": _cut(facts["age"], AGES),
        "lesion size": _lesion_sizes(facts),
    }
    return pd.DataFrame(groups, index=facts.index)[list(CHARACTERISTICS)]


def tabulate_subgroups(
    predictions: pd.DataFrame, groups: pd.DataFrame, draws: int, seed: int
) -> pd.DataFrame:
    """Count and score a model's predictions in each group (`SUBGROUPS`).

    `predictions` are one model's without class weights (`fits.PREDICTIONS`), `groups` those of
    `groups_of`. A characteristic that nothing tells of has one row without a group.
    """
    rows = []
    for (model, part), scored in predictions.groupby(["model", "set"], sort=False):
        for name in CHARACTERISTICS:
            group = scored["series"].map(groups[name])
            if group.isna().all():
                rows.append([model, part, name, None, *_counts(scored[:0]), *_score(NOT_TOLD)])
                continue
            named = group.fillna(NOT_KNOWN)
            for label in sorted(named.unique(), key=lambda one: _place(name, one)):
                inside = scored[named.eq(label)]
                rows.append(
                    [model, part, name, label, *_counts(inside), *_scored(inside, draws, seed)]
                )
    return pd.DataFrame(rows, columns=SUBGROUPS.names)


def _place(characteristic: str, group: str) -> tuple[int, str]:
    """Order groups by their limits, texts by name, and what is not known last."""
    ordered = [NO_LESION, *(name for cuts in (DAYS, AGES, SIZES) for _, name in cuts)]
    if characteristic == "slice thickness":
        return (int(group == "thicker") + 2 * int(group == NOT_KNOWN), group)
    return (ordered.index(group) if group in ordered else 99 + (group == NOT_KNOWN), group)


def _counts(rows: pd.DataFrame) -> list[int]:
    counts = [len(rows), rows["study"].nunique(), rows["patient"].nunique()]
    return [*counts, *_of_classes(rows).values(), int(rows["predicted"].eq(rows["label"]).sum())]


def _of_classes(rows: pd.DataFrame) -> Mapping[int, int]:
    return {label: rows.loc[rows["label"].eq(label), "patient"].nunique() for label in (1, 0)}


def _scored(rows: pd.DataFrame, draws: int, seed: int) -> list:
    if min(_of_classes(rows).values()) < FEWEST:
        return _score(TOO_FEW)
    rows = rows.sort_values("series")
    central, spread = (draw_by(unit, rows, draws, seed) for unit in ("series", "patient"))
    found = estimates(rows, "patient", central, spread)[WITHIN_FOLDS]
    if np.isnan(found.mean):
        return _score(TOO_FEW)
    return [found.mean, found.low, found.high, None]


def _score(reason: str) -> list:
    return [np.nan, np.nan, np.nan, reason]


def _texts(table: pd.DataFrame, column: str) -> pd.Series:
    if column not in table:
        return pd.Series(np.nan, index=table.index, dtype=object)
    values = table[column].astype(object)
    return values.where(values.notna() & values.ne(""))


def _cut(values: pd.Series, cuts: tuple[tuple[float, str], ...]) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce")
    named = pd.cut(numbers, [-np.inf, *(limit for limit, _ in cuts)], labels=[n for _, n in cuts])
    return named.astype(object)


def _lesion_sizes(facts: pd.DataFrame) -> pd.Series:
    """Cut the diameter in mm of a sphere of the scan's mean lesion volume."""
    lesions = pd.to_numeric(facts["lesions"], errors="coerce")
    volume = facts["burden_ml"] * MM3_PER_ML / lesions.where(lesions > 0)
    sizes = _cut(2 * np.cbrt(3 * volume / (4 * np.pi)), SIZES)
    return sizes.where(~lesions.eq(0), NO_LESION)
