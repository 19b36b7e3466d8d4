"""How the page lays out tables whose files are made for machines: from numbers to cells of text.

A cell 'mean (low to high)' is set in two lines by the page. A file may be shown in several parts.
"""

from collections.abc import Callable, Mapping

import pandas as pd

from livermet.report import detection_layouts, words
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
WITHIN_FOLDS = "within_fold_auc"
BASELINES = ("always_positive", "volume", "lesion_count")
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
    """Show the ladder: for each score mean with interval, its width, and the cross-validated mean.

    A step that was not made has its reason and no numbers; a model's name stands where it changes.
    """
    made = table["made"].eq("yes")
    numbers = table.where(made)
    changes = numbers["model"].notna() & numbers["model"].ne(numbers["model"].ffill().shift())
    shown = table[["step"]].copy()
    shown["correction"] = [
        _step_words(row, changed)
        for row, changed in zip(table.fillna({"reason": ""}).itertuples(), changes, strict=True)
    ]
    for metric in MAIN_METRICS:
        name = words.heading(metric)
        shown[name] = _estimates(numbers, metric, f"{metric}_low", f"{metric}_high")
        shown[f"{name}, width"] = _numbers(numbers[f"{metric}_width"])
        shown[f"{name}, cross-validated"] = _numbers(numbers[f"cv_{metric}"])
    return shown


def _step_words(row, model_changes: bool) -> str:
    state = {"yes": "", "not applicable": "does not apply"}.get(row.made, "not made")
    notes = [": ".join(filter(None, [state, row.reason]))]
    notes += [words.model(row.model)] if model_changes else []
    told = "; ".join(filter(None, notes))
    return f"{row.correction} ({told})" if told else row.correction


def segmentation(table: pd.DataFrame) -> pd.DataFrame:
    """Show table 3's scores with their intervals in one cell, where there are intervals."""
    scores = [name.removesuffix("_low") for name in table if name.endswith("_low")]
    cells = {name: _estimates(table, name, f"{name}_low", f"{name}_high") for name in scores}
    ends = [f"{name}_{end}" for name in scores for end in ("low", "high")]
    return table.drop(columns=ends).assign(**cells)


def baselines(table: pd.DataFrame) -> pd.DataFrame:
    """Show, a row a model, set and baseline, both scores and their difference."""
    cells = table.assign(
        both=_numbers(table["mean"]) + " / " + _numbers(table["baseline_mean"]),
        difference=_estimates(table, "difference", "low", "high"),
    )
    keys = [*_keys(table), "set", "baseline"]
    return _by_metric(cells, keys, {"both": "", "difference": ", difference"})


def intervals(table: pd.DataFrame) -> pd.DataFrame:
    """Show the models' main scores, a column for each unit that was drawn.

    On held-out series the AUC is the one within folds.
    """
    pooled = table["set"].eq("validation") & table["metric"].eq("auc")
    main = table["metric"].isin([WITHIN_FOLDS, *MAIN_METRICS])
    rows = table[main & ~pooled & ~table["model"].isin(BASELINES)]
    cells = rows.assign(cell=_estimates(rows, "mean", "low", "high"))
    return _across(cells, [*_keys(rows), "set", "metric"], "unit", UNITS)


def repeated_cross_validation(table: pd.DataFrame) -> pd.DataFrame:
    """Show each score's mean over repeats, its interval by patient, and its range over repeats.

    The AUC is the one within folds.
    """
    rows = table[table["metric"].isin([WITHIN_FOLDS, "f1", "accuracy"])]
    cells = rows.assign(
        cell=_estimates(rows, "mean", "low", "high"),
        repeats_range=_spreads(rows, "repeat_low", "repeat_high"),
    )
    keys = ["model", "repeats", "patients", "studies", "series"]
    shown = _by_metric(cells, keys, {"cell": "", "repeats_range": ", repeats"})
    return shown[["model", *shown.columns.drop(keys), *keys[1:]]]


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
    """Count the features of each class by their ICC; a comparison's last row counts all."""
    groups = [
        (comparison, name, rows)
        for comparison, known in table.groupby("comparison", sort=False)
        for name, rows in [*by_class(known).groupby("family", sort=False), ("all", known)]
    ]
    return pd.DataFrame(
        [
            {
                "comparison": comparison,
                "class": name,
                "Features": len(rows),
                "ICC from 0.9": int((rows["icc"] >= EXCELLENT).sum()),
                "ICC from 0.75": int((rows["icc"] >= GOOD).sum()),
                "ICC below 0.5": int((rows["icc"] < POOR).sum()),
                "No ICC": int(rows["icc"].isna().sum()),
                "Median ICC": words.number(rows["icc"].median()),
            }
            for comparison, name, rows in groups
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
    """Show each model's main scores on predicted masks, and beside them those on the reference.

    Of the models with class weights only those that the corrected protocol chose.
    """
    tested = table["protocol"].eq("corrected") & table["set"].eq("test")
    shown = table["weighting"].eq("none") | tested
    rows = table[table["metric"].isin(MAIN_METRICS) & shown]
    beside = rows["mask"].map(lambda name: ", reference" if name == "reference" else "")
    cells = rows.assign(
        column=rows["metric"].map(words.heading) + beside,
        cell=_estimates(rows, "mean", "low", "high"),
    )
    keys = [*_keys(rows), "set"]
    order = [words.heading(name) + end for name in MAIN_METRICS for end in ("", ", reference")]
    wide = _across(cells, keys, "column", {name: name for name in order})
    counts = rows.assign(column="Series" + beside, cell=rows["series"])
    names = {name: name for name in ("Series", "Series, reference")}
    return wide.merge(_across(counts, keys, "column", names), on=keys)


def failures(table: pd.DataFrame) -> pd.DataFrame:
    """Show the numbers behind figure 5, a column a protocol, without the scores' extremes."""
    rows = table[~table["measure"].isin(["median", "min", "max"])]
    counted = rows["measure"].isin(["series", "studies", "right"])
    groups = rows["group"].map(lambda name: words.value("sample_type", name))
    cells = rows.assign(
        Of=rows["part"].map(PARTS_OF_FIGURE_5) + groups.radd(": ").replace(": all", ""),
        Measure=rows["measure"].replace(MEASURES_OF_FIGURE_5),
        cell=_numbers(rows["value"]).where(~counted, rows["value"].map("{:.0f}".format)),
    )
    models = rows.drop_duplicates("protocol").set_index("protocol")["model"]
    columns = {name: f"{name}: {words.model(model)}" for name, model in models.items()}
    return _across(cells, ["Of", "Measure"], "protocol", columns)


def weight_search(table: pd.DataFrame) -> pd.DataFrame:
    """Show the printed and the found weight, each with its AUC and F1 on the tuning split."""
    shown = table[["model", "optimised_for"]].copy()
    for name in ("printed", "found"):
        weight = f"{name.capitalize()} weight"
        shown[weight] = _numbers(table[f"{name}_weight"])
        for metric in ("auc", "f1"):
            title = f"its {words.value('metric', metric)}"
            shown[f"{weight}: {title}"] = _numbers(table[f"{name}_{metric}"])
    return shown.join(table[["tuning_series", "tuning_patients"]])


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


PARTS_OF_FIGURE_5 = {
    "score_right": "series called right",
    "score_wrong": "series called wrong",
    "agreement": "studies",
    "sample_type": "samples",
}
MEASURES_OF_FIGURE_5 = {"mean": "mean score", "auc": "AUC", "right": "series called right"}
# Names of tables as the page has them: how their files are shown.
LAYOUTS: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "table3_segmentation": segmentation,
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
    "failures": failures,
    "weight_search": weight_search,
    "masks": masks,
    "reproduction": reproduction,
    "reproduction_differences": reproduction_differences,
    "reproduction_not_possible": reproduction_not_possible,
    **detection_layouts.LAYOUTS,
}
# Tables of the page that show a part of another table's file.
PARTS = {
    "reproduction_differences": "reproduction",
    "reproduction_not_possible": "reproduction",
    **detection_layouts.PARTS,
}


def lay_out(
    key: str, tables: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Give what the page shows of a table, and the whole table for download.

    A part of another table has nothing of its own to download.
    """
    whole = tables[PARTS.get(key, key)]
    shown = whole if whole.empty or key not in LAYOUTS else LAYOUTS[key](whole)
    return shown, None if key in PARTS else whole


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


def _across(
    cells: pd.DataFrame, keys: list[str], column: str, names: Mapping[str, str]
) -> pd.DataFrame:
    """Set `cell` side by side for the values of a column, in the order and words of `names`."""
    wide = cells.pivot_table(index=keys, columns=column, values="cell", aggfunc="first", sort=False)
    chosen = [name for name in names if name in wide]
    return wide[chosen].rename(columns=names).reset_index().rename_axis(columns=None)


def _by_metric(cells: pd.DataFrame, keys: list[str], parts: Mapping[str, str]) -> pd.DataFrame:
    """Set the parts of each main score side by side: columns 'AUC', 'AUC, difference'."""
    wide = cells.pivot_table(
        index=keys, columns="metric", values=list(parts), aggfunc="first", sort=False
    )
    columns = [
        wide[part, metric].rename(words.heading(metric) + end)
        for metric in (WITHIN_FOLDS, *MAIN_METRICS)
        for part, end in parts.items()
        if (part, metric) in wide
    ]
    return pd.concat([pd.DataFrame(index=wide.index), *columns], axis=1).reset_index()
