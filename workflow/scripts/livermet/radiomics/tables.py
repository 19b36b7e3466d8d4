"""A cohort's tables: features in the column names that the paper's authors publish, and lesions."""

import pandas as pd

from livermet.errors import InputError
from livermet.radiomics.features import FEATURES
from livermet.radiomics.position import POSITION_COLUMNS
from livermet.radiomics.scans import COUNT, MEASURED_COLUMNS, SIZE_COLUMNS

COHORT_LESION_COLUMNS = (
    *("series", "lesion", *SIZE_COLUMNS, *POSITION_COLUMNS),
    *("matched", "matched_lesions", *MEASURED_COLUMNS),
)
# Whose numbers a group of matched lesions holds: its own side's, and the other's.
GROUP_SIDES = {
    "prediction": ("predictions", "references"),
    "reference": ("references", "predictions"),
}


def with_matches(
    lesions: pd.DataFrame,
    scans: pd.DataFrame,
    detected: pd.DataFrame,
    groups: pd.DataFrame,
    side: str,
    rule: str,
) -> pd.DataFrame:
    """Add to each lesion of a side (prediction or reference) which of the other side it matches.

    lesions: one row a lesion (series, lesion, voxels). scans, detected and groups: detection's
    tables of scans, of lesions and of matched groups, which may hold more series; all as text.
    `matched` is detection's, by `rule`, the first one, and empty without a reference;
    matched_lesions are the numbers of the other side's lesions of the group, joined by '+'. Raises
    InputError where detection has counted other lesions in these series.
    """
    keys = ["series", "lesion", "voxels"]
    common = set(scans["series"])
    of_side = detected[(detected["side"] == side) & detected["series"].isin(set(lesions["series"]))]
    ours, theirs = (
        {tuple(row) for row in table.loc[table["series"].isin(common), keys].to_numpy()}
        for table in (lesions, of_side)
    )
    if differing := sorted({series for series, *_ in ours ^ theirs}):
        raise InputError(
            f"Radiomics and detection count different lesions in series {', '.join(differing)}: "
            f"their tables are not of one {side}; delete both tables of these series and run again."
        )
    own, other = GROUP_SIDES[side]
    partners = groups.loc[groups["rule"] == rule, ["series", own, other]]
    partners = partners.assign(lesion=partners[own].str.split("+")).explode("lesion")
    partners = partners[["series", "lesion", other]].rename(columns={other: "matched_lesions"})
    on = ["series", "lesion"]
    joined = lesions.merge(of_side[[*on, "matched"]], on=on, how="left", validate="one_to_one")
    joined = joined.merge(partners, on=on, how="left", validate="one_to_one")
    return joined.fillna({"matched": "", "matched_lesions": ""})


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
