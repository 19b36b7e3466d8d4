"""The scans of new patients: DICOM series and volumes below a folder, under pseudonyms.

A volume has no header that names its patient; it is known by its content, so that the same file
is the same patient wherever it lies, and each file is a patient of its own.
"""

import os
from collections import Counter as Counts
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import SimpleITK as sitk

from livermet.archive.draft import ARCHIVE_TABLE, make_draft
from livermet.archive.folders import lay_out
from livermet.archive.progress import Counter
from livermet.archive.pseudonyms import Pseudonyms
from livermet.archive.reading import read_archive
from livermet.archive.series import find_series
from livermet.archive.walk import Walk
from livermet.errors import InputError
from livermet.provenance.code import file_checksum
from livermet.sheets import SERIES_COLUMNS
from livermet.sources import DETACHED_SUFFIXES, fault_of, make_link, suffix_of
from livermet.tables import write_table
from livermet.vocabulary import Verdict

# Below the study's data: links to DICOM files, links to volumes.
ARCHIVE, VOLUMES, INDEX = "archive", "volumes", "index.sqlite"
# A study needs a date, and a volume tells none.
NO_DATE = "1900-01-01"


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
    """Find the scans of a file or below a folder, and lay links to them below `data`.

    `out` is the study's folder, which is not entered; what the archive holds, and why a series is
    not used, goes to `archive.tsv` in it. Raises InputError where there is no scan to be used.
    """
    if not images.exists():
        raise InputError("There is nothing where IMAGES says; correct the path.")
    volumes = _volumes(images, out)
    is_volume = images.is_file() and bool(volumes)
    masks = [] if is_volume else [path for path in volumes if _is_mask(path)]
    volumes = [path for path in volumes if path not in masks]
    archive, told = (
        (pd.DataFrame(columns=SERIES_COLUMNS), [])
        if is_volume
        else _dicom(images, out, data / ARCHIVE, cohort, pseudonyms, accept, processes, counter)
    )
    if masks:
        told.append(f"Volumes passed over: {len(masks):,} of 8 bits a voxel, masks and no CT.")
    rows = [_row_of_volume(path, data, cohort, pseudonyms) for path in volumes]
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
    # Lesions of others are not asked for, and a date stands in a study's name.
    found["reference"] = ""
    found["study_date"] = found["study_date"].replace("", NO_DATE)
    patients = found["patient"].nunique()
    return Scans(found, [f"{len(found):,} CT series of {patients:,} patients.", *told])


def _volumes(images: Path, out: Path) -> list[Path]:
    """List the volumes below a folder, or the file itself if it is one."""
    top = images if images.is_dir() else images.parent
    files = (top / one.path for one in Walk(images, (out,)).files())
    return [path for path in files if suffix_of(path.name)]


def _is_mask(path: Path) -> bool:
    """Tell whether a volume has 8 bits a voxel, too few for a CT; ingest tells of broken ones."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return False
    return reader.GetPixelID() in (sitk.sitkUInt8, sitk.sitkInt8)


def _row_of_volume(path: Path, data: Path, cohort: str, pseudonyms: Pseudonyms) -> dict:
    suffix = suffix_of(path.name)
    if suffix in DETACHED_SUFFIXES:
        raise InputError(
            f"A volume ends in {suffix}, a header whose values lie beside it; save it as one file "
            "(.nii.gz, .nrrd, .mha)."
        )
    if fault := fault_of(str(path), "image"):
        raise InputError(f"A volume ({suffix}) cannot be used: it {fault}.")
    patient = pseudonyms.pseudonym(file_checksum(path))
    series = f"{patient}_undated_volume"
    (data / VOLUMES).mkdir(parents=True, exist_ok=True)
    make_link(str(data / VOLUMES / f"{series}{suffix}"), str(path))
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
    draft = make_draft(find_series(reading, accept), pseudonyms, cohort, ARCHIVE)
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
    told = []
    if verdicts:
        named = ", ".join(f"{word} {count:,}" for word, count in verdicts.most_common())
        told.append(f"Series not used: {named}; {os.path.basename(out)}/archive.tsv says why.")
    return draft.series, told
