"""What a reader has to know of the matching: shared samples, ties, conflicts, passed-over samples.

Each of these is a choice or a dependence that the table of matches does not show. `MATCHING` says
which sample a study has; these rows say where another choice was as good, and whether it would have
changed the class.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from livermet.cohort.matching import is_positive, pair_samples, study_names
from livermet.contracts import COUNT, FLAG, PATIENT, TEXT, Column, Contract

NOTES = {
    "shared": "one sample is that of several studies",
    "tie": "another sample lies as near to the CT",
    "conflict": "samples of one day are of both classes",
    "treatment": "a nearer sample is of another line of treatment",
}
SAMPLE_NOTES = Contract(
    files=("cohort/sample_notes.tsv",),
    row="a choice of the matching, or a sample that several studies share",
    columns=(
        Column("note", TEXT, "what there is to know", words=tuple(NOTES)),
        PATIENT,
        Column("studies", TEXT, "the studies, separated by semicolons", missing="no study took it"),
        Column("study_count", COUNT, "number of studies"),
        Column(
            "taken",
            TEXT,
            "the sample that was taken: date, type and score",
            missing="no study took one of them",
        ),
        Column("passed_over", TEXT, "the other samples", missing="for a shared sample"),
        Column("changes_class", FLAG, "whether a sample passed over is of another class"),
    ),
)
NOTE_COUNTS = Contract(
    files=("tables/sample_notes.csv",),
    row="a kind of note",
    columns=(
        Column("note", TEXT, "what there is to know", words=tuple(NOTES)),
        Column("meaning", TEXT, "the same in words"),
        Column("cases", COUNT, "number of rows of cohort/sample_notes.tsv"),
        Column("studies", COUNT, "studies that they are of"),
        Column("other_class", COUNT, "cases in which a sample passed over has another class"),
    ),
    key=("note",),
)


def sample_notes(
    series: pd.DataFrame,
    molecular: pd.DataFrame,
    window_days: int,
    positive_above: float,
    thresholds: Mapping[str, float],
) -> pd.DataFrame:
    """List what there is to know of the matching of a target cohort: `SAMPLE_NOTES`.

    Arguments as of `livermet.cohort.matching.match_samples`. Counted once a study.
    """
    samples = molecular.assign(
        positive=is_positive(molecular, positive_above, thresholds), told=_told(molecular)
    )
    studies = series.assign(study=study_names(series)).drop_duplicates("study")
    pairs = pair_samples(studies, samples, window_days)
    pairs = pairs.assign(study=study_names(pairs))[pairs["in_window"]]
    usable = pairs[pairs["usable"]]
    taken = usable.drop_duplicates("study").sort_values("study")
    own = samples[samples["patient"].isin(series["patient"])]
    rows = [*_shared(taken), *_ties(taken, usable), *_conflicts(taken, own)]
    rows += _other_treatments(taken, pairs)
    return pd.DataFrame(rows, columns=SAMPLE_NOTES.names)


def note_counts(notes: pd.DataFrame) -> pd.DataFrame:
    """Count the notes of each kind, those without any too: `NOTE_COUNTS`."""
    rows = []
    for note, meaning in NOTES.items():
        found = notes[notes["note"].eq(note)]
        counts = len(found), found["study_count"].sum(), found["changes_class"].sum()
        rows.append((note, meaning, *map(int, counts)))
    return pd.DataFrame(rows, columns=NOTE_COUNTS.names)


def _told(samples: pd.DataFrame) -> pd.Series:
    scores = samples["score"].map(lambda score: f"{score:.3f}")
    return (
        samples["sample_date"].dt.strftime("%Y-%m-%d") + " " + samples["sample_type"] + " " + scores
    )


def _row(note: str, taken: pd.DataFrame, others: pd.DataFrame) -> dict:
    """Make a row of the pairs that were taken and of the samples that were not."""
    classes = {*taken["positive"], *others["positive"]}
    return {
        "note": note,
        "patient": [*taken["patient"], *others["patient"]][0],
        "studies": "; ".join(sorted(taken["study"])),
        "study_count": len(taken),
        "taken": "; ".join(dict.fromkeys(taken["told"])),
        "passed_over": "; ".join(others["told"]),
        "changes_class": len(classes) > 1,
    }


def _shared(taken: pd.DataFrame) -> Iterator[dict]:
    for _, studies in taken.groupby("sheet_row"):
        if len(studies) > 1:
            yield _row("shared", studies, studies.iloc[:0])


def _ties(taken: pd.DataFrame, usable: pd.DataFrame) -> Iterator[dict]:
    for one in taken.itertuples():
        same = usable["study"].eq(one.study) & usable["days_apart"].abs().eq(abs(one.days_apart))
        others = usable[same & usable["sheet_row"].ne(one.sheet_row)]
        if len(others):
            yield _row("tie", taken.loc[[one.Index]], others)


def _conflicts(taken: pd.DataFrame, samples: pd.DataFrame) -> Iterator[dict]:
    for _, day in samples.groupby(["patient", "sample_date"]):
        if day["positive"].nunique() > 1:
            studies = taken[taken["sheet_row"].isin(day.index)]
            others = day[~day.index.isin(studies["sheet_row"])]
            yield _row("conflict", studies, others)


def _other_treatments(taken: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[dict]:
    for study, rows in pairs.groupby("study", sort=False):
        one = taken[taken["study"] == study]
        nearer = rows[rows["other_treatment"]]
        if len(one):
            nearer = nearer[nearer["days_apart"].abs() < abs(one["days_apart"].iloc[0])]
        if len(nearer):
            told = _row("treatment", one, nearer)
            yield told | {"studies": study, "study_count": 1}
