"""Table 3: each model's scores on the scans that it may be scored on."""

import pandas as pd

from livermet.contracts import TEXT, Column, Contract
from livermet.detection.cohort import (
    SET,
    SIZE,
    SUMMARY,
    sets_of_scans,
    summarise,
    with_reference,
)
from livermet.detection.intervals import NO_WIDTH
from livermet.detection.measured import REFERENCE

NOT_SCORED = "none: the masks were given, so no model was scored"
SCORES = (SUMMARY[-1], *SUMMARY[:-1])
TABLE3 = Contract(
    files=("tables/table3_segmentation.csv",),
    row="a set of scans that a model is scored on",
    columns=(
        *SET,
        Column("kind", TEXT, "which networks predicted these scans, joined by '+'"),
        *SIZE,
        *SCORES,
        *(
            Column(
                f"{score.name}_{end}",
                score.kind,
                f"{side} end of the interval over patients of {score.name}",
                low=score.low,
                missing=", and ".join(filter(None, (score.missing, NO_WIDTH))),
            )
            for score in SUMMARY
            for end, side in (("low", "lower"), ("high", "upper"))
        ),
    ),
    key=("model", "cohort", "test_set"),
)
TABLE3_UNSCORED = Contract(
    files=TABLE3.files,
    row="the series of a run whose masks were given; none where features were given",
    columns=(
        Column("model", TEXT, "whose masks they are", words=(REFERENCE,)),
        Column("cohort", TEXT, "names of the cohorts, joined by '+'"),
        Column("test_set", TEXT, "why no model was scored", words=(NOT_SCORED,)),
        Column("kind", TEXT, "whose masks they are", words=(REFERENCE,)),
        *SIZE,
        *(Column(score.name, score.kind, score.what, missing="always") for score in SCORES),
    ),
)


def table3_segmentation(
    scans: pd.DataFrame, facts: pd.DataFrame, target: str, draws: int = 0, seed: int = 0
) -> pd.DataFrame:
    """Score each model on the test patients of each cohort, as the paper's table 3, and beyond.

    `scans` are the detection stage's scan tables of all models, one row a scan and model; `facts`
    give a series its patient, cohort and place (train or test). Only scans with a reference count.
    The sets are those of `livermet.detection.cohort.sets_of_scans`, the scores and their intervals
    (with `draws` above 0) those of `summarise`: `TABLE3`.
    """
    columns = TABLE3.names if draws else TABLE3_UNSCORED.names
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
    """Say in one row that the run's masks were given, and no model scored: `TABLE3_UNSCORED`.

    `facts` (patient, cohort) are of the series that have a mask.
    """
    row = {
        "model": REFERENCE,
        "cohort": "+".join(sorted(facts["cohort"].unique())),
        "test_set": NOT_SCORED,
        "kind": REFERENCE,
        "patients": facts["patient"].nunique(),
        "scans": len(facts),
    }
    return pd.DataFrame([row], columns=TABLE3_UNSCORED.names)
