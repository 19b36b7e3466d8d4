"""From the slices of a folder to one stack: which of them make the CT, and where each one lies.

Nothing here reads a pixel. Positions are in DICOM's patient coordinates (LPS, mm).
"""

import re
from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from livermet.errors import InputError
from livermet.ingest.headers import CT_IMAGE, MONOCHROME1, NUMBERS, SECONDARY_CAPTURE, Slice
from livermet.ingest.volume import RAS_FROM_LPS
from livermet.vocabulary import Accepted

MISSING_SLICE_GAP = 1.5
# Gaps of one spacing differ by less than this share of it.
SAME_SPACING = 0.1
EVEN_SPACING_FRACTION = 0.05
EVEN_SPACING_MM = 0.1
SIDEWAYS_MM = 0.1
TILT_DEGREES = 0.1
# Of less than this a header that contradicts its positions moves no organ.
LEAST_TOLD_TILT = 1.0
SHARED_MM = 0.01
# Of a stack that is told apart by itself: fewer slices would be evenly spaced by chance.
LEAST_OF_A_STACK = 3
MOST_SIDEWAYS_SHARE = 0.5
COSINE_TOLERANCE = 1e-3
# Fields that are told by name where two acquisitions are mixed; their values are not.
ACQUISITIONS = (
    "AcquisitionNumber",
    "IrradiationEventUID",
    "TemporalPositionIndex",
    "TemporalPositionIdentifier",
    "TemporalPositionTimeOffset",
    "AcquisitionDateTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "ContentTime",
    "FrameReferenceDateTime",
    "TriggerTime",
    "NominalPercentageOfCardiacPhase",
    "ContrastBolusStartTime",
    "ConvolutionKernel",
    "FilterType",
    "ContrastBolusAgent",
    "KVP",
    "SliceThickness",
    "ReconstructionDiameter",
    "ImageType",
    "StackID",
    "SeriesNumber",
    "SeriesTime",
    "SeriesDescription",
    "ProtocolName",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
)
# Of these the order tells passes through the body, where every slice has a time of its own.
TIMES = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime", "TriggerTime")
# Means over slabs stay Hounsfield units; extremes and renderings do not.
PROJECTION = re.compile(
    r"(^|[ _-])(MIP|MAXIP|MINIP|MIN[ _]I?P|MAX[ _]I?P|VRT|SSD|PROJECTION)($|[ _-])"
)
PERSONS = ("PatientID", "PatientName")
LOCALIZERS = frozenset({"LOCALIZER", "SCOUT", "TOPOGRAM"})
SCREENS = frozenset({"SCREEN SAVE", "SCREENSAVE", "SCREEN_SAVE", "DISPLAY", "CSA REPORT"})
COLOURS = ("RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
# What may be told of a header's modality, which could hold anything.
MODALITIES = re.compile(
    "CR|CT|DX|IO|KO|MG|MR|NM|OT|PR|PT|REG|RF|RTDOSE|RTIMAGE|RTPLAN|RTSTRUCT|RWV|SC|SEG|SM|SR|US|"
    "XA|XC"
)


@dataclass(frozen=True)
class Stack:
    """The slices of a series in order along their normal, and the grid that their headers give.

    affine: from (column, row, slice) to RAS+ mm for slices that lie evenly and above each other;
        its third column is the mean step along the normal.
    depths: the place of each slice along the normal, mm, growing.
    sideways: how far each slice is moved in its plane against the first, in columns and rows.
    spacing: what the slices are apart once they lie evenly, mm.
    offset_mm: the largest distance of a slice from its even place.
    tilt_degrees: the tilt of the gantry; 0 for none.
    warnings: sentences about what was left out or is unusual.
    """

    slices: tuple[Slice, ...]
    affine: np.ndarray
    depths: np.ndarray
    sideways: np.ndarray
    spacing: float
    offset_mm: float
    uneven: bool
    tilt_degrees: float
    warnings: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows, slices."""
        rows, columns = size_of(self.slices[0])
        return columns, rows, len(self.slices)

    @property
    def is_moved(self) -> bool:
        """Whether slices have to be moved in their planes to lie above each other."""
        return bool(np.any(self.sideways))


def size_of(one: Slice) -> tuple[int, int]:
    """Return the rows and columns of a slice."""
    return int(one.numbers["Rows"][0]), int(one.numbers["Columns"][0])


def position(one: Slice) -> np.ndarray:
    """Return the centre of the first voxel, LPS mm."""
    return np.array(one.numbers["ImagePositionPatient"])


def files(numbers: Iterable[int], total: int) -> str:
    """Name files by their numbers: 'file 7 of 20', 'files 3, 5, 7 to 9 of 20'."""
    return numbered("file", numbers, total)


def numbered(word: str, numbers: Iterable[int], total: int) -> str:
    """Name things by their numbers, as `files` does files."""
    ordered = sorted(set(numbers))
    runs: list[list[int]] = []
    for number in ordered:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    names = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    return f"{word if len(ordered) == 1 else f'{word}s'} {shown} of {total}"


def select_slices(
    what: str,
    slices: Sequence[Slice],
    total: int,
    accept: Iterable[str],
    packed: bool = False,
) -> tuple[list[Slice], list[str]]:
    """Return the slices that make the CT, and sentences about those that are left out.

    Images of other modalities, localizers and secondary captures are left out where others remain.
    `what` names the series, `total` is the number of its files, `accept` what the study accepts
    (`vocabulary.Accepted`), `packed` whether packed files lie among them. Raises InputError for a
    folder without a CT slice, more than one series, slices of two patients, and images that are no
    CT in Hounsfield units.
    """
    accept = set(accept)
    if not slices and packed:
        raise InputError(
            f"{what}: what the column image names holds packed files (zip, gzip, 7z or rar) and no "
            "DICOM image; unpack them."
        )
    if not slices:
        raise InputError(
            f"{what}: there is no readable DICOM image in what the column image names; check the "
            "column, and whether the copy is complete."
        )
    told = []
    kept = [s for s in slices if s.text("Modality") == "CT"]
    if not kept:
        found = _modalities(slices)
        raise InputError(
            f"{what}: its modality is {found}, not CT; name a CT series in the column image."
        )
    _refuse_strangers(what, slices, kept, total)
    told += _left_out(f"Images of another modality ({_modalities(slices)})", slices, kept, total)
    captures = [s for s in kept if not _is_capture(s)]
    if not captures:
        raise InputError(
            f"{what}: its images are secondary captures (pictures of a screen), which hold no "
            "Hounsfield units; name the CT series that they were made from."
        )
    # A picture that was stored as CT: derived, and it says neither where nor how it lies.
    captures = [s for s in captures if not _is_placeless(s)] or captures
    told += _left_out("Secondary captures", kept, captures, total)
    planar = [s for s in captures if not s.kinds & LOCALIZERS]
    if not planar:
        raise InputError(
            f"{what}: its images are localizers alone; name the CT series itself in the column "
            "image."
        )
    told += _left_out("Localizers", captures, planar, total)
    told += _one_series(what, planar)
    if any(s.frame is not None and "ImagePositionPatient" not in s.numbers for s in planar):
        raise InputError(
            f"{what} is stored as multi-frame DICOM whose frames have no position of their own; "
            "export it as classic CT images, one file a slice."
        )
    told += _values(what, planar, total, accept)
    return planar, told


def _modalities(slices: Sequence[Slice]) -> str:
    found = {s.text("Modality") for s in slices} - {"CT"}
    return ", ".join(sorted({one if MODALITIES.fullmatch(one) else "unknown" for one in found}))


def _refuse_strangers(
    what: str, slices: Sequence[Slice], kept: Sequence[Slice], total: int
) -> None:
    """Refuse CT images that name another modality: they belong to the series that they name."""
    series = {s.text("SeriesInstanceUID") for s in kept}
    odd = [
        s
        for s in slices
        if s.text("Modality") != "CT"
        and s.text("SOPClassUID").startswith(CT_IMAGE)
        and s.text("SeriesInstanceUID") in series - {""}
    ]
    if odd:
        raise InputError(
            f"{what}: {files((s.number for s in odd), total)} of the same series are CT images by "
            "their class and not by their Modality; a header is damaged: copy the series again."
        )


def _left_out(reason: str, before: Sequence[Slice], after: Sequence[Slice], total: int):
    kept = set(map(id, after))
    gone = [s for s in before if id(s) not in kept]
    numbers = {s.number for s in gone}
    return [f"{reason} left out: {len(numbers)} ({files(numbers, total)})."] if gone else []


def _is_capture(one: Slice) -> bool:
    return (
        one.text("SOPClassUID").startswith(SECONDARY_CAPTURE)
        or bool(one.kinds & SCREENS)
        or one.text("PhotometricInterpretation") in COLOURS
        or (one.value("SamplesPerPixel") or 1) > 1
    )


def _is_placeless(one: Slice) -> bool:
    places = {"ImagePositionPatient", "ImageOrientationPatient"}
    derived = bool(one.kinds & {"DERIVED", "SECONDARY"})
    return derived and not places & (one.numbers.keys() | one.malformed)


def _is_projection(one: Slice) -> bool:
    return any(PROJECTION.search(kind) for kind in one.kinds)


def _one_series(what: str, slices: Sequence[Slice]) -> list[str]:
    patients, field = patients_of(slices)
    series = {s.text("SeriesInstanceUID") for s in slices}
    if len(series) == 1:
        if patients > 1:
            raise InputError(
                f"{what}: its slices name {patients} patients in {field}; keep the slices of one "
                "patient."
            )
        return []
    if len(series) < len(slices) or len(slices) == 2:
        raise InputError(
            f"{what}: its folder holds {len(series)} DICOM series (CT); give each series a folder "
            "of its own and name that folder in the column image."
        )
    if 1 < patients < len(slices):
        raise InputError(
            f"{what}: its slices name {patients} patients in {field}, and each has a series "
            "of its own; keep the slices of one patient."
        )
    return [
        f"Each of the {len(slices)} slices has a SeriesInstanceUID of its own, as some anonymisers "
        "write; they were read as one series, since their positions make one stack."
    ]


def patients_of(slices: Sequence[Slice]) -> tuple[int, str]:
    """Count the patients that slices name, and say by which field; 0 for none.

    Names of which each slice has one of its own are an anonymiser's.
    """
    counts = {tag: len({s.text(tag) for s in slices} - {""}) for tag in PERSONS}
    if counts["PatientName"] == len(slices) > 2:
        counts["PatientName"] = 0
    field = max(PERSONS, key=lambda tag: counts[tag])
    return counts[field], field


def _values(what: str, slices: Sequence[Slice], total: int, accept: set[str]) -> list[str]:
    """Check that the values are Hounsfield units; say what is accepted and is not."""
    tables = [s for s in slices if s.has_table and "RescaleSlope" not in s.numbers]
    if tables:
        raise InputError(
            f"{what}: the values of {files((s.number for s in tables), total)} are told by a "
            "lookup table (ModalityLUTSequence), not by slope and intercept; export it again in "
            "Hounsfield units."
        )
    told = []
    for one, which, says in (
        (
            Accepted.PROJECTIONS,
            [s for s in slices if _is_projection(s)],
            "are projections (MIP, MinIP or a rendering by ImageType), whose values are no "
            "longer those of the slice",
        ),
        (
            Accepted.OTHER_UNITS,
            [s for s in slices if s.text("RescaleType").upper() not in ("", "HU", "US")],
            "hold other values than Hounsfield units (RescaleType)",
        ),
        (
            Accepted.LOSSY,
            [s for s in slices if s.is_lossy],
            "were compressed with a loss, so that their values are not those of the scan",
        ),
    ):
        if which:
            sentence = f"{files((s.number for s in which), total)} {says}"
            if one not in accept:
                raise InputError(
                    f"{what}: {sentence}; name the original series, or add {one} to the config key "
                    "ingest.accept to read such series with a warning."
                )
            told.append(f"{sentence[0].upper()}{sentence[1:]}.")
    return told + _rescale(what, slices, total, accept)


def _rescale(what: str, slices: Sequence[Slice], total: int, accept: set[str]) -> list[str]:
    told = []
    if any(s.text("PhotometricInterpretation") == MONOCHROME1 for s in slices):
        told.append(
            "PhotometricInterpretation is MONOCHROME1 (low values are shown white); the stored "
            "values were taken as they are: look whether air is the darkest."
        )
    if any((s.value("RescaleSlope") or 0) < 0 for s in slices):
        told.append("RescaleSlope is negative, as no CT's is; look whether air is the darkest.")
    lines = Counter((s.value("RescaleSlope"), s.value("RescaleIntercept")) for s in slices)
    if len(lines) > 1:
        told.append(
            f"{len(slices) - max(lines.values())} of {len(slices)} slices have another rescale than"
            " the rest; each was read by its own: look whether they are brighter or darker."
        )
    if any(s.text("RescaleType").upper() == "US" for s in slices):
        told.append("RescaleType is US (unspecified); the values were taken as Hounsfield units.")
    bare = [s for s in slices if not s.value("RescaleSlope") or s.value("RescaleIntercept") is None]
    if not bare:
        return told
    none = all(
        not {"RescaleSlope", "RescaleIntercept"} & (s.numbers.keys() | s.malformed) for s in slices
    )
    if none and Accepted.NO_RESCALE in accept:
        return [*told, "No slice has a rescale; the stored values were taken as Hounsfield units."]
    hint = (
        f", or add {Accepted.NO_RESCALE} to the config key ingest.accept if the stored values are "
        "Hounsfield units"
        if none
        else ""
    )
    raise InputError(
        f"{what}: without RescaleSlope (or with 0) or without RescaleIntercept: "
        f"{files((s.number for s in bare), total)}; Hounsfield units are not known there: export "
        f"the series again{hint}."
    )


def check_geometry(what: str, slices: Sequence[Slice], total: int) -> None:
    """Check that every slice says where it lies, and that all are of one plane and size.

    Raises InputError that names the field, the number of slices and their files.
    """
    if len(slices) < 2:
        raise InputError(
            f"{what} has {len(slices)} slice without localizers; a volume needs two or more: copy "
            "the series again, or take it off the sheet."
        )
    _refuse_without(
        what,
        "size (Rows, Columns)",
        [s for s in slices if not {"Rows", "Columns"} <= s.numbers.keys() or min(size_of(s)) < 1],
        slices,
        total,
    )
    for tag, word in (
        ("ImagePositionPatient", "position"),
        ("ImageOrientationPatient", "orientation"),
        ("PixelSpacing", "pixel spacing"),
    ):
        bad = [s for s in slices if tag not in s.numbers or not _is_possible(tag, s.numbers[tag])]
        _refuse_without(what, f"{word} ({tag})", bad, slices, total)
    for tags, word in (
        (("Rows", "Columns"), "size"),
        (("PixelSpacing",), "pixel spacing"),
        (("ImageOrientationPatient",), "orientation"),
    ):
        if len({tuple(s.numbers[t] for t in tags) for s in slices}) == 1:
            continue
        values = np.array([np.concatenate([s.numbers[t] for t in tags]) for s in slices])
        usual = np.median(values, axis=0)
        odd = [s for s, v in zip(slices, values, strict=True) if np.abs(v - usual).max() > 1e-3]
        if odd:
            raise InputError(
                f"{what}: its slices differ in {word} ({files((s.number for s in odd), total)} from"
                " the rest); the folder mixes images that are no one volume: export the series "
                "again without localizers, reformats and secondary captures, or take these files "
                "out."
            )


def _refuse_without(what: str, word: str, bad: Sequence[Slice], slices, total: int) -> None:
    if bad:
        raise InputError(
            f"{what}: {len(bad)} of its {len(slices)} slices lack a usable {word} "
            f"({files((s.number for s in bad), total)}), so that the volume cannot be placed; "
            "export the series again."
        )


@lru_cache(maxsize=64)
def _is_possible(tag: str, values: tuple[float, ...]) -> bool:
    """Tell whether spacings are positive and axes are at right angles and of length 1."""
    if tag == "PixelSpacing":
        return min(values) > 0
    if tag == "ImageOrientationPatient":
        row, column = np.reshape(values, (2, 3))
        lengths = np.linalg.norm(row), np.linalg.norm(column)
        return bool(np.allclose(lengths, 1, atol=1e-2) and abs(row @ column) < COSINE_TOLERANCE)
    return True


def normal_of(one: Slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the unit vectors along a row, along a column, and across the slices (LPS).

    The normal points to the right, the front or the head, whichever is nearest, so that the first
    slice of a stack is the first one of the canonical volume too.
    """
    row, column = np.reshape(one.numbers["ImageOrientationPatient"], (2, 3))
    row = row / np.linalg.norm(row)
    normal = np.cross(row, column)
    normal /= np.linalg.norm(normal)
    # At right angles to both, since headers round.
    column = np.cross(normal, row)
    ras = RAS_FROM_LPS[:3, :3] @ normal
    return row, column, normal * np.sign(ras[np.abs(ras).argmax()])


def in_order(slices: Sequence[Slice]) -> list[Slice]:
    """Sort slices along their normal; those of one place by their files."""
    normal = normal_of(slices[0])[2]
    return sorted(slices, key=lambda s: (float(position(s) @ normal), s.number, s.frame or 0))


def shared_places(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Group slices (in order) that lie at one place; only groups of two or more."""
    groups: list[list[Slice]] = []
    for one in slices:
        if groups and np.linalg.norm(position(one) - position(groups[-1][0])) < SHARED_MM:
            groups[-1].append(one)
        else:
            groups.append([one])
    return [group for group in groups if len(group) > 1]


def acquisitions(ordered: Sequence[Slice], depths: np.ndarray) -> tuple[int, str]:
    """Count acquisitions that cover the same part of the body, and say by which field; 0 for none.

    `ordered` are the slices in their order along the normal, at `depths` mm. Two groups that a
    header's field tells apart, or the order of InstanceNumber, are two acquisitions where each
    makes an even stack by itself and their ranges overlap. Acquisitions one after the other, and
    fields that change without such a pattern, are usual.
    """
    # Of an archive's hundreds of thousands of slices, asked of each by name.
    texts, fields = [s.texts for s in ordered], [s.numbers for s in ordered]
    for tag in ACQUISITIONS:
        if len({one.get(tag) for one in (fields if tag in NUMBERS else texts)}) == 1:
            continue
        if count := _mixed(labels_by(tag, ordered, depths), depths):
            return count, tag
    for tag in TIMES:
        if labels := _passes_in_time(tag, ordered, depths):
            return _mixed(labels, depths), in_order_of(tag)
    numbers = [s.value("InstanceNumber") for s in ordered]
    if None not in numbers and len(set(numbers)) == len(numbers):
        tag = in_order_of("InstanceNumber")
        return _mixed(labels_by(tag, ordered, depths), depths), tag
    return 0, ""


def in_order_of(tag: str) -> str:
    """Say that passes are told apart by the order of a field."""
    return f"the order of {tag}"


def labels_by(tag: str, ordered: Sequence[Slice], depths: np.ndarray) -> list[str]:
    """Return what tells the acquisition of each slice by a field, or by the order of one."""
    field = tag.removeprefix(in_order_of(""))
    if field == tag:
        return [s.text(tag) or str(s.numbers.get(tag, "")) for s in ordered]
    order = [s.value(field) if field in s.numbers else _time(s.text(field)) for s in ordered]
    return [str(one) for one in passes(np.array(order, dtype=float), depths)]


def _passes_in_time(tag: str, ordered: Sequence[Slice], depths: np.ndarray) -> list[str]:
    """Return the passes that a field's times tell, if each is an even stack that overlaps another.

    Times of slices that were made at once, in any order, tell nothing.
    """
    times = {s.text(tag) for s in ordered}
    if len(times) < len(ordered) / 2 or not all(_time(one) is not None for one in times):
        return []
    labels = labels_by(in_order_of(tag), ordered, depths)
    return labels if _mixed(labels, depths) == len(set(labels)) else []


def _time(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def check_acquisitions(what: str, ordered: Sequence[Slice], depths: np.ndarray) -> None:
    """Refuse slices of several acquisitions or phases that lie at or between one another."""
    count, tag = acquisitions(ordered, depths)
    gaps = np.diff(depths)
    shared = int(np.count_nonzero(gaps < SHARED_MM))
    if shared == len(gaps) and not count:
        raise InputError(
            f"{what}: all of its {len(ordered)} slices name one position "
            "(ImagePositionPatient), so that the volume cannot be placed; export the series again."
        )
    if shared:
        raise InputError(
            f"{what}: {shared + 1} or more of its {len(ordered)} slices share a position; the "
            f"folder holds several acquisitions or phases of one series"
            f"{f' (told by {tag})' if count else ''}: keep the slices of one."
        )
    if count:
        raise InputError(
            f"{what}: its folder holds {count} acquisitions or phases under one series (told by "
            f"{tag}), whose slices lie between each other; keep the slices of one of them in a "
            "folder of their own."
        )
    if _lie_in_pairs(gaps):
        raise InputError(
            f"{what}: its slices lie in pairs, closer to one neighbour than to the other all "
            "along; the folder holds two acquisitions or phases of one series: keep the slices of "
            "one."
        )


def _mixed(labels: Sequence[object], depths: np.ndarray) -> int:
    """Count the groups that are even stacks by themselves and overlap another one; 0 for none."""
    sizes = Counter(labels)
    if len(sizes) == 1:
        return 0
    stacks = []
    for label, size in sizes.items():
        if size >= LEAST_OF_A_STACK:
            places = np.sort(depths[[one == label for one in labels]])
            if _is_even(np.diff(places)):
                stacks.append((places[0], places[-1]))
    overlapping = {
        number
        for number, (low, high) in enumerate(stacks)
        for other, (start, end) in enumerate(stacks)
        if number != other and min(high, end) - max(low, start) > SHARED_MM
    }
    return len(overlapping)


def _is_even(gaps: np.ndarray) -> bool:
    usual = float(np.median(gaps))
    return usual > SHARED_MM and bool(np.abs(gaps - usual).max() <= SAME_SPACING * usual)


def passes(numbers: np.ndarray, depths: np.ndarray) -> list[int]:
    """Number the passes through the body that slices make in the order of their InstanceNumber."""
    order = np.argsort(numbers, kind="stable")
    steps = np.sign(np.diff(depths[order]))
    usual = 1.0 if np.count_nonzero(steps > 0) >= np.count_nonzero(steps < 0) else -1.0
    turns = np.concatenate([[0], np.cumsum(steps == -usual)])
    passes = np.empty(len(numbers), dtype=int)
    passes[order] = turns
    return passes.tolist()


def _lie_in_pairs(gaps: np.ndarray) -> bool:
    """Tell whether two gaps alternate all along: two stacks of one spacing, pushed together."""
    if len(gaps) < 2 * LEAST_OF_A_STACK - 1:
        return False
    first, second = gaps[::2], gaps[1::2]
    apart = abs(np.median(first) - np.median(second))
    within = max(np.ptp(first), np.ptp(second))
    return bool(
        apart > SAME_SPACING * (np.median(first) + np.median(second)) and within < apart / 2
    )


def stack_slices(what: str, slices: Sequence[Slice], told: Iterable[str] = ()) -> Stack:
    """Lay slices in order along their normal and find how they lie to each other.

    Raises InputError for several acquisitions in one another, several slices at one place, a gap
    above 1.5 times the median spacing (a missing slice), slices that are moved sideways by more
    than half of their width.
    """
    ordered = in_order(slices)
    row, column, normal = normal_of(ordered[0])
    places = np.array([position(s) for s in ordered])
    depths = places @ normal
    check_acquisitions(what, ordered, depths)
    spacings = _spacings(what, ordered, np.diff(depths))
    row_spacing, column_spacing = ordered[0].numbers["PixelSpacing"]
    sideways, tilt, moved = _sideways(places, depths, row, column)
    _refuse_far(what, ordered, sideways, (column_spacing, row_spacing))
    steps = len(ordered) - 1
    offsets = np.abs(depths - np.linspace(depths[0], depths[-1], len(depths)))
    offset, mean = float(offsets.max()), float(depths[-1] - depths[0]) / steps
    uneven = offset > max(EVEN_SPACING_MM, EVEN_SPACING_FRACTION * mean)
    told = [*told, *_placed(spacings, offset if uneven else 0.0, tilt, moved)]
    frames = {s.text("FrameOfReferenceUID") for s in ordered}
    if 1 < len(frames) < len(ordered):
        told.append(
            f"Its slices name {len(frames)} frames of reference (FrameOfReferenceUID), whose "
            "positions need not fit together; look whether the body is whole."
        )
    said = max((abs(s.value("GantryDetectorTilt") or 0.0) for s in ordered), default=0.0)
    if said > LEAST_TOLD_TILT and not tilt and abs(normal[2]) > np.cos(np.radians(1.0)):
        told.append(
            f"Its header tells a gantry tilt of {said:g} degrees and its positions none; look "
            "whether the body stands upright in it."
        )
    lps = np.eye(4)
    lps[:3, 0] = row * column_spacing
    lps[:3, 1] = column * row_spacing
    lps[:3, 2] = normal * mean
    lps[:3, 3] = places[0]
    return Stack(
        tuple(ordered),
        RAS_FROM_LPS @ lps,
        depths,
        sideways / (column_spacing, row_spacing),
        min(spacings) if uneven and len(spacings) > 1 else mean,
        offset,
        uneven,
        tilt,
        tuple(told + counted(ordered)),
    )


def _spacings(what: str, ordered: Sequence[Slice], gaps: np.ndarray) -> list[float]:
    """Return the spacing of the slices (mm), or the several ones that were planned in a row."""
    skips = _skips_numbers(ordered, gaps)
    narrow = gaps[gaps <= MISSING_SLICE_GAP * gaps.min()]
    spacing = float(np.median(narrow if skips else gaps))
    wide = gaps[gaps > MISSING_SLICE_GAP * spacing]
    runs = _runs(gaps)
    if not skips and len(runs) > 1 and all(len(run) >= LEAST_OF_A_STACK for run in runs):
        return [float(np.median(run)) for run in runs]
    if len(wide):
        numbers = [s.value("InstanceNumber") for s in ordered]
        at = np.flatnonzero(gaps > MISSING_SLICE_GAP * spacing)
        ends = [(numbers[i], numbers[i + 1]) for i in at]
        planned = all(a is not None and b is not None and abs(a - b) == 1 for a, b in ends)
        why = (
            "although no InstanceNumber is missing there: the scan itself leaves a gap, so take "
            "the slices on one side of it"
            if planned
            else "so slices are missing; copy the series again"
        )
        raise InputError(
            f"{what}: {len(wide)} of its {len(gaps)} gaps between slices are wider than "
            f"{MISSING_SLICE_GAP} times the median of {spacing:g} mm (the widest is {wide.max():g} "
            f"mm), {why}."
        )
    return [spacing]


def _skips_numbers(ordered: Sequence[Slice], gaps: np.ndarray) -> bool:
    """Tell whether InstanceNumber skips one in wide gaps and in no other: slices are lost there."""
    numbers = [s.value("InstanceNumber") for s in ordered]
    if None in numbers:
        return False
    steps = np.abs(np.diff(np.array(numbers, dtype=float)))
    wide = gaps > MISSING_SLICE_GAP * gaps.min()
    return bool(wide.any() and (steps[wide] > 1).all() and (steps[~wide] == 1).all())


def _runs(gaps: np.ndarray) -> list[list[float]]:
    """Cut gaps where the spacing changes by more than a tenth."""
    runs: list[list[float]] = []
    for gap in gaps.tolist():
        if runs and abs(gap - (usual := _middle(runs[-1]))) <= SAME_SPACING * usual:
            # Sorted, so that the median of a run that grows is found at once.
            insort(runs[-1], gap)
        else:
            runs.append([gap])
    return runs


def _middle(ordered: Sequence[float]) -> float:
    """Return the median of numbers in their order."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _sideways(
    places: np.ndarray, depths: np.ndarray, row: np.ndarray, column: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Return how far slices are moved in their planes (mm), the tilt, and what no tilt explains.

    Tilted slices are moved evenly; what is left of the movement beside a straight line is that of
    slices recentred one by one. Movements that headers' rounding makes count as none.
    """
    moved = (places - places[0]) @ np.stack([row, column], axis=1)
    line = np.linalg.lstsq(
        np.stack([np.ones(len(depths)), depths - depths[0]], axis=1), moved, rcond=None
    )[0]
    rest = moved - (line[0] + np.outer(depths - depths[0], line[1]))
    uneven = float(np.abs(rest).max())
    tilt = float(np.degrees(np.arctan(np.linalg.norm(line[1]))))
    if uneven > SIDEWAYS_MM:
        return moved, 0.0, float(np.linalg.norm(moved - np.median(moved, axis=0), axis=1).max())
    if tilt > TILT_DEGREES:
        return moved, tilt, 0.0
    return np.zeros_like(moved), 0.0, 0.0


def _refuse_far(what: str, ordered: Sequence[Slice], moved: np.ndarray, spacing) -> None:
    rows, columns = size_of(ordered[0])
    steps = np.abs(np.diff(moved, axis=0)) / (np.array([columns, rows]) * spacing)
    if steps.max() > MOST_SIDEWAYS_SHARE:
        raise InputError(
            f"{what}: neighbouring slices lie sideways of each other by more than half of their "
            "width; the folder mixes images that are no one volume: export the series again."
        )


def _placed(spacings: Sequence[float], offset: float, tilt: float, moved: float) -> list[str]:
    told = []
    if offset and len(spacings) > 1:
        told.append(
            f"The series has {_NUMBERS.get(len(spacings), len(spacings))} spacings, one after the "
            f"other ({', '.join(f'{one:.3g}' for one in spacings)} mm); the volume was "
            f"interpolated to even spacing of about {min(spacings):.3g} mm."
        )
    elif offset:
        told.append(
            f"Slices lie up to {offset:.2f} mm from even spacing; the volume was interpolated to "
            "even spacing."
        )
    if tilt:
        told.append(
            f"The gantry was tilted by {tilt:.1f} degrees; the slices were resampled to a grid at "
            "right angles."
        )
    if moved:
        told.append(
            f"Slices lie up to {moved:.1f} mm sideways of the others (recentred images); each was "
            "moved in its plane to where its header says."
        )
    return told


_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}


def counted(ordered: Sequence[Slice]) -> list[str]:
    """Say where the headers' own counts do not agree with the slices that are there."""
    told = []
    numbers = [int(v) for s in ordered if (v := s.value("InstanceNumber")) is not None]
    if numbers and len(set(numbers)) < len(numbers):
        told.append(f"{len(numbers) - len(set(numbers))} slices repeat an InstanceNumber.")
    elif len(numbers) == len(ordered):
        lacking = max(numbers) - min(numbers) + 1 - len(numbers)
        steps = np.sign(np.diff(numbers))
        if abs(steps.sum()) != len(steps):
            told.append("InstanceNumber does not follow the slices' positions.")
        elif lacking:
            told.append(
                f"{lacking} numbers are missing between the first and the last InstanceNumber; "
                "slices may be missing."
            )
    expected = _images_in_acquisition(ordered)
    if expected > len(ordered):
        told.append(
            f"ImagesInAcquisition tells of {expected} images and {len(ordered)} were found; slices "
            "may be missing."
        )
    return told


def _images_in_acquisition(ordered: Sequence[Slice]) -> int:
    """Return how many images the acquisitions of a stack have by their headers; 0 if unknown."""
    told: Mapping[str, int] = {
        s.text("AcquisitionNumber"): int(s.value("ImagesInAcquisition") or 0) for s in ordered
    }
    return sum(told.values()) if all(told.values()) else 0
