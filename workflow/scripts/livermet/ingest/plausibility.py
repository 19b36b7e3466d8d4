"""What tells that a mask is not of its CT: air, bone, the wrong side, lesions outside the liver.

Each doubt is a sentence; some are certain enough to refuse the pair. Arrays are (x, y, z) of a
canonical CT: x grows to the patient's right, where the liver is, and z to the head. Whether voxels
are body is asked on every few voxels (about 3 mm), which decides no more than a share.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from livermet.errors import InputError
from livermet.images import LESION, LIVER

COARSE_MM = 3.0
BODY_HU, LUNG_HU = -300, (-1000, -600)
LOWEST_HU, BONE_HU = -200, 300
# Shares of a mask: told from the first on, and certainly wrong from the second on.
AIR, BONE, OUTSIDE = (0.05, 0.5), (0.1, 0.5), (0.05, 0.5)
LEFT = (0.5, 0.65)
# No CT is that close around a liver.
FILLED = 0.9
# Of a liver's area: what a slice has of the smaller one of its neighbours' (real ones at least all
# of it), and what its outermost slices have of the largest (real ones up to a third, at 20 mm).
LEAST_BETWEEN, MOST_AT_ENDS, LEAST_SLICES = 0.7, 0.6, 5
# What is smaller may be anything.
LEAST_MASK_ML, LEAST_LIVER_ML, LEAST_LUNGS_ML = 1.0, 100.0, 500.0
ABOVE_LUNGS_MM = 20.0
USUAL_LIVER_HU = (-50, 250)


@dataclass(frozen=True)
class Doubt:
    """A sentence about a mask, and whether the mask is certainly wrong."""

    sentence: str
    certain: bool = False


def doubts(
    ct: np.ndarray,
    mask: np.ndarray,
    spacing: Sequence[float],
    has_liver: bool,
    has_lesions: bool,
    lesions_read: str = "",
) -> list[Doubt]:
    """List what is implausible about a mask (0, 1 liver, 2 lesion) of a CT in HU.

    `has_liver` and `has_lesions` say what was segmented; `lesions_read` is the sheet's word,
    present, absent or empty.
    """
    found = list(_against_sheet(mask, has_lesions, lesions_read))
    inside = mask > 0
    ml = float(np.prod(spacing)) / 1000
    if np.count_nonzero(inside) * ml >= LEAST_MASK_ML:
        found += _by_values(ct[inside], ct[mask == LIVER] if has_liver else None)
        found += _by_place(ct, mask, spacing, has_liver)
    if has_liver:
        found += _liver_in_parts(inside)
        found += _liver_by_areas(inside, ml)
    if has_liver and has_lesions:
        found += _lesions_outside(mask)
    return found


def refuse_implausible(
    series: str,
    ct: np.ndarray,
    mask: np.ndarray,
    spacing: Sequence[float],
    record: dict,
    lesions_read: str = "",
    accepted: bool = False,
) -> dict:
    """Return a reference's record with all doubts among its warnings.

    Raises InputError with those that are certain, unless the study accepts the series' mask.
    """
    found = doubts(
        ct,
        mask,
        spacing,
        has_liver=record["liver_from"] != "none",
        has_lesions=record["reference_voxels_lesion"] is not None,
        lesions_read=lesions_read,
    )
    certain = [doubt.sentence for doubt in found if doubt.certain]
    if certain and not accepted:
        raise InputError(
            f"series {series}: its reference or liver mask does not fit its CT. "
            f"{' '.join(certain)} Correct the sheet or the mask; if it is right all the same, add "
            f"{series} to ingest.accept_masks in the config."
        )
    told = [*record["reference_warnings"], *(doubt.sentence for doubt in found)]
    return {**record, "reference_warnings": list(dict.fromkeys(told))}


def _against_sheet(mask: np.ndarray, has_lesions: bool, lesions_read: str) -> Iterator[Doubt]:
    if not has_lesions:
        return
    lesions = int(np.count_nonzero(mask == LESION))
    if lesions_read == "present" and not lesions:
        yield Doubt("The sheet says that lesions are present, and the reference holds none.", True)
    if lesions_read == "absent" and lesions:
        yield Doubt(
            f"The sheet says that lesions are absent, and the reference holds {lesions} voxels of "
            "them."
        )


def _liver_in_parts(inside: np.ndarray) -> Iterator[Doubt]:
    """Tell of a liver, lesions included, that is not there, everywhere, cut, or in parts."""
    used = np.flatnonzero(inside.any(axis=(0, 1)))
    if not len(used):
        yield Doubt("The liver was segmented, and its mask holds no voxel.")
        return
    if (share := float(inside.mean())) > FILLED:
        yield Doubt(f"{share:.0%} of the CT lie in the mask of the liver.", True)
    ends = [name for name, z in (("lowest", 0), ("highest", -1)) if inside[:, :, z].any()]
    if ends:
        yield Doubt(
            f"The liver reaches the {' and the '.join(ends)} slice: it may go on beyond the scan, "
            "or slices are missing there."
        )
    if empty := int(used[-1] - used[0] + 1 - len(used)):
        yield Doubt(
            f"{empty} slices between the first and the last one of the liver hold none of it; a "
            "part of the mask may be lost."
        )


def _liver_by_areas(inside: np.ndarray, voxel_ml: float) -> Iterator[Doubt]:
    """Tell of slices that hold much less of a liver than those around, and of cut ends."""
    areas = inside.sum(axis=(0, 1))
    used = np.flatnonzero(areas)
    if len(used) < LEAST_SLICES or areas.sum() * voxel_ml < LEAST_LIVER_ML:
        return
    least = np.minimum(areas[:-2], areas[2:]) * LEAST_BETWEEN
    if fewer := int(np.count_nonzero((areas[1:-1] < least) & (areas[1:-1] > 0))):
        yield Doubt(
            f"{fewer} slices hold much less of the liver than those on both sides; a part of the "
            "mask may be lost."
        )
    # Where the CT ends, the liver may go on.
    ends = [(used[0], "lowest", used[0] > 0), (used[-1], "highest", used[-1] < len(areas) - 1)]
    for z, name, is_within in ends:
        if is_within and areas[z] > MOST_AT_ENDS * areas.max():
            yield Doubt(
                f"The {name} slice of the liver's mask holds {areas[z] / areas.max():.0%} of what "
                "its largest does; slices of the mask may be lost there."
            )


def _by_values(inside: np.ndarray, liver: np.ndarray | None) -> Iterator[Doubt]:
    air = float((inside < LOWEST_HU).mean())
    if air > AIR[0]:
        yield Doubt(f"{air:.0%} of the mask lie below {LOWEST_HU} HU (air).", air > AIR[1])
    bone = float((inside > BONE_HU).mean())
    if bone > BONE[0]:
        yield Doubt(f"{bone:.0%} of the mask lie above {BONE_HU} HU (bone).", bone > BONE[1])
    if liver is not None and len(liver):
        middle = float(np.median(liver))
        if not USUAL_LIVER_HU[0] <= middle <= USUAL_LIVER_HU[1]:
            yield Doubt(f"The liver has a median of {middle:.0f} HU, which is unusual.")


def _by_place(
    ct: np.ndarray, mask: np.ndarray, spacing: Sequence[float], has_liver: bool
) -> Iterator[Doubt]:
    every = tuple(slice(None, None, max(1, int(COARSE_MM / step))) for step in spacing)
    values, labels = ct[every], mask[every]
    coarse = [step * (part.step or 1) for step, part in zip(spacing, every, strict=True)]
    ml = float(np.prod(coarse)) / 1000
    body = _body(values)
    inside = labels > 0
    if not body.any() or not inside.any():
        return
    outside = float((~body[inside]).mean())
    if outside > OUTSIDE[0]:
        yield Doubt(f"{outside:.0%} of the mask lie outside the body.", outside > OUTSIDE[1])
    # Lesions of a liver that is segmented are a part of it.
    if not has_liver or np.count_nonzero(inside) * ml < LEAST_LIVER_ML:
        return
    slices = inside.any(axis=(0, 1))
    if not _is_cut(body[:, :, slices]):
        centre = float(np.median(np.nonzero(body[:, :, slices])[0]))
        left = float((np.nonzero(inside)[0] < centre).mean())
        if left > LEFT[0]:
            yield Doubt(
                f"{left:.0%} of the liver lie left of the body's centre: CT or mask is mirrored, "
                "or the patient's organs are.",
                left > LEFT[1],
            )
    lungs = body & (values > LUNG_HU[0]) & (values < LUNG_HU[1])
    if np.count_nonzero(lungs) * ml >= LEAST_LUNGS_ML:
        above = (np.nonzero(inside)[2].mean() - np.nonzero(lungs)[2].mean()) * coarse[2]
        if above > 0:
            yield Doubt(
                f"The liver's centre lies {above:.0f} mm above the lungs': CT or mask is upside "
                "down.",
                above > ABOVE_LUNGS_MM,
            )


def _body(values: np.ndarray) -> np.ndarray:
    """Return the largest thing above -300 HU, slice by slice without holes: lungs are body."""
    labels, count = ndimage.label(values > BODY_HU)
    if not count:
        return np.zeros(values.shape, dtype=bool)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    body = labels == sizes.argmax()
    for z in range(body.shape[2]):
        body[:, :, z] = ndimage.binary_fill_holes(body[:, :, z])
    return body


def _is_cut(body: np.ndarray) -> bool:
    """Tell whether the body is cut at either side of the CT, so that its centre is not known."""
    return bool(max(body[0].mean(), body[-1].mean()) > 0.05)


def _lesions_outside(mask: np.ndarray) -> Iterator[Doubt]:
    """Tell of lesions (26-connected) that touch no liver, not even by a corner."""
    lesions, count = ndimage.label(mask == LESION, np.ones((3, 3, 3)))
    if not count or not (mask == LIVER).any():
        return
    touching = set()
    for number, box in enumerate(ndimage.find_objects(lesions), 1):
        wide = tuple(slice(max(0, part.start - 1), part.stop + 1) for part in box)
        near = ndimage.binary_dilation(lesions[wide] == number, np.ones((3, 3, 3)))
        if (mask[wide][near] == LIVER).any():
            touching.add(number)
    outside = count - len(touching)
    if outside:
        yield Doubt(f"{outside} of {count} lesions touch no liver of the mask.", outside == count)
