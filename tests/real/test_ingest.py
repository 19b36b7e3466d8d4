"""Ingest of real scans, against SimpleITK's own DICOM reader (GDCM) and against published NIfTI."""

import json
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.data import get_testdata_file

from livermet.images import read_image, write_image
from livermet.ingest.decoding import Decoder, SecondReader
from livermet.ingest.headers import read_headers
from livermet.ingest.plausibility import doubts
from livermet.ingest.reference import canonical_reference
from livermet.ingest.series import ingest_dicom, ingest_volume
from livermet.ingest.volume import header_grid_difference, image_of, read_volume

LOG = logging.getLogger("test")


def by_gdcm(folder: Path) -> sitk.Image:
    """Read a DICOM series without dcm2niix and without livermet; give it in RAS+."""
    reader = sitk.ImageSeriesReader()
    (series,) = reader.GetGDCMSeriesIDs(str(folder))
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), series))
    return sitk.DICOMOrient(reader.Execute(), "RAS")


def assert_same_volume(ct: sitk.Image, other: sitk.Image, tolerance_mm: float = 1e-4) -> None:
    """Check that two volumes hold the same values at the same points of the patient."""
    assert ct.GetSize() == other.GetSize()
    last = [n - 1 for n in ct.GetSize()]
    for corner in ([0, 0, 0], last):
        assert np.allclose(
            ct.TransformIndexToPhysicalPoint(corner),
            other.TransformIndexToPhysicalPoint(corner),
            atol=tolerance_mm,
        )
    assert np.allclose(ct.GetDirection(), other.GetDirection(), atol=1e-6)
    clipped = np.maximum(sitk.GetArrayFromImage(other), -1024)
    assert (sitk.GetArrayFromImage(ct) == clipped).all()


def test_portal_venous_series_with_padding(shared_data):
    folder = shared_data("crlm_1004")
    ct, acquisition, quality = ingest_dicom("crlm", folder, log=LOG)
    assert acquisition["size"] == [512, 512, 41]
    assert acquisition["spacing_mm"] == pytest.approx([0.796875, 0.796875, 5.0])
    assert (quality["minimum_hu"], quality["coverage_mm"]) == (-1024, 205)
    other = by_gdcm(folder)
    stored = sitk.GetArrayFromImage(other)
    # The scanner pads with -3024 outside its field of view.
    assert stored.min() == -3024
    assert quality["padding_voxels"] == np.count_nonzero(stored < -1024)
    assert_same_volume(ct, other)
    # The licence of the data lies beside the slices.
    assert quality["warnings"] == ["Passed over, no DICOM: file 42 of 42."]
    assert (quality["proven_slices"], quality["files_left_out"]) == (41, 1)


def test_compressed_slices_thicker_than_their_spacing(shared_data):
    folder = shared_data("totalsegmentator/example_ct_dicom")
    syntax = pydicom.dcmread(next(folder.iterdir()), stop_before_pixels=True).file_meta
    assert syntax.TransferSyntaxUID == pydicom.uid.JPEG2000Lossless
    ct, acquisition, quality = ingest_dicom("ts", folder, log=LOG)
    assert acquisition["slice_thickness_mm"] == 3
    assert acquisition["spacing_mm"][2] == 2
    assert (quality["slices"], quality["coverage_mm"]) == (20, 40)
    assert_same_volume(ct, by_gdcm(folder))


def test_segmentation_made_elsewhere_fits_the_ingested_dicom(shared_data, tmp_path):
    folder = shared_data("totalsegmentator/example_ct_dicom")
    path = shared_data("totalsegmentator/example_seg_dicom.nii.gz")
    ct, _, _ = ingest_dicom("ts", folder, log=LOG)
    write_image(ct, tmp_path / "ct.nii.gz")
    assert header_grid_difference(tmp_path / "ct.nii.gz", path) == ""
    mask = read_volume(path, "it")
    liver = np.where(np.asarray(mask.values) == 5, 1, 0).astype(np.uint8)
    nib.save(nib.Nifti1Image(liver, mask.affine), tmp_path / "liver.nii.gz")
    image, record = canonical_reference(
        "ts", ct, None, {"lesion": 1}, read_volume(tmp_path / "liver.nii.gz", "it")
    )
    assert record["reference_voxels_liver"] == np.count_nonzero(liver)
    # A liver with contrast; air or fat, at a wrong place, would lie below 0 HU.
    inside = sitk.GetArrayFromImage(ct)[sitk.GetArrayFromImage(image) == 1]
    assert 20 < np.median(inside) < 160


def test_pydicoms_own_ct_files_are_read_as_gdcm_reads_them(tmp_path):
    """Slices of CT that pydicom ships: signed 13 bits in JPEG 2000, lossy JPEG 2000, plain."""
    for name in ("J2K_pixelrep_mismatch.dcm", "693_J2KI.dcm", "CT_small.dcm"):
        path = Path(get_testdata_file(name, download=False) or "")
        if not path.is_file():
            pytest.skip(f"pydicom's test file {name} is not on this machine")
        (one,) = read_headers(path).slices
        slope, intercept = one.value("RescaleSlope"), one.value("RescaleIntercept")
        units = Decoder().stored(one) * slope + intercept
        again = SecondReader(tmp_path).read(one)
        assert np.abs(units - again.units).max() == 0
    # Air outside the field of view, which other readers make 6192 HU of.
    first = read_headers(get_testdata_file("J2K_pixelrep_mismatch.dcm")).slices[0]
    assert Decoder().stored(first).min() == -2000


def test_dicom_and_nifti_of_the_same_scan_agree(shared_data):
    root = shared_data("ibsi/ct_phantom")
    from_dicom, _, quality = ingest_dicom("ibsi", root / "dicom/image", log=LOG)
    from_nifti, _, other = ingest_volume("ibsi", root / "nifti/image/phantom.nii.gz")
    assert quality["slices"] == other["slices"] == 60
    assert_same_volume(from_dicom, from_nifti, tolerance_mm=1e-3)


def test_ibsi_tumour_keeps_its_voxels(shared_data):
    root = shared_data("ibsi/ct_phantom/nifti")
    ct, _, _ = ingest_volume("ibsi", root / "image/phantom.nii.gz")
    reference, record = canonical_reference(
        "ibsi", ct, read_volume(root / "mask/mask.nii.gz", "it"), {"lesion": 1}, None
    )
    # The number that the IBSI states for its GTV.
    assert record["reference_voxels_lesion"] == 125256
    assert (record["liver_from"], record["reference_voxels_liver"]) == ("none", None)
    assert reference.GetSize() == ct.GetSize()


def test_real_liver_mask_covers_liver(shared_data):
    root = shared_data("totalsegmentator")
    ct, _, _ = ingest_volume("ts", root / "example_ct_sm.nii.gz")
    image, record = canonical_reference(
        "ts", ct, None, {"lesion": 1}, read_volume(root / "example_ct_liver_fast.nii.gz", "it")
    )
    assert record["liver_from"] == "liver_mask"
    inside = sitk.GetArrayFromImage(ct)[sitk.GetArrayFromImage(image) == 1]
    assert len(inside) == record["reference_voxels_liver"] > 0
    assert 20 < np.median(inside) < 160


def test_sarcoma_cohort_reads_with_its_masks(shared_data):
    root = shared_data("sts") / "nifti"
    scans = sorted(root.glob("*/CT_image.nii.gz"))
    assert len(scans) == 36
    for scan in scans:
        assert header_grid_difference(scan, scan.with_name("CT_mask.nii.gz")) == ""
    ct, _, quality = ingest_volume("sts", scans[0])
    mask = read_volume(scans[0].with_name("CT_mask.nii.gz"), "it")
    _, record = canonical_reference("sts", ct, mask, {"lesion": 1}, None)
    assert record["reference_voxels_lesion"] == np.count_nonzero(mask.values)
    assert quality["minimum_hu"] >= -1024


def test_results_of_a_real_series_name_nobody(shared_data, tmp_path, caplog):
    folder = shared_data("crlm_1004")
    header = pydicom.dcmread(folder / "1-01.dcm", stop_before_pixels=True)
    with caplog.at_level(logging.INFO):
        ct, acquisition, quality = ingest_dicom("scan", folder, log=LOG)
    write_image(ct, tmp_path / "ct.nii")
    assert read_image(tmp_path / "ct.nii").GetSize() == ct.GetSize()
    told = json.dumps([acquisition, quality]) + caplog.text
    start = (tmp_path / "ct.nii").read_bytes()[:352].decode("latin-1")
    for tag in ("PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "StudyDate"):
        value = str(header.get(tag, ""))
        assert not value or value not in told + start
    assert str(folder) not in told


def dice(image: sitk.Image, other: sitk.Image) -> float:
    first, second = sitk.GetArrayFromImage(image) > 0, sitk.GetArrayFromImage(other) > 0
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def test_rtstruct_gives_the_ibsis_own_voxels(shared_data):
    root = shared_data("ibsi/ct_phantom")
    ct, _, _ = ingest_dicom("ibsi", root / "dicom/image", log=LOG)
    labels = {"liver": None, "lesion": ["GTV-*"]}
    drawn, record = canonical_reference(
        "ibsi", ct, read_volume(root / "dicom/mask", "it"), labels, None
    )
    given, _ = canonical_reference(
        "ibsi", ct, read_volume(root / "nifti/mask/mask.nii.gz", "it"), {"lesion": 1}, None
    )
    # At least 0.98 was asked for; a voxel is inside if its centre is, as the IBSI did it.
    assert dice(drawn, given) == 1
    assert record["reference_voxels_lesion"] == 125256


def test_dicom_seg_gives_dcmqis_own_volume(shared_data):
    root = shared_data("dcmqi_seg")
    ct, _, _ = ingest_dicom("dcmqi", root / "ct", log=LOG)
    made = [
        canonical_reference("dcmqi", ct, None, {"lesion": 2}, read_volume(root / name, "it"))[0]
        for name in ("liver.dcm", "liver_seg.nrrd")
    ]
    assert dice(*made) == 1
    assert int((sitk.GetArrayFromImage(made[0]) > 0).sum()) == 107098


def test_overlapping_segments_keep_their_voxels(shared_data):
    root = shared_data("dcmqi_seg")
    ct, _, _ = ingest_dicom("dcmqi", root / "ct", log=LOG)
    read = read_volume(root / "partial_overlaps.dcm", "it")
    # Voxels by dcmqi 1.5.7 (segimage2itkimage) and by highdicom 0.28.2.
    for number, voxels in ((1, 9602), (2, 11888), (3, 10743), (4, 6693), (5, 4713)):
        labels = {"liver": None, "lesion": [number], "other": "*"}
        _, record = canonical_reference("dcmqi", ct, read, labels, None)
        assert record["reference_voxels_lesion"] == voxels


def test_digital_phantoms_seg_is_exact(shared_data):
    root = shared_data("ibsi/digital_phantom")
    (path,) = (root / "dicom/mask").iterdir()
    # Frames lie at y = 3, 2, 1, 0 mm, with columns along x and rows to the feet: coronal planes.
    frames = pydicom.dcmread(path).pixel_array
    ct = image_of(np.zeros((5, 4, 4), np.int16), nib.affines.from_matvec(np.eye(3), [-4, -3, -3]))
    image, record = canonical_reference("d", ct, read_volume(path, "it"), {"lesion": 1}, None)
    assert record["reference_voxels_lesion"] == 74
    # RAS+: x runs against the columns, y with the frames, z against the rows.
    made = sitk.GetArrayFromImage(image).transpose(2, 1, 0) > 0
    assert (made == frames.transpose(2, 0, 1)[::-1, :, ::-1].astype(bool)).all()


def test_a_real_liver_is_plausible_and_its_mirror_is_not(shared_data):
    root = shared_data("totalsegmentator")
    ct, _, _ = ingest_volume("ts", root / "example_ct_sm.nii.gz")
    image, _ = canonical_reference(
        "ts", ct, None, {"lesion": 1}, read_volume(root / "example_ct_liver_fast.nii.gz", "it")
    )
    hu, mask = (sitk.GetArrayFromImage(one).transpose(2, 1, 0) for one in (ct, image))
    # The CT holds 30 slices of the liver's middle.
    (cut,) = doubts(hu, mask, ct.GetSpacing(), has_liver=True, has_lesions=False)
    assert cut.sentence.startswith("The liver reaches the lowest and the highest slice")
    assert not cut.certain
    mirrored = doubts(hu, mask[::-1], ct.GetSpacing(), has_liver=True, has_lesions=False)
    assert any(one.certain and "left of the body's centre" in one.sentence for one in mirrored)
