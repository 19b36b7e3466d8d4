"""The rules and checks that the page prints: how scores were made, and what could spoil them."""

from collections.abc import Iterable

import pandas as pd

from livermet.cohort.facts import kinds_of_classified
from livermet.provenance.leakage import leaks
from livermet.report import words
from livermet.report.page import Table, plain_table, with_views
from livermet.report.phrases import MONAI_MODELS
from livermet.report.run import Run
from livermet.vocabulary import Protocol

GIVEN_MASKS = "The masks were given (segmentation.source: reference); no model predicted."


def rules(run: Run) -> list[str]:
    """Say how the run's scores are made."""
    named = run.phrases
    told = [
        "A patient has studies (CT dates) and a study has series (reconstructed volumes). A "
        "patient has one place, test or one fold, for every task and every model.",
    ]
    if run.entry == "scans":
        told += [
            named["matching_rule"],
            named["empty_rule"],
            *_prediction_rules(run.tables["table3_segmentation"]),
            *kinds_of_masks(run.tables["facts"]),
        ]
    return [
        *told,
        named["feature_rule"],
        named["intervals_told"],
        named["validation_told"],
        f"{named['class_rule']}; {named['call_rule']}",
        named["harmonisation_rule"],
        f"A dash ({words.MISSING}) stands where there is nothing to measure.",
    ]


def _prediction_rules(segmentation: pd.DataFrame) -> list[str]:
    """Say which networks predict a scan."""
    models = set(segmentation["model"])
    told = []
    if models - set(MONAI_MODELS):
        told.append(
            "nnU-Net: scans of patients that a model never saw are predicted by all its networks "
            "together (ensemble), scans of its training patients by the network whose fold left "
            "them out."
        )
    if single := [words.model(name) for name in MONAI_MODELS if name in models]:
        told.append(
            f"{' and '.join(single)}: one network each; scans of its training and validation "
            "patients are not predicted."
        )
    return told


def kinds_of_masks(facts: pd.DataFrame) -> list[str]:
    """Say where training and test features differ by how many networks made their masks."""
    kinds = kinds_of_classified(facts)
    train, test = kinds["train"], kinds["test"]
    if not (train.get("out_of_fold", 0) and test.get("ensemble", 0)):
        return []
    return [
        f"Of {sum(train.values())} classified training series {train['out_of_fold']} have "
        f"their features from the mask of one network; of {sum(test.values())} test series "
        f"{test['ensemble']} have theirs from the mask of several. Their features may differ "
        "by that alone."
    ]


def missing_results(facts: pd.DataFrame, masked: Iterable[str]) -> list[str]:
    """Say which series that the study has a mask of lack a burden among its facts.

    `masked` are the target cohort's series that the run has a mask of. A series without a lesion
    has a burden of 0.
    """
    burden = facts.set_index("series")["burden_ml"]
    return [
        f"Series '{name}' is in the sheet of series and has no measured mask, so that the report "
        "would be written without it; run snakemake again, or take its row out of the sheet."
        for name in masked
        if pd.isna(burden.get(name))
    ]


def checks(run: Run) -> list[str]:
    """Say what the leakage audit found, and which models' training cases have changed since."""
    changed = changed_cases(run)
    told = [leakage(run.tables["leakage_audit"])]
    if run.phrases["pretrained_told"]:
        told.append(run.phrases["pretrained_told"])
    if run.ran(Protocol.PUBLISHED):
        told.append(
            "The published protocol's own cross-validation splits series and not patients, as the "
            "paper's does (table S2); the audit does not cover it."
        )
    told += changed
    if not changed and run.entry == "scans":
        told.append("Training cases: every model's cases are still those that it was trained on.")
    if run.entry == "masks":
        told.append(GIVEN_MASKS)
    return told


def leakage(audit: pd.DataFrame) -> str:
    """Say whether any patient trained a model that scores the patient."""
    networks = audit[["task", "model", "fold"]].drop_duplicates()
    outcome = " ".join(leaks(audit)) or "no patient is on both sides of any of the ledger's splits."
    return (
        f"Leakage audit: {words.counted(audit['patient'].nunique(), 'patient')} against "
        f"{words.counted(len(networks), 'trained model')}; {outcome}"
    )


def changed_cases(run: Run) -> list[str]:
    """Name the models whose training cases have changed, if there are any."""
    stale = run.table("stale_models")
    if stale is None:
        return []
    by_model = stale.groupby("model")["series"].nunique()
    listed = ", ".join(f"{words.model(name)} ({count} cases)" for name, count in by_model.items())
    return [
        "Training cases have changed or been withdrawn since these models were trained: "
        f"{listed}. Their results stand for the old cases; name a new training set to retrain."
    ]


def stale_table(run: Run) -> Table | None:
    """List the training cases that have changed, or nothing."""
    stale = run.table("stale_models")
    if stale is None:
        return None
    table = plain_table(
        "stale_cases",
        "Training cases that have changed",
        "Cases whose files differ from, or no longer are, those that the model was trained on.",
        # The folds of a model share their cases.
        stale[["model", "series", "file", "state"]].drop_duplicates(),
    )
    return with_views(table, run.settings["viewed"])
