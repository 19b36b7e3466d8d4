"""Key images of a study: axial slices of its largest lesions, with outlines of liver and lesions.

As radiologists look at patients: the patient's right is on the left, the front is above.
"""

import base64
from dataclasses import dataclass

import imagecodecs
import numpy as np

from livermet.images import BACKGROUND
from livermet.ingest.pictures import WINDOW_HU, drawn_plane
from livermet.patients.measured import Measured

MOST_PICTURES, MOST_NAMED = 3, 8
SIDE, MARGIN_MM, LEAST_MM = 300, 25.0, 120.0
KIND = "data:image/png;base64,"


@dataclass(frozen=True)
class KeyImage:
    """A picture of a page: PNG as a data URI, its pixels, and what it shows."""

    source: str
    width: int
    height: int
    caption: str


def key_images(measured: Measured) -> list[KeyImage]:
    """Draw the slices of a series' largest lesions, or that with most of the liver without one.

    Lesions whose long axes lie on one slice share a picture; at most `MOST_PICTURES` are drawn.
    """
    lesions = measured.lesions.sort_values("long_mm", ascending=False, kind="stable")
    by_slice = lesions.groupby("slice", sort=False)["lesion"].agg(list)
    shown = {int(place): numbers for place, numbers in by_slice.head(MOST_PICTURES).items()}
    if not shown:
        area = (measured.labels != BACKGROUND).sum(axis=(1, 2))
        place = int(area.argmax()) if area.any() else len(area) // 2
        return [_drawn(measured, place + 1, "no lesion is marked")]
    return [
        _drawn(measured, place, f"lesion{'s' if len(found) > 1 else ''} {_listed(found)}")
        for place, found in shown.items()
    ]


def _listed(numbers: list[int]) -> str:
    named = ", ".join(map(str, sorted(numbers)[:MOST_NAMED]))
    more = len(numbers) - MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _drawn(measured: Measured, place: int, what: str) -> KeyImage:
    _, step_y, step_x = measured.spacing_mm
    cut = _cut(measured.labels[place - 1] != BACKGROUND, (step_y, step_x))
    # Front above, and the patient's right on the left.
    plane, labels = (
        np.ascontiguousarray(volume[place - 1][cut][::-1, ::-1])
        for volume in (measured.hu, measured.labels)
    )
    picture = drawn_plane(plane, labels, (step_y, step_x), SIDE)
    png = bytes(imagecodecs.png_encode(picture, level=9))
    height, width = picture.shape[:2]
    caption = f"Slice {place} of {len(measured.hu)}: {what}"
    return KeyImage(KIND + base64.b64encode(png).decode(), width, height, caption)


def _cut(shown: np.ndarray, pixel_mm: tuple[float, float]) -> tuple[slice, slice]:
    """Return rows and columns around what is shown, with a margin; all where nothing is."""
    if not shown.any():
        return slice(None), slice(None)
    sides = []
    for axis, size_mm in enumerate(pixel_mm):
        places = np.flatnonzero(shown.any(axis=1 - axis))
        first, last = places[0] * size_mm - MARGIN_MM, (places[-1] + 1) * size_mm + MARGIN_MM
        lacking = max(0.0, LEAST_MM - (last - first)) / 2
        begin, end = (first - lacking) / size_mm, (last + lacking) / size_mm
        sides.append(slice(max(0, int(begin)), min(shown.shape[axis], int(np.ceil(end)))))
    return sides[0], sides[1]


WINDOW = f"{WINDOW_HU[0]:g} to {WINDOW_HU[1]:g} HU"
