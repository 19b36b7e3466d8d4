"""Assays: what the config says of each sample type, how it is scored and when it is positive.

An assay is the entry of `molecular.assays` that is named as a `sample_type` of the sheet. One that
names a table of expression has its scores computed from it; another one has the sheet's scores,
and only a threshold of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livermet.vocabulary import Scoring

# The sample type of cell-free DNA, whose signal is that of promoters and not of transcripts.
CFDNA = "cfdna"


@dataclass(frozen=True)
class Assay:
    """One entry of `molecular.assays`; a key that the config leaves out is None.

    expression: table of genes by samples. units: what its numbers are. reference: centroids or
    gene set. aliases: the user's own table of other names of genes. positive_above: the threshold.
    """

    name: str
    expression: str | None = None
    units: str | None = None
    reference: str | None = None
    aliases: str | None = None
    positive_above: float | None = None

    @property
    def files(self) -> dict[str, str]:
        """The files that it names, by their keys."""
        keys = ("expression", "reference", "aliases")
        return {key: path for key in keys if (path := getattr(self, key))}


@dataclass(frozen=True)
class Scores:
    """How the scores of a study come about: `molecular` and the threshold of `phenotype`."""

    method: str
    frozen_as: str
    minimum_coverage: float
    positive_above: float
    assays: tuple[Assay, ...]

    @property
    def computed(self) -> tuple[Assay, ...]:
        """The assays whose scores are computed from expression."""
        return tuple(assay for assay in self.assays if assay.expression)

    @property
    def computed_types(self) -> list[str]:
        """The sample types whose scores are computed from expression."""
        return [assay.name for assay in self.computed]

    @property
    def thresholds(self) -> dict[str, float]:
        """The thresholds of those sample types that have one of their own."""
        return {
            assay.name: assay.positive_above
            for assay in self.assays
            if assay.positive_above is not None
        }

    def threshold(self, sample_type: str) -> float:
        """Return the score above which a sample of a type is positive."""
        return self.thresholds.get(sample_type, self.positive_above)


def scores_of(config: Mapping[str, Any]) -> Scores:
    """Take from a config how its scores come about; assays in the order of their names."""
    molecular = config["molecular"]
    assays = [Assay(name, **(keys or {})) for name, keys in sorted(molecular["assays"].items())]
    return Scores(
        molecular["method"],
        molecular["frozen_as"],
        molecular["minimum_coverage"],
        config["phenotype"]["positive_above"],
        tuple(assays),
    )


def unusable_assays(config: Mapping[str, Any]) -> list[str]:
    """Say which assays of a config cannot be scored, and what each of them lacks."""
    scores = scores_of(config)
    if scores.assays and config["phenotype"]["table"]:
        return [
            "Config key 'molecular.assays' says how samples are scored, and a finished feature "
            "table (phenotype.table) has its own scores and classes; remove one of the two."
        ]
    return [
        f"Config key 'molecular.assays.{assay.name}' {said}"
        for assay in scores.assays
        for said in _wrong_with(assay, scores)
    ]


def _wrong_with(assay: Assay, scores: Scores) -> list[str]:
    if not assay.expression:
        idle = [key for key in ("units", "reference", "aliases") if getattr(assay, key)]
        if idle:
            return [f"has {' and '.join(idle)} and no expression, which is what they are of."]
        if assay.positive_above is None:
            return ["says nothing; give it expression, or a threshold (positive_above), or go."]
        return []
    wrong = [
        f"has expression and no {key}; config/README.md says what it takes."
        for key in ("units", "reference")
        if not getattr(assay, key)
    ]
    own = assay.positive_above is not None
    if scores.method == Scoring.SSGSEA and not own:
        wrong.append(
            "has no positive_above: an enrichment score is 0 nowhere in particular, since its sign "
            "follows the set's baseline expression; write the threshold that was set on samples of "
            "known class."
        )
    elif assay.name == CFDNA and not own:
        wrong.append(
            "has no positive_above: cfDNA shows promoters, diluted by blood's own DNA, and the "
            "threshold of tissue does not hold for it; write its own."
        )
    others = {one.reference for one in scores.computed if one != assay}
    if assay.name == CFDNA and assay.reference in others:
        wrong.append(
            "has the reference of another sample type; cfDNA needs its own, made from the same "
            "kind of signal."
        )
    return wrong


def as_settings(assay: Assay, scores: Scores, checksums: Mapping[str, str]) -> dict[str, str]:
    """Return what decides an assay's scores and classes, as texts, for the ledger to freeze.

    `checksums` are those of what its reference and its aliases say.
    """
    return {
        "method": scores.method,
        "units": assay.units or "",
        "reference": checksums["reference"],
        "aliases": checksums.get("aliases", "none"),
        "positive_above": repr(float(scores.threshold(assay.name))),
    }


def without_files(molecular: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section `molecular` of a config without the places of its files."""
    kept = ("units", "positive_above")
    assays = {
        name: {key: keys[key] for key in kept if (keys or {}).get(key) is not None}
        for name, keys in molecular["assays"].items()
    }
    return {**molecular, "assays": assays}


def told(scores: Scores) -> dict[str, Any]:
    """Return what a job that scores samples has to know, the places of files left out."""
    assays = [
        {
            "name": assay.name,
            "units": assay.units,
            "aliases": bool(assay.aliases),
            "positive_above": scores.threshold(assay.name),
        }
        for assay in scores.computed
    ]
    return {
        "method": scores.method,
        "minimum_coverage": scores.minimum_coverage,
        "positive_above": scores.positive_above,
        "assays": assays,
    }


def as_told(
    given: Mapping[str, Any],
    frozen_as: str,
    expression: Sequence[str],
    reference: Sequence[str],
    aliases: Sequence[str],
) -> Scores:
    """Put the files of a job, in the order of the assays, to what `told` says of them."""
    others = iter(aliases)
    assays = tuple(
        Assay(
            one["name"],
            table,
            one["units"],
            centroids,
            next(others) if one["aliases"] else None,
            one["positive_above"],
        )
        for one, table, centroids in zip(given["assays"], expression, reference, strict=True)
    )
    return Scores(
        given["method"], frozen_as, given["minimum_coverage"], given["positive_above"], assays
    )
