"""Real series as DICOM SEG and report: on their own slices, and without an error of dciodvfy."""

import logging
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from unit.export_phantoms import ROW, as_labels, export, placed, read_by_dcmqi, wrong

from livermet.export.writing import REPORT, SEGMENTATION, Scan
from livermet.images import array_of, on_grid_of
from livermet.ingest.series import ingest_dicom

# With a padding value; a real lung cancer; three slices.
SERIES = {
    "crlm_1004": 41,
    "ibsi/ct_phantom/dicom/image": 60,
    "dcmqi_seg/ct": 3,
}


def labels_on(ct: sitk.Image) -> sitk.Image:
    """Label what is as dense as soft tissue in the middle as liver, what is denser as lesions."""
    hu = array_of(ct)
    labels = np.zeros(hu.shape, np.uint8)
    middle = tuple(slice(n // 4, max(n // 4 + 1, 3 * n // 4)) for n in hu.shape)
    inside = sitk.GetArrayFromImage(sitk.DiscreteGaussian(sitk.Cast(ct, sitk.sitkFloat32), 9.0))
    labels[middle] = np.where(inside > -20, 1, 0)[middle]
    labels[middle][inside[middle] > 90] = 2
    return on_grid_of(labels, ct)


@pytest.mark.parametrize("name", SERIES)
def test_a_real_series_is_exported_on_its_own_slices(shared_data, tmp_path, name):
    assert exported_slices(shared_data(name), tmp_path / "out") == SERIES[name]


def test_slices_whose_uids_were_emptied_are_not_exported(shared_data, tmp_path):
    """JPEG 2000, whose thickness is not its spacing; with UIDs it is exported as the others are."""
    folder = shared_data("totalsegmentator/example_ct_dicom")
    scan = scan_of(folder)
    reason = "20 of its slices have no valid StudyInstanceUID"
    assert export(scan, tmp_path / "refused") == (None, reason)
    named = tmp_path / "named"
    named.mkdir()
    for path in folder.iterdir():
        one = pydicom.dcmread(path)
        one.StudyInstanceUID, one.SeriesInstanceUID = "1.2.3", "1.2.3.4"
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID
        one.save_as(named / path.name)
    assert exported_slices(named, tmp_path / "out") == 20


def scan_of(folder: Path) -> Scan:
    ct, _, quality = ingest_dicom("s1", folder, log=logging.getLogger("test"))
    return Scan("s1", folder, ct, labels_on(ct), quality, ROW)


def exported_slices(folder: Path, out: Path) -> int:
    """Export a series, hold what is written to prediction and source, and count the slices."""
    scan = scan_of(folder)
    findings, reason = export(scan, out)
    assert reason is None
    seg, report = (pydicom.dcmread(out / name) for name in (SEGMENTATION, REPORT))
    found = placed(seg, scan.ct)
    assert np.array_equal(as_labels(found), array_of(scan.prediction))
    assert found.max() == 1 + len(findings.lesions)
    assert np.array_equal(found, read_by_dcmqi(out, scan.ct)[0])
    assert len(findings.lesions) > 0
    raw = [pydicom.dcmread(path, stop_before_pixels=True, force=True) for path in folder.iterdir()]
    raw = [one for one in raw if one.get("Modality") == "CT"]
    references = seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {one.ReferencedSOPInstanceUID for one in references} == {
        one.SOPInstanceUID for one in raw
    }
    assert seg.FrameOfReferenceUID == raw[0].FrameOfReferenceUID
    assert report.StudyInstanceUID == seg.StudyInstanceUID == raw[0].StudyInstanceUID
    assert report.PatientID == raw[0].PatientID
    assert wrong(out) == []
    return len(raw)
