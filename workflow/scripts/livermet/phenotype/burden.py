"""Tumour burden against the molecular score and class, one series of each study.

The burden is the volume of all lesions in ml, 0 where none was found. A study's burden is that of
its first series by name. The paper's tests count studies as independent, although a patient can
have several; beside them stands what is left where whole patients are the unit.
"""

import numpy as np
import pandas as pd
from scipy import stats

from livermet.contracts import COUNT, NUMBER, SHARE, TEXT, Column, Contract
from livermet.phenotype.exchange import exchanged
from livermet.phenotype.intervals import MINIMUM_PATIENTS, Support, interval_of_correlation

DRAWS = 2000
MINIMUM_STUDIES = 5
MINIMUM_PER_CLASS = 3
ALL = "all"

TOO_FEW = "with too few studies, or of one value: reason says which"
NO_PATIENTS = f"as the number itself, or with fewer than {MINIMUM_PATIENTS} patients"
BURDEN = Contract(
    files=("phenotype/*/burden.tsv",),
    row="a set of studies whose tumour burden is tested, one series of each study",
    columns=(
        Column("subset", TEXT, f"'{ALL}' studies, or those whose samples are of this type"),
        Column("series", COUNT, "series that the studies were chosen from"),
        Column("studies", COUNT, "studies that are tested"),
        Column("patients", COUNT, "patients whose studies they are"),
        Column(
            "spearman_rho",
            NUMBER,
            "Spearman's rank correlation of burden and molecular score",
            low=-1,
            high=1,
            missing=TOO_FEW,
        ),
        Column(
            "spearman_p",
            SHARE,
            "its p value, two-sided, as if studies were independent",
            missing=TOO_FEW,
        ),
        Column(
            "spearman_low",
            NUMBER,
            "lower end of its 95% interval by patient",
            low=-1,
            high=1,
            missing=NO_PATIENTS,
        ),
        Column(
            "spearman_high",
            NUMBER,
            "upper end of that interval",
            low=-1,
            high=1,
            missing=NO_PATIENTS,
        ),
        Column(
            "spearman_p_by_patient",
            SHARE,
            "share of exchanges of whole patients' scores that reach its size, the scores as they "
            "are among them",
            missing=NO_PATIENTS,
        ),
        Column(
            "ranksum_statistic",
            NUMBER,
            "z of the Wilcoxon rank-sum test between the classes; above 0 where positive studies "
            "have the larger burden",
            missing="with too few studies of a class",
        ),
        Column(
            "ranksum_p",
            SHARE,
            "its p value, two-sided, as if studies were independent",
            missing="with too few studies of a class",
        ),
        Column(
            "ranksum_p_by_patient",
            SHARE,
            "share of exchanges of whole patients' classes that reach the size of z",
            missing=NO_PATIENTS,
        ),
        Column("reason", TEXT, "why numbers are missing", missing="where none is missing"),
    ),
)


def correlate_burden(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Test burden against score and class, for all studies and for each type of sample.

    Spearman's rank correlation with the score; the Wilcoxon rank-sum test between classes, whose
    statistic z is positive where positive studies have the larger burden. The sample types are
    those that the table names; a table without them has the row 'all' only. Where there are too
    few studies, or all have one value, the numbers are empty and `reason` says why.

    By patient, whole sequences of a patient's scores or classes are exchanged with those of
    patients with as many studies (`exchange`), DRAWS times, and p is (1 + as far from 0) / (1 +
    exchanges) (Phipson and Smyth, Stat Appl Genet Mol Biol 2010); the interval of rho is a t
    interval on Fisher's z with the standard error over draws of patients. The result is `BURDEN`.
    """
    table = table[table["burden_ml"].notna()].sort_values("series")
    types = sorted(table["sample_type"].dropna().unique())
    subsets = [(ALL, table)] + [(kind, table[table["sample_type"] == kind]) for kind in types]
    return pd.DataFrame([{"subset": name, **_tests(rows, seed)} for name, rows in subsets])


def _tests(rows: pd.DataFrame, seed: int) -> dict:
    studies = rows.drop_duplicates("study").sort_values("study").reset_index(drop=True)
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
    by_patient = _by_patient(studies, rho, statistic, seed)
    return {
        "series": len(rows),
        "studies": len(studies),
        "patients": studies["patient"].nunique(),
        "spearman_rho": rho,
        "spearman_p": rho_p,
        "spearman_low": by_patient[0],
        "spearman_high": by_patient[1],
        "spearman_p_by_patient": by_patient[2],
        "ranksum_statistic": statistic,
        "ranksum_p": statistic_p,
        "ranksum_p_by_patient": by_patient[3],
        "reason": "; ".join(reasons),
    }


def _by_patient(
    studies: pd.DataFrame, rho: float, statistic: float, seed: int
) -> tuple[float, float, float, float]:
    """Return the interval of rho by patient, its p and that of z; NaN for what is not tested."""
    patients = studies["patient"].nunique()
    if patients < MINIMUM_PATIENTS:
        return np.nan, np.nan, np.nan, np.nan
    burden = stats.rankdata(studies["burden_ml"])
    score, positive = stats.rankdata(studies["score"]), studies["label"].to_numpy() == 1
    # Ranks and numbers of a class stay as they are, so that the sums alone change.
    expected = burden.mean()
    observed = score @ (burden - expected), positive @ (burden - expected)
    generator = np.random.default_rng(seed)
    gets = np.array(list(exchanged(studies, [generator] * DRAWS)))
    drawn = score[gets] @ (burden - expected), positive[gets] @ (burden - expected)
    p = [
        (1 + int((np.abs(these) >= abs(this) * (1 - 1e-9)).sum())) / (1 + DRAWS)
        for these, this in zip(drawn, observed, strict=True)
    ]
    interval = interval_of_correlation(
        rho, _drawn_rho(studies, generator), Support(patients, patients)
    )
    return (
        *(interval if np.isfinite(rho) else (np.nan, np.nan)),
        p[0] if np.isfinite(rho) else np.nan,
        p[1] if np.isfinite(statistic) else np.nan,
    )


def _drawn_rho(studies: pd.DataFrame, generator: np.random.Generator) -> np.ndarray:
    """Return rho in DRAWS draws of patients with replacement; NaN where a draw has one value."""
    places = list(studies.groupby("patient").indices.values())
    burden, score = studies["burden_ml"].to_numpy(), studies["score"].to_numpy()
    rhos = []
    for drawn in generator.integers(0, len(places), (DRAWS, len(places))):
        rows = np.concatenate([places[patient] for patient in drawn])
        ranks = stats.rankdata(burden[rows]), stats.rankdata(score[rows])
        constant = any(np.ptp(rank) == 0 for rank in ranks)
        rhos.append(np.nan if constant else np.corrcoef(*ranks)[0, 1])
    return np.array(rhos)
