"""Evidence of how models were made: candidates, selection, fitting, tuning, choice, thresholds."""

import pandas as pd

from livermet.models import CLASSIFIERS
from livermet.phenotype.table import FEATURES
from livermet.report import words
from livermet.report.classification.content import choice_words, outcome_sentences
from livermet.report.evidence.form import (
    DONE,
    MANIFEST,
    METHODS,
    NOT_APPLICABLE,
    NOT_DONE,
    PARTLY,
    Evidence,
    by_protocol,
    csv,
    lacking,
    mask_of,
    of_table,
    sentences,
    version,
)
from livermet.report.features.content import selection_sentences
from livermet.report.run import Run
from livermet.vocabulary import Protocol


def other_predictors(run: Run) -> Evidence:
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


def candidates(run: Run) -> Evidence:
    """Say which predictors a model may choose from."""
    return Evidence(
        DONE,
        f"All {len(FEATURES)} features stand for choice; none is left out before selection.",
        (METHODS,),
    )


def scaling(run: Run) -> Evidence:
    """Say how features are scaled under each protocol."""
    how = by_protocol(
        run,
        published="Published: features enter unscaled.",
        corrected="Corrected: each feature to mean 0 and standard deviation 1 of the fold's "
        "training series, which then scale held-out and test series.",
    )
    return Evidence(
        DONE if run.ran(Protocol.CORRECTED) else NOT_DONE,
        sentences(how, run.phrases["harmonisation_rule"]),
        (METHODS,),
    )


@of_table("selection_summary", "selected features")
def selection(run: Run, table: pd.DataFrame) -> Evidence:
    """Say how features are selected and how many were."""
    how = {
        "published": f"published, LASSO on the score, alpha {run.settings['lasso_alpha']:g}, on "
        "all training series",
        "corrected": "corrected, of features that say nearly the same one is kept, then LASSO on "
        f"the {run.settings['lasso_target']}, alpha by inner folds, inside each fold",
    }
    found = [
        f"{how[row.protocol]}: "
        + (f"{row.features_min} to " if row.features_min < row.features_max else "")
        + words.counted(row.features_max, "feature")
        for row in table.itertuples()
    ]
    return Evidence(
        DONE,
        sentences(f"{words.capital('; '.join(found))}.", *selection_sentences(run)),
        ("report.html#figure4_features", csv("selection_summary"), METHODS),
    )


def algorithms(run: Run) -> Evidence:
    """Name the classifiers, their libraries and the ensemble."""
    return Evidence(
        DONE,
        f"{words.capital(_classifiers())} (linear base learners; forests of "
        f"{run.settings['trees']:,} trees), by {version(run, 'scikit-learn')} and "
        f"{version(run, 'xgboost')}. {_ensemble(run)}",
        (METHODS, "report.html#versions"),
    )


def _classifiers() -> str:
    return words.listed(map(words.model, CLASSIFIERS))


def _ensemble(run: Run) -> str:
    """Say how many models of a classifier score the test series."""
    return by_protocol(
        run,
        published="Published: one model of all training series.",
        corrected=f"Corrected: the mean probability of {run.settings['folds']} models, one a fold.",
    )


def tuning(run: Run) -> Evidence:
    """Say what is tuned and on what."""
    how = by_protocol(
        run,
        published="Published: the article's settings of the classifiers, none tuned anew.",
        corrected="Corrected: alpha, class weights and threshold by inner folds of whole "
        "patients; the classifiers' own settings are fixed.",
    )
    networks = (
        f"Networks: {words.listed(map(words.model, run.settings['models']))}, their settings in "
        "the manifest."
        if run.settings["models"]
        else ""
    )
    return Evidence(
        DONE,
        sentences(how, f"Class weights. {run.phrases['weight_rule']}", networks),
        (METHODS, MANIFEST),
    )


def model_building(run: Run) -> Evidence:
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


def model_choice(run: Run) -> Evidence:
    """Name the model that cross-validation chose; the test set has no part in it."""
    if not run.ran(Protocol.CORRECTED):
        return Evidence(
            PARTLY,
            "The published protocol scores every model on the test set and states no rule of "
            "choice; the page names the one with the highest cross-validated AUC.",
            ("report.html#classification",),
        )
    choice = run.chosen.get(Protocol.CORRECTED)
    if choice is None:
        return lacking(run, "cross-validated scores")
    return Evidence(
        DONE,
        sentences(
            f"{words.capital(choice_words(choice))}. {words.capital(_classifiers())} stood for "
            "choice, without class weights; the test set has no part in it.",
            *outcome_sentences(run),
        ),
        ("report.html#classification", csv("tableS2_cross_validation")),
    )


def threshold(run: Run) -> Evidence:
    """Say what a model gives and above which probability it calls positive."""
    tuned = (
        "The tuned threshold has the highest sensitivity + specificity in the inner folds; test "
        "series take the mean over folds."
        if run.ran(Protocol.CORRECTED)
        else ""
    )
    return Evidence(
        DONE,
        sentences(f"A probability and a class; {run.phrases['call_rule']}", tuned),
        (METHODS,),
    )


def prediction_calculation(run: Run) -> Evidence:
    """Say how test predictions come from the fitted models."""
    return Evidence(
        DONE,
        f"Test series are scored by the fitted models. {_ensemble(run)} The models are stored.",
        (f"phenotype/{mask_of(run)}/", METHODS),
    )


def model_files(run: Run) -> Evidence:
    """Point to the fitted models; to publish them is the authors' decision."""
    return Evidence(
        PARTLY,
        "The fitted classifiers are stored (models.joblib, scikit-learn pipelines)"
        + (", and so are the networks" if run.settings["models"] else "")
        + "; 'livermet pack' makes a folder of them that predicts elsewhere. To publish them is "
        "for the authors.",
        (f"phenotype/{mask_of(run)}/",),
    )


def ready_system(run: Run) -> Evidence:
    """Say that nothing ready to use is made."""
    return Evidence(
        NOT_DONE,
        "The run makes no program of its own for new patients; new scans go through the workflow.",
    )


def updating(run: Run) -> Evidence:
    """Say that no model is changed after its test."""
    return Evidence(NOT_APPLICABLE, "No model was recalibrated or changed after it was tested.")


def end_to_end(run: Run) -> Evidence:
    """Say that no network goes from image to class."""
    return Evidence(NOT_APPLICABLE, "No network goes from the image straight to the class.")
