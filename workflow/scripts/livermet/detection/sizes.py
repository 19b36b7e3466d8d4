"""Sizes of lesions: how often one of a size is found, or right, and how large each kind is.

Of a scan without a reference no predicted lesion is right or wrong.
"""

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pandas as pd

from livermet.contracts import COUNT, NUMBER, TEXT, Column, Contract
from livermet.detection.cohort import INTERVAL, SET, ScanSet, flags_of
from livermet.detection.intervals import NO_WIDTH, Draws, estimate
from livermet.detection.measured import PREDICTION, REFERENCE, RULE

# Up to 5 mm, from 5 to below 10 mm, and so on: the diameter of the sphere of equal volume.
SIZES_MM = {"< 5": (0, 5), "5-10": (5, 10), "10-20": (10, 20), "> 20": (20, np.inf)}
DIAMETER = Column(
    "diameter_mm",
    TEXT,
    "diameter of the sphere of equal volume",
    unit="mm",
    words=tuple(SIZES_MM),
)
BY_SIZE = ("model", "cohort", "test_set", "rule", "diameter_mm")
SIZES = Contract(
    files=("tables/detection_sizes.csv",),
    row="a class of size of the reference lesions of a set of scans, by one rule",
    columns=(
        *SET,
        RULE,
        DIAMETER,
        Column("reference_lesions", COUNT, "number of reference lesions of this size"),
        Column("detected_lesions", COUNT, "how many of them are detected"),
        *INTERVAL,
    ),
    key=BY_SIZE,
)
PREDICTED_SIZES = Contract(
    files=("tables/detection_predicted_sizes.csv",),
    row="a class of size of the predicted lesions of a set of scans, by one rule",
    columns=(
        *SET,
        RULE,
        DIAMETER,
        Column("predicted_lesions", COUNT, "number of predicted lesions of this size"),
        Column("true_positive_lesions", COUNT, "how many of them match a reference lesion"),
        *INTERVAL,
    ),
    key=BY_SIZE,
)
# The kinds of lesions: their side, and whether a rule matches them; None takes both.
KINDS: dict[str, tuple[str, bool | None]] = {
    "reference": (REFERENCE, None),
    "detected": (REFERENCE, True),
    "missed": (REFERENCE, False),
    "predicted": (PREDICTION, None),
    "true positive": (PREDICTION, True),
    "false positive": (PREDICTION, False),
}
NO_LESION = "without such a lesion"
QUARTILES = {"first_quartile_mm": 25, "median_mm": 50, "third_quartile_mm": 75}
DISTRIBUTION = Contract(
    files=("tables/detection_size_distribution.csv",),
    row="a kind of lesions of a set of scans, by one rule",
    columns=(
        *SET,
        RULE,
        Column(
            "kind",
            TEXT,
            "reference lesions, those of them that are detected or missed; predicted lesions, "
            "those of them that match and those that do not",
            words=tuple(KINDS),
        ),
        Column("lesions", COUNT, "number of such lesions"),
        Column("scans", COUNT, "scans that have one"),
        Column("patients", COUNT, "patients that have one"),
        *(
            Column(
                name,
                NUMBER,
                f"{name.removesuffix('_mm').replace('_', ' ')} of the diameter of the sphere of "
                "equal volume",
                unit="mm",
                low=0,
                missing=NO_LESION,
            )
            for name in QUARTILES
        ),
        Column("volume_ml", NUMBER, "median volume", unit="ml", low=0, missing=NO_LESION),
        Column(
            "volume_low_ml",
            NUMBER,
            "lower end of its interval: 2.5 % of the draws of patients lie below",
            unit="ml",
            low=0,
            missing=f"{NO_LESION}, and {NO_WIDTH}",
        ),
        Column(
            "volume_high_ml",
            NUMBER,
            "upper end of its interval: 2.5 % of the draws of patients lie above",
            unit="ml",
            low=0,
            missing=f"{NO_LESION}, and {NO_WIDTH}",
        ),
    ),
    key=("model", "cohort", "test_set", "rule", "kind"),
)


def size_table(
    sets: list[ScanSet], lesions: pd.DataFrame, rules: list[str], draws: int, seed: int
) -> pd.DataFrame:
    """Return sensitivity by the reference lesions' diameter: `SIZES`.

    The sets' scans have references. `lesions` are those of all models' scans, with a column
    `matched_<rule>` for each rule.
    """
    rows = [
        names | {"reference_lesions": number, "detected_lesions": matched} | share
        for names, number, matched, share in _by_size(sets, lesions, REFERENCE, rules, draws, seed)
    ]
    return pd.DataFrame(rows, columns=SIZES.names)


def predicted_size_table(
    sets: list[ScanSet], lesions: pd.DataFrame, rules: list[str], draws: int, seed: int
) -> pd.DataFrame:
    """Return PPV by the predicted lesions' diameter: `PREDICTED_SIZES`.

    `sets` and `lesions` as in `size_table`.
    """
    rows = [
        names | {"predicted_lesions": number, "true_positive_lesions": matched} | share
        for names, number, matched, share in _by_size(sets, lesions, PREDICTION, rules, draws, seed)
    ]
    return pd.DataFrame(rows, columns=PREDICTED_SIZES.names)


def _by_size(
    sets: list[ScanSet], lesions: pd.DataFrame, side: str, rules: list[str], draws: int, seed: int
) -> Iterator[tuple[dict, int, int, dict]]:
    """Give names, number of lesions of a size, of those that match, and their share."""
    for chosen, of_set, drawn in _of_side(sets, lesions, side, draws, seed):
        for rule in rules:
            matched = flags_of(of_set, rule)
            for name, limits in SIZES_MM.items():
                inside = of_set["diameter_mm"].between(*limits, inclusive="left").to_numpy()
                yield (
                    {**chosen.names, "rule": rule, "diameter_mm": name},
                    int(inside.sum()),
                    int((inside & matched).sum()),
                    asdict(estimate(drawn.ratios(inside & matched, inside))),
                )


def distribution_table(
    sets: list[ScanSet], lesions: pd.DataFrame, rules: list[str], draws: int, seed: int
) -> pd.DataFrame:
    """Say how large the lesions of each of KINDS are: `DISTRIBUTION`.

    `sets` and `lesions` as in `size_table`. The volume is a median, since a few large
    lesions would make a mean; its interval is over draws of patients, a patient's lesions together.
    """
    rows = []
    for side in (REFERENCE, PREDICTION):
        kinds = {name: match for name, (of, match) in KINDS.items() if of == side}
        for chosen, of_set, drawn in _of_side(sets, lesions, side, draws, seed):
            patients = chosen.scans.set_index("series")["patient"]
            for rule in rules:
                matched = flags_of(of_set, rule)
                for kind, match in kinds.items():
                    here = np.full(len(of_set), True) if match is None else matched == match
                    names = {**chosen.names, "rule": rule, "kind": kind}
                    rows.append(names | _sizes(of_set[here], drawn.of_rows(here), patients))
    table = pd.DataFrame(rows, columns=DISTRIBUTION.names)
    # Both sides of a set and rule together.
    place = table.groupby(list(DISTRIBUTION.key[:-1]), sort=False).ngroup()
    return table.loc[place.sort_values(kind="stable").index].reset_index(drop=True)


def _sizes(lesions: pd.DataFrame, drawn: Draws, patients: pd.Series) -> dict[str, float]:
    volume = estimate(drawn.medians(lesions["volume_ml"]))
    diameters = lesions["diameter_mm"].astype(float)
    return {
        "lesions": len(lesions),
        "scans": lesions["series"].nunique(),
        "patients": lesions["series"].map(patients).nunique(),
        **{name: diameters.quantile(share / 100) for name, share in QUARTILES.items()},
        "volume_ml": volume.value,
        "volume_low_ml": volume.low,
        "volume_high_ml": volume.high,
    }


def _of_side(
    sets: list[ScanSet], lesions: pd.DataFrame, side: str, draws: int, seed: int
) -> Iterator[tuple[ScanSet, pd.DataFrame, Draws]]:
    """Take, a set, its lesions of a side, and the draws of them."""
    of_side = lesions[lesions["side"].eq(side)]
    for chosen in sets:
        of_set, places = chosen.members(of_side)
        yield chosen, of_set, Draws.of(chosen.scans["patient"], draws, seed).of_rows(places)
