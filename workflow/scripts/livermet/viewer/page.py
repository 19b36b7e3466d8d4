"""The pages of the viewer: what each tells, as one HTML file that needs nothing else to be read."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from livermet.viewer.slices import RANGE_HU, Slices
from livermet.viewer.texts import FOLDERS

# 350 series then take 1.4 GB at most.
MOST_BYTES = 4_000_000
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDERS),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
# Windows (name, lowest and highest HU) within `RANGE_HU`.
WINDOWS = (("soft tissue (W 400, L 40)", -160, 240), ("liver (W 150, L 90)", 15, 165))
# What a page is without its data, and the least that its CT gets of it however large the masks are.
FRAME_BYTES, LEAST_BYTES_OF_CT = 60_000, 800_000
PHANTOM = "This series is one: its numbers say nothing of patients."
# Of the table `scans`, what an index and the head of a page show.
OF_SCAN = (
    "lesion_dice",
    "reference_lesions",
    "detected_lesions",
    "predicted_lesions",
    "false_positives",
    "reference_burden_ml",
    "predicted_burden_ml",
)


@dataclass(frozen=True)
class Prediction:
    """A model's prediction as a page shows it.

    kind: which networks predicted. mask, probability: as `overlays.packed` and `packed_probability`
    give them, the latter None where none is saved. lesions: of reference and prediction, as
    `lesions.with_matches` orders them. scan: the columns `OF_SCAN`, None where empty.
    """

    kind: str
    mask: Mapping[str, Any]
    probability: Mapping[str, Any] | None
    lesions: Sequence[Mapping[str, Any]]
    scan: Mapping[str, float | None]


@dataclass(frozen=True)
class View:
    """What the page of a series shows.

    shape, spacing: voxels and mm by slice, row and column. reference: its packed label map, None
    where there is none; without lesions where `liver_alone`. lesions: the reference's, where there
    is no prediction. predictions: by model. phantom: whether the CT is one.
    """

    series: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    slices: Slices
    cohort: str = ""
    phase: str = ""
    reference: Mapping[str, Any] | None = None
    liver_alone: bool = False
    phantom: bool = False
    lesions: Sequence[Mapping[str, Any]] = ()
    predictions: Mapping[str, Prediction] = field(default_factory=dict)


def room_for_ct(overlays: Iterable[Mapping[str, Any]]) -> int:
    """Return how many bytes the slices of a page may have beside its packed masks.

    As base64 they take a third more.
    """
    taken = FRAME_BYTES + sum(len(one["values"]) for one in overlays)
    return max(LEAST_BYTES_OF_CT, (MOST_BYTES - taken) * 3 // 4)


def series_page(view: View, told: Mapping[str, Any]) -> str:
    """Write the page of a series.

    told: run, version, final_model, patients (whether the run has pages of new patients, and no
    report), and the words of models and rules ({name: word}).
    Text is escaped, and the same view gives the same bytes.
    """
    models = [
        {
            "key": model,
            "name": told["models"][model],
            "kind": one.kind.replace("_", " "),
            "scan": dict(one.scan),
            "lesions": list(one.lesions),
        }
        for model, one in view.predictions.items()
    ]
    masks = {model: one.mask for model, one in view.predictions.items()}
    if view.reference is not None:
        masks["reference"] = view.reference
    probabilities = {
        model: one.probability
        for model, one in view.predictions.items()
        if one.probability is not None
    }
    held = {
        "shape": view.shape,
        "spacing": view.spacing,
        "box": view.slices.box,
        "step": view.slices.step,
        "range": RANGE_HU,
        "images": [base64.b64encode(image).decode() for image in view.slices.images],
        "masks": masks,
        "probabilities": probabilities,
        "models": models,
        "lesions": list(view.lesions),
        "rules": told["rules"],
        "final": told["final_model"],
    }
    return TEMPLATES.get_template("series.html").render(
        **{name: told[name] for name in ("run", "version", "patients")},
        phantoms=PHANTOM if view.phantom else "",
        series=view.series,
        facts=_facts(view),
        fineness=_fineness(view.slices),
        windows=WINDOWS,
        models=models,
        has_reference=view.reference is not None,
        has_probability=bool(probabilities),
        held=_as_json(held),
    )


def index_page(
    rows: Mapping[str, Mapping[str, str]], scans: pd.DataFrame, told: Mapping[str, Any]
) -> str:
    """Write the page that leads to all series, those that a model did worst on first.

    rows: cohort and phase of each series that has a page. scans: detection's table of all models,
    empty where masks are given. told: as of `series_page`, and phantoms (a sentence, or '').
    """
    models = [model for model in told["models"] if model in set(scans["model"])]
    by_model = {
        model: _ordered(rows, scans[scans["model"].eq(model)].set_index("series"))
        for model in models
    }
    shown = told["final_model"] if told["final_model"] in by_model else next(iter(by_model), "")
    return TEMPLATES.get_template("index.html").render(
        **{name: told[name] for name in ("run", "version", "patients", "phantoms")},
        rows=rows,
        tables=[(model, told["models"][model], by_model[model]) for model in models],
        shown=shown,
    )


def _ordered(
    rows: Mapping[str, Mapping[str, str]], scans: pd.DataFrame
) -> list[tuple[str, dict[str, Any] | None]]:
    """Return each series with its scores, worst first; last come those without a reference."""
    told: list[tuple[str, dict[str, Any] | None]] = [
        (series, scores_of(scans.loc[series]) if series in scans.index else None) for series in rows
    ]
    return sorted(told, key=lambda one: _badness(one[1]))


def _badness(scores: Mapping[str, float | None] | None) -> tuple[float, ...]:
    """Order by lesion Dice, then by missed and false lesions."""
    if scores is None:
        return (2.0, 0.0, 0.0)
    dice = scores["lesion_dice"]
    if dice is None:
        return (1.0, 0.0, 0.0)
    missed = (scores["reference_lesions"] or 0) - (scores["detected_lesions"] or 0)
    return (0.0, dice, -missed - (scores["false_positives"] or 0))


def scores_of(scan: Mapping[str, Any]) -> dict[str, float | None]:
    """Take the columns `OF_SCAN` of a row of the table of scans; None where a cell is empty."""
    return {name: None if pd.isna(scan[name]) else float(scan[name]) for name in OF_SCAN}


def _facts(view: View) -> str:
    depth, height, width = view.shape
    step_z, step_y, step_x = view.spacing
    size = f"{width} x {height} x {depth} voxels of {step_x:g} x {step_y:g} x {step_z:g} mm"
    if view.reference is None:
        reference = "no reference"
    else:
        reference = "a liver mask alone" if view.liver_alone else "a reference"
    return "; ".join([word for word in (view.cohort, view.phase) if word] + [size, reference]) + "."


def _fineness(slices: Slices) -> str:
    low, high = RANGE_HU
    pixels = (
        "every voxel of the body"
        if slices.step == 1
        else f"one pixel for {slices.step} x {slices.step} voxels in plane"
    )
    return (
        f"The picture is a small copy: {pixels}, JPEG of quality {slices.quality}, {low:g} to "
        f"{high:g} HU in 256 steps. Volumes and HU beside it were measured on the CT itself."
    )


def _as_json(held: Mapping[str, Any]) -> str:
    """Write JSON that can stand inside of a script element, whatever its texts are."""
    text = json.dumps(held, separators=(",", ":"), allow_nan=False, default=_plain)
    return text.replace("<", "\\u003c")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no place in JSON")
