"""Tumour burden on the page."""

import pandas as pd

from livermet.report import words
from livermet.report.run import Headline, Run
from livermet.vocabulary import FEWEST_PATIENTS


def of_all_samples(run: Run) -> pd.Series | None:
    """Take the row of all samples, if burden and score have a correlation."""
    statistics = run.tables["burden"]
    rows = statistics[statistics["subset"].eq("all") & statistics["spearman_rho"].notna()]
    return None if rows.empty else rows.iloc[0]


def headlines(run: Run) -> list[Headline]:
    """Return Spearman's rho of burden and score."""
    row = of_all_samples(run)
    if row is None:
        return []
    spread = "no interval"
    if pd.notna(row["spearman_low"]):
        spread = words.spread(row["spearman_low"], row["spearman_high"])
    label = f"Spearman's rho of tumour burden and {run.settings['name']} score ({spread})"
    few = row["patients"] < FEWEST_PATIENTS
    warning = f"few: {words.counted(row['patients'], 'patient')}" if few else ""
    return [Headline(words.number(row["spearman_rho"]), label, warning)]


def sentences(run: Run) -> list[str]:
    """Say how tumour burden goes with the score over all samples."""
    name, row = run.settings["name"], of_all_samples(run)
    if row is None:
        return [f"Tumour burden could not be set against the {name} score: too few values."]
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
