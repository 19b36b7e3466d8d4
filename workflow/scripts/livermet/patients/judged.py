"""From the features of new scans to what a frozen classifier takes.

Features are aggregated as those that the classifier learnt from were (`phenotype.aggregation`), so
that a scan is judged by what it would have brought into the run that trained it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from livermet.phenotype.table import LESION_COUNT, RADIOMIC_FEATURES
from livermet.radiomics.aggregation import aggregate


def rows_to_judge(
    unions: pd.DataFrame,
    lesions: pd.DataFrame,
    studies: Mapping[str, str],
    aggregation: str,
    scans: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the features of some series, one row each, as `pack.phenotype.Phenotype.judge` asks.

    unions, lesions: radiomics' tables of these series, as text (`ledger.batches.read_batches`).
    studies: the study of each series. scans: detection's table of these series, if there is one,
    which knows how much liver is marked.
    """
    numbers = [*RADIOMIC_FEATURES, LESION_COUNT, "burden_ml"]
    rows = aggregate(
        _with_numbers(unions, numbers),
        _with_numbers(lesions, [*RADIOMIC_FEATURES, "volume_ml"]),
        aggregation,
    )
    # In one piece again, after a column at a time.
    rows = rows.copy().assign(study=rows["series"].map(studies))
    if scans is not None:
        liver_ml = scans.set_index("series")["predicted_liver_ml"].astype(float)
        rows["liver_ml"] = rows["series"].map(liver_ml)
    return rows


def _with_numbers(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    return table.assign(**table[list(columns)].replace("", np.nan).astype(float))
