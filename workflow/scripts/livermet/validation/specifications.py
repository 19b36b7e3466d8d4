"""The procedures that could have been chosen as well: which there are, and in which order.

A specification is one choice of each of CHOICES. This module has no library of classifiers, so that
the plan of a run can count them.
"""

from collections.abc import Iterable
from typing import NamedTuple

from livermet.models import classifiers_of
from livermet.vocabulary import AGGREGATIONS, Aggregation, Protocol, Target, Transform

EVERY, MEAN, THICK, THIN = "every series", "study mean", "thick alone", "thin alone"
SERIES_TAKEN = (EVERY, MEAN, THICK, THIN)
AS_IT_IS, ADJUSTED = "as it is", "adjusted for"
VOLUMES = (AS_IT_IS, ADJUSTED)
ALL, NEIGHBOURS, NONE = "all", "neighbours", "none"
# Specifications a job: of a finished table those of one way to take series.
IN_A_JOB = 36
OF_TABLE = "the run begins with a finished table, which is taken as it is"
NOT_BY_LESION = "radiomics.per_lesion is off"


class Specification(NamedTuple):
    """One procedure: what features are of, which series, and how a model learns from them."""

    aggregation: str
    series: str
    transform: str
    volume: str
    target: str
    learner: str


CHOICES = Specification._fields


def available(aggregations: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """List the values of each choice, given those of `aggregations` that a run has."""
    values = (
        tuple(aggregations),
        SERIES_TAKEN,
        tuple(one.value for one in Transform),
        VOLUMES,
        tuple(one.value for one in Target),
        tuple(classifiers_of(Protocol.CORRECTED)),
    )
    return dict(zip(CHOICES, values, strict=True))


def specifications(
    size: str, aggregations: Iterable[str], own: Specification
) -> list[Specification]:
    """List the specifications of a size: 'all', or 'neighbours', which differ from `own` in one.

    A neighbour has any learner, since the run's own is chosen later; 'none' lists nothing. Those
    that share features stand beside each other.
    """
    if size == NONE:
        return []
    found = _crossed(available(aggregations))
    if size == ALL:
        return found
    return [one for one in found if _apart(one, own) <= 1]


def absent_aggregations(aggregations: Iterable[str]) -> dict[str, str]:
    """Say of each aggregation that a run does not have why; `aggregations` are those it has."""
    there = set(aggregations)
    reason = OF_TABLE if Aggregation.TABLE in there else NOT_BY_LESION
    lacking = [name for name in AGGREGATIONS if name not in there]
    # A finished table stands for the union.
    return {
        name: reason
        for name in lacking
        if not (name == Aggregation.UNION and Aggregation.TABLE in there)
    }


def _crossed(values: dict[str, tuple[str, ...]]) -> list[Specification]:
    found: list[tuple[str, ...]] = [()]
    for choice in CHOICES:
        found = [(*before, one) for before in found for one in values[choice]]
    return [Specification(*one) for one in found]


def _apart(one: Specification, own: Specification) -> int:
    """Count the choices in which two specifications differ, the learner's aside."""
    return sum(a != b for a, b in zip(one[:-1], own[:-1], strict=True))
