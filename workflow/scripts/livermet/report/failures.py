"""Where the classifiers go wrong: the numbers behind figure 5."""

import pandas as pd
from sklearn.metrics import roc_curve

AGREEMENT = (
    "all right",
    "all wrong",
    "series disagree",
    "one series, right",
    "one series, wrong",
)


def failure_panel(tested: pd.DataFrame, model: str, sample_types: pd.Series) -> dict:
    """Gather what figure 5 shows of one protocol from its test predictions (`predictions_on_test`).

    Gives model; predictions of that model; agreement (`series_agreement`); sample_types
    (`by_sample_type`); curves, every model's `roc_points`.
    """
    chosen = tested[tested["model"].eq(model)]
    return {
        "model": model,
        "predictions": chosen,
        "agreement": series_agreement(chosen),
        "sample_types": by_sample_type(chosen, sample_types),
        "curves": {name: roc_points(rows) for name, rows in tested.groupby("model", sort=False)},
    }


def predictions_on_test(predictions: pd.DataFrame) -> pd.DataFrame:
    """Take the ensembles' predictions of the test series, without class weights.

    Adds `right`: whether the predicted class is the label.
    """
    chosen = predictions[
        predictions["set"].eq("test")
        & predictions["fold"].astype(str).eq("ensemble")
        & predictions["weighting"].eq("none")
    ]
    return chosen.assign(right=chosen["predicted"].astype(int).eq(chosen["label"].astype(int)))


def series_agreement(predictions: pd.DataFrame) -> pd.Series:
    """Count studies by whether the predictions of their series are right and agree."""
    studies = predictions.groupby("study")["right"].agg(["size", "sum"])
    counts = {name: 0 for name in AGREEMENT}
    for size, right in studies.itertuples(index=False):
        if size == 1:
            counts["one series, right" if right else "one series, wrong"] += 1
        elif right in (0, size):
            counts["all right" if right else "all wrong"] += 1
        else:
            counts["series disagree"] += 1
    return pd.Series(counts)


def by_sample_type(predictions: pd.DataFrame, sample_types: pd.Series) -> pd.DataFrame:
    """Count right series by sample type: sample_type, series, right.

    Series without a sample type are left out. `sample_types` maps a series to biopsy, cfdna or ''.
    """
    typed = predictions.assign(sample_type=predictions["series"].map(sample_types))
    typed = typed[typed["sample_type"].notna() & typed["sample_type"].ne("")]
    counts = typed.groupby("sample_type")["right"].agg(series="size", right="sum")
    return counts.reset_index()


def roc_points(predictions: pd.DataFrame) -> pd.DataFrame:
    """Give the ROC curve over test series, one point a row: false_positive_rate, sensitivity.

    Empty where the test series have one class only.
    """
    columns = ["false_positive_rate", "sensitivity"]
    if predictions["label"].nunique() < 2:
        return pd.DataFrame(columns=columns)
    false_positive_rate, sensitivity, _ = roc_curve(
        predictions["label"].astype(int), predictions["probability"]
    )
    return pd.DataFrame({columns[0]: false_positive_rate, columns[1]: sensitivity})
