"""Which segmentation or contours belong to which series: by the UIDs that they refer to."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from livermet.archive.facts import Fact
from livermet.archive.series import Found
from livermet.ingest.rtstruct import RTSTRUCT_CLASS
from livermet.vocabulary import Verdict


@dataclass(frozen=True)
class Reference:
    """A segmentation or a set of contours: its object among the entries."""

    number: int
    kind: str


@dataclass(frozen=True)
class Matched:
    """The references of usable series, and sentences about those of none, by places in a list."""

    of_series: Mapping[int, tuple[Reference, ...]]
    notes: Mapping[int, tuple[str, ...]]


def match_references(found: Sequence[Found]) -> Matched:
    """Give each reference to the usable series that it names.

    The series comes first, then, where it was told apart into several or is not named, the images.
    One that names another patient than its series does belongs to none.
    """
    usable = [n for n, one in enumerate(found) if one.verdict is Verdict.USABLE]
    by_series: dict[str, list[int]] = defaultdict(list)
    for place in usable:
        for series in {fact.series for fact in found[place].facts} - {""}:
            by_series[series].append(place)
    images = _Images(found, usable)
    of_series: dict[int, list[Reference]] = defaultdict(list)
    notes: dict[int, list[str]] = defaultdict(list)
    for place, one in enumerate(found):
        if one.verdict is not Verdict.REFERENCE:
            continue
        for fact, number in zip(one.facts, one.numbers, strict=True):
            target, said = _target(fact, by_series, images)
            if target is not None and _other_patient(fact, found[target].fact):
                target, said = None, "It names another patient than the series that it refers to."
            if target is None:
                notes[place].append(said)
            else:
                kind = "RTSTRUCT" if fact.sop_class == RTSTRUCT_CLASS else "SEG"
                of_series[target].append(Reference(number, kind))
    return Matched(
        {place: tuple(held) for place, held in of_series.items()},
        {place: tuple(dict.fromkeys(held)) for place, held in notes.items()},
    )


class _Images:
    """Counts how many of some images each usable series holds; built when it is first asked."""

    def __init__(self, found: Sequence[Found], usable: Sequence[int]) -> None:
        self._found, self._usable = found, usable
        self._place_of: dict[str, int] = {}

    def best(self, instances: Sequence[str]) -> int | None:
        """Return the place of the series that holds most of them; None for none or a tie."""
        if not self._place_of:
            self._place_of = {
                instance: place
                for place in self._usable
                for instance in self._found[place].instances
                if instance
            }
        counts: dict[int, int] = defaultdict(int)
        for instance in instances:
            if (place := self._place_of.get(instance)) is not None:
                counts[place] += 1
        ordered = sorted(counts.values(), reverse=True)
        if not ordered or ordered[1:2] == ordered[:1]:
            return None
        return max(counts, key=lambda place: counts[place])


def _target(
    fact: Fact, by_series: Mapping[str, Sequence[int]], images: _Images
) -> tuple[int | None, str]:
    named = {place for series in fact.refers_to for place in by_series.get(series, ())}
    if len(named) == 1:
        return named.pop(), ""
    best = images.best(fact.refers_to_images)
    if best is not None and (not named or best in named):
        return best, ""
    if named:
        return None, "It refers to several usable series, and its images do not tell to which."
    return None, "No usable series of the archive is what it refers to."


def _other_patient(reference: Fact, image: Fact) -> bool:
    return reference.named and image.named and reference.patient != image.patient
