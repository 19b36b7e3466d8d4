"""Small tables of a made-up run, made by the stage of detection of scans that are told here.

Three test patients of mSCLC have four scans, ten training patients two each; LiTS has one scan,
whose reference is free of lesions. One draw of three patients in 27 is of one patient alone, more
than the 2.5 % beyond an end of an interval: the intervals of the test patients end at the scores of
the patient alone with whom a score is lowest or highest, unless a mixed draw lies further out.
"""

from functools import cache

import numpy as np
import pandas as pd

from livermet.detection import comparison as compared
from livermet.detection import froc as curves
from livermet.detection.cohort import (
    ScanSet,
    burden_table,
    lesion_free_table,
    scans_of_sets,
    score_table,
    sets_of_scans,
)
from livermet.detection.measured import COUNTS, GROUPS, MATCHING, PREDICTION, REFERENCE, SCANS
from livermet.detection.sizes import distribution_table, predicted_size_table, size_table
from livermet.detection.thresholds import THRESHOLDS
from livermet.vocabulary import ScoredSet

from .written import read_back

RULES = ("any_overlap", "iou_0.5")
MODELS = ("unet", "nnunet_finetuned")
DRAWS = {"draws": 500, "seed": 1}
# Model, cohort, set; in the order of the stage, a model after the other.
SETS = (
    ("unet", "LiTS", ScoredSet.TEST_PATIENTS),
    ("unet", "mSCLC", ScoredSet.TEST_PATIENTS),
    ("unet", "mSCLC", ScoredSet.ALL_OF_COHORT),
    ("nnunet_finetuned", "LiTS", ScoredSet.TEST_PATIENTS),
    ("nnunet_finetuned", "mSCLC", ScoredSet.TEST_PATIENTS),
    ("nnunet_finetuned", "mSCLC", ScoredSet.OUT_OF_FOLD),
)
# The test scans' burden in ml: reference and prediction, of either model.
BURDENS_ML = {"l0": (0.0, 20.0), "p0_a": (10.0, 12.0), "p0_b": (0.0, 0.0)}
BURDENS_ML |= {"p1_a": (40.0, 30.0), "p2_a": (0.5, 0.25)}
# Dice and ASSD in mm of the final model; the other's Dice is 0.1 less where there are lesions.
DICE = {"l0": 0.0, "p0_a": 0.6, "p0_b": 1.0, "p1_a": 0.8, "p2_a": 0.5}
ASSD_MM = {"p0_a": 1.0, "p1_a": 2.0, "p2_a": 3.0}
PREDICTED_LESIONS = {"l0": 1, "p0_a": 4, "p0_b": 0, "p1_a": 4, "p2_a": 2}
# The reference lesions of the test scans: diameter in mm, and the rules that find them with either
# model ('any' overlap, 'iou' 0.5), or with the final model alone.
LESIONS = {
    "p0_a": ((6.0, ""), (7.0, "any"), (12.0, "any, final iou")),
    "p1_a": (
        *((diameter_mm, "any, iou") for diameter_mm in (8.0, 11.0, 13.0, 25.0)),
        (15.0, "any"),
    ),
    "p2_a": ((5.0, "any"), (9.0, "final any")),
}
# How probable each of them is at most, in tenths beside 0.05.
HIGHEST = {"p0_a": (2, 5, 8), "p1_a": (0, 3, 4, 6, 9), "p2_a": (1, 7)}
# Predicted lesions that match, by rule and model.
TRUE_POSITIVES = {
    ("any_overlap", "unet"): {"p0_a": 2, "p1_a": 3, "p2_a": 1},
    ("any_overlap", "nnunet_finetuned"): {"p0_a": 2, "p1_a": 3, "p2_a": 2},
    ("iou_0.5", "unet"): {"p1_a": 3},
    ("iou_0.5", "nnunet_finetuned"): {"p0_a": 1, "p1_a": 3},
}
TRAINING = tuple(f"t{number}_{kernel}" for number in range(10) for kernel in "ab")


def places() -> pd.DataFrame:
    """Where the patient of each series is, as the run's facts say it."""
    series = [*BURDENS_ML, *TRAINING]
    return pd.DataFrame(
        {
            "series": series,
            "patient": [name.split("_")[0] for name in series],
            "cohort": ["LiTS" if name == "l0" else "mSCLC" for name in series],
            "place": ["train" if name in TRAINING else "test" for name in series],
        }
    )


def lesions_of(series: str) -> tuple:
    """The reference lesions of a scan; each training scan has one of 12 mm, found by overlap."""
    return ((12.0, "any"),) if series in TRAINING else LESIONS.get(series, ())


def is_found(told: str, rule: str, model: str) -> bool:
    words = told.split(", ")
    short = "any" if rule == "any_overlap" else "iou"
    return short in words or (model == "nnunet_finetuned" and f"final {short}" in words)


def counts_of(series: str, rule: str, model: str) -> dict:
    """What a rule counts of a scan."""
    lesions = lesions_of(series)
    alone = int(series in TRAINING)
    predicted = PREDICTED_LESIONS.get(series, 1)
    overlaps = alone * (rule == "any_overlap")
    matching = TRUE_POSITIVES[rule, model].get(series, overlaps)
    return {
        "reference_lesions": len(lesions),
        "predicted_lesions": predicted,
        "detected_lesions": sum(is_found(told, rule, model) for _, told in lesions),
        "true_positive_lesions": matching,
        "false_positives": predicted - matching,
    }


def scan_table() -> pd.DataFrame:
    """The scans of both models, as the stage measures them; each has a reference."""
    rows = []
    for model in MODELS:
        for series in places()["series"]:
            reference_ml, predicted_ml = BURDENS_ML.get(series, (5.0, 4.0))
            either = series not in ("l0", "p0_b")
            worse = 0.1 if model == "unet" and either else 0.0
            dice = DICE.get(series, 0.5) - worse
            distance = ASSD_MM.get(series, 1.5) if either else np.nan
            counted = counts_of(series, RULES[0], model)
            rows.append(
                {
                    "series": series,
                    "model": model,
                    "kind": _kind_of(series, model),
                    "has_reference": True,
                    **counted,
                    "liver_dice": 0.9,
                    "lesion_dice": dice,
                    "reference_burden_ml": reference_ml,
                    "predicted_burden_ml": predicted_ml,
                    "reference_liver_ml": 1500.0,
                    "predicted_liver_ml": 1510.0,
                    "false_positive_ml": 1.2 * counted["false_positives"],
                    "split_lesions": 0,
                    "merging_lesions": 0,
                    "lesion_voe": 1 - dice / (2 - dice),
                    "lesion_rvd": _relative_difference(reference_ml, predicted_ml),
                    "lesion_assd_mm": distance,
                    "lesion_mssd_mm": 4 * distance,
                    "lesion_hd95_mm": 3 * distance,
                    "lesion_surface_dice": dice,
                }
            )
    return pd.DataFrame(rows, columns=SCANS.names)


def _relative_difference(reference_ml: float, predicted_ml: float) -> float:
    if reference_ml:
        return (predicted_ml - reference_ml) / reference_ml
    return np.nan if predicted_ml else 0.0


def _kind_of(series: str, model: str) -> str:
    if model == "unet":
        return "single"
    return "out_of_fold" if series in TRAINING else "ensemble"


@cache
def sets() -> list[ScanSet]:
    return list(sets_of_scans(scan_table(), places(), "mSCLC"))


def matching() -> pd.DataFrame:
    rows = []
    for model in MODELS:
        for series in places()["series"]:
            for rule in RULES:
                row = {"series": series, "model": model, "rule": rule}
                row |= counts_of(series, rule, model)
                row |= {"false_positive_ml": 1.2 * row["false_positives"]}
                rows.append(row | {"groups": row["true_positive_lesions"]})
    return pd.DataFrame(rows, columns=MATCHING.names)


def groups() -> pd.DataFrame:
    """Lesions that match one to one; all their scores are 0.6, 0.7 and 0.8 by test patient."""
    rows = []
    for row in matching().itertuples():
        score = {"p0": 0.6, "p1": 0.7, "p2": 0.8}.get(row.series[:2], 0.5)
        for number in range(row.groups):
            group = {"series": row.series, "model": row.model, "rule": row.rule}
            group |= {"references": str(number + 1), "predictions": str(number + 1)}
            group |= {"reference_ml": 2.0, "predicted_ml": 2.0}
            rows.append(group | dict.fromkeys(GROUPS.names[7:], score))
    return pd.DataFrame(rows, columns=GROUPS.names)


def lesions() -> pd.DataFrame:
    """The lesions of all scans, with what the tables of sizes need of them.

    A scan's predicted lesions have diameters of 12, 8, 25 and 4 mm, as far as it has so many; a
    rule matches the first of them.
    """
    rows = []
    for model in MODELS:
        for series in places()["series"]:
            scan = {"series": series, "model": model}
            for diameter_mm, told in lesions_of(series):
                flags = {f"matched_{rule}": is_found(told, rule, model) for rule in RULES}
                rows.append(scan | {"side": REFERENCE, "diameter_mm": diameter_mm} | flags)
            counted = {rule: counts_of(series, rule, model) for rule in RULES}
            predicted = counted[RULES[0]]["predicted_lesions"]
            for number, diameter_mm in enumerate((12.0, 8.0, 25.0, 4.0)[:predicted]):
                flags = {
                    f"matched_{rule}": number < counted[rule]["true_positive_lesions"]
                    for rule in RULES
                }
                rows.append(scan | {"side": PREDICTION, "diameter_mm": diameter_mm} | flags)
    table = pd.DataFrame(rows)
    return table.assign(volume_ml=np.pi / 6 * table["diameter_mm"] ** 3 / 1000)


def counts() -> pd.DataFrame:
    """What is left of the reference lesions and of false positives at each threshold.

    The highest probability of the ten lesions of the test scans is 0.05, 0.15, ..., 0.95 (of the
    final model 0.1 more); every second of them has an IoU of 0.5. Each scan has false positives
    of 0.2, 0.4, 0.6 and 0.8.
    """
    rows = []
    for model in MODELS:
        better = 0.1 if model == "nnunet_finetuned" else 0.0
        for series in places()["series"]:
            own = (5,) if series in TRAINING else HIGHEST.get(series, ())
            for threshold in THRESHOLDS:
                left = [n for n in own if round(0.05 + 0.1 * n + better, 2) >= threshold]
                false = sum(threshold <= peak for peak in (0.2, 0.4, 0.6, 0.8))
                for rule in RULES:
                    found = len(left) if rule == RULES[0] else sum(n % 2 for n in left)
                    row = {"series": series, "model": model, "rule": rule, "threshold": threshold}
                    row |= {"reference_lesions": len(own), "predicted_lesions": found + false}
                    row |= {"detected_lesions": found, "true_positive_lesions": found}
                    rows.append(row | {"false_positives": false})
    return pd.DataFrame(rows, columns=COUNTS.names)


def scores() -> pd.DataFrame:
    return read_back(score_table(sets(), matching(), groups(), **DRAWS))


def sizes() -> pd.DataFrame:
    """The scan of LiTS has no reference lesion; below 5 mm no scan has any."""
    return read_back(size_table(sets(), lesions(), list(RULES), **DRAWS))


def predicted_sizes() -> pd.DataFrame:
    return read_back(predicted_size_table(sets(), lesions(), list(RULES), **DRAWS))


def size_distribution() -> pd.DataFrame:
    return read_back(distribution_table(sets(), lesions(), list(RULES), **DRAWS))


def scans() -> pd.DataFrame:
    """Burdens of 10, 0, 40 and 0.5 ml, predicted as 12, 0, 30 and 0.25 ml; of LiTS 0 as 20 ml."""
    return read_back(scans_of_sets(sets()))


def burden() -> pd.DataFrame:
    """Of the scans above; one scan has no standard deviation."""
    return read_back(burden_table(sets(), **DRAWS))


def lesion_free() -> pd.DataFrame:
    """Four scans of three patients; in one of them two lesions of 2.4 ml together are predicted."""
    series = ["p0_a", "p0_b", "p1_a", "p2_a"]
    table = scan_table()
    burdens, numbers = dict(zip(series, (0, 0, 0, 2.4), strict=True)), {"p2_a": 2}
    table["predicted_burden_ml"] = table["series"].map(burdens).fillna(0.0)
    table["predicted_lesions"] = table["series"].map(numbers).fillna(0)
    read_as_free = list(sets_of_scans(table, places(), "mSCLC"))
    return read_back(lesion_free_table(read_as_free, series, **DRAWS))


def comparison() -> pd.DataFrame:
    """Two models of one pair, on nine patients of mSCLC and one of LiTS.

    They differ in the Dice of lesions alone; no patient has a distance by the first.
    """
    table = scan_table()
    nine = table[table["series"].isin([f"t{number}_a" for number in range(9)])]
    one = table[table["series"].eq("l0")]
    distances = [name for name in table if name.endswith("_mm")]
    found = []
    for cohort, rows in (("LiTS", one), ("mSCLC", nine)):
        for model in MODELS:
            own = rows[rows["model"].eq(model)].assign(lesion_surface_dice=0.5)
            own["patient"] = own["series"].str.split("_").str[0]
            if model == "unet":
                own[distances] = np.nan
            found.append(
                ScanSet(model, cohort, ScoredSet.TEST_PATIENTS, own.reset_index(drop=True))
            )
    return read_back(compared.comparison_table(found))


def froc() -> pd.DataFrame:
    return read_back(curves.froc_table(sets(), counts(), **DRAWS))


@cache
def _tables() -> dict[str, pd.DataFrame]:
    return {
        "detection_scans": scans(),
        "detection_scores": scores(),
        "detection_sizes": sizes(),
        "detection_predicted_sizes": predicted_sizes(),
        "detection_size_distribution": size_distribution(),
        "detection_burden": burden(),
        "detection_lesion_free": lesion_free(),
        "detection_comparison": comparison(),
        "detection_froc": froc(),
    }


def tables() -> dict[str, pd.DataFrame]:
    """Every table of detection by the name of its file."""
    return {name: table.copy() for name, table in _tables().items()}
