"""CT phantoms: an abdomen with a liver and lesions, all of it decided by one row of phantoms.tsv.

The anatomy is drawn on slices of 2 mm and then reconstructed at the row's slice thickness by
averaging, so that a thick and a thin series of one study show the same lesions.
Arrays are in (z, y, x) order; z grows to the head, y to the back and x to the patient's left, as
in DICOM's patient coordinates. Lengths are in mm, intensities in HU.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from livermet.images import BACKGROUND, LESION, LIVER, on_grid_of

FINE_SLICE_MM = 2.0
HALF_SIZE_MM = (96.0, 160.0, 160.0)  # the lengths that shapes below are fractions of (z, y, x)
SMALLEST_RADIUS_MM = 8.0
GAP_MM = 12.0  # between two lesions: more than the thickest slice, so that they stay two

AIR, FAT, MUSCLE, BONE, SPLEEN, STOMACH, AORTA = -1000.0, -100.0, 45.0, 350.0, 120.0, 10.0, 160.0


@dataclass(frozen=True)
class Anatomy:
    """A study's anatomy on the fine grid: intensities, and where liver and lesions are."""

    hu: np.ndarray
    liver: np.ndarray
    lesions: np.ndarray
    spacing: tuple[float, float, float]


def phantom(row: Mapping) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """Make a series: HU (int16), labels (uint8: 0, 1 liver, 2 lesion) and spacing in mm.

    `row` has the columns of phantoms.tsv: patient_seed (build), study_seed (organs and lesions),
    noise_seed, matrix, pixel_mm, slices, slice_mm, lesions, radius_min_mm, radius_max_mm,
    liver_hu, contrast_hu (lesions below liver), texture_hu (standard deviation inside lesions),
    texture_mm (its correlation length), noise_hu.
    Rows that differ only in noise_seed, noise_hu, slices and slice_mm, and fill the same length
    (slices * slice_mm), are reconstructions of one anatomy. Arrays and spacing are in (z, y, x)
    order. Raises ValueError where slice_mm is not a multiple of 2 mm or the liver has no room for
    the lesions.
    """
    return reconstruct(draw_anatomy(row), row)


def phantom_images(row: Mapping) -> tuple[sitk.Image, sitk.Image]:
    """Make a series' CT and its reference on one grid, placed in patient coordinates (LPS, mm).

    All series of a study fill the same box; its lowest face lies 600-1000 mm below the origin.
    """
    hu, labels, (z, y, x) = phantom(row)
    ct = sitk.GetImageFromArray(hu)
    ct.SetSpacing((x, y, z))
    lowest = -1000.0 + row["study_seed"] % 400
    ct.SetOrigin((-x * (hu.shape[2] - 1) / 2, -y * (hu.shape[1] - 1) / 2, lowest + z / 2))
    return ct, on_grid_of(labels, ct)


def reconstruct(
    anatomy: Anatomy, row: Mapping
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """Average fine slices to `slice_mm` and add noise; a label is the anatomy's at mid-voxel."""
    together = round(row["slice_mm"] / FINE_SLICE_MM)
    blurred = ndimage.gaussian_filter(anatomy.hu, (0.0, 0.5, 0.5))
    hu = blurred.reshape(-1, together, *blurred.shape[1:]).mean(axis=1)
    hu += np.random.default_rng(row["noise_seed"]).normal(0.0, row["noise_hu"], hu.shape)
    labels = np.full(hu.shape, BACKGROUND, np.uint8)
    labels[anatomy.liver[together // 2 :: together]] = LIVER
    labels[anatomy.lesions[together // 2 :: together]] = LESION
    spacing = (float(row["slice_mm"]), float(row["pixel_mm"]), float(row["pixel_mm"]))
    return np.clip(np.rint(hu), -1024, 1500).astype(np.int16), labels, spacing


def draw_anatomy(row: Mapping) -> Anatomy:
    """Draw body, spine, spleen, stomach, aorta, liver and lesions on slices of 2 mm."""
    per_slice = row["slice_mm"] / FINE_SLICE_MM
    if per_slice != round(per_slice):
        raise ValueError(
            f"slice_mm must be a multiple of {FINE_SLICE_MM} mm, not {row['slice_mm']}"
        )
    shape = (round(row["slices"] * per_slice), row["matrix"], row["matrix"])
    spacing = (FINE_SLICE_MM, float(row["pixel_mm"]), float(row["pixel_mm"]))
    build = np.random.default_rng([row["patient_seed"], 1])
    organs = np.random.default_rng([row["study_seed"], 2])
    z, y, x = _fractions(shape, spacing)
    coarse, fine = (_smooth_field(organs, shape, spacing, mm) for mm in (40.0, 30.0))

    half_width, half_depth = build.uniform(0.80, 0.92), build.uniform(0.64, 0.75)
    hu = np.full(shape, AIR, np.float32)
    body = (x / half_width) ** 2 + (y / half_depth) ** 2 + 0.03 * coarse < 1
    inner = (x / (half_width - 0.1)) ** 2 + (y / (half_depth - 0.1)) ** 2 + 0.03 * coarse < 1
    hu[body] = FAT + 10 * coarse[body]
    hu[inner] = MUSCLE
    spine = (x / 0.12) ** 2 + ((y - 0.48) / 0.13) ** 2 + 0 * z < 1
    spleen = ((x - 0.5) / 0.18) ** 2 + ((y - 0.2) / 0.22) ** 2 + ((z - 0.1) / 0.5) ** 2 < 1
    stomach = ((x - 0.35) / 0.2) ** 2 + ((y + 0.2) / 0.17) ** 2 + ((z - 0.2) / 0.4) ** 2 < 1
    aorta = ((x - 0.12) / 0.06) ** 2 + ((y - 0.27) / 0.06) ** 2 + 0 * z < 1
    for organ, value in ((stomach, STOMACH), (spleen, SPLEEN), (spine, BONE), (aorta, AORTA)):
        hu[organ & inner] = value

    liver = _liver(build, organs, (z, y, x), fine) & inner & ~spine & ~aorta & ~spleen
    liver = _largest_part(liver)
    parenchyma = row["liver_hu"] + 4 * _smooth_field(organs, shape, spacing, 15.0)
    hu[liver] = parenchyma[liver]
    lesions = _draw_lesions(hu, liver, row, spacing, fine)
    return Anatomy(hu, liver, lesions, spacing)


def _fractions(shape, spacing) -> list[np.ndarray]:
    """Coordinates about the centre as fractions of HALF_SIZE_MM, broadcastable, float32."""
    axes = [
        ((np.arange(n) - (n - 1) / 2) * step / half).astype(np.float32)
        for n, step, half in zip(shape, spacing, HALF_SIZE_MM, strict=True)
    ]
    return list(np.meshgrid(*axes, indexing="ij", sparse=True))


def _smooth_field(rng, shape, spacing, length_mm: float) -> np.ndarray:
    """Gaussian random field of mean 0, standard deviation 1, smoothed with a sigma of length_mm."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    field = ndimage.gaussian_filter(noise, [length_mm / step for step in spacing], truncate=3.0)
    return (field - field.mean()) / field.std()


def _liver(build, organs, fractions, warp) -> np.ndarray:
    """Two warped ellipsoids, right and left lobe; a patient's livers differ by a few mm."""
    z, y, x = fractions
    centre = build.uniform([-0.05, -0.12, -0.45], [0.15, 0.05, -0.33])
    centre = centre + organs.normal(0.0, 0.015, 3)
    half = build.uniform([0.62, 0.40, 0.38], [0.78, 0.50, 0.46])
    right = sum(((axis - c) / h) ** 2 for axis, c, h in zip((z, y, x), centre, half, strict=True))
    left_centre = centre + np.array([-0.10, -0.12, 0.35])
    left_half = half * np.array([0.5, 0.5, 0.8])
    left = sum(
        ((axis - c) / h) ** 2 for axis, c, h in zip((z, y, x), left_centre, left_half, strict=True)
    )
    return (right + 0.12 * warp < 1) | (left + 0.10 * warp < 1)


def _largest_part(mask: np.ndarray) -> np.ndarray:
    parts, _ = ndimage.label(mask)
    return parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])


def _draw_lesions(hu, liver, row, spacing, warp) -> np.ndarray:
    """Write lesions into `hu` and return where they are; each is one part, away from others."""
    rng = np.random.default_rng([row["study_seed"], 3])
    radii = sorted(rng.uniform(row["radius_min_mm"], row["radius_max_mm"], row["lesions"]))[::-1]
    texture = _smooth_field(rng, hu.shape, spacing, row["texture_mm"])
    depth = ndimage.distance_transform_edt(liver, sampling=spacing)
    inside = np.argwhere(depth > 9.0)
    depth = depth[tuple(inside.T)]
    inside = inside * np.array(spacing)
    positions = [np.arange(n, dtype=np.float32) * s for n, s in zip(hu.shape, spacing, strict=True)]
    grid = np.meshgrid(*positions, indexing="ij", sparse=True)
    warp = 2.0 * np.clip(warp, -1.5, 1.5)
    lesions = np.zeros(hu.shape, bool)
    room = np.full(len(inside), np.inf)  # from each voxel to the nearest lesion so far
    for radius in radii:
        axes = rng.uniform(0.87, 1.15, 3)
        radius, centre = _place(rng, inside, depth, room, radius)
        room = np.minimum(room, np.linalg.norm(inside - centre, axis=1) - _reach(radius))
        away = np.sqrt(sum(((g - c) / a) ** 2 for g, c, a in zip(grid, centre, axes, strict=True)))
        lesion = _largest_part((away + warp < radius) & liver)
        value = row["liver_hu"] - row["contrast_hu"] + rng.uniform(-4.0, 4.0)
        inside_texture = texture[lesion] - texture[lesion].mean()
        hu[lesion] = value + row["texture_hu"] * inside_texture / inside_texture.std()
        lesions |= lesion
    return lesions


def _reach(radius: float) -> float:
    """How far a lesion's surface may lie from its centre (mm)."""
    return 1.15 * (radius + 3.0)


def _place(rng, inside, depth, room, radius) -> tuple[float, np.ndarray]:
    """Choose a centre half a radius deep and away from other lesions; shrink until one fits."""
    while radius >= SMALLEST_RADIUS_MM:
        free = np.flatnonzero((depth > 0.5 * radius) & (room > _reach(radius) + GAP_MM))
        if len(free):
            return radius, inside[free[rng.integers(len(free))]]
        radius *= 0.9
    raise ValueError("the liver has no room for so many lesions of this radius")
