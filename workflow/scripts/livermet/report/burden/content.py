"""Tumour burden on the page."""

import pandas as pd

from livermet.report import words
from livermet.report.run import Run


def sentences(run: Run) -> list[str]:
    """Say how tumour burden goes with the score over all samples."""
    statistics, name = run.tables["burden"], run.settings["name"]
    rows = statistics[statistics["subset"].eq("all") & statistics["spearman_rho"].notna()]
    if rows.empty:
        return [f"Tumour burden could not be set against the {name} score: too few values."]
    row = rows.iloc[0]
    rho = words.estimate(row["spearman_rho"], row["spearman_low"], row["spearman_high"])
    by_patient = row["spearman_p_by_patient"]
    exchanged = "too few patients" if pd.isna(by_patient) else words.p_text(by_patient)
    return [
        f"Tumour burden and {name} score: Spearman rho {rho} over "
        f"{words.counted(row['studies'], 'study', 'studies')} of "
        f"{words.counted(row['patients'], 'patient')}, interval by patient. Whole patients "
        f"exchanged: {exchanged}; studies taken as independent, as in the article: "
        f"{words.p_text(row['spearman_p'])}."
    ]
