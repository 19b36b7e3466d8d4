"""RTSTRUCT: closed contours, by the number and the name of their region of interest."""

import numpy as np
from pydicom.dataset import Dataset

from livermet.errors import InputError
from livermet.ingest.masks import Segment, Segments, numbered
from livermet.ingest.seg import LPS_TO_RAS

RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
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
    others = 0
    for region in dataset.get("ROIContourSequence", []):
        number = int(region.ReferencedROINumber)
        for count, item in enumerate(region.get("ContourSequence", None) or [], 1):
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
            if kind not in CLOSED or len(points) < 3:
                others += 1
            else:
                contours.setdefault(number, []).append(points * LPS_TO_RAS)
    told = [f"Points and open lines left out: {others}."] if others else []
    segments = tuple(
        Segment(number, names.get(number, ""), contours=tuple(held))
        for number, held in contours.items()
    )
    return Segments(segments, tuple(told))
