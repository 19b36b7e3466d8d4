"""How many series carry which warning: sentences that differ in numbers alone are one warning."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from livermet.contracts import COUNT, TEXT, Column, Contract

CT, REFERENCE, ANY = "CT", "reference", "either"
ANY_WARNING = "any warning"
# The number of a sentence, and what stands for one or a list of them.
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?")
LEFT_OUT = "…"
SEVERAL = re.compile(f"{LEFT_OUT}(?:(?:, | and | to | x ){LEFT_OUT})+(?: and {LEFT_OUT} more)?")
WARNINGS = Contract(
    files=("tables/quality_warnings.csv",),
    row="a warning that ingestion gave, or all of them",
    columns=(
        Column("about", TEXT, "what the warning is about", words=(CT, REFERENCE, ANY)),
        Column("warning", TEXT, f"the warning, with {LEFT_OUT} for its numbers"),
        Column("series", COUNT, "series that carry it"),
        Column("asked", COUNT, "series that could: all, or those with a reference or liver mask"),
    ),
    key=("about", "warning"),
)


def kind_of(sentence: str) -> str:
    """Return a warning without its numbers, so that those of two series can be compared."""
    plain = NUMBER.sub(LEFT_OUT, sentence)
    return re.sub(rf"\bfile (?={LEFT_OUT})", "files ", SEVERAL.sub(LEFT_OUT, plain))


def kinds_of(sentences: Iterable[str]) -> list[str]:
    """Return the warnings of one series without their numbers, each once."""
    return list(dict.fromkeys(map(kind_of, sentences)))


def counted(by_series: Iterable[Sequence[str]]) -> list[tuple[str, int]]:
    """Count the series that carry each warning, the most frequent first."""
    counts = Counter(kind for sentences in by_series for kind in kinds_of(sentences))
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def warning_counts(records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Count warnings over series: `WARNINGS`.

    `records` have each series' quality and, where there is one, reference together: `warnings`, and
    `reference_warnings`.
    """
    referenced = [one for one in records.values() if "reference_warnings" in one]
    carried = sum(any(warnings_of(one).values()) for one in records.values())
    rows = [(ANY, ANY_WARNING, carried, len(records))]
    for about, asked in ((CT, list(records.values())), (REFERENCE, referenced)):
        found = counted(warnings_of(one)[about] for one in asked)
        rows += [(about, kind, count, len(asked)) for kind, count in found]
    return pd.DataFrame(rows, columns=WARNINGS.names)


def warnings_of(record: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the warnings of a series by what they are about."""
    return {CT: record["warnings"], REFERENCE: record.get("reference_warnings", [])}
