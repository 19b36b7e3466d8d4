"""Reference segmentations: labels mapped to background, liver and lesion on the CT's grid."""

import numpy as np
import SimpleITK as sitk

from livermet.errors import InputError
from livermet.images import BACKGROUND, LESION, LIVER, on_grid_of
from livermet.ingest.volume import Volume, affine_of, canonical, grid_difference


def whole_labels(volume: Volume, what: str) -> np.ndarray:
    """Return a label map's values as whole numbers (x, y, z); raise InputError if they are not."""
    if np.issubdtype(volume.values.dtype, np.integer) and volume.slope == 1:
        return volume.values.astype(np.int32) + np.int32(volume.intercept)
    exact = volume.values * np.float64(volume.slope) + volume.intercept
    if not np.isfinite(exact).all() or np.abs(exact - np.rint(exact)).max() > 1e-4:
        raise InputError(
            f"{what} holds values that are not whole numbers, so it is no label map; export it "
            "without interpolation."
        )
    return np.rint(exact).astype(np.int32)


def map_labels(values: np.ndarray, labels: dict[str, int], what: str) -> np.ndarray:
    """Map a reference's own labels to 0 background, 1 liver, 2 lesion (uint8, same shape).

    `labels` is the config's `reference_labels`, e.g. {"liver": 1, "lesion": 2}, or {"lesion": 1}
    for references that hold lesions only. Raises InputError for a label that it does not name.
    """
    unknown = sorted(set(np.unique(values).tolist()) - {BACKGROUND, *labels.values()})
    if unknown:
        counts = ", ".join(f"{label} ({np.count_nonzero(values == label)})" for label in unknown)
        known = ", ".join(f"{name}: {label}" for name, label in labels.items())
        raise InputError(
            f"{what} holds labels (voxels) that reference_labels does not name: {counts}; it names "
            f"{known}. Change reference_labels in the config, or the file."
        )
    mapped = np.zeros(values.shape, dtype=np.uint8)
    for name, code in (("liver", LIVER), ("lesion", LESION)):
        if name in labels:
            mapped[values == labels[name]] = code
    return mapped


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
    reference: Volume | None,
    labels: dict[str, int],
    liver_mask: Volume | None,
) -> tuple[sitk.Image, dict]:
    """Make a reference on the grid of its series' ct.nii.gz (uint8: 0, 1, 2) and its record.

    Either of reference and liver mask may be None. The record says `liver_from`: `liver_mask` where
    a mask is given, which then is the whole liver; `reference` where reference_labels names a
    liver; else `none`. With it come `reference_voxels_liver` and `reference_voxels_lesion` (None
    where nobody segmented them) and `reference_warnings`. Raises InputError for other labels and
    for a grid that is not the CT's.
    """
    mapped = np.zeros(ct.GetSize(), dtype=np.uint8)
    warnings: list[str] = []
    liver_from = "none"
    if reference is not None:
        what = f"series {series}: its reference"
        mapped = map_labels(_labels_on_grid(ct, reference, what), labels, what)
        warnings += reference.warnings
        liver_from = "reference" if "liver" in labels else "none"
    if liver_mask is not None:
        what = f"series {series}: its liver mask"
        mapped = with_liver(mapped, _labels_on_grid(ct, liver_mask, what), what)
        warnings += liver_mask.warnings
        liver_from = "liver_mask"
    image = on_grid_of(np.ascontiguousarray(mapped.transpose(2, 1, 0)), ct)
    voxels = {code: int(np.count_nonzero(mapped == code)) for code in (LIVER, LESION)}
    record = {
        "liver_from": liver_from,
        "reference_voxels_liver": None if liver_from == "none" else voxels[LIVER],
        "reference_voxels_lesion": None if reference is None else voxels[LESION],
        "reference_warnings": warnings,
    }
    return image, record


def _labels_on_grid(ct: sitk.Image, volume: Volume, what: str) -> np.ndarray:
    turned = canonical(volume)
    difference = grid_difference(
        (ct.GetSize(), affine_of(ct)), (turned.values.shape, turned.affine)
    )
    if difference:
        raise InputError(
            f"{what} does not lie on the grid of its CT, both turned to RAS+: {difference} (CT "
            "against file). Export it on the grid of the series that the sheet names, or resample "
            "it there with nearest neighbours."
        )
    return whole_labels(turned, what)
