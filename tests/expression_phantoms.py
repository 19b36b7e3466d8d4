"""Phantoms of expression: centroids, gene sets and tables whose scores can be told in advance."""

from pathlib import Path

import numpy as np
import pandas as pd

NE = [f"NEG{number}" for number in range(1, 11)]
OTHER = [f"OTH{number}" for number in range(1, 11)]
GENES = [*NE, *OTHER]


def centroids() -> pd.DataFrame:
    """Ten genes of each side, high on their own; the other side is one centroid turned around."""
    high, low = 8.0 + np.arange(10) / 10, 2.0 + np.arange(10) / 10
    columns = {"ne": np.r_[high, low], "non_ne": np.r_[low, high]}
    return pd.DataFrame(columns, index=pd.Index(GENES, name="gene"))


def expression(positive: dict[str, bool], seed: int = 3) -> pd.DataFrame:
    """TPM of samples that lie near one of the centroids, beside 5,100 other genes.

    Each sample has its own noise, whatever samples stand beside it, and sums to a million.
    """
    columns = {}
    for name, is_positive in positive.items():
        random = np.random.default_rng([seed, *name.encode()])
        side = centroids()["ne" if is_positive else "non_ne"]
        signature = 2 ** (side + random.normal(0, 0.3, len(side)))
        others = np.round(random.lognormal(1, 2, 5100))
        values = np.r_[signature, others * (1e6 - signature.sum()) / others.sum()]
        columns[name] = np.round(values, 3)
    return pd.DataFrame(columns, index=pd.Index([*GENES, *background()], name="gene"))


def background() -> list[str]:
    return [f"B{number}" for number in range(5100)]


def gene_set() -> pd.DataFrame:
    sides = {gene: "ne" for gene in NE} | {gene: "non_ne" for gene in OTHER}
    rows = sides | {gene: "background" for gene in background()}
    return pd.DataFrame({"set": rows.values()}, index=pd.Index(list(rows), name="gene"))


def write(table: pd.DataFrame, path: Path) -> Path:
    """Write a table with its index; commas for .csv, tabs otherwise."""
    table.to_csv(path, sep="," if path.name.removesuffix(".gz").endswith(".csv") else "\t")
    return path
