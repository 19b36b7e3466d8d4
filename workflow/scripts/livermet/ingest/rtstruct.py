"""RTSTRUCT: closed contours, by the number and the name of their region of interest."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from livermet.errors import InputError
from livermet.ingest.masks import Segment, Segments, numbered
from livermet.ingest.seg import LPS_TO_RAS

RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
CONTOUR_DATA = 0x30060050
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


def read_rtstruct(dataset: Dataset, what: str) -> Segments:
    """Read the regions of an RTSTRUCT; single points and open lines hold no voxel and are counted.

    Raises InputError for a contour whose points cannot be read.
    """
    names = numbered(
        (
            (int(item.ROINumber), str(item.get("ROIName", "")))
            for item in dataset.get("StructureSetROISequence", [])
        ),
        what,
    )
    contours: dict[int, list[np.ndarray]] = {number: [] for number in names}
    if names and "ROIContourSequence" not in dataset:
        raise InputError(
            f"{what} lists regions and holds no contours (ROIContourSequence); it is cut short, or "
            "nothing was drawn: copy it or export it again."
        )
    others = held_by_items = 0
    for region in dataset.get("ROIContourSequence", []):
        number = int(region.ReferencedROINumber)
        for count, item in enumerate(region.get("ContourSequence", None) or [], 1):
            held_by_items += "ContourData" in item
            kind = str(item.get("ContourGeometricType", CLOSED[0])).upper()
            try:
                points = np.array(item.get("ContourData", None) or [], dtype=float).reshape(-1, 3)
            except ValueError as error:
                raise InputError(
                    f"{what}: contour {count} of its region {number} does not hold three numbers a "
                    "point; export it again."
                ) from error
            if not np.isfinite(points).all():
                raise InputError(
                    f"{what}: contour {count} of its region {number} holds a point that is no "
                    "number; export it again."
                )
            _check_count(item, points, f"{what}: contour {count} of its region {number}")
            if kind not in CLOSED or len(points) < 3:
                others += 1
            else:
                contours.setdefault(number, []).append(points * LPS_TO_RAS)
    if (stored := stored_contours(dataset)) > held_by_items:
        raise InputError(
            f"{what} holds {stored} contours, of which {stored - held_by_items} lie outside of its "
            "regions; a length in it is damaged: copy it again."
        )
    told = [f"Points and open lines left out: {others}."] if others else []
    segments = tuple(
        Segment(number, names.get(number, ""), contours=tuple(held))
        for number, held in contours.items()
    )
    return Segments(segments, tuple(told))


def stored_contours(dataset: Dataset) -> int:
    """Count the contours in the bytes of the file that a dataset was read from; 0 without one.

    Where a length is damaged, pydicom passes over what follows.
    """
    path = Path(str(getattr(dataset, "filename", None) or ""))
    if not path.is_file():
        return 0
    little = CONTOUR_DATA.to_bytes(4, "little")
    return path.read_bytes().count(little[2:] + little[:2])


def _check_count(item: Dataset, points: np.ndarray, which: str) -> None:
    """Hold a contour's points against the number that it tells, where that is one."""
    try:
        told = int(item.get("NumberOfContourPoints") or 0)
    except (TypeError, ValueError):
        return
    if told > 0 and told != len(points):
        raise InputError(
            f"{which} tells of {told} points and holds {len(points)}; it is damaged: copy the file "
            "or export it again."
        )
