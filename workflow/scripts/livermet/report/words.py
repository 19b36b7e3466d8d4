"""The words that readers see for the names in tables."""

import pandas as pd

MODELS = {
    "unet": "U-Net (MONAI)",
    "segresnet": "SegResNet (MONAI)",
    "nnunet": "nnU-Net",
    "nnunet_finetuned": "nnU-Net, fine-tuned",
    "reference": "given masks",
    "LR": "logistic regression",
    "RF": "random forest",
    "XGB": "XGBoost",
}
WEIGHTINGS = {
    "none": "none",
    "balanced": "balanced",
    "auc": "best AUC",
    "f1": "best F1",
}
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
    "ppv": "PPV",
    "npv": "NPV",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "f1": "F1",
    "auc": "AUC",
    "pooled_f1": "Pooled F1",
    "pooled_auc": "Pooled AUC",
    "file": "File",
    "state": "State",
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
}
DECIMALS = {"false_positives_per_scan": 2}
MISSING = "\u2013"


def cell(column: str, value) -> str:
    """Write a value for readers: names in words, three decimals, a dash for what is missing."""
    if pd.isna(value) or value == "":
        return MISSING
    if isinstance(value, str):
        return VALUES.get(column, {}).get(value, value)
    if hasattr(value, "is_integer") and not value.is_integer():
        return f"{value:.{DECIMALS.get(column, 3)}f}"
    if column in DECIMALS or column.startswith(("median_", "lesion_")):
        return f"{value:.{DECIMALS.get(column, 3)}f}"
    return f"{value:.0f}"


def heading(column: str) -> str:
    """Write a column's name for readers; a group's name stays as it is."""
    return COLUMNS.get(column, column)


def model(name: str | None) -> str:
    """Write a model's name for readers; a run without models has none."""
    return MODELS.get(name, name or "none")
