"""Small tables of a made-up run, as the stage of detection writes them over its cohorts."""

import numpy as np
import pandas as pd

from livermet.detection import comparison as compared
from livermet.detection import froc as curves
from livermet.detection.cohort import (
    ALL_OF_COHORT,
    BURDEN_COLUMNS,
    INTERVAL,
    LESION_FREE_COLUMNS,
    OUT_OF_FOLD,
    SCORE_COLUMNS,
    SET_COLUMNS,
    SIZE_COLUMNS,
    SIZES_MM,
    TEST_PATIENTS,
)
from livermet.detection.scores import OVERLAP_SCORES, SURFACE_SCORES
from livermet.detection.thresholds import THRESHOLDS

RULES = ("any_overlap", "iou_0.5")
# Model, cohort, set, patients, scans; in the order of the stage, a model after the other.
SETS = (
    ("unet", "LiTS", TEST_PATIENTS, 1, 1),
    ("unet", "mSCLC", TEST_PATIENTS, 3, 4),
    ("unet", "mSCLC", ALL_OF_COHORT, 14, 28),
    ("nnunet_finetuned", "LiTS", TEST_PATIENTS, 1, 1),
    ("nnunet_finetuned", "mSCLC", TEST_PATIENTS, 3, 4),
    ("nnunet_finetuned", "mSCLC", OUT_OF_FOLD, 10, 20),
)
# Reference lesions of each size, and how many of them each rule has found.
LESIONS = {"< 5": 0, "5-10": 5, "10-20": 4, "> 20": 1}
FOUND = {"any_overlap": (0, 3, 4, 1), "iou_0.5": (0, 1, 2, 1)}


def _interval(value: float, half: float = 0.1) -> dict:
    return dict(zip(INTERVAL, (value, value - half, value + half), strict=True))


def _nothing() -> dict:
    return dict.fromkeys(INTERVAL, np.nan)


def _named(row: tuple) -> dict:
    return dict(zip((*SET_COLUMNS, "patients", "scans"), row, strict=True))


def _better(model: str) -> float:
    return 0.1 if model == "nnunet_finetuned" else 0.0


def scores() -> pd.DataFrame:
    """The scan of LiTS has no prediction, and so neither a distance nor a group."""
    counts = {
        "sensitivity": ("lesion", 0.8, 0.4),
        "ppv": ("lesion", 0.6, 0.3),
        "f1": ("scan", 0.69, 0.34),
        "false_positives_per_scan": ("scan", 1.25, 2.5),
        "false_positive_ml_per_scan": ("scan", 3.5, 7.0),
    }
    rows = []
    for one in SETS:
        keys, better = _named(one), _better(one[0])
        empty = one[1] == "LiTS"
        for place, score in enumerate((*OVERLAP_SCORES, *SURFACE_SCORES)):
            undefined = empty and score in SURFACE_SCORES[:3]
            found = _nothing() if undefined else _interval(0.5 + 0.02 * place + better)
            number = 0 if undefined else one[4]
            rows.append(keys | {"metric": f"median_lesion_{score}", "unit": "scan"})
            rows[-1] |= {"number": number} | found
        rows.append(keys | {"metric": "median_liver_dice", "unit": "scan", "number": one[4]})
        rows[-1] |= _interval(0.9, 0.02)
        for metric, (unit, *values) in counts.items():
            for rule, value in zip(RULES, values, strict=True):
                rows.append(keys | {"rule": rule, "metric": metric, "unit": unit, "number": 10})
                rows[-1] |= _interval(value + better)
        for rule, number in zip(RULES, (0, 0) if empty else (8, 4), strict=True):
            for score in (*OVERLAP_SCORES, *SURFACE_SCORES) if number else ():
                rows.append(keys | {"rule": rule, "metric": f"median_matched_{score}"})
                rows[-1] |= {"unit": "group", "number": number} | _interval(0.7)
    return pd.DataFrame(rows, columns=[*SCORE_COLUMNS, *INTERVAL])


def sizes() -> pd.DataFrame:
    """The scan of LiTS has no reference lesion; below 5 mm none has any."""
    rows = []
    for one in SETS:
        for rule in RULES:
            for size, found in zip(SIZES_MM, FOUND[rule], strict=True):
                lesions = 0 if one[1] == "LiTS" else LESIONS[size]
                row = dict(zip(SET_COLUMNS, one[:3], strict=True))
                row |= {"rule": rule, "diameter_mm": size, "reference_lesions": lesions}
                row |= {"detected_lesions": found if lesions else 0}
                row |= _interval(found / lesions, 0.05) if lesions else _nothing()
                rows.append(row)
    return pd.DataFrame(rows, columns=[*SIZE_COLUMNS, *INTERVAL])


def scans() -> pd.DataFrame:
    """Burdens of 10, 40, 0 and 0.5 ml, predicted as 12, 30, 0 and 0.25 ml; of LiTS one missed."""
    burdens = {
        "LiTS": [(20.0, 0.0)],
        "mSCLC": [(10.0, 12.0), (40.0, 30.0), (0.0, 0.0), (0.5, 0.25)],
    }
    rows = [
        dict(zip(SET_COLUMNS, (model, cohort, test_set), strict=True))
        | {"patient": f"p{number}", "series": f"{cohort}{number}"}
        | {"reference_burden_ml": reference, "predicted_burden_ml": predicted}
        for model, cohort, test_set, *_ in SETS
        if test_set == TEST_PATIENTS
        for number, (reference, predicted) in enumerate(burdens[cohort])
    ]
    return pd.DataFrame(rows)


def burden() -> pd.DataFrame:
    """Of the scans above; one scan has no standard deviation."""
    rows = []
    for one in SETS:
        alone = one[1] == "LiTS"
        values = {"bias_ml": -20.0 if alone else -2.0625}
        # Differences 2, -10, 0 and -0.25 ml.
        spread = np.nan if alone else np.std([2, -10, 0, -0.25], ddof=1)
        values |= {"sd_ml": spread, "lower_limit_ml": values["bias_ml"] - 1.96 * spread}
        values |= {"upper_limit_ml": values["bias_ml"] + 1.96 * spread}
        values |= {"slope": np.nan if alone else -0.3}
        for metric, value in values.items():
            found = _nothing() if np.isnan(value) else _interval(value, 0.5)
            rows.append(_named(one) | {"metric": metric} | found)
    return pd.DataFrame(rows, columns=list(BURDEN_COLUMNS))


def lesion_free() -> pd.DataFrame:
    values = {"predicted_ml": 0.6, "predicted_ml_sd": 1.7, "predicted_lesions": 0.5}
    values |= {"scans_with_prediction": 0.25}
    rows = [
        dict(zip(SET_COLUMNS, one[:3], strict=True))
        | {"patients": 3, "scans": 4, "metric": metric}
        | _interval(value)
        for one in SETS
        if one[1] == "mSCLC"
        for metric, value in values.items()
    ]
    return pd.DataFrame(rows, columns=list(LESION_FREE_COLUMNS))


def comparison() -> pd.DataFrame:
    """Two models of one pair: they differ in the Dice of lesions alone; no distance is known."""
    rows = []
    for cohort, patients in (("LiTS", 1), ("mSCLC", 9)):
        for metric in (*compared.SCORES, compared.SENSITIVITY):
            known = metric not in ("lesion_assd_mm", "lesion_hd95_mm")
            p = 0.008 if metric == "lesion_dice" and cohort == "mSCLC" else 0.5
            row = {"cohort": cohort, "test_set": TEST_PATIENTS, "metric": metric}
            row |= {"model": "unet", "other": "nnunet_finetuned", "scans": patients + 1}
            row |= {"patients": patients if known else 0, "model_median": 0.4}
            row |= {"other_median": 0.5, "median_difference": -0.1 if known else np.nan}
            row |= {"statistic": 1.0, "p": p / 2 if known else np.nan}
            rows.append(row | {"p_holm": p if known else np.nan})
    return pd.DataFrame(rows, columns=list(compared.COLUMNS))


def froc() -> pd.DataFrame:
    """Sensitivity falls from 0.95 with the threshold, false positives with its square."""
    rows = []
    for one in SETS:
        for threshold in THRESHOLDS:
            for rule, share in zip(RULES, (1.0, 0.5), strict=True):
                undefined = one[1] == "LiTS"
                value = share * (1 - threshold) * (0.9 + _better(one[0]))
                keys = _named(one) | {"rule": rule, "threshold": threshold}
                found = _nothing() if undefined else _interval(value, 0.02)
                rows.append(keys | {"metric": "sensitivity"} | found)
                false = 10 * (1 - threshold) ** 2
                rows.append(keys | {"metric": "false_positives_per_scan"} | _interval(false))
    return pd.DataFrame(rows, columns=list(curves.COLUMNS))


def tables() -> dict[str, pd.DataFrame]:
    """Every table of detection by the name of its file."""
    return {
        "detection_scans": scans(),
        "detection_scores": scores(),
        "detection_sizes": sizes(),
        "detection_burden": burden(),
        "detection_lesion_free": lesion_free(),
        "detection_comparison": comparison(),
        "detection_froc": froc(),
    }
