"""The page that leads to the studies of new patients."""

from typing import Any

import pandas as pd

from livermet.pack.judged import PREDICTED


def index_rows(predictions: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what the page says of each study, in the order of a table of `PREDICTIONS`."""
    return [
        {
            "study": row.study,
            "lesions": f"{row.lesions}",
            "burden": f"{row.burden_ml:.1f}",
            "diameters": f"{row.diameters_mm:.0f}",
            "verdict": f"{row.probability:.2f} ({row.lowest:.2f} to {row.highest:.2f})"
            if row.verdict == PREDICTED
            else row.verdict,
        }
        for row in predictions.itertuples()
    ]
