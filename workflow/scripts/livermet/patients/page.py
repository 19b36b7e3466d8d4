"""The page of a study: what its scans hold, what the model says, and what it cannot say."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from livermet.cohort.scan_list import implausible
from livermet.detection.obliquity import plane_told
from livermet.images import BACKGROUND
from livermet.models import CLASSIFIERS
from livermet.pack.judged import PREDICTED, WITHHELD
from livermet.patients.measured import MOST_TARGETS, Measured, shown_of
from livermet.patients.pictures import WINDOW, key_images
from livermet.patients.results import Verdicts

# What fits on one sheet of A4; tables and the page of quality have all.
MOST_LESIONS, MOST_SERIES, MOST_WARNINGS, MOST_LETTERS = 8, 5, 2, 700

# There was no CT before: an earlier day stands for a date that the scan does not tell.
FIRST_CT = "19700101"
CUT = (
    "the liver reaches the first or the last slice of the scan; a part of it may lie outside, and "
    "volumes and axes there may be larger."
)


def compose(
    prediction: Mapping[str, Any],
    measured: Sequence[Measured],
    verdicts: Verdicts,
    classifier: Mapping[str, Any] | None,
    warnings: Mapping[str, Sequence[str]],
    told: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the content of the template patient.html.

    prediction: the study's row of `PREDICTIONS`. classifier: what the packed classifier's record
    says of it, None without one. warnings: of each series' CT. told: run, version, phantoms, model
    (its label), networks (their number), views (the viewer's page of each series, if any).
    """
    study, shown = prediction["study"], shown_of(measured)
    lesions = shown.lesions.sort_values("long_mm", ascending=False, kind="stable")
    return {
        **{key: told[key] for key in ("run", "version", "phantoms")},
        "study": study,
        "is_dated": study.rpartition("_")[2] >= FIRST_CT,
        "cards": _cards(prediction),
        "verdict": _verdict(prediction, classifier),
        "pictures": key_images(shown),
        "window": WINDOW,
        "lesions": [_lesion(row) for row in lesions.head(MOST_LESIONS).itertuples()],
        "more": _more(lesions.iloc[MOST_LESIONS:]),
        "shown": _short(shown.series, study),
        "plane": plane_told(shown.tilt_degrees),
        "series": _series(study, measured, verdicts) if len(measured) > 1 else [],
        "apart": _disagreement(measured, verdicts) if len(measured) > 1 else "",
        "warnings": _warnings(
            study, {one.series: [*_doubts(one), *warnings.get(one.series, ())] for one in measured}
        ),
        "limits": _limits(prediction, told, classifier),
        "views": [(_short(one.series, study), told["views"][one.series]) for one in measured]
        if told["views"]
        else [],
    }


def _cards(prediction: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the values that stand out, each with what it is."""
    liver_ml, burden_ml = prediction["liver_ml"], prediction["burden_ml"]
    share = f", {burden_ml / liver_ml:.1%} of the liver" if liver_ml else ""
    from_mm = prediction["measurable_from_mm"]
    return [
        (
            f"{prediction['lesions']}",
            f"lesion{'' if prediction['lesions'] == 1 else 's'} marked in the liver",
        ),
        (f"{burden_ml:.1f} ml", f"tumour burden{share}"),
        (f"{liver_ml:.0f} ml", "liver, its lesions included"),
        (
            f"{prediction['diameters_mm']:.0f} mm",
            f"RECIST 1.1-like sum: long axes of the {MOST_TARGETS} largest liver lesions of "
            f"{from_mm:g} mm or more",
        ),
    ]


def _verdict(prediction: Mapping[str, Any], classifier: Mapping[str, Any] | None) -> dict[str, str]:
    """Say what the classifier says: a probability and the range of the folds, or why none."""
    if prediction["verdict"] != PREDICTED:
        return {"head": f"Phenotype: {WITHHELD}", "why": _reasons(prediction), "given": ""}
    assert classifier is not None, "what predicts is a classifier"
    name = classifier["name"]
    call = "positive" if prediction["called"] == 1 else "negative"
    models = len(classifier["folds"])
    return {
        "head": f"Phenotype: {name} {call} by the classifier's threshold",
        "given": f"Probability of {name} positive: {prediction['probability']:.2f}",
        "why": (
            f"Range of the {models} folds' models {prediction['lowest']:.2f} to "
            f"{prediction['highest']:.2f}, which is no uncertainty: it says how far the models "
            f"differ that were trained on other parts of the same patients. {_reasons(prediction)}"
        ).strip(),
    }


def _reasons(prediction: Mapping[str, Any]) -> str:
    """Return as many whole sentences of the reasons as a sheet has room for."""
    told = prediction["reasons"].replace(f"{prediction['study']}_", "")
    if len(told) <= MOST_LETTERS:
        return told
    return f"{told[: told.rindex('. ', 0, MOST_LETTERS)]}. More reasons are in series.tsv."


def _lesion(row: Any) -> list[str]:
    return [
        f"{row.lesion}{' *' if row.target else ''}",
        f"{row.volume_ml:.1f}" if row.volume_ml >= 0.1 else f"{row.volume_ml:.2f}",
        f"{row.long_mm:.0f}" if row.long_mm >= 10 else f"{row.long_mm:.1f}",
        f"{row.short_mm:.0f}" if row.short_mm >= 10 else f"{row.short_mm:.1f}",
        # Of a float just below 0 it would be -0.
        f"{round(row.mean_hu)}",
        f"{row.slice}",
    ]


def _more(rest: pd.DataFrame) -> str:
    if rest.empty:
        return ""
    return (
        f"{len(rest)} smaller lesion{'s' if len(rest) > 1 else ''} more, "
        f"{rest['volume_ml'].sum():.1f} ml together; all are in lesions.tsv."
    )


def _short(series: str, study: str) -> str:
    """Return a series' name without that of its study, which stands above."""
    return series.removeprefix(f"{study}_") or series


def _series(study: str, measured: Sequence[Measured], verdicts: Verdicts) -> list[list[str]]:
    return [
        [
            _short(one.series, study),
            f"{one.spacing_mm[0]:.3g}",
            f"{len(one.lesions)}",
            f"{one.row['burden_ml']:.1f}",
            f"{one.liver_ml:.0f}",
            f"{one.row['diameters_mm']:.0f}",
            _probability(verdicts.of_series(one.series)),
        ]
        for one in _listed(measured)
    ]


def _listed(measured: Sequence[Measured]) -> list[Measured]:
    """Take the series that is shown, then the thinnest slices; as many as a sheet has room for."""
    shown = shown_of(measured)
    return sorted(measured, key=lambda one: (one is not shown, one.spacing_mm[0]))[:MOST_SERIES]


def _probability(said: Mapping[str, Any]) -> str:
    if said["verdict"] != PREDICTED:
        return "none"
    return f"{said['probability']:.2f} ({said['lowest']:.2f} to {said['highest']:.2f})"


def _disagreement(measured: Sequence[Measured], verdicts: Verdicts) -> str:
    """Say how the series of a study combine, and how far they are apart."""
    burdens = [one.row["burden_ml"] for one in measured]
    counts = [len(one.lesions) for one in measured]
    told = [
        "Lesions are told by the series with the thinnest slices of the whole liver; the "
        f"{len(measured)} series count {_from_to(counts, '{}')} "
        f"lesion{'' if max(counts) == 1 else 's'} of {_from_to(burdens, '{:.1f}')} ml."
    ]
    if len(measured) > MOST_SERIES:
        told.append(f"{len(measured) - MOST_SERIES} series more are in series.tsv.")
    said = [verdicts.of_series(one.series) for one in measured]
    given = [one["probability"] for one in said if one["verdict"] == PREDICTED]
    if len(given) > 1:
        told.append(
            f"The study's probability is the mean of {len(given)} series', which lie between "
            f"{min(given):.2f} and {max(given):.2f}."
        )
    return " ".join(told)


def _from_to(numbers: Sequence[float], form: str) -> str:
    """Write the lowest and the highest number, or both as one where they are written alike."""
    lowest, highest = form.format(min(numbers)), form.format(max(numbers))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _doubts(one: Measured) -> list[str]:
    """Say what of a mask is implausible, and whether the scan cuts the liver.

    They stand before what ingest warned of, which its record has too.
    """
    flags = implausible(one.row)
    told = [f"the mask is implausible ({'; '.join(flags)}): look at it first."] if flags else []
    return told + _cut(one)


def _cut(one: Measured) -> list[str]:
    """Say whether the liver goes on beyond the first or last slice, as far as can be told."""
    return [CUT] if (one.labels[[0, -1]] != BACKGROUND).any() else []


def _warnings(study: str, warnings: Mapping[str, Sequence[str]]) -> list[str]:
    """List what is unusual about the CTs, the same of several series once."""
    by_sentence: dict[str, list[str]] = {}
    for series, found in warnings.items():
        for sentence in found:
            by_sentence.setdefault(sentence, []).append(_short(series, study))
    told = [
        f"{names[0] if len(names) == 1 else f'{len(names)} series'}: {sentence}"
        for sentence, names in by_sentence.items()
    ]
    more = len(told) - MOST_WARNINGS
    return told[:MOST_WARNINGS] + (
        [f"{more} warning{'s' if more > 1 else ''} more in quality.json."] if more > 0 else []
    )


def _limits(
    prediction: Mapping[str, Any],
    told: Mapping[str, Any],
    classifier: Mapping[str, Any] | None,
) -> list[str]:
    networks = told["networks"]
    said = [
        f"Liver and lesions are marked by {told['model']} ({networks} "
        f"network{'s' if networks > 1 else ''}), and nobody has checked them: scroll through the "
        "scan before any number is used.",
        "A lesion is what the network marks. It does not say what a lesion is: a cyst or another "
        "tumour may be marked, and small metastases may be missed.",
        "The sum of diameters is measured on the liver alone, by the mask, and without an earlier "
        "scan: it is no RECIST reading.",
    ]
    if classifier:
        worth = classifier["validation"]
        said.append(
            f"The classifier ({CLASSIFIERS[classifier['classifier']].label}) learnt from "
            f"{classifier['series']} series of {classifier['patients']} patients; its AUC in "
            f"cross-validation is {worth['auc']:.2f} ({worth['lowest']:.2f} to "
            f"{worth['highest']:.2f} over {worth['deals']} deals of folds), that of tumour volume "
            f"alone {worth['volume_auc']:.2f}. It does not take the place of a biopsy."
        )
    return said
