"""Reference segmentations: labels mapped to background, liver and lesion on the CT's grid."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import SimpleITK as sitk

from livermet.errors import InputError
from livermet.images import BACKGROUND, LESION, LIVER, on_grid_of
from livermet.ingest.masks import (
    Planes,
    Segment,
    Segments,
    carried,
    fits_straightened,
    place_labels,
    planes_of,
    segment_on,
)
from livermet.ingest.plausibility import doubts
from livermet.ingest.volume import (
    Volume,
    affine_of,
    canonical,
    grid_difference,
    is_sheared,
)

ROLES = {"liver": LIVER, "lesion": LESION, "other": BACKGROUND}
# A number that says liver, under a name that says lesion, is a slip of the config.
LESION_WORDS = re.compile(r"lesion|tumou?r|metast|mass\b|cancer|carcinoma|\bhcc|\bcrlm|gtv", re.I)
LIVER_WORDS = re.compile(r"liver|hepar|leber|foie|higado|fegato", re.I)
# Names of structures are a header's text, which may hold a patient's name: these words do not.
TOLD_WORDS = frozenset(
    {
        "liver",
        "lesion",
        "lesions",
        "tumor",
        "tumors",
        "tumour",
        "tumours",
        "metastasis",
        "metastases",
        "mass",
        "gtv",
        "ctv",
        "ptv",
        "hcc",
        "body",
        "external",
        "skin",
        "bone",
        "bones",
        "lung",
        "lungs",
        "left",
        "right",
        "spleen",
        "kidney",
        "kidneys",
        "aorta",
        "heart",
        "stomach",
        "pancreas",
        "gallbladder",
        "vein",
        "artery",
        "portal",
        "venous",
        "hepatic",
        "vessel",
        "vessels",
        "vena",
        "cava",
        "cord",
        "spinal",
        "roi",
        "segment",
        "tissue",
        "cyst",
        "cysts",
        "muscle",
        "bowel",
        "colon",
        "bladder",
        "background",
        "livertumor",
        "livercyst",
        "venoussystem",
        "portalvein",
        "rightkidney",
        "leftkidney",
        "rightlung",
        "leftlung",
        "smallintestin",
    }
)
MOST_TOLD = 12
# Beyond it a number of 32 bits would turn over into another label.
MOST_LABEL = 2**31 - 1
CARRIED = (
    "It was drawn on slices that ingest resampled (tilted or uneven); it went with them, each "
    "voxel to the nearest."
)


def wanted(labels: Mapping[str, Any], role: str) -> list[int | str]:
    """Return the numbers and names of `reference_labels` for a role, one or several, as a list."""
    held = labels.get(role)
    if held is None:
        return []
    return list(held) if isinstance(held, list | tuple) else [held]


def numbers_of(labels: Mapping[str, Any], role: str) -> list[int]:
    """Return the numbers alone."""
    return [one for one in wanted(labels, role) if isinstance(one, int)]


def whole_labels(volume: Volume, what: str) -> np.ndarray:
    """Return a label map's values as whole numbers (x, y, z); raise InputError if they are not."""
    exact = volume.values
    if exact.dtype.kind == "f" or (volume.slope, volume.intercept) != (1, 0):
        exact = exact * np.float64(volume.slope) + volume.intercept
        if not np.isfinite(exact).all() or np.abs(exact - np.rint(exact)).max() > 1e-4:
            raise InputError(
                f"{what} holds values that are not whole numbers, so it is no label map; export it "
                "without interpolation."
            )
        exact = np.rint(exact)
    low, high = int(exact.min()), int(exact.max())
    if low < -MOST_LABEL or high > MOST_LABEL:
        raise InputError(
            f"{what} holds values from {low} to {high}, so it is no label map; export it with "
            "small whole numbers."
        )
    return exact.astype(np.int32)


def map_labels(values: np.ndarray, labels: Mapping[str, Any], what: str) -> np.ndarray:
    """Map a reference's own labels to 0 background, 1 liver, 2 lesion (uint8, same shape).

    `labels` is the config's `reference_labels`, e.g. {"liver": 1, "lesion": [2, 3]}, or
    {"lesion": 1} for references that hold lesions only; `other` are labels that become background,
    "*" all that are left. Raises InputError for a label that it does not name.
    """
    known = {number for role in ROLES for number in numbers_of(labels, role)}
    unknown = sorted(set(np.unique(values).tolist()) - {BACKGROUND, *known})
    if unknown and "*" not in wanted(labels, "other"):
        counts = ", ".join(
            f"{label} ({np.count_nonzero(values == label)})" for label in unknown[:MOST_TOLD]
        )
        if len(unknown) > MOST_TOLD:
            counts += f" and {len(unknown) - MOST_TOLD} more, as an image does and no label map"
        raise InputError(
            f"{what} holds labels (voxels) that reference_labels does not name: {counts}; it names "
            f"{_told(labels)}. Change reference_labels in the config (reference_labels.other for "
            "what is neither liver nor lesion), or the file."
        )
    mapped = np.zeros(values.shape, dtype=np.uint8)
    for role in ("liver", "lesion"):
        if numbers := numbers_of(labels, role):
            mapped[np.isin(values, numbers)] = ROLES[role]
    return mapped


def _told(labels: Mapping[str, Any]) -> str:
    named = ((role, wanted(labels, role)) for role in ROLES)
    return ", ".join(f"{role}: {', '.join(map(str, held))}" for role, held in named if held)


def roles_of(segments: Iterable[Segment], labels: Mapping[str, Any], what: str) -> dict[int, str]:
    """Say of each segment, by its place, whether it is 'liver', 'lesion' or 'other'.

    A segment is known by its name, in small or capital letters, with * for any letters, or else by
    its number. Segments that nothing names are left out of the answer. Raises InputError where two
    roles name one segment, and where its number says liver and its name lesion, or the other way.
    """
    found = {}
    for place, segment in enumerate(segments):
        name = segment.name.strip().casefold()
        by_name = {
            role
            for role in ROLES
            for one in wanted(labels, role)
            if isinstance(one, str) and one != "*" and fnmatchcase(name, one.strip().casefold())
        }
        by_number = {role for role in ROLES if segment.number in numbers_of(labels, role)}
        roles = by_name or by_number
        if len(roles) > 1:
            raise InputError(
                f"{what}: reference_labels names {_segment_told(segment)} both as "
                f"{' and as '.join(sorted(roles))}; let one of them name it."
            )
        if not roles:
            if "*" in wanted(labels, "other"):
                found[place] = "other"
            continue
        role = next(iter(roles))
        if not by_name and _contradicts(segment.name, role):
            raise InputError(
                f"{what}: reference_labels takes {_segment_told(segment)} as {role} by its number, "
                "and its name says otherwise; give names in reference_labels."
            )
        found[place] = role
    return found


def _contradicts(name: str, role: str) -> bool:
    is_lesion = bool(LESION_WORDS.search(name))
    is_liver = bool(LIVER_WORDS.search(name)) and not is_lesion
    return is_lesion if role == "liver" else is_liver if role == "lesion" else False


def _segment_told(segment: Segment) -> str:
    """Name a segment; its name only if it holds nothing but words of anatomy."""
    words = re.findall(r"[^\W\d_]+", segment.name.casefold())
    digits = re.findall(r"\d+", segment.name)
    plain = words and set(words) <= TOLD_WORDS and all(len(one) <= 3 for one in digits)
    number = f"segment {segment.number}" if segment.number else "a segment"
    return f"{number} ({segment.name.strip()})" if plain else number


def with_liver(mapped: np.ndarray, liver_mask: np.ndarray, what: str) -> np.ndarray:
    """Take the liver from a mask of its own (0 and one other value); lesions stay above it."""
    inside = sorted(set(np.unique(liver_mask).tolist()) - {BACKGROUND})
    if len(inside) > 1:
        raise InputError(
            f"{what} holds the labels {', '.join(map(str, inside))}; a liver mask holds 0 and one "
            "other value: export the liver alone."
        )
    liver = np.where(liver_mask != BACKGROUND, LIVER, BACKGROUND).astype(np.uint8)
    return np.where(mapped == LESION, np.uint8(LESION), liver)


def canonical_reference(
    series: str,
    ct: sitk.Image,
    reference: Volume | Segments | None,
    labels: Mapping[str, Any],
    liver_mask: Volume | Segments | None,
    source: Planes | None = None,
) -> tuple[sitk.Image, dict]:
    """Make a reference on the grid of its series' ct.nii.gz (uint8: 0, 1, 2) and its record.

    Either of reference and liver mask may be None. `source` are the slices that ingest resampled
    the CT from, if it did: masks of these slices go with them. The record says `liver_from`:
    `liver_mask` where a mask is given, which then is the whole liver; `reference` where
    reference_labels names a liver; else `none`. With it come `reference_voxels_liver` and
    `reference_voxels_lesion` (None where nobody segmented them) and `reference_warnings`, what is
    implausible included. Raises InputError for other labels and for a grid that is not the CT's.
    """
    mapped = np.zeros(ct.GetSize(), dtype=np.uint8)
    warnings: list[str] = []
    liver_from = "none"
    if reference is not None:
        what = f"series {series}: its reference"
        mapped, told = _mapped(ct, reference, labels, source, what)
        warnings += told
        liver_from = "reference" if wanted(labels, "liver") else "none"
    if liver_mask is not None:
        what = f"series {series}: its liver mask"
        liver, told = _liver(ct, liver_mask, labels, source, what)
        mapped = with_liver(mapped, liver, what)
        warnings += told
        liver_from = "liver_mask"
    warnings += [
        doubt.sentence
        for doubt in doubts(
            sitk.GetArrayViewFromImage(ct).transpose(2, 1, 0),
            mapped,
            ct.GetSpacing(),
            has_liver=liver_from != "none",
            has_lesions=reference is not None,
        )
    ]
    image = on_grid_of(np.ascontiguousarray(mapped.transpose(2, 1, 0)), ct)
    voxels = {code: int(np.count_nonzero(mapped == code)) for code in (LIVER, LESION)}
    record = {
        "liver_from": liver_from,
        "reference_voxels_liver": None if liver_from == "none" else voxels[LIVER],
        "reference_voxels_lesion": None if reference is None else voxels[LESION],
        "reference_warnings": list(dict.fromkeys(warnings)),
    }
    return image, record


def _mapped(
    ct: sitk.Image,
    reference: Volume | Segments,
    labels: Mapping[str, Any],
    source: Planes | None,
    what: str,
) -> tuple[np.ndarray, list[str]]:
    """Return a reference as 0, 1, 2 on the CT's grid (x, y, z), and warnings; lesions are above."""
    if isinstance(reference, Volume):
        values, told = _labels_on_grid(ct, reference, what)
        return map_labels(values, labels, what), told
    roles = roles_of(reference.segments, labels, what)
    unknown = [
        segment
        for place, segment in enumerate(reference.segments)
        if place not in roles and not segment.is_empty
    ]
    if unknown or not set(roles.values()) & {"liver", "lesion"}:
        listed = ", ".join(map(_segment_told, unknown[:MOST_TOLD]))
        more = f" and {len(unknown) - MOST_TOLD} more" if len(unknown) > MOST_TOLD else ""
        raise InputError(
            f"{what} holds {len(unknown)} segments that reference_labels does not name: "
            f"{listed or 'none'}{more}; it names {_told(labels)}. Give their names or numbers in "
            "reference_labels, under other what is neither liver nor lesion ('*' for all the rest)."
        )
    mapped = np.zeros(ct.GetSize(), dtype=np.uint8)
    told = list(reference.warnings)
    for role in ("liver", "lesion"):
        held = [s for place, s in enumerate(reference.segments) if roles.get(place) == role]
        inside, more_told = _segments_on_grid(ct, held, reference.planes, source, what)
        mapped[inside] = ROLES[role]
        told += more_told
        if wanted(labels, role) and not inside.any():
            told.append(f"It has no segment of {role} that holds a voxel.")
    return mapped, told


def _liver(
    ct: sitk.Image,
    mask: Volume | Segments,
    labels: Mapping[str, Any],
    source: Planes | None,
    what: str,
) -> tuple[np.ndarray, list[str]]:
    """Return a liver mask on the CT's grid (x, y, z; 0 and one other value), and warnings."""
    if isinstance(mask, Volume):
        return _labels_on_grid(ct, mask, what)
    roles = (
        roles_of(mask.segments, {**labels, "other": None}, what) if len(mask.segments) > 1 else {}
    )
    held = [s for place, s in enumerate(mask.segments) if roles.get(place) == "liver"]
    if not held:
        held = [s for place, s in enumerate(mask.segments) if place not in roles and not s.is_empty]
        if len(held) > 1:
            raise InputError(
                f"{what} holds {len(held)} segments and none that reference_labels names as liver: "
                f"{', '.join(map(_segment_told, held[:MOST_TOLD]))}; name it there, or export the "
                "liver alone."
            )
    inside, told = _segments_on_grid(ct, held, mask.planes, source, what)
    return inside.astype(np.uint8), [*mask.warnings, *told]


def _segments_on_grid(
    ct: sitk.Image,
    segments: Iterable[Segment],
    planes: Planes | None,
    source: Planes | None,
    what: str,
) -> tuple[np.ndarray, list[str]]:
    """Return where some segments are on the CT's grid (x, y, z), all together, and warnings."""
    shape, affine = ct.GetSize(), affine_of(ct)
    within: float = np.inf
    told: list[str] = []
    own = source is None and planes is not None and _moves(planes)
    if own and planes is not None and fits_straightened(planes, shape, affine):
        source, within = planes, planes.across_mm
    if source is not None:
        told.append(CARRIED)
    inside = np.zeros(shape, dtype=bool)
    for segment in segments:
        held, more = segment_on(segment, shape, affine, source, what, within)
        inside |= held
        told += more
    return inside, told


def _moves(planes: Planes) -> bool:
    """Tell whether slices do not lie above each other."""
    sideways = (planes.origins - planes.origins[0]) @ planes.steps
    return bool(np.abs(sideways / np.linalg.norm(planes.steps, axis=0)).max() > 0.1)


def _labels_on_grid(ct: sitk.Image, volume: Volume, what: str) -> tuple[np.ndarray, list[str]]:
    """Return a label map on the CT's grid (x, y, z), and warnings."""
    turned = canonical(volume)
    labels = whole_labels(turned, what)
    shape, affine = ct.GetSize(), affine_of(ct)
    if is_sheared(labels.shape, turned.affine):
        axis = _slices_axis(turned.affine)
        planes = planes_of(labels.shape, turned.affine, axis)
        if fits_straightened(planes, shape, affine):
            moved = carried(np.moveaxis(labels, axis, 2), planes, shape, affine, planes.across_mm)
            return moved, [*volume.warnings, CARRIED]
    difference = grid_difference((shape, affine), (labels.shape, turned.affine))
    if not difference:
        return labels, list(volume.warnings)
    # A box of the CT has another size; a whole mask that lies elsewhere has a wrong header.
    if labels.shape != tuple(shape):
        placed = place_labels(labels, turned.affine, shape, affine, what)
        if placed is not None:
            box = " x ".join(map(str, labels.shape))
            whole = " x ".join(map(str, shape))
            told = f"It covers {box} voxels and its CT {whole}; it was placed by its own header."
            return placed, [*volume.warnings, told]
    raise InputError(
        f"{what} does not lie on the grid of its CT, both turned to RAS+: {difference} (CT "
        "against file). Export it on the grid of the series that the sheet names, or resample "
        "it there with nearest neighbours. If ingest straightened or resampled the CT (its "
        "quality.json says so), draw or export the mask on ct.nii.gz of the run's folder."
    )


def _slices_axis(affine: np.ndarray) -> int:
    """Return the axis that runs across slices: the two others are at right angles."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    others = {a: abs(float(axes[:, (a + 1) % 3] @ axes[:, (a + 2) % 3])) for a in range(3)}
    return min((2, 1, 0), key=lambda a: others[a] > 1e-3)
