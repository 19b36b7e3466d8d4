"""The ladder from the published to the corrected procedure, for the page."""

import pandas as pd

from livermet.report import words
from livermet.report.layout import TOO_FEW, estimates, numbers
from livermet.report.run import Run

# The score without a threshold first.
METRICS = ("auc", "balanced_accuracy", "f1", "accuracy")


def corrections(table: pd.DataFrame) -> pd.DataFrame:
    """Show the ladder: for each score mean with interval, its width, and the cross-validated mean.

    A step that was not made has its reason and no numbers; a model's name stands where it changes.
    """
    made = table["made"].eq("yes")
    scored = table.where(made)
    changes = scored["model"].notna() & scored["model"].ne(scored["model"].ffill().shift())
    shown = table[["step"]].copy()
    shown["correction"] = [
        _step_words(row, changed)
        for row, changed in zip(table.fillna({"reason": ""}).itertuples(), changes, strict=True)
    ]
    for metric in METRICS:
        name = words.heading(metric)
        shown[name] = estimates(scored, metric, f"{metric}_low", f"{metric}_high", TOO_FEW)
        shown[f"{name}, width"] = numbers(scored[f"{metric}_width"])
        shown[f"{name}, cross-validated"] = numbers(scored[f"cv_{metric}"])
        if metric == "auc" and table["auc_reversed"].notna().any():
            reverse = scored["auc_reversed"].map(_change)
            shown["Change of AUC, this order / reverse order"] = [
                f"{_change(here)} / {there}" if there else ""
                for here, there in zip(scored["auc"].ffill().diff(), reverse, strict=True)
            ]
    return shown


def _change(value: float) -> str:
    return "" if pd.isna(value) else f"{value:+z.2f}"


def _step_words(row, model_changes: bool) -> str:
    notes = [words.note_of_step(row.made, row.reason)]
    notes += [words.model(row.model)] if model_changes else []
    told = "; ".join(filter(None, notes))
    return f"{row.correction} ({told})" if told else row.correction


def sentences(run: Run) -> list[str]:
    """Say where the ladder begins and ends, and how many of its steps could be made."""
    scored = run.rows("corrections", "auc")
    made = scored[scored["made"].eq("yes")] if len(scored) else scored
    if len(made) < 2:
        return []
    steps = run.tables["corrections"]
    first, last = made.iloc[0], made.iloc[-1]
    corrected = int(steps["made"].eq("yes").sum()) - 1
    scores = ", ".join(
        f"{words.value('metric', metric)} from {words.number(first[metric])} to "
        f"{words.number(last[metric])}"
        for metric in METRICS
    )
    return [
        f"From the published procedure to the corrected one, {corrected} of {len(steps) - 1} "
        f"corrections made: on the test studies {scores}; the interval of the AUC "
        f"{_width(first)} at the beginning and {_width(last)} at the end."
    ]


def _width(step: pd.Series) -> str:
    width = step["auc_width"]
    return "has too few patients" if pd.isna(width) else f"is {words.number(width)} wide"
