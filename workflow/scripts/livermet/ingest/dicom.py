"""DICOM CT series: headers checked, slices decoded, laid where their headers say, and proven.

Two readers decode the slices in this process: pydicom makes the volume, GDCM proves it
(docs/decisions/dicom.md). Where a slice lies is taken from its own ImagePositionPatient and never
from SliceThickness.
"""

import logging
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from livermet.errors import InputError
from livermet.ingest.decoding import Decoder, SecondReader, UndecodableError
from livermet.ingest.headers import LOST, PACKED, RECORDED_NUMBERS, RECORDED_TEXTS, Found, Slice
from livermet.ingest.losses import cut_slices, repeated_slices
from livermet.ingest.neighbours import blocks_of, refuse_disturbed
from livermet.ingest.proof import prove
from livermet.ingest.stack import (
    ACQUISITIONS,
    Stack,
    check_geometry,
    files,
    in_order,
    select_slices,
    shared_places,
    stack_slices,
)
from livermet.ingest.straightening import evenly_spaced, moved_in_plane
from livermet.ingest.volume import AIR_HU, Volume
from livermet.vocabulary import Accepted

# What the header calls padding is air up to here.
PADDING_HU = -900


@dataclass(frozen=True)
class Converted:
    """A series as a volume, and how it was made.

    resampled: '', 'even_spacing', 'gantry_tilt', 'moved_slices', or two of them joined by ' and '.
    proven: slices of which the second reader read the same.
    left_out: files below the folder that are no slice of the volume.
    """

    volume: Volume
    stack: Stack
    resampled: str
    proven: int
    left_out: int
    warnings: tuple[str, ...]


def convert(series: str, found: Found, accept: Iterable[str], log: logging.Logger) -> Converted:
    """Make the volume of a series from the files that were found in its folder.

    `accept` are words of `vocabulary.Accepted`. Raises InputError, one sentence, for whatever is
    not certainly one CT volume in Hounsfield units.
    """
    what = f"series {series}"
    accept = set(accept)
    told = passed_over(what, found, accept)
    slices, left_out = select_slices(
        what, found.slices, found.total, accept, PACKED in found.passed_over
    )
    check_geometry(what, slices, found.total)
    decoder = Decoder()
    slices, copies = without_copies(what, in_order(slices), decoder, found.total)
    if len(slices) < 2:
        check_geometry(what, slices, found.total)
    stack = stack_slices(what, slices)
    log.info("%d slices make one stack", len(stack.slices))
    volume = decoded(what, stack, decoder, found.total)
    lossy = unsaid_losses(what, decoder.lossy, found.total, accept)
    with tempfile.TemporaryDirectory(prefix="livermet_") as scratch:
        proven, unproven = prove(
            what,
            stack.slices,
            lambda k: exact(volume, k).T,
            SecondReader(Path(scratch)).read,
            found.total,
            Accepted.INCOMPLETE in accept,
        )
    log.info("%d slices were read again by GDCM and are the same", proven)
    lost = lost_values(what, stack.slices, volume.values, found.total, accept)
    padded = padding_of(stack.slices, volume, decoder)
    mixed = mixed_slices(what, stack, volume, found.total, accept)
    volume, resampled = laid_out(volume, stack)
    warnings = [
        *told,
        *left_out,
        *copies,
        *stack.warnings,
        *unproven,
        *lossy,
        *lost,
        *padded,
        *mixed,
    ]
    return Converted(
        volume,
        stack,
        resampled,
        proven,
        found.total - len({s.path for s in stack.slices}),
        tuple(warnings + unrecorded(stack.slices)),
    )


def passed_over(what: str, found: Found, accept: set[str]) -> list[str]:
    """Say which files are no slices; refuse what may be the rest of a copy that broke off."""
    lost = found.lost()
    if found.lacking and Accepted.INCOMPLETE not in accept:
        raise InputError(
            f"{what}: {found.lacking} of the {found.lacking + found.total} files that its folder "
            "had when `livermet sheet` laid it out are gone; put them back, or run the command "
            f"again and look at the series' slices, or add {Accepted.INCOMPLETE} to the config key "
            "ingest.accept to go on without."
        )
    if (lost or found.blocked) and Accepted.INCOMPLETE not in accept:
        parts = [
            f"{files(found.passed_over[reason], found.total)} "
            f"{'is' if len(found.passed_over[reason]) == 1 else 'are'} {reason}".replace(
                "are cannot", "cannot"
            ).replace("is cannot", "cannot")
            for reason in LOST
            if reason in found.passed_over
        ]
        if found.blocked:
            parts.append(f"{found.blocked} of its folders cannot be opened")
        raise InputError(
            f"{what}: {'; '.join(parts)}, so that slices may be missing; copy the series again, or "
            f"remove what is no slice, or add {Accepted.INCOMPLETE} to the config key ingest.accept"
            " to go on without."
        )
    told = [
        f"Passed over, {reason}: {files(numbers, found.total)}."
        for reason, numbers in found.passed_over.items()
    ]
    if found.lacking:
        told.append(f"{found.lacking} files are gone since the folder was laid out.")
    if found.blocked:
        told.append(f"Passed over: {found.blocked} folders that cannot be opened.")
    return told


def without_copies(
    what: str, ordered: Sequence[Slice], decoder: Decoder, total: int
) -> tuple[list[Slice], list[str]]:
    """Leave out repeated copies: slices of one place, of the same identity and values.

    Slices of the same values under two identities are copies too where their headers tell the same
    acquisition. Slices of one place with other values stay, to be refused with the rest of their
    acquisition; where they have the same identity, they are refused here.
    """
    gone: set[int] = set()
    for group in shared_places(ordered):
        kept: list[tuple[Slice, np.ndarray]] = []
        for one in group:
            values = _stored(what, one, decoder, total)
            same = [first for first, other in kept if _same(first, other, one, values)]
            if same:
                gone.add(id(one))
                continue
            named = [f for f, _ in kept if f.frame is None and _identity(f) == _identity(one) != ""]
            if named:
                raise InputError(
                    f"{what}: {files([named[0].number, one.number], total)} have one "
                    "SOPInstanceUID and other values; keep the right one of the two."
                )
            kept.append((one, values))
    slices = [s for s in ordered if id(s) not in gone]
    numbers = [s.number for s in ordered if id(s) in gone]
    if not gone:
        return slices, []
    return slices, [f"Repeated copies left out: {len(gone)} ({files(numbers, total)})."]


def _identity(one: Slice) -> str:
    return one.text("SOPInstanceUID")


def _same(first: Slice, values: np.ndarray, other: Slice, others: np.ndarray) -> bool:
    if _identity(first) != _identity(other) or not _identity(first):
        labels = [[s.text(tag) for tag in ACQUISITIONS] for s in (first, other)]
        if labels[0] != labels[1] or not any(labels[0]):
            return False
    return _rescale(first) == _rescale(other) and np.array_equal(values, others)


def _rescale(one: Slice) -> tuple[float, float]:
    slope, intercept = one.value("RescaleSlope"), one.value("RescaleIntercept")
    if not slope or intercept is None:
        # Accepted as no_rescale, or else refused before.
        return 1.0, 0.0
    return slope, intercept


def _stored(what: str, one: Slice, decoder: Decoder, total: int) -> np.ndarray:
    try:
        return decoder.stored(one)
    except UndecodableError as error:
        raise InputError(
            f"{what}: {files([one.number], total)} {error}; copy the series again, or export it "
            "uncompressed."
        ) from None


def decoded(what: str, stack: Stack, decoder: Decoder, total: int) -> Volume:
    """Decode the slices of a stack: (column, row, slice) on its affine.

    Stored values with one rescale for all, where all slices have the same; otherwise Hounsfield
    units as float32. Raises InputError for a slice that cannot be decoded.
    """
    rescales = {_rescale(s) for s in stack.slices}
    values: np.ndarray | None = None
    for k, one in enumerate(stack.slices):
        stored = _stored(what, one, decoder, total)
        if len(rescales) > 1:
            slope, intercept = _rescale(one)
            stored = (stored * np.float64(slope) + intercept).astype(np.float32)
        if values is None:
            values = np.empty(stack.shape, dtype=stored.dtype, order="F")
        elif values.dtype != stored.dtype:
            kind = np.promote_types(values.dtype, stored.dtype)
            if values.dtype != kind:
                values = values.astype(kind)
        values[:, :, k] = stored.T
    assert values is not None, "a stack has slices"
    slope, intercept = rescales.pop() if len(rescales) == 1 else (1.0, 0.0)
    return Volume(values, stack.affine, slope, intercept)


def exact(volume: Volume, k: int) -> np.ndarray:
    """Return the Hounsfield units of a slice, (column, row)."""
    return volume.values[:, :, k] * np.float64(volume.slope) + volume.intercept


def unsaid_losses(what: str, numbers: set[int], total: int, accept: set[str]) -> list[str]:
    """Refuse, or say where that is accepted, files that lost values and do not tell it."""
    if not numbers:
        return []
    sentence = (
        f"{files(numbers, total)} lost values by the way they are compressed (JPEG 2000), which "
        "their headers do not tell"
    )
    if Accepted.LOSSY not in accept:
        raise InputError(
            f"{what}: {sentence}; name the original series, or add {Accepted.LOSSY} to the config "
            "key ingest.accept to read such series with a warning."
        )
    return [f"{sentence[0].upper()}{sentence[1:]}."]


def padding_of(slices: Sequence[Slice], volume: Volume, decoder: Decoder) -> list[str]:
    """Say where what the header calls padding would be taken for tissue."""
    count, highest = 0, AIR_HU
    for k, one in enumerate(slices):
        padding = decoder.padding(one)
        slope, intercept = _rescale(one)
        units = intercept if padding is None else padding * slope + intercept
        if padding is not None and units > PADDING_HU:
            count += int(np.count_nonzero(exact(volume, k) == units))
            highest = max(highest, round(units))
    if not count:
        return []
    return [
        f"{count} voxels hold what the header calls padding (PixelPaddingValue), up to {highest} "
        "HU, and would be taken for tissue; look whether they lie in the body."
    ]


def lost_values(
    what: str, slices: Sequence[Slice], values: np.ndarray, total: int, accept: set[str]
) -> list[str]:
    """Refuse slices that lost values in a copy, and say which may have (`livermet.ingest.losses`).

    `values` are (column, row, slice).
    """

    def named(places: Sequence[int]) -> str:
        return files((slices[k].number for k in places), total)

    between, outermost = cut_slices(values)
    cut = (
        f"one value alone fills the end of {named(between)}, unlike the slices beside"
        if between
        else ""
    )
    if cut and Accepted.INCOMPLETE not in accept:
        raise InputError(
            f"{what}: {cut}, so that values were lost in a copy; copy the series again, or add "
            f"{Accepted.INCOMPLETE} to the config key ingest.accept to go on without."
        )
    told = [f"{cut[0].upper()}{cut[1:]}; values were lost."] if cut else []
    if outermost:
        told.append(
            f"One value alone fills the end of {named(outermost)}, the outermost slices; values "
            "may be lost."
        )
    if repeated := repeated_slices(values):
        told.append(
            f"Slices repeat the one before them, value for value ({named(repeated)}); the slices "
            "that belong there may be lost."
        )
    return told


def mixed_slices(
    what: str, stack: Stack, volume: Volume, total: int, accept: set[str]
) -> list[str]:
    """Refuse, or say of, slices that do not belong where they lie (`neighbours`)."""
    return refuse_disturbed(
        what,
        blocks_of(
            (exact(volume, k) for k in range(len(stack.slices))), volume.spacing[:2].tolist()
        ),
        lambda places: files((stack.slices[k].number for k in places), total),
        accept,
    )


def laid_out(volume: Volume, stack: Stack) -> tuple[Volume, str]:
    """Move slices in their planes, and interpolate between them, where they do not lie evenly."""
    done = []
    if stack.is_moved:
        volume = moved_in_plane(volume, stack.sideways)
        done.append("gantry_tilt" if stack.tilt_degrees else "moved_slices")
    if stack.uneven:
        volume = evenly_spaced(volume, stack.depths, stack.spacing)
        done.append("even_spacing")
    return volume, " and ".join(done)


def unrecorded(slices: Sequence[Slice]) -> list[str]:
    """Name the fields that are only recorded and that cannot be read: they stay unknown."""
    told = []
    for tag in (*RECORDED_NUMBERS, *RECORDED_TEXTS):
        count = sum(tag in s.malformed for s in slices)
        if count:
            told.append(
                f"{tag} of {count} slices cannot be read, or names the patient, and was left out "
                "of the record."
            )
    return told


def stack_warnings(stack: Stack, acquisition: dict) -> list[str]:
    """Say in sentences what is unusual about how the slices of a series cover the body."""
    spacing = stack.spacing
    told = []
    thickness = acquisition["slice_thickness_mm"]
    if thickness and thickness > 0 and spacing > 1.05 * thickness:
        told.append(f"Slices of {thickness:g} mm every {spacing:g} mm leave gaps between them.")
    axes = stack.affine[:3, :3] / np.linalg.norm(stack.affine[:3, :3], axis=0)
    if abs(axes[2, 2]) < np.cos(np.radians(45)):
        told.append("The slices are not axial.")
    return told
