"""The leakage audit: which patient each model of each fold has seen, for every task.

The leak that it looks for is a patient who trained a model and is scored by that same model.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from livermet.cohort.matching import TEST

COLUMNS = ["patient", "cohort", "place", "task", "model", "fold", "role"]
STALE_COLUMNS = ["model", "fold", "series", "file", "state"]


def audit_roles(
    splits: pd.DataFrame, task: str, model: str, fold: str, trained: Iterable[str]
) -> pd.DataFrame:
    """Return every patient's role towards one trained model.

    `splits` is the ledger's (patient, cohort, place); `trained` names the patients whose data
    changed the model's weights, those of the models that it was fine-tuned from included. `fold`
    is the model's fold, '' for a model that has none. The role is 'train' for these, 'test' for
    test patients, 'held_out' for the fold's own patients and 'unseen' for all others.
    Returns the columns of `COLUMNS`.
    """
    trained = set(trained)
    place = splits["place"]
    role = pd.Series("unseen", index=splits.index)
    role = role.mask(place == str(fold), "held_out").mask(place == TEST, "test")
    role = role.mask(splits["patient"].isin(trained), "train")
    table = splits[["patient", "cohort", "place"]].assign(task=task, model=model, fold=str(fold))
    return table.assign(role=role)[COLUMNS]


def leaks(audit: pd.DataFrame) -> list[str]:
    """Name each patient on both sides of a split, one sentence each; none is a clean audit."""
    training = audit[audit["role"] == "train"]
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


def stale_cases(
    recorded: Mapping[str, Mapping[str, str]], current: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """Compare the checksums that a model was trained on with those of the files there are now.

    Both map a series to {file kind: checksum}; a series or file that is gone is 'withdrawn', one
    with another checksum 'changed'. Returns columns series, file, state.
    """
    rows = []
    for series, files in recorded.items():
        for kind, checksum in files.items():
            now = current.get(series, {}).get(kind)
            if now is None:
                rows.append({"series": series, "file": kind, "state": "withdrawn"})
            elif now != checksum:
                rows.append({"series": series, "file": kind, "state": "changed"})
    return pd.DataFrame(rows, columns=["series", "file", "state"])
