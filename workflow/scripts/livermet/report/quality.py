"""The page of quality: every series in one picture, those that something is unusual about first."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from livermet.ingest.warned import REFERENCE, counted, kinds_of, warnings_of

KIND = "data:image/webp;base64,"


@dataclass(frozen=True)
class Leaf:
    """A series as the page shows it; `kinds` are the places of its warnings among all kinds."""

    series: str
    facts: str
    warnings: list[tuple[str, str]]
    kinds: list[int]
    accepted: bool
    has_reference: bool
    source: str
    view: str = ""


def compose(
    rows: Mapping[str, Mapping[str, str]],
    records: Mapping[str, Mapping[str, Any]],
    pictures: Mapping[str, str],
    accepted: Collection[str],
    told: Mapping[str, Any],
) -> dict:
    """Return the content of the template quality.html.

    rows: the cohort and the phase of each series, in the sheet's order. records: its acquisition,
    quality and, where there is one, reference together. pictures: WebP in base64. accepted: series
    whose mask the config accepts although it does not fit (`ingest.accept_masks`). told: the
    settings run, version, phantoms and viewed, the series that have a page in the viewer.
    """
    by_series = {series: warnings_of(records[series]) for series in rows}
    sentences = {
        name: [one for said in found.values() for one in said] for name, found in by_series.items()
    }
    counts = counted(sentences.values())
    places = {kind: place for place, (kind, _) in enumerate(counts)}
    leaves = [
        Leaf(
            series,
            _facts(row, records[series]),
            [(about, one) for about, said in by_series[series].items() for one in said],
            [places[kind] for kind in kinds_of(sentences[series])],
            series in accepted,
            "reference_voxels_lesion" in records[series],
            KIND + pictures[series],
            f"viewer/series/{series}.html" if series in told.get("viewed", ()) else "",
        )
        for series, row in rows.items()
    ]
    leaves.sort(key=_suspicion)
    return {
        **told,
        "series": leaves,
        "kinds": counts,
        "warned": sum(bool(leaf.warnings) for leaf in leaves),
    }


def _suspicion(leaf: Leaf) -> tuple:
    """Order series: a mask that was accepted, doubts about the mask, about the CT, then by name."""
    of_mask = sum(about == REFERENCE for about, _ in leaf.warnings)
    return (
        not (leaf.accepted and of_mask),
        -of_mask,
        of_mask - len(leaf.warnings),
        leaf.series,
    )


def _facts(row: Mapping[str, str], record: Mapping[str, Any]) -> str:
    size = " x ".join(map(str, record["size"]))
    spacing = " x ".join(f"{step:g}" for step in record["spacing_mm"])
    told = [row["cohort"], *([row["phase"]] if row["phase"] else [])]
    told += [f"{size} voxels of {spacing} mm", f"{record['coverage_mm']:g} mm covered"]
    told += [f"{record['minimum_hu']:g} to {record['maximum_hu']:g} HU"]
    voxels = record.get("reference_voxels_lesion")
    if voxels is not None:
        ml = voxels * record["spacing_mm"][0] * record["spacing_mm"][1] * record["spacing_mm"][2]
        told.append(f"lesions of the reference: {ml / 1000:.1f} ml")
    elif "reference_voxels_lesion" in record:
        told.append("a liver mask alone")
    else:
        told.append("no reference")
    return f"{'; '.join(told)}."
