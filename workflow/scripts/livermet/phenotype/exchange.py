"""Whole sequences of a patient's studies exchanged between patients: what chance would give.

A patient's studies are alike, so that labels or scores are not exchanged one by one.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd


def pools_of_patients(studies: pd.DataFrame) -> list[list[str]]:
    """Group patients by their number of studies; a count that one patient has joins its neighbour.

    `studies` has one row a study with its patient. Pools go from few studies to many; the last
    patient alone joins the pool before.
    """
    counts = studies.groupby("patient")["study"].nunique().sort_index().sort_values(kind="stable")
    pools: list[list[str]] = []
    for _, patients in counts.groupby(counts, sort=True):
        if pools and len(pools[-1]) < 2:
            pools[-1] += list(patients.index)
        else:
            pools.append(list(patients.index))
    if len(pools) > 1 and len(pools[-1]) < 2:
        pools[-2:] = [pools[-2] + pools[-1]]
    return pools


def exchanged(
    studies: pd.DataFrame, generators: Iterable[np.random.Generator]
) -> Iterator[np.ndarray]:
    """Yield, for each generator, which row's values each row of `studies` gets.

    `studies` has one row a study with its patient. A patient's rows are a sequence in their order.
    In each pool the sequences are laid end to end in random order of the patients and dealt out
    again by each patient's number of studies. With equal numbers, whole sequences change hands; in
    a pool of neighbouring numbers a sequence may be cut, and none is lost.
    """
    patients = studies["patient"].to_numpy()
    pools = [
        [np.flatnonzero(patients == patient) for patient in pool]
        for pool in pools_of_patients(studies)
    ]
    for generator in generators:
        gets = np.arange(len(studies))
        for places in pools:
            givers = [places[giver] for giver in generator.permutation(len(places))]
            gets[np.concatenate(places)] = np.concatenate(givers)
        yield gets


def permuted(table: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """Exchange whole sequences of scores and classes (a patient's studies by name) in a table."""
    studies = table.drop_duplicates("study").sort_values("study").reset_index(drop=True)
    (gets,) = exchanged(studies, [generator])
    drawn = studies.loc[gets, ["score", "label"]].set_axis(studies["study"])
    return table.assign(**{name: table["study"].map(drawn[name]) for name in ("score", "label")})
