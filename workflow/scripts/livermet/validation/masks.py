"""The same classifiers on predicted and on reference masks: what errors of segmentation cost."""

from dataclasses import dataclass

import pandas as pd

from livermet.contracts import COUNT, NUMBER, SHARE, TEXT, Column, Contract
from livermet.phenotype.columns import MODEL, PROTOCOL, WEIGHTING

KEYS = ["protocol", "model", "weighting", "set", "metric"]
CROSS_VALIDATION = "cross-validation"
MASKS = Contract(
    files=("tables/masks.csv",),
    row="a score of a classifier on the masks of one kind",
    columns=(
        PROTOCOL,
        Column("mask", TEXT, "network whose masks were measured, or 'reference'"),
        MODEL,
        WEIGHTING,
        Column(
            "set",
            TEXT,
            "whether the score is that of the test set or of the cross-validation",
            words=("test", CROSS_VALIDATION),
        ),
        Column("metric", TEXT, "name of the score"),
        Column("mean", SHARE, "the score", missing="not defined"),
        Column(
            "low",
            SHARE,
            "lower end of its 95% interval; of f1 and auc in cross-validation the lowest fold",
            missing="not defined",
        ),
        Column(
            "high",
            SHARE,
            "upper end of its 95% interval; of f1 and auc in cross-validation the highest fold",
            missing="not defined",
        ),
        Column(
            "difference",
            NUMBER,
            "mean on the network's masks less mean on the references",
            low=-1,
            high=1,
            missing="rows of the references, and scores that one of the masks does not have",
        ),
        Column("series", COUNT, "series that were scored", missing="no series was scored"),
        Column("shared_series", COUNT, "series that were scored on both masks"),
    ),
    key=("mask", *KEYS),
)


@dataclass(frozen=True)
class MaskScores:
    """What the phenotype stage wrote for one mask, all protocols together.

    `metrics` are the test scores and `cross_validation` those over the folds (protocol, model,
    weighting, metric, mean, low, high); `scored` has the series behind them (protocol, set, series;
    set is validation or test).
    """

    metrics: pd.DataFrame
    cross_validation: pd.DataFrame
    scored: pd.DataFrame


def compare_masks(predicted: MaskScores, reference: MaskScores, model: str) -> pd.DataFrame:
    """Set the scores on a segmentation model's masks beside those on reference masks: `MASKS`.

    `difference` is predicted minus reference, in the rows of the predicted mask; empty where only
    one of them has the score, as where each mask's cross-validation chose another classifier.
    `series` counts the series that were scored. A series without a reference is missing from those
    of mask 'reference'; one whose lesions cannot be measured in one of the masks is missing there
    under the published protocol. `shared_series` counts those that were scored on both masks.
    """
    shared = reference.scored.merge(predicted.scored.drop_duplicates())
    tables = [
        _scores(scores).assign(mask=mask)
        for mask, scores in ((model, predicted), ("reference", reference))
    ]
    other = tables[1][[*KEYS, "mean"]].rename(columns={"mean": "reference_mean"})
    tables[0] = tables[0].merge(other, on=KEYS, how="left")
    tables[0]["difference"] = tables[0]["mean"] - tables[0]["reference_mean"]
    together = pd.concat(tables).merge(_series(shared, "shared_series"), how="left")
    together["shared_series"] = together["shared_series"].fillna(0).astype(int)
    return together[MASKS.names].reset_index(drop=True)


def _scores(scores: MaskScores) -> pd.DataFrame:
    both = [
        scores.metrics.assign(set="test"),
        scores.cross_validation.assign(set=CROSS_VALIDATION),
    ]
    return pd.concat(both).merge(_series(scores.scored, "series"), how="left")


def _series(scored: pd.DataFrame, name: str) -> pd.DataFrame:
    counts = scored.groupby(["protocol", "set"])["series"].nunique().rename(name).reset_index()
    return counts.replace({"set": {"validation": CROSS_VALIDATION}})
