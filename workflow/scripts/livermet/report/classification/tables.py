"""Tables 4, S2 and S3: long, one row a score, in the paper's order."""

import pandas as pd

from livermet.cohort.facts import CORRECTED

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
