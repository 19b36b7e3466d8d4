"""The series of a made-up run: who is where, what was sampled, who is excluded, by real functions.

14 patients of mSCLC (2 series each, 4 test patients) and 4 of LiTS (1 series each, 1 test patient).
"""

from functools import cache

import expression_phantoms
import numpy as np
import pandas as pd

from livermet.cohort.assays import Assay, Scores
from livermet.cohort.expression import Reference
from livermet.cohort.facts import facts_of_sheet
from livermet.cohort.matching import exclusion_flow, match_samples, split_report
from livermet.cohort.notes import note_counts, sample_notes
from livermet.cohort.scoring import scored, summary

from .written import read_back

TARGET = "mSCLC"


def sheet() -> pd.DataFrame:
    """The first series of a patient of mSCLC and all of LiTS have a reference."""
    rows = []
    for number in range(14):
        patient = f"m{number:02d}"
        rows += [
            {
                "series": f"{patient}_{kernel}",
                "patient": patient,
                "cohort": TARGET,
                "study_date": pd.Timestamp("2019-01-01"),
                "sex": "F" if number % 3 else "M",
                "age": 50.0 + number,
                "reference": f"{patient}.nii.gz" if kernel == "a" else "",
                "lesions_read": "absent" if number == 13 else "",
            }
            for kernel in "ab"
        ]
    for number in range(4):
        row = {"series": f"l{number}", "patient": f"l{number}", "cohort": "LiTS", "sex": ""}
        row |= {"study_date": pd.Timestamp("2015-01-01"), "reference": f"l{number}.nii.gz"}
        rows.append(row | {"age": np.nan, "lesions_read": ""})
    return pd.DataFrame(rows).set_index("series", drop=False)


def places() -> pd.Series:
    """Place of each patient: test, or the number of a fold; by patient."""
    target = {f"m{number:02d}": "test" if number < 4 else str(number % 5) for number in range(14)}
    return pd.Series(target | {f"l{number}": "test" if number == 0 else "1" for number in range(4)})


@cache
def samples() -> pd.DataFrame:
    """A sample a patient, ten days after the CT, and the burden that goes with its score."""
    random = np.random.default_rng(5)
    rows = []
    for number in range(14):
        score = round(float(random.normal(0.1, 0.3)), 3)
        burden_ml = float(np.exp(random.normal(3 + 2 * score, 1)))
        row = {"patient": f"m{number:02d}", "sample_date": pd.Timestamp("2019-01-11")}
        row |= {"sample_type": "biopsy" if number % 2 else "cfdna", "score": score}
        rows.append(row | {"burden_ml": burden_ml})
    return pd.DataFrame(rows)


def matching() -> pd.DataFrame:
    """One patient is excluded, since the radiology report reads no lesion."""
    series, molecular = sheet(), samples().drop(columns="burden_ml")
    matched = match_samples(series[series["cohort"].eq(TARGET)], molecular, 92, 0.0)
    matched.insert(4, "place", matched["patient"].map(places()))
    return matched


def notes() -> pd.DataFrame:
    """Every patient has one study and one sample: there is nothing to know."""
    series, molecular = sheet(), samples().drop(columns="burden_ml")
    return sample_notes(series[series["cohort"].eq(TARGET)], molecular, 92, 0.0, {})


def counted_notes() -> pd.DataFrame:
    return read_back(note_counts(notes()))


def sample_scores() -> pd.DataFrame:
    """Of samples that lie near one of the centroids."""
    centroids = expression_phantoms.centroids()
    reference = Reference(centroids, "symbols", "")
    values = centroids.rename(columns={"ne": "S1", "non_ne": "S2"})
    assay = Assay("biopsy", "expression.tsv", "log2", "centroids.tsv")
    rows = pd.DataFrame({"sample": ["S1", "S2"], "sample_type": "biopsy"})
    rows = rows.assign(patient=["m00", "m01"], sample_date="2019-01-11")
    rules = Scores("centroids", "scores", 0.9, 0.0, (assay,))
    table = scored(rows, values, reference, rules, "molecular.tsv")
    return read_back(summary(table, {"biopsy": reference}))


def facts() -> pd.DataFrame:
    """Of one patient no feature could be measured, of another one none of single lesions."""
    return _facts().copy()


@cache
def _facts() -> pd.DataFrame:
    burdens_ml = samples().set_index("patient")["burden_ml"]
    rows = []
    for series, patient in sheet()[["series", "patient"]].itertuples(index=False):
        number = int(patient[1:])
        row = {"series": series}
        row["kind"] = "ensemble" if places()[patient] == "test" else "out_of_fold"
        if patient in burdens_ml:
            row["burden_ml"] = burdens_ml[patient] * (1.05 if series.endswith("b") else 1)
            row |= {"lesions": 1 + number % 5, "measured": number != 5}
            row["measured_by_lesion"] = number not in (5, 6)
        rows.append(row)
    of_patients = places().rename_axis("patient").rename("place").reset_index()
    return read_back(facts_of_sheet(sheet(), of_patients, matching(), pd.DataFrame(rows)))


def exclusions() -> pd.DataFrame:
    return read_back(exclusion_flow(matching()))


def splits() -> pd.DataFrame:
    """Series with a reference train the final model, but for those of test patients."""
    series = sheet()
    tested = series["patient"].map(places()).eq("test")
    trained = series.loc[series["reference"].ne("") & ~tested, "series"]
    return read_back(split_report(series, matching(), places(), list(trained)))
