"""Features on the page: what is selected, harmonised and reproducible, and the sample size."""

import math

import pandas as pd

from livermet.phenotype.table import FEATURES
from livermet.report import words
from livermet.report.features.lists import (
    EXCELLENT,
    GOOD,
    PERTURBED,
    POOR,
    RECONSTRUCTIONS,
    by_class,
    family,
    feature_label,
    most_selected,
)
from livermet.report.layout import estimates
from livermet.report.run import Run
from livermet.vocabulary import Protocol

SHOWN_FEATURES = 10
# Why a comparison gives no feature an ICC.
WITHOUT_ICC = {
    RECONSTRUCTIONS: "too few studies have two reconstructions",
    PERTURBED: "too few series have measured lesions",
}
RELIABILITY = ["comparison", "aggregation", "class", "Features", "ICC from 0.9", "ICC from 0.75"]
RELIABILITY += ["ICC below 0.5", "No ICC", "Median ICC"]
# Of a normal distribution: the mean distance as a share of the standard deviation.
MEAN_OF_SD = (2 / math.pi) ** 0.5


def selection_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Show how many features each fit selects, and how stable the choice is."""
    shown = table[["protocol", "fits", "empty_fits"]].copy()
    shown["Features, median (range)"] = [
        words.estimate(row.features_median, row.features_min, row.features_max, 0)
        for row in table.itertuples()
    ]
    shown["Stability"] = estimates(table, "stability", "stability_low", "stability_high")
    return shown.join(table["resamples"])


def reproducibility(table: pd.DataFrame) -> pd.DataFrame:
    """Count the features of each class by their ICC, a comparison and aggregation after the other.

    The last row of each counts all. A comparison without any ICC has no rows: a sentence says why.
    """
    groups = [
        (*keys, name, rows)
        for keys, features in table.groupby(["comparison", "aggregation"], sort=False)
        if features["icc"].notna().any()
        for known in [by_class(features)]
        for name, rows in [*known.groupby("family", sort=False), ("all", known)]
    ]
    return pd.DataFrame(
        [
            {
                "comparison": comparison,
                "aggregation": aggregation,
                "class": name,
                "Features": len(rows),
                "ICC from 0.9": int((rows["icc"] >= EXCELLENT).sum()),
                "ICC from 0.75": int((rows["icc"] >= GOOD).sum()),
                "ICC below 0.5": int((rows["icc"] < POOR).sum()),
                "No ICC": int(rows["icc"].isna().sum()),
                "Median ICC": words.number(rows["icc"].median()),
            }
            for comparison, aggregation, name, rows in groups
        ],
        columns=RELIABILITY,
    )


def harmonisation(table: pd.DataFrame) -> pd.DataFrame:
    """Show the median share that batches explain by class of feature; the last row is of all."""
    titles = {"before": "As measured", "after": "Harmonised", "held_out": "Harmonised, held out"}
    classes = table.groupby(table["feature"].map(family), sort=False)
    return pd.DataFrame(
        [
            {"class": name, "Features": len(rows)}
            | {title: words.number(rows[state].median()) for state, title in titles.items()}
            for name, rows in [*classes, ("all", table)]
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
    return table[columns]


def sentences(run: Run) -> list[str]:
    """Say how often nothing is selected, what is reproducible, and how many patients it takes."""
    return [
        *selection_sentences(run),
        *reproducibility_sentences(run),
        *contour_sentences(run),
        *sample_size_sentences(run),
    ]


def selection_sentences(run: Run) -> list[str]:
    """Count the fits in which LASSO selected nothing."""
    return [
        f"Empty selections: in {row.empty_fits:.0f} of {row.fits:.0f} fits of the corrected "
        "protocol LASSO selects no feature"
        + (
            "; such a fold's model is the share of positives in training."
            if row.empty_fits
            else "."
        )
        for row in run.rows("selection_summary", "fits").itertuples()
        if row.protocol == Protocol.CORRECTED
    ]


def reproducibility_sentences(run: Run) -> list[str]:
    """Count the features on which reconstructions and perturbed masks agree, or say why not."""
    table = run.table("reproducibility")
    if table is None:
        return []
    known = table.dropna(subset="icc")
    lacking = [
        name for name in table["comparison"].unique() if name not in set(known["comparison"])
    ]
    sentences = [f"No feature has an ICC between {name}: {WITHOUT_ICC[name]}." for name in lacking]
    for _, of_kind in known.groupby("aggregation", sort=False):
        compared = [rows for _, rows in of_kind.groupby("comparison", sort=False)]
        sentences += map(agreement_sentence, compared)
        if len(compared) > 1:
            both = of_kind[of_kind["icc"] >= GOOD]["feature"].duplicated().sum()
            sentences[-1] += f" In both comparisons {both} features reach {GOOD}."
    return sentences


def agreement_sentence(rows: pd.DataFrame) -> str:
    """Count the features that one comparison finds good and poor; `rows` are those with an ICC."""
    first = rows.iloc[0]
    masks = first["comparison"] == PERTURBED
    # Small lesions do not have all features.
    most = "up to " if rows["targets"].nunique() > 1 else ""
    between = f"{first['ratings']} masks of one series" if masks else "two series of one study"
    return (
        f"{first['comparison'].capitalize()} ({words.value('aggregation', first['aggregation'])}): "
        f"{(rows['icc'] >= GOOD).sum()} of {len(FEATURES)} features have an {first['form']} of "
        f"{GOOD} or more between {between}, {(rows['icc'] < POOR).sum()} less than {POOR} "
        f"({most}{rows['targets'].max()} {'series' if masks else 'studies'} of "
        f"{rows['patients'].max()} "
        "training patients)."
    )


def contour_sentences(run: Run) -> list[str]:
    """Set how far contours were moved beside how far the final model's are from the reference."""
    moved = run.rows("reproducibility", "contour_sd_mm")
    if moved.empty:
        return []
    sentence = contour_sentence(moved.iloc[0])
    scores = run.rows("detection_scores", "value")
    if len(scores):
        scores = scores[
            scores["model"].eq(run.final)
            & scores["cohort"].eq(run.target)
            & scores["rule"].eq(run.settings["matching"])
            & scores["metric"].eq("median_matched_assd_mm")
        ]
    distances = [
        f"{words.estimate(row.value, row.low, row.high)} mm ({row.test_set}, {row.number} matches)"
        for row in scores.itertuples()
    ]
    if distances:
        sentence += (
            " Median ASSD of the final model's matched lesions from the reference: "
            f"{'; '.join(distances)}."
        )
    return [sentence]


def contour_sentence(row: pd.Series) -> str:
    """Say how far the contours of perturbed masks were moved, by any row of theirs."""
    return (
        f"The contours of the perturbed masks were moved by a random field with a standard "
        f"deviation of {row['contour_sd_mm']:g} mm ({MEAN_OF_SD * row['contour_sd_mm']:.1f} mm "
        f"on average), correlated over {row['correlation_mm']:g} mm; their median Dice with the "
        f"mask itself is {words.number(row['median_dice'])}."
    )


def sample_size_sentences(run: Run) -> list[str]:
    """Set the patients that Riley's criteria ask for beside those there are."""
    table = run.rows("sample_size", "required_patients")
    if table.empty:
        return []
    needed = [
        f"{rows['required_patients'].max():,.0f} patients for {name}"
        for name, rows in table.groupby("candidates", sort=False)
    ]
    first = table.iloc[0]
    return [
        f"Sample size: to develop a model with an AUC of {words.number(first['assumed_auc'])}, "
        f"Riley's criteria ask for {words.listed(needed)}; there are "
        f"{first['available_patients']:.0f} training patients."
    ]
