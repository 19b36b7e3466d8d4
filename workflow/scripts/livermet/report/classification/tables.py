"""Tables 4, S2 and S3: long, one row a score, in the paper's order."""

from dataclasses import replace

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
# What tables call the two sets of series that a model did not learn from, for readers.
SETS = {"validation": "held-out series", "test": "test series"}
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
TABLE_S3 = replace(
    TABLE_4,
    files=("tables/tableS3_weighted.csv",),
    row="a score of a published classifier with class weights on the test set",
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


def table4_classification(metrics: pd.DataFrame) -> pd.DataFrame:
    """Take the test scores of the models without class weights: `TABLE_4`.

    Of the corrected protocol these are the chosen model's, which alone has scored the test set.
    """
    return in_paper_order(metrics[metrics["weighting"].eq(Weighting.NONE)])


def table_s3_weighted(metrics: pd.DataFrame) -> pd.DataFrame:
    """Take the test scores of the published models with class weights: `TABLE_S3`."""
    return in_paper_order(metrics[metrics["weighting"].ne(Weighting.NONE)])


def in_paper_order(table: pd.DataFrame) -> pd.DataFrame:
    """Order scores as the paper does, model by model; cross-validated ones are `TABLE_S2`."""
    order = {metric: place for place, metric in enumerate(SCORES)}
    keys = ["protocol", "model", "weighting"]
    groups = {key: number for number, key in enumerate(table[keys].itertuples(index=False))}
    ordered = table.assign(
        _group=[groups[key] for key in table[keys].itertuples(index=False)],
        _metric=table["metric"].map(order),
    ).sort_values(["_group", "_metric"], kind="stable")
    return ordered[TABLE_4.names].reset_index(drop=True)


def of_corrected(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Take the corrected protocol's rows of a model."""
    return table[table["protocol"].eq(Protocol.CORRECTED) & table["model"].eq(model)]
