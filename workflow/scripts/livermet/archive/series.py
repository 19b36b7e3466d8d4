"""Series of an archive: which objects belong together, and whether ingestion would take them.

Objects of one SeriesInstanceUID are a series. Within it, slices that lie in other planes or are of
another size are told apart, and acquisitions that ingestion would find mixed; slices of which each
has a series of its own, as some anonymisers write, are put together. The judgement is ingestion's
own (`livermet.ingest.stack`), of the headers alone: pixels are read when a series is ingested.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from livermet.archive.facts import Fact, Kept
from livermet.archive.header import REFERENCE_CLASSES
from livermet.archive.reading import Entry, Reading, begin_process, pattern_of, told_if_ended
from livermet.errors import InputError
from livermet.ingest.headers import SECONDARY_CAPTURE, Slice, median_of
from livermet.ingest.stack import (
    COLOURS,
    LEAST_OF_A_STACK,
    LOCALIZERS,
    SCREENS,
    Stack,
    acquisitions,
    check_geometry,
    in_order,
    labels_by,
    patients_of,
    position,
    select_slices,
    shared_places,
    stack_slices,
)
from livermet.vocabulary import Accepted, Verdict

DOSE_REPORT = "1.2.840.10008.5.1.4.1.1.88.67"
# Less than a liver: told, and not refused, since a part may be meant.
LEAST_COVERED_MM = 100.0
AXIAL = float(np.cos(np.radians(45)))
MOST_SPLITS = 3
# Fewer objects are judged before processes have started.
WORTH_A_PROCESS, OBJECTS_OF_A_SHARE = 2000, 500
# What a sheet is told to take all the same, beside what ingestion accepts.
ACCEPTED = (*(str(one) for one in Accepted), str(Verdict.DERIVED), str(Verdict.REFORMATTED))
_WHAT = "The series"
# Where ingestion's own sentence would tell how to correct a sheet.
_TAKES = "--accept {} takes such series with a warning, and ingest.accept has to name it too."
REASONS = {
    Verdict.OTHER_MODALITY: "Its images are no CT.",
    Verdict.LOCALIZER: "Its images are localizers.",
    Verdict.SECONDARY_CAPTURE: "Its images are pictures of a screen, without Hounsfield units.",
    Verdict.DOSE_REPORT: "It tells of the radiation dose.",
    Verdict.SEVERAL_PATIENTS: "Its slices name several patients in PatientID or PatientName.",
    Verdict.PROJECTION: f"Its images are projections (MIP, MinIP); {_TAKES.format('projections')}",
    Verdict.OTHER_UNITS: (
        f"Its values are no Hounsfield units (RescaleType); {_TAKES.format('other_units')}"
    ),
    Verdict.LOSSY: f"Its values were compressed with a loss; {_TAKES.format('lossy')}",
    Verdict.NO_RESCALE: (
        f"Slices lack RescaleSlope or RescaleIntercept, or have a table in their place; where no "
        f"slice has them, {_TAKES.format('no_rescale')}"
    ),
}


@dataclass(frozen=True)
class Found:
    """A series of the archive and what was found of it.

    key: what it is known by as long as its archive grows, a digest. numbers: its objects among the
    entries; of a usable series in the order of its slices. facts, instances: what each of them
    tells, and the digest of its SOPInstanceUID. copies: objects that were left out because they
    are there twice. reason: a sentence where it is not usable. spacing: of its slices,
    None where they are no stack. Slices are not kept, which for a large archive would fill the
    memory.
    """

    key: str
    facts: tuple[Fact, ...]
    instances: tuple[str, ...]
    numbers: tuple[int, ...]
    verdict: Verdict
    reason: str = ""
    spacing: float | None = None
    thickness: float | None = None
    slices: int = 0
    copies: int = 0
    notes: tuple[str, ...] = ()

    @property
    def fact(self) -> Fact:
        """What any of its objects tells."""
        return self.facts[0]


@dataclass
class _Group:
    """Objects that are judged together; `key` and `told` say how they were put together."""

    key: str
    objects: list[Kept]
    numbers: list[int]
    copies: int = 0
    told: list[str] = field(default_factory=list)


def find_series(reading: Reading, accept: Iterable[str] = (), processes: int = 1) -> list[Found]:
    """Group what was read of an archive into series and judge each.

    `accept` are words of `ACCEPTED`. Of a large archive, several processes judge.
    """
    judge = _Judge(reading, set(accept))
    by_series: dict[str, list[int]] = defaultdict(list)
    for number, entry in enumerate(reading.entries):
        # Without a SeriesInstanceUID, what lies in one folder.
        by_series[entry.series or f"folder {entry.folder}"].append(number)
    found: list[Found] = []
    alone: dict[tuple, list[_Group]] = defaultdict(list)
    for answer in _answers(judge, list(by_series.items()), processes):
        found += answer.found
        for place, group in answer.singles:
            alone[place].append(group)
    for place, groups in alone.items():
        found += judge.of_singles(place, groups)
    return found


class _Answer(NamedTuple):
    """What was found of some series; the slices that have one each, with what they share."""

    found: list[Found]
    singles: list[tuple[tuple, _Group]]


class _Judge:
    """What series are judged by; each series by itself, so that processes share the work."""

    def __init__(self, reading: Reading, accept: set[str]) -> None:
        self._reading = reading
        self.objects = len(reading.entries)
        self._accept = accept
        self._folders = _series_of_folders(reading.entries)

    def of_series(self, several: Iterable[tuple[str, list[int]]]) -> _Answer:
        """Judge series, each by what it is known by and the numbers of its entries."""
        entries, answer = self._reading.entries, _Answer([], [])
        for series, numbers in several:
            objects = [entries[n].kept(n + 1) for n in numbers]
            group = _without_copies(_Group(series, objects, numbers))
            if place := _place_of_a_single(group, entries):
                answer.singles.append((place, group))
            else:
                answer.found.extend(self._judged(group))
        return answer

    def of_singles(self, place: tuple, groups: Sequence[_Group]) -> list[Found]:
        """Judge slices that share a place and have a series each: together, if they are enough."""
        if len(groups) < LEAST_OF_A_STACK:
            return [found for group in groups for found in self._judged(group)]
        together = _Group(
            _digest("single slices", *place),
            [one for group in groups for one in group.objects],
            [one for group in groups for one in group.numbers],
            sum(group.copies for group in groups),
        )
        return self._judged(together)

    def _judged(self, group: _Group) -> list[Found]:
        return [
            _with_lost(one, self._reading, self._folders, self._accept)
            for one in _judged(group, self._accept)
        ]


def _answers(
    judge: _Judge, series: Sequence[tuple[str, list[int]]], processes: int
) -> Iterator[_Answer]:
    """Give the answers in the order of the series."""
    if processes == 1 or judge.objects < WORTH_A_PROCESS:
        yield judge.of_series(series)
        return
    pool = ProcessPoolExecutor(processes, initializer=_begin, initargs=(judge,))
    with told_if_ended(), pool:
        yield from pool.map(_of_series, _shares(series))


def _shares(series: Sequence[tuple[str, list[int]]]) -> Iterator[list[tuple[str, list[int]]]]:
    """Part series into shares of about as many objects each."""
    share: list[tuple[str, list[int]]] = []
    objects = 0
    for one in series:
        share.append(one)
        objects += len(one[1])
        if objects >= OBJECTS_OF_A_SHARE:
            yield share
            share, objects = [], 0
    if share:
        yield share


_JUDGE: list[_Judge] = []


def _begin(judge: _Judge) -> None:
    begin_process()
    _JUDGE[:] = [judge]


def _of_series(share: list[tuple[str, list[int]]]) -> _Answer:
    return _JUDGE[0].of_series(share)


# Which objects belong together.


def _digest(*parts: object) -> str:
    text = "\0".join(map(str, parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _place_of_a_single(group: _Group, entries: Sequence[Entry]) -> tuple | None:
    """Return what slices with a series each have to share to be one series; None for others."""
    if len(group.objects) != 1 or len(group.objects[0].slices) != 1:
        return None
    (fact, _, (one,)) = group.objects[0]
    if fact.modality != "CT" or one.kinds & LOCALIZERS or not _has_place(one):
        return None
    folder = entries[group.numbers[0]].folder
    return (fact.patient, fact.study, folder, *_plane_of(one))


def _without_copies(group: _Group) -> _Group:
    """Leave out objects that are there twice with the same header."""
    seen: dict[str, Kept] = {}
    objects, numbers = [], []
    for kept, number in zip(group.objects, group.numbers, strict=True):
        first = seen.setdefault(kept.instance, kept)
        if first is kept or not kept.instance or not _same(first, kept):
            objects.append(kept)
            numbers.append(number)
    copies = len(group.objects) - len(objects)
    return replace(group, objects=objects, numbers=numbers, copies=copies)


def _same(first: Kept, other: Kept) -> bool:
    def content(kept: Kept) -> list[dict]:
        return [{**vars(one), "number": 0} for one in kept.slices]

    return content(first) == content(other)


def _has_place(one: Slice) -> bool:
    return {"ImagePositionPatient", "ImageOrientationPatient", "Rows", "Columns"} <= set(
        one.numbers
    )


def _plane_of(one: Slice) -> tuple:
    """Return what slices of one volume share: size, orientation and spacing; () if unknown."""
    names = ("Rows", "Columns", "ImageOrientationPatient", "PixelSpacing")
    return tuple(_rounded(one.numbers.get(name, ())) for name in names)


@lru_cache(maxsize=1024)
def _rounded(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(value, 2) for value in values)


# Whether they are usable.


def _judged(group: _Group, accept: set[str]) -> Iterator[Found]:
    objects = [n for n, kept in enumerate(group.objects) if not kept.slices]
    images = [n for n, kept in enumerate(group.objects) if kept.slices]
    if objects:
        yield _object(_part(group, objects, "objects" if images else ""))
    if images:
        yield from _judged_images(_part(group, images, ""), accept)


def _part(group: _Group, places: Sequence[int], label: str, told: Sequence[str] = ()) -> _Group:
    """Take some of a group's objects; a label makes it a series of its own."""
    return _Group(
        _digest(group.key, label) if label else group.key,
        [group.objects[n] for n in places],
        [group.numbers[n] for n in places],
        group.copies,
        [*group.told, *told],
    )


def _object(group: _Group) -> Found:
    fact = group.objects[0].fact
    if fact.sop_class in REFERENCE_CLASSES:
        return _found(group, Verdict.REFERENCE, "It is a segmentation or a set of contours.")
    if fact.sop_class == DOSE_REPORT:
        return _found(group, Verdict.DOSE_REPORT, "It is a report of the radiation dose.")
    return _found(group, Verdict.NO_IMAGE, "It holds no image.")


def _found(group: _Group, verdict: Verdict, reason: str, slices: int = 0) -> Found:
    return Found(
        group.key,
        tuple(kept.fact for kept in group.objects),
        tuple(kept.instance for kept in group.objects),
        tuple(group.numbers),
        verdict,
        reason,
        thickness=_thickness(group.objects),
        slices=slices,
        copies=group.copies,
        notes=tuple(group.told),
    )


def _thickness(objects: Sequence[Kept]) -> float | None:
    return median_of([one for kept in objects for one in kept.slices], "SliceThickness")


def _judged_images(group: _Group, accept: set[str]) -> Iterator[Found]:
    slices = [one for kept in group.objects for one in kept.slices]
    known = accept & set(map(str, Accepted))
    try:
        kept, told = select_slices(_WHAT, slices, len(group.objects), known)
    except InputError as error:
        word = _refusal(slices, accept)
        yield _found(group, word, REASONS.get(word) or _sentence(error), len(slices))
        return
    # File numbers are those of a folder that nobody sees.
    told = [_without_files(sentence) for sentence in told]
    planes = _parted(kept, _plane_of)
    for plane, part in planes.items():
        label = f"plane {plane}" if len(planes) > 1 else ""
        one = _of_slices(group, part, label, told)
        if label:
            one.told.append(
                "Its SeriesInstanceUID holds slices of another size or plane, which have a row of "
                "their own."
            )
        yield from _judged_stack(one, part, accept, MOST_SPLITS)


def _parted(slices: Sequence[Slice], label_of) -> dict:
    parts = defaultdict(list)
    for one in slices:
        parts[label_of(one)].append(one)
    return dict(parts)


def _of_slices(group: _Group, slices: Sequence[Slice], label: str, told: Sequence[str]) -> _Group:
    """Take the objects of some slices; of several frames a part cannot be linked by itself."""
    wanted = {one.number - 1 for one in slices}
    places = [n for n, number in enumerate(group.numbers) if number in wanted]
    return _part(group, places, label, told)


def _judged_stack(
    group: _Group, slices: Sequence[Slice], accept: set[str], splits: int
) -> Iterator[Found]:
    total = len(slices)
    try:
        check_geometry(_WHAT, slices, total)
    except InputError as error:
        word = Verdict.TOO_FEW_SLICES if total < 2 else Verdict.UNPLACED
        yield _found(group, word, _sentence(error), total)
        return
    ordered = in_order(slices)
    depths = _depths(ordered)
    count, tag = acquisitions(ordered, depths)
    if count and splits and all(one.frame is None for one in ordered):
        yield from _split(group, ordered, depths, tag, accept, splits)
        return
    try:
        stack = stack_slices(_WHAT, ordered)
    except InputError as error:
        mixed = count or shared_places(ordered)
        word = Verdict.SEVERAL_ACQUISITIONS if mixed else _of_gaps(depths)
        yield _found(group, word, _sentence(error), total)
        return
    yield _of_stack(group, stack, accept)


def _depths(ordered: Sequence[Slice]) -> np.ndarray:
    row, column = np.reshape(ordered[0].numbers["ImageOrientationPatient"], (2, 3))
    places = np.array([position(one) for one in ordered])
    along = places @ np.cross(row, column)
    return along if along[-1] >= along[0] else -along


def _of_gaps(depths: np.ndarray) -> Verdict:
    gaps = np.diff(depths)
    wide = gaps.max() > 1.5 * np.median(gaps)
    return Verdict.MISSING_SLICES if wide else Verdict.SEVERAL_ACQUISITIONS


def _split(
    group: _Group,
    ordered: Sequence[Slice],
    depths: np.ndarray,
    tag: str,
    accept: set[str],
    splits: int,
) -> Iterator[Found]:
    """Part acquisitions that lie in one another, each of which is a stack by itself."""
    labels = labels_by(tag, ordered, depths)
    parts: dict[str, list[Slice]] = defaultdict(list)
    for label, one in zip(labels, ordered, strict=True):
        parts[label].append(one)
    told = f"Its SeriesInstanceUID holds {len(parts)} acquisitions, told apart by {tag}."
    for label, part in parts.items():
        own = _of_slices(group, part, f"{tag} {label}", [told])
        yield from _judged_stack(own, part, accept, splits - 1)


def _of_stack(group: _Group, stack: Stack, accept: set[str]) -> Found:
    order = {one.number - 1: place for place, one in enumerate(stack.slices)}
    pairs = sorted(
        zip(group.numbers, group.objects, strict=True), key=lambda pair: order.get(pair[0], -1)
    )
    found = Found(
        group.key,
        tuple(kept.fact for _, kept in pairs),
        tuple(kept.instance for _, kept in pairs),
        tuple(number for number, _ in pairs),
        Verdict.USABLE,
        spacing=round(stack.spacing, 3),
        thickness=_thickness(group.objects),
        slices=len(stack.slices),
        copies=group.copies,
        notes=(*group.told, *map(_without_files, stack.warnings), *_covered(stack)),
    )
    derived = all({"DERIVED", "SECONDARY"} <= one.kinds for one in stack.slices)
    axes = stack.affine[:3, 2] / np.linalg.norm(stack.affine[:3, 2])
    if abs(axes[2]) < AXIAL and Verdict.REFORMATTED not in accept:
        return replace(
            found,
            verdict=Verdict.REFORMATTED,
            reason="Its slices are not axial: most often they are made from a series that is.",
        )
    if derived and Verdict.DERIVED not in accept:
        return replace(
            found,
            verdict=Verdict.DERIVED,
            reason="ImageType calls its images derived and secondary: made from other images.",
        )
    return found


def _covered(stack: Stack) -> list[str]:
    covered = float(stack.depths[-1] - stack.depths[0]) + stack.spacing
    if covered >= LEAST_COVERED_MM:
        return []
    return [f"It covers {covered:.0f} mm, less than a liver."]


def _refusal(slices: Sequence[Slice], accept: set[str]) -> Verdict:
    """Say in one word why ingestion does not take slices."""
    ct = [one for one in slices if one.text("Modality") == "CT"]
    if not ct:
        return Verdict.OTHER_MODALITY
    planar = [one for one in ct if not _is_capture(one)]
    if not planar:
        dose = any("DOSE" in one.kinds for one in ct)
        return Verdict.DOSE_REPORT if dose else Verdict.SECONDARY_CAPTURE
    if all(one.kinds & LOCALIZERS for one in planar):
        return Verdict.LOCALIZER
    kept = [one for one in planar if not one.kinds & LOCALIZERS]
    if patients_of(kept)[0] > 1:
        return Verdict.SEVERAL_PATIENTS
    if any(one.frame is not None and "ImagePositionPatient" not in one.numbers for one in kept):
        return Verdict.UNPLACED
    for word, accepted, is_so in (
        (Verdict.PROJECTION, Accepted.PROJECTIONS, lambda one: "MIP" in one.kinds),
        (
            Verdict.OTHER_UNITS,
            Accepted.OTHER_UNITS,
            lambda one: one.text("RescaleType").upper() not in ("", "HU", "US"),
        ),
        (Verdict.LOSSY, Accepted.LOSSY, lambda one: one.is_lossy),
    ):
        if accepted not in accept and any(map(is_so, kept)):
            return word
    return Verdict.NO_RESCALE


def _is_capture(one: Slice) -> bool:
    return (
        one.text("SOPClassUID").startswith(SECONDARY_CAPTURE)
        or bool(one.kinds & SCREENS)
        or one.text("PhotometricInterpretation") in COLOURS
        or (one.value("SamplesPerPixel") or 1) > 1
    )


def _sentence(error: InputError) -> str:
    """Return an error's sentence without the numbers of files, which are those of no folder."""
    text = _without_files(str(error))
    text = " ".join(text.replace(f"{_WHAT}:", "").replace(f"{_WHAT} ", "It ").split())
    return text[:1].upper() + text[1:]


def _without_files(sentence: str) -> str:
    sentence = re.sub(r" ?\(files? [\d, to.]+ of \d+( from the rest)?\)", "", sentence)
    return re.sub(r"\bfiles? [\d, to.]+ of \d+", "some of its files", sentence)


# Files that were lost.


def _series_of_folders(entries: Sequence[Entry]) -> Mapping[str, int]:
    folders: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        folders[entry.folder].add(entry.series)
    return {folder: len(series) for folder, series in folders.items()}


def _with_lost(
    found: Found, reading: Reading, folders: Mapping[str, int], accept: set[str]
) -> Found:
    """Refuse a usable series in whose own folder files were lost; say it where others share it."""
    if found.verdict is not Verdict.USABLE:
        return found
    places = Counter(reading.entries[number].folder for number in found.numbers)
    lost = sum(reading.lost.get(folder, 0) for folder in places)
    names = {
        (entry.folder, pattern_of(entry.path))
        for number in found.numbers
        if (entry := reading.entries[number]).member == -1
    }
    pages = {folder for folder, name in names & reading.others if "#" in name}
    if not lost and not pages:
        return found
    own = any(
        (reading.lost.get(folder, 0) or folder in pages) and folders[folder] == 1
        for folder in places
    )
    sentence = (
        f"{lost} files of its folder are empty, cut short or cannot be opened, so that slices may "
        "be missing."
        if lost
        else "Files of its folder are named as its slices and are no DICOM, so that slices may be "
        "missing."
    )
    if own and Accepted.INCOMPLETE not in accept:
        return replace(found, verdict=Verdict.INCOMPLETE, reason=f"{sentence} Copy it again.")
    return replace(found, notes=(*found.notes, sentence))
