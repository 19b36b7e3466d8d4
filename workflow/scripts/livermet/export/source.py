"""The source of a series: its slices' headers, and which plane of the CT each slice is.

Ingest turns a CT to RAS+, which flips and swaps axes. A slice finds its plane by where its header
says that it lies, and never by an order of files or numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

from livermet.export.exported import refuse
from livermet.export.identifiers import FIELDS, Identifiers
from livermet.ingest.decoding import Decoder
from livermet.ingest.dicom import without_copies
from livermet.ingest.headers import Slice, read_dataset, read_headers
from livermet.ingest.stack import (
    check_geometry,
    in_order,
    position,
    select_slices,
    size_of,
    stack_slices,
)

# Beyond it a voxel of the CT might be the neighbour's of the slice's pixel; headers round by less.
MOST_OFF_VOXELS = 0.4
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID")
OF_ALL_SLICES = UIDS[:3]
READ_TOO = ("SpecificCharacterSet", "NumberOfFrames")
# ISO 8859 and the like are written anew in Unicode, so that any name can be.
UNICODE = "ISO_IR 192"


@dataclass(frozen=True)
class Planes:
    """Where the voxels of a volume (z, y, x) lie in the slices of its source.

    axes: the volume's axes across the slices, down their columns and along their rows.
    flipped: whether the volume counts down the columns, and along the rows, the other way.
    order: the volume's plane that each slice is.
    """

    axes: tuple[int, int, int]
    flipped: tuple[bool, bool]
    order: tuple[int, ...]

    def of(self, volume: np.ndarray) -> np.ndarray:
        """Return a volume (z, y, x) as its source's pixels: (slice, row, column)."""
        turned = np.transpose(volume, self.axes)
        backwards = [place for place, is_so in enumerate(self.flipped, 1) if is_so]
        return np.ascontiguousarray(np.flip(turned, tuple(backwards))[list(self.order)])


@dataclass(frozen=True)
class Source:
    """What instances refer to, without pixels: one header a slice, or one of several frames."""

    images: list[Dataset]
    planes: Planes


def source_of(
    series: str,
    folder: str | Path,
    ct: sitk.Image,
    row: Mapping[str, str],
    identifiers: Identifiers,
    accept: Iterable[str] = (),
) -> Source:
    """Find the source of a series, under the identifiers that it is to be written with.

    ct: what ingest made of it. row: the sheet's patient and study_date. accept: the config key
    ingest.accept. Raises NotExportedError where a slice cannot be referred to, or slices and the
    CT's planes are not one to one, and InputError where ingest would.
    """
    slices = slices_of(series, folder, accept)
    paths = dict.fromkeys(one.path for one in slices)
    headers = {path: read_dataset(path, [*UIDS, *FIELDS, *READ_TOO]) for path in paths}
    known = [_uids(one, headers[one.path]) for one in slices]
    _refuse_unnamed(slices, known)
    of_frames = any(one.frame is not None for one in slices)
    if of_frames:
        slices = _frames_in_order(slices, headers[slices[0].path])
    planes = planes_of(slices, ct)
    shared = _shared(headers[slices[0].path], known[0], row, identifiers)
    across = 2 - planes.axes[0]
    spacing = float(ct.GetSpacing()[across])
    if of_frames:
        return Source([_of_frames(slices, known[0], shared, spacing, identifiers)], planes)
    by_slice = {id(one): names for one, names in zip(slices, known, strict=True)}
    # One for all, as a SEG has it: ingest has seen to it that they differ by rounding alone.
    shared.ImageOrientationPatient = _orientation(slices[0])
    images = [_of_slice(one, by_slice[id(one)], shared, spacing, identifiers) for one in slices]
    return Source(images, planes)


def slices_of(series: str, folder: str | Path, accept: Iterable[str]) -> list[Slice]:
    """Return the slices that ingest made the CT of, by its own rules."""
    found, accept, what = read_headers(Path(folder)), set(accept), f"series {series}"
    slices, _ = select_slices(what, found.slices, found.total, accept)
    check_geometry(what, slices, found.total)
    slices, _ = without_copies(what, in_order(slices), Decoder(), found.total)
    return list(stack_slices(what, slices).slices)


def planes_of(slices: Sequence[Slice], grid: sitk.Image) -> Planes:
    """Find the plane of a volume that each slice is, by where both lie.

    Raises NotExportedError where a slice lies on no plane, or a plane has no slice or several.
    """
    to_index = np.linalg.inv(np.reshape(grid.GetDirection(), (3, 3)) * grid.GetSpacing())
    corners = np.array([_corners(one) for one in slices]) - grid.GetOrigin()
    exact = corners @ to_index.T
    places = np.rint(exact).astype(int)
    along_row, along_column = places[0, 1] - places[0, 0], places[0, 2] - places[0, 0]
    row_axis, column_axis = int(np.abs(along_row).argmax()), int(np.abs(along_column).argmax())
    across = 3 - row_axis - column_axis
    rows, columns = size_of(slices[0])
    size = grid.GetSize()
    if row_axis == column_axis or (size[row_axis], size[column_axis]) != (columns, rows):
        refuse("its slices have another size or direction than the CT's planes")
    off = np.abs(exact - places).max(axis=(1, 2)) > MOST_OFF_VOXELS
    flipped = bool(places[0, 0, column_axis]), bool(places[0, 0, row_axis])
    wanted = np.array([_expected(flipped, rows, columns)] * len(slices))
    off |= (places[:, :, [column_axis, row_axis]] != wanted).any(axis=(1, 2))
    order = places[:, 0, across]
    off |= (places[:, :, across] != order[:, None]).any(axis=1)
    if off.any():
        refuse(f"{off.sum()} of its {len(slices)} slices lie on no plane of the CT")
    if sorted(order.tolist()) != list(range(size[across])):
        refuse(
            f"its {len(slices)} slices and the {size[across]} planes of the CT are not one to one"
        )
    axes = 2 - across, 2 - column_axis, 2 - row_axis
    return Planes(axes, flipped, tuple(order.tolist()))


def _expected(flipped: tuple[bool, bool], rows: int, columns: int) -> list[tuple[int, int]]:
    """Return where a volume has the corners of a slice, down its columns and along its rows."""
    down = (rows - 1, 0) if flipped[0] else (0, rows - 1)
    along = (columns - 1, 0) if flipped[1] else (0, columns - 1)
    return [(down[0], along[0]), (down[0], along[1]), (down[1], along[0]), (down[1], along[1])]


def _corners(one: Slice) -> np.ndarray:
    """Return the centres of the first, last of the first row, first of the last row, last pixel."""
    rows, columns = size_of(one)
    row_spacing, column_spacing = one.numbers["PixelSpacing"]
    along_row, along_column = np.reshape(one.numbers["ImageOrientationPatient"], (2, 3))
    along_row, along_column = along_row * column_spacing, along_column * row_spacing
    steps = ((0, 0), (0, columns - 1), (rows - 1, 0), (rows - 1, columns - 1))
    return np.array(
        [position(one) + down * along_column + along * along_row for down, along in steps]
    )


def _uids(one: Slice, header: Dataset | None) -> dict[str, str]:
    if header is None:
        refuse("a slice can no longer be read")
    found = {name: str(header.get(name) or "").strip() for name in UIDS}
    # Anonymised files may hold it in their meta header only.
    found["SOPInstanceUID"] = one.text("SOPInstanceUID")
    return found | {"SOPClassUID": one.text("SOPClassUID")}


def _refuse_unnamed(slices: Sequence[Slice], known: Sequence[Mapping[str, str]]) -> None:
    for name in UIDS:
        lacking = sum(not UID(names[name]).is_valid for names in known)
        if lacking:
            refuse(f"{lacking} of its slices have no valid {name}")
    for name in OF_ALL_SLICES:
        if len({names[name] for names in known}) > 1:
            refuse(f"its slices have more than one {name}")
    files = {one.path: names["SOPInstanceUID"] for one, names in zip(slices, known, strict=True)}
    if len(set(files.values())) < len(files):
        refuse("several of its slices share a SOPInstanceUID")


def _frames_in_order(slices: Sequence[Slice], header: Dataset | None) -> list[Slice]:
    if len({one.path for one in slices}) > 1:
        refuse("its frames lie in several files")
    ordered = sorted(slices, key=lambda one: one.frame or 0)
    total = int(header.get("NumberOfFrames") or 1) if header else 0
    if [one.frame for one in ordered] != list(range(total)):
        refuse(f"{total - len(ordered)} of its {total} frames are no plane of the CT")
    return ordered


def _shared(
    header: Dataset | None,
    known: Mapping[str, str],
    row: Mapping[str, str],
    identifiers: Identifiers,
) -> Dataset:
    """Return what all images of a source share: patient, study, series and frame of reference."""
    assert header is not None, "a header without UIDs was refused"
    made = Dataset()
    made.SpecificCharacterSet = UNICODE
    for name, value in identifiers.fields(header, row).items():
        setattr(made, name, value)
    for name in OF_ALL_SLICES:
        setattr(made, name, identifiers.uid(known[name]))
    made.Modality = "CT"
    made.PositionReferenceIndicator = ""
    return made


def _image(
    one: Slice, known: Mapping[str, str], shared: Dataset, identifiers: Identifiers
) -> Dataset:
    # Dataset(shared) would hold the same elements.
    made = deepcopy(shared)
    made.SOPClassUID = known["SOPClassUID"]
    made.SOPInstanceUID = identifiers.uid(known["SOPInstanceUID"])
    made.Rows, made.Columns = size_of(one)
    return made


def _of_slice(
    one: Slice,
    known: Mapping[str, str],
    shared: Dataset,
    spacing: float,
    identifiers: Identifiers,
) -> Dataset:
    made = _image(one, known, shared, identifiers)
    made.ImagePositionPatient = _decimals(one.numbers["ImagePositionPatient"])
    _measure(made, one, spacing)
    return made


def _of_frames(
    slices: Sequence[Slice],
    known: Mapping[str, str],
    shared: Dataset,
    spacing: float,
    identifiers: Identifiers,
) -> Dataset:
    made = _image(slices[0], known, shared, identifiers)
    made.NumberOfFrames = len(slices)
    measures, orientation, common = Dataset(), Dataset(), Dataset()
    _measure(measures, slices[0], spacing)
    orientation.ImageOrientationPatient = _orientation(slices[0])
    common.PixelMeasuresSequence = [measures]
    common.PlaneOrientationSequence = [orientation]
    made.SharedFunctionalGroupsSequence = [common]
    made.PerFrameFunctionalGroupsSequence = []
    for one in slices:
        place, group = Dataset(), Dataset()
        place.ImagePositionPatient = _decimals(one.numbers["ImagePositionPatient"])
        group.PlanePositionSequence = [place]
        made.PerFrameFunctionalGroupsSequence.append(group)
    return made


def _measure(made: Dataset, one: Slice, spacing: float) -> None:
    """Write the sizes of a pixel; a slice is as thick as its header says, or else its spacing."""
    made.PixelSpacing = _decimals(one.numbers["PixelSpacing"])
    made.SliceThickness = format_number_as_ds(one.value("SliceThickness") or spacing)
    made.SpacingBetweenSlices = format_number_as_ds(spacing)


def _orientation(one: Slice) -> list[str]:
    return _decimals(one.numbers["ImageOrientationPatient"])


def _decimals(numbers: Iterable[float]) -> list[str]:
    return [format_number_as_ds(float(number)) for number in numbers]
