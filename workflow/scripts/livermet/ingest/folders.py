"""DICOM masks, as one file or as folders of files: which kind they are, and their segments.

A folder may hold a SEG or RTSTRUCT, several of them, the slices of one mask, or folders of slices,
one for each structure, as 3D-IRCADb's MASKS_DICOM does: then a structure is named as its folder.
"""

import logging
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from livermet.errors import InputError
from livermet.ingest.masks import Frame, Planes, Segment, Segments, cropped
from livermet.ingest.rtstruct import RTSTRUCT_CLASS, read_rtstruct
from livermet.ingest.seg import SEG_CLASSES, placed, read_seg
from livermet.listing import list_files

# What systems and people leave beside DICOM files.
OTHER_ENDINGS = (".txt", ".xml", ".json", ".csv", ".tsv", ".md", ".pdf", ".html", ".db", ".ini")
OTHER_NAMES = ("dicomdir", "version", "lockfile", ".ds_store", "readme", "license")
MOST_VALUES = 50
MISSING_SLICE_GAP = 1.5
KINDS = "NIfTI (.nii, .nii.gz), NRRD, MetaImage, DICOM SEG, RTSTRUCT, or a folder of DICOM masks"


def read_dicom_mask(path: Path, what: str) -> Segments:
    """Read a DICOM mask from a file or a folder.

    Raises InputError for what is no DICOM, for damaged files (told by their number), a folder that
    mixes kinds, and an image that is no mask.
    """
    with _quiet_pydicom():
        files = list_files(path).files
        read, left_out = _datasets(files, path.is_dir(), what)
        by_kind: dict[str, list[tuple[int, Path, Dataset]]] = defaultdict(list)
        for number, file, dataset in read:
            by_kind[_kind_of(dataset)].append((number, file, dataset))
        if not by_kind:
            raise InputError(
                f"{what} holds no DICOM file and is no volume that is read; give {KINDS}."
            )
        if len(by_kind) > 1:
            raise InputError(
                f"{what} mixes {' and '.join(sorted(by_kind))}; give a folder that holds the mask "
                "alone."
            )
        kind = next(iter(by_kind))
        held = by_kind[kind]
        if kind == "DICOM images":
            segments, told, planes = _structures(held, path, len(files), what)
        else:
            segments, told, planes = _objects(held, kind, len(files), what)
    if left_out:
        told.append(f"Files that are no DICOM left out: {left_out}.")
    return Segments(tuple(segments), tuple(told), planes)


@contextmanager
def _quiet_pydicom() -> Iterator[None]:
    """Keep pydicom's warnings back, which quote the value that they complain about."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _datasets(
    files: list[Path], in_folder: bool, what: str
) -> tuple[list[tuple[int, Path, Dataset]], int]:
    """Read DICOM files with their numbers from 1; count the files that are none and need not be."""
    read: list[tuple[int, Path, Dataset]] = []
    left_out, damaged = 0, []
    for number, file in enumerate(files, 1):
        name = file.name.lower()
        if in_folder and (name in OTHER_NAMES or name.endswith(OTHER_ENDINGS)):
            left_out += 1
            continue
        try:
            # Files without the preamble have no mark; their class says what they are.
            dataset = pydicom.dcmread(file, force=True)
            if not dataset.get("SOPClassUID"):
                raise ValueError
            read.append((number, file, dataset))
        except Exception:  # headers fail in every way
            damaged.append(number)
    if damaged and (read or in_folder):
        raise InputError(
            f"{what}: file {damaged[0]} of {len(files)}"
            f"{f' and {len(damaged) - 1} more' if len(damaged) > 1 else ''} cannot be read as "
            "DICOM (empty, cut short, damaged, or another kind); copy it again, or take it out of "
            "the folder."
        )
    return read, left_out


def _kind_of(dataset: Dataset) -> str:
    if dataset.get("SOPClassUID") in SEG_CLASSES:
        return "DICOM SEG"
    if dataset.get("SOPClassUID") == RTSTRUCT_CLASS:
        return "RTSTRUCT"
    return "DICOM images" if "Rows" in dataset else "DICOM without images"


def _objects(
    held: list[tuple[int, Path, Dataset]], kind: str, total: int, what: str
) -> tuple[list[Segment], list[str], Planes | None]:
    readers = {"DICOM SEG": read_seg, "RTSTRUCT": read_rtstruct}
    if kind not in readers:
        raise InputError(f"{what} is DICOM without an image, SEG or RTSTRUCT; give {KINDS}.")
    segments: list[Segment] = []
    told: list[str] = []
    planes: list[Planes | None] = []
    for number, _, dataset in held:
        try:
            found = readers[kind](dataset, what)
        except InputError:
            raise
        except Exception as error:  # pydicom's decoders and a header's fields fail in every way
            which = f"file {number} of {total}: " if total > 1 else ""
            raise InputError(
                f"{what}: {which}this {kind} cannot be read ({type(error).__name__}); it is cut "
                "short, damaged, or lacks a field that it needs: export it again."
            ) from error
        segments += found.segments
        told += found.warnings
        planes.append(found.planes)
    return segments, told, planes[0] if len(planes) == 1 else None


def _structures(
    held: list[tuple[int, Path, Dataset]], path: Path, total: int, what: str
) -> tuple[list[Segment], list[str], Planes | None]:
    """Read slices of masks, those of a folder as one structure.

    Of a lone folder the values are its numbers; of several, names alone tell structures apart.
    """
    by_folder: dict[Path, list[tuple[int, Path, Dataset]]] = defaultdict(list)
    for one in held:
        by_folder[one[1].parent].append(one)
    segments: list[Segment] = []
    told: list[str] = []
    all_planes: list[Planes | None] = []
    for folder, slices in by_folder.items():
        # The workflow reads through links of its own names.
        name = folder.resolve().name if path.is_dir() else ""
        read = [_plane(number, dataset, total, what) for number, _, dataset in slices]
        background = _background([values for values, _, _ in read], what)
        if background:
            told.append(f"The lower of its two values ({background}) was taken as background.")
        all_planes.append(_planes(read, what, told))
        frames: dict[int, list[Frame]] = defaultdict(list)
        for values, steps, origin in read:
            for value in np.unique(values[values != background]).tolist():
                frames[value].append(cropped(Frame((values == value).T, steps, origin)))
        if len(by_folder) > 1 and len(frames) <= 1:
            segments.append(Segment(0, name, tuple(f for kept in frames.values() for f in kept)))
        else:
            segments += [Segment(value, name, tuple(kept)) for value, kept in frames.items()]
            if not frames:
                segments.append(Segment(1, name))
    return segments, list(dict.fromkeys(told)), all_planes[0]


def _planes(
    read: list[tuple[np.ndarray, np.ndarray, np.ndarray]], what: str, told: list[str]
) -> Planes | None:
    """Return the slices of a folder; None where they are not parallel. Holes are told."""
    values, steps, _ = read[0]
    origins = np.array([origin for _, _, origin in read])
    planes = Planes(steps, origins, values.shape[1], values.shape[0])
    alike = all(
        other.shape == values.shape and np.allclose(own, steps, atol=1e-3) for other, own, _ in read
    )
    if not alike:
        return None
    gaps = np.diff(np.sort(planes.depths))
    if len(gaps) and gaps.min() < 0.01:
        raise InputError(
            f"{what} has several slices at one place in a folder; give each mask a folder of its "
            "own."
        )
    if len(gaps) and gaps.max() > MISSING_SLICE_GAP * np.median(gaps):
        told.append("There are gaps between its slices; a slice of the mask may be missing.")
    return planes


def _plane(
    number: int, dataset: Dataset, total: int, what: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return stored values (row, column), steps and origin (RAS+ mm) of a slice of a mask."""
    try:
        values = dataset.pixel_array
        if values.ndim != 2 or dataset.get("SamplesPerPixel", 1) != 1:
            raise ValueError
        steps, origin = placed(
            dataset.ImagePositionPatient, dataset.ImageOrientationPatient, dataset.PixelSpacing
        )
    except Exception as error:  # as above
        raise InputError(
            f"{what}: file {number} of {total} is cut short or damaged, or lacks position, "
            "orientation or pixel spacing, so that it is no slice of a mask; export the mask again."
        ) from error
    return values, steps, origin


def _background(planes: list[np.ndarray], what: str) -> int:
    """Return the stored value outside a mask: 0, or the lower of two; refuse an image."""
    found = np.unique(np.concatenate([np.unique(values) for values in planes]))
    if len(found) > MOST_VALUES:
        raise InputError(
            f"{what} holds more than {MOST_VALUES} different values, so it is an image and no "
            "mask; name the folder of the masks."
        )
    return int(found[0]) if 0 not in found and len(found) == 2 else 0
