"""Tables 4, S2 and S3: long, one row a score, in the paper's order."""

import pandas as pd

from livermet.contracts import SHARE, TEXT, Column, Contract
from livermet.phenotype.columns import MODEL, PROTOCOL, WEIGHTING
from livermet.vocabulary import Protocol, Weighting

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
SCORE = (
    PROTOCOL,
    MODEL,
    WEIGHTING,
    Column("metric", TEXT, "name of the score", words=SCORES),
    Column("mean", SHARE, "the score", missing="not defined"),
)
KEYS = ("protocol", "model", "weighting", "metric")
INTERVAL = (
    Column("low", SHARE, "lower end of its 95% interval", missing="not defined"),
    Column("high", SHARE, "upper end of its 95% interval", missing="not defined"),
)
TABLE_4 = Contract(
    files=("tables/table4_classification.csv",),
    row="a score of a classifier on the test set: without class weights under published, of the "
    "one that cross-validation chose under corrected",
    columns=(*SCORE, *INTERVAL),
    key=KEYS,
)
TABLE_S3 = Contract(
    files=("tables/tableS3_weighted.csv",),
    row="a score of a published classifier with class weights on the test set",
    columns=(*SCORE, *INTERVAL),
    key=KEYS,
)
TABLE_S2 = Contract(
    files=("tables/tableS2_cross_validation.csv",),
    row="a cross-validated score of a classifier",
    columns=(
        *SCORE,
        Column(
            "low",
            SHARE,
            "f1 and auc: the lowest fold; the others: lower end of the 95% interval by patient",
            missing="not defined",
        ),
        Column(
            "high",
            SHARE,
            "f1 and auc: the highest fold; the others: upper end of the 95% interval by patient",
            missing="not defined",
        ),
    ),
    key=KEYS,
)


def table4_classification(metrics: pd.DataFrame, choice: pd.DataFrame | None) -> pd.DataFrame:
    """Take the test scores of the published models without class weights and of the chosen one.

    `choice` is the corrected protocol's (model, weighting, chosen): only its model has scored the
    test set, whatever its weighting. Scores stand in the paper's order: `TABLE_4`.
    """
    shown = metrics["weighting"].eq(Weighting.NONE) & metrics["protocol"].ne(Protocol.CORRECTED)
    if choice is not None:
        chosen = choice.loc[choice["chosen"], ["model", "weighting"]]
        models = pd.MultiIndex.from_frame(metrics[["model", "weighting"]])
        is_chosen = models.isin(pd.MultiIndex.from_frame(chosen))
        shown |= metrics["protocol"].eq(Protocol.CORRECTED) & is_chosen
    return _scores(metrics[shown])


def table_s3_weighted(metrics: pd.DataFrame) -> pd.DataFrame:
    """Take the test scores of the published models with class weights: `TABLE_S3`."""
    return _scores(
        metrics[
            metrics["weighting"].ne(Weighting.NONE) & metrics["protocol"].ne(Protocol.CORRECTED)
        ]
    )


def table_s2_cross_validation(cross_validation: pd.DataFrame) -> pd.DataFrame:
    """Order the cross-validated scores as table 4's: `TABLE_S2`."""
    return _scores(cross_validation)


def _scores(table: pd.DataFrame) -> pd.DataFrame:
    order = {metric: place for place, metric in enumerate(SCORES)}
    keys = ["protocol", "model", "weighting"]
    groups = {key: number for number, key in enumerate(table[keys].itertuples(index=False))}
    ordered = table.assign(
        _group=[groups[key] for key in table[keys].itertuples(index=False)],
        _metric=table["metric"].map(order),
    ).sort_values(["_group", "_metric"], kind="stable")
    return ordered[TABLE_4.names].reset_index(drop=True)
