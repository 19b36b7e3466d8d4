"""DICOM SEG: planes by the segment number and the position that each frame has of its own.

pydicom decodes the frames. Where they lie is read from their functional groups, those of a frame
before those that all frames share.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels

from livermet.errors import InputError
from livermet.ingest.masks import Frame, Planes, Segment, Segments, cropped, numbered

# Segmentation, and the newer Label Map Segmentation.
SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


def read_seg(dataset: Dataset, what: str) -> Segments:
    """Read the segments of a DICOM SEG: binary, fractional or label map; they may overlap.

    Fractional segments are taken from half of their largest value on. Raises InputError for a frame
    without a position, orientation, spacing or known segment.
    """
    names = numbered(
        (
            (int(item.SegmentNumber), str(item.get("SegmentLabel", "")))
            for item in dataset.get("SegmentSequence", [])
        ),
        what,
    )
    kind = str(dataset.get("SegmentationType", "BINARY")).upper()
    frames: dict[int, list[Frame]] = {number: [] for number in names}
    fractions = 0
    places: list[tuple[np.ndarray, np.ndarray]] = []
    for values, place, number in _frames(dataset, kind, what):
        places.append(place)
        if kind == "LABELMAP":
            held = {int(n): values == n for n in np.unique(values) if n in names or n != 0}
        elif kind == "FRACTIONAL":
            top = int(dataset.get("MaximumFractionalValue", 255) or 255)
            fractions += int(np.count_nonzero((values > 0) & (values < top)))
            held = {number: values >= top / 2}
        else:
            held = {number: values != 0}
        for segment, inside in held.items():
            if segment not in frames:
                raise InputError(
                    f"{what} has frames of a segment {segment} that its header does not list; "
                    "export it again."
                )
            if inside.any():
                frames[segment].append(cropped(Frame(inside.T, place[0], place[1])))
    told = (
        [f"It gives shares of voxels; {fractions} voxels were taken from a half of one on."]
        if fractions
        else []
    )
    segments = tuple(Segment(n, names[n], tuple(held)) for n, held in frames.items())
    size = int(dataset.Columns), int(dataset.Rows)
    return Segments(segments, tuple(told), _planes(places, *size))


def _planes(places: list[tuple[np.ndarray, np.ndarray]], columns: int, rows: int) -> Planes | None:
    """Return the slices that have frames; None where they are not parallel."""
    if not places or not all(np.allclose(steps, places[0][0], atol=1e-4) for steps, _ in places):
        return None
    # Frames of several segments share slices.
    distinct = {tuple(np.round(origin, 3)): origin for _, origin in places}
    return Planes(places[0][0], np.array(list(distinct.values())), columns, rows)


def _frames(
    dataset: Dataset, kind: str, what: str
) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, np.ndarray], int]]:
    """Give the values (row, column) of each frame, its steps and origin (RAS+ mm), its segment."""
    shared = (list(dataset.get("SharedFunctionalGroupsSequence", [])) or [Dataset()])[0]
    groups = list(dataset.get("PerFrameFunctionalGroupsSequence", []))
    total = int(dataset.get("NumberOfFrames", 1) or 1)
    if len(groups) != total:
        raise InputError(
            f"{what} says where {len(groups)} of its {total} frames lie; export it again."
        )
    for number, (group, values) in enumerate(zip(groups, iter_pixels(dataset), strict=True), 1):
        position = _found(group, shared, "PlanePositionSequence", "ImagePositionPatient")
        axes = _found(group, shared, "PlaneOrientationSequence", "ImageOrientationPatient")
        spacing = _found(group, shared, "PixelMeasuresSequence", "PixelSpacing")
        segment = _found(group, shared, "SegmentIdentificationSequence", "ReferencedSegmentNumber")
        if position is None or axes is None or spacing is None:
            raise InputError(
                f"{what}: its frame {number} of {total} lacks position, orientation or pixel "
                "spacing, so that it cannot be placed; export it again."
            )
        if segment is None and kind != "LABELMAP":
            raise InputError(
                f"{what}: its frame {number} of {total} names no segment; export it again."
            )
        yield values, placed(position, axes, spacing), int(segment or 0)


def placed(position: Any, axes: Any, spacing: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return steps to the next column and row (3 x 2) and the first voxel, RAS+ mm, of a plane.

    The three are the DICOM fields ImagePositionPatient, ImageOrientationPatient and PixelSpacing.
    Raises ValueError for others than 3, 6 and 2 finite numbers.
    """
    origin = np.array(position, dtype=float).reshape(3)
    along_row, along_column = np.array(axes, dtype=float).reshape(2, 3)
    row_spacing, column_spacing = np.array(spacing, dtype=float).reshape(2)
    steps = np.stack([along_row * column_spacing, along_column * row_spacing], axis=1)
    sizes = np.linalg.norm(steps, axis=0)
    square = abs(float(along_row @ along_column)) < 1e-3
    if not (
        np.isfinite(steps).all() and np.isfinite(origin).all() and (sizes > 0).all() and square
    ):
        raise ValueError
    return LPS_TO_RAS[:, None] * steps, LPS_TO_RAS * origin


def _found(group: Dataset, shared: Dataset, sequence: str, field: str) -> Any:
    for one in (group, shared):
        items = list(one.get(sequence, []))
        if items and items[0].get(field) is not None:
            return items[0].get(field)
    return None
