"""DICOM CT series: headers checked, slices converted by dcm2niix and placed by their positions.

dcm2niix decodes the slices and applies their rescale; where the slices lie is taken from their own
ImagePositionPatient and never from SliceThickness. dcm2niix spaces a volume by the first gap alone,
which is wrong by 4 % where 0.625 mm were stored as 0.6 and 0.7, and its correction of gantry tilt
misplaces slices tilted backwards; both are done here.
"""

import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.errors import InvalidDicomError

from livermet.errors import InputError
from livermet.ingest.volume import (
    AIR_HU,
    RAS_FROM_LPS,
    Volume,
    affine_of,
    canonical,
    describe_grid,
    image_of,
)

MISSING_SLICE_GAP = 1.5
EVEN_SPACING_FRACTION = 0.05
EVEN_SPACING_MM = 0.1
TILT_DEGREES = 0.1
HEADER_TAGS = [
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "ImageType",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceThickness",
    "Manufacturer",
    "ManufacturerModelName",
    "KVP",
    "XRayTubeCurrent",
    "Exposure",
    "ConvolutionKernel",
    "ContrastBolusAgent",
    "BodyPartExamined",
]


@dataclass(frozen=True)
class Slice:
    """One slice file and the few tags of its header that ingest uses."""

    path: Path
    header: pydicom.Dataset

    @property
    def position(self) -> np.ndarray:
        """Centre of the first voxel, LPS mm."""
        return np.array(self.header.ImagePositionPatient, dtype=float)

    @property
    def identity(self) -> str:
        """What tells two slices apart; anonymised files may hold it in their meta header only."""
        meta = self.header.file_meta.get("MediaStorageSOPInstanceUID")
        return str(self.header.get("SOPInstanceUID") or meta or self.path)


@dataclass(frozen=True)
class Stack:
    """The slices of a series in order along their normal, and the grid that their headers give.

    `affine` leads from (column, row, slice) to RAS+ mm; its third column is the mean step, so that
    a gantry tilt shows as a shear. `offset_mm` is the largest distance of a slice from its even
    place; `dropped` counts slices left out, by reason.
    """

    slices: tuple[Slice, ...]
    affine: np.ndarray
    offset_mm: float
    uneven: bool
    tilt_degrees: float
    dropped: dict[str, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows, slices."""
        header = self.slices[0].header
        return int(header.Columns), int(header.Rows), len(self.slices)


def read_headers(folder: Path) -> list[Slice]:
    """Read the headers of every DICOM image below a folder, in the order of their names.

    Files that are no DICOM, and DICOM objects without an image (reports, structure sets, an index),
    are passed over.
    """
    # A warning would quote the value it complains about, which may be a name.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    slices = []
    for path in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=HEADER_TAGS)
            except InvalidDicomError:
                continue
        if "Rows" in header:
            slices.append(Slice(path, header))
    return slices


def stack_slices(series: str, slices: Sequence[Slice]) -> Stack:
    """Order a series' slices by position and check that they make one CT volume.

    Repeated copies of a slice and localizer images are left out and counted. Raises InputError for
    a folder without DICOM images, more than one series, another modality, multi-frame objects,
    slices of different size or orientation, several slices at one position, a gap above 1.5 times
    the median spacing (a missing slice), or uneven spacing of tilted slices.
    """
    what = f"series {series}"
    _check_one_ct_series(what, slices)
    distinct = {one.identity: one for one in slices}
    planar = [s for s in distinct.values() if "LOCALIZER" not in s.header.get("ImageType", [])]
    dropped = {
        "Repeated copies": len(slices) - len(distinct),
        "Localizers": len(distinct) - len(planar),
    }
    _check_same_plane(what, planar)
    header = planar[0].header
    along_row, along_column = np.reshape(
        np.array(header.ImageOrientationPatient, dtype=float), (2, 3)
    )
    normal = np.cross(along_row, along_column)
    ordered = sorted(planar, key=lambda s: float(s.position @ normal))
    places = np.array([s.position for s in ordered])
    depths = places @ normal
    spacing = _check_gaps(what, np.diff(depths))
    step = (places[-1] - places[0]) / (len(ordered) - 1)
    offsets = np.abs(depths - np.linspace(depths[0], depths[-1], len(depths)))
    offset = float(offsets.max())
    uneven = offset > max(EVEN_SPACING_MM, EVEN_SPACING_FRACTION * spacing)
    tilt = float(np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1))))
    tilt = tilt if tilt > TILT_DEGREES else 0.0
    if uneven and tilt:
        raise InputError(
            f"{what}: its slices are tilted by {tilt:.1f} degrees and unevenly spaced (by up to "
            f"{offset:.2f} mm); reconstruct the series with even spacing."
        )
    row_spacing, column_spacing = (float(v) for v in header.PixelSpacing)
    lps = np.eye(4)
    lps[:3, 0] = along_row * column_spacing
    lps[:3, 1] = along_column * row_spacing
    lps[:3, 2] = step if tilt else normal * float(step @ normal)
    lps[:3, 3] = places[0]
    return Stack(tuple(ordered), RAS_FROM_LPS @ lps, offset, uneven, tilt, dropped)


def _check_one_ct_series(what: str, slices: Sequence[Slice]) -> None:
    if not slices:
        raise InputError(
            f"{what}: its folder holds no readable DICOM image; check the column image, and "
            "whether the copy is complete."
        )
    found = {str(s.header.get("SeriesInstanceUID", "")) for s in slices}
    modalities = sorted({str(s.header.get("Modality", "unknown")) for s in slices})
    if len(found) > 1:
        raise InputError(
            f"{what}: its folder holds {len(found)} DICOM series ({', '.join(modalities)}); give "
            "each series a folder of its own and name that folder in the column image."
        )
    if modalities != ["CT"]:
        raise InputError(
            f"{what}: its modality is {', '.join(modalities)}, not CT; name a CT series in the "
            "column image."
        )
    if any(int(s.header.get("NumberOfFrames", 1) or 1) > 1 for s in slices):
        raise InputError(
            f"{what} is stored as enhanced multi-frame DICOM; export it as classic CT images, one "
            "file a slice."
        )


def _check_same_plane(what: str, slices: Sequence[Slice]) -> None:
    if len(slices) < 2:
        raise InputError(
            f"{what} has {len(slices)} slice without localizers; a volume needs two or more: copy "
            "the series again, or take it off the sheet."
        )
    needed = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
    lacking = sum(any(not s.header.get(tag) for tag in needed) for s in slices)
    if lacking:
        raise InputError(
            f"{what}: {lacking} of its {len(slices)} slices lack position, orientation or pixel "
            "spacing, so that the volume cannot be placed; export the series again."
        )
    for tags, word in (
        (("Rows", "Columns"), "size"),
        (("PixelSpacing",), "pixel spacing"),
        (("ImageOrientationPatient",), "orientation"),
    ):
        values = np.array(
            [np.concatenate([np.atleast_1d(s.header[t].value) for t in tags]) for s in slices],
            dtype=float,
        )
        if np.ptp(values, axis=0).max() > 1e-3:
            raise InputError(
                f"{what}: its slices differ in {word}; the folder mixes images that are no one "
                "volume: export the series again, without reformats and secondary captures."
            )


def _check_gaps(what: str, gaps: np.ndarray) -> float:
    """Return the median spacing (mm) of slices in order; refuse shared positions, large gaps."""
    spacing = float(np.median(gaps))
    shared = int(np.count_nonzero(gaps < 0.01))
    if shared:
        raise InputError(
            f"{what}: {shared + 1} or more of its {len(gaps) + 1} slices share a position; the "
            "folder holds several acquisitions or phases of one series: keep the slices of one."
        )
    wide = gaps[gaps > MISSING_SLICE_GAP * spacing]
    if len(wide):
        raise InputError(
            f"{what}: {len(wide)} of its {len(gaps)} gaps between slices are wider than "
            f"{MISSING_SLICE_GAP} times the median of {spacing:g} mm (the widest is {wide.max():g} "
            "mm), so slices are missing; copy the series again."
        )
    return spacing


def acquisition_of(slices: Sequence[Slice]) -> dict:
    """Return what headers say about the acquisition and not about the patient; None where unknown.

    Numbers that change from slice to slice (tube current with dose modulation) are given as their
    median. `slice_thickness_mm` is the header's and need not be the spacing. Without slices, as for
    a NIfTI file, every field is None.
    """
    headers = [s.header for s in slices]
    first = headers[0] if headers else pydicom.Dataset()
    return {
        "manufacturer": _text(first, "Manufacturer"),
        "model": _text(first, "ManufacturerModelName"),
        "kvp": _median(headers, "KVP"),
        "tube_current_ma": _median(headers, "XRayTubeCurrent"),
        "exposure_mas": _median(headers, "Exposure"),
        "kernel": _text(first, "ConvolutionKernel"),
        "slice_thickness_mm": _median(headers, "SliceThickness"),
        "contrast_agent": _text(first, "ContrastBolusAgent"),
        "body_part": _text(first, "BodyPartExamined"),
    }


def _text(header: pydicom.Dataset, tag: str) -> str | None:
    value = header.get(tag)
    if isinstance(value, pydicom.multival.MultiValue):
        value = "\\".join(str(part) for part in value if str(part).strip())
    return str(value).strip() or None if value is not None else None


def _median(headers: Sequence[pydicom.Dataset], tag: str) -> float | None:
    values = [float(h[tag].value) for h in headers if h.get(tag) not in (None, "")]
    return round(float(np.median(values)), 4) if values else None


def find_dcm2niix() -> str:
    """Return the path of dcm2niix: beside this Python, or else on the PATH."""
    found = shutil.which("dcm2niix", path=str(Path(sys.executable).parent)) or shutil.which(
        "dcm2niix"
    )
    if found is None:
        raise InputError(
            "dcm2niix is not installed; run `make setup`, or start Snakemake with --sdm conda."
        )
    return found


def convert(series: str, stack: Stack, log: logging.Logger) -> tuple[Volume, str]:
    """Convert a checked series by dcm2niix; give its volume and how it was resampled.

    `resampled` is "" for the slices as they are, "even_spacing" for dcm2niix' interpolated output
    (`_Eq`) where the spacing is uneven, "gantry_tilt" where tilted slices were moved into line.
    The slices are linked into a scratch folder under running numbers, so that dcm2niix' messages,
    which go to the log, name nothing from the archive. Raises InputError if it fails.
    """
    with tempfile.TemporaryDirectory(prefix="livermet_") as scratch:
        slices, made = Path(scratch, "slices"), Path(scratch, "made")
        slices.mkdir()
        made.mkdir()
        for number, one in enumerate(stack.slices):
            os.symlink(one.path.resolve(), slices / f"{number:05d}.dcm")
        # -g i: without the user's own defaults; -b n: no sidecar, which would carry identifiers.
        options = ["-g", "i", "-b", "n", "-z", "n", "-f", "volume", "-o", str(made)]
        command = [find_dcm2niix(), *options, str(slices)]
        ran = subprocess.run(command, capture_output=True, text=True, errors="replace")
        told = (ran.stdout + ran.stderr).replace(scratch, "scratch")
        log.info("dcm2niix ended with exit code %d:\n%s", ran.returncode, told.strip())
        outputs = sorted(path.name for path in made.glob("*.nii"))
        kind = r"volume_Eq(_\d+)?\.nii" if stack.uneven else r"volume\.nii"
        chosen = [name for name in outputs if re.fullmatch(kind, name)]
        if ran.returncode != 0 or len(chosen) != 1:
            said = re.findall(r"(?:Error|Warning): (.*)", told)
            raise InputError(
                f"series {series}: dcm2niix could not convert its {len(stack.slices)} slices (exit "
                f"code {ran.returncode}, {len(outputs)} volumes, last message: "
                f"{said[-1] if said else 'none'}); a slice may be cut short or damaged: copy the "
                "series again."
            )
        image: Any = nib.load(made / chosen[0])
        volume = Volume(
            np.array(image.dataobj.get_unscaled()),
            np.array(image.affine, dtype=float),
            float(image.dataobj.slope),
            float(image.dataobj.inter),
        )
    if stack.uneven:
        return volume, "even_spacing"
    volume = _placed(series, volume, stack)
    if stack.tilt_degrees:
        return straightened(volume), "gantry_tilt"
    return volume, ""


def _placed(series: str, volume: Volume, stack: Stack) -> Volume:
    """Lay dcm2niix' values on the affine of the slices' own positions, both in canonical order."""
    turned = canonical(volume)
    placed = canonical(Volume(np.broadcast_to(np.int8(0), stack.shape), stack.affine))
    if turned.values.shape != placed.values.shape or not np.allclose(
        turned.affine[:3, :2], placed.affine[:3, :2], atol=1e-3
    ):
        raise InputError(
            f"series {series}: dcm2niix made {describe_grid(turned.values.shape, turned.affine)} "
            f"where the headers give {describe_grid(placed.values.shape, placed.affine)}; the "
            "folder mixes images: export the series again."
        )
    return Volume(turned.values, placed.affine, turned.slope, turned.intercept)


def straightened(volume: Volume) -> Volume:
    """Resample slices of a tilted gantry, each within its own plane, to a grid at right angles.

    `volume` is canonical and its affine sheared along the third axis. Linear interpolation; what
    no slice covers is -1024 HU. The values become float32 Hounsfield units.
    """
    exact = volume.values.astype(np.float32) * np.float32(volume.slope) + np.float32(
        volume.intercept
    )
    sheared = image_of(exact, volume.affine)
    axes = volume.affine[:3, :3] / volume.spacing
    normal = np.cross(axes[:, 0], axes[:, 1])
    normal *= np.sign(normal @ axes[:, 2])
    step = volume.affine[:3, 2]
    slide = np.array([step @ axes[:, 0], step @ axes[:, 1]]) / volume.spacing[:2]
    last = volume.values.shape[2] - 1
    low = np.floor(np.minimum(0, slide * last)).astype(int)
    high = np.ceil(np.maximum(0, slide * last)).astype(int)
    straight = np.eye(4)
    straight[:3, :2] = volume.affine[:3, :2]
    straight[:3, 2] = normal * (step @ normal)
    straight[:3, 3] = volume.affine[:3, 3] + volume.affine[:3, :2] @ low
    shape = (*(np.array(volume.values.shape[:2]) + high - low).tolist(), last + 1)
    grid = image_of(np.zeros((1, 1, 1), dtype=np.float32), straight)
    made = sitk.Resample(
        sheared,
        [int(n) for n in shape],
        sitk.Transform(),
        sitk.sitkLinear,
        grid.GetOrigin(),
        grid.GetSpacing(),
        grid.GetDirection(),
        float(AIR_HU),
    )
    return Volume(sitk.GetArrayFromImage(made).transpose(2, 1, 0), affine_of(made))


def stack_warnings(stack: Stack, acquisition: dict) -> list[str]:
    """Say in sentences what was unusual about a series' slices and what was done about it."""
    spacing = float(np.linalg.norm(stack.affine[:3, 2]))
    told = [f"{reason} left out: {n}." for reason, n in stack.dropped.items() if n]
    if stack.uneven:
        told.append(
            f"Slices lie up to {stack.offset_mm:.2f} mm from even spacing; the volume was "
            "interpolated to even spacing by dcm2niix."
        )
    if stack.tilt_degrees:
        told.append(
            f"The gantry was tilted by {stack.tilt_degrees:.1f} degrees; the slices were resampled "
            "to a grid at right angles."
        )
    thickness = acquisition["slice_thickness_mm"]
    if thickness and spacing > 1.05 * thickness:
        told.append(f"Slices of {thickness:g} mm every {spacing:g} mm leave gaps between them.")
    axes = stack.affine[:3, :3] / np.linalg.norm(stack.affine[:3, :3], axis=0)
    if abs(axes[2, 2]) < np.cos(np.radians(45)):
        told.append("The slices are not axial.")
    return told
