"""What is said of the cohort's images, before its tables."""

from livermet.ingest.warned import ANY
from livermet.report import words
from livermet.report.run import Run


def introduction(run: Run) -> list[str]:
    """Say how many series carry a warning; nothing where a run begins with a finished table."""
    warnings = run.table("quality_warnings")
    if warnings is None:
        return []
    every = warnings[warnings["about"].eq(ANY)].iloc[0]
    carry = "carries" if every["series"] == 1 else "carry"
    return [
        f"{every['series']} of {words.counted(every['asked'], 'series', 'series')} {carry} a "
        "warning of ingestion."
    ]
