"""Evidence of how models were made: candidates, selection, fitting, tuning, choice, thresholds."""

import pandas as pd

from livermet.models import CLASSIFIERS
from livermet.phenotype.table import FEATURES
from livermet.report import words
from livermet.report.evidence.artifacts import (
    DONE,
    METHODS,
    NOT_APPLICABLE,
    NOT_DONE,
    PARTLY,
    Artifacts,
    Evidence,
    choice_of,
    csv,
    lacking,
    sentences,
)
from livermet.report.phrases import harmonised_by
from livermet.vocabulary import Protocol


def other_predictors(run: Artifacts) -> Evidence:
    """Name what is no radiomic feature: the count of lesions, and the baselines' volume."""
    beside = (
        " Tumour volume and that count alone are the baselines."
        if run.table("baselines") is not None
        else ""
    )
    return Evidence(
        DONE,
        "The number of lesions is the one candidate that is no radiomic feature; no clinical or "
        f"laboratory value enters a model.{beside}",
        (METHODS,),
    )


def candidates(run: Artifacts) -> Evidence:
    """Say which predictors a model may choose from."""
    return Evidence(
        DONE,
        f"All {len(FEATURES)} features stand for choice; none is left out before selection.",
        (METHODS,),
    )


def scaling(run: Artifacts) -> Evidence:
    """Say how features are scaled under each protocol."""
    how = {
        "published": "Published: features enter unscaled.",
        "corrected": "Corrected: each feature to mean 0 and standard deviation 1 of the fold's "
        "training series, which then scale held-out and test series.",
    }
    if run.settings["harmonisation"]["by"]:
        by = harmonised_by(run.settings["harmonisation"])
        how["corrected"] += f" ComBat by {by}, from the same training series, comes before."
    return Evidence(
        DONE if run.ran(Protocol.CORRECTED) else NOT_DONE,
        sentences(*(how[name] for name in run.settings["protocols"])),
        (METHODS,),
    )


def selection(run: Artifacts) -> Evidence:
    """Say how features are selected and how many were."""
    table = run.table("selection_summary")
    if table is None:
        return lacking(run, "selected features")
    how = {
        "published": f"published, LASSO on the score, alpha {run.settings['lasso_alpha']:g}, on "
        "all training series",
        "corrected": "corrected, of features that say nearly the same one is kept, then LASSO on "
        f"the {run.settings['lasso_target']}, alpha by inner folds, inside each fold",
    }
    found = [f"{how[row['protocol']]}: {_selected(row)}" for _, row in table.iterrows()]
    text = "; ".join(found)
    return Evidence(
        DONE,
        f"{words.capital(text)}.",
        ("report.html#figure4_features", csv("selection_summary"), METHODS),
    )


def _selected(row: pd.Series) -> str:
    low, high = int(row["features_min"]), int(row["features_max"])
    if low == high:
        return f"{low} features"
    empty = f", none in {int(row['empty_fits'])}" if row["empty_fits"] else ""
    return f"{low} to {high} features in {int(row['fits'])} fits{empty}"


def algorithms(run: Artifacts) -> Evidence:
    """Name the classifiers, their libraries and the ensemble."""
    names = words.listed(words.model(name) for name in CLASSIFIERS)
    ensemble = {
        "published": "Published: one model of all training series.",
        "corrected": f"Corrected: the mean probability of {run.settings['folds']} models, one a "
        "fold.",
    }
    return Evidence(
        DONE,
        sentences(
            f"{words.capital(names)} (linear base learners; forests of "
            f"{run.settings['trees']:,} trees), by {run.version('scikit-learn')} and "
            f"{run.version('xgboost')}.",
            *(ensemble[name] for name in run.settings["protocols"]),
        ),
        (METHODS, "report.html#versions"),
    )


def tuning(run: Artifacts) -> Evidence:
    """Say what is tuned and on what."""
    how = {
        "published": "Published: the article's settings, none tuned anew"
        + (
            " but the class weights."
            if run.settings["published_weights"] == "searched"
            else ", its printed class weights included."
        ),
        "corrected": "Corrected: alpha, class weights and threshold by inner folds of whole "
        "patients; the classifiers' own settings are fixed.",
    }
    networks = (
        f"Networks: {words.listed(map(words.model, run.settings['models']))}, their settings in "
        "the manifest."
        if run.settings["models"]
        else ""
    )
    return Evidence(
        DONE,
        sentences(*(how[name] for name in run.settings["protocols"]), networks),
        (METHODS, "manifest.json"),
    )


def model_building(run: Artifacts) -> Evidence:
    """Put algorithms, tuning and internal validation together; why these is for the authors."""
    return Evidence(
        PARTLY,
        sentences(
            algorithms(run).what,
            tuning(run).what,
            "Why these types of model is for the authors.",
        ),
        (METHODS,),
    )


def model_choice(run: Artifacts) -> Evidence:
    """Name the model that cross-validation chose; the test set has no part in it."""
    if not run.ran(Protocol.CORRECTED):
        return Evidence(
            PARTLY,
            "The published protocol scores every model on the test set and states no rule of "
            "choice; the page names the one with the highest cross-validated AUC.",
            ("report.html#results",),
        )
    choice = choice_of(run, Protocol.CORRECTED)
    if choice is None:
        return lacking(run, "cross-validated scores")
    return Evidence(
        DONE,
        f"Of {words.listed(words.model(name) for name in CLASSIFIERS)} the one with the highest "
        f"mean AUC over folds: {words.choice(choice)} ({words.number(choice.auc)}). The test set "
        "has no part in the choice.",
        ("report.html#results", csv("tableS2_cross_validation")),
    )


def threshold(run: Artifacts) -> Evidence:
    """Say what a model gives and above which probability it calls positive."""
    how = {
        "published": "published: positive above 0.5",
        "corrected": "corrected: above the threshold with the highest sensitivity + specificity "
        "in the inner folds, the mean over folds for test series",
    }
    protocols = run.settings["protocols"]
    return Evidence(
        DONE,
        f"A probability and a class; {'; '.join(how[name] for name in protocols)}.",
        (METHODS,),
    )


def prediction_calculation(run: Artifacts) -> Evidence:
    """Say how test predictions come from the fitted models."""
    how = {
        "published": "published, by the one model of all training series",
        "corrected": f"corrected, the mean probability of the {run.settings['folds']} fold models",
    }
    protocols = run.settings["protocols"]
    return Evidence(
        DONE,
        f"Test series: {'; '.join(how[name] for name in protocols)}. The models are stored.",
        (f"phenotype/{_mask(run)}/", METHODS),
    )


def model_files(run: Artifacts) -> Evidence:
    """Point to the fitted models; to publish them is the authors' decision."""
    return Evidence(
        PARTLY,
        "The fitted classifiers are stored (models.joblib, scikit-learn pipelines)"
        + (", and so are the networks" if run.settings["models"] else "")
        + "; to publish them is for the authors.",
        (f"phenotype/{_mask(run)}/",),
    )


def _mask(run: Artifacts) -> str:
    return {"table": "table", "masks": "reference"}.get(run.entry, run.settings["final_model"])


def ready_system(run: Artifacts) -> Evidence:
    """Say that nothing ready to use is made."""
    return Evidence(
        NOT_DONE,
        "The run makes no program of its own for new patients; new scans go through the workflow.",
    )


def updating(run: Artifacts) -> Evidence:
    """Say that no model is changed after its test."""
    return Evidence(NOT_APPLICABLE, "No model was recalibrated or changed after it was tested.")


def end_to_end(run: Artifacts) -> Evidence:
    """Say that no network goes from image to class."""
    return Evidence(NOT_APPLICABLE, "No network goes from the image straight to the class.")
