"""Volumes from files, turned to RAS+ and to whole Hounsfield units.

Values are in NIfTI's order (x, y, z) and an affine leads from voxels to mm in RAS+: x grows to the
patient's right, y to the front, z to the head. Images that leave this module are SimpleITK's.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from livermet.errors import InputError
from livermet.formats import format_of

if TYPE_CHECKING:
    from livermet.ingest.masks import Segments

AIR_HU = -1024
# Beside the one, nothing of a body and no padding is below the other.
DENSE_HU, TURNED_HU = 700, -1500
# Noise of air ends here; a scaled or moved scan has a share of its values below it.
LOWEST_NOISE_HU, MOST_BELOW_AIR = -1200, 0.01
# Above it a volume has no air: a picture's window was cut out of it, or it is moved.
HIGHEST_AIR_HU = -500
# A label map has fewer values.
MOST_LABELS = 50
# Most scanners cut values off at 3071 HU; those of an extended range write more for metal.
METAL_HU = 8000
# Headers that round the spacing to 1e-4 mm or so move the far corner of a scan by less than this.
CORNER_TOLERANCE_MM = 0.1
USUAL_SPACING_MM = (0.2, 10.0)
POSSIBLE_SPACING_MM = (0.01, 100.0)
# Of a file that goes on behind its values, with other bytes than zeros.
MORE_VALUES = (
    "holds more values than its header tells, so that its size is not certain; export it again."
)
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Volume:
    """Stored values (x, y, z), their affine to RAS+ mm, and the line from stored to true values."""

    values: np.ndarray
    affine: np.ndarray
    slope: float = 1.0
    intercept: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def spacing(self) -> np.ndarray:
        """Voxel spacing in mm, in the values' order."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)


def read_volume(path: str | Path, what: str) -> "Volume | Segments":
    """Read a volume from NIfTI, NRRD or MetaImage; of a DICOM mask give its segments.

    `what` names the file in errors ("series a1: its CT"), so that no path of an archive is told.
    Axes may be sheared: masks of tilted slices are, and `canonical_ct` refuses it of a CT. Raises
    InputError for a file that cannot be read or is damaged (compressed data are read to the end of
    their checksum), that is not three-dimensional, or whose header gives no orientation or a
    spacing that is not positive.
    """
    # Here, since these modules make volumes.
    from livermet.ingest.folders import read_dicom_mask
    from livermet.ingest.itk import read_itk
    from livermet.ingest.nifti import read_nifti

    source_format = format_of(Path(path).name)
    if source_format is None or Path(path).is_dir():
        return read_dicom_mask(Path(path), what)
    if source_format == "nifti":
        volume: Volume | Segments = read_nifti(Path(path), what)
    else:
        volume = read_itk(Path(path), what)
    if isinstance(volume, Volume):
        _check_grid(volume.values.shape, volume.affine, what)
        volume = replace(volume, warnings=volume.warnings + tuple(_spacing_warnings(volume)))
    return volume


def check_dimensions(shape: Sequence[int], what: str) -> None:
    """Refuse a shape that is not one volume's."""
    if len(shape) < 3 or any(length != 1 for length in shape[3:]):
        raise InputError(
            f"{what} is not one three-dimensional volume (its shape is {tuple(map(int, shape))}); "
            "export the series as one volume."
        )


def three_dimensional(values: np.ndarray, what: str) -> np.ndarray:
    """Drop trailing axes of length 1; refuse what is not one volume of numbers."""
    check_dimensions(values.shape, what)
    if values.dtype.kind not in "iuf" or not values.size:
        raise InputError(
            f"{what} holds no plain numbers (colours, complex numbers, or no voxel at all), so it "
            "is not one three-dimensional volume; export the series as one volume of numbers."
        )
    return values.reshape(values.shape[:3])


def _check_grid(shape: Sequence[int], affine: np.ndarray, what: str) -> None:
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all():
        raise InputError(
            f"{what} has an origin or axes that are no numbers (NaN or infinite), so that nobody "
            "knows where it lies; export it again."
        )
    if (spacing <= 0).any():
        raise InputError(
            f"{what} has a voxel spacing of {_mm(spacing)} mm; a spacing must be positive: export "
            "it again."
        )


def is_sheared(shape: Sequence[int], affine: np.ndarray) -> bool:
    """Tell whether axes are not at right angles, by more than headers round."""
    return _sheared_mm(shape, affine) > CORNER_TOLERANCE_MM


def _sheared_mm(shape: Sequence[int], affine: np.ndarray) -> float:
    return corners_apart(shape, affine, orthonormal(affine))


def _check_ct(volume: "Volume | Segments", what: str) -> Volume:
    if not isinstance(volume, Volume):
        raise InputError(
            f"{what} is a mask and no image; name the CT in the column image, and masks in "
            "reference or liver_mask."
        )
    if is_sheared(volume.values.shape, volume.affine):
        raise InputError(
            f"{what} has axes that are not at right angles (its corners lie "
            f"{_sheared_mm(volume.values.shape, volume.affine):.3g} mm off); resample it to an "
            "orthogonal grid, or name the folder of its DICOM slices."
        )
    low, high = POSSIBLE_SPACING_MM
    if (volume.spacing < low).any() or (volume.spacing > high).any():
        raise InputError(
            f"{what} has a voxel spacing of {_mm(volume.spacing)} mm, which no CT has; its header "
            "is damaged, or in other units: export it again."
        )
    if min(volume.values.shape) < 2:
        raise InputError(
            f"{what} is one voxel thick ({describe_grid(volume.values.shape, volume.affine)}); a "
            "volume needs two slices or more: export the whole series."
        )
    return volume


def _spacing_warnings(volume: Volume) -> list[str]:
    low, high = USUAL_SPACING_MM
    if np.array_equal(np.abs(volume.affine), np.eye(4)):
        return [
            "Its header tells voxels of 1 mm that begin at 0, 0, 0 mm, as programs write that know "
            "neither; look whether its spacing and its sides are right."
        ]
    if ((volume.spacing >= low) & (volume.spacing <= high)).all():
        return []
    return [f"A spacing of {_mm(volume.spacing)} mm is unusual for CT."]


def orthonormal(affine: np.ndarray) -> np.ndarray:
    """Return the affine with the nearest axes at right angles, spacing and origin kept."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    left, _, right = np.linalg.svd(affine[:3, :3] / spacing)
    near = affine.copy()
    near[:3, :3] = (left @ right) * spacing
    return near


def affine_of(image: sitk.Image) -> np.ndarray:
    """Return the affine from voxel (x, y, z) to RAS+ mm of a SimpleITK image, which is in LPS."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return RAS_FROM_LPS @ affine


def image_of(values: np.ndarray, affine: np.ndarray) -> sitk.Image:
    """Make a SimpleITK image of values (x, y, z) and their affine to RAS+ mm, with no other tag."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
    lps = RAS_FROM_LPS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    return image


def canonical(volume: Volume) -> Volume:
    """Flip and swap axes until they run closest to RAS+; no value is changed or interpolated."""
    turn = nib.orientations.io_orientation(volume.affine)
    back = nib.orientations.inv_ornt_aff(turn, volume.values.shape)
    values = nib.orientations.apply_orientation(volume.values, turn)
    return replace(volume, values=values, affine=volume.affine @ back)


def hounsfield(volume: Volume, what: str) -> tuple[np.ndarray, dict, list[str]]:
    """Return whole Hounsfield units (int16, x, y, z), what was done to get them, and warnings.

    Fractions are rounded to the nearest whole unit; everything below -1024 (padding outside the
    field of view, -3024 on some scanners) becomes -1024. The record counts both: `rounded_voxels`,
    `padding_voxels`, with `minimum_hu` and `maximum_hu` after it. Raises InputError for values
    that are not finite or do not fit 16 bits.
    """
    units = np.empty(volume.values.shape, dtype=np.int16)
    rounded = padding = turned = 0
    low: Counter[float] = Counter()
    for z in range(volume.values.shape[2]):
        exact = volume.values[:, :, z] * np.float64(volume.slope) + volume.intercept
        if not np.isfinite(exact).all():
            raise InputError(
                f"{what} holds values that are not numbers (NaN or infinite); export it again, "
                "with -1024 outside the field of view."
            )
        whole = np.rint(exact)
        # float32 holds 0.1 HU steps to about 1e-5 HU.
        rounded += int(np.count_nonzero(np.abs(exact - whole) > 1e-4))
        padding += int(np.count_nonzero(whole < AIR_HU))
        turned += _turned_over(whole)
        low.update(whole[whole < LOWEST_NOISE_HU].tolist())
        if whole.max() > np.iinfo(np.int16).max:
            raise InputError(
                f"{what} holds a value of {whole.max():g}, far above any Hounsfield unit: its "
                "header tells a wrong sign or rescale, or it is no CT; export it in Hounsfield "
                "units."
            )
        units[:, :, z] = np.maximum(whole, AIR_HU)
    record = {
        "rounded_voxels": rounded,
        "padding_voxels": padding,
        "minimum_hu": int(units.min()),
        "maximum_hu": int(units.max()),
    }
    _refuse_mask(units, what)
    told = hounsfield_warnings(record["minimum_hu"], record["maximum_hu"])
    # Padding has one value, or two.
    below = low.total() - sum(count for _, count in low.most_common(2))
    if below > MOST_BELOW_AIR * units.size:
        told.append(
            f"{below} voxels of many values lie below {LOWEST_NOISE_HU} HU, where no padding is: "
            "these may be no HU, or scaled or moved."
        )
    if turned:
        told.append(
            f"{turned} voxels far below -1024 HU touch bone or metal; the header may tell a wrong "
            "sign or number of bits."
        )
    return units, record, told


def _refuse_mask(units: np.ndarray, what: str) -> None:
    if units.max() > units.min() >= 0 and np.count_nonzero(units == 0) > units.size / 2:
        if len(np.unique(units)) > MOST_LABELS:
            raise InputError(
                f"{what} is 0 in most voxels and never below, as no CT in Hounsfield units is: its "
                "values were windowed, scaled or moved; export it in Hounsfield units."
            )
        raise InputError(
            f"{what} is 0 in most voxels and never below, as a mask is and no CT in Hounsfield "
            "units; name the CT in the column image."
        )


def _turned_over(units: np.ndarray) -> int:
    """Count voxels (x, y) far below air beside dense ones: a wrong sign turns the densest over."""
    dense, low = units > DENSE_HU, units < TURNED_HU
    if not dense.any() or not low.any():
        return 0
    beside = 0
    for one, other in ((dense, low), (low, dense)):
        beside += int(np.count_nonzero(one[1:] & other[:-1]))
        beside += int(np.count_nonzero(one[:, 1:] & other[:, :-1]))
    return beside


def hounsfield_warnings(minimum: int, maximum: int) -> list[str]:
    """Say where the range of values is not that of a body in Hounsfield units."""
    if minimum == maximum:
        return [f"All values are {minimum} HU; values are lost, or these are no HU."]
    if minimum >= HIGHEST_AIR_HU:
        return [f"No value lies below {minimum} HU: there is no air, or these are no HU."]
    if maximum <= 100:
        return [f"No value lies above {maximum} HU: there is no bone, or these are no HU."]
    if maximum > METAL_HU:
        return [f"The highest value is {maximum} HU: there is metal, or these are no HU."]
    return []


def canonical_ct(volume: "Volume | Segments", what: str) -> tuple[sitk.Image, dict]:
    """Make the CT that every later stage reads (int16 HU, RAS+, >= -1024) and its quality record.

    The record holds `slices` and `coverage_mm` (slices times their spacing) along the axis closest
    to head-feet, the counts of `hounsfield`, and `warnings`, a list of sentences. Raises InputError
    for a mask, sheared axes, a single slice, and what `hounsfield` refuses.
    """
    volume = canonical(_check_ct(volume, what))
    units, record, told = hounsfield(volume, what)
    image = image_of(units, orthonormal(volume.affine))
    slices, step = units.shape[2], float(volume.spacing[2])
    record |= {
        "slices": slices,
        "coverage_mm": round(slices * step, 3),
        "warnings": [*volume.warnings, *told],
    }
    return image, record


def grid_record(image: sitk.Image) -> dict:
    """Give `spacing_mm` and `size` of a volume, each [x, y, z]."""
    return {
        "spacing_mm": [round(step, 6) for step in image.GetSpacing()],
        "size": list(image.GetSize()),
    }


def describe_grid(shape: Sequence[int], affine: np.ndarray) -> str:
    """Say a grid in words: voxels, spacing, and where its first voxel lies (RAS+ mm)."""
    size = " x ".join(str(int(n)) for n in shape)
    spacing = _mm(np.linalg.norm(affine[:3, :3], axis=0))
    first = ", ".join(f"{value:.2f}" for value in affine[:3, 3])
    return f"{size} voxels of {spacing} mm with the first at ({first}) mm"


def header_grid_difference(ct_path: str | Path, reference_path: str | Path) -> str:
    """Say in words how the grids of two NIfTI files differ, or '' where they are the same.

    Reads the headers only. Both grids are first turned to RAS+, so that a file stored with flipped
    axes equals one that is not.
    """
    grids = []
    for path in (ct_path, reference_path):
        image: Any = nib.load(path)
        shape, affine = tuple(image.shape[:3]), np.array(image.affine, dtype=float)
        turn = nib.orientations.io_orientation(affine)
        back = nib.orientations.inv_ornt_aff(turn, shape)
        turned = np.empty(3, dtype=int)
        turned[turn[:, 0].astype(int)] = shape
        grids.append((tuple(turned.tolist()), affine @ back))
    return grid_difference(*grids)


def grid_difference(
    ct_grid: tuple[Sequence[int], np.ndarray], grid: tuple[Sequence[int], np.ndarray]
) -> str:
    """Say in words how two canonical grids (shape, affine) differ, or '' where they are the same.

    Corners within 0.1 mm of each other count as the same: that is what rounded headers move.
    """
    (ct_shape, ct_affine), (shape, affine) = ct_grid, grid
    if tuple(ct_shape) != tuple(shape):
        return f"{describe_grid(ct_shape, ct_affine)} against {describe_grid(shape, affine)}"
    apart = corners_apart(shape, ct_affine, affine)
    if apart <= CORNER_TOLERANCE_MM:
        return ""
    return (
        f"{describe_grid(ct_shape, ct_affine)} against {describe_grid(shape, affine)}, corners up "
        f"to {apart:.3g} mm apart"
    )


def corners_apart(shape: Sequence[int], affine: np.ndarray, other: np.ndarray) -> float:
    """Largest distance in mm between the eight corner voxels of two grids of one size."""
    last = np.asarray(shape[:3]) - 1
    corners = np.array([[*(last * [i, j, k]), 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    apart = corners @ (affine - other).T
    return float(np.linalg.norm(apart[:, :3], axis=1).max())


def _mm(values: Sequence[float] | np.ndarray) -> str:
    return " x ".join(f"{value:g}" for value in np.round(values, 4))
