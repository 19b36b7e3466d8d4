"""The words that readers see for the names in tables."""

from collections.abc import Iterable

import pandas as pd

from livermet.models import CLASSIFIERS, NETWORKS
from livermet.vocabulary import Aggregation, Weighting

MODELS = {name: listed.label for name, listed in (NETWORKS | CLASSIFIERS).items()} | {
    "reference": "given masks",
    "always_positive": "always positive",
    "volume": "tumour volume alone",
    "lesion_count": "number of lesions alone",
}
# Rules that say which lesions match; those by IoU carry their threshold in the name.
RULES = {"any_overlap": "any overlap", "one_to_one": "one to one", "lits": "LiTS"}
WEIGHTINGS = {
    Weighting.NONE: "none",
    Weighting.BALANCED: "balanced",
    Weighting.AUC: "best AUC",
    Weighting.F1: "best F1",
}
# What features are of: 'table' where a finished one was taken as it is.
BY_LESION = {
    Aggregation.LARGEST: "largest lesion",
    Aggregation.VOLUME_WEIGHTED_MEAN: "mean over lesions, weighted by volume",
    Aggregation.SUM: "sum over lesions where features add up",
}
AGGREGATIONS = {
    Aggregation.UNION: "union of lesions",
    Aggregation.TABLE: "finished table",
} | BY_LESION
COLUMNS = {
    "model": "Model",
    "cohort": "Cohort",
    "test_set": "Scored on",
    "kind": "Prediction",
    "patients": "Patients",
    "studies": "Studies",
    "series": "Series",
    "scans": "Scans",
    "task": "Task",
    "place": "Place",
    "positive_series": "Positive series",
    "negative_series": "Negative series",
    "false_positives_per_scan": "False positives per scan",
    "median_dice": "Median lesion Dice",
    "median_liver_dice": "Median liver Dice",
    "lesion_sensitivity": "Lesion sensitivity",
    "lesion_ppv": "Lesion PPV",
    "protocol": "Protocol",
    "weighting": "Class weights",
    "characteristic": "Characteristic",
    "statistic": "Statistic",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "ppv": "PPV",
    "npv": "NPV",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "f1": "F1",
    "auc": "AUC",
    "pooled_f1": "Pooled F1",
    "pooled_auc": "Pooled AUC",
    "within_fold_auc": "AUC within folds",
    "file": "File",
    "state": "State",
    "set": "Scored on",
    "metric": "Score",
    "baseline": "Baseline",
    "step": "Step",
    "correction": "Correction",
    "repeats": "Repeats",
    "source": "Printed in",
    "note": "Note",
    "meaning": "Meaning",
    "about": "About",
    "warning": "Warning",
    "asked": "Of series",
    "cases": "Cases",
    "other_class": "With another class",
    "group": "Group",
    "target": "Target",
    "distance": "Distance of the score",
    "sample_type": "Sample type",
    "method": "Method",
    "units": "Units",
    "identifiers": "Genes named by",
    "samples": "Samples",
    "genes_asked": "Genes of the reference",
    "fewest_genes": "Fewest found",
    "lowest_score": "Lowest score",
    "highest_score": "Highest score",
    "reachable_score": "Highest possible",
    "positive_above": "Positive above",
    "positive_samples": "Positive",
    "reason": "Reason",
    "p": "p",
    "p_of_choice": "p, corrected for the choice",
    "permutations": "Permutations",
    "deals": "Deals of folds",
    "fits": "Fits",
    "empty_fits": "Empty selections",
    "resamples": "Resamples",
    "feature": "Feature",
    "comparison": "Between",
    "class": "Class",
    "candidates": "Candidates",
    "criterion": "Criterion",
    "required_patients": "Patients needed",
    "required_events": "Positive patients needed",
    "available_patients": "Patients there are",
    "available_events": "Positive patients there are",
    "assumed_auc": "Assumed AUC",
    "prevalence": "Prevalence",
    "cohorts": "Cohorts",
    "printed": "Printed",
    "ours": "Ours",
    "optimised_for": "Optimised for",
    "tuning_series": "Tuning series",
    "tuning_patients": "Tuning patients",
    "batch": "Batch",
    "measured_series": "Series with measured lesions",
    "positive_share": "Share of positive series",
    "aggregation": "Features of",
    "difference": "Difference",
    "event": "Event",
    "best_lesion_dice": "Best lesion Dice",
    "best_lesion_sensitivity": "Best lesion sensitivity",
    "best_liver_dice": "Best liver Dice",
}
VALUES = {
    "model": MODELS,
    "weighting": WEIGHTINGS,
    "kind": {
        "ensemble": "ensemble",
        "out_of_fold": "one fold",
        "single": "one network",
        "reference": "none",
    },
    "statistic": {"cfdna": "cfDNA"},
    "sample_type": {"cfdna": "cfDNA"},
    "set": {"validation": "held out"},
    "metric": {
        "auc": "AUC",
        "f1": "F1",
        "ppv": "PPV",
        "npv": "NPV",
        "balanced_accuracy": "balanced accuracy",
        "pooled_auc": "pooled AUC",
        "pooled_f1": "pooled F1",
        "within_fold_auc": "AUC within folds",
        "false_positives_per_scan": "false positives per scan",
        "false_positive_ml_per_scan": "false positives per scan, ml",
    },
    "baseline": MODELS,
    "optimised_for": WEIGHTINGS,
    "aggregation": AGGREGATIONS,
}
DECIMALS = {"false_positives_per_scan": 2, "positive_share": 2, "prevalence": 2}
MISSING = "\u2013"


def cell(column: str, value) -> str:
    """Write a value for readers: names in words, three decimals, a dash for what is missing."""
    if pd.isna(value) or value == "":
        return MISSING
    if isinstance(value, str):
        return VALUES.get(column, {}).get(value, value)
    if hasattr(value, "is_integer") and not value.is_integer():
        return f"{value:z.{DECIMALS.get(column, 3)}f}"
    if column in DECIMALS or column.startswith(("median_", "lesion_")):
        return f"{value:z.{DECIMALS.get(column, 3)}f}"
    return f"{value:.0f}"


def heading(column: str) -> str:
    """Write a column's name for readers; a group's name stays as it is."""
    return COLUMNS.get(column, column)


def model(name: str | None) -> str:
    """Write a model's name for readers; a run without models has none."""
    return MODELS.get(name, name or "none")


def rule(name: str) -> str:
    """Write the name of a rule of matching for readers: 'any overlap', 'IoU 0.5'."""
    return RULES.get(name, name.replace("iou_", "IoU "))


def is_rule(text: str) -> bool:
    """Tell whether a text is the name of a rule of matching, as `rule` writes it."""
    return text in RULES.values() or text.startswith("IoU ")


def value(column: str, name: str) -> str:
    """Write a name that stands in a column for readers."""
    return VALUES.get(column, {}).get(name, name)


def number(figure: float, decimals: int = 2) -> str:
    """Write a number with its decimals; a dash for what is missing, no sign before a zero."""
    return MISSING if pd.isna(figure) else f"{figure:z.{decimals}f}"


def spread(low: float, high: float, decimals: int = 2) -> str:
    """Write an interval: '0.59 to 0.82'."""
    return f"{number(low, decimals)} to {number(high, decimals)}"


def estimate(mean: float, low: float, high: float, decimals: int = 2, lacking: str = "") -> str:
    """Write '0.71 (0.59 to 0.82)'; '' without a number.

    Without an interval it is the number alone, or with the words `lacking`: '1.00 (too few)'.
    """
    if pd.isna(mean):
        return ""
    if pd.isna(low) or pd.isna(high):
        return f"{number(mean, decimals)} ({lacking})" if lacking else number(mean, decimals)
    return f"{number(mean, decimals)} ({spread(low, high, decimals)})"


def p_text(p: float) -> str:
    """Write a p value: 'p = 0.032', or 'p < 0.001'."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def share(value: float) -> str:
    """Write a share in percent: '80%'."""
    return MISSING if pd.isna(value) else f"{100 * value:.0f}%"


def counted(number: float, one: str, many: str = "") -> str:
    """Write a number with its noun: '1 patient', '36 patients', '2 studies'."""
    return f"{int(number):,} {one if number == 1 else many or one + 's'}"


def listed(names: Iterable[str]) -> str:
    """Write names as 'a', 'a and b', 'a, b and c'."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else str(last)


def capital(text: str) -> str:
    """Begin a text with a capital."""
    return text[:1].upper() + text[1:]


def phantoms(made: int, series: int) -> str:
    """Say how many of a run's series are phantoms, and what that means; '' where none is."""
    if not made:
        return ""
    which = (
        "Every image of this run is a phantom."
        if made == series
        else f"{made} of the {series} series of this run are phantoms, the others are scans."
    )
    return f"{which} Numbers of phantoms show that each stage runs, and say nothing of patients."


def note_of_step(made: str, reason: str) -> str:
    """Write what is noted of a step of the ladder: 'not made: no scan has a second lesion'."""
    state = {"yes": "", "no": "not made", "not applicable": "does not apply"}[made]
    return ": ".join(filter(None, [state, reason]))
