"""Tumour burden against the molecular score and class, one series of each study.

The burden is the volume of all lesions in ml, 0 where none was found. A study's burden is that of
its first series by name. Studies count as independent here, as in the paper, although a patient
can have several.
"""

import numpy as np
import pandas as pd
from scipy import stats

from livermet.contracts import COUNT, NUMBER, SHARE, TEXT, Column, Contract

MINIMUM_STUDIES = 5
MINIMUM_PER_CLASS = 3
ALL = "all"

TOO_FEW = "with too few studies, or of one value: reason says which"
BURDEN = Contract(
    files=("phenotype/*/burden.tsv",),
    row="a set of studies whose tumour burden is tested, one series of each study",
    columns=(
        Column("subset", TEXT, f"'{ALL}' studies, or those whose samples are of this type"),
        Column("series", COUNT, "series that the studies were chosen from"),
        Column("studies", COUNT, "studies that are tested"),
        Column(
            "spearman_rho",
            NUMBER,
            "Spearman's rank correlation of burden and molecular score",
            low=-1,
            high=1,
            missing=TOO_FEW,
        ),
        Column("spearman_p", SHARE, "its p value, two-sided", missing=TOO_FEW),
        Column(
            "ranksum_statistic",
            NUMBER,
            "z of the Wilcoxon rank-sum test between the classes; above 0 where positive studies "
            "have the larger burden",
            missing="with too few studies of a class",
        ),
        Column(
            "ranksum_p", SHARE, "its p value, two-sided", missing="with too few studies of a class"
        ),
        Column("reason", TEXT, "why numbers are missing", missing="where none is missing"),
    ),
)


def correlate_burden(table: pd.DataFrame) -> pd.DataFrame:
    """Test burden against score and class, for all studies and for each type of sample.

    Spearman's rank correlation with the score; the Wilcoxon rank-sum test between classes, whose
    statistic z is positive where positive studies have the larger burden. The sample types are
    those that the table names; a table without them has the row 'all' only. Where there are too
    few studies, or all have one value, the numbers are empty and `reason` says why. The result is
    `BURDEN`.
    """
    table = table[table["burden_ml"].notna()].sort_values("series")
    types = sorted(table["sample_type"].dropna().unique())
    subsets = [(ALL, table)] + [(kind, table[table["sample_type"] == kind]) for kind in types]
    return pd.DataFrame([{"subset": name, **_tests(rows)} for name, rows in subsets])


def _tests(rows: pd.DataFrame) -> dict:
    studies = rows.drop_duplicates("study")
    burden, score = studies["burden_ml"], studies["score"]
    positive, negative = burden[studies["label"] == 1], burden[studies["label"] == 0]
    reasons = []
    rho = rho_p = statistic = statistic_p = np.nan
    if len(studies) < MINIMUM_STUDIES:
        reasons.append(f"Spearman: {len(studies)} studies, {MINIMUM_STUDIES} needed")
    elif burden.nunique() == 1 or score.nunique() == 1:
        same = "burdens" if burden.nunique() == 1 else "scores"
        reasons.append(f"Spearman: all {same} are equal")
    else:
        rho, rho_p = stats.spearmanr(burden, score)
    if min(len(positive), len(negative)) < MINIMUM_PER_CLASS:
        reasons.append(
            f"rank-sum: {len(positive)} positive and {len(negative)} negative studies, "
            f"{MINIMUM_PER_CLASS} of each needed"
        )
    else:
        statistic, statistic_p = stats.ranksums(positive, negative)
    return {
        "series": len(rows),
        "studies": len(studies),
        "spearman_rho": rho,
        "spearman_p": rho_p,
        "ranksum_statistic": statistic,
        "ranksum_p": statistic_p,
        "reason": "; ".join(reasons),
    }
