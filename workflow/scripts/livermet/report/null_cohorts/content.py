"""Cohorts without signal on the page."""

import pandas as pd

from livermet.report import words
from livermet.report.layout import estimates
from livermet.report.run import Run
from livermet.vocabulary import NullFeatures

KINDS = {
    NullFeatures.OWN: "this run's features with labels exchanged between patients",
    NullFeatures.PHANTOM: "phantom features",
}


def null_cohorts(table: pd.DataFrame) -> pd.DataFrame:
    """Show the AUC where there is no signal, and how often intervals cover 0.5."""
    shown = pd.DataFrame({"Cohorts of": table["features"].map(KINDS)})
    shown = shown.join(table[["protocol", "model", "set", "cohorts"]])
    shown["AUC"] = estimates(table, "auc_mean", "auc_low", "auc_high")
    cells = estimates(table, "coverage", "coverage_low", "coverage_high")
    return shown.assign(**{"Intervals that cover 0.5": cells})


def sentences(run: Run) -> list[str]:
    """Say what each protocol finds in cohorts without any signal, the run's own features first."""
    known = run.rows("null_cohorts", "auc_mean")
    return [
        sentence
        for features in (NullFeatures if len(known) else ())
        for sentence in _of_kind(features, known[known["features"].eq(features)])
    ]


def _of_kind(features: NullFeatures, known: pd.DataFrame) -> list[str]:
    told = []
    for protocol, rows in known.groupby("protocol", sort=False):
        validated = rows[rows["set"].eq("cross-validation")]
        tested = rows[rows["set"].eq("test") & rows["coverage"].notna()]
        if len(validated) and len(tested):
            aucs = words.listed(
                f"{words.estimate(row.auc_mean, row.auc_low, row.auc_high)} "
                f"({words.model(row.model)})"
                for row in validated.itertuples()
            )
            covered = words.listed(map(words.share, tested["coverage"]))
            told.append(
                f"the {protocol} protocol cross-validates at AUC {aucs} on average, and its "
                f"intervals on the test studies cover 0.5 in {covered} of them"
            )
    if not told:
        return []
    return [
        f"Without any signal, in {known['cohorts'].max():.0f} cohorts of {KINDS[features]}: "
        f"{'; '.join(told)}. Right would be 0.50 and 95%."
    ]
