"""Protocol 'corrected': patients as the unit, everything that learns inside the folds.

The folds are the table's own (column fold), the ones that the segmentation networks were trained
in, so that a held-out patient was held out of every stage. Inside each fold, from its training
rows alone:

1. Scans without measurable lesions stay. `LesionFreeFiller` gives them stated values.
2. Features are standardised.
3. LASSO, its alpha chosen by an inner cross-validation grouped by patient, regresses the score (or
   the class) on the features. It may select nothing, and that is a result: the fold's model is
   then the prevalence among its training series.
4. The classifier learns from the selected features. Class weights are none, 'balanced', or the
   best of 12 for AUC or F1 in the inner folds, where steps 1 to 3 are repeated.

A held-out series is scored by the model of its fold. A test series gets the mean probability of
all folds' models, which is a true ensemble. Its calls are made at probability 0.5.

Series are weighted equally in fitting. A patient with many series therefore counts more there;
every split and every interval has the patient as its unit.
"""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LassoCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from livermet.phenotype.bootstrap import Predictions, metrics_of_draws
from livermet.phenotype.classifiers import (
    Weight,
    corrected_classifier,
    positive_probability,
    positive_weight,
    sample_weights,
)
from livermet.phenotype.fits import (
    ALL_FOLDS,
    CORRECTED,
    ENSEMBLE,
    Fit,
    called,
    selected,
    selection_table,
)
from livermet.phenotype.folds import folds_of, grouped_splits
from livermet.phenotype.table import FEATURES, RADIOMIC_FEATURES

INNER_FOLDS = 5
# Nearest to 1 first, so that a tie keeps the milder weight.
CANDIDATE_WEIGHTS = sorted(np.geomspace(0.1, 10, 12), key=lambda weight: abs(np.log(weight)))
TREES_IN_SEARCH = 100

# Lengths, areas, volumes, and sums over voxels, runs or zones: 0 where there is nothing to sum.
EXTENT_FEATURES = frozenset(
    f"original_{feature}"
    for feature in (
        "shape_LeastAxisLength",
        "shape_MajorAxisLength",
        "shape_MinorAxisLength",
        "shape_Maximum2DDiameterColumn",
        "shape_Maximum2DDiameterRow",
        "shape_Maximum2DDiameterSlice",
        "shape_Maximum3DDiameter",
        "shape_MeshVolume",
        "shape_SurfaceArea",
        "shape_VoxelVolume",
        "firstorder_Energy",
        "firstorder_TotalEnergy",
        "gldm_DependenceNonUniformity",
        "gldm_GrayLevelNonUniformity",
        "glrlm_GrayLevelNonUniformity",
        "glrlm_RunLengthNonUniformity",
        "glszm_GrayLevelNonUniformity",
        "glszm_SizeZoneNonUniformity",
    )
)
UNMEASURED = "No_Measured_Lesion"
CANDIDATES = (*FEATURES, UNMEASURED)


class LesionFreeFiller(TransformerMixin, BaseEstimator):
    """Give stated values to the features of scans whose lesions could not be measured.

    Features of extent (EXTENT_FEATURES) are 0: no lesion has no volume. Every other feature, which
    has no value without voxels, is the median of the training rows, and the added column
    No_Measured_Lesion is 1, so that a model can tell the filled rows from the measured ones.
    """

    def fit(self, features: pd.DataFrame, labels=None) -> "LesionFreeFiller":
        """Learn the medians of the training rows."""
        # A column that no training row has is of no use either way; 0 keeps it constant.
        self.values_ = features[list(FEATURES)].median().fillna(0.0)
        self.values_[[name for name in FEATURES if name in EXTENT_FEATURES]] = 0.0
        return self

    def transform(self, features: pd.DataFrame) -> pd.DataFrame:
        """Fill what is missing; the result has the columns CANDIDATES."""
        features = features[list(FEATURES)]
        unmeasured = features[list(RADIOMIC_FEATURES)].isna().any(axis=1)
        filled = features.astype(float).fillna(self.values_)
        return pd.concat([filled, unmeasured.astype(float).rename(UNMEASURED)], axis=1)


def select(table: pd.DataFrame, target: str, seed: int) -> pd.DataFrame:
    """Select features in each fold from that fold's training rows.

    `target` is 'score' or 'class', what LASSO regresses on the features.
    """
    training = _training(table)
    return pd.concat(
        [
            select_in(training.iloc[inside], target, seed, fold)
            for fold, (inside, _) in folds_of(training)
        ],
        ignore_index=True,
    )


def select_in(rows: pd.DataFrame, target: str, seed: int, fold: int | str) -> pd.DataFrame:
    """Select features from some training rows; alpha by inner folds grouped by patient."""
    filled = LesionFreeFiller().fit_transform(rows)
    scaler = StandardScaler()
    standardised = scaler.fit_transform(filled)
    splits = grouped_splits(rows, INNER_FOLDS, seed)
    outcome = rows["score" if target == "score" else "label"].to_numpy(dtype=float)
    # Cyclic updates do not converge on features as alike as mesh and voxel volume; random ones do.
    lasso = LassoCV(
        cv=splits, eps=0.02, alphas=50, selection="random", random_state=seed, max_iter=10000
    )
    lasso.fit(np.asfortranarray(standardised), outcome)
    return selection_table(
        CORRECTED, fold, lasso.alpha_, list(CANDIDATES), lasso.coef_ / scaler.scale_, scaler.scale_
    )


def fit(
    table: pd.DataFrame,
    selection: pd.DataFrame,
    classifier: str,
    weightings: list[str],
    trees: int,
    target: str,
    seed: int,
) -> Fit:
    """Fit one model a fold, score its held-out rows, and score the test rows by their mean."""
    training, testing = _training(table), table[table["group"] == "test"]
    result = Fit(CORRECTED, classifier)
    searched = [weighting for weighting in weightings if weighting in ("auc", "f1")]
    found: dict[tuple[int, str], Weight] = {}
    if searched:
        for fold, (inside, _) in folds_of(training):
            best = search_weights(training.iloc[inside], classifier, trees, target, seed)
            found |= {(fold, metric): weight for metric, weight in best.items()}
    for weighting in weightings:
        models = []
        for fold, (inside, outside) in folds_of(training):
            rows, held_out = training.iloc[inside], training.iloc[outside]
            weight = found.get((fold, weighting), None if weighting == "none" else "balanced")
            features = selected(selection, fold)
            model = fit_model(rows, features, classifier, weight, trees, seed)
            models.append(model)
            result.add_fold(
                weighting,
                positive_weight(weight, rows["label"].to_numpy()),
                fold,
                len(rows),
                held_out,
                probability(model, held_out),
            )
        result.models[weighting] = models
        if len(testing):
            mean = np.mean([probability(model, testing) for model in models], axis=0)
            result.add_predictions(weighting, "test", ENSEMBLE, testing, mean)
    return result


def fit_model(
    rows: pd.DataFrame,
    features: list[str],
    classifier: str,
    weight: Weight,
    trees: int,
    seed: int,
) -> Pipeline:
    """Fit filler, scaler and classifier on some rows.

    Without features, or with rows of one class, the model is the prevalence among the rows,
    whatever the weights: weighted to balance it would be 0.5, and each call a matter of rounding.
    """
    labels = rows["label"].to_numpy()
    if features and len(set(labels)) == 2:
        model: ClassifierMixin = corrected_classifier(classifier, trees, seed)
        options = {"classify__sample_weight": sample_weights(weight, labels)}
    else:
        model, options = DummyClassifier(strategy="prior"), {}
    pipeline = Pipeline(
        [
            ("fill", LesionFreeFiller()),
            ("scale", ColumnTransformer([("selected", StandardScaler(), features)])),
            ("classify", model),
        ]
    )
    return pipeline.fit(rows[list(FEATURES)], labels, **options)


def probability(model: Pipeline, rows: pd.DataFrame) -> np.ndarray:
    """Give the probability of the positive class of some rows."""
    return positive_probability(model, rows[list(FEATURES)])


def search_weights(
    rows: pd.DataFrame, classifier: str, trees: int, target: str, seed: int
) -> dict[str, float]:
    """Find the positive class's weights with the best AUC and the best F1 in the inner folds.

    Selection is repeated in every inner fold; forests have at most TREES_IN_SEARCH trees here.
    The inner folds' predictions are pooled.
    """
    pooled = np.empty((len(CANDIDATE_WEIGHTS), len(rows)))
    for inside, outside in grouped_splits(rows, INNER_FOLDS, seed):
        seen, held_out = rows.iloc[inside], rows.iloc[outside]
        features = selected(select_in(seen, target, seed, ALL_FOLDS), ALL_FOLDS)
        for row, weight in enumerate(CANDIDATE_WEIGHTS):
            few = min(trees, TREES_IN_SEARCH)
            model = fit_model(seen, features, classifier, float(weight), few, seed)
            pooled[row, outside] = probability(model, held_out)
    labels = rows["label"].to_numpy()
    once = np.ones((1, len(rows)), dtype=np.int64)
    scores = [
        metrics_of_draws(once, Predictions(labels, called(values), values)) for values in pooled
    ]
    return {
        metric: float(CANDIDATE_WEIGHTS[int(np.nanargmax([score[metric][0] for score in scores]))])
        for metric in ("auc", "f1")
    }


def _training(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["group"] != "test"]
