"""Detection on the page: a row a set of scans and model, numbers beside, and what they come to.

Of several rules of matching the first is that of table 3: it comes first in the files.
"""

import pandas as pd

from livermet.report import words
from livermet.report.layout import across, estimates
from livermet.report.run import Run
from livermet.vocabulary import ScoredSet

SET = ["cohort", "test_set", "model"]
INTERVAL = ("value", "low", "high")
SIZED_SET = [*SET, "patients", "scans"]
# Scores of whole scans and of groups of matched lesions.
OVERLAP_AND_DISTANCE = {
    "dice": "Dice",
    "surface_dice": "Surface Dice",
    "voe": "VOE",
    "rvd": "RVD",
    "assd_mm": "ASSD, mm",
    "mssd_mm": "MSSD, mm",
    "hd95_mm": "HD95, mm",
}
BURDEN = {
    "bias_ml": "Bias, ml",
    "sd_ml": "SD, ml",
    "lower_limit_ml": "Lower limit, ml",
    "upper_limit_ml": "Upper limit, ml",
    "slope": "Slope",
}
LESION_FREE = {
    "predicted_ml": "Predicted volume, ml",
    "predicted_ml_sd": "SD, ml",
    "predicted_lesions": "Predicted lesions",
    "scans_with_prediction": "Scans with any",
    "false_lesion_ml": "Volume of a lesion, ml",
}
COMPARED = {
    "lesion_dice": "Lesion Dice",
    "liver_dice": "Liver Dice",
    "lesion_surface_dice": "Surface Dice",
    "lesion_assd_mm": "ASSD, mm",
    "lesion_hd95_mm": "HD95, mm",
    "sensitivity": "Sensitivity",
    "false_positives": "False positives",
    "false_positive_ml": "False positives, ml",
}
SHOWN_THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)
SIGNIFICANT = 0.05


def scores(table: pd.DataFrame) -> pd.DataFrame:
    """Show the pooled scores of the test patients' scans, a column a rule of matching."""
    rows = of_test_patients(_by_set(table))
    rows = rows[rows["rule"].notna() & ~rows["metric"].str.startswith("median_")]
    names = {rule: words.rule(rule) for rule in rows["rule"].unique()}
    return across(_with_cells(rows), ["model", *_set_of(rows), "metric"], "rule", names)


def distances(table: pd.DataFrame) -> pd.DataFrame:
    """Show the medians of the lesions' scores on whole scans, and how many have a distance."""
    shown, measured = _medians(table[table["rule"].isna()], "lesion", "assd_mm")
    return shown.merge(measured.rename(columns={"number": "With distance"}))


def matched(table: pd.DataFrame) -> pd.DataFrame:
    """Show the medians over groups of matched lesions, by the first rule of matching."""
    shown, groups = _medians(of_first_rule(table), "matched", "dice")
    return groups.rename(columns={"number": "Groups"}).merge(shown)


def _medians(table: pd.DataFrame, of: str, counted: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Set the medians of some lesions' scores side by side; take the number behind one of them."""
    names = {f"median_{of}_{score}": name for score, name in OVERLAP_AND_DISTANCE.items()}
    rows = _by_set(table[table["metric"].isin(names)])
    numbers = rows.loc[rows["metric"].eq(f"median_{of}_{counted}"), [*SET, "number"]]
    return across(_with_cells(rows), SET, "metric", names), numbers


def sizes(table: pd.DataFrame) -> pd.DataFrame:
    """Show sensitivity by diameter as '0.80 of 5 (0.50 to 1.00)', by the first rule of matching."""
    return _by_size(table, "reference_lesions")


def predicted_sizes(table: pd.DataFrame) -> pd.DataFrame:
    """Show PPV by diameter as '0.80 of 5 (0.50 to 1.00)', by the first rule of matching."""
    return _by_size(table, "predicted_lesions")


def _by_size(table: pd.DataFrame, lesions: str) -> pd.DataFrame:
    rows = _by_set(of_first_rule(table))
    cells = [
        f"{words.number(row.value)} of {row.lesions:.0f}"
        + ("" if pd.isna(row.low) else f" ({words.spread(row.low, row.high)})")
        if row.lesions
        else ""
        for row in rows.rename(columns={lesions: "lesions"}).itertuples()
    ]
    names = {size: f"{size} mm" for size in rows["diameter_mm"].unique()}
    return across(rows.assign(cell=cells), SET, "diameter_mm", names)


def size_distribution(table: pd.DataFrame) -> pd.DataFrame:
    """Show how many lesions of each kind there are, and how large, by the first rule."""
    rows = _by_set(of_first_rule(table))
    shown = rows[[*SET, "kind"]].rename(columns={"kind": "Lesions of kind"})
    shown = shown.assign(Lesions=rows["lesions"]).join(rows[["scans", "patients"]])
    quartiles = ["median_mm", "first_quartile_mm", "third_quartile_mm"]
    shown["Median diameter, mm (quartiles)"] = [
        words.estimate(middle, low, high, 1)
        for middle, low, high in rows[quartiles].itertuples(index=False, name=None)
    ]
    volume = ["volume_ml", "volume_low_ml", "volume_high_ml"]
    shown["Median volume, ml"] = estimates(rows, *volume)
    return shown


def burden(table: pd.DataFrame) -> pd.DataFrame:
    """Show bias, limits of agreement and slope side by side."""
    return across(_with_cells(_by_set(table)), SIZED_SET, "metric", BURDEN)


def lesion_free(table: pd.DataFrame) -> pd.DataFrame:
    """Show what is predicted on scans that were read as free of lesions."""
    return across(_with_cells(_by_set(table)), SIZED_SET, "metric", LESION_FREE)


def comparison(table: pd.DataFrame) -> pd.DataFrame:
    """Show the test patients' median differences of each pair of models with Holm's p.

    Patients are the most that any score has.
    """
    rows = of_test_patients(_by_set(table))
    cells = [
        words.number(row.median_difference)
        + ("" if pd.isna(row.p_holm) else f" ({words.p_text(row.p_holm)})")
        for row in rows.itertuples()
    ]
    first, second = rows["model"].map(words.model), rows["other"].map(words.model)
    rows = rows.assign(cell=cells, difference=first + " minus " + second)
    keys = [*_set_of(rows), "difference"]
    rows["patients"] = rows.groupby(keys)["patients"].transform("max")
    return across(rows, [*keys, "patients"], "metric", COMPARED)


def froc(table: pd.DataFrame) -> pd.DataFrame:
    """Show '0.80 / 2.30', sensitivity and false positives per scan, at a few thresholds."""
    rows = _by_set(of_first_rule(table))
    rows = rows[rows["threshold"].isin(SHOWN_THRESHOLDS)]
    found, false = (
        rows[rows["metric"].eq(metric)][[*SIZED_SET, "threshold", "value"]]
        for metric in ("sensitivity", "false_positives_per_scan")
    )
    pairs = found.merge(false, on=[*SIZED_SET, "threshold"], suffixes=("", "_fp"))
    pairs["cell"] = [
        f"{words.number(row.value)} / {words.number(row.value_fp)}" for row in pairs.itertuples()
    ]
    names = {threshold: f"at {threshold}" for threshold in SHOWN_THRESHOLDS}
    return across(pairs, SIZED_SET, "threshold", names)


def of_test_patients(table: pd.DataFrame) -> pd.DataFrame:
    """Take the rows of test patients; all of them where no test patient has been scored."""
    tested = table[table["test_set"].eq(ScoredSet.TEST_PATIENTS)]
    return tested if len(tested) else table


def of_first_rule(table: pd.DataFrame) -> pd.DataFrame:
    """Take the rows of the rule of matching that comes first, which is that of table 3."""
    rules = table["rule"].dropna()
    return table[table["rule"].eq(rules.iloc[0])] if len(rules) else table[:0]


def _set_of(rows: pd.DataFrame) -> list[str]:
    """Name the columns of a set of scans: the cohort alone where all are of test patients."""
    one = rows["test_set"].eq(ScoredSet.TEST_PATIENTS).all()
    return ["cohort"] if one else ["cohort", "test_set"]


def _by_set(table: pd.DataFrame) -> pd.DataFrame:
    """Put cohorts, their sets and the models of a set together, as they appear in the table."""
    places = pd.DataFrame(
        {name: pd.factorize(table[name])[0] for name in SET[:2]}, index=table.index
    )
    return table.loc[places.sort_values(SET[:2], kind="stable").index]


def _with_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Write each number with its interval; millimetres with one decimal."""
    cells = [
        words.estimate(value, low, high, 1 if metric.endswith("_mm") else 2)
        for metric, value, low, high in zip(
            rows["metric"], *(rows[name].astype(float) for name in INTERVAL), strict=True
        )
    ]
    return rows.assign(cell=cells)


def sentences(run: Run) -> list[str]:
    """Say what the choice of rule, the lesions' size, empty scans and the model come to."""
    return [
        *rule_sentences(run),
        *size_sentences(run),
        *false_lesion_sentences(run),
        *lesion_free_sentences(run),
        *comparison_sentences(run),
    ]


def rule_sentences(run: Run) -> list[str]:
    """Set the final model's sensitivity by the loosest rule of matching beside the strictest.

    On the target cohort's test patients, each with its PPV.
    """
    rows = _of_final(run, "detection_scores")
    if rows.empty:
        return []
    found, right = (
        rows[rows["metric"].eq(metric)].set_index("rule")["value"]
        for metric in ("sensitivity", "ppv")
    )
    if len(found) < 2:
        return []
    most, least = found.idxmax(), found.idxmin()
    if found[most] == found[least]:
        return [
            f"Rule of matching: by each of {len(found)} rules the final model finds "
            f"{words.share(found[most])} of the lesions."
        ]
    loosest, strictest = (
        f"{words.share(found[rule])} of the lesions by the {how} ({words.rule(rule)}; PPV "
        f"{words.number(right.get(rule, float('nan')))})"
        for rule, how in ((most, "loosest"), (least, "strictest"))
    )
    return [
        f"Rule of matching: the final model finds {loosest} and {strictest} of {len(found)} rules, "
        "from the same masks."
    ]


def size_sentences(run: Run) -> list[str]:
    """Count the lesions of each size that the final model finds, by the rule of table 3."""
    rows = _of_final(run, "detection_sizes")
    if rows.empty:
        return []
    rows = of_first_rule(rows)
    rows = rows[rows["reference_lesions"] > 0]
    told = ", ".join(
        f"{row.detected_lesions:.0f} of {row.reference_lesions:.0f} at {row.diameter_mm} mm"
        for row in rows.itertuples()
    )
    return [f"Lesions by diameter: the final model finds {told}."] if told else []


def false_lesion_sentences(run: Run) -> list[str]:
    """Say how large the final model's false positives are, beside its true positives."""
    table = run.table("detection_size_distribution")
    if table is None:
        return []
    rows = of_first_rule(_of_final(run, "detection_size_distribution", "median_mm"))
    sizes = rows.set_index("kind")["median_mm"]
    if not {"false positive", "true positive"} <= set(sizes.index):
        return []
    return [
        "Of the final model's predicted lesions the false positives have a median diameter of "
        f"{words.number(sizes['false positive'], 1)} mm, those that match a reference lesion one "
        f"of {words.number(sizes['true positive'], 1)} mm."
    ]


def lesion_free_sentences(run: Run) -> list[str]:
    """Return the volume that the final model predicts where the radiologist read no lesion.

    Of all its patients, none of them seen, where the table pools them; else of test patients.
    """
    rows = run.rows("detection_lesion_free", "value")
    if rows.empty:
        return []
    pooled = rows["test_set"].eq(ScoredSet.UNSEEN) & rows["model"].eq(run.final)
    pooled &= rows["cohort"].eq(run.target)
    rows = rows[pooled] if pooled.any() else _of_final(run, "detection_lesion_free")
    if rows.empty:
        return []
    values = rows.set_index("metric")["value"]
    # One scan has no standard deviation, and no predicted lesion no volume.
    spread, of_one = values.get("predicted_ml_sd"), values.get("false_lesion_ml")
    spread = "" if spread is None else f"SD {words.number(spread)} ml; "
    volume = "" if of_one is None else f"; {words.number(of_one)} ml a lesion"
    return [
        f"On {words.counted(rows['scans'].iloc[0], 'scan')} that the radiology report reads as "
        f"free of lesions the final model predicts {words.number(values['predicted_ml'])} ml on "
        f"average ({spread}any lesion in {words.share(values['scans_with_prediction'])} of "
        f"them{volume})."
    ]


def comparison_sentences(run: Run) -> list[str]:
    """Name the scores in which two models differ after Holm's correction, or say that none do."""
    rows = run.rows("detection_comparison", "p_holm")
    if rows.empty:
        return []
    rows = of_test_patients(rows[rows["cohort"].eq(run.target)])
    if rows.empty:
        return []
    patients = words.counted(rows["patients"].max(), "patient")
    pairs = words.counted(len(rows[["model", "other"]].drop_duplicates()), "pair")
    below = rows[rows["p_holm"] < SIGNIFICANT]
    if below.empty:
        return [
            f"Models compared on {patients}: none of {pairs} differs in any of "
            f"{rows['metric'].nunique()} scores after Holm's correction (smallest p "
            f"{rows['p_holm'].min():.3f}), which does not show that they are alike."
        ]
    told = "; ".join(
        f"{words.model(one)} and {words.model(other)} in "
        + ", ".join(COMPARED[name].removesuffix(", mm") for name in differing["metric"])
        for (one, other), differing in below.groupby(["model", "other"], sort=False)
    )
    return [f"Models that differ on {patients} after Holm's correction (of {pairs}): {told}."]


def _of_final(run: Run, name: str, known: str = "value") -> pd.DataFrame:
    """Take the final model's rows on the target's test patients, or on one set if none was.

    Rows without a number in the column `known` are left out.
    """
    rows = run.rows(name, known)
    if rows.empty:
        return rows
    rows = of_test_patients(rows[rows["model"].eq(run.final) & rows["cohort"].eq(run.target)])
    return rows[rows["test_set"].eq(rows["test_set"].iloc[0])] if len(rows) else rows
