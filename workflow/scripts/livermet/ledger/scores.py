"""Scores in the ledger: how samples are scored, and the score of each, frozen by `make assign`.

A score that is computed from expression decides a label. What decides the scores of an assay
(`scorings/<name>.tsv`) and the scores themselves (`scores/<name>.tsv`) are written once, so that
neither a reference that was exchanged nor a table of expression that has grown changes a label that
somebody has worked with. To change them is to name new ones (`molecular.frozen_as`).
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from livermet.cohort.assays import Scores
from livermet.cohort.from_expression import Measure, score_samples
from livermet.errors import stop_on
from livermet.ledger.tables import FROZEN_SCORES, SCORING, Ledger

MOST_NAMED = 5
# Of a score that is computed again, on another machine: no label hangs on so little.
TOLERANCE = 1e-9


def changed_settings(ledger: Ledger, measures: Mapping[str, Measure], scores: Scores) -> list[str]:
    """Say which settings of assays are no longer those that the ledger has frozen."""
    frozen = ledger.scorings.get(scores.frozen_as)
    if frozen is None:
        return []
    known = {(row.sample_type, row.setting): row.value for row in frozen.itertuples()}
    return [
        f"What samples of {name} are scored by has changed ({', '.join(changed)}) since make "
        f"assign froze it in the ledger as '{scores.frozen_as}'; labels that were given would "
        "change with it. Put it back, or name new scores (molecular.frozen_as) and run make "
        "assign, which then scores every sample anew."
        for name, measure in measures.items()
        if (
            changed := [
                f"molecular.{'' if setting == 'method' else f'assays.{name}.'}{setting}"
                for setting, value in measure.settings(scores).items()
                if known.get((name, setting), value) != value
            ]
        )
    ]


def freeze_scores(
    ledger: Ledger,
    molecular: pd.DataFrame,
    measures: Mapping[str, Measure],
    scores: Scores,
    sheet: str,
) -> Ledger:
    """Add the settings of new assays and the scores of new samples to a ledger; change neither.

    Raises InputError where a frozen setting has changed, and where a sample cannot be scored.
    """
    stop_on(changed_settings(ledger, measures, scores))
    name = scores.frozen_as
    scoring = ledger.scorings.get(name, pd.DataFrame(columns=SCORING.names, dtype=str))
    frozen = ledger.scores.get(name, pd.DataFrame(columns=FROZEN_SCORES.names, dtype=str))
    new = score_samples(_unscored(molecular, frozen, scores), measures, scores, sheet)
    settings = [
        (assay, setting, value)
        for assay, measure in measures.items()
        if assay not in set(scoring["sample_type"])
        for setting, value in measure.settings(scores).items()
    ]
    rows = [(row.sample_type, row.sample, repr(float(row.score))) for row in new.itertuples()]
    return replace(
        ledger,
        scorings=ledger.scorings | {name: _with_rows(scoring, settings)},
        scores=ledger.scores | {name: _with_rows(frozen, rows)},
    )


def _with_rows(table: pd.DataFrame, rows: list[tuple]) -> pd.DataFrame:
    if not rows:
        return table
    return pd.concat([table, pd.DataFrame(rows, columns=table.columns)], ignore_index=True)


def _unscored(molecular: pd.DataFrame, frozen: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """Return the samples to score from expression that have no score in the ledger."""
    rows = molecular[molecular["sample_type"].isin(scores.computed_types)]
    known = set(zip(frozen["sample_type"], frozen["sample"], strict=True))
    pairs = zip(rows["sample_type"], rows["sample"], strict=True)
    return rows.loc[[row for row, pair in zip(rows.index, pairs, strict=True) if pair not in known]]


def lacking_scores(ledger: Ledger, molecular: pd.DataFrame, scores: Scores) -> list[str]:
    """Say which samples of the sheet have no frozen score."""
    frozen = ledger.scores.get(scores.frozen_as, pd.DataFrame(columns=FROZEN_SCORES.names))
    names = sorted(_unscored(molecular, frozen, scores)["sample"])
    if not names:
        return []
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return [
        f"The ledger lacks the score of sample {', '.join(names[:MOST_NAMED])}{more} "
        f"(molecular.frozen_as: {scores.frozen_as}): run make assign."
    ]


def _known(ledger: Ledger, name: str) -> dict[tuple[str, str], float]:
    """Return the frozen scores by sample type and sample."""
    frozen = ledger.scores.get(name, pd.DataFrame(columns=FROZEN_SCORES.names))
    rows = frozen.itertuples(index=False)
    return {(row.sample_type, row.sample): float(row.score) for row in rows}


def with_frozen_scores(molecular: pd.DataFrame, ledger: Ledger, scores: Scores) -> pd.DataFrame:
    """Fill in the scores that the ledger has for samples that are scored from expression."""
    computed = molecular["sample_type"].isin(scores.computed_types)
    if not computed.any():
        return molecular
    found = with_frozen(molecular[computed], ledger, scores.frozen_as)["score"]
    return molecular.assign(score=found.combine_first(molecular["score"]))


def with_frozen(table: pd.DataFrame, ledger: Ledger, name: str) -> pd.DataFrame:
    """Replace the scores of a table of samples by those that the ledger has frozen."""
    known = _known(ledger, name)
    pairs = zip(table["sample_type"], table["sample"], strict=True)
    return table.assign(score=[known.get(pair, np.nan) for pair in pairs])


def differing_scores(table: pd.DataFrame, ledger: Ledger, name: str, sheet: str) -> list[str]:
    """Say which scores, computed again, are not those that the ledger has frozen.

    `table`: `livermet.cohort.scoring.SCORED`, whose index is the row's place in the sheet.
    """
    known = _known(ledger, name)
    return [
        f"{sheet}, row {row.Index + 2}: the score of sample '{row.sample}' is {row.score:.6f} by "
        f"the table of expression and {known[row.sample_type, row.sample]:.6f} in the ledger, "
        f"where make assign froze it as '{name}': the table has changed since, for example its "
        "genes. Put it back, or name new scores (molecular.frozen_as) and run make assign."
        for row in table.itertuples()
        if not np.isclose(
            row.score, known[row.sample_type, row.sample], rtol=TOLERANCE, atol=TOLERANCE
        )
    ]
