"""Phantom feature tables: random features, a score that one of them drives, patients and folds."""

import numpy as np
import pandas as pd

from livermet.phenotype.folds import assign_folds
from livermet.phenotype.table import FEATURES

SIGNAL = "original_glcm_Contrast"


def feature_table(seed=0, patients=30, test_patients=8, signal=1.0, folds=5):
    """One or two studies a patient, one or two series a study; the columns that reading gives.

    The score is `signal` times the feature SIGNAL plus noise of the same size.
    """
    random = np.random.default_rng(seed)
    rows = []
    for patient in range(patients):
        for study in range(1 + patient % 2):
            driver = random.normal()
            score = signal * driver + random.normal(scale=0.3)
            for series in range(1 + (patient + study) % 2):
                features = dict(zip(FEATURES, random.normal(size=len(FEATURES)), strict=True))
                features[SIGNAL] = driver + random.normal(scale=0.1)
                features["Num_Lesions"] = 1 + random.integers(5)
                name = f"P{patient:02}_{study}"
                rows.append(
                    {
                        "series": f"{name}_{series}",
                        "study": name,
                        "patient": f"P{patient:02}",
                        "group": "test" if patient < test_patients else "train",
                        "sample_type": "biopsy" if patient % 3 else "cfdna",
                        "score": score,
                        "label": int(score > 0),
                        "burden_ml": float(random.uniform(1, 50)),
                        "mask_lesions": np.nan,
                        "voxel_mm": None,
                        "scan_voxel_mm": None,
                        **features,
                    }
                )
    table = pd.DataFrame(rows).astype({"voxel_mm": "str", "scan_voxel_mm": "str"})
    table.insert(8, "fold", pd.array([pd.NA] * len(table), dtype="Int64"))
    training = table["group"] == "train"
    table.loc[training, "fold"] = assign_folds(table[training], folds, seed)
    return table


def without_lesions(table, rows):
    """Empty the features of some rows, as those of scans in which no lesion was found."""
    table = table.copy()
    table.loc[rows, list(FEATURES)] = np.nan
    table.loc[rows, "Num_Lesions"] = 0
    table.loc[rows, "burden_ml"] = 0.0
    return table
