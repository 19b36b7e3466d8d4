"""What fitting a classifier under either protocol leaves behind: predictions, scores, models."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from livermet.contracts import (
    COUNT,
    NUMBER,
    PATIENT,
    SERIES,
    SHARE,
    STUDY,
    TEXT,
    Column,
    Contract,
)
from livermet.files import whole_file
from livermet.phenotype.classifiers import THRESHOLD
from livermet.phenotype.columns import CORRECTED, MODEL, PROTOCOL, PUBLISHED, WEIGHTING
from livermet.tables import AS_WRITTEN, read_table, write_table

VALIDATION, TEST = "validation", "test"
SET = Column(
    "set",
    TEXT,
    "validation: training series that a fold held out; test: series of test patients",
    words=(VALIDATION, TEST),
)
PREDICTIONS = Contract(
    files=(
        f"phenotype/*/{PUBLISHED}/*/predictions.tsv",
        f"phenotype/*/{CORRECTED}/*/predictions.tsv",
        f"phenotype/*/{CORRECTED}/test_predictions.tsv",
    ),
    row="a series that a model scored",
    columns=(
        PROTOCOL,
        MODEL,
        WEIGHTING,
        SET,
        Column(
            "fold",
            TEXT,
            "number of the fold that held the series out; 'ensemble' for test series: of all "
            "folds' models together, under published of a model of all training series",
        ),
        SERIES,
        STUDY,
        PATIENT,
        Column("label", COUNT, "the true class: 1 positive, 0 negative", high=1),
        Column("score", NUMBER, "the molecular score"),
        Column("probability", SHARE, "predicted probability of the positive class"),
        Column("threshold", SHARE, "probability above which the model calls a series positive"),
        Column("predicted", COUNT, "the predicted class: 1 positive, 0 negative", high=1),
    ),
    key=("protocol", "model", "weighting", "set", "fold", "series"),
)
CROSS_VALIDATION = Contract(
    files=("phenotype/*/*/*/cross_validation.tsv",),
    row="a fold of a classifier with one kind of class weights",
    columns=(
        PROTOCOL,
        MODEL,
        WEIGHTING,
        Column(
            "positive_weight",
            NUMBER,
            "weight of the positive class beside 1 for the negative",
            low=0,
            missing="where no model was fitted, or balanced weights had no positive series",
        ),
        Column("fold", COUNT, "number of the fold"),
        Column("train_series", COUNT, "series that the model learnt from"),
        Column("validation_series", COUNT, "series that the fold held out"),
        Column(
            "f1",
            SHARE,
            "F1 of the held-out series",
            missing="where none of them is positive or called so, or no model was fitted",
        ),
        Column(
            "auc",
            SHARE,
            "area under the ROC curve of the held-out series",
            missing="where they are of one class, or no model was fitted",
        ),
    ),
    key=("protocol", "model", "weighting", "fold"),
)
SELECTION = Contract(
    files=("phenotype/*/*/selection.tsv",),
    row="a feature that a fold's LASSO selected; one row without a feature where it selected none",
    columns=(
        PROTOCOL,
        Column(
            "fold",
            TEXT,
            "number of the fold whose training series LASSO saw; 'all' for all training series",
        ),
        Column("alpha", NUMBER, "LASSO's penalty", low=0),
        Column("feature", TEXT, "name of the feature", missing="where nothing was selected"),
        Column(
            "coefficient",
            NUMBER,
            "LASSO's coefficient for one unit of the feature",
            missing="where nothing was selected",
        ),
        Column(
            "standardised_coefficient",
            NUMBER,
            "LASSO's coefficient for one standard deviation of the feature in the training series",
            missing="where nothing was selected",
        ),
    ),
    key=("protocol", "fold", "feature"),
)
# Options of `read_table` for the tables of this module: names stay text.
FITTED = {
    "dtype": dict.fromkeys(["series", "study", "patient", "fold", "weighting"], str),
    **AS_WRITTEN,
}
ENSEMBLE = "ensemble"
ALL_FOLDS = "all"


@dataclass
class Fit:
    """One classifier under one protocol, over all weightings.

    `predictions` has one row a scored series (`PREDICTIONS`), `cross_validation` one row a
    fold (`CROSS_VALIDATION`), `models` the fitted models by weighting.
    """

    protocol: str
    model: str
    predictions: list[pd.DataFrame] = field(default_factory=list)
    cross_validation: list[dict] = field(default_factory=list)
    models: dict[str, list] = field(default_factory=dict)

    def add_predictions(
        self,
        weighting: str,
        part: str,
        fold: int | str,
        rows: pd.DataFrame,
        probability,
        threshold: float = THRESHOLD,
    ) -> None:
        """Add the predictions of a fold's held-out rows or of the test rows."""
        facts = rows[["series", "study", "patient", "label", "score"]].assign(
            protocol=self.protocol,
            model=self.model,
            weighting=weighting,
            set=part,
            fold=fold,
            probability=np.asarray(probability, dtype=float),
            threshold=threshold,
            predicted=called(probability, threshold),
        )[PREDICTIONS.names]
        self.predictions.append(facts)

    def add_fold(
        self,
        weighting: str,
        weight: float,
        fold: int,
        training: int,
        rows: pd.DataFrame,
        probability,
        threshold: float = THRESHOLD,
    ) -> None:
        """Score a fold on its held-out rows and keep their predictions."""
        self.add_predictions(weighting, VALIDATION, fold, rows, probability, threshold)
        scores = f1(rows["label"], probability, threshold), auc(rows["label"], probability)
        facts = [self.protocol, self.model, weighting, weight, fold, training, len(rows), *scores]
        self.cross_validation.append(dict(zip(CROSS_VALIDATION.names, facts, strict=True)))

    def add_unfitted(self, weighting: str, folds: int) -> None:
        """Record folds without scans to learn from: no scores, no predictions, no model."""
        self.models[weighting] = []
        for fold in range(folds):
            facts = [self.protocol, self.model, weighting, np.nan, fold, 0, 0, np.nan, np.nan]
            self.cross_validation.append(dict(zip(CROSS_VALIDATION.names, facts, strict=True)))

    def prediction_table(self) -> pd.DataFrame:
        """Return all predictions as one table."""
        none = pd.DataFrame(columns=PREDICTIONS.names)
        return pd.concat(self.predictions, ignore_index=True) if self.predictions else none

    def cross_validation_table(self) -> pd.DataFrame:
        """Return all folds' scores as one table."""
        return pd.DataFrame(self.cross_validation, columns=CROSS_VALIDATION.names)


def write_fits(
    fits: list[Fit], predictions: str | Path, cross_validation: str | Path, models: str | Path
) -> None:
    """Write predictions and folds as tables, and the models as {model: {weighting: [models]}}."""
    write_table(pd.concat([fit.prediction_table() for fit in fits]), predictions, PREDICTIONS)
    folds = pd.concat([fit.cross_validation_table() for fit in fits])
    write_table(folds, cross_validation, CROSS_VALIDATION)
    with whole_file(models) as beside:
        joblib.dump({fit.model: fit.models for fit in fits}, beside, compress=3)


def read_rows(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Read tables of predictions or of folds that `write_fits` wrote, one below the other."""
    return pd.concat([read_table(path, **FITTED) for path in paths], ignore_index=True)


def called(probability, threshold: float = THRESHOLD) -> np.ndarray:
    """Call probabilities above the threshold positive (1) and the others negative (0)."""
    return (np.asarray(probability) > threshold).astype(int)


def f1(label, probability, threshold: float = THRESHOLD) -> float:
    """Compute F1 at a threshold; NaN where nothing is positive nor called so."""
    positive, calls = np.asarray(label) == 1, called(probability, threshold) == 1
    whole = int(positive.sum()) + int(calls.sum())
    return 2 * int((positive & calls).sum()) / whole if whole else np.nan


def auc(label, probability) -> float:
    """Compute the area under the ROC curve; NaN for a single class."""
    return float(roc_auc_score(label, probability)) if len(set(label)) == 2 else np.nan


def selection_table(
    protocol: str,
    fold: int | str,
    alpha: float,
    features: list[str],
    coefficients: np.ndarray,
    scales: np.ndarray,
) -> pd.DataFrame:
    """List what a LASSO selected; one row without a feature where it selected nothing.

    `coefficients` are per unit of each feature; `scales` are the features' standard deviations in
    the training rows, so that their product tells how much one deviation moves the target.
    """
    chosen = np.flatnonzero(coefficients)
    if not len(chosen):
        rows = pd.DataFrame(
            {"feature": [None], "coefficient": [np.nan], "standardised_coefficient": [np.nan]}
        )
    else:
        rows = pd.DataFrame(
            {
                "feature": [features[i] for i in chosen],
                "coefficient": coefficients[chosen],
                "standardised_coefficient": coefficients[chosen] * scales[chosen],
            }
        )
    rows = rows.assign(protocol=protocol, fold=str(fold), alpha=alpha)
    return rows[SELECTION.names]


def selected(selection: pd.DataFrame, fold: int | str) -> list[str]:
    """Name the features selected for a fold, in the table's order; none is an answer too."""
    rows = selection[selection["fold"].astype(str) == str(fold)]
    return list(rows["feature"].dropna())
