"""The audit of a run: its manifest, its crate and its page, and what is wrong with it in words."""

import os
import time
from contextlib import suppress
from pathlib import Path

from livermet.errors import InputError
from livermet.files import whole_file, write_json
from livermet.provenance.findings import (
    FAULTS,
    MANIFEST,
    MOST_NAMED,
    PAGE,
    WHEN,
    Found,
    Kind,
    examine,
    known_checksums,
)
from livermet.provenance.journal import in_utc
from livermet.provenance.manifest import manifest
from livermet.provenance.origins import Origins, read_origins
from livermet.provenance.records import VERIFIED, Checksums, read_hints

MOST_TOLD = 20


def audit_run(folder: str | Path) -> list[Found]:
    """Examine a run's folder and write manifest, crate and page into its `provenance/`.

    Nothing but the folder is needed, and nothing is made again. Raises InputError where the folder
    is not that of a run, where one of its files cannot be read, and, with all that was found, where
    the audit cannot be written.
    """
    try:
        origins = read_origins(folder)
        sums = known_checksums(origins)
        found = examine(origins, sums)
    except OSError as error:
        raise InputError(
            f"The audit cannot read {_named(error, folder)} ({error.strerror}). Give yourself "
            "leave to read the run's folder, or ask its owner to audit it."
        ) from error
    _keep(origins, sums)
    try:
        _write(origins, found)
    except OSError as error:
        raise InputError(
            "\n".join(
                [
                    *(in_words(found) or ["Nothing is altered, missing or stale."]),
                    f"The audit cannot write into {origins.folder.name}/provenance "
                    f"({error.strerror}), so that there is no new page and manifest. To have them, "
                    "copy the run's folder to a place where you may write, and audit the copy.",
                ]
            )
        ) from error
    return found


def _write(origins: Origins, found: list[Found]) -> None:
    from livermet.provenance.crate import write_crate
    from livermet.provenance.page import audit_page, when_and_where

    audited = in_utc(time.time())
    content = manifest(origins, found, audited)
    write_json(content, origins.folder / MANIFEST)
    write_crate(origins, content)
    with whole_file(origins.folder / PAGE) as beside:
        beside.write_text(audit_page(origins, found, content))
    # The report of equal results is equal byte for byte; its date and commit stand in this file,
    # which it shows.
    with whole_file(origins.folder / WHEN) as beside:
        beside.write_text(when_and_where(found, content))


def _named(error: OSError, folder: str | Path) -> str:
    """Name the file that an error tells of, from the run's folder on."""
    folder = Path(os.path.abspath(folder))
    place = Path(os.path.abspath(error.filename or folder))
    inside = place.is_relative_to(folder)
    return str(place.relative_to(folder.parent)) if inside else place.name


def in_words(found: list[Found]) -> list[str]:
    """Say what is wrong with a run, a sentence a file; of notes only how many there are."""
    faults = [one for one in found if one.kind in FAULTS]
    sentences = [one.sentence for one in faults[:MOST_TOLD]]
    if len(faults) > MOST_TOLD:
        sentences.append(f"{len(faults) - MOST_TOLD} more files; {PAGE} lists them.")
    for kind in Kind:
        count = sum(one.kind is kind for one in found)
        if kind not in FAULTS and count:
            files = "1 file" if count == 1 else f"{count} files"
            named = ", ".join(one.path for one in found if one.kind is kind and count <= MOST_NAMED)
            where = f": {named}." if named else f"; {MANIFEST} lists them."
            sentences.append(f"Note: {files} of which each {kind.value}{where}")
    return sentences


def has_faults(found: list[Found]) -> bool:
    """Tell whether something is altered, missing or stale."""
    return any(one.kind in FAULTS for one in found)


def _keep(origins: Origins, sums: Checksums) -> None:
    """Leave to later audits and plans what had to be read; an archive may be read-only."""
    if sums.read:
        place = origins.base / VERIFIED
        with suppress(OSError):
            write_json(read_hints(place) | sums.read, place)
