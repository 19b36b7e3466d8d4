"""How much lesions of a scan differ, and how a patient changes from study to study: descriptions.

A scan has one class, and many lesions; a patient one model's calls, and several studies. Nothing
here is a test, and no label takes part in what is said of features. Counts stand beside every
number.

- Each feature's variance over single lesions is split into what lies between the lesions of a scan
  and what lies between scans.
- The chosen model scores each lesion as if it were the scan's only one: by the model of the fold
  that held the series out, test series by the mean of all folds' models. Models learnt from
  aggregated lesions, so that single ones are not what they know.
- Studies of a patient follow each other by the date in the study's name (patient_YYYYMMDD). A
  study's probability is the mean over its series, and its call is that mean's.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from livermet.contracts import COUNT, FLAG, NUMBER, PATIENT, SHARE, STUDY, TEXT, Column, Contract
from livermet.phenotype.columns import MODEL
from livermet.phenotype.corrected import (
    FEWEST_STUDIES,
    FoldModel,
    reproducibility_within,
    training_rows,
)
from livermet.phenotype.fits import SET, TEST, VALIDATION
from livermet.phenotype.table import LESION_COUNT, RADIOMIC_FEATURES
from livermet.validation.segmentation_error import Chosen

NO_SHARE = f"with fewer than {FEWEST_STUDIES} such scans, or where no lesion differs from another"
HETEROGENEITY = Contract(
    files=("tables/heterogeneity.csv",),
    row="a feature of single lesions",
    columns=(
        Column("feature", TEXT, "name of the feature"),
        Column("lesions", COUNT, "lesions that have it, of scans with at least two such lesions"),
        Column("scans", COUNT, "these scans, one series a study: the first by name"),
        Column("patients", COUNT, "patients of these scans"),
        Column(
            "within_share",
            SHARE,
            "share of the variance over lesions that lies between lesions of one scan: "
            "1 - ICC(1,1), at most 1",
            missing=NO_SHARE,
        ),
        Column(
            "median_range",
            NUMBER,
            "median over scans of the largest less the smallest value, in standard deviations over "
            "all these lesions",
            low=0,
            missing="without such a scan, or where no lesion differs from another",
        ),
    ),
    key=("feature",),
)
LESION_CALLS = Contract(
    files=("tables/lesion_calls.csv",),
    row="the chosen model's calls of single lesions, of scans with several of them",
    columns=(
        SET,
        MODEL,
        Column("scans", COUNT, "series with at least two measured lesions"),
        Column("patients", COUNT, "patients of these series"),
        Column("lesions", COUNT, "measured lesions of these series"),
        Column("alike", COUNT, "series whose lesions are all called alike"),
        Column("mixed", COUNT, "series with lesions of either call"),
        Column("against", COUNT, "lesions that are called otherwise than their series"),
        Column(
            "median_range",
            SHARE,
            "median over series of the largest less the smallest probability of a lesion",
            missing="without such a series",
        ),
        Column(
            "largest_range",
            SHARE,
            "the largest of these ranges",
            missing="without such a series",
        ),
    ),
    key=("set",),
)
ALL_PAIRS, STAYS, CHANGES = "all", "class stays", "class changes"
NO_PAIR = "without such a pair"
OVER_TIME = Contract(
    files=("tables/over_time.csv",),
    row="pairs of studies of one patient that follow each other",
    columns=(
        SET,
        MODEL,
        Column(
            "pairs_of",
            TEXT,
            "all pairs, or those whose molecular class is the same or another",
            words=(ALL_PAIRS, STAYS, CHANGES),
        ),
        Column("pairs", COUNT, "pairs of studies"),
        Column("patients", COUNT, "patients of these pairs"),
        Column("undated", COUNT, "pairs with a study whose name ends with no date"),
        Column("call_changes", COUNT, "pairs whose called class changes"),
        Column(
            "followed",
            COUNT,
            "pairs whose called class changes as the molecular class does",
        ),
        Column("days", NUMBER, "median days between the studies", unit="days", missing=NO_PAIR),
        Column(
            "score_change",
            NUMBER,
            "median size of the change of the molecular score",
            low=0,
            missing=NO_PAIR,
        ),
        Column(
            "probability_change",
            SHARE,
            "median size of the change of the probability",
            missing=NO_PAIR,
        ),
        Column("probability_change_first_quartile", SHARE, "its first quartile", missing=NO_PAIR),
        Column("probability_change_third_quartile", SHARE, "its third quartile", missing=NO_PAIR),
        Column(
            "burden_change_ml",
            NUMBER,
            "median change of the burden, which is a study's mean over its series",
            unit="ml",
            missing=f"{NO_PAIR}, and where no burden is known",
        ),
    ),
    key=("set", "pairs_of"),
)
STUDY_PAIRS = Contract(
    files=("phenotype/*/corrected/study_pairs.tsv",),
    row="two studies of one patient that follow each other",
    columns=(
        SET,
        MODEL,
        PATIENT,
        STUDY,
        Column("next_study", TEXT, "the patient's next study"),
        Column("class_changes", FLAG, "whether the molecular class changes"),
        Column("call_changes", FLAG, "whether the called class changes"),
        Column("score_change", NUMBER, "the later molecular score less the earlier one"),
        Column(
            "probability_change",
            NUMBER,
            "the later probability less the earlier one",
            low=-1,
            high=1,
        ),
    ),
    key=("set", "study"),
)
DATE_OF_STUDY = r"_(\d{8})$"


def heterogeneity(table: pd.DataFrame, lesions: pd.DataFrame) -> pd.DataFrame:
    """Split each feature's variance over lesions into within and between scans: `HETEROGENEITY`.

    `table` names the series that count (series, study, patient), `lesions` has a row a lesion
    (series and the features; NaN where one could not be measured). Of a study's series, which show
    the same lesions, the first counts.
    """
    first = table.sort_values("series").drop_duplicates("study")
    own = lesions[lesions["series"].isin(first["series"])]
    patients = own["series"].map(first.set_index("series")["patient"])
    rows = []
    for feature in RADIOMIC_FEATURES:
        known = own[own[feature].notna()]
        several = known[known.groupby("series")["series"].transform("size") > 1]
        values = several[feature].to_numpy(float)
        scans = several["series"].to_numpy()
        counts = [len(several), several["series"].nunique(), patients[several.index].nunique()]
        rows.append([feature, *counts, *_spread(values, scans)])
    return pd.DataFrame(rows, columns=HETEROGENEITY.names)


def _spread(values: np.ndarray, scans: np.ndarray) -> tuple[float, float]:
    """Return the share of the variance within scans, and the median range in deviations."""
    deviation = values.std(ddof=1) if len(values) > 1 else 0.0
    if not deviation > 0:
        return np.nan, np.nan
    by_scan = pd.Series(values).groupby(scans)
    found = reproducibility_within(values[:, np.newaxis] / deviation, scans)
    share = np.nan if found is None else float(np.clip(1 - found[0], 0, 1))
    return share, float((by_scan.max() - by_scan.min()).median() / deviation)


def score_lesions(table: pd.DataFrame, lesions: pd.DataFrame, chosen: Chosen) -> pd.DataFrame:
    """Score each measured lesion as if it were the scan's only one.

    `table` is the corrected protocol's own (`corrected.prepared`), `lesions` as in
    `heterogeneity`, with volume_ml. Gives series, set, probability and called (0 or 1).
    """
    measured = lesions[lesions[list(RADIOMIC_FEATURES)].notna().any(axis=1)]
    training = training_rows(table)
    parts = []
    for fold, model in chosen.models.items():
        rows = _as_scans(training[training["fold"].eq(fold)], measured)
        parts.append(_called(rows, [model], VALIDATION))
    tested = _as_scans(table[table["group"] == TEST], measured)
    parts.append(_called(tested, list(chosen.models.values()), TEST))
    return pd.concat(parts, ignore_index=True)


def _as_scans(scans: pd.DataFrame, lesions: pd.DataFrame) -> pd.DataFrame:
    """Make a row a lesion that says of it what a scan's row says of all its lesions."""
    own = lesions[lesions["series"].isin(scans["series"])]
    rows = scans.set_index("series", drop=False).loc[own["series"]].reset_index(drop=True)
    features = own[list(RADIOMIC_FEATURES)].astype(float).reset_index(drop=True)
    rows[list(RADIOMIC_FEATURES)] = features
    return rows.assign(**{LESION_COUNT: 1.0, "burden_ml": own["volume_ml"].to_numpy(float)})


def _called(rows: pd.DataFrame, models: list[FoldModel], part: str) -> pd.DataFrame:
    if rows.empty:
        return pd.DataFrame(columns=["series", "set", "probability", "called"])
    probability = np.mean([model.probability(rows) for model in models], axis=0)
    threshold = float(np.mean([model.threshold for model in models]))
    facts = {"set": part, "probability": probability, "called": probability > threshold}
    return rows[["series"]].assign(**facts).astype({"called": int})


def tabulate_lesion_calls(
    scored: pd.DataFrame, predictions: pd.DataFrame, model: str
) -> pd.DataFrame:
    """Count scans whose lesions are called alike, and lesions against their scan: `LESION_CALLS`.

    `scored` is that of `score_lesions`; `predictions` are the model's own of the series
    (`fits.PREDICTIONS`).
    """
    own = predictions.set_index("series")
    rows = []
    for part in (VALIDATION, TEST):
        here = scored[scored["set"].eq(part) & scored["series"].isin(own.index)]
        several = here[here.groupby("series")["series"].transform("size") > 1]
        by_scan = several.groupby("series")
        calls = by_scan["called"].nunique()
        ranges = by_scan["probability"].max() - by_scan["probability"].min()
        against = several["called"].ne(several["series"].map(own["predicted"].astype(int)))
        facts = [part, model, len(calls), several["series"].map(own["patient"]).nunique()]
        counts = [len(several), int(calls.eq(1).sum()), int(calls.gt(1).sum()), int(against.sum())]
        rows.append([*facts, *counts, ranges.median(), ranges.max()])
    return pd.DataFrame(rows, columns=LESION_CALLS.names)


def over_time(predictions: pd.DataFrame, burden_ml: pd.Series, model: str) -> pd.DataFrame:
    """Describe how score, call and burden change from one study of a patient to the next.

    `predictions` are the model's without class weights (`fits.PREDICTIONS`), `burden_ml` the burden
    of each series. Gives `OVER_TIME`.
    """
    rows = []
    for part, series in predictions.groupby("set", sort=False):
        pairs = _pairs(_studies(series, burden_ml))
        changes = pairs["label"].ne(pairs["next_label"])
        for name, inside in ((ALL_PAIRS, changes | True), (STAYS, ~changes), (CHANGES, changes)):
            rows.append([part, model, name, *_described(pairs[inside])])
    return pd.DataFrame(rows, columns=OVER_TIME.names)


def study_pairs(predictions: pd.DataFrame, burden_ml: pd.Series, model: str) -> pd.DataFrame:
    """List the pairs of studies that `over_time` counts: `STUDY_PAIRS`."""
    parts = [
        _pairs(_studies(series, burden_ml)).assign(set=part, model=model)
        for part, series in predictions.groupby("set", sort=False)
    ]
    pairs = pd.concat(parts, ignore_index=True)
    return pairs.assign(
        class_changes=pairs["label"].ne(pairs["next_label"]),
        call_changes=pairs["called"].ne(pairs["next_called"]),
        score_change=(pairs["next_score"] - pairs["score"]).astype(float),
        probability_change=(pairs["next_probability"] - pairs["probability"]).astype(float),
    )[STUDY_PAIRS.names]


def _studies(series: pd.DataFrame, burden_ml: pd.Series) -> pd.DataFrame:
    """Make one row a study, in the order of dates; those without one in the order of names."""
    known = series.assign(burden_ml=series["series"].map(burden_ml))
    means = ["score", "probability", "threshold", "burden_ml"]
    how = {"patient": "first", "label": "first"} | dict.fromkeys(means, "mean")
    studies = known.groupby("study").agg(how).reset_index()
    studies["called"] = studies["probability"].gt(studies["threshold"]).astype(int)
    dates = studies["study"].str.extract(DATE_OF_STUDY)[0]
    studies["date"] = pd.to_datetime(dates, format="%Y%m%d", errors="coerce")
    return studies.sort_values(["patient", "date", "study"], kind="stable")


def _pairs(studies: pd.DataFrame) -> pd.DataFrame:
    """Set each study beside its patient's next one (columns next_*)."""
    columns = ["study", "label", "score", "probability", "called", "burden_ml", "date"]
    later = studies.groupby("patient")[columns].shift(-1).add_prefix("next_")
    return studies.join(later).dropna(subset=["next_study"])


def _described(pairs: pd.DataFrame) -> Iterator[float]:
    changed = pairs["called"].ne(pairs["next_called"])
    with_class = (pairs["next_called"] - pairs["called"]).eq(pairs["next_label"] - pairs["label"])
    days = (pairs["next_date"] - pairs["date"]).dt.days
    moved = (pairs["next_probability"] - pairs["probability"]).astype(float).abs()
    yield len(pairs)
    yield pairs["patient"].nunique()
    yield int(days.isna().sum())
    yield int(changed.sum())
    yield int((changed & with_class).sum())
    yield days.median()
    yield (pairs["next_score"] - pairs["score"]).astype(float).abs().median()
    yield from (moved.quantile(share) for share in (0.5, 0.25, 0.75))
    yield (pairs["next_burden_ml"] - pairs["burden_ml"]).astype(float).median()
