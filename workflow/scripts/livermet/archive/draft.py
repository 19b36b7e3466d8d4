"""A draft of the sheet of series, and the table of all that an archive holds, from its series."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from livermet.archive.persons import doubts_on_patients
from livermet.archive.pseudonyms import Pseudonyms, letters
from livermet.archive.references import Matched, Reference, match_references
from livermet.archive.series import Found
from livermet.contracts import COUNT, NUMBER, TEXT, Column, Contract
from livermet.errors import InputError
from livermet.ingest.warned import counted
from livermet.sheets import SERIES_COLUMNS, SERIES_SHEET
from livermet.vocabulary import Verdict

SERIES_LETTERS = 6
ARCHIVE_TABLE = Contract(
    files=("archive.tsv",),
    row="a series of the archive, usable or not",
    columns=(
        Column("series", TEXT, "name of the series, by which series.tsv calls it too"),
        Column(
            "patient",
            TEXT,
            "pseudonym of the patient",
            missing="where several are named, or a table of pseudonyms lacks the patient",
        ),
        Column(
            "study_date",
            TEXT,
            "date of the study, moved back by the patient's number of days",
            missing="where no header has one",
        ),
        Column("modality", TEXT, "modality of the headers", missing="where no header has one"),
        Column(
            "verdict",
            TEXT,
            "usable, or what the series is",
            words=tuple(map(str, Verdict)),
        ),
        Column("reason", TEXT, "why it is not usable", missing="where it is"),
        Column("files", COUNT, "files of the series, repeated copies left out"),
        Column("copies", COUNT, "repeated copies that were left out"),
        Column("slices", COUNT, "slices, frames of multi-frame files counted one by one"),
        Column(
            "thickness_mm",
            NUMBER,
            "SliceThickness of the headers, median",
            unit="mm",
            low=0,
            missing="where no header has one",
        ),
        Column(
            "spacing_mm",
            NUMBER,
            "distance of neighbouring slices by their positions",
            unit="mm",
            low=0,
            missing="where the slices are no stack",
        ),
        Column(
            "kernel",
            TEXT,
            "reconstruction kernel as vendors write it; 'other' for any other text",
            missing="where no header has one",
        ),
        Column(
            "phase",
            TEXT,
            "contrast phase as words of the headers tell it",
            words=("native", "arterial", "portal_venous", "delayed"),
            missing="where they tell none, or several",
        ),
        Column("references", COUNT, "segmentations and sets of contours that refer to the series"),
        Column("notes", TEXT, "what is unusual, as sentences", missing="where nothing is"),
    ),
    key=("series",),
)
# A draft may lack what a person then fills in; the reader of sheets asks for it.
_draft = replace(
    SERIES_SHEET,
    columns=tuple(
        replace(column, missing="where no header has one: fill it in")
        if column.name == "study_date"
        else column
        for column in SERIES_SHEET.columns
    ),
)


def draft_contract() -> Contract:
    """Return the contract of a draft: that of series.tsv, whose study_date may be empty."""
    return _draft


@dataclass(frozen=True)
class Placed:
    """A series, or its references, that gets a folder of links: its objects among the entries."""

    name: str
    numbers: tuple[int, ...]
    references: tuple[Reference, ...] = ()


@dataclass
class Draft:
    """The two tables, which series get a folder, and what a person has to be told."""

    series: pd.DataFrame
    archive: pd.DataFrame
    placed: list[Placed]
    told: list[str] = field(default_factory=list)


def make_draft(found: Sequence[Found], pseudonyms: Pseudonyms, cohort: str, folder: str) -> Draft:
    """Make the draft of series.tsv and the table of the archive from its series.

    Images and references are named below `folder`, where `livermet.archive.folders` lays them.
    Raises InputError where two patients or two series come by one name.
    """
    found = [_in_table(one, pseudonyms) for one in found]
    matched = match_references(found)
    doubts = doubts_on_patients(found, pseudonyms)
    rows, sheet, placed = [], [], []
    for place, one in enumerate(found):
        row = _row(one, place, matched, pseudonyms)
        row["notes"] = " ".join(filter(None, [row["notes"], *doubts.get(place, ())]))
        rows.append(row)
        if one.verdict is Verdict.USABLE:
            references = matched.of_series.get(place, ())
            placed.append(Placed(row["series"], one.numbers, references))
            sheet.append(_sheet_row(one, row, references, cohort, folder))
    archive = pd.DataFrame(rows, columns=ARCHIVE_TABLE.names)
    series = pd.DataFrame(sheet, columns=SERIES_COLUMNS)
    repeated = archive["series"].duplicated().sum()
    if repeated:
        raise InputError(
            f"{repeated} series come by the name of another one; make a new secret for the study "
            "(--make-secret)."
        )
    order = ["patient", "study_date", "series"]
    archive = archive.sort_values(order, na_position="last", ignore_index=True)
    series = series.sort_values(order, ignore_index=True)
    told = _told(found, matched, archive, series)
    if doubts:
        told.append(
            f"{len(doubts)} series are of patients who may be one under two identities, or two "
            "under one: look at them before identities are out of sight (column notes)."
        )
    return Draft(series, archive, placed, told)


def _in_table(one: Found, pseudonyms: Pseudonyms) -> Found:
    """Refuse a usable series whose patient a given table of pseudonyms lacks."""
    if one.verdict is not Verdict.USABLE or pseudonyms.name(one.fact.patient) is not None:
        return one
    return replace(
        one,
        verdict=Verdict.NOT_IN_TABLE,
        reason="The table of pseudonyms lacks its patient."
        if one.fact.named
        else "It has no PatientID to be looked up in the table of pseudonyms.",
    )


def _row(one: Found, place: int, matched: Matched, pseudonyms: Pseudonyms) -> dict:
    facts = one.facts
    patients = {fact.patient for fact in facts}
    patient = (pseudonyms.name(one.fact.patient) if len(patients) == 1 else None) or ""
    day = min((fact.day for fact in facts if fact.day), default="")
    kind = f"{one.spacing:g}mm" if one.spacing else one.fact.modality.lower() or "unknown"
    date = day.replace("-", "") or "undated"
    end = letters(pseudonyms.key(f"series {one.key}"), SERIES_LETTERS)
    references = matched.of_series.get(place, ())
    notes = [*one.notes, *_more_notes(one, day, references), *matched.notes.get(place, ())]
    return {
        "series": f"{patient or 'unknown'}_{date}_{kind}_{end}",
        "patient": patient,
        "study_date": day,
        "modality": one.fact.modality,
        "verdict": str(one.verdict),
        "reason": one.reason,
        "files": len(one.numbers),
        "copies": one.copies,
        "slices": one.slices,
        "thickness_mm": one.thickness,
        "spacing_mm": one.spacing,
        "kernel": _only({fact.kernel for fact in facts}),
        "phase": _only({fact.phase for fact in facts}),
        "references": len(references),
        "notes": " ".join(notes),
    }


def _only(values: set[str]) -> str:
    """Return the only text of several, '' for none or more."""
    told = values - {""}
    return told.pop() if len(told) == 1 else ""


def _more_notes(one: Found, day: str, references: Sequence[Reference]) -> list[str]:
    if one.verdict is not Verdict.USABLE:
        return []
    told = []
    if not one.fact.named:
        told.append(
            "It has no PatientID; its study is taken for a patient of its own: where two are one "
            "patient, write one pseudonym into both rows, or one patient is in training and in "
            "test."
        )
    if not day:
        told.append("No header has a date; fill in study_date.")
    if len(references) > 1:
        told.append(
            f"{len(references)} references refer to it ({_kinds(references)}); they lie beside it "
            "in a folder that ends in _references: name the right one in the column reference, or "
            "the folder if together they are one."
        )
    return told


def _kinds(references: Sequence[Reference]) -> str:
    counts = Counter(reference.kind for reference in references)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


def _sheet_row(
    one: Found, row: dict, references: Sequence[Reference], cohort: str, folder: str
) -> dict:
    ages = [fact.age for fact in one.facts if fact.age is not None]
    name = row["series"]
    return {
        "series": name,
        "patient": row["patient"],
        "study_date": row["study_date"],
        "cohort": cohort,
        "image": f"{folder}/{name}",
        "reference": f"{folder}/{reference_file(name)}" if len(references) == 1 else "",
        "liver_mask": "",
        "lesions_read": "",
        "phase": row["phase"],
        "sex": _only({fact.sex for fact in one.facts}),
        "age": min(ages) if ages else None,
    }


def reference_file(name: str) -> str:
    """Name the link to the only reference of a series."""
    return f"{name}_reference.dcm"


def references_folder(name: str) -> str:
    """Name the folder of links to several references of a series."""
    return f"{name}_references"


def _told(
    found: Sequence[Found], matched: Matched, archive: pd.DataFrame, series: pd.DataFrame
) -> list[str]:
    """Say what a person has to look at before the draft is used."""
    told = []
    usable = [one for one in found if one.verdict is Verdict.USABLE]
    nameless = len({one.fact.patient for one in usable if not one.fact.named})
    if nameless:
        told.append(
            f"{nameless} studies have no PatientID, and each is taken for a patient of its own."
        )
    undated = int((series["study_date"] == "").sum())
    if undated:
        told.append(f"{undated} series have no date in their headers: fill in study_date.")
    several = sum(len(held) > 1 for held in matched.of_series.values())
    if several:
        told.append(f"{several} series have several references: choose one (column notes).")
    pairs = series[series["study_date"] != ""].groupby(["patient", "study_date"]).size()
    if (pairs > 1).any():
        told.append(
            f"{int((pairs > 1).sum())} studies have several usable series, such as thick and thin "
            "reconstructions or phases: keep the rows that the study is to use."
        )
    noted = int(((archive["notes"] != "") & (archive["verdict"] == Verdict.USABLE)).sum())
    if noted:
        notes = counted(
            [*one.notes, *matched.notes.get(place, ())]
            for place, one in enumerate(found)
            if one.verdict is Verdict.USABLE
        )
        told.append(f"{noted} usable series have notes in archive.tsv{':' if notes else '.'}")
        told += [f"- {count:,} series: {note}" for note, count in notes]
    return told
