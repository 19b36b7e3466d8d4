"""The specification curve, for the page: by choice, and what may be said of all of them."""

import pandas as pd

from livermet.phenotype.columns import VOLUME
from livermet.report import words
from livermet.report.run import Run
from livermet.validation.specifications import CHOICES

SPECIFICATION = "specification"
TITLES = {
    "aggregation": "features of",
    "series": "series",
    "transform": "transform",
    "volume": "volume",
    "target": "LASSO predicts",
    "learner": "classifier",
}


def specification_curve(table: pd.DataFrame) -> pd.DataFrame:
    """Show, for each choice, how many specifications have it and what they find."""
    scored = table[table["kind"].eq(SPECIFICATION)]
    rows = [("all", "", scored)]
    for choice in CHOICES:
        for value in pd.unique(scored[choice]):
            rows.append(
                (TITLES[choice], value_in_words(choice, value), scored[scored[choice].eq(value)])
            )
    return pd.DataFrame(
        [
            {
                "Choice": choice,
                "Value": value,
                "Specifications": len(inside),
                "Cross-validated AUC, median": _median(inside["auc"]),
                "Test AUC, median": _median(inside["test_auc"]),
            }
            for choice, value, inside in rows
        ]
    )


def value_in_words(choice: str, value: str) -> str:
    """Write a choice's value for readers."""
    return words.value({"learner": "model"}.get(choice, choice), value).replace("_", "-")


def sentences(run: Run) -> list[str]:
    """Say what all specifications find beside volume alone, and that none of them is adopted."""
    table = run.rows("specification_curve", "auc")
    scored = table[table["kind"].eq(SPECIFICATION)] if len(table) else table
    if scored.empty:
        return []
    volume = table.loc[table["kind"].eq(VOLUME), "auc"]
    spread = words.spread(*_ends(scored["auc"]))
    told = (
        f"{words.counted(len(scored), 'procedure')} that could have been chosen as well, nested "
        f"and by patient, have a cross-validated AUC of {spread} "
        f"(median {words.number(scored['auc'].median())})"
    )
    if len(volume):
        above = int((scored["auc"] > volume.iloc[0]).sum())
        told += f"; {above or 'none'} of them above volume alone ({words.number(volume.iloc[0])})"
    sure = int((scored["low"] > 0.5).sum())
    told += f"; of {sure or 'none'} the interval lies above 0.5"
    tested = scored.dropna(subset="test_auc")
    if len(tested):
        above = int((tested["test_low"] > 0.5).sum())
        told += (
            f". On the test studies they have {words.spread(*_ends(tested['test_auc']))}; of "
            f"{above or 'none'} that interval lies above 0.5, uncorrected for their number"
        )
    return [f"{told}. No best one is adopted: the highest of so many is high by chance."]


def _median(values: pd.Series) -> str:
    known = values.dropna()
    if known.empty:
        return words.MISSING
    return f"{words.number(known.median())} ({words.spread(*_ends(known))})"


def _ends(values: pd.Series) -> tuple[float, float]:
    return values.min(), values.max()
