"""The scans of new patients: DICOM series and volumes below a folder, under pseudonyms.

A volume has no header that names its patient; it is known by its content, so that the same file
is the same patient wherever it lies, and each file is a patient of its own. It is copied, so that
what is written over later, or is not there any more, is still the scan that was read.
"""

import os
import shutil
from collections import Counter as Counts
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import SimpleITK as sitk

from livermet.archive.draft import ARCHIVE_TABLE, make_draft
from livermet.archive.folders import lay_out
from livermet.archive.packed import FAULTS, kind_of, members
from livermet.archive.progress import Counter
from livermet.archive.pseudonyms import Pseudonyms
from livermet.archive.reading import read_archive, unread
from livermet.archive.series import find_series
from livermet.archive.walk import Walk
from livermet.errors import InputError
from livermet.files import full_disk, remove_parts
from livermet.ingest.headers import NO_DICOM
from livermet.provenance.code import file_checksum
from livermet.sheets import SERIES_COLUMNS
from livermet.sources import ARCHIVE_SUFFIXES, DETACHED_SUFFIXES, fault_of, make_link, suffix_of
from livermet.tables import write_table
from livermet.vocabulary import Verdict

# Below the study's data: links to DICOM files, volumes, links to where these were read from.
ARCHIVE, VOLUMES, READ_FROM, INDEX = "archive", "volumes", "volumes_read_from", "index.sqlite"
# A study needs a date, and a volume tells none. DICOM without one gets a day of its own study's:
# before 1970 there was no CT.
NO_DATE, UNDATED_DAYS = "1900-01-01", 25_000
# Too few for a CT.
MASK = "it has 8 bits a voxel: a mask and no CT"


@dataclass(frozen=True)
class Scans:
    """What was found: rows of a sheet of series, and sentences for the terminal."""

    rows: pd.DataFrame
    told: list[str]


def find_scans(
    images: Path,
    out: Path,
    data: Path,
    cohort: str,
    pseudonyms: Pseudonyms,
    accept: Sequence[str],
    processes: int,
    counter: Counter,
) -> Scans:
    """Find the scans of a file, a packed file or below a folder, and lay them out below `data`.

    `out` is the study's folder, which is not entered; what the archive holds, and why a series is
    not used, goes to `archive.tsv` in it. Raises InputError where there is no scan to be used.
    """
    if not images.exists():
        raise InputError("There is nothing where IMAGES says; correct the path.")
    if images.resolve().is_relative_to(out.resolve()):
        raise InputError(
            f"IMAGES lies in {out}, whose CTs are results: they would come back as new patients. "
            "Name the folder of the scans themselves."
        )
    rows, told = _volumes(images, out, data, cohort, pseudonyms)
    archive = pd.DataFrame(columns=SERIES_COLUMNS)
    if not (images.is_file() and suffix_of(images.name)):
        archive, of_dicom = _dicom(
            images, out, data / ARCHIVE, cohort, pseudonyms, accept, processes, counter
        )
        told = of_dicom + told
    files = pd.DataFrame(rows, columns=SERIES_COLUMNS).drop_duplicates("series")
    found = pd.concat([archive, files] if len(files) else [archive], ignore_index=True)
    if found.empty:
        raise InputError(
            "\n".join(
                [
                    "There is no CT that can be read where IMAGES says; name a folder of DICOM "
                    "files, or a volume (.nii.gz, .nrrd, .mha).",
                    *told,
                ]
            )
        )
    # Lesions of others are not asked for.
    found["reference"] = ""
    patients = found["patient"].nunique()
    whose = f"{patients:,} patient{'' if patients == 1 else 's'}"
    return Scans(found, [f"{len(found):,} CT series of {whose}.", *told])


def _volumes(
    images: Path, out: Path, data: Path, cohort: str, pseudonyms: Pseudonyms
) -> tuple[list[dict], list[str]]:
    """Copy the volumes of a file or below a folder; give their rows, and what is passed over."""
    top = images if images.is_dir() else images.parent
    rows, passed_over = [], Counts[str]()
    for path in (top / one.path for one in Walk(images, (out,)).files()):
        if suffix_of(path.name):
            fault = _fault_of(path)
            if path == images and fault and fault != MASK:
                raise InputError(f"A volume cannot be used: {fault}.")
            if fault and path != images:
                passed_over[fault] += 1
            else:
                rows.append(_row(path, path, data, cohort, pseudonyms))
        elif path == images or path.name.lower().endswith(ARCHIVE_SUFFIXES):
            for volume in _taken_out(path, data):
                if fault := _fault_of(volume):
                    passed_over[fault] += 1
                else:
                    rows.append(_row(volume, path, data, cohort, pseudonyms))
    told = [
        f"Volumes passed over: {count:,}, since {fault}."
        for fault, count in passed_over.most_common()
    ]
    return rows, told


def _taken_out(path: Path, data: Path) -> Iterator[Path]:
    """Take the volumes out of a packed file one by one; a file that is not packed has none.

    What of it is damaged is told where its DICOM files are read.
    """
    with path.open("rb") as stream:
        kind = kind_of(stream.read(512), path.name)
    if kind not in ("zip", "tar"):
        return
    folder = data / VOLUMES
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for member in members(path, kind):
            suffix = suffix_of(member.name) if member else ""
            if not member or not suffix:
                continue
            with _beside(folder / f"member{suffix}") as beside:
                with beside.open("wb") as stream:
                    shutil.copyfileobj(member.stream, stream)
                yield beside
    except FAULTS as error:
        if isinstance(error, InputError):
            raise
        if sentence := full_disk(error, folder):
            raise InputError(sentence) from None


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Give the name of a file that is there while the block works."""
    remove_parts([path])
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def _fault_of(path: Path) -> str:
    """Say why a volume cannot be used, by its name and header; ingest tells of broken ones."""
    if (suffix := suffix_of(path.name)) in DETACHED_SUFFIXES:
        return (
            f"it ends in {suffix}, a header whose values lie beside it: save it as one file "
            "(.nii.gz, .nrrd, .mha)"
        )
    if fault := fault_of(str(path), "image"):
        return f"it {fault}"
    if path.stat().st_size == 0:
        return "it is empty"
    with TemporaryDirectory() as folder:
        # ITK ends the process by a name that is no Unicode.
        plain = Path(folder) / f"volume{suffix}"
        plain.symlink_to(path.absolute())
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(plain))
        try:
            reader.ReadImageInformation()
        except RuntimeError:
            return ""
        return MASK if reader.GetPixelID() in (sitk.sitkUInt8, sitk.sitkInt8) else ""


def _row(path: Path, read_from: Path, data: Path, cohort: str, pseudonyms: Pseudonyms) -> dict:
    """Copy a volume to its place, unless it is there, and return its row.

    A link beside says from which file it was read last.
    """
    suffix = suffix_of(path.name)
    patient = pseudonyms.pseudonym(file_checksum(path))
    series = f"{patient}_undated_volume"
    place = data / VOLUMES / f"{series}{suffix}"
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink() or not place.exists():
        with _beside(place) as beside:
            shutil.copyfile(path, beside)
            os.replace(beside, place)
    make_link(str(data / READ_FROM / series), str(read_from))
    told = {"series": series, "patient": patient, "study_date": NO_DATE, "cohort": cohort}
    told["image"] = f"{VOLUMES}/{series}{suffix}"
    return dict.fromkeys(SERIES_COLUMNS, "") | {"age": None} | told


def _dicom(
    images: Path,
    out: Path,
    folder: Path,
    cohort: str,
    pseudonyms: Pseudonyms,
    accept: Sequence[str],
    processes: int,
    counter: Counter,
) -> tuple[pd.DataFrame, list[str]]:
    """Find the usable CT series, lay links to their files into a folder, and say what is left."""

    def progress(done: int, known: int) -> None:
        counter.tell("files read", done, done - known)

    reading = read_archive(images, pseudonyms, folder / INDEX, processes, [out], progress)
    found = find_series(reading, accept)
    draft = make_draft(found, pseudonyms, cohort, ARCHIVE)
    lay_out(
        draft.placed,
        reading.entries,
        reading.root,
        folder,
        lambda done: counter.tell("files of usable series laid out", done),
    )
    write_table(draft.archive, out / "archive.tsv", ARCHIVE_TABLE)
    verdicts = Counts(draft.archive["verdict"])
    verdicts.pop(str(Verdict.USABLE), None)
    told = unread(reading, {NO_DICOM})
    if verdicts:
        named = ", ".join(f"{word} {count:,}" for word, count in verdicts.most_common())
        told.append(f"Series not used: {named}; {os.path.basename(out)}/archive.tsv says why.")
    study_of = {one.numbers: one.fact.study or one.fact.series for one in found}
    days = {one.name: _undated(study_of[one.numbers]) for one in draft.placed}
    is_dated = draft.series["study_date"].ne("")
    if undated := int((~is_dated).sum()):
        told.append(
            f"{undated} series have no date in their headers: a day before 1970 stands for it in "
            "the names of their studies."
        )
    dates = draft.series["study_date"].where(is_dated, draft.series["series"].map(days))
    return draft.series.assign(study_date=dates), told


def _undated(study: str) -> str:
    """Return the day that stands for a study without a date, by the digest of its UID.

    Series of two such studies of a patient would else be combined as those of one.
    """
    day = date.fromisoformat(NO_DATE) + timedelta(1 + int(study, 16) % UNDATED_DAYS)
    return day.isoformat()
