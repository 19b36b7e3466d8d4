"""The leakage audit: which patient each model of each fold has seen, for every task.

The leak that it looks for is a patient who trained a model and is scored by that same model.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from livermet.cohort.matching import CLASSIFICATION, SEGMENTATION, TEST, TRAIN
from livermet.contracts import PATIENT, SERIES, TEXT, Column, Contract

HELD_OUT, UNSEEN = "held_out", "unseen"
WITHDRAWN, CHANGED = "withdrawn", "changed"
AUDIT = Contract(
    files=("provenance/leakage_audit.tsv",),
    row="a patient and a trained model of one fold",
    columns=(
        PATIENT,
        Column("cohort", TEXT, "name of the cohort", missing="where no cohort is told"),
        Column("place", TEXT, "place of the patient: test or the number of a fold"),
        Column("task", TEXT, "what the model has learned", words=(SEGMENTATION, CLASSIFICATION)),
        Column("model", TEXT, "the network, or the protocol of the classifiers"),
        Column("fold", TEXT, "fold of the model", missing="where the model has none"),
        Column(
            "role",
            TEXT,
            "what the patient is to the model: train (its weights saw the patient), held_out (of "
            "its own fold), test (a test patient), unseen (any other)",
            words=(TRAIN, HELD_OUT, TEST, UNSEEN),
        ),
    ),
    key=("patient", "task", "model", "fold"),
)


def audit_roles(
    splits: pd.DataFrame, task: str, model: str, fold: str, trained: Iterable[str]
) -> pd.DataFrame:
    """Return every patient's role towards one trained model.

    `splits` is the ledger's (patient, cohort, place); `trained` names the patients whose data
    changed the model's weights, those of the models that it was fine-tuned from included. `fold`
    is the model's fold, '' for a model that has none. The role is 'train' for these, 'test' for
    test patients, 'held_out' for the fold's own patients and 'unseen' for all others.
    Returns `AUDIT`.
    """
    trained = set(trained)
    place = splits["place"]
    role = pd.Series(UNSEEN, index=splits.index)
    role = role.mask(place == str(fold), HELD_OUT).mask(place == TEST, TEST)
    role = role.mask(splits["patient"].isin(trained), TRAIN)
    table = splits[["patient", "cohort", "place"]].assign(task=task, model=model, fold=str(fold))
    return table.assign(role=role)[AUDIT.names]


def leaks(audit: pd.DataFrame) -> list[str]:
    """Name each patient on both sides of a split, one sentence each; none is a clean audit."""
    training = audit[audit["role"] == TRAIN]
    leaking = training[(training["place"] == TEST) | (training["place"] == training["fold"])]
    return [
        f"Patient '{row.patient}' (cohort {row.cohort}) has the place '{row.place}' and trained "
        f"the {row.task} model {row.model}{f', fold {row.fold}' if row.fold else ''}; mend the "
        "training set in the ledger, or train anew under the name of a new set."
        for row in leaking.itertuples()
    ]


def classification_training(features: pd.DataFrame) -> dict[str, list[str]]:
    """Name the patients that train the classifier of each fold, by a feature table.

    The table has the columns unique_pt, Group ('test', or anything else for training) and Fold (as
    text, missing for test patients), as radiomics writes them. Maps a fold to those it trains on.
    """
    training = features[features["Group"] != TEST]
    folds = sorted(training["Fold"].dropna().unique())
    return {
        fold: sorted(training.loc[training["Fold"] != fold, "unique_pt"].unique()) for fold in folds
    }


def classification_splits(features: pd.DataFrame) -> pd.DataFrame:
    """Return the places (patient, cohort, place) that a feature table states, one row a patient.

    A run that begins with a feature table has no ledger to hold its folds against.
    """
    table = features.drop_duplicates("unique_pt")
    place = table["Fold"].where(table["Group"] != TEST, TEST)
    return pd.DataFrame({"patient": table["unique_pt"], "cohort": "", "place": place})


STALE = Contract(
    files=("provenance/stale_models.tsv",),
    row="a file that a model was trained on and that has changed since, or is no longer there",
    columns=(
        Column("model", TEXT, "name of the network"),
        Column("fold", TEXT, "fold of the network"),
        SERIES,
        Column("file", TEXT, "what the file holds: ct or reference"),
        Column("state", TEXT, "what has become of the file", words=(CHANGED, WITHDRAWN)),
    ),
    key=("model", "fold", "series", "file"),
)


def stale_cases(
    recorded: Mapping[str, Mapping[str, str]], current: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """Compare the checksums that a model was trained on with those of the files there are now.

    Both map a series to {file kind: checksum}; a series or file that is gone is 'withdrawn', one
    with another checksum 'changed'. Returns `STALE` without model and fold.
    """
    rows = []
    for series, files in recorded.items():
        for kind, checksum in files.items():
            now = current.get(series, {}).get(kind)
            if now is None:
                rows.append({"series": series, "file": kind, "state": WITHDRAWN})
            elif now != checksum:
                rows.append({"series": series, "file": kind, "state": CHANGED})
    return pd.DataFrame(rows, columns=STALE.names[2:])
