"""Table 3: each model's scores on the scans that it may be scored on."""

import pandas as pd

from livermet.detection.cohort import SUMMARY_SCORES, sets_of_scans, summarise, with_reference

COLUMNS = [
    "model",
    "cohort",
    "test_set",
    "kind",
    "patients",
    "scans",
    "false_positives_per_scan",
    "median_dice",
    "median_liver_dice",
    "lesion_sensitivity",
    "lesion_ppv",
]
INTERVAL_COLUMNS = [f"{score}_{end}" for score in SUMMARY_SCORES for end in ("low", "high")]


def table3_segmentation(
    scans: pd.DataFrame, facts: pd.DataFrame, target: str, draws: int = 0, seed: int = 0
) -> pd.DataFrame:
    """Score each model on the test patients of each cohort, as the paper's table 3, and beyond.

    `scans` are the detection stage's scan tables of all models, one row a scan and model; `facts`
    give a series its patient, cohort and place (train or test). Only scans with a reference count.
    The sets are those of `livermet.detection.cohort.sets_of_scans`, the scores and their intervals
    (with `draws` above 0) those of `summarise`.
    """
    columns = COLUMNS + (INTERVAL_COLUMNS if draws else [])
    rows = [
        summarise(chosen.scans, chosen.cohort, draws, seed).assign(
            test_set=chosen.test_set,
            kind="+".join(sorted(chosen.scans["kind"].unique())),
            patients=chosen.scans["patient"].nunique(),
        )[columns]
        for chosen in sets_of_scans(with_reference(scans), facts, target)
    ]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)


def table3_of_given_masks(facts: pd.DataFrame) -> pd.DataFrame:
    """Say in one row that the run's masks were given, so that no model was scored."""
    row = {
        "model": "reference",
        "cohort": "+".join(sorted(facts["cohort"].unique())),
        "test_set": "none: the masks were given, so no model was scored",
        "kind": "reference",
        "patients": facts["patient"].nunique(),
        "scans": len(facts),
    }
    return pd.DataFrame([row], columns=COLUMNS)
