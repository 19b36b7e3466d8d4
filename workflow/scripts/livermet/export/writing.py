"""The export of one scan: a folder with its SEG and its report, or an empty one and the reason."""

import logging
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from livermet.errors import InputError
from livermet.export.algorithm import Algorithm
from livermet.export.exported import NotExportedError, refuse, resampled_reason
from livermet.export.identifiers import Identifiers
from livermet.export.lesions import Findings, findings_of
from livermet.export.seg import segmentation
from livermet.export.source import source_of
from livermet.export.sr import report
from livermet.export.tracking import tracking
from livermet.images import grid_difference
from livermet.untold import untold

SEGMENTATION, REPORT = "segmentation.dcm", "report.dcm"


@dataclass(frozen=True)
class Scan:
    """One scan: its series, raw source, CT and prediction on its grid, and ingest's quality record.

    row: the sheet's patient and study_date (ISO).
    """

    series: str
    source: Path
    ct: sitk.Image
    prediction: sitk.Image
    quality: Mapping[str, object]
    row: Mapping[str, str]


@untold()
def export_scan(
    scan: Scan,
    folder: str | Path,
    algorithm: Algorithm,
    identifiers: Identifiers,
    components: Mapping[str, int],
    accept: Iterable[str] = (),
) -> tuple[Findings | None, str | None]:
    """Write a scan's two instances into a folder, whole or not at all.

    Returns its findings, or None with the reason for which nothing is written and the folder is
    empty. Raises InputError where the prediction lies on another grid than its CT.
    """
    if difference := grid_difference(scan.prediction, scan.ct):
        raise InputError(
            f"Series '{scan.series}': its CT and its prediction lie on different grids "
            f"({difference}); run the ingest and the prediction of this series again."
        )
    with whole_folder(folder) as beside, _silent():
        try:
            if reason := resampled_reason(str(scan.quality["resampled"] or "")):
                refuse(reason)
            source = source_of(scan.series, scan.source, scan.ct, scan.row, identifiers, accept)
            findings = findings_of(scan.prediction, scan.ct, components)
        except NotExportedError as why:
            return None, str(why)
        series = source.images[0].SeriesInstanceUID
        tracked = tracking(series, algorithm.model, findings.segments)
        made = segmentation(source, findings, algorithm, tracked)
        told = report(source, findings, algorithm, tracked, made)
        made.save_as(beside / SEGMENTATION, enforce_file_format=True)
        told.save_as(beside / REPORT, enforce_file_format=True)
    return findings, None


@contextmanager
def whole_folder(folder: str | Path) -> Iterator[Path]:
    """Return a new folder beside one; put it into its place if the block succeeds.

    Its name is that of a file that is not whole yet (`livermet.files`), so that what a kill leaves
    is removed with the others.
    """
    folder = Path(folder)
    beside = folder.with_name(f".{os.getpid()}.{folder.name}")
    beside.mkdir(parents=True)
    try:
        yield beside
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep libraries from telling a log what they read: UIDs, and names that they find odd."""
    loggers = [logging.getLogger(name) for name in ("highdicom", "pydicom")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
