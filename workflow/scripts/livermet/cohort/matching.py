"""The cohort: molecular samples matched to studies, exclusions one by one, the report of the split.

A study is one CT date of a patient. A sheet of series is as `livermet.sheets` reads it.
"""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from livermet.contracts import (
    COHORT,
    COUNT,
    FLAG,
    NUMBER,
    PATIENT,
    SERIES,
    STUDY,
    TEXT,
    Column,
    Contract,
)

TRAIN, TEST = "train", "test"
SEGMENTATION, CLASSIFICATION = "segmentation", "classification"

EXCLUSIONS = {
    "no_sample": "the patient has no molecular sample",
    "outside_window": "no sample within the window of days around the CT",
    "other_treatment": "no sample within the window of the CT's line of treatment",
    "lesions_absent": "the radiology report reads no liver lesion",
    "no_mask": "no mask of its lesions is given",
}
# Steps of the flow that stand in it only where they remove something.
OCCASIONAL = ("other_treatment", "no_mask")
BEGIN = "begin"
TREATMENT = "treatment_line"
NO_THRESHOLDS: Mapping[str, float] = MappingProxyType({})

# Shared with the facts of the report.
PLACE = Column("place", TEXT, "side of the split that the patient is on", words=(TRAIN, TEST))
INCLUDED = Column("included", FLAG, "whether the series takes part in classification")
SERIES_PLACES = Contract(
    files=("cohort/places.tsv",),
    row="a series of the sheet",
    columns=(SERIES, PATIENT, COHORT, PLACE),
    key=("series",),
)


def study_names(series: pd.DataFrame) -> pd.Series:
    """Name each row's study as patient_YYYYMMDD, the form of the authors' table."""
    return series["patient"] + "_" + series["study_date"].dt.strftime("%Y%m%d")


MATCHING = Contract(
    files=("cohort/matching.tsv",),
    row="a series of the target cohort",
    columns=(
        SERIES,
        PATIENT,
        STUDY,
        Column("study_date", TEXT, "date of the CT"),
        Column("place", TEXT, "place of the patient in the ledger: test or the number of a fold"),
        Column(
            "sample_date",
            TEXT,
            "date of the matched sample",
            missing="without a sample within the window",
        ),
        Column(
            "sample_type",
            TEXT,
            "what was sampled, as the sheet says",
            missing="without a sample within the window",
        ),
        Column(
            "score",
            NUMBER,
            "molecular score of the sample",
            missing="without a sample within the window",
        ),
        Column(
            "days_apart",
            NUMBER,
            "days from the CT to the sample; below 0 where the sample was first",
            unit="days",
            missing="without a sample within the window",
        ),
        Column(
            "class",
            COUNT,
            "class: 1 positive, 0 negative",
            high=1,
            missing="without a sample within the window",
        ),
        INCLUDED,
        Column(
            "excluded_by",
            TEXT,
            "the first exclusion that removes the series",
            words=tuple(EXCLUSIONS),
            missing="where the series is included",
        ),
    ),
    key=("series",),
)


def match_samples(
    series: pd.DataFrame,
    molecular: pd.DataFrame,
    window_days: int,
    positive_above: float,
    thresholds: Mapping[str, float] = NO_THRESHOLDS,
    masks_given: bool = False,
) -> pd.DataFrame:
    """Match each series with the sample nearest in time to its study, and say who is excluded.

    The window is inclusive (92 days in Ty et al. 2025). Of two samples equally near the earlier is
    taken, since a later one may follow another line of treatment; of two on one day the first in
    the sheet. Where the sheets mark the line of treatment, a sample of another line is not taken.
    The class is 1 where the score is above `positive_above`, or above the sample type's own of
    `thresholds`, else 0. Exclusions apply in the order of `EXCLUSIONS`, so that `excluded_by` names
    the first that removes the series. With `masks_given` no network makes a mask, and a series
    without a reference is excluded.
    Returns one row a series, in the sheet's order: `MATCHING` without the place.
    """
    pairs = pair_samples(series, molecular, window_days)
    nearest = pairs.drop_duplicates("series").set_index("series")
    matched = series[["series", "patient", "study_date"]].copy()
    matched.insert(2, "study", study_names(series))
    for column in ("sample_date", "sample_type", "score", "days_apart"):
        matched[column] = nearest[column].reindex(matched["series"]).to_numpy()
    excluded = pd.Series("", index=matched.index)
    in_window = _any_of(pairs, "in_window", matched)
    for reason, removed in {
        "no_sample": matched["sample_date"].isna(),
        "outside_window": ~in_window,
        "other_treatment": ~_any_of(pairs, "usable", matched),
        "lesions_absent": series["lesions_read"] == "absent",
        **({"no_mask": series["reference"] == ""} if masks_given else {}),
    }.items():
        excluded = excluded.where((excluded != "") | ~removed, reason)
    usable = ~excluded.isin(["no_sample", "outside_window", "other_treatment"])
    # A sample outside the window says nothing of this study: it must not reach any table.
    for column in ("sample_date", "sample_type", "score", "days_apart"):
        matched[column] = matched[column].where(usable)
    positive = is_positive(matched, positive_above, thresholds).astype("Int64")
    matched["class"] = positive.where(usable)
    matched["days_apart"] = matched["days_apart"].astype("Int64")
    matched["included"] = excluded == ""
    matched["excluded_by"] = excluded
    return matched.reset_index(drop=True)


def _any_of(pairs: pd.DataFrame, column: str, matched: pd.DataFrame) -> pd.Series:
    found = set(pairs.loc[pairs[column], "series"])
    return matched["series"].isin(found)


def is_positive(
    samples: pd.DataFrame, positive_above: float, thresholds: Mapping[str, float]
) -> pd.Series:
    """Tell which samples are above the threshold of their type."""
    return samples["score"] > limits_of(samples, positive_above, thresholds)


def limits_of(
    samples: pd.DataFrame, positive_above: float, thresholds: Mapping[str, float]
) -> pd.Series:
    """Return the score above which each sample is positive: its type's own, or `positive_above`."""
    return samples["sample_type"].map(thresholds).astype(float).fillna(positive_above)


def pair_samples(series: pd.DataFrame, molecular: pd.DataFrame, window_days: int) -> pd.DataFrame:
    """Pair each series with every sample of its patient; the one to take stands first.

    Columns beside those of the sample: sheet_row (its place in the sheet), days_apart (below 0
    where the sample was first), in_window, other_treatment and usable. A series whose patient has
    no sample has one row without one.
    """
    samples = molecular.rename_axis("sheet_row").reset_index()
    marked = TREATMENT in series and TREATMENT in samples
    samples = samples.rename(columns={TREATMENT: "sample_line"})
    columns = ["series", "patient", "study_date", *([TREATMENT] if marked else [])]
    pairs = series[columns].reset_index(drop=True).merge(samples, on="patient", how="left")
    pairs["days_apart"] = (pairs["sample_date"] - pairs["study_date"]).dt.days
    distance = pairs["days_apart"].abs()
    pairs["in_window"] = distance <= window_days
    # Both are empty for a patient whose lines nobody has marked (`wrong_treatments`).
    pairs["other_treatment"] = pairs[TREATMENT] != pairs["sample_line"] if marked else False
    pairs["usable"] = pairs["in_window"] & ~pairs["other_treatment"]
    order = pairs.assign(distance=distance, last=~pairs["usable"])
    order = order.sort_values(["last", "distance", "sample_date", "sheet_row"], kind="stable")
    return order.drop(columns=["distance", "last"])


def wrong_treatments(
    series: pd.DataFrame, molecular: pd.DataFrame, series_sheet: str, molecular_sheet: str
) -> list[str]:
    """Say where the lines of treatment are marked in one sheet alone, or in some rows of a patient.

    A row without a line could be of any, and matching it would span what the others mark.
    """
    sheets = {series_sheet: series, molecular_sheet: molecular}
    lacking = [name for name, sheet in sheets.items() if TREATMENT not in sheet]
    if len(lacking) == 1:
        return [
            f"{lacking[0]} lacks the column '{TREATMENT}', which the other sheet has: a sample is "
            "matched with a CT of the same line, so that both have to say it. Add the column, or "
            "take it out."
        ]
    if lacking:
        return []
    rows = pd.concat([sheet[["patient", TREATMENT]] for sheet in sheets.values()])
    marked = set(rows.loc[rows[TREATMENT] != "", "patient"])
    return [
        f"{name}, row {place + 2}: the column '{TREATMENT}' is empty, and other rows of patient "
        f"'{patient}' are filled in; fill in all of them. For a line that is not known write a "
        "word that no other row has, and the row is matched with none."
        for name, sheet in sheets.items()
        for place, (patient, line) in enumerate(
            sheet[["patient", TREATMENT]].itertuples(index=False)
        )
        if line == "" and patient in marked
    ]


FLOW = Contract(
    files=("cohort/exclusions.tsv",),
    row="a step by which series leave the target cohort; the first holds all of it",
    columns=(
        Column("step", TEXT, "name of the step", words=(BEGIN, *EXCLUSIONS)),
        Column("reason", TEXT, "why series leave"),
        Column("removed_series", COUNT, "series that leave at this step"),
        Column("removed_studies", COUNT, "studies whose last series leaves at this step"),
        Column("removed_patients", COUNT, "patients whose last series leaves at this step"),
        Column("left_series", COUNT, "series that are left after this step"),
        Column("left_studies", COUNT, "studies that are left after this step"),
        Column("left_patients", COUNT, "patients who are left after this step"),
    ),
    key=("step",),
)


def exclusion_flow(matched: pd.DataFrame) -> pd.DataFrame:
    """Count what each exclusion removes and leaves, in series, studies and patients.

    A study or patient counts as removed by the step that takes its last series. The first row
    holds what the target cohort begins with. Returns `FLOW`.
    """
    left = matched
    rows = [_flow_row(BEGIN, "series of the target cohort", left, left)]
    for step, reason in EXCLUSIONS.items():
        kept = left[left["excluded_by"] != step]
        if step in OCCASIONAL and len(kept) == len(left):
            continue
        rows.append(_flow_row(step, reason, left, kept))
        left = kept
    return pd.DataFrame(rows)


def _flow_row(step: str, reason: str, before: pd.DataFrame, after: pd.DataFrame) -> dict:
    counts = {
        "series": (len(before), len(after)),
        "studies": (before["study"].nunique(), after["study"].nunique()),
        "patients": (before["patient"].nunique(), after["patient"].nunique()),
    }
    removed = {f"removed_{unit}": first - last for unit, (first, last) in counts.items()}
    left = {f"left_{unit}": last for unit, (_, last) in counts.items()}
    return {"step": step, "reason": reason, **removed, **left}


def patient_strata(matched: pd.DataFrame) -> pd.Series:
    """Assign each patient the stratum 'any_negative', 'only_positive' or 'unmatched'.

    Patients may have positive and negative studies, so that a patient has no class; the strata are
    'any negative study' or none. Excluded series do not count. Indexed by patient.
    """
    included = matched[matched["included"]]
    negative = (included["class"] == 0).groupby(included["patient"]).any()
    strata = negative.map({True: "any_negative", False: "only_positive"})
    return strata.reindex(matched["patient"].unique()).fillna("unmatched")


def unusable_for_classes(matched: pd.DataFrame, places: Mapping[str, str]) -> list[str]:
    """Say why classifiers could be neither trained nor tested on a matched cohort.

    Training needs included series of both classes, testing at least one included series. `places`
    maps a patient to 'test' or a fold.
    """
    included = matched[matched["included"]]
    tested = included["patient"].map(places) == TEST
    classes = set(included.loc[~tested, "class"])
    remedy = "see the sheet of molecular samples, matching.window_days and split.test"
    return [
        f"No included training series of the target cohort is {word}; {remedy}."
        for word, value in (("positive", 1), ("negative", 0))
        if value not in classes
    ] + ([] if tested.any() else [f"No included series is of a test patient; {remedy}."])


SPLITS = Contract(
    files=("cohort/splits.tsv",),
    row="a side of the split of a task and cohort",
    columns=(
        Column("task", TEXT, "what is learned", words=(SEGMENTATION, CLASSIFICATION)),
        COHORT,
        PLACE,
        Column("patients", COUNT, "number of patients"),
        Column("studies", COUNT, "number of studies"),
        Column("series", COUNT, "number of series"),
        *(
            Column(f"{label}_series", COUNT, f"number of {label} series", missing="in segmentation")
            for label in ("positive", "negative")
        ),
    ),
    key=("task", "cohort", "place"),
)


def split_report(
    series: pd.DataFrame, matched: pd.DataFrame, places: pd.Series, segmentation_set: list[str]
) -> pd.DataFrame:
    """Count patients, studies and series on each side of both tasks' splits (the paper's table 2).

    `places` maps a patient to 'test' or a fold; `segmentation_set` lists the series of the final
    segmentation model's training set; where it is empty nothing is segmented and only
    classification is counted. Segmentation's test series are those of test patients that have a
    reference. Classification counts the included series of the target cohort.
    Returns `SPLITS`.
    """
    rows = []
    studies = study_names(series)
    tested = (series["patient"].map(places) == TEST) & (series["reference"] != "")
    for cohort in series["cohort"].unique() if segmentation_set else []:
        here = series["cohort"] == cohort
        trained = here & series["series"].isin(segmentation_set)
        for place, chosen in ((TRAIN, trained), (TEST, here & tested)):
            counted = series[chosen].assign(study=studies[chosen])
            rows.append({"task": SEGMENTATION, "cohort": cohort, "place": place} | _count(counted))
    included = matched[matched["included"]].merge(series[["cohort"]], on="series")
    sides = (included["patient"].map(places) == TEST).map({True: TEST, False: TRAIN})
    for cohort in included["cohort"].unique():
        for place in (TRAIN, TEST):
            part = included[(included["cohort"] == cohort) & (sides == place)]
            classes = {
                "positive_series": int((part["class"] == 1).sum()),
                "negative_series": int((part["class"] == 0).sum()),
            }
            head = {"task": CLASSIFICATION, "cohort": cohort, "place": place}
            rows.append(head | _count(part) | classes)
    table = pd.DataFrame(rows)
    for column in ("positive_series", "negative_series"):
        if column in table:
            table[column] = table[column].astype("Int64")
    return table


def _count(part: pd.DataFrame) -> dict[str, int]:
    return {
        "patients": part["patient"].nunique(),
        "studies": part["study"].nunique(),
        "series": len(part),
    }
