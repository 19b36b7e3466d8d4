"""A study's sheet held against the headers of its archive, by pseudonyms and moved dates.

Ingestion has no secret and cannot tell whether a pseudonym is the header's patient; here both are
known. A row that was moved to another scan puts one patient into training and test.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from livermet.archive.tables import date_in_text
from livermet.sheets import SERIES_COLUMNS
from livermet.spreadsheets import read_sheet, rows_in_words
from livermet.vocabulary import Verdict


def check_sheet(path: Path, archive: pd.DataFrame) -> tuple[list[str], str]:
    """Return what is wrong with a sheet by the table of its archive, and a summary.

    Raises InputError and FileNotFoundError for a sheet that cannot be read.
    """
    sheet = read_sheet(path, SERIES_COLUMNS).table
    known = archive.set_index("series")
    rows = sheet[sheet["series"].isin(known.index)]
    headers = known.loc[rows["series"]].set_index(rows.index)
    nameless = headers["notes"].str.contains("It has no PatientID")
    moved = rows["study_date"].map(date_in_text)
    stated = headers["study_date"].map(date_in_text)
    unusable = headers["verdict"] != Verdict.USABLE
    problems = [
        *_said(
            path,
            rows.index[(rows["patient"] != headers["patient"]) & ~nameless],
            "its headers name another patient than the sheet; correct the row",
        ),
        *_said(
            path,
            rows.index[stated.notna() & (stated != moved)],
            "its headers have another date, once moved, than the sheet; correct the row",
        ),
        *_said(
            path,
            rows.index[unusable],
            "the archive's series of this name is not usable (archive.tsv of a draft says why)",
        ),
        *_said(
            path,
            rows.index[
                [not image.rstrip("/").endswith(f"/{name}") for image, name in _images(rows)]
            ],
            "its image is not the folder of its series; correct the row",
        ),
    ]
    usable = known.index[known["verdict"] == Verdict.USABLE]
    new = int((~usable.isin(sheet["series"])).sum())
    return problems, (
        f"{len(rows)} of {len(sheet)} rows of {path} are series of the archive, which has {new} "
        "usable series more."
    )


def _images(rows: pd.DataFrame) -> Iterable[tuple[str, str]]:
    return zip(rows["image"], rows["series"], strict=True)


def _said(path: Path, rows: Iterable[int], sentence: str) -> list[str]:
    found = list(rows)
    return [f"{path}, {rows_in_words(found)}: {sentence}."] if found else []
