"""The ladder: from the published procedure to the corrected one, one correction at a time.

Each step changes one thing and keeps the corrections of the steps before it. What a step changes
depends on those: three steps (features selected inside the folds, standardised, selected by the
corrected protocol's rule) are also made in the reverse order, as a check. The operating point is a
step of its own, which no ranking and no AUC depends on. The first step is the published procedure
itself, the last one the corrected protocol as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from livermet.contracts import COUNT, NUMBER, SHARE, TEXT, Column, Contract
from livermet.models import CLASSIFIERS, classifiers_of
from livermet.phenotype import corrected, published
from livermet.phenotype.baselines import ALWAYS_POSITIVE
from livermet.phenotype.bootstrap import (
    BALANCED_ACCURACY,
    Predictions,
    metrics_of_draws,
    patient_draws,
    published_draws,
    study_draws,
)
from livermet.phenotype.classifiers import THRESHOLD, published_classifier
from livermet.phenotype.combat import BATCH
from livermet.phenotype.corrected import UNWEIGHTED, FoldModel, Settings, fit_folds, score_test
from livermet.phenotype.fits import ALL_FOLDS, Fit, auc, called, f1, selected
from livermet.phenotype.folds import folds_of, patient_strata
from livermet.phenotype.metrics import estimates
from livermet.phenotype.table import FEATURES, LESION_COUNT, measured
from livermet.vocabulary import Protocol

# The score without a threshold first. Balanced accuracy is what Youden's threshold is chosen by.
METRICS = ("auc", BALANCED_ACCURACY, "f1", "accuracy")
# Where the corrected protocol learns from the same table as the published one: why it does.
UNION_ALONE = {
    "table": "a finished table is taken as it is",
    "union": "phenotype.aggregation is union",
}
SERIES, PATIENT = "series", "patient"
YES, NO, NOT_APPLICABLE = "yes", "no", "not applicable"


class Correction(StrEnum):
    """The steps of the ladder in their order, in the words of the table.

    ALL stands for all between the two ends, where there are too few measured scans for them.
    """

    PUBLISHED = "published procedure"
    GROUPED = "patients held out whole"
    ENSEMBLE = "mean of the folds' models, not one refitted model"
    INSIDE = "features selected inside the folds"
    STANDARDISED = "features standardised for the classifier"
    RESELECTED = "selection on standardised, filtered features, its penalty tuned"
    BY_PATIENT = "intervals by patient"
    TRIVIAL = "trivial rules beside the model"
    CHOSEN = "model chosen by cross-validation"
    COUNTED = "lesions counted by the mask"
    OF_LESIONS = "lesions, not their union, as the unit of shape"
    SETTINGS = "libraries' settings as stated"
    THRESHOLD = "another operating point: threshold tuned inside the folds"
    KEPT = "scans without measurable lesions kept"
    ONE_VOXEL = "one voxel size for all"
    HARMONISED = "features harmonised inside the folds"
    OF_SEGMENTATION = "matching rule and intervals of table 3"
    ALL = "all corrections"


CORRECTIONS = Contract(
    files=("tables/corrections.csv",),
    row="a step of the ladder from the published to the corrected protocol",
    columns=(
        Column("step", COUNT, "number of the step; step 0 is the published procedure"),
        Column("correction", TEXT, "what the step corrects", words=tuple(Correction)),
        Column(
            "made",
            TEXT,
            "whether the correction changed anything in this run",
            words=(YES, NO, NOT_APPLICABLE),
        ),
        Column("reason", TEXT, "why it did not, or what it added", missing="nothing to add"),
        Column("model", TEXT, "classifier of the step", words=tuple(CLASSIFIERS)),
        *(
            Column(
                f"cv_{metric}", SHARE, f"{metric}, mean over the folds", missing="no fold has it"
            )
            for metric in METRICS
        ),
        *(
            Column(
                f"{metric}_reversed",
                NUMBER,
                f"what this step changes in {metric} where the steps from '{Correction.INSIDE}' to "
                f"'{Correction.RESELECTED}' are made in the reverse order, as a check",
                low=-1,
                high=1,
                missing="other steps, or the metric is missing",
            )
            for metric in ("cv_auc", "auc")
        ),
        *(
            column
            for metric in METRICS
            for column in (
                Column(
                    metric,
                    SHARE,
                    f"{metric} on the test studies, mean over draws of one series a study",
                    missing="no test series was scored, or no draw has it",
                ),
                Column(
                    f"{metric}_low",
                    SHARE,
                    f"lower end of the 95% interval of {metric}; what is drawn anew is the series, "
                    f"and from the step '{Correction.BY_PATIENT}' on the patient",
                    missing=f"as {metric}, or too few patients",
                ),
                Column(
                    f"{metric}_high",
                    SHARE,
                    "upper end of that interval",
                    missing=f"as {metric}_low",
                ),
                Column(
                    f"{metric}_width", SHARE, "width of that interval", missing=f"as {metric}_low"
                ),
            )
        ),
    ),
    key=("step",),
)


@dataclass(frozen=True)
class Step:
    """The state after a correction: its model's predictions, and what an interval draws anew.

    `made` says whether the correction changed anything here, `reason` why not, or what it added;
    `reverse` holds what it leads from and to in the reverse order, where that is asked for.
    """

    correction: Correction
    model: str
    held_out: pd.DataFrame
    tested: pd.DataFrame
    unit: str
    made: str = YES
    reason: str = ""
    reverse: tuple["Step", "Step"] | None = None


@dataclass(frozen=True)
class Protocols:
    """What the two protocols left behind, between which the ladder stands.

    `published` holds the unweighted predictions of all classifiers, validation and test, and
    `selection` the features of all training rows; `chosen`, `held_out` and `tested` are the
    corrected protocol's model and its predictions; `trivial` those of 'always positive'.
    """

    published: pd.DataFrame
    selection: pd.DataFrame
    chosen: str
    held_out: pd.DataFrame
    tested: pd.DataFrame
    trivial: pd.DataFrame


def climb(
    table: pd.DataFrame,
    protocols: Protocols,
    settings: Settings,
    aggregation: str,
    by_lesion: pd.DataFrame | None = None,
) -> list[Step]:
    """Make each correction in its turn; `table` is the published protocol's, as it was read.

    `by_lesion` is the corrected protocol's own table, where it is another: the same series, their
    features aggregated over lesions as `aggregation` (phenotype.aggregation) names. Where it is
    the same table `aggregation` is 'union', or 'table' for a finished one. A `table` with a column
    batch has one step more: harmonisation, after all corrections.
    """
    harmonised = BATCH in table
    table = table.drop(columns=BATCH, errors="ignore")
    last_table = table if by_lesion is None else by_lesion
    complete = table[measured(table)]
    headline = _headline(protocols.published)
    steps = [_published(protocols.published, headline)]
    if not (_enough(complete) and _enough(last_table[measured(last_table)])):
        end = Step(Correction.ALL, protocols.chosen, protocols.held_out, protocols.tested, PATIENT)
        return [*steps, replace(end, reason="too few measured scans for the steps between")]

    grouped = fit_folds(complete, headline, [UNWEIGHTED], _selected_once(protocols, settings))
    steps.append(_with(steps[-1], Correction.GROUPED, held_out=grouped.prediction_table()))
    steps.append(
        _with(
            steps[-1],
            Correction.ENSEMBLE,
            tested=_ensemble(complete, grouped, headline),
        )
    )
    steps += _of_features(steps[-1], complete, protocols, headline, settings)
    steps.append(_with(steps[-1], Correction.BY_PATIENT, unit=PATIENT))
    steps.append(_with(steps[-1], Correction.TRIVIAL, reason=_trivial(protocols)))
    steps.append(
        _of_model(steps[-1], Correction.CHOSEN, complete, _fit_inside, protocols.chosen, settings)
    )
    counted = _counted_by_mask(complete)
    steps.append(
        _with(
            steps[-1],
            Correction.COUNTED,
            made=NOT_APPLICABLE,
            reason="the count is the mask's own, or the table does not hold another",
        )
        if (counted[LESION_COUNT] == complete[LESION_COUNT]).all()
        else _of_model(
            steps[-1], Correction.COUNTED, counted, _fit_inside, protocols.chosen, settings
        )
    )
    steps.append(_of_lesions(steps[-1], complete, by_lesion, aggregation, settings))
    if by_lesion is not None:
        counted = _counted_by_mask(by_lesion[measured(by_lesion)])
    return steps + _last_steps(steps[-1], counted, last_table, protocols, settings, harmonised)


def _enough(table: pd.DataFrame) -> bool:
    """Tell whether every fold's training rows hold two patients of each stratum."""
    training = corrected.training_rows(table)
    for _, (inside, _) in folds_of(training):
        rows = training.iloc[inside]
        patients = patient_strata(rows).groupby(rows["patient"]).first()
        if patients.value_counts().reindex([0, 1], fill_value=0).min() < 2:
            return False
    return len(training) > 0


def tabulate(steps: list[Step], draws: int, seed: int) -> pd.DataFrame:
    """Score every step; one row a step, in order (`CORRECTIONS`)."""
    rows = []
    for number, step in enumerate(steps):
        facts = [number, step.correction, step.made, step.reason, step.model]
        scores = _cross_validated(step.held_out), _reversed(step, draws, seed)
        rows.append([*facts, *scores[0], *scores[1], *_tested(step, draws, seed)])
    return pd.DataFrame(rows, columns=CORRECTIONS.names)


def _of_lesions(
    last: Step,
    complete: pd.DataFrame,
    by_lesion: pd.DataFrame | None,
    aggregation: str,
    settings: Settings,
) -> Step:
    """Take features of lesions for those of their union; `complete` has the union's scans."""
    if by_lesion is None:
        icc = "tables/reproducibility.csv holds the ICC of each feature"
        return _with(
            last, Correction.OF_LESIONS, made=NO, reason=f"{UNION_ALONE[aggregation]}; {icc}"
        )
    if (by_lesion[LESION_COUNT] <= 1).all():
        reason = "no scan has more than one lesion"
        return _with(last, Correction.OF_LESIONS, made=NOT_APPLICABLE, reason=reason)
    aggregated = _counted_by_mask(by_lesion[measured(by_lesion)])
    step = _of_model(last, Correction.OF_LESIONS, aggregated, _fit_inside, last.model, settings)
    reasons = [f"phenotype.aggregation is {aggregation}"]
    # A union may have all features where a lesion by itself has not, and the other way round.
    if leaving := (~complete["series"].isin(aggregated["series"])).sum():
        reasons.append(f"without {leaving} series that lack a feature by lesion")
    if joining := (~aggregated["series"].isin(complete["series"])).sum():
        reasons.append(f"with {joining} series that lack a feature as a union")
    return replace(step, reason="; ".join(reasons))


def _last_steps(
    last: Step,
    counted: pd.DataFrame,
    table: pd.DataFrame,
    protocols: Protocols,
    settings: Settings,
    harmonised: bool,
) -> list[Step]:
    """Make the corrections after which the corrected protocol is complete.

    The last one that changes the table or its features ends at the corrected protocol itself.
    """
    unmeasured = not measured(table).all()
    one_voxel = corrected.prepared(table)
    other_voxel = len(one_voxel) < len(table)
    end = Step(Correction.ALL, protocols.chosen, protocols.held_out, protocols.tested, PATIENT)
    model = protocols.chosen
    tuned = _of_model(last, Correction.THRESHOLD, counted, _fit_tuned, model, settings)
    if not (unmeasured or other_voxel or harmonised):
        tuned = replace(end, correction=Correction.THRESHOLD)
    stated = _at_half(tuned)
    kept = _with(tuned, Correction.KEPT, made=NOT_APPLICABLE, reason="every scan has its features")
    if unmeasured:
        kept = (
            _of_model(tuned, Correction.KEPT, _counted_by_mask(table), _fit_tuned, model, settings)
            if other_voxel or harmonised
            else replace(end, correction=Correction.KEPT)
        )
    voxel = _with(
        kept, Correction.ONE_VOXEL, made=NOT_APPLICABLE, reason="no series is known to have another"
    )
    if other_voxel:
        voxel = (
            _of_model(kept, Correction.ONE_VOXEL, one_voxel, _fit_tuned, model, settings)
            if harmonised
            else replace(end, correction=Correction.ONE_VOXEL)
        )
        voxel = replace(voxel, reason=f"{len(table) - len(one_voxel)} series left out")
    steps = [stated, tuned, kept, voxel]
    if harmonised:
        steps.append(replace(end, correction=Correction.HARMONISED))
    segmentation = _with(
        steps[-1],
        Correction.OF_SEGMENTATION,
        made=NOT_APPLICABLE,
        reason="concerns segmentation, not classification",
    )
    return [*steps, segmentation]


def _with(step: Step, correction: Correction, **changes) -> Step:
    told: dict[str, Any] = {"made": YES, "reason": "", "reverse": None} | changes
    return replace(step, correction=correction, **told)


def _of_features(
    last: Step, table: pd.DataFrame, protocols: Protocols, headline: str, settings: Settings
) -> list[Step]:
    """Select inside the folds, standardise, and select by the corrected rule; one after the other.

    `last` is the state before all three. Each has what it changes in the reverse order.
    """
    alpha = float(protocols.selection["alpha"].iloc[0])

    def state(inside: bool, scaled: bool, reselected: bool) -> Step:
        source = None if inside else corrected.training_rows(table)

        def features_of(rows: pd.DataFrame) -> list[str]:
            seen = rows if source is None else source
            if not reselected and source is not None:
                return selected(protocols.selection, ALL_FOLDS)
            return selected(
                corrected.select_in(
                    seen, settings.target, settings.seed, ALL_FOLDS, settings.preparation
                )
                if reselected
                else published.select(seen, alpha),
                ALL_FOLDS,
            )

        def models_of(rows: pd.DataFrame, fold: int) -> dict[str, FoldModel]:
            scale = StandardScaler() if scaled else "passthrough"
            model = _published_model(rows, features_of(rows), headline, settings, scale)
            return {UNWEIGHTED: FoldModel(model, THRESHOLD, 1.0)}

        fitted = fit_folds(table, headline, [UNWEIGHTED], models_of)
        tested = _ensemble(table, fitted, headline)
        return replace(last, held_out=fitted.prediction_table(), tested=tested)

    forward = [state(True, False, False), state(True, True, False), state(True, True, True)]
    backward = [last, state(False, False, True), state(False, True, True), forward[-1]]
    names = (Correction.INSIDE, Correction.STANDARDISED, Correction.RESELECTED)
    pairs = [(backward[2], backward[3]), (backward[1], backward[2]), (backward[0], backward[1])]
    return [
        _with(step, name, reverse=pair)
        for step, name, pair in zip(forward, names, pairs, strict=True)
    ]


def _at_half(step: Step) -> Step:
    """Take the step before the operating point moved: the same probabilities, called at 0.5."""

    def at_half(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(threshold=THRESHOLD, predicted=called(rows["probability"]))

    held_out, tested = at_half(step.held_out), at_half(step.tested)
    return _with(step, Correction.SETTINGS, held_out=held_out, tested=tested)


def _headline(published: pd.DataFrame) -> str:
    """Name the model with the best test AUC, which is how the paper chose its headline."""
    tested = published[published["set"] == "test"]
    aucs = {
        name: auc(rows["label"], rows["probability"])
        for name, rows in tested.groupby("model", sort=False)
    }
    return max(
        aucs,
        key=lambda name: np.nan_to_num(aucs[name]),
        default=classifiers_of(Protocol.PUBLISHED)[0],
    )


def _published(published: pd.DataFrame, headline: str) -> Step:
    rows = published[published["model"] == headline]
    held_out, tested = (rows[rows["set"] == part] for part in ("validation", "test"))
    return Step(Correction.PUBLISHED, headline, held_out, tested, SERIES)


def _selected_once(protocols: Protocols, settings: Settings) -> Callable:
    features = selected(protocols.selection, ALL_FOLDS)
    headline = _headline(protocols.published)

    def models_of(rows: pd.DataFrame, fold: int) -> dict[str, FoldModel]:
        model = _published_model(rows, features, headline, settings, "passthrough")
        return {UNWEIGHTED: FoldModel(model, THRESHOLD, 1.0)}

    return models_of


def _fit_inside(table: pd.DataFrame, classifier: str, settings: Settings) -> Fit:
    """Select inside the folds as the corrected protocol does, for the classifier of the paper."""

    def models_of(rows: pd.DataFrame, fold: int) -> dict[str, FoldModel]:
        selection = corrected.select_in(
            rows, settings.target, settings.seed, fold, settings.preparation
        )
        features = selected(selection, fold)
        model = _published_model(rows, features, classifier, settings, StandardScaler())
        return {UNWEIGHTED: FoldModel(model, THRESHOLD, 1.0)}

    return fit_folds(table, classifier, [UNWEIGHTED], models_of)


def _fit_tuned(table: pd.DataFrame, classifier: str, settings: Settings) -> Fit:
    selection = corrected.select(table, settings.target, settings.seed, settings.preparation)
    return corrected.fit(table, selection, classifier, [UNWEIGHTED], settings)


def _published_model(rows, features, classifier, settings, scale) -> Pipeline:
    labels = rows["label"].to_numpy()
    model: ClassifierMixin = DummyClassifier(strategy="prior")
    # These rows have no missing feature, so that the filler's own columns would be constant.
    features = [name for name in features if name in FEATURES]
    if features and len(set(labels)) == 2:
        model = published_classifier(classifier, None, settings.trees, labels)
    columns = ColumnTransformer([("selected", scale, features)])
    return Pipeline([("scale", columns), ("classify", model)]).fit(rows, labels)


def _of_model(
    last: Step, correction: Correction, table: pd.DataFrame, fit: Callable, model: str, settings
) -> Step:
    """Fit the corrected protocol's classifier, the one that cross-validation chose."""
    fitted = fit(table, model, settings)
    return _with(
        last,
        correction,
        model=model,
        held_out=fitted.prediction_table(),
        tested=_ensemble(table, fitted, model),
    )


def _ensemble(table: pd.DataFrame, fitted: Fit, model: str) -> pd.DataFrame:
    return score_test(table, fitted.models[UNWEIGHTED], model, UNWEIGHTED)


def _counted_by_mask(table: pd.DataFrame) -> pd.DataFrame:
    return corrected.prepared(table.assign(voxel_mm=None))


def _trivial(protocols: Protocols) -> str:
    rows = protocols.trivial[protocols.trivial["model"] == ALWAYS_POSITIVE]
    if rows.empty:
        return ""
    once = study_draws(rows["study"].to_numpy(), 1, 0)
    scores = metrics_of_draws(once, Predictions.of(rows))
    return (
        f"always positive: accuracy {scores['accuracy'][0]:.2f}, F1 {scores['f1'][0]:.2f}, AUC 0.50"
    )


def _reversed(step: Step, draws: int, seed: int) -> list[float]:
    """Return what a step changes in both AUCs in the reverse order; NaN where it has no such."""
    if step.reverse is None:
        return [np.nan, np.nan]
    before, after = (
        np.array([_cross_validated(one.held_out)[0], _tested(one, draws, seed)[0]])
        for one in step.reverse
    )
    return list(after - before)


def _cross_validated(held_out: pd.DataFrame) -> list[float]:
    """Return the means over folds of METRICS; a fold of one class has no AUC."""
    folds = [
        (
            auc(rows["label"], rows["probability"]),
            _balanced(rows),
            f1(rows["label"], rows["probability"], rows["threshold"]),
            float((rows["label"] == rows["predicted"]).mean()),
        )
        for _, rows in held_out.groupby("fold")
    ]
    return list(pd.DataFrame(folds, columns=METRICS).mean())


def _balanced(rows: pd.DataFrame) -> float:
    """Return the mean of sensitivity and specificity; NaN for a single class."""
    right = rows["label"].eq(rows["predicted"]).groupby(rows["label"]).mean()
    return float(right.mean()) if len(right) == 2 else np.nan


def _tested(step: Step, draws: int, seed: int) -> list[float]:
    """Return mean, low, high and width of each metric of the test studies."""
    rows = step.tested.sort_values("series")
    if rows.empty:
        return [np.nan] * 4 * len(METRICS)
    studies, patients = rows["study"].to_numpy(), rows["patient"].to_numpy()
    if step.unit == SERIES:
        central = spread = published_draws(studies, draws)
    else:
        central = study_draws(studies, draws, seed)
        spread = patient_draws(patients, studies, draws, seed)
    found = estimates(rows.drop(columns="fold"), step.unit, central, spread)
    numbers = []
    for metric in METRICS:
        mean, low, high, _ = found[metric]
        numbers += [mean, low, high, high - low]
    return numbers
