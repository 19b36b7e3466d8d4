"""One series from its source to the CT that every later stage reads, with its two records."""

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from livermet.formats import format_of
from livermet.ingest.dicom import Converted, convert, stack_warnings
from livermet.ingest.headers import acquisition_of, read_headers
from livermet.ingest.losses import slice_warnings
from livermet.ingest.masks import Planes
from livermet.ingest.neighbours import blocks_of, refuse_disturbed
from livermet.ingest.stack import numbered, position
from livermet.ingest.volume import (
    RAS_FROM_LPS,
    canonical_ct,
    grid_record,
    read_volume,
)
from livermet.untold import untold

LOG = logging.getLogger("livermet")


@untold()
def ingest_dicom(
    series: str,
    folder: str | Path,
    phase: object = "",
    log: logging.Logger = LOG,
    accept: Iterable[str] = (),
) -> tuple[sitk.Image, dict, dict]:
    """Return a DICOM series' CT, acquisition record and quality record.

    `folder` holds the series, or is a file of several frames. `accept` are words of
    `vocabulary.Accepted`, the config key ingest.accept. `phase` is not used: the table of
    acquisitions takes the phase from the sheet. Raises InputError, with one sentence, for whatever
    is not certainly one CT volume in Hounsfield units; no sentence holds a path or a header's text.
    """
    found = read_headers(Path(folder))
    log.info("%d files, %d DICOM images found", found.total, len(found.slices))
    made = convert(series, found, accept, log)
    ct, quality = canonical_ct(made.volume, f"series {series}: its CT")
    acquisition = acquisition_of(made.stack.slices)
    quality |= _placement(made)
    quality["warnings"] = [
        *made.warnings,
        *stack_warnings(made.stack, acquisition),
        *quality["warnings"],
    ]
    return ct, _acquisition(series, "dicom", acquisition, ct), quality


@untold()
def ingest_volume(
    series: str, path: str | Path, phase: object = "", accept: Iterable[str] = ()
) -> tuple[sitk.Image, dict, dict]:
    """Return the CT, acquisition record and quality record of a series stored as NIfTI or NRRD.

    `accept` are words of `vocabulary.Accepted`. `phase` is not used: the table of acquisitions
    takes the phase from the sheet.
    """
    what = f"series {series}: its CT"
    ct, quality = canonical_ct(read_volume(path, what), what)
    units = sitk.GetArrayViewFromImage(ct)
    quality["warnings"] += slice_warnings(units.transpose(2, 1, 0))
    quality["warnings"] += refuse_disturbed(
        what,
        blocks_of(units, ct.GetSpacing()[1::-1]),
        lambda places: f"{numbered('slice', [k + 1 for k in places], len(units))} from the feet",
        accept,
    )
    quality |= _placement(None)
    source_format = format_of(Path(path).name) or "nifti"
    return ct, _acquisition(series, source_format, acquisition_of([]), ct), quality


def _placement(made: Converted | None) -> dict:
    """Say how evenly slices lay and what was done about it; None where slices are not known."""
    if made is None:
        return {
            "uneven_spacing": None,
            "spacing_offset_mm": None,
            "gantry_tilt_degrees": None,
            "resampled": None,
            "proven_slices": None,
            "files_left_out": None,
            "source_slices": None,
        }
    return {
        "uneven_spacing": made.stack.uneven,
        "spacing_offset_mm": round(made.stack.offset_mm, 4),
        "gantry_tilt_degrees": round(made.stack.tilt_degrees, 3),
        "resampled": made.resampled or None,
        "proven_slices": made.proven,
        "files_left_out": made.left_out,
        "source_slices": _source_slices(made),
    }


def _source_slices(made: Converted) -> dict | None:
    """Say where the slices lay that a CT was resampled from, for masks of them (`Planes`)."""
    if not made.resampled:
        return None
    origins = np.array([position(one) for one in made.stack.slices]) @ RAS_FROM_LPS[:3, :3]
    columns, rows, _ = made.stack.shape
    return Planes(made.stack.affine[:3, :2], origins, columns, rows).record()


def _acquisition(series: str, source_format: str, acquisition: dict, ct: sitk.Image) -> dict:
    return {
        "series": series,
        "source_format": source_format,
        **acquisition,
        **grid_record(ct),
    }
