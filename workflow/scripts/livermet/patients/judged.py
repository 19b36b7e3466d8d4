"""From the features of new scans to what a frozen classifier takes.

Features are aggregated as those that the classifier learnt from were (`phenotype.aggregation`), so
that a scan is judged by what it would have brought into the run that trained it. Beside them stands
what may say that there is nothing to judge: how much liver is marked, and the scan's lowest value.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from livermet.cohort.scan_list import reference_liver_ml
from livermet.phenotype.table import LESION_COUNT, RADIOMIC_FEATURES
from livermet.radiomics.aggregation import aggregate


def rows_to_judge(
    unions: pd.DataFrame,
    lesions: pd.DataFrame,
    studies: Mapping[str, str],
    aggregation: str,
    acquisition: pd.DataFrame,
    scans: pd.DataFrame | None,
) -> pd.DataFrame:
    """Return the features of some series, one row each, as `pack.phenotype.Phenotype.judge` asks.

    unions, lesions: radiomics' tables of these series, as text (`ledger.batches.read_batches`).
    studies: the study of each series. acquisition: `ingest.acquisition.ACQUISITION`. scans:
    detection's table of these series, as text, which knows how much liver a model marks; None where
    the masks are references, which ingest has counted.
    """
    numbers = [*RADIOMIC_FEATURES, LESION_COUNT, "burden_ml"]
    rows = aggregate(
        _with_numbers(unions, numbers),
        _with_numbers(lesions, [*RADIOMIC_FEATURES, "volume_ml"]),
        aggregation,
    )
    # In one piece again, after a column at a time.
    rows, recorded = rows.copy(), acquisition.set_index("series")
    return rows.assign(
        study=rows["series"].map(studies),
        minimum_hu=rows["series"].map(recorded["minimum_hu"]),
        liver_ml=rows["series"].map(
            recorded.apply(reference_liver_ml, axis=1)
            if scans is None
            else scans.set_index("series")["predicted_liver_ml"].astype(float)
        ),
    )


def _with_numbers(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    return table.assign(**table[list(columns)].replace("", np.nan).astype(float))
