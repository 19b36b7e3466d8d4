"""Protocol 'corrected': patients as the unit, everything that learns inside the folds.

The folds are the table's own (column fold), the ones that the segmentation networks were trained
in, so that a held-out patient was held out of every stage. Before them, facts of the table alone
(`prepared`): lesions are counted as the mask has them, and a series measured in another voxel than
the others is left out. Inside each fold, from its training rows alone:

1. Where rows have batches (`batches.with_batches`), `ComBat` takes the batches' effects out of the
   features. Scans without measurable lesions stay. `LesionFreeFiller` gives them stated values.
2. Skewed features may be transformed (`Preparation`). Features are standardised, and of features
   that say nearly the same (|Spearman's rho| above REDUNDANT) the one that resembles all others
   least stays, or the most reproducible one.
3. LASSO, its alpha chosen by an inner cross-validation grouped by patient, regresses the score (or
   the class) on the features. It may select nothing, and that is a result: the fold's model is
   then the prevalence among its training series.
4. The classifier learns from the selected features. Class weights are none, 'balanced', or the
   best of 12 for AUC or F1 in the inner folds, where steps 1 to 3 are repeated.
5. The threshold is the one with the highest sensitivity + specificity (Youden, Cancer 1950) over
   the inner folds' held-out rows; 0.5 where none is better than chance.

A held-out series is scored by the model of its fold. A test series gets the mean probability of
all folds' models, which is a true ensemble, called at the mean of their thresholds.

Series are weighted equally in fitting. A patient with many series therefore counts more there;
every split and every interval has the patient as its unit.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LassoCV, lasso_path
from sklearn.metrics import roc_curve
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from livermet.phenotype.bootstrap import Predictions, metrics_of_draws
from livermet.phenotype.classifiers import (
    THRESHOLD,
    Weight,
    corrected_classifier,
    positive_weight,
    sample_weights,
    settled_probability,
)
from livermet.phenotype.combat import BATCH, ComBat
from livermet.phenotype.filling import CANDIDATES, LesionFreeFiller
from livermet.phenotype.fits import (
    ALL_FOLDS,
    CORRECTED,
    ENSEMBLE,
    VALIDATION,
    Fit,
    called,
    selected,
    selection_table,
)
from livermet.phenotype.folds import folds_of, grouped_splits
from livermet.phenotype.table import FEATURES, LESION_COUNT
from livermet.phenotype.transforms import FreeOfVolume, Unskewed
from livermet.vocabulary import Redundancy, Transform, Weighting

INNER_FOLDS = 5
# Nearest to 1 first, so that a tie keeps the milder weight.
CANDIDATE_WEIGHTS = sorted(np.geomspace(0.1, 10, 12), key=lambda weight: abs(np.log(weight)))
UNWEIGHTED, SEARCHED = Weighting.NONE.value, Weighting.SEARCHED.value
BALANCED = Weighting.BALANCED.value
TREES_INSIDE = 100
REDUNDANT = 0.9
# Fewer studies of several series say nothing of how reproducible features are.
FEWEST_STUDIES = 5
# Selections: more than the folds and inner folds of all repeats of one cross-validation.
REMEMBERED = 1000


@dataclass(frozen=True)
class Preparation:
    """What features go through before LASSO: a transform, and which of two alike ones stays.

    With `free_of_volume` what a line on the log of the lesions' volume tells is taken out of them.
    """

    transform: str = Transform.NONE.value
    redundancy: str = Redundancy.LEAST_ALIKE.value
    free_of_volume: bool = False


PLAIN = Preparation()
_SELECTED: dict[tuple[bytes, str, int, Preparation], tuple[float, np.ndarray, np.ndarray]] = {}


@dataclass(frozen=True)
class Settings:
    """What the config decides: LASSO's target ('score' or 'class'), trees of a forest, the seed."""

    target: str
    trees: int
    seed: int
    preparation: Preparation = PLAIN


@dataclass(frozen=True)
class FoldModel:
    """A fitted model, the threshold above which it calls positive, and its positive weight."""

    pipeline: Pipeline
    threshold: float
    weight: float

    def probability(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of the positive class of some rows."""
        return settled_probability(self.pipeline, rows)


# How some rows become models. They share all steps but the last, the classifier.
Recipe = Callable[[pd.DataFrame], list[Pipeline]]


def prepared(table: pd.DataFrame) -> pd.DataFrame:
    """Count lesions as the mask has them, and leave out what was measured in another voxel.

    Both need PyRadiomics' diagnostics in the table (`mask_lesions`, `voxel_mm`). Without them the
    table stays as it is.
    """
    counted = table.assign(
        **{LESION_COUNT: table["mask_lesions"].fillna(table[LESION_COUNT]).astype(float)}
    )
    usual = table["voxel_mm"].mode()
    odd = table["voxel_mm"].notna() & ~table["voxel_mm"].isin(usual[:1])
    return counted[~odd]


def select(
    table: pd.DataFrame, target: str, seed: int, preparation: Preparation = PLAIN
) -> pd.DataFrame:
    """Select features in each fold from that fold's training rows.

    `target` is 'score' or 'class', what LASSO regresses on the features.
    """
    training = training_rows(table)
    return pd.concat(
        [
            select_in(training.iloc[inside], target, seed, fold, preparation)
            for fold, (inside, _) in folds_of(training)
        ],
        ignore_index=True,
    )


def select_in(
    rows: pd.DataFrame,
    target: str,
    seed: int,
    fold: int | str,
    preparation: Preparation = PLAIN,
) -> pd.DataFrame:
    """Select features from some training rows; alpha by inner folds grouped by patient.

    The classifiers of a protocol ask for the same selections, so that the last ones are remembered.
    Coefficients are those of the transformed features, where there is a transform.
    """
    # Nothing else of the rows is there to depend on.
    features = rows[list(FEATURES)].to_numpy(dtype=float)
    study = ["study"] if preparation.redundancy == Redundancy.MOST_REPRODUCIBLE else []
    volume = ["burden_ml"] if preparation.free_of_volume else []
    batch = rows.columns.intersection([BATCH])
    known = rows[["patient", "label", "score", *study, *volume, *batch]]
    content = hashlib.sha256(features.tobytes() + known.to_csv().encode()).digest()
    asked = (content, target, seed, preparation)
    if asked not in _SELECTED:
        if len(_SELECTED) >= REMEMBERED:
            del _SELECTED[next(iter(_SELECTED))]
        parts = [known.reset_index(drop=True), pd.DataFrame(features, columns=list(FEATURES))]
        _SELECTED[asked] = _lasso_of(pd.concat(parts, axis=1), target, seed, preparation)
    alpha, coefficients, scale = _SELECTED[asked]
    return selection_table(
        CORRECTED, fold, alpha, list(CANDIDATES), coefficients / scale, scale.copy()
    )


class CheckedOnce(LassoCV):
    """LassoCV that looks at its input once: scikit-learn's does so again at each penalty.

    Of so few rows that takes half of its time. Where features have been checked and laid out as
    `fit` does it, paths are the same without.
    """

    path = staticmethod(partial(lasso_path, check_input=False))


def _lasso_of(
    rows: pd.DataFrame, target: str, seed: int, preparation: Preparation
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return LASSO's alpha, and its coefficients on standardised features with their scales."""
    scaler = StandardScaler()
    complete = Pipeline(completing_steps(preparation)).fit_transform(rows)
    standardised = scaler.fit_transform(complete)
    preferred = None
    if preparation.redundancy == Redundancy.MOST_REPRODUCIBLE:
        preferred = reproducibility_within(standardised, rows["study"].to_numpy())
    kept = without_redundancy(standardised, preferred)
    outcome = rows["score" if target == "score" else "label"].to_numpy(dtype=float)
    splits = grouped_splits(rows, INNER_FOLDS, seed)
    lasso = CheckedOnce(cv=splits, eps=0.02, alphas=50, max_iter=10000)
    lasso.fit(np.asfortranarray(standardised[:, kept]), outcome)
    coefficients = np.zeros(len(CANDIDATES))
    coefficients[kept] = lasso.coef_
    return lasso.alpha_, coefficients, scaler.scale_


def completing_steps(preparation: Preparation = PLAIN) -> list[tuple[str, TransformerMixin]]:
    """Make the steps from rows as they were read to complete features: the columns CANDIDATES."""
    steps: list[tuple[str, TransformerMixin]] = [
        ("harmonise", ComBat()),
        ("fill", LesionFreeFiller()),
    ]
    if preparation.transform != Transform.NONE:
        steps.append(("transform", Unskewed(preparation.transform)))
    return [("free", FreeOfVolume(Pipeline(steps)))] if preparation.free_of_volume else steps


def reproducibility_within(features: np.ndarray, studies: np.ndarray) -> np.ndarray | None:
    """Return ICC(1,1) of each column of (rows, features) between the series of one study.

    Studies of one series count in no mean square; others may have several numbers of series. NaN
    where a column does not vary; None with fewer than FEWEST_STUDIES studies of several series.
    """
    _, study, counts = np.unique(studies, return_inverse=True, return_counts=True)
    several = counts[study] > 1
    values = pd.DataFrame(features[several])
    groups = values.groupby(study[several])
    sizes = groups.size().to_numpy()
    if len(sizes) < FEWEST_STUDIES:
        return None
    total, number = sizes.sum(), len(sizes)
    apart = values - groups.transform("mean")
    within = (apart**2).sum().to_numpy() / (total - number)
    between = ((groups.mean() - values.mean()) ** 2).mul(sizes, axis=0).sum().to_numpy()
    between = between / (number - 1)
    usual = (total - (sizes**2).sum() / total) / (number - 1)
    spread = between + (usual - 1) * within
    return np.where(spread > 0, (between - within) / np.where(spread > 0, spread, 1), np.nan)


def without_redundancy(features: np.ndarray, preferred: np.ndarray | None = None) -> list[int]:
    """Choose columns of (rows, features) no two of which have |Spearman's rho| above REDUNDANT.

    Columns with the highest value of `preferred` come first, those without one last; without it
    those that resemble the others least, by their mean |rho|, which also settles what is equal.
    Constant columns have no correlation and stay.
    """
    ranks = pd.DataFrame(features).rank().to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = np.nan_to_num(np.abs(np.corrcoef(ranks, rowvar=False)))
    order = np.argsort(alike.mean(axis=0), kind="stable")
    if preferred is not None:
        worth = np.nan_to_num(preferred, nan=-np.inf)
        order = order[np.argsort(-worth[order], kind="stable")]
    kept: list[int] = []
    for column in order:
        if (alike[column, kept] <= REDUNDANT).all():
            kept.append(int(column))
    return sorted(kept)


def fit(
    table: pd.DataFrame,
    selection: pd.DataFrame,
    classifier: str,
    weightings: list[str],
    settings: Settings,
) -> Fit:
    """Fit and tune one model a fold and weighting, and score the fold's held-out rows."""

    def models_of(rows: pd.DataFrame, fold: int) -> dict[str, FoldModel]:
        return tuned(rows, selected(selection, fold), classifier, weightings, settings)

    return fit_folds(table, classifier, weightings, models_of)


def fit_untuned(table: pd.DataFrame, classifiers: list[str], settings: Settings) -> list[Fit]:
    """Select in each fold and fit some classifiers, unweighted and with the threshold 0.5.

    Their probabilities are those of `fit`, without the cost of tuning calls; folds are not scored.
    """
    training = training_rows(table)
    fits = [Fit(CORRECTED, name, models={UNWEIGHTED: []}) for name in classifiers]
    for fold, (inside, outside) in folds_of(training):
        rows, held_out = training.iloc[inside], training.iloc[outside]
        features = selected_in(rows, settings)
        pipelines = fit_models(rows, features, [(name, None) for name in classifiers], settings)
        probabilities = _probabilities(pipelines, held_out)
        for fit, pipeline, probability in zip(fits, pipelines, probabilities, strict=True):
            fit.models[UNWEIGHTED].append(FoldModel(pipeline, THRESHOLD, 1.0))
            fit.add_predictions(UNWEIGHTED, VALIDATION, fold, held_out, probability)
    return fits


def fit_folds(
    table: pd.DataFrame,
    name: str,
    weightings: list[str],
    models_of: Callable[[pd.DataFrame, int], dict[str, FoldModel]],
) -> Fit:
    """Score each fold's held-out rows by the models that `models_of` makes of its training rows."""
    training = training_rows(table)
    result = Fit(CORRECTED, name, models={weighting: [] for weighting in weightings})
    for fold, (inside, outside) in folds_of(training):
        rows, held_out = training.iloc[inside], training.iloc[outside]
        for weighting, model in models_of(rows, fold).items():
            scores = model.probability(held_out), model.threshold
            result.models[weighting].append(model)
            result.add_fold(weighting, model.weight, fold, len(rows), held_out, *scores)
    return result


def tuned(
    rows: pd.DataFrame,
    features: list[str],
    classifier: str,
    weightings: list[str],
    settings: Settings,
) -> dict[str, FoldModel]:
    """Fit a model of some training rows for each weighting; weights and threshold by inner folds.

    A model without features has nothing to tune and calls at 0.5.
    """
    labels = rows["label"].to_numpy()
    candidates = candidate_weights(weightings)
    weights = [weight for weights in candidates.values() for weight in weights]
    inside = replace(settings, trees=min(settings.trees, TREES_INSIDE))
    pooled = held_out_probabilities(rows, recipe_of(classifier, weights, inside), settings.seed)
    thresholds = [youden_threshold(labels, probability) for probability in pooled]
    chosen = []
    for weighting in weightings:
        places = [weights.index(weight) for weight in candidates[_searched(weighting)]]
        several = len(places) > 1
        chosen.append(
            _best(weighting, labels, pooled, thresholds, places) if several else places[0]
        )
    asked = [(classifier, weights[best]) for best in chosen]
    pipelines = fit_models(rows, features, asked, settings)
    return {
        weighting: FoldModel(
            pipeline,
            thresholds[best] if features else THRESHOLD,
            positive_weight(weights[best], labels),
        )
        for weighting, pipeline, best in zip(weightings, pipelines, chosen, strict=True)
    }


def candidate_weights(weightings: list[str]) -> dict[str, list[Weight]]:
    """List the weights that each way of weighting chooses from; 'auc' and 'f1' share theirs."""
    fixed: dict[str, list[Weight]] = {UNWEIGHTED: [None], BALANCED: [BALANCED]}
    searched: dict[str, list[Weight]] = {SEARCHED: [float(value) for value in CANDIDATE_WEIGHTS]}
    return {name: (fixed | searched)[name] for name in dict.fromkeys(map(_searched, weightings))}


def recipe_of(classifier: str, weights: list[Weight], settings: Settings) -> Recipe:
    """Say how some rows become a model for each weight, selection of features included."""

    def fit_rows(rows: pd.DataFrame) -> list[Pipeline]:
        asked = [(classifier, weight) for weight in weights]
        return fit_models(rows, selected_in(rows, settings), asked, settings)

    return fit_rows


def selected_in(rows: pd.DataFrame, settings: Settings) -> list[str]:
    """Name the features that are selected from some rows."""
    chosen = select_in(rows, settings.target, settings.seed, ALL_FOLDS, settings.preparation)
    return selected(chosen, ALL_FOLDS)


def held_out_probabilities(rows: pd.DataFrame, recipe: Recipe, seed: int) -> np.ndarray:
    """Score each row by the models of the inner fold that holds its patient out: (models, rows)."""
    splits = grouped_splits(rows, INNER_FOLDS, seed)
    parts = [
        _probabilities(recipe(rows.iloc[inside]), rows.iloc[outside]) for inside, outside in splits
    ]
    pooled = np.empty((len(parts[0]), len(rows)))
    for (_, outside), part in zip(splits, parts, strict=True):
        pooled[:, outside] = part
    return pooled


def _probabilities(models: list[Pipeline], rows: pd.DataFrame) -> list[np.ndarray]:
    """Score rows by a recipe's models; the rows are prepared once."""
    prepared = rows
    for _, step in models[0].steps[:-1]:
        prepared = step.transform(prepared)
    return [settled_probability(model.steps[-1][1], prepared) for model in models]


def youden_threshold(labels: np.ndarray, probability: np.ndarray) -> float:
    """Find the threshold with the highest sensitivity + specificity; 0.5 where none beats chance.

    It lies halfway between two neighbouring probabilities; of equally good ones the highest.
    """
    if len(set(labels)) < 2:
        return THRESHOLD
    false_positive_rate, sensitivity, thresholds = roc_curve(
        labels, probability, drop_intermediate=False
    )
    gain = sensitivity - false_positive_rate
    best = int(np.argmax(gain))
    # Differences of two ratios: rounding alone must not count as better than chance.
    if gain[best] <= 1e-12 or best + 1 == len(thresholds):
        return THRESHOLD
    return float((thresholds[best] + thresholds[best + 1]) / 2)


def fit_models(
    rows: pd.DataFrame,
    features: list[str],
    asked: list[tuple[str, Weight]],
    settings: Settings,
) -> list[Pipeline]:
    """Fit ComBat (where rows have batches), filler and scaler on some rows, and all models.

    `asked` has the classifier and the weight of each model.

    Without features, or with rows of one class, the model is the prevalence among the rows,
    whatever the weights: weighted to balance it would be 0.5, and each call a matter of rounding.
    """
    labels = rows["label"].to_numpy()
    columns = ColumnTransformer([("selected", StandardScaler(), features)])
    preparing = Pipeline([*completing_steps(settings.preparation), ("scale", columns)])
    prepared = preparing.fit_transform(rows, labels)

    def fitted(classifier: str, weight: Weight) -> ClassifierMixin:
        if not features or len(set(labels)) < 2:
            return DummyClassifier(strategy="prior").fit(prepared, labels)
        model = corrected_classifier(classifier, settings.trees, settings.seed)
        return model.fit(prepared, labels, sample_weight=sample_weights(weight, labels))

    return [Pipeline([*preparing.steps, ("classify", fitted(*one))]) for one in asked]


def score_test(
    table: pd.DataFrame, models: list[FoldModel], name: str, weighting: str
) -> pd.DataFrame:
    """Score the test rows by the mean of the folds' models (`fits.PREDICTIONS`)."""
    testing = table[table["group"] == "test"]
    result = Fit(CORRECTED, name)
    if len(testing):
        mean = np.mean([model.probability(testing) for model in models], axis=0)
        threshold = float(np.mean([model.threshold for model in models]))
        result.add_predictions(weighting, "test", ENSEMBLE, testing, mean, threshold)
    return result.prediction_table()


def training_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Take the rows outside the test set."""
    return table[table["group"] != "test"]


def _searched(weighting: str) -> str:
    return SEARCHED if weighting in (Weighting.AUC, Weighting.F1) else weighting


def _best(
    metric: str,
    labels: np.ndarray,
    pooled: np.ndarray,
    thresholds: list[float],
    places: list[int],
) -> int:
    """Find the first of some places whose held-out predictions have the best AUC or F1."""
    once = np.ones((1, len(labels)), dtype=np.int64)
    scores = [
        metrics_of_draws(
            once, Predictions(labels, called(pooled[place], thresholds[place]), pooled[place])
        )[metric][0]
        for place in places
    ]
    return places[int(np.nanargmax(scores))] if np.isfinite(scores).any() else places[0]
