"""Tables 1, 2 and S1, and the flow of a finished table: data frames in, data frames out.

One row a fact and one column a group; cells are text, and a cell is empty where the group has
nothing to describe.
"""

from dataclasses import replace

import pandas as pd

from livermet.cohort.facts import CLASSES, PLACES, texts
from livermet.cohort.matching import SPLITS
from livermet.contracts import TEXT, Column, Contract
from livermet.report import words

NOT_RECORDED = "not recorded"
SEXES = {"F": "female", "M": "male"}
DESCRIBED = (
    Column("characteristic", TEXT, "what is described, with its unit"),
    Column(
        "statistic",
        TEXT,
        f"number, median (range), or the value that is counted ('{NOT_RECORDED}' too)",
    ),
)
KEYS = tuple(column.name for column in DESCRIBED)
TABLE_1 = Contract(
    files=("tables/table1_cohort.csv",),
    row="a characteristic of patients, studies or series",
    columns=(
        *DESCRIBED,
        Column(
            "<group>",
            TEXT,
            "count or median (lowest to highest) of a group: a cohort's training or test patients, "
            "or those classified by place and class",
            missing="the group has nothing to describe",
            family=None,
        ),
    ),
    key=KEYS,
)
TABLE_2 = replace(SPLITS, files=("tables/table2_splits.csv",))
TABLE_S1 = Contract(
    files=("tables/tableS1_acquisition.csv",),
    row="a characteristic of how series were acquired",
    columns=(
        *DESCRIBED,
        Column(
            "<cohort>",
            TEXT,
            "count of series or median (lowest to highest) in a cohort",
            missing="nothing was recorded in the cohort",
            family=None,
        ),
    ),
    key=KEYS,
)


def table1_cohort(facts: pd.DataFrame, cohorts: list[str], target: str, name: str) -> pd.DataFrame:
    """Describe patients, studies and series by cohort and place, and those classified by class.

    The result is `TABLE_1`. Patients and their sex and age are counted
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
    table = pd.DataFrame(list(keys), columns=KEYS)
    for group, described in columns.items():
        table[group] = list(described.values())
    empty = table[list(columns)].isin(["", "0"]).all(axis=1)
    return table[~empty | table["statistic"].eq("number")].reset_index(drop=True)


def _characteristics(
    rows: pd.DataFrame, name: str, levels: dict[str, list[str]]
) -> dict[tuple[str, str], str]:
    patients = rows.sort_values(["study", "series"]).drop_duplicates("patient")
    studies = rows.sort_values("series").drop_duplicates("study")
    described = {
        ("patients", "number"): str(len(patients)),
        ("studies", "number"): str(len(studies)),
        ("series", "number"): str(len(rows)),
        **_measured("age, years", patients["age"], 0),
        **_counted("sex", patients["sex"], {SEXES.get(code, code): code for code in levels["sex"]}),
        **_counted(
            "sample type", studies["sample_type"], {level: level for level in levels["sample_type"]}
        ),
        **_measured(f"{name} score", studies["score"], 2),
        **_measured("tumour burden, ml", rows["burden_ml"], 1),
        **_measured("lesions", rows["lesions"], 0),
    }
    return described


def _measured(characteristic: str, values: pd.Series, decimals: int) -> dict[tuple[str, str], str]:
    """Describe numbers, and count those that are missing."""
    return {
        (characteristic, "median (range)"): median_and_range(values, decimals),
        (characteristic, NOT_RECORDED): str(int(values.isna().sum())),
    }


def _counted(
    characteristic: str, values: pd.Series, levels: dict[str, str]
) -> dict[tuple[str, str], str]:
    """Count the values of each level, and those that are missing; `levels` are code by word."""
    known = texts(values)
    counts = {
        (characteristic, word): str(int(known.eq(code).sum())) for word, code in levels.items()
    }
    return counts | {(characteristic, NOT_RECORDED): str(int(known.eq("").sum()))}


def median_and_range(values: pd.Series, decimals: int) -> str:
    """Write 'median (lowest to highest)', or '' where there is no value."""
    known = pd.to_numeric(values).dropna()
    if known.empty:
        return ""
    median, low, high = (
        f"{number:.{decimals}f}" for number in (known.median(), known.min(), known.max())
    )
    return f"{median} ({low} to {high})"


def table2_splits(splits: pd.DataFrame) -> pd.DataFrame:
    """Order the split's report as the paper's table 2: `TABLE_2`."""
    order = {"segmentation": 0, "classification": 1, "train": 0, "test": 1}
    return splits[TABLE_2.names].sort_values(
        ["task", "place"], key=lambda column: column.map(order), kind="stable", ignore_index=True
    )


def splits_of_facts(facts: pd.DataFrame) -> pd.DataFrame:
    """Count patients, studies and series by place where a run enters with its feature table."""
    rows = []
    for (cohort, place), group in facts.groupby(["cohort", "place"]):
        rows.append(
            {
                "task": "classification",
                "cohort": cohort,
                "place": place,
                "patients": group["patient"].nunique(),
                "studies": group["study"].nunique(),
                "series": len(group),
                "positive_series": int(group["label"].eq("positive").sum()),
                "negative_series": int(group["label"].eq("negative").sum()),
            }
        )
    return pd.DataFrame(rows, columns=TABLE_2.names)


def flow_of_facts(facts: pd.DataFrame) -> pd.DataFrame:
    """Return the flow's first and only step where a run enters with its feature table."""
    left = {
        "left_series": len(facts),
        "left_studies": facts["study"].nunique(),
        "left_patients": facts["patient"].nunique(),
    }
    removed = {f"removed_{unit}": 0 for unit in ("series", "studies", "patients")}
    return pd.DataFrame([{"step": 0, "reason": "rows of the feature table"} | removed | left])


def counts(row, prefix: str = "") -> str:
    """Write what a row counts of each unit: '28 series, 14 studies, 14 patients'.

    `prefix` begins the names of its columns: left_ or removed_ of the flow.
    """
    units = {"series": "series", "studies": "study", "patients": "patient"}
    return ", ".join(
        words.counted(getattr(row, f"{prefix}{unit}"), one, unit) for unit, one in units.items()
    )


def table_s1_acquisition(acquisition: pd.DataFrame) -> pd.DataFrame:
    """Describe how the series of each cohort were acquired.

    `acquisition` has one row a series (cohort and the acquisition record: manufacturer, model, kvp,
    kernel, slice_thickness_mm, spacing_mm as 'x; y; z', phase). The result is `TABLE_S1`; counts
    are of series.
    """
    spacing = acquisition["spacing_mm"].astype(str).str.split(";", expand=True).astype(float)
    names = [texts(acquisition[column]).astype(str) for column in ("manufacturer", "model")]
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
    table = pd.DataFrame(rows, columns=KEYS)
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
    levels = texts(values).astype(str).replace("", NOT_RECORDED).value_counts()
    return {level: str(count) for level, count in levels.items()}
