"""Patients of an archive who may be one under two identities, or two under one.

Afterwards nobody can see it: pseudonyms of 4711 and 0004711 have nothing in common.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from livermet.archive.pseudonyms import Pseudonyms
from livermet.archive.series import Found
from livermet.vocabulary import Verdict

# Names and dates of birth that more patients share are those of an anonymiser.
MOST_ALIKE = 3


def doubts_on_patients(
    found: Sequence[Found], pseudonyms: Pseudonyms
) -> Mapping[int, tuple[str, ...]]:
    """Say of usable series, by their places, whose patient may be another one's or several.

    One patient may have PatientIDs that differ in zeros or punctuation alone, or two of them with
    one name and date of birth; two may share a PatientID that a site wrote for all.
    """
    usable = {n: one.fact for n, one in enumerate(found) if one.verdict is Verdict.USABLE}
    names: dict[str, set[str]] = defaultdict(set)
    alike: dict[str, set[str]] = defaultdict(set)
    for fact in usable.values():
        names[fact.patient] |= {fact.name} - {""}
        for sign in {fact.near, fact.person} - {""}:
            alike[sign].add(fact.patient)
    doubts: dict[int, tuple[str, ...]] = {}
    for place, fact in usable.items():
        told = []
        if len(names[fact.patient]) > 1:
            told.append(
                f"Series of its PatientID name {len(names[fact.patient])} persons (PatientName); "
                "if these are several patients, give the rows of each a pseudonym of its own."
            )
        others = {
            other
            for sign in (fact.near, fact.person)
            if len(alike[sign]) <= MOST_ALIKE
            for other in alike[sign] - {fact.patient}
        }
        if others:
            listed = " or ".join(sorted(str(pseudonyms.name(other)) for other in others))
            told.append(
                f"Its patient may be {listed} too (a PatientID that differs in zeros or "
                "punctuation alone, or the same name and date of birth); if they are one patient, "
                "write one pseudonym into both rows, or one patient is in training and in test."
            )
        if told:
            doubts[place] = tuple(told)
    return doubts
