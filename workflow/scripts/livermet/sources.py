"""The files that a sheet of series names: where they lie, what kind they are, who has them twice.

All of this is found out before any job, by names, listings and the first bytes of files. No
sentence repeats a path, which may hold a patient's name: sheet, row and column tell which it is.

A file enters the workflow by a link of the project's own (`link_of`), named by series and column.
Snakemake takes {4F2A} in a path for a wildcard, cannot print bytes that are no UTF-8, and prints
the paths of all inputs; of the link nothing of this holds. Records know raw files by their content
alone, so that a link changes none.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from livermet.formats import SHEET_FORMATS
from livermet.sheets import repeated
from livermet.spreadsheets import Problem

COLUMNS = ("image", "reference", "liver_mask")
# Headers whose values lie in a file beside them.
DETACHED_SUFFIXES = (".mhd", ".nhdr", ".hdr")
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar", ".gz", ".bz2", ".xz", ".iso")
LINKS = Path(".snakemake/livermet/sources")
PACKED_LINKS = Path(".snakemake/livermet/packed")
# The header of NIfTI with its values in a file beside it says so here; ANALYZE's does not.
NIFTI_MAGIC, NIFTI_PAIR = 344, (b"ni1\0", b"n+1\0")
DICOM_MAGIC = 128
MOST_LOOKED_AT, MOST_FOLDERS_DEEP = 50, 12
SAMPLE_BYTES = 2**20


def suffix_of(name: str | Path) -> str:
    """Return a volume's suffix in lower case; empty for a name that is no volume's."""
    lower = str(name).lower()
    return max((one for one in SHEET_FORMATS if lower.endswith(one)), key=len, default="")


def located(name: str, data_root: str | Path) -> str:
    """Return the path of what a sheet names, below `data_root` unless it is absolute.

    Where the name as it is written is not there, it is looked for as other systems write it:
    letters with accents in one or two characters, in Latin-1, with the separators of Windows.
    """
    path = str(Path(data_root) / name)
    if os.path.lexists(path) or (name.isascii() and not {"\\", "~"} & set(name)):
        return path
    slashed = name.replace("\\", "/")
    for written in (name, slashed):
        for form in ("NFC", "NFD"):
            text = unicodedata.normalize(form, written)
            for encoding in ("utf-8", "cp1252", "latin-1"):
                with suppress(UnicodeEncodeError):
                    other = os.path.join(data_root, os.fsdecode(text.encode(encoding)))
                    if os.path.lexists(other):
                        return other
    home = os.path.expanduser(name)
    return home if os.path.lexists(home) else path


def kind_of(path: str) -> str:
    """Say how an image is stored: 'dicom' (a folder) or 'volume' (a file), by its name if new."""
    return "volume" if suffix_of(path) and not os.path.isdir(path) else "dicom"


def link_of(run: str, series: str, column: str, path: str) -> tuple[str, str]:
    """Return the path by which a source enters the workflow, and the link that it goes through.

    A header with its values beside it is linked with its folder, since it names them.
    """
    link = LINKS / run / series / column
    suffix = "" if os.path.isdir(path) else suffix_of(path)
    if suffix in DETACHED_SUFFIXES:
        return f"{link}.folder/{os.path.basename(path)}", f"{link}.folder"
    return f"{link}{suffix}", f"{link}{suffix}"


def link_of_model(run: str) -> str:
    """Return the link by which the folder of a packed model enters the workflow."""
    return str(PACKED_LINKS / run)


def make_link(link: str, path: str) -> None:
    """Let a link lead to a path, in one step; other processes may be reading through it.

    Tools that copy a run may leave a copy of the source in the place of its link; it is removed.
    """
    target = os.path.abspath(path)
    with suppress(OSError):
        if os.readlink(link) == target:
            return
    os.makedirs(os.path.dirname(link), exist_ok=True)
    beside = f"{link}.{os.getpid()}"
    os.symlink(target, beside)
    if os.path.isdir(link) and not os.path.islink(link):
        shutil.rmtree(link)
    os.replace(beside, link)


def values_beside(path: str) -> list[str]:
    """List the files in which a detached header's values lie, relative to its folder.

    Raises ValueError where the header does not tell.
    """
    suffix = "" if os.path.isdir(path) else suffix_of(path)
    if suffix not in DETACHED_SUFFIXES or not os.path.isfile(path):
        return []
    if suffix == ".hdr":
        for ending in (".img", ".img.gz", ".IMG"):
            if os.path.exists(path[: -len(".hdr")] + ending):
                return [os.path.basename(path)[: -len(".hdr")] + ending]
        return [os.path.basename(path)[: -len(".hdr")] + ".img"]
    with open(path, "rb") as stream:
        text = os.fsdecode(stream.read(SAMPLE_BYTES))
    key = r"ElementDataFile\s*=" if suffix == ".mhd" else r"data ?file:"
    named = re.search(rf"^{key}[ \t]*(.*?)[ \t\r]*$", text, re.M | re.I)
    if not named:
        # A test's empty file, or no header: ingest tells.
        return []
    name = named[1]
    if name.upper().startswith("LIST"):
        lines = text[named.end() :].splitlines()
        return [line.strip() for line in lines if line.strip()]
    if name.upper() == "LOCAL":
        return []
    if "%" in name:
        raise ValueError("a pattern of file names")
    return [name]


def problems_of_sources(table: pd.DataFrame, data_root: str | Path) -> list[Problem]:
    """Say of each row which of its files cannot be used; of two rows, that they share a scan.

    `table` is a sheet of series whose index are its rows.
    """
    problems: list[Problem] = []
    for column in COLUMNS:
        paths = table.loc[table[column] != "", column].map(lambda name: located(name, data_root))
        usable = {}
        for row, path in paths.items():
            fault = fault_of(path, column)
            if fault:
                problems.append(
                    Problem(
                        row, f"series '{table.at[row, 'series']}': the column '{column}' {fault}."
                    )
                )
            else:
                usable[row] = path
        given = pd.Series(usable, dtype=object)
        same = repeated(given.map(_place_of), table, column)
        # What is the same as it is written has been told with the sheet.
        written = table[column].map(os.path.normpath)
        told = {row for row in given.index if written[:row].eq(written[row]).sum() > 1}
        problems += [problem for problem in same if problem.row not in told]
        if column == "image":
            copies = given.drop([problem.row for problem in same])
            problems += _copies(copies, table)
    return sorted(problems)


def fault_of(path: str, column: str) -> str:
    """Say why what a cell names cannot be read, by its name and kind; empty where it can."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return _not_there(path, error)
    except ValueError:
        return "holds a character that no path may have; write the path again"
    if stat.S_ISDIR(mode):
        return _fault_of_folder(path)
    if not stat.S_ISREG(mode):
        return "names neither a file nor a folder; name one"
    if not os.access(path, os.R_OK):
        return "names a file that may not be read; ask for the right to read it"
    return _fault_of_file(path, column)


def _not_there(path: str, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "names a link that leads to itself; put the files there, or correct the cell"
    if error.errno == errno.EACCES:
        return "names what lies in a folder that may not be entered; ask for the right to enter it"
    if error.errno == errno.ENAMETOOLONG:
        return "holds a path that is too long; correct the cell"
    if os.path.islink(path):
        return "names a link to what is not there; put the files there, or correct the cell"
    if re.match(r"([A-Za-z]:[\\/]|\\\\)", path.rpartition("/")[2]) or "\\" in path:
        return (
            "names a path as Windows writes it, which is not there; write it as this machine does, "
            "with / between folders"
        )
    parts = Path(path).parts
    there = sum(os.path.exists(Path(*parts[:count])) for count in range(1, len(parts)))
    begin = "an absolute path begins at /, any other below data_root of the config"
    if there < len(parts) - 1:
        which = f"the folder in which it should lie is not there (part {there + 1} of its path)"
    else:
        which = "the folder in which it should lie is there"
    return f"names what is not there; {which}: put it there, or correct the cell ({begin})"


def _fault_of_folder(path: str) -> str:
    try:
        with os.scandir(path) as entries:
            seen = [entry.name for entry, _ in zip(entries, range(MOST_LOOKED_AT), strict=False)]
    except OSError:
        return "names a folder that may not be opened; ask for the right to read it"
    if not seen:
        return "names an empty folder; put the files there, or correct the cell"
    if not is_there(path):
        return (
            "names a folder of links to what is not there; put the files where the links lead, or "
            "lay them out again"
        )
    if all(suffix_of(name) for name in seen):
        return "names a folder of volumes and not of DICOM files; name the one file in it"
    if all(name.lower().endswith(ARCHIVE_SUFFIXES) for name in seen):
        return "names a folder of packed files; unpack them"
    return ""


def is_there(path: str | Path) -> bool:
    """Tell whether a source can be read, and no link to it, or in its folder, leads nowhere.

    Of a folder the first and the last file are looked at: all lie on one disk, or one disc.
    """
    if not os.path.isdir(path):
        return os.path.exists(path)
    names = sorted(os.listdir(path))
    return all(os.path.exists(os.path.join(path, name)) for name in (*names[:1], *names[-1:]))


def _fault_of_file(path: str, column: str) -> str:
    suffix, lower = suffix_of(path), path.lower()
    try:
        with open(path, "rb") as stream:
            begin = stream.read(NIFTI_MAGIC + 4)
    except OSError:
        return "names a file that cannot be read; check the disk that it lies on"
    if suffix == ".hdr" and begin and begin[NIFTI_MAGIC:] not in NIFTI_PAIR:
        return (
            "names a header of ANALYZE, which does not tell left from right; convert the volume "
            "from its source to NIfTI"
        )
    if suffix:
        return _fault_of_values(path)
    if begin[DICOM_MAGIC : DICOM_MAGIC + 4] == b"DICM" or lower.endswith(
        (".dcm", ".ima", ".dicom")
    ):
        # A segmentation or a set of contours is one file, and so may be a multi-frame series.
        if column != "image" or _has_frames(path):
            return ""
        return "names one DICOM file of one slice; name the folder of its series"
    if lower.endswith(ARCHIVE_SUFFIXES) or begin.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        return "names a packed file; unpack it, and name its folder or volume"
    if lower.endswith((".img", ".raw", ".zraw")):
        return "names values without their header; name the header beside it (.hdr, .mhd, .nhdr)"
    return (
        "names a file of a kind that is not read; name a DICOM folder or a volume that ends in "
        f"{', '.join([*SHEET_FORMATS][:-1])} or {[*SHEET_FORMATS][-1]}"
    )


def _has_frames(path: str) -> bool:
    # Most plans need none of it.
    import pydicom

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["NumberOfFrames"])
        return int(header.get("NumberOfFrames") or 1) > 1
    except Exception:
        # Headers fail in every way; ingest tells which.
        return False


def _fault_of_values(path: str) -> str:
    whole = "save the volume as one file (.nii.gz, .nrrd, .mha)"
    try:
        names = values_beside(path)
    except (OSError, ValueError):
        return f"names a header whose values lie in files that it names by a pattern; {whole}"
    folder = os.path.dirname(path)
    missing = [name for name in names if not os.path.isfile(os.path.join(folder, name))]
    if missing:
        return (
            f"names a header whose values are not there ({len(missing)} of {len(names)} files "
            f"beside it); put them there, or {whole}"
        )
    if names and any(not _is_plain(name) for name in [os.path.basename(path), *names]):
        return f"names a header or values whose names hold braces or odd letters; {whole}"
    return ""


def _is_plain(name: str) -> bool:
    return not re.search(r"[{}\n]", name) and not any("\ud800" <= one <= "\udfff" for one in name)


def _place_of(path: str) -> tuple[int, int]:
    """Return what a file or folder is on its disk, the same by every link to it."""
    facts = os.stat(path)
    return facts.st_dev, facts.st_ino


def _copies(paths: pd.Series, table: pd.DataFrame) -> list[Problem]:
    """Name scans of another patient that are copies of each other, by a sample of their content.

    Listings find what may be a copy: as many entries, a first image of the same size.
    """
    by_listing: dict[tuple[int, int], list[int]] = {}
    firsts = {}
    for row, path in paths.items():
        count, first = _first_image(path)
        if first:
            size = os.path.getsize(first)
            firsts[row] = first
            by_listing.setdefault((count, size), []).append(row)
    found = []
    for rows in by_listing.values():
        if table.loc[rows, "patient"].nunique() > 1:
            samples = pd.Series({row: _sample_of(firsts[row]) for row in rows})
            found += [
                Problem(row, what.replace("names the scan", "names a copy of the scan"))
                for row, what in repeated(samples, table, "image")
            ]
    return found


def _first_image(path: str) -> tuple[int, str]:
    """Return the number of entries of a folder and its first DICOM image; a file is its own."""
    if not os.path.isdir(path):
        return 1, path if os.path.getsize(path) else ""
    folder = path
    for _ in range(MOST_FOLDERS_DEEP):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            return 0, ""
        places = [os.path.join(folder, name) for name in names[:MOST_LOOKED_AT]]
        for place in places:
            if os.path.basename(place).upper() != "DICOMDIR" and _begins_as_dicom(place):
                return len(names), place
        folders = [place for place in places if os.path.isdir(place)]
        if not folders:
            break
        folder = folders[0]
    return 0, ""


def _begins_as_dicom(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            return stream.read(DICOM_MAGIC + 4)[DICOM_MAGIC:] == b"DICM"
    except OSError:
        return False


def _sample_of(path: str) -> str:
    """Digest the first, middle and last megabyte of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        for begin in (0, size // 2, max(0, size - SAMPLE_BYTES)):
            stream.seek(begin)
            digest.update(stream.read(SAMPLE_BYTES))
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Sources:
    """The images, references and liver masks of a run's series, as they enter the workflow.

    `rows` are the sheet's by series; the files of `phantoms` are made by rules. A disk is slow to
    ask, and rules ask often, so that each answer is kept.
    """

    run: str
    data_root: str
    rows: Mapping[str, Mapping[str, Any]]
    phantoms: Collection[str]

    def kind(self, series: str) -> str:
        """Say how a series is stored: 'dicom' (a folder) or 'volume' (a file)."""
        return kind_of(self._raw(series, "image"))

    def path(self, series: str, column: str = "image") -> str | None:
        """Return the path by which a series' image, reference or liver mask enters the workflow.

        It is a link of the project's own, and of a phantom the path itself; None where the series
        has none.
        """
        if not self.rows[series][column]:
            return None
        is_made = series in self.phantoms
        return self._raw(series, column) if is_made else self._link(series, column)[0]

    def paths(self, names: Iterable[str], column: str) -> list[str]:
        """List the references or liver masks of those series that have one."""
        return [path for name in names if (path := self.path(name, column))]

    def values(self, series: str, column: str = "image") -> list[str]:
        """List the files beside a source that hold its values, where it is a header alone."""
        path = self.path(series, column)
        if path is None or series in self.phantoms:
            return []
        raw = self._raw(series, column)
        names = self._once("values", series, column, lambda: values_beside(raw))
        return [str(Path(path).with_name(name)) for name in names]

    def values_of_several(self, names: Iterable[str], column: str) -> list[str]:
        """List the files beside the references or liver masks of some series, as for one."""
        return [path for name in names for path in self.values(name, column)]

    def link(self) -> None:
        """Make the links by which sources enter the workflow, or let them lead right."""
        for series, row in self.rows.items():
            for column in COLUMNS:
                if row[column] and series not in self.phantoms:
                    path = self._raw(series, column)
                    _, link = self._link(series, column)
                    folder = link.endswith(".folder")
                    make_link(link, str(Path(path).parent) if folder else path)

    def _raw(self, series: str, column: str) -> str:
        name = self.rows[series][column]
        if series in self.phantoms:
            return str(Path(self.data_root) / name)
        return self._once("path", series, column, lambda: located(name, self.data_root))

    def _link(self, series: str, column: str) -> tuple[str, str]:
        def find() -> tuple[str, str]:
            return link_of(self.run, series, column, self._raw(series, column))

        return self._once("link", series, column, find)

    def _once(self, what: str, series: str, column: str, find: Callable[[], Any]) -> Any:
        key = what, series, column
        if key not in self._found:
            self._found[key] = find()
        return self._found[key]

    @cached_property
    def _found(self) -> dict[tuple[str, str, str], Any]:
        return {}
