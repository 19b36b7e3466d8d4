"""Tables 1-4 and S1-S3: data frames in, data frames out.

A table that describes groups has one row a fact and one column a group; its cells are text, and a
cell is empty where the group has nothing to describe. Tables of scores are long: one row a score.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from livermet.cohort import study_names
from livermet.phenotype.table import LESION_COUNT, measured
from livermet.report import words

FACTS = [
    "series",
    "patient",
    "study",
    "cohort",
    "place",
    "included",
    "label",
    "score",
    "sample_type",
    "sex",
    "age",
    "burden_ml",
    "lesions",
    "measured",
    "measured_by_lesion",
    "kind",
]
SCORES = (
    "accuracy",
    "ppv",
    "npv",
    "sensitivity",
    "specificity",
    "f1",
    "auc",
    "pooled_f1",
    "pooled_auc",
    "within_fold_auc",
)
SCORE_COLUMNS = ["protocol", "model", "weighting", "metric", "mean", "low", "high"]
CORRECTED = "corrected"
PLACES = ("train", "test")
CLASSES = ("positive", "negative")
NOT_RECORDED = "not recorded"
SEXES = {"F": "female", "M": "male"}
SPLIT_COLUMNS = [
    "task",
    "cohort",
    "place",
    "patients",
    "studies",
    "series",
    "positive_series",
    "negative_series",
]


def facts_of_sheet(
    sheet: pd.DataFrame, places: pd.DataFrame, matching: pd.DataFrame, masks: pd.DataFrame
) -> pd.DataFrame:
    """Gather what the report says of every series of the sheet, one row a series.

    `sheet` is series.tsv, `places` the ledger's splits (patient, place), `matching` the cohort
    stage's matching (series, class, sample_type, score, included), `masks` the burden_ml and
    lesions of each series with a mask and, where known, measured (whether it has every feature),
    measured_by_lesion and kind (which networks made the mask); of a series' rows the first value
    counts. Gives series, patient, study, cohort, place (train or test), included, label (positive,
    negative or empty), score, sample_type, sex, age (years), burden_ml, lesions, measured,
    measured_by_lesion, kind.
    """
    facts = sheet[["series", "patient", "cohort", "sex", "age"]].copy()
    facts["study"] = study_names(sheet)
    place = facts["patient"].map(places.set_index("patient")["place"].astype(str))
    facts["place"] = _train_or_test(place)
    matched = matching.set_index("series")
    facts["included"] = facts["series"].map(matched["included"].map(_is_true)).eq(True)
    facts["label"] = _texts(facts["series"].map(_labels(matched["class"])))
    facts["score"] = facts["series"].map(pd.to_numeric(matched["score"]))
    facts["sample_type"] = _texts(facts["series"].map(matched["sample_type"]))
    of_masks = masks.groupby("series").first()
    for column in of_masks.columns.intersection(FACTS):
        facts[column] = facts["series"].map(of_masks[column])
    return facts.reindex(columns=FACTS).reset_index(drop=True)


def facts_of_features(features: pd.DataFrame, name: str, cohort: str) -> pd.DataFrame:
    """Gather what the report says of every series of a feature table, as in `facts_of_sheet`.

    `features` has the columns of `livermet.phenotype.table`; `name` is the phenotype's name in
    them (NE_Score). Sex and age are not known there.
    """
    facts = pd.DataFrame(
        {
            "series": features["File"],
            "patient": features["unique_pt"],
            "cohort": cohort,
            "sex": "",
            "age": float("nan"),
            "study": features["unique_scandate"],
            "place": _train_or_test(features["Group"]),
            "included": True,
            "label": _labels(features[f"{name}_Class"]),
            "score": features[f"{name}_Score"],
            "sample_type": _texts(features["Sample_Type"]),
            "burden_ml": features["Burden_ml"],
            "lesions": features[LESION_COUNT],
            "measured": measured(features),
        }
    )
    return facts.reindex(columns=FACTS)


def measured_by_lesion(facts: pd.DataFrame, features: pd.DataFrame) -> pd.Series:
    """Tell which series have every feature in the table that is aggregated over lesions."""
    complete = measured(features).set_axis(features["File"])
    return facts["series"].map(complete)


def masks_of_features(facts: pd.DataFrame) -> pd.DataFrame:
    """Take what the feature tables know of the masks: burden, lesions, what was measured."""
    return facts[["series", "burden_ml", "lesions", "measured", "measured_by_lesion"]]


def masks_of_scans(scans: pd.DataFrame) -> pd.DataFrame:
    """Take what the detection stage's scans know of the masks: series, burden_ml, lesions, kind."""
    names = {"predicted_burden_ml": "burden_ml", "predicted_lesions": "lesions"}
    return scans[["series", *names, "kind"]].rename(columns=names)


def _train_or_test(places: pd.Series) -> pd.Series:
    return places.map(lambda place: "test" if place == "test" else "train")


def _labels(classes: pd.Series) -> pd.Series:
    return _texts(pd.to_numeric(classes).map({1: "positive", 0: "negative"}))


def _texts(values: pd.Series) -> pd.Series:
    """Write '' for what is missing; a column where all is missing may have come as numbers."""
    return values.astype(object).where(values.notna(), "")


def _is_true(value) -> bool:
    return str(value).lower() in ("true", "1", "1.0")


def table1_cohort(facts: pd.DataFrame, cohorts: list[str], target: str, name: str) -> pd.DataFrame:
    """Describe patients, studies and series by cohort and place, and those classified by class.

    Columns: characteristic, statistic, one a group. Patients and their sex and age are counted
    once a patient (age at the first study), sample type and score once a study, burden and number
    of lesions once a series. A patient with studies of both classes counts in both.
    """
    groups = {
        f"{cohort} {place}": facts[facts["cohort"].eq(cohort) & facts["place"].eq(place)]
        for cohort in cohorts
        for place in PLACES
    }
    classified = facts[facts["cohort"].eq(target) & facts["included"]]
    groups |= {
        f"classified {place} {label}": classified[
            classified["place"].eq(place) & classified["label"].eq(label)
        ]
        for place in PLACES
        for label in CLASSES
    }
    levels = {
        column: sorted(set(facts[column].dropna()) - {""}) for column in ("sex", "sample_type")
    }
    columns = {group: _characteristics(rows, name, levels) for group, rows in groups.items()}
    keys = next(iter(columns.values())).keys()
    table = pd.DataFrame(list(keys), columns=["characteristic", "statistic"])
    for group, described in columns.items():
        table[group] = list(described.values())
    empty = table[list(columns)].isin(["", "0"]).all(axis=1)
    return table[~empty | table["statistic"].eq("number")].reset_index(drop=True)


def _characteristics(
    rows: pd.DataFrame, name: str, levels: dict[str, list[str]]
) -> dict[tuple[str, str], str]:
    patients = rows.sort_values(["study", "series"]).drop_duplicates("patient")
    studies = rows.sort_values("series").drop_duplicates("study")
    return (
        {
            ("patients", "number"): str(len(patients)),
            ("studies", "number"): str(len(studies)),
            ("series", "number"): str(len(rows)),
            ("age, years", "median (range)"): median_and_range(patients["age"], 0),
        }
        | {
            ("sex", level): str(int(patients["sex"].eq(code).sum()))
            for code in levels["sex"]
            for level in [SEXES.get(code, code)]
        }
        | {
            ("sample type", level): str(int(studies["sample_type"].eq(level).sum()))
            for level in levels["sample_type"]
        }
        | {
            (f"{name} score", "median (range)"): median_and_range(studies["score"], 2),
            ("tumour burden, ml", "median (range)"): median_and_range(rows["burden_ml"], 1),
            ("lesions", "median (range)"): median_and_range(rows["lesions"], 0),
        }
    )


def median_and_range(values: pd.Series, decimals: int) -> str:
    """Write 'median (lowest to highest)', or '' where there is no value."""
    known = pd.to_numeric(values).dropna()
    if known.empty:
        return ""
    median, low, high = (
        f"{number:.{decimals}f}" for number in (known.median(), known.min(), known.max())
    )
    return f"{median} ({low} to {high})"


def studies_with_burden(facts: pd.DataFrame) -> pd.DataFrame:
    """Take the classified studies whose burden is known, of each the first series by name."""
    known = facts[facts["included"].map(_is_true) & facts["burden_ml"].notna()]
    return known.sort_values("series").drop_duplicates("study").reset_index(drop=True)


@dataclass(frozen=True)
class FeatureCounts:
    """Classified series that have a mask, those that lack features, those without a lesion."""

    series: int
    unmeasured: int
    lesion_free: int


def series_without_features(facts: pd.DataFrame, by_lesion: bool = False) -> FeatureCounts:
    """Count the classified series whose features are not all measured, as the protocols do.

    `by_lesion`: those that are aggregated over lesions, and not those of the union.
    """
    column = "measured_by_lesion" if by_lesion else "measured"
    known = facts[facts["included"].map(_is_true) & facts[column].notna()]
    lacking = known[~known[column].map(_is_true)]
    return FeatureCounts(len(known), len(lacking), int(lacking["lesions"].eq(0).sum()))


def lacking_by_protocol(facts: pd.DataFrame, settings: Mapping) -> dict[FeatureCounts, list[str]]:
    """Count what each protocol's own features lack; protocols with the same counts together.

    `settings` has protocols and aggregation, what the corrected protocol's features are of.
    """
    alike: dict[FeatureCounts, list[str]] = {}
    for protocol in settings["protocols"]:
        by_lesion = protocol == CORRECTED and settings["aggregation"] in words.BY_LESION
        alike.setdefault(series_without_features(facts, by_lesion), []).append(protocol)
    return alike


def kinds_of_classified(facts: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Count the classified series of each place by which networks made their mask."""
    known = facts[facts["included"].map(_is_true) & facts["kind"].notna()]
    return {
        place: known.loc[known["place"].eq(place), "kind"].value_counts().to_dict()
        for place in PLACES
    }


def classes_of_test_studies(facts: pd.DataFrame) -> tuple[int, int]:
    """Count the positive among the classified test studies, and all of them."""
    tested = studies_with_burden(facts)
    tested = tested[tested["place"].eq("test")]
    return int(tested["label"].eq("positive").sum()), len(tested)


def table2_splits(splits: pd.DataFrame) -> pd.DataFrame:
    """Order the split's report as the paper's table 2: task, cohort, train before test."""
    order = {"segmentation": 0, "classification": 1, "train": 0, "test": 1}
    return splits[SPLIT_COLUMNS].sort_values(
        ["task", "place"], key=lambda column: column.map(order), kind="stable", ignore_index=True
    )


def splits_of_facts(facts: pd.DataFrame) -> pd.DataFrame:
    """Count patients, studies and series by place where a run enters with its feature table."""
    rows = []
    for (cohort, place), group in facts.groupby(["cohort", "place"]):
        counts = {unit: group[f"{unit}"].nunique() for unit in ("patient", "study")}
        rows.append(
            {
                "task": "classification",
                "cohort": cohort,
                "place": place,
                "patients": counts["patient"],
                "studies": counts["study"],
                "series": len(group),
                "positive_series": int(group["label"].eq("positive").sum()),
                "negative_series": int(group["label"].eq("negative").sum()),
            }
        )
    return pd.DataFrame(rows, columns=SPLIT_COLUMNS)


def flow_of_facts(facts: pd.DataFrame) -> pd.DataFrame:
    """Give the flow's first and only step where a run enters with its feature table."""
    left = {
        "left_series": len(facts),
        "left_studies": facts["study"].nunique(),
        "left_patients": facts["patient"].nunique(),
    }
    removed = {f"removed_{unit}": 0 for unit in ("series", "studies", "patients")}
    return pd.DataFrame([{"step": 0, "reason": "rows of the feature table"} | removed | left])


def table4_classification(metrics: pd.DataFrame, choice: pd.DataFrame | None) -> pd.DataFrame:
    """Take the test scores of the published models without class weights and of the chosen one.

    `choice` is the corrected protocol's (model, weighting, chosen): only its model has scored the
    test set, whatever its weighting. Scores stand in the paper's order.
    """
    shown = metrics["weighting"].eq("none") & metrics["protocol"].ne(CORRECTED)
    if choice is not None:
        chosen = choice.loc[choice["chosen"], ["model", "weighting"]]
        models = pd.MultiIndex.from_frame(metrics[["model", "weighting"]])
        is_chosen = models.isin(pd.MultiIndex.from_frame(chosen))
        shown |= metrics["protocol"].eq(CORRECTED) & is_chosen
    return _scores(metrics[shown])


def table_s3_weighted(metrics: pd.DataFrame) -> pd.DataFrame:
    """Take the test scores of the published models with class weights, in the paper's order."""
    return _scores(metrics[metrics["weighting"].ne("none") & metrics["protocol"].ne(CORRECTED)])


def table_s2_cross_validation(cross_validation: pd.DataFrame) -> pd.DataFrame:
    """Order the cross-validated scores (mean, lowest and highest fold) as table 4's."""
    return _scores(cross_validation)


def _scores(table: pd.DataFrame) -> pd.DataFrame:
    order = {metric: place for place, metric in enumerate(SCORES)}
    keys = ["protocol", "model", "weighting"]
    groups = {key: number for number, key in enumerate(table[keys].itertuples(index=False))}
    ordered = table.assign(
        _group=[groups[key] for key in table[keys].itertuples(index=False)],
        _metric=table["metric"].map(order),
    ).sort_values(["_group", "_metric"], kind="stable")
    return ordered[SCORE_COLUMNS].reset_index(drop=True)


def wide_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Turn a long table of scores into one row a model, cells '0.71 (0.59 to 0.82)'.

    The column of weightings is left out where all are 'none'.
    """
    if table.empty:
        return pd.DataFrame(columns=["protocol", "model", "weighting"])
    cells = [words.estimate(row.mean, row.low, row.high) for row in table.itertuples(index=False)]
    keys = ["protocol", "model", "weighting"]
    wide = table.assign(cell=cells).pivot_table(
        index=keys, columns="metric", values="cell", aggfunc="first", sort=False
    )
    metrics = [metric for metric in SCORES if metric in wide]
    shown = wide[metrics].reset_index().rename_axis(columns=None)
    return shown.drop(columns="weighting") if shown["weighting"].eq("none").all() else shown


def table_s1_acquisition(acquisition: pd.DataFrame) -> pd.DataFrame:
    """Describe how the series of each cohort were acquired.

    `acquisition` has one row a series (cohort and the acquisition record: manufacturer, model, kvp,
    kernel, slice_thickness_mm, spacing_mm as 'x; y; z', phase). Columns: characteristic, statistic,
    one a cohort; counts are of series.
    """
    spacing = acquisition["spacing_mm"].astype(str).str.split(";", expand=True).astype(float)
    names = [_texts(acquisition[column]).astype(str) for column in ("manufacturer", "model")]
    scanner = (names[0] + " " + names[1]).str.strip()
    named = {
        "scanner": scanner,
        "tube voltage, kVp": acquisition["kvp"].map("{:g}".format, na_action="ignore"),
        "kernel": acquisition["kernel"],
        "phase": acquisition["phase"],
    }
    measured = {
        "slice thickness, mm": acquisition["slice_thickness_mm"],
        "slice spacing, mm": spacing[2],
        "pixel spacing, mm": spacing[0],
    }
    cohorts = list(acquisition["cohort"].drop_duplicates())
    columns = {}
    for cohort in cohorts:
        here = acquisition["cohort"].eq(cohort)
        facts = {("series", "number"): str(int(here.sum()))}
        for characteristic, values in named.items():
            counts = _level_counts(values[here])
            facts |= {(characteristic, level): count for level, count in counts.items()}
        for characteristic, values in measured.items():
            facts[(characteristic, "median (range)")] = median_and_range(values[here], 2)
        columns[cohort] = facts
    rows = [key for facts in columns.values() for key in facts]
    order = ["series", *named, *measured]
    rows = sorted(dict.fromkeys(rows), key=lambda key: (order.index(key[0]), *_level_order(key[1])))
    table = pd.DataFrame(rows, columns=["characteristic", "statistic"])
    for cohort, facts in columns.items():
        counted = table["statistic"].ne("median (range)")
        table[cohort] = [facts.get(key, "") for key in rows]
        table.loc[counted & table[cohort].eq(""), cohort] = "0"
    described = ~table[cohorts].isin(["", "0"]).all(axis=1)
    return table[described].reset_index(drop=True)


def _level_order(level: str) -> tuple[bool, float, str]:
    number = float(level) if level.replace(".", "", 1).isdigit() else 0.0
    return level == NOT_RECORDED, number, level


def _level_counts(values: pd.Series) -> dict[str, str]:
    levels = _texts(values).astype(str).replace("", NOT_RECORDED).value_counts()
    return {level: str(count) for level, count in levels.items()}
