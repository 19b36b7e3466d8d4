"""Tumour burden on the page."""

from livermet.report import words
from livermet.report.run import Run


def sentences(run: Run) -> list[str]:
    """Say how tumour burden goes with the score over all samples."""
    statistics, name = run.tables["burden"], run.settings["name"]
    rows = statistics[statistics["subset"].eq("all") & statistics["spearman_rho"].notna()]
    if rows.empty:
        return [f"Tumour burden could not be set against the {name} score: too few values."]
    row = rows.iloc[0]
    return [
        f"Tumour burden and {name} score: Spearman rho {words.number(row['spearman_rho'])} "
        f"({words.p_text(row['spearman_p'])}) over "
        f"{words.counted(row['studies'], 'study', 'studies')}."
    ]
