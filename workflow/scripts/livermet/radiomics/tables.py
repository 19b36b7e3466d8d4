"""The feature table of a cohort, in the column names that the paper's authors publish."""

import pandas as pd

from livermet.radiomics.features import FEATURES
from livermet.radiomics.scans import COUNT


def feature_table(unions: pd.DataFrame, matching: pd.DataFrame, name: str) -> pd.DataFrame:
    """Join the union features of a cohort with its molecular results, in the authors' columns.

    unions: one row a series (series, the 107 features, Num_Lesions, burden_ml, reason). matching:
    one row a target series (series, patient, study, place, sample_type, score, class 1 or 0,
    included). name: the phenotype, which heads the columns of score, status and class (NE_Score).
    One row for each series that the matching includes and that has features, in its order. Group
    is train or test, Fold the training patient's fold and empty for a test patient, Reason says
    why features are missing.
    """
    included = matching[matching["included"].astype(bool)]
    rows = included.merge(unions, on="series", how="inner", validate="one_to_one")
    test = rows["place"].astype(str) == "test"
    status = rows["class"].astype(int).map({1: "positive", 0: "negative"})
    return pd.DataFrame(
        {
            "File": rows["series"],
            "unique_scandate": rows["study"],
            "unique_pt": rows["patient"],
            **{feature: rows[feature] for feature in (*FEATURES, COUNT)},
            f"{name}_Score": rows["score"],
            f"{name}_Status": status,
            f"{name}_Class": rows["class"].astype(int),
            "Group": test.map({True: "test", False: "train"}),
            "Fold": rows["place"].astype(str).where(~test, ""),
            "Sample_Type": rows["sample_type"],
            "Burden_ml": rows["burden_ml"],
            "Reason": rows["reason"],
        }
    )
