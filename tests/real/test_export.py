"""Real series as DICOM SEG and report: on their own slices, and without an error of dciodvfy."""

import logging

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from unit.export_phantoms import ROW, as_labels, export, placed, wrong

from livermet.export.writing import REPORT, SEGMENTATION, Scan
from livermet.images import array_of, on_grid_of
from livermet.ingest.series import ingest_dicom

# Uncompressed with a padding value; JPEG 2000, whose thickness is not its spacing; a real lung
# cancer; three slices.
SERIES = {
    "crlm_1004": 41,
    "totalsegmentator/example_ct_dicom": 20,
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
    folder = shared_data(name)
    ct, _, quality = ingest_dicom("s1", folder, log=logging.getLogger("test"))
    prediction = labels_on(ct)
    scan = Scan("s1", folder, ct, prediction, quality, ROW)
    findings, reason = export(scan, tmp_path / "out", minimum_lesion_voxels=1)
    assert reason is None
    seg = pydicom.dcmread(tmp_path / "out" / SEGMENTATION)
    found = placed(seg, ct)
    assert np.array_equal(as_labels(found), array_of(prediction))
    assert found.max() == 1 + len(findings.lesions)
    assert len(findings.lesions) > 0
    raw = [pydicom.dcmread(path, stop_before_pixels=True, force=True) for path in folder.iterdir()]
    raw = [one for one in raw if one.get("Modality") == "CT"]
    assert len(raw) == SERIES[name]
    references = seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {one.ReferencedSOPInstanceUID for one in references} == {
        one.SOPInstanceUID for one in raw
    }
    assert seg.FrameOfReferenceUID == raw[0].FrameOfReferenceUID
    report = pydicom.dcmread(tmp_path / "out" / REPORT)
    assert report.StudyInstanceUID == seg.StudyInstanceUID == raw[0].StudyInstanceUID
    assert report.PatientID == raw[0].PatientID
    assert wrong(tmp_path / "out") == []
