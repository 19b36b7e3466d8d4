"""Whose an exported instance is: as the source's headers say, or under pseudonyms.

Only the fields that are named here leave the source; what cannot be read or is not as DICOM wants
it is left empty, which the standard allows for all of them. An identity that is lost is another
one, under which a PACS would file the results: such series are not exported.
"""

import hashlib
import hmac
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from pydicom.config import RAISE
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import validate_value

from livermet.archive.pseudonyms import Pseudonyms, read_secret
from livermet.export.exported import refuse
from livermet.vocabulary import ExportedAs

PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
STUDY = ("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName")
FIELDS = (*PATIENT, *STUDY)
SEXES = ("M", "F", "O")
# What DICOM lets a name and an identity hold.
MOST_LETTERS = 64
PURPOSE = "dicom uid"


class Identifiers(Protocol):
    """How patient, study and instances are called."""

    def uid(self, given: str) -> str:
        """Return the UID that stands for one of the source's."""

    def fields(self, header: Dataset, row: Mapping[str, str]) -> dict[str, str]:
        """Return patient and study; `row` has the sheet's patient and study_date (ISO).

        Raises NotExportedError where the patient's identity cannot be written.
        """


class AsGiven:
    """The identifiers that the files had which ingestion read."""

    def uid(self, given: str) -> str:
        """Return the source's own UID."""
        return given

    def fields(self, header: Dataset, row: Mapping[str, str]) -> dict[str, str]:
        """Return patient and study as the header has them; a missing date is the sheet's."""
        if (identity := _usable(header, "PatientID")) is None:
            refuse(
                f"its PatientID is not as DICOM wants it (one text of {MOST_LETTERS} characters at "
                "most), so that a PACS would file the results under another patient"
            )
        found = {name: _usable(header, name) or "" for name in FIELDS} | {"PatientID": identity}
        if found["PatientSex"] not in SEXES:
            found["PatientSex"] = ""
        found["StudyDate"] = found["StudyDate"] or _date(row)
        return found


class Pseudonymous:
    """The sheet's pseudonym and date, and UIDs that nobody leads back who lacks the secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = Pseudonyms(secret).key(PURPOSE)

    def uid(self, given: str) -> str:
        """Return a UID from HMAC-SHA256 of the source's, the same in every run of the secret."""
        made = hmac.new(self._key, given.encode(), hashlib.sha256).digest()
        return f"2.25.{uuid.UUID(bytes=made[:16], version=5).int}"

    def fields(self, header: Dataset, row: Mapping[str, str]) -> dict[str, str]:
        """Return the pseudonym as family name and identity, the sheet's date, and nothing else."""
        name = f"{row['patient']}^"
        if len(name) > MOST_LETTERS:
            refuse(
                f"the sheet's name of its patient is longer than DICOM's {MOST_LETTERS - 1}"
                " characters and a mark"
            )
        return dict.fromkeys(FIELDS, "") | {
            "PatientName": name,
            "PatientID": row["patient"],
            "StudyDate": _date(row),
        }


def identifiers_of(mode: str, secret: str | Path | None) -> Identifiers:
    """Return the identifiers of a word of the config key export.dicom.

    `secret` is the file of `livermet sheet`, for pseudonyms alone. Raises InputError for a file
    that is not kept secret.
    """
    if mode == ExportedAs.AS_GIVEN:
        return AsGiven()
    assert secret, "the config was checked"
    return Pseudonymous(read_secret(Path(secret)))


def _date(row: Mapping[str, str]) -> str:
    return row["study_date"].replace("-", "")


def _usable(header: Dataset, name: str) -> str | None:
    """Return a field as text, '' where there is none; None where it is not as DICOM wants it."""
    # pydicom raises whatever the bytes lead it to.
    with suppress(Exception):
        value = header.get(name)
        # Several values would else be one text with brackets.
        if isinstance(value, MultiValue):
            return None
        text = "" if value is None else str(value).strip()
        validate_value(dictionary_VR(name), text, RAISE)
        return text
    return None
