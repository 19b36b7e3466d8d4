"""FROC: sensitivity against false positives per scan, over the threshold of lesion probability."""

from dataclasses import asdict

import pandas as pd

from livermet.contracts import TEXT, Column, Contract
from livermet.detection.cohort import INTERVAL, SET, SIZE, ScanSet
from livermet.detection.intervals import Draws, estimate
from livermet.detection.measured import RULE, THRESHOLD

SENSITIVITY, FALSE_POSITIVES = METRICS = ("sensitivity", "false_positives_per_scan")
CURVES = Contract(
    files=("tables/detection_froc.csv",),
    row="a coordinate of a point of the FROC curve of a set of scans",
    columns=(
        *SET,
        *SIZE,
        RULE,
        THRESHOLD,
        Column("metric", TEXT, "the coordinate", words=METRICS),
        *INTERVAL,
    ),
    key=("model", "cohort", "test_set", "rule", "threshold", "metric"),
)


def froc_table(sets: list[ScanSet], counts: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """Return sensitivity and false positives per scan at each threshold: `CURVES`.

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
                SENSITIVITY: of_scans.ratios(scans["detected_lesions"], scans["reference_lesions"]),
                FALSE_POSITIVES: of_scans.means(scans["false_positives"]),
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
    return pd.DataFrame(rows, columns=CURVES.names)
