"""FROC: sensitivity against false positives per scan, over the threshold of lesion probability."""

from dataclasses import asdict

import pandas as pd

from livermet.detection.cohort import INTERVAL, SET_COLUMNS, ScanSet
from livermet.detection.intervals import Draws, estimate

COLUMNS = (*SET_COLUMNS, "patients", "scans", "rule", "threshold", "metric", *INTERVAL)


def froc_table(sets: list[ScanSet], counts: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """Return sensitivity and false positives per scan at each threshold: COLUMNS.

    `counts` are those of all models' scans; the sets' scans have references.
    """
    rows = []
    for chosen in sets:
        own, places = chosen.members(counts)
        drawn = Draws.of(chosen.scans["patient"], draws, seed)
        own = own.assign(place=places)
        for (rule, threshold), scans in own.groupby(["rule", "threshold"], sort=False):
            of_scans = drawn.of_rows(scans["place"].to_numpy())
            found = {
                "sensitivity": of_scans.ratios(
                    scans["detected_lesions"], scans["reference_lesions"]
                ),
                "false_positives_per_scan": of_scans.means(scans["false_positives"]),
            }
            rows += [
                {
                    **chosen.names,
                    **chosen.sizes,
                    "rule": rule,
                    "threshold": threshold,
                    "metric": metric,
                    **asdict(estimate(values)),
                }
                for metric, values in found.items()
            ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
