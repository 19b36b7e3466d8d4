"""Protocol 'published': the paper's printed procedure, every detail and every trap of it.

Step by step, with the statistical trap that each step holds:

1. Scans without measurable lesions are dropped. *Trap*: the classifier is judged only where the
   segmentation succeeded.
2. LASSO with alpha 0.35 on raw features against the continuous score, on all rows whose group is
   not test. *Traps*: the penalty acts on features in different units, so it chooses those with
   large numbers; the solver stops at its iteration limit without converging; selection has seen
   every validation row of step 3.
3. `ShuffleSplit(5, test_size=0.2, random_state=2024)` over series. *Traps*: nearly every
   validation series has its patient, and most have their very study, among the training rows;
   the extremes of five splits are printed like an interval.
4. Class weights: none, 'balanced', and the weights whose AUC and F1 were best among 200 on the
   one tuning split. *Trap*: that split holds 8 patients. For XGBoost 'balanced' is the ratio of
   the classes in all training rows, in each split too.
5. The 'ensemble of five fold models' is fitted again on all training rows, so that all its members
   are one and the same model: one is fitted here. *Trap*: the described ensemble never existed.
6. Test figures (`bootstrap.published_draws`): one series of each study in each of 1000 draws.
   *Trap*: the interval shows the choice of reconstruction and not the choice of patients.
7. Threshold 0.5, and the headline model chosen by its test figures. *Trap*: the test set chose.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import Lasso
from sklearn.model_selection import ShuffleSplit

from livermet.errors import InputError
from livermet.phenotype.classifiers import (
    ONE_THREAD,
    Weight,
    positive_probability,
    positive_weight,
    published_classifier,
)
from livermet.phenotype.columns import WEIGHTS
from livermet.phenotype.fits import (
    ALL_FOLDS,
    ENSEMBLE,
    PUBLISHED,
    Fit,
    auc,
    f1,
    selected,
    selection_table,
)
from livermet.phenotype.table import FEATURES, measured
from livermet.vocabulary import Weighting

# What ShuffleSplit needs. The paper has 177; a network that finds no lesion leaves none.
FEWEST_SCANS = 2
SPLITS = ShuffleSplit(5, test_size=0.2, random_state=2024)
# The weights that the paper prints for 'best AUC' and 'best F1'. Repeating its search finds those
# of RF and XGB again; those of LR change with the linear algebra kernel.
PRINTED_WEIGHTS = {
    ("LR", "auc"): 0.25,
    ("LR", "f1"): 4.9,
    ("RF", "auc"): 0.3,
    ("RF", "f1"): 8.6,
    ("XGB", "auc"): 0.05,
    ("XGB", "f1"): 0.8,
}
CANDIDATE_WEIGHTS = np.round(np.arange(1, 201) * 0.05, 2)


def analysed(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the scans whose lesions were found and measured."""
    return table[measured(table)]


def select(table: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Select features by LASSO on all rows outside the test set (steps 1 and 2)."""
    training = _training(analysed(table))
    features = training[list(FEATURES)]
    coefficients = np.zeros(len(FEATURES))
    if len(training) >= FEWEST_SCANS:
        coefficients = Lasso(alpha=alpha).fit(features, training["score"]).coef_
    deviations = features.std(ddof=0).to_numpy()
    return selection_table(PUBLISHED, ALL_FOLDS, alpha, list(FEATURES), coefficients, deviations)


def fit(
    table: pd.DataFrame,
    selection: pd.DataFrame,
    classifier: str,
    weightings: list[str],
    trees: int,
    found: pd.DataFrame | None = None,
    boosting: Mapping = ONE_THREAD,
) -> Fit:
    """Cross-validate a classifier, fit it on all training rows and score the test rows.

    For 'auc' and 'f1' it takes the printed class weights, or the best of `found`, the result of a
    search (`search_weights`). `boosting` says how XGBoost computes. With fewer than two measured
    training scans no model is fitted: its folds have no scores, its series no rows.
    """
    rows = analysed(table)
    training, testing = _training(rows), rows[rows["group"] == "test"]
    features = selected(selection, ALL_FOLDS)
    result = Fit(PUBLISHED, classifier)
    for weighting in weightings:
        if len(training) < FEWEST_SCANS:
            result.add_unfitted(weighting, SPLITS.get_n_splits())
            continue
        weight = _weight_of(weighting, classifier, training["label"].to_numpy(), found)
        for fold, (inside, outside) in enumerate(SPLITS.split(training)):
            seen, held_out = training.iloc[inside], training.iloc[outside]
            model = _fitted(classifier, weight, trees, seen, features, boosting=boosting)
            result.add_fold(
                weighting,
                positive_weight(weight, seen["label"].to_numpy()),
                fold,
                len(seen),
                held_out,
                _probability(model, held_out, features),
            )
        model = _fitted(classifier, weight, trees, training, features, boosting=boosting)
        result.models[weighting] = [model]
        if len(testing):
            result.add_predictions(
                weighting, "test", ENSEMBLE, testing, _probability(model, testing, features)
            )
    return result


def search_weights(
    table: pd.DataFrame,
    selection: pd.DataFrame,
    classifier: str,
    trees: int,
    weights: np.ndarray = CANDIDATE_WEIGHTS,
) -> pd.DataFrame:
    """Repeat the paper's search of class weights on the tuning split; the result is WEIGHTS."""
    training = _training(analysed(table))
    features = selected(selection, ALL_FOLDS)
    tuning = _is_tuning(training)
    seen, held_out = training[~tuning], training[tuning]
    rows = []
    for weight in map(float, weights):
        model = _fitted(classifier, weight, trees, seen, features, search=True)
        probability = _probability(model, held_out, features)
        scores = auc(held_out["label"], probability), f1(held_out["label"], probability)
        rows.append([weight, *scores])
    return pd.DataFrame(rows, columns=WEIGHTS.names)


def best_weight(found: pd.DataFrame, metric: str) -> float:
    """Take the first weight with the best `metric` ('auc' or 'f1') of a search.

    Raises InputError where no weight has that metric: the tuning split has one class.
    """
    found = found.sort_values("weight")
    if found[metric].isna().all():
        raise InputError(
            f"The search of class weights has no {metric.upper()}: the tuning split (group val, or "
            "fold 0) has one class; set phenotype.published_weights: printed."
        )
    return float(found["weight"].iloc[found[metric].argmax()])


def tuning_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Take the tuning split: the group val, or fold 0 of a table that has no such group."""
    training = _training(analysed(table))
    return training[_is_tuning(training)]


def _is_tuning(training: pd.DataFrame) -> pd.Series:
    tuning = training["group"] == "val"
    return tuning if tuning.any() else training["fold"] == 0


def _weight_of(
    weighting: str, classifier: str, labels: np.ndarray, found: pd.DataFrame | None
) -> Weight:
    if weighting == Weighting.NONE:
        return None
    if weighting == Weighting.BALANCED:
        return positive_weight(weighting, labels) if classifier == "XGB" else weighting
    if found is None:
        return PRINTED_WEIGHTS[classifier, weighting]
    return best_weight(found, weighting)


def _training(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["group"] != "test"]


def _fitted(
    classifier, weight, trees, rows, features, search=False, boosting=ONE_THREAD
) -> ClassifierMixin:
    labels = rows["label"].to_numpy()
    if features and len(set(labels)) == 2:
        model = published_classifier(classifier, weight, trees, labels, search, boosting)
    else:
        # The paper's table never comes here; another one can, and prevalence is what is left.
        model = DummyClassifier(strategy="prior")
    return model.fit(rows[features], labels)


def _probability(model, rows, features) -> np.ndarray:
    return positive_probability(model, rows[features])
