"""One series from its source to the CT that every later stage reads, with its two records."""

import logging
from pathlib import Path

import SimpleITK as sitk

from livermet.ingest.dicom import (
    Stack,
    acquisition_of,
    convert,
    read_headers,
    stack_slices,
    stack_warnings,
)
from livermet.ingest.volume import canonical_ct, grid_record, read_volume


def ingest_dicom(
    series: str, folder: str | Path, log: logging.Logger
) -> tuple[sitk.Image, dict, dict]:
    """Return a DICOM series' CT, acquisition record and quality record.

    Raises InputError, with one sentence, for what `stack_slices`, `convert` or `canonical_ct`
    refuse.
    """
    slices = read_headers(Path(folder))
    log.info("%d DICOM images found", len(slices))
    stack = stack_slices(series, slices)
    volume, resampled = convert(series, stack, log)
    ct, quality = canonical_ct(volume, f"series {series}: its CT")
    acquisition = acquisition_of(stack.slices)
    quality |= _placement(stack, resampled)
    quality["warnings"] = stack_warnings(stack, acquisition) + quality["warnings"]
    return ct, _acquisition(series, "dicom", acquisition, ct), quality


def ingest_volume(series: str, path: str | Path) -> tuple[sitk.Image, dict, dict]:
    """Return the CT, acquisition record and quality record of a series stored as NIfTI or NRRD."""
    what = f"series {series}: its CT"
    ct, quality = canonical_ct(read_volume(path, what), what)
    quality |= _placement(None, "")
    source_format = "nifti" if str(path).endswith((".nii", ".nii.gz")) else "nrrd"
    return ct, _acquisition(series, source_format, acquisition_of([]), ct), quality


def _placement(stack: Stack | None, resampled: str) -> dict:
    """Say how evenly slices lay and what was done about it; None where slices are not known."""
    if stack is None:
        return {
            "uneven_spacing": None,
            "spacing_offset_mm": None,
            "gantry_tilt_degrees": None,
            "resampled": None,
        }
    return {
        "uneven_spacing": stack.uneven,
        "spacing_offset_mm": round(stack.offset_mm, 4),
        "gantry_tilt_degrees": round(stack.tilt_degrees, 3),
        "resampled": resampled or None,
    }


def _acquisition(series: str, source_format: str, acquisition: dict, ct: sitk.Image) -> dict:
    return {
        "series": series,
        "source_format": source_format,
        **acquisition,
        **grid_record(ct),
    }
