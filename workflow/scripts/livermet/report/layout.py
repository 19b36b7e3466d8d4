"""How tables whose files are made for machines become cells of text.

A cell 'mean (low to high)' is set in two lines by the page.
"""

from collections.abc import Mapping

import pandas as pd

from livermet.report import words

MAIN_METRICS = ("auc", "f1", "accuracy")
WITHIN_FOLDS = "within_fold_auc"
# What stands for an interval of a score where no interval is honest.
TOO_FEW = "too few"
# What names a model where none has class weights.
MODEL = ["protocol", "model"]


def numbers(values: pd.Series) -> pd.Series:
    """Write numbers with two decimals."""
    return values.astype(float).map(words.number).astype(object)


def exact(values: pd.Series) -> pd.Series:
    """Write numbers with three significant digits, '' for a missing one."""
    return values.map(lambda value: "" if pd.isna(value) else f"{value:.3g}").astype(object)


def estimates(table: pd.DataFrame, mean: str, low: str, high: str, lacking: str = "") -> list[str]:
    """Write each row's number with its interval, or with the words `lacking` in its place."""
    columns = table[[mean, low, high]].astype(float)
    rows = columns.itertuples(index=False, name=None)
    return [words.estimate(one, start, end, lacking=lacking) for one, start, end in rows]


def spreads(table: pd.DataFrame, low: str, high: str) -> list[str]:
    """Write each row's interval, '' where it has none."""
    columns = table[[low, high]].astype(float)
    return ["" if row.isna().any() else words.spread(*row) for _, row in columns.iterrows()]


def any_text(values: pd.Series) -> bool:
    """Tell whether any value is a text."""
    return bool(values.fillna("").astype(str).ne("").any())


def across(cells: pd.DataFrame, keys: list[str], column: str, names: Mapping) -> pd.DataFrame:
    """Set `cell` side by side for the values of a column, in the order and words of `names`.

    Rows stay in the order in which their keys appear.
    """
    wide = cells.pivot_table(index=keys, columns=column, values="cell", aggfunc="first")
    chosen = wide[[name for name in names if name in wide]].rename(columns=names).reset_index()
    return cells[keys].drop_duplicates().merge(chosen.rename_axis(columns=None), on=keys)


def by_metric(cells: pd.DataFrame, keys: list[str], parts: Mapping[str, str]) -> pd.DataFrame:
    """Set the parts of each main score side by side: columns 'AUC', 'AUC, difference'."""
    wide = cells.pivot_table(
        index=keys, columns="metric", values=list(parts), aggfunc="first", sort=False
    )
    columns = [
        wide[part, metric].rename(words.heading(metric) + end)
        for metric in (WITHIN_FOLDS, *MAIN_METRICS)
        for part, end in parts.items()
        if (part, metric) in wide
    ]
    return pd.concat([pd.DataFrame(index=wide.index), *columns], axis=1).reset_index()
