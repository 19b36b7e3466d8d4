"""Phantoms as DICOM: readers of two other projects give back the same voxels at the same place."""

import subprocess

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dcm2niix import bin as dcm2niix

from livermet.demo.dicom import uid, write_dicom_series
from livermet.demo.phantoms import phantom_images
from livermet.images import array_of, grid_difference, read_image

ROW = {
    "series": "p_20200131_thin",
    "patient": "p",
    "study_date": "2020-01-31",
    "phase": "portal venous",
    "sex": "F",
    "age": 61,
    "scanner": "Abdomen 16",
    "kvp": 120,
    "patient_seed": 3,
    "study_seed": 411,
    "noise_seed": 5,
    "matrix": 48,
    "pixel_mm": 6.4,
    "slices": 25,
    "slice_mm": 8.0,
    "lesions": 2,
    "radius_min_mm": 14.0,
    "radius_max_mm": 22.0,
    "liver_hu": 110.0,
    "contrast_hu": 65.0,
    "texture_hu": 10.0,
    "texture_mm": 6.0,
    "noise_hu": 12.0,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series") / "dicom"
    ct, _ = phantom_images(ROW)
    write_dicom_series(ct, ROW, folder)
    return ct, folder


def test_gdcm_reads_the_same_hu_on_the_same_grid(written):
    ct, folder = written
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    read = reader.Execute()
    assert grid_difference(read, ct, 1e-3) == ""
    assert np.array_equal(array_of(read), array_of(ct))


def test_dcm2niix_reads_the_same_hu_on_the_same_grid(written, tmp_path):
    ct, folder = written
    subprocess.run([dcm2niix, "-z", "y", "-f", "ct", "-o", tmp_path, folder], check=True)
    read, made = (sitk.DICOMOrient(i, "RAS") for i in (read_image(tmp_path / "ct.nii.gz"), ct))
    assert grid_difference(read, made, 1e-3) == ""
    assert np.array_equal(array_of(read), array_of(made))


def test_files_are_valid_ct_images(written):
    ct, folder = written
    files = sorted(folder.iterdir())
    assert len(files) == 25
    slices = [pydicom.dcmread(file) for file in files]  # refuses a file without DICOM's preamble
    assert [int(s.InstanceNumber) for s in slices] == list(range(1, 26))
    assert len({s.SOPInstanceUID for s in slices}) == 25
    for k, dataset in enumerate(slices):
        assert dataset.file_meta.MediaStorageSOPClassUID == pydicom.uid.CTImageStorage
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        uids = "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"
        assert all(pydicom.uid.UID(dataset[name].value).is_valid for name in uids)
        assert float(dataset.ImagePositionPatient[2]) == ct.GetOrigin()[2] + 8 * k
        assert (dataset.SliceThickness, dataset.KVP, dataset.RescaleIntercept) == (8, 120, -1024)
    assert dataset.PatientID == "p"
    assert dataset.PatientAge == "061Y"
    assert dataset.SeriesDescription == "portal venous 8 mm"
    assert dataset.StudyDate == dataset.AcquisitionDate == "20200131"


def test_series_of_one_study_share_study_and_frame_of_reference(written, tmp_path):
    ct, folder = written
    write_dicom_series(ct, ROW | {"series": "p_20200131_thick"}, tmp_path / "dicom")
    one, other = (pydicom.dcmread(next(place.iterdir())) for place in (folder, tmp_path / "dicom"))
    assert one.StudyInstanceUID == other.StudyInstanceUID
    assert one.FrameOfReferenceUID == other.FrameOfReferenceUID
    assert one.SeriesInstanceUID != other.SeriesInstanceUID


def test_uids_follow_from_names_alone():
    assert uid("series", "a") == uid("series", "a") != uid("series", "b")
    assert len(uid("series", "a")) <= 64


def test_writing_again_gives_the_same_bytes(written, tmp_path):
    ct, folder = written
    again = tmp_path / "dicom"
    write_dicom_series(ct, ROW, again)
    write_dicom_series(ct, ROW, again)  # over a folder that is there
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert first == {file.name: file.read_bytes() for file in again.iterdir()}


def test_a_failed_writing_leaves_nothing(written, tmp_path):
    incomplete = {name: value for name, value in ROW.items() if name != "sex"}
    with pytest.raises(KeyError):
        write_dicom_series(written[0], incomplete, tmp_path / "dicom")
    assert list(tmp_path.iterdir()) == []
