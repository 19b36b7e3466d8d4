"""New scans are judged by the features that they would have brought into a run's own table."""

import numpy as np
import pandas as pd
import pytest

from livermet.patients.judged import rows_to_judge
from livermet.phenotype.table import FEATURES, LESION_COUNT, RADIOMIC_FEATURES

VOLUME = "original_shape_MeshVolume"


def texts(rows: list[dict]) -> pd.DataFrame:
    """Rows of radiomics as `read_batches` gives them; features that are not told are 1."""
    table = pd.DataFrame([dict.fromkeys(RADIOMIC_FEATURES, 1) | row for row in rows])
    return table.astype(str).replace("None", "")


UNIONS = texts(
    [
        {"series": "a", "voxel_mm": "(1, 1, 1)", LESION_COUNT: 2, "burden_ml": 4.0, "reason": ""},
        dict.fromkeys(RADIOMIC_FEATURES)
        | {
            "series": "b",
            "voxel_mm": "",
            LESION_COUNT: 0,
            "burden_ml": 0.0,
            "reason": "no lesions",
        },
    ]
)
LESIONS = texts(
    [
        {"series": "a", "lesion": 1, "volume_ml": 3, VOLUME: 30, "voxel_mm": "v", "reason": ""},
        {"series": "a", "lesion": 2, "volume_ml": 1, VOLUME: 10, "voxel_mm": "v", "reason": ""},
    ]
)
STUDIES = {"a": "p_20200101", "b": "q_20200101"}
# Voxels of 0.002 ml; of b nobody has drawn anything.
ACQUISITION = pd.DataFrame(
    {
        "series": ["b", "c", "a"],
        "spacing_mm": "1.0; 1.0; 2.0",
        "minimum_hu": [0, -1000, -1024],
        "reference_voxels_liver": [None, 5, 500_000],
        "reference_voxels_lesion": [None, 5, 250_000],
    }
)
SCANS = pd.DataFrame({"series": ["b", "a"], "predicted_liver_ml": ["0.0", "1500.5"]})


def judged_rows(aggregation: str, scans: pd.DataFrame | None = SCANS) -> pd.DataFrame:
    rows = rows_to_judge(UNIONS, LESIONS, STUDIES, aggregation, ACQUISITION, scans)
    return rows.set_index("series")


@pytest.mark.parametrize(
    ("aggregation", "volume"),
    # The weighted mean is (3 x 30 + 1 x 10) / 4.
    [("union", 1), ("largest", 30), ("sum", 40), ("volume_weighted_mean", 25)],
)
def test_features_are_aggregated_as_those_of_training_were(aggregation, volume):
    rows = judged_rows(aggregation)
    assert rows.at["a", VOLUME] == pytest.approx(volume)
    assert rows[LESION_COUNT].tolist() == [2, 0]
    assert rows["study"].to_dict() == STUDIES


def test_a_scan_without_lesions_has_no_feature_but_their_number():
    row = judged_rows("volume_weighted_mean").loc["b"]
    assert row[list(RADIOMIC_FEATURES)].isna().all()
    assert set(FEATURES) <= set(row.index)


def test_how_much_liver_is_marked_is_told_by_the_table_of_scans():
    assert judged_rows("union")["liver_ml"].to_dict() == {"a": 1500.5, "b": 0.0}


def test_of_given_masks_ingest_has_counted_the_liver():
    liver_ml = judged_rows("union", scans=None)["liver_ml"]
    assert liver_ml["a"] == pytest.approx(750_000 * 0.002)
    # Where nobody has drawn it, nothing says that there is none.
    assert np.isnan(liver_ml["b"])


def test_the_lowest_value_of_a_scan_is_told_by_ingest():
    assert judged_rows("union")["minimum_hu"].to_dict() == {"a": -1024, "b": 0}
