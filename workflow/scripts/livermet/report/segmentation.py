"""Table 3: each model's scores on the scans that it may be scored on."""

import pandas as pd

from livermet.detection import summarise

ALL_OF_COHORT = "whole cohort"
TEST_PATIENTS = "test patients"
OUT_OF_FOLD = "training, out of fold"
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


def table3_segmentation(scans: pd.DataFrame, facts: pd.DataFrame, target: str) -> pd.DataFrame:
    """Score each model on the test patients of each cohort, as the paper's table 3, and beyond.

    `scans` are the detection stage's scan tables of all models, one row a scan and model; `facts`
    give a series its patient, cohort and place (train or test). Only scans with a reference count.
    A model without out-of-fold scans in the target cohort never trained on it, so the whole cohort
    is its test set too. Out-of-fold scans of training patients stand in rows of their own.
    The scores are those of `livermet.detection.summarise`.
    """
    scored = scans[scans["has_reference"].astype(bool)].merge(
        facts[["series", "patient", "cohort", "place"]], on="series", validate="many_to_one"
    )
    rows = [
        row
        for _, of_model in scored.groupby("model", sort=False)
        for cohort in sorted(of_model["cohort"].unique(), key=lambda name: (name == target, name))
        for row in _rows_of_cohort(of_model[of_model["cohort"].eq(cohort)], cohort, target)
    ]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)


def _rows_of_cohort(scans: pd.DataFrame, cohort: str, target: str) -> list[pd.DataFrame]:
    held_out = scans["kind"].eq("out_of_fold")
    sets = {TEST_PATIENTS: scans[scans["place"].eq("test") & ~held_out]}
    if cohort == target and not held_out.any():
        sets[ALL_OF_COHORT] = scans
    if held_out.any():
        sets[OUT_OF_FOLD] = scans[held_out]
    return [
        summarise(chosen, cohort).assign(
            test_set=name,
            kind="+".join(sorted(chosen["kind"].unique())),
            patients=chosen["patient"].nunique(),
        )[COLUMNS]
        for name, chosen in sets.items()
        if len(chosen)
    ]


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
