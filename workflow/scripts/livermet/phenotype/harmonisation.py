"""The batches of series between which features are harmonised, and what harmonisation does.

A batch is a scanner (manufacturer and model) or a range of slice thickness. ComBat (`combat.py`)
needs patients in each to tell a scanner from its patients, so that a batch with too few is refused,
as is a series whose batch is not known or has no training series.
"""

import numpy as np
import pandas as pd

from livermet.contracts import (
    COUNT,
    NUMBER,
    PATIENT,
    SERIES,
    SHARE,
    TEXT,
    Column,
    Contract,
)
from livermet.errors import stop_on
from livermet.phenotype.combat import BATCH, ComBat
from livermet.phenotype.corrected import training_rows
from livermet.phenotype.folds import folds_of
from livermet.phenotype.table import RADIOMIC_FEATURES, slice_thickness

TRAIN, TEST = "train", "test"
# The columns of cohort/acquisition.tsv that each kind of batch is made of.
FACTS = {
    "scanner": ("manufacturer", "model"),
    "thickness": ("slice_thickness_mm",),
}
OFF = "or set phenotype.harmonisation.by to null"

BATCH_COLUMN = Column(BATCH, TEXT, "scanner, or range of slice thickness, of the series")
BATCHES = Contract(
    files=("phenotype/harmonisation.tsv",),
    row="a target series that the matching includes",
    columns=(
        SERIES,
        PATIENT,
        Column("place", TEXT, f"'{TEST}' for a test patient, or the number of the patient's fold"),
        BATCH_COLUMN,
    ),
    key=("series",),
)
BATCH_COUNTS = Contract(
    files=("tables/harmonisation_batches.csv",),
    row="a batch on one side of the split",
    columns=(
        BATCH_COLUMN,
        Column("place", TEXT, "side of the split", words=(TRAIN, TEST)),
        Column("patients", COUNT, "patients with series of the batch"),
        Column("studies", COUNT, "their studies with series of the batch"),
        Column("series", COUNT, "series of the batch"),
        Column("measured_series", COUNT, "series with any radiomic feature"),
        Column(
            "positive_share",
            SHARE,
            "share of positive series; where it differs between batches, what sets the classes "
            "apart and what sets the scanners apart cannot be told apart",
        ),
    ),
    key=(BATCH, "place"),
)
CONSTANT = "where no two series have different values"
# Without an upper limit: of a feature that is constant but for rounding the share can be any.
VARIANCE = Contract(
    files=("tables/harmonisation.csv",),
    row="a radiomic feature",
    columns=(
        Column("feature", TEXT, "name of the feature"),
        Column(
            "before",
            NUMBER,
            "share of its variance among training series that batches explain (eta squared)",
            low=0,
            missing=CONSTANT,
        ),
        Column(
            "after",
            NUMBER,
            "the same after ComBat with the parameters of all training series",
            low=0,
            missing=CONSTANT,
        ),
        Column(
            "held_out",
            NUMBER,
            "the same after ComBat with the parameters of the fold that holds each patient out",
            low=0,
            missing=CONSTANT,
        ),
    ),
    key=("feature",),
)


def name_batches(acquisition: pd.DataFrame, by: str, thin_up_to_mm: float) -> pd.Series:
    """Name the batch of each series, by series; missing where its facts are not known.

    `acquisition` has one row a series: series, and the columns of FACTS[by]. A scanner's words are
    compared without regard to case and spaces.
    """
    facts = acquisition.set_index("series")[list(FACTS[by])]
    if by == "scanner":
        texts = facts["manufacturer"].astype("str") + " " + facts["model"].astype("str")
        names = texts.str.upper().str.split().str.join(" ")
    else:
        thin = facts["slice_thickness_mm"] <= thin_up_to_mm
        names = thin.map(
            {True: f"at most {thin_up_to_mm:g} mm", False: f"over {thin_up_to_mm:g} mm"}
        )
    return names.where(facts.notna().all(axis=1)).rename(BATCH)


def assign_batches(
    matching: pd.DataFrame, batches: pd.Series, by: str, minimum: int
) -> pd.DataFrame:
    """Assign each included series its batch: `BATCHES`.

    `matching` has one row a target series (series, patient, place, included); place is 'test' or
    the patient's fold. Raises InputError that lists all series without a batch, or all that
    `unusable_batches` finds.
    """
    rows = matching.loc[matching["included"].astype(bool), ["series", "patient", "place"]]
    rows = rows.assign(batch=rows["series"].map(batches), place=rows["place"].astype(str))
    unknown = rows.loc[rows[BATCH].isna(), "series"]
    columns = " or ".join(name.removesuffix("_mm").replace("_", " ") for name in FACTS[by])
    stop_on(
        [
            f"Series '{series}' has no known {columns} (cohort/acquisition.tsv), so that its "
            f"features cannot be harmonised by {by}; take it out of the sheet of series, {OFF}."
            for series in unknown
        ]
    )
    stop_on(unusable_batches(rows, minimum))
    return rows


def facts_of_table(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return of a finished feature table what `name_batches` and `assign_batches` take.

    Its only fact of acquisition is the scan's own voxel: columns series and slice_thickness_mm.
    """
    thickness = slice_thickness(table).rename("slice_thickness_mm").rename_axis("series")
    place = table["fold"].astype("str").where(table["group"] != TEST, TEST)
    matching = table[["series", "patient"]].assign(place=place, included=True)
    return thickness.reset_index(), matching


def unusable_batches(rows: pd.DataFrame, minimum: int) -> list[str]:
    """Say which batches cannot be harmonised; `rows` has series, patient, place and batch.

    Every fold's training rows need `minimum` patients of each batch that occurs, and two batches.
    """
    tested = rows["place"] == TEST
    training = rows[~tested]
    problems = []
    if training[BATCH].nunique() == 1 and set(rows[BATCH]) == set(training[BATCH]):
        problems.append(
            f"Every series is of the batch '{training[BATCH].iloc[0]}', so that there is nothing "
            "to harmonise; set phenotype.harmonisation.by to null."
        )
    for batch, series in training.groupby(BATCH):
        patients = series.drop_duplicates("patient").set_index("patient")["place"]
        held_out = patients.value_counts().reindex(sorted(training["place"].unique()), fill_value=0)
        left = len(patients) - held_out.max()
        if left < minimum:
            problems.append(
                f"Batch '{batch}' has too few training patients: {left} where fold "
                f"{held_out.idxmax()} is held out, of {_named(patients.index)}; harmonisation "
                f"needs {minimum} "
                "(phenotype.harmonisation.minimum_patients): take its series out of the sheet, "
                f"{OFF}."
            )
    for batch, series in rows[tested & ~rows[BATCH].isin(training[BATCH])].groupby(BATCH):
        problems.append(
            f"Batch '{batch}' has test patients ({_named(series['patient'].unique())}) and no "
            f"training patient to learn its effect from; take its series out of the sheet, {OFF}."
        )
    return problems


def check_measured(table: pd.DataFrame, minimum: int) -> None:
    """Raise InputError where a batch has too few patients with measured lesions.

    `table` has the column batch; a scan without any radiomic feature tells nothing of its scanner.
    """
    measured = table[table[list(RADIOMIC_FEATURES)].notna().any(axis=1)]
    place = measured["fold"].astype("str").where(measured["group"] != TEST, TEST)
    problems = unusable_batches(measured.assign(place=place), minimum)
    stop_on([f"Of the series with measured lesions: {sentence}" for sentence in problems])


def count_batches(table: pd.DataFrame) -> pd.DataFrame:
    """Count each batch in training and test set: `BATCH_COUNTS`."""
    rows = table.assign(
        place=np.where(table["group"] == TEST, TEST, TRAIN),
        measured=table[list(RADIOMIC_FEATURES)].notna().any(axis=1),
    )
    counted = rows.groupby([BATCH, "place"]).agg(
        patients=("patient", "nunique"),
        studies=("study", "nunique"),
        series=("series", "size"),
        measured_series=("measured", "sum"),
        positive_share=("label", "mean"),
    )
    return counted.sort_index(level=["place", BATCH], ascending=[False, True]).reset_index()


def compare_features(table: pd.DataFrame) -> pd.DataFrame:
    """Say how much of each feature's variance batches explain, in training rows: `VARIANCE`."""
    training = training_rows(table)
    parts = [
        ComBat().fit(training.iloc[inside]).transform(training.iloc[outside])
        for _, (inside, outside) in folds_of(training)
    ]
    states = {
        "before": training,
        "after": ComBat().fit_transform(training),
        "held_out": pd.concat(parts),
    }
    shares = {name: share_by_batch(rows) for name, rows in states.items()}
    return pd.DataFrame({"feature": RADIOMIC_FEATURES} | shares)


def share_by_batch(rows: pd.DataFrame) -> np.ndarray:
    """Return eta squared of each feature: sum of squares between batches over the total one.

    NaN for a constant feature.
    """
    values = rows[list(RADIOMIC_FEATURES)]
    total = ((values - values.mean()) ** 2).sum()
    between = ((values.groupby(rows[BATCH]).transform("mean") - values.mean()) ** 2)[
        values.notna()
    ].sum()
    return (between / total.where(total > 0)).to_numpy()


def _named(patients, at_most: int = 5) -> str:
    named = ", ".join(map(str, list(patients)[:at_most]))
    return named if len(patients) <= at_most else f"{named} and {len(patients) - at_most} more"
