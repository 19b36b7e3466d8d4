"""How the page lays out tables whose files are made for machines: from numbers to cells of text.

A cell 'mean (low to high)' is set in two lines by the page. A file may be shown in several parts.
"""

from collections.abc import Callable, Mapping

import pandas as pd

from livermet.report import words
from livermet.report.feature_lists import (
    EXCELLENT,
    GOOD,
    POOR,
    by_class,
    feature_label,
    most_selected,
)
from livermet.report.tables import wide_scores

MAIN_METRICS = ("auc", "f1", "accuracy")
SHOWN_FEATURES = 10
UNITS = {"series": "By series", "study": "By study", "patient": "By patient"}
MODEL = ["protocol", "model", "weighting"]
AGREEMENT = {
    "two decimals": "Agree at two decimals",
    "within 0.01": "Within 0.01",
    "no": "Do not agree",
    "not reproducible": "Not in the table",
}


def corrections(table: pd.DataFrame) -> pd.DataFrame:
    """Show the ladder: for each score mean, interval and its width; reasons below the words."""
    shown = table[["step"]].copy()
    shown["correction"] = [
        row.correction if row.made == "yes" else f"{row.correction} (not made: {row.reason})"
        for row in table.fillna({"reason": "no reason given"}).itertuples()
    ]
    shown["model"] = table["model"]
    for metric in MAIN_METRICS:
        name = words.value("metric", metric)
        shown[name] = _estimates(table, metric, f"{metric}_low", f"{metric}_high")
        shown[f"{name}, width"] = _numbers(table[f"{metric}_width"])
        shown[f"{name}, cross-validated"] = _numbers(table[f"cv_{metric}"])
    return shown


def baselines(table: pd.DataFrame) -> pd.DataFrame:
    """Show one row a baseline and set: the model's score beside the baseline's, and the difference.

    The columns are those of one model where the table holds one.
    """
    keys = [*_keys(table), "set", "baseline"]
    return _beside(
        table.assign(
            score=_numbers(table["mean"]) + " / " + _numbers(table["baseline_mean"]),
            difference=_estimates(table, "difference", "low", "high"),
        ),
        keys,
        {"score": "", "difference": ", difference"},
    )


def intervals(table: pd.DataFrame) -> pd.DataFrame:
    """Show the main scores, a column for each unit that was drawn."""
    table = table[table["metric"].isin(MAIN_METRICS)]
    cells = table.assign(cell=_estimates(table, "mean", "low", "high"))
    keys = [*_keys(table), "set", "metric"]
    return _pivoted(cells, keys, "unit", "cell", UNITS)


def repeated_cross_validation(table: pd.DataFrame) -> pd.DataFrame:
    """Show the mean over repeats with its interval by patient, and the range over repeats."""
    shown = table[["model", "metric"]].copy()
    shown["Mean"] = _estimates(table, "mean", "low", "high")
    shown["Lowest to highest repeat"] = _spreads(table, "repeat_low", "repeat_high")
    return shown.join(table[["repeats", "patients", "studies", "series"]])


def permutation(table: pd.DataFrame) -> pd.DataFrame:
    """Show the observed AUC beside those under permuted labels."""
    shown = table[["model"]].copy()
    shown["Cross-validated AUC"] = _numbers(table["observed"])
    shown["With permuted labels"] = _estimates(table, "null_mean", "null_low", "null_high")
    return shown.join(table[["permutations", "p"]])


def calibration(table: pd.DataFrame) -> pd.DataFrame:
    """Show slope, intercept and Brier score with their intervals, and why one is missing."""
    shown = table[[*_keys(table), "set", "series"]].copy()
    for name in ("slope", "intercept", "brier"):
        title = {"brier": "Brier score"}.get(name, name.capitalize())
        shown[title] = _estimates(table, name, f"{name}_low", f"{name}_high")
    shown["Brier score of the share"] = _numbers(table["brier_prevalence"])
    return shown.join(table["reason"]) if _any_text(table["reason"]) else shown


def selection_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Show how many features each fit selects, and how stable the choice is."""
    shown = table[["protocol", "fits", "empty_fits"]].copy()
    shown["Features, median (range)"] = [
        words.estimate(row.features_median, row.features_min, row.features_max, 0)
        for row in table.itertuples()
    ]
    shown["Stability"] = _estimates(table, "stability", "stability_low", "stability_high")
    return shown.join(table["resamples"])


def reproducibility(table: pd.DataFrame) -> pd.DataFrame:
    """Count the features of each class by their ICC; the last row counts all."""
    known = by_class(table)
    groups = [*known.groupby("family", sort=False), ("all", known)]
    return pd.DataFrame(
        [
            {
                "class": name,
                "Features": len(rows),
                "ICC from 0.9": int((rows["icc"] >= EXCELLENT).sum()),
                "ICC from 0.75": int((rows["icc"] >= GOOD).sum()),
                "ICC below 0.5": int((rows["icc"] < POOR).sum()),
                "No ICC": int(rows["icc"].isna().sum()),
                "Median ICC": words.number(rows["icc"].median()),
            }
            for name, rows in groups
        ]
    )


def stability(table: pd.DataFrame) -> pd.DataFrame:
    """Show the ten features that the most resamples select."""
    shown = most_selected(table).head(SHOWN_FEATURES)
    shown = shown.assign(feature=shown["feature"].map(feature_label))
    return shown[["feature", "selected", "resamples"]].rename(columns={"selected": "Selected in"})


def sample_size(table: pd.DataFrame) -> pd.DataFrame:
    """Show the patients that each criterion asks for beside those there are."""
    columns = ["candidates", "criterion", "required_patients", "required_events"]
    columns += ["available_patients", "available_events", "assumed_auc", "prevalence"]
    return table[columns].assign(prevalence=_numbers(table["prevalence"]))


def null_cohorts(table: pd.DataFrame) -> pd.DataFrame:
    """Show the AUC where there is no signal, and how often intervals cover 0.5."""
    shown = table[["protocol", "model", "set", "cohorts"]].copy()
    shown["AUC"] = _estimates(table, "auc_mean", "auc_low", "auc_high")
    cells = _estimates(table, "coverage", "coverage_low", "coverage_high")
    return shown.assign(**{"Intervals that cover 0.5": cells})


def masks(table: pd.DataFrame) -> pd.DataFrame:
    """Show the main scores of each protocol on predicted and on reference masks, row below row."""
    table = table[table["metric"].isin(MAIN_METRICS)]
    cells = table.assign(cell=_estimates(table, "mean", "low", "high"))
    keys = ["protocol", "set", "mask", "model", "weighting", "series"]
    order = {name: words.value("metric", name) for name in MAIN_METRICS}
    shown = _pivoted(cells, keys, "metric", "cell", order)
    return shown.sort_values(["protocol", "set"], ascending=[False, True], kind="stable")


def reproduction(table: pd.DataFrame) -> pd.DataFrame:
    """Count the printed numbers of each source by how they agree; the last row counts all."""
    groups = [*table.groupby("source", sort=False), ("all", table)]
    return pd.DataFrame(
        [
            {"source": name, "Numbers": len(rows)}
            | {title: int(rows["agreement"].eq(state).sum()) for state, title in AGREEMENT.items()}
            for name, rows in groups
        ]
    )


def reproduction_differences(table: pd.DataFrame) -> pd.DataFrame:
    """List the numbers that do not agree: printed, ours, the range over repeats, and the reason."""
    rows = table[table["agreement"].eq("no")]
    shown = rows[["source", "model", "weighting", "metric", "statistic"]].copy()
    shown["printed"], shown["ours"] = _exact(rows["printed"]), _exact(rows["ours"])
    if rows["range_low"].notna().any():
        shown["Range over repeats"] = _spreads(rows, "range_low", "range_high")
    return shown.join(rows["note"])


def reproduction_not_possible(table: pd.DataFrame) -> pd.DataFrame:
    """List the printed numbers that the table cannot give, with the reason."""
    rows = table[table["agreement"].eq("not reproducible")]
    shown = rows[["source", "model", "metric", "statistic", "note"]].copy()
    shown.insert(4, "printed", _exact(rows["printed"]))
    return shown


# Names of tables as the page has them: how their files are shown.
LAYOUTS: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "table4_classification": wide_scores,
    "tableS2_cross_validation": wide_scores,
    "tableS3_weighted": wide_scores,
    "corrections": corrections,
    "baselines": baselines,
    "intervals": intervals,
    "repeated_cross_validation": repeated_cross_validation,
    "permutation": permutation,
    "calibration": calibration,
    "selection_summary": selection_summary,
    "reproducibility": reproducibility,
    "stability": stability,
    "sample_size": sample_size,
    "null_cohorts": null_cohorts,
    "masks": masks,
    "reproduction": reproduction,
    "reproduction_differences": reproduction_differences,
    "reproduction_not_possible": reproduction_not_possible,
}
# Tables of the page that show a part of another table's file.
PARTS = {
    "reproduction_differences": "reproduction",
    "reproduction_not_possible": "reproduction",
}


def _keys(table: pd.DataFrame) -> list[str]:
    """Name the model's columns, without the weighting where there is none."""
    weighted = table["weighting"].ne("none").any()
    return MODEL if weighted else MODEL[:2]


def _numbers(values: pd.Series) -> pd.Series:
    return values.astype(float).map(words.number).astype(object)


def _exact(values: pd.Series) -> pd.Series:
    return values.map(lambda value: "" if pd.isna(value) else f"{value:.3g}").astype(object)


def _estimates(table: pd.DataFrame, mean: str, low: str, high: str) -> list[str]:
    columns = table[[mean, low, high]].astype(float)
    return [words.estimate(*row) for row in columns.itertuples(index=False)]


def _spreads(table: pd.DataFrame, low: str, high: str) -> list[str]:
    columns = table[[low, high]].astype(float)
    return ["" if row.isna().any() else words.spread(*row) for _, row in columns.iterrows()]


def _any_text(values: pd.Series) -> bool:
    return bool(values.fillna("").astype(str).ne("").any())


def _pivoted(
    cells: pd.DataFrame, keys: list[str], across: str, value: str, names: Mapping[str, str]
) -> pd.DataFrame:
    """Set the values of one column side by side, in the order and by the words of `names`."""
    wide = cells.pivot_table(index=keys, columns=across, values=value, aggfunc="first", sort=False)
    chosen = [name for name in names if name in wide]
    return wide[chosen].rename(columns=names).reset_index().rename_axis(columns=None)


def _beside(cells: pd.DataFrame, keys: list[str], parts: Mapping[str, str]) -> pd.DataFrame:
    """Set the parts of each main score side by side: columns 'AUC', 'AUC, difference'."""
    shown = None
    for metric in MAIN_METRICS:
        rows = cells[cells["metric"].eq(metric)].set_index(keys)
        named = {part: words.value("metric", metric) + end for part, end in parts.items()}
        columns = rows[list(named)].rename(columns=named)
        shown = columns if shown is None else shown.join(columns, how="outer", sort=False)
    return shown.reset_index()
