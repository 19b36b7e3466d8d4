"""A cohort's tables: features in the column names that the paper's authors publish, and lesions."""

import pandas as pd

from livermet.contracts import FLAG, TEXT, Column, Contract
from livermet.errors import InputError
from livermet.phenotype.table import CLASSES, NAME, OF_OTHERS, file_columns
from livermet.radiomics.scans import LESION, MEASURED, REASON

COHORT_LESIONS = Contract(
    files=("radiomics/*/lesions.tsv",),
    row="a lesion of a series",
    columns=(
        *LESION,
        Column(
            "matched",
            FLAG,
            "whether the lesion matches one of the other side, by the first rule",
            missing="without a mask of the other side",
        ),
        Column(
            "matched_lesions",
            TEXT,
            "numbers of the other side's lesions that it matches, joined by '+'",
            missing="where it matches none",
        ),
        *MEASURED,
    ),
    key=("series", "lesion"),
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


def cohort_features(name: str) -> Contract:
    """Return the contract of a cohort's features; `name` is the phenotype's."""
    shared = {here: c for here, c in file_columns(name).items() if here not in OF_OTHERS}
    return Contract(
        files=("radiomics/*/features.csv", "radiomics/*/features_*.csv"),
        row="a target series that the matching includes",
        columns=(*shared.values(), Column("Reason", TEXT, REASON.what, missing=REASON.missing)),
        key=("File",),
    )


COHORT_FEATURES = cohort_features(NAME)


def feature_table(unions: pd.DataFrame, matching: pd.DataFrame, name: str) -> pd.DataFrame:
    """Join the union features of a cohort with its molecular results, in the authors' columns.

    unions: one row a series (series, voxel_mm, the 107 features, Num_Lesions, burden_ml, reason).
    matching:
    one row a target series (series, patient, study, place, sample_type, score, class 1 or 0,
    included). name: the phenotype, which heads the columns of score, status and class (NE_Score).
    One row for each series that the matching includes and that has features, in its order:
    `cohort_features`.
    """
    included = matching[matching["included"].astype(bool)]
    rows = included.merge(unions, on="series", how="inner", validate="one_to_one")
    test = rows["place"].astype(str) == "test"
    label = rows["class"].astype(int)
    rows = rows.assign(
        label=label,
        status=label.map(CLASSES),
        group=test.map({True: "test", False: "train"}),
        fold=rows["place"].astype(str).where(~test, ""),
        Reason=rows["reason"],
    )
    names = {here: column.name for here, column in file_columns(name).items()}
    return rows.rename(columns=names)[cohort_features(name).names]


def one_voxel(settings: dict) -> bool:
    """Tell whether PyRadiomics' settings ask for one size of voxels in all scans."""
    asked_mm = settings.get("resampledPixelSpacing")
    return all(asked_mm or [0]) and bool(settings.get("interpolator", True))
