"""Ingest on volumes of a few hundred voxels, written to disk as the formats that it reads."""

import json
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from livermet.contracts import check
from livermet.errors import ContractError, InputError
from livermet.files import write_json
from livermet.images import read_image, write_image
from livermet.ingest.acquisition import ACQUISITION, acquisition_table
from livermet.ingest.reference import canonical_reference, map_labels
from livermet.ingest.series import ingest_dicom, ingest_volume
from livermet.ingest.volume import Volume, header_grid_difference, hounsfield, read_volume

LOG = logging.getLogger("test")
COLUMNS, ROWS, SLICES = 12, 10, 6
NAME, PATIENT_ID = "Doe^Jane", "MRN-4711"


def stored_values() -> np.ndarray:
    """Stored value = 100 slice + 10 row + column, so that every voxel tells its place."""
    k, j, i = np.mgrid[:SLICES, :ROWS, :COLUMNS]
    return 100 * k + 10 * j + i


def write_slices(
    folder: Path, values=None, places=None, tilt=0.0, series=None, each=None, **tags
) -> Path:
    """Write a CT series (slice, row, column); columns 1.5 mm, rows 2 mm, slices at `places` mm.

    The files' names do not follow the slices' order. `tags` hold for every slice, `each` gives
    a tag's values slice by slice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = stored_values() if values is None else values
    places = 5.0 * np.arange(len(values)) if places is None else places
    series, study = series or generate_uid(), generate_uid()
    angle = np.deg2rad(tilt)
    for number, place in enumerate(places):
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = CTImageStorage
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        one.StudyInstanceUID, one.SeriesInstanceUID = study, series
        one.PatientName, one.PatientID, one.PatientBirthDate = NAME, PATIENT_ID, "19500301"
        one.StudyDate, one.Modality, one.InstanceNumber = "20200102", "CT", number + 1
        one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        one.Manufacturer, one.KVP, one.SliceThickness = "Maker", 120, 3
        one.XRayTubeCurrent = 100 + 10 * number
        one.ImageOrientationPatient = [1, 0, 0, 0, float(np.cos(angle)), float(-np.sin(angle))]
        one.ImagePositionPatient = [-10, -20, float(place)]
        one.PixelSpacing = [2.0, 1.5]
        one.Rows, one.Columns = values.shape[1:]
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated = one.BitsStored = 16
        one.HighBit, one.PixelRepresentation = 15, 1
        one.RescaleSlope, one.RescaleIntercept = 1, -1024
        for tag, value in tags.items():
            setattr(one, tag, value)
        for tag, values_of_slices in (each or {}).items():
            setattr(one, tag, values_of_slices[number])
        one.PixelData = values[number].astype(np.int16).tobytes()
        one.save_as(folder / f"{number * 7 % 997:03d}", enforce_file_format=True)
    return folder


def ct_of(folder: Path):
    return ingest_dicom("a1", folder, log=LOG)


def at(image: sitk.Image, *lps: float) -> int:
    """Return the voxel at a point in DICOM's patient coordinates."""
    return image[image.TransformPhysicalPointToIndex(lps)]


def test_dicom_values_lie_where_the_slices_say(tmp_path):
    ct, acquisition, quality = ct_of(write_slices(tmp_path))
    assert ct.GetSize() == (COLUMNS, ROWS, SLICES)
    # RAS+ in the words of SimpleITK: x and y run against DICOM's.
    assert ct.GetDirection() == (-1, 0, 0, 0, -1, 0, 0, 0, 1)
    assert ct.GetPixelID() == sitk.sitkInt16
    # Slice 2, row 3, column 4 is stored as 234 and lies 4 columns, 3 rows, 2 slices from the first.
    assert at(ct, -10 + 4 * 1.5, -20 + 3 * 2.0, 10.0) == 234 - 1024
    assert at(ct, -10, -20, 0) == -1024
    assert at(ct, -10 + 11 * 1.5, -20 + 9 * 2.0, 25.0) == 500 + 90 + 11 - 1024
    assert acquisition["spacing_mm"] == [1.5, 2.0, 5.0]
    assert acquisition["size"] == [12, 10, 6]
    assert acquisition["slice_thickness_mm"] == 3
    # Tube currents are 100, 110, ..., 150 mA.
    assert acquisition["tube_current_ma"] == 125
    assert (acquisition["kvp"], acquisition["kernel"]) == (120, None)
    assert acquisition["source_format"] == "dicom"
    assert (quality["slices"], quality["coverage_mm"]) == (6, 30)
    assert (quality["minimum_hu"], quality["maximum_hu"]) == (-1024, 601 - 1024)
    assert quality["uneven_spacing"] is False


def test_rescale_slope_and_intercept_give_whole_units(tmp_path):
    folder = write_slices(tmp_path, RescaleSlope=0.5, RescaleIntercept=-1000)
    ct, _, quality = ct_of(folder)
    assert at(ct, -10 + 4 * 1.5, -20 + 3 * 2.0, 10.0) == 117 - 1000
    # Odd stored values end in a half: every second column, 6 of 12.
    assert quality["rounded_voxels"] == 6 * ROWS * SLICES


def test_rescale_that_changes_between_slices_is_followed(tmp_path):
    ct, _, _ = ct_of(write_slices(tmp_path, each={"RescaleIntercept": [-1024] * 3 + [-1000] * 3}))
    assert at(ct, -10, -20, 10.0) == 200 - 1024
    assert at(ct, -10, -20, 20.0) == 400 - 1000


def test_slices_from_head_to_feet_give_the_same_volume(tmp_path):
    up, _, _ = ct_of(write_slices(tmp_path / "up"))
    places = 5.0 * np.arange(SLICES)[::-1]
    down, _, _ = ct_of(write_slices(tmp_path / "down", stored_values()[::-1], places))
    assert down.GetOrigin() == up.GetOrigin()
    assert (sitk.GetArrayFromImage(down) == sitk.GetArrayFromImage(up)).all()


def test_feet_first_rows_and_columns_turned_by_half(tmp_path):
    folder = write_slices(tmp_path, ImageOrientationPatient=[-1, 0, 0, 0, -1, 0])
    ct, _, _ = ct_of(folder)
    assert ct.GetDirection() == (-1, 0, 0, 0, -1, 0, 0, 0, 1)
    # Columns now run to smaller x, rows to smaller y.
    assert at(ct, -10 - 4 * 1.5, -20 - 3 * 2.0, 10.0) == 234 - 1024


def test_spacing_is_the_mean_step_where_positions_were_rounded(tmp_path):
    n = 41
    values = np.arange(n)[:, None, None] + np.zeros((n, ROWS, COLUMNS), dtype=int)
    # 0.625 mm stored to one decimal: steps of 0.6 and 0.7; the first alone would give 24 mm.
    ct, _, quality = ct_of(write_slices(tmp_path, values, np.round(0.625 * np.arange(n), 1)))
    assert ct.GetSpacing()[2] == pytest.approx(25.0 / 40)
    assert quality["spacing_offset_mm"] == pytest.approx(0.05, abs=0.001)
    assert quality["uneven_spacing"] is False


def test_uneven_spacing_is_interpolated_and_recorded(tmp_path):
    # Place = z, stored = 10 z: linear interpolation gives 10 z everywhere.
    places = np.array([0, 5, 10, 16, 21, 26.0])
    values = np.round(10 * places)[:, None, None] + np.zeros((6, ROWS, COLUMNS))
    ct, _, quality = ct_of(write_slices(tmp_path, values, places))
    assert quality["uneven_spacing"] is True
    assert quality["resampled"] == "even_spacing"
    # Even places are 5.2 mm apart; slice 2 (10 mm) and 3 (16 mm) lie 0.4 mm off theirs.
    assert quality["spacing_offset_mm"] == pytest.approx(0.4)
    assert any("0.40 mm" in sentence for sentence in quality["warnings"])
    for k in range(ct.GetSize()[2]):
        z = ct.TransformIndexToPhysicalPoint((3, 3, k))[2]
        assert ct[3, 3, k] + 1024 == pytest.approx(10 * z, abs=1)
    assert ct.TransformIndexToPhysicalPoint((0, 0, ct.GetSize()[2] - 1))[2] == pytest.approx(26)


@pytest.mark.parametrize("tilt", [15.0, -15.0])
@pytest.mark.parametrize("upwards", [True, False])
def test_gantry_tilt_is_straightened(tmp_path, tilt, upwards):
    # HU = 10 y + 3 z in patient coordinates, which linear interpolation keeps.
    places = 5.0 * np.arange(12)[:: 1 if upwards else -1]
    angle = np.deg2rad(tilt)
    j = np.arange(40)[:, None] + np.zeros(COLUMNS)
    values = np.array(
        [
            np.round(10 * (-20 + 2 * j * np.cos(angle)) + 3 * (z - 2 * j * np.sin(angle)))
            for z in places
        ]
    )
    ct, _, quality = ct_of(write_slices(tmp_path, values, places, tilt, RescaleIntercept=0))
    assert quality["gantry_tilt_degrees"] == pytest.approx(15, abs=0.01)
    assert quality["resampled"] == "gantry_tilt"
    direction = np.reshape(ct.GetDirection(), (3, 3))
    assert np.allclose(direction @ direction.T, np.eye(3), atol=1e-9)
    assert ct.GetSpacing()[2] == pytest.approx(5 * np.cos(angle))
    covered = 0
    for index in np.ndindex(ct.GetSize()):
        _, y, z = ct.TransformIndexToPhysicalPoint(index)
        row = (y + 20) / (2 * np.cos(angle))
        # Half a row beyond the first and last repeats them.
        if 0 <= row <= 39:
            covered += 1
            assert ct[index] == pytest.approx(10 * y + 3 * z, abs=1.1)
    assert covered > 0.9 * values.size


def test_localizer_and_repeated_copies_are_left_out(tmp_path):
    kinds = [["ORIGINAL", "PRIMARY", "AXIAL"]] * 5 + [["ORIGINAL", "PRIMARY", "LOCALIZER"]]
    folder = write_slices(tmp_path, each={"ImageType": kinds})
    (folder / "copy of a slice").write_bytes((folder / "000").read_bytes())
    (folder / "notes.txt").write_text("not DICOM")
    ct, _, quality = ct_of(folder)
    assert ct.GetSize()[2] == 5
    assert "Repeated copies left out: 1 (file 7 of 8)." in quality["warnings"]
    assert "Localizers left out: 1 (file 6 of 8)." in quality["warnings"]


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as told:
        ct_of(folder)
    sentence = str(told.value)
    assert sentence.startswith("series a1")
    assert str(folder) not in sentence
    assert NAME not in sentence
    return sentence


def test_two_series_in_a_folder_are_refused(tmp_path):
    write_slices(tmp_path / "one")
    write_slices(tmp_path / "two")
    assert "2 DICOM series" in refused(tmp_path)


def test_a_missing_slice_is_refused(tmp_path):
    folder = write_slices(tmp_path)
    (folder / f"{3 * 7:03d}").unlink()
    # Five slices, four gaps: 5, 5, 10, 5 mm.
    assert "1 of its 4 gaps between slices are wider than 1.5 times the median of 5 mm" in refused(
        folder
    )


def test_two_phases_in_a_series_are_refused(tmp_path):
    uid = generate_uid()
    write_slices(tmp_path / "arterial", series=uid)
    write_slices(tmp_path / "venous", series=uid)
    assert "share a position" in refused(tmp_path)


def test_another_modality_is_refused(tmp_path):
    assert "modality is MR, not CT" in refused(write_slices(tmp_path, Modality="MR"))


def test_a_folder_without_dicom_is_refused(tmp_path):
    (tmp_path / "readme").write_text("nothing here")
    assert "no readable DICOM image" in refused(tmp_path)


def test_a_single_slice_is_refused(tmp_path):
    assert "has 1 slice" in refused(write_slices(tmp_path, stored_values()[:1]))


def test_slices_of_two_orientations_are_refused(tmp_path):
    axes = [[1, 0, 0, 0, 1, 0]] * 5 + [[1, 0, 0, 0, 0, -1]]
    assert "differ in orientation" in refused(
        write_slices(tmp_path, each={"ImageOrientationPatient": axes})
    )


def test_a_slice_cut_short_is_refused(tmp_path):
    folder = write_slices(tmp_path)
    cut = folder / "014"
    cut.write_bytes(cut.read_bytes()[:-100])
    assert "file 3 of 6" in refused(folder)


def test_nothing_written_names_the_patient(tmp_path, caplog):
    folder = write_slices(tmp_path / NAME, StudyDescription=f"abdomen of {NAME}")
    with caplog.at_level(logging.INFO):
        ct, acquisition, quality = ct_of(folder)
    out = tmp_path / "out"
    write_image(ct, out / "ct.nii")
    write_json(acquisition, out / "acquisition.json")
    write_json(quality, out / "quality.json")
    written = b"".join(path.read_bytes() for path in out.iterdir()) + caplog.text.encode()
    uid = b"1.2.826.0.1.3680043"  # the root of generate_uid
    for identifier in (b"Doe", b"Jane", PATIENT_ID.encode(), b"19500301", b"20200102", uid):
        assert identifier not in written
    header = nib.load(out / "ct.nii").header
    assert [bytes(header[tag]).strip(b"\0") for tag in ("descrip", "aux_file", "intent_name")] == [
        b"",
        b"",
        b"",
    ]


def write_nifti(path: Path, values, affine, codes=(1, 1)) -> Path:
    image = nib.Nifti1Image(values, affine)
    image.set_qform(affine, codes[0])
    image.set_sform(affine, codes[1])
    image.header["descrip"] = NAME
    nib.save(image, path)
    return path


@pytest.mark.parametrize("axes", ["LPS", "RAS", "LAS", "PIR", "SAL"])
def test_any_orientation_becomes_ras_without_moving_a_voxel(tmp_path, axes):
    values = stored_values().transpose(2, 1, 0).astype(np.int16) - 500
    affine = nib.affines.from_matvec(np.diag([1.5, 2, 5]), [-7, 11, -300])
    wanted = nib.Nifti1Image(values, affine)
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(affine), nib.orientations.axcodes2ornt(axes)
    )
    turned = wanted.as_reoriented(turn)
    assert "".join(nib.aff2axcodes(turned.affine)) == axes
    path = write_nifti(tmp_path / "ct.nii.gz", np.asarray(turned.dataobj), turned.affine)
    ct, acquisition, quality = ingest_volume("a1", path)
    # Voxel (4, 3, 2) of the RAS+ original lies at -7+4*1.5, 11+3*2, -300+2*5; LPS negates x and y.
    assert at(ct, 7 - 6.0, -11 - 6.0, -290.0) == 234 - 500
    assert (sitk.GetArrayFromImage(ct).transpose(2, 1, 0) == values).all()
    assert acquisition["source_format"] == "nifti"
    assert acquisition["manufacturer"] is quality["uneven_spacing"] is None
    write_image(ct, tmp_path / "out.nii.gz")
    assert np.allclose(nib.load(tmp_path / "out.nii.gz").affine, affine)


def test_padding_and_rounding_are_counted():
    values = np.array([-3024, -1025, -1024.4, -1024, 0.5, 1.5, 40.2, 3071]).reshape(2, 2, 2)
    units, record, _ = hounsfield(Volume(values, np.eye(4)), "it")
    # Halves go to the even neighbour; -1024.4 rounds to -1024, which is no padding.
    assert units.ravel().tolist() == [-1024, -1024, -1024, -1024, 0, 2, 40, 3071]
    assert record["padding_voxels"] == 2
    assert record["rounded_voxels"] == 4


@pytest.mark.parametrize("bad", [np.nan, np.inf, 40000.0])
def test_values_that_are_no_units_are_refused(bad):
    values = np.zeros((2, 2, 2))
    values[1, 0, 1] = bad
    with pytest.raises(InputError, match="it holds"):
        hounsfield(Volume(values, np.eye(4)), "it")


def test_scaled_nifti_is_read_as_its_header_says(tmp_path):
    image = nib.Nifti1Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), np.eye(4))
    image.header.set_slope_inter(2, -1000)
    nib.save(image, tmp_path / "ct.nii")
    # SimpleITK applies scl_slope and scl_inter by its own code.
    other = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "ct.nii")))
    ct, _, _ = ingest_volume("a1", tmp_path / "ct.nii")
    assert (sitk.GetArrayFromImage(ct) == other).all()


def test_nrrd_and_nifti_give_the_same_ct(tmp_path):
    values = stored_values().transpose(2, 1, 0).astype(np.int16)
    affine = nib.affines.from_matvec(np.diag([-1.5, -2, 5]), [7, 11, -300])
    from_nifti, _, _ = ingest_volume("a1", write_nifti(tmp_path / "ct.nii.gz", values, affine))
    sitk.WriteImage(sitk.ReadImage(str(tmp_path / "ct.nii.gz")), str(tmp_path / "ct.nrrd"))
    from_nrrd, acquisition, _ = ingest_volume("a1", tmp_path / "ct.nrrd")
    assert acquisition["source_format"] == "nrrd"
    assert from_nrrd.GetOrigin() == pytest.approx(from_nifti.GetOrigin())
    assert (sitk.GetArrayFromImage(from_nrrd) == sitk.GetArrayFromImage(from_nifti)).all()


def test_nifti_without_orientation_is_refused(tmp_path):
    path = write_nifti(tmp_path / "ct.nii", np.zeros((3, 3, 3), np.int16), np.eye(4), (0, 0))
    with pytest.raises(InputError, match="left and right are unknown"):
        read_volume(path, "series a1: its CT")


def test_nifti_with_sheared_axes_is_refused(tmp_path):
    affine = np.eye(4)
    affine[1, 2] = 0.3
    image = nib.Nifti1Image(np.zeros((9, 9, 9), np.int16), affine)
    nib.save(image, tmp_path / "ct.nii")
    with pytest.raises(InputError, match="not at right angles"):
        ingest_volume("a1", tmp_path / "ct.nii")


def test_four_dimensions_and_damaged_files_are_refused(tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3, 2), np.int16), np.eye(4)), tmp_path / "two.nii")
    with pytest.raises(InputError, match="not one three-dimensional volume"):
        read_volume(tmp_path / "two.nii", "series a1: its CT")
    whole = write_nifti(tmp_path / "whole.nii.gz", np.zeros((30, 30, 30), np.int16), np.eye(4))
    (tmp_path / "cut.nii.gz").write_bytes(whole.read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read as NIfTI"):
        read_volume(tmp_path / "cut.nii.gz", "series a1: its CT")
    (tmp_path / "text.nrrd").write_text("no volume")
    with pytest.raises(InputError, match="cannot be read as a volume"):
        read_volume(tmp_path / "text.nrrd", "series a1: its CT")


def test_qform_that_differs_from_sform_is_told(tmp_path):
    image = nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4))
    image.set_sform(np.eye(4), 1)
    image.set_qform(nib.affines.from_matvec(np.eye(3), [0, 0, 4]), 1)
    nib.save(image, tmp_path / "ct.nii")
    _, _, quality = ingest_volume("a1", tmp_path / "ct.nii")
    assert "qform and sform differ by up to 4 mm; the sform was used." in quality["warnings"]


def test_labels_are_mapped_by_name():
    values = np.array([0, 5, 7, 7])
    assert map_labels(values, {"liver": 5, "lesion": 7}, "it").tolist() == [0, 1, 2, 2]
    assert map_labels(np.array([0, 1]), {"lesion": 1}, "it").tolist() == [0, 2]


def test_unknown_labels_are_named_with_their_voxels():
    with pytest.raises(InputError, match=r"labels \(voxels\).*3 \(2\), 9 \(1\)"):
        map_labels(np.array([0, 1, 3, 3, 9]), {"liver": 1, "lesion": 2}, "it")


def on_grid(values, affine=None) -> Volume:
    return Volume(np.asarray(values), np.diag([2.0, 2, 5, 1]) if affine is None else affine)


@pytest.fixture
def ct_image(tmp_path) -> sitk.Image:
    path = write_nifti(
        tmp_path / "grid.nii", np.zeros((4, 4, 3), np.int16), np.diag([2.0, 2, 5, 1])
    )
    return ingest_volume("a1", path)[0]


def test_reference_is_turned_onto_the_ct(ct_image, tmp_path):
    values = np.zeros((4, 4, 3), np.uint8)
    values[1:3, 1, 1] = 1
    values[3, 0, 2] = 2
    # The same labels stored from left to right: x runs from 6 mm to 0 mm.
    flipped = on_grid(
        values[::-1], np.array([[-2.0, 0, 0, 6], [0, 2, 0, 0], [0, 0, 5, 0], [0] * 4])
    )
    flipped.affine[3, 3] = 1
    image, record = canonical_reference("a1", ct_image, flipped, {"liver": 1, "lesion": 2}, None)
    assert (sitk.GetArrayFromImage(image).transpose(2, 1, 0) == values).all()
    assert image.GetPixelID() == sitk.sitkUInt8
    assert record == {
        "liver_from": "reference",
        "reference_voxels_liver": 2,
        "reference_voxels_lesion": 1,
        "reference_warnings": [
            "The liver reaches the highest slice: it may go on beyond the scan, or slices are "
            "missing there."
        ],
    }


def test_the_livers_source_is_recorded(ct_image):
    lesions = np.zeros((4, 4, 3), np.float32)
    lesions[0, 0, 0] = 1
    liver = np.zeros((4, 4, 3), np.uint8)
    liver[:2, 0, 0] = 5
    image, record = canonical_reference(
        "a1", ct_image, on_grid(lesions), {"lesion": 1}, on_grid(liver)
    )
    # The mask has two voxels; the lesion lies in one of them and stays a lesion.
    assert (image[0, 0, 0], image[1, 0, 0]) == (2, 1)
    assert record["liver_from"] == "liver_mask"
    assert (record["reference_voxels_liver"], record["reference_voxels_lesion"]) == (1, 1)
    _, alone = canonical_reference("a1", ct_image, on_grid(lesions), {"lesion": 1}, None)
    assert (alone["liver_from"], alone["reference_voxels_liver"]) == ("none", None)
    _, unread = canonical_reference("a1", ct_image, None, {"lesion": 1}, on_grid(liver))
    assert (unread["reference_voxels_liver"], unread["reference_voxels_lesion"]) == (2, None)


def test_a_reference_that_is_no_label_map_is_refused(ct_image):
    half = np.full((4, 4, 3), 0.5)
    with pytest.raises(InputError, match=r"series a1: its reference.*not whole numbers"):
        canonical_reference("a1", ct_image, on_grid(half), {"lesion": 1}, None)
    two = np.arange(48).reshape(4, 4, 3) % 3
    with pytest.raises(InputError, match="series a1: its liver mask holds the labels 1, 2"):
        canonical_reference("a1", ct_image, None, {"lesion": 1}, on_grid(two))


def test_a_reference_on_another_grid_is_refused_with_both_grids(ct_image):
    labels = {"liver": 1, "lesion": 2}
    wide = np.diag([2.0, 2, 4, 1])
    with pytest.raises(InputError) as told:
        canonical_reference(
            "a1", ct_image, on_grid(np.zeros((4, 4, 2), np.uint8), wide), labels, None
        )
    sentence = str(told.value)
    assert "series a1: its reference does not lie on the grid of its CT" in sentence
    assert "4 x 4 x 3 voxels of 2 x 2 x 5 mm" in sentence
    assert "4 x 4 x 2 voxels" in sentence
    assert "resample" in sentence
    shifted = np.diag([2.0, 2, 5, 1])
    shifted[2, 3] = 5
    with pytest.raises(InputError, match="5 mm apart"):
        canonical_reference(
            "a1", ct_image, on_grid(np.zeros((4, 4, 3), np.uint8), shifted), labels, None
        )


def test_headers_alone_tell_whether_grids_differ(tmp_path):
    affine = np.diag([2.0, 2, 5, 1])
    zeros = np.zeros((4, 5, 3), np.uint8)
    ct = write_nifti(tmp_path / "ct.nii.gz", zeros, affine)
    flipped = nib.as_closest_canonical(nib.load(ct)).as_reoriented([[1, -1], [0, 1], [2, -1]])
    nib.save(flipped, tmp_path / "flipped.nii.gz")
    assert flipped.shape == (5, 4, 3)
    assert header_grid_difference(ct, tmp_path / "flipped.nii.gz") == ""
    moved = affine.copy()
    moved[0, 3] = 1
    other = write_nifti(tmp_path / "moved.nii.gz", zeros, moved)
    assert header_grid_difference(ct, other).endswith("corners up to 1 mm apart")
    smaller = write_nifti(tmp_path / "smaller.nii.gz", zeros[:, :4], affine)
    assert "4 x 5 x 3 voxels" in header_grid_difference(ct, smaller)
    assert "4 x 4 x 3 voxels" in header_grid_difference(ct, smaller)


def test_every_record_has_its_columns_in_the_table(tmp_path, ct_image):
    folder = write_slices(tmp_path / "tilted", tilt=10.0)
    _, acquisition, quality = ct_of(folder)
    told = {"a1": acquisition | quality}
    path = write_nifti(tmp_path / "b1.nii", np.zeros((4, 4, 3), np.int16), np.diag([2.0, 2, 5, 1]))
    _, acquisition, quality = ingest_volume("b1", path)
    labels = np.zeros((4, 4, 3), np.uint8)
    _, reference = canonical_reference("b1", ct_image, on_grid(labels), {"lesion": 1}, None)
    told["b1"] = acquisition | quality | reference
    for record in told.values():
        assert set(record) <= set(ACQUISITION.names)
    assert set(told["b1"]) == set(ACQUISITION.names) - {"cohort", "phase"}
    rows = {"a1": {"cohort": "T", "phase": "venous"}, "b1": {"cohort": "S", "phase": ""}}
    table = acquisition_table(rows, told)
    check(table, ACQUISITION, "cohort/acquisition.tsv")
    tilted, level = table.to_dict("records")
    assert tilted["resampled"] == "gantry_tilt"
    assert (tilted["cohort"], tilted["phase"]) == ("T", "venous")
    assert pd.isna([level["resampled"], level["phase"]]).all()
    assert level["spacing_mm"] == "2.0; 2.0; 5.0"
    assert tilted["warnings"].startswith("The gantry was tilted by 10.0 degrees")
    # A study without any reference has the same columns.
    check(
        acquisition_table({"a1": rows["a1"]}, told),
        ACQUISITION,
        "cohort/acquisition.tsv",
    )


def test_a_field_without_a_column_is_told_and_not_lost():
    told = {"a1": dict.fromkeys(ACQUISITION.names) | {"new": 1}}
    table = acquisition_table({"a1": {"cohort": "T", "phase": ""}}, told)
    assert list(table) == [*ACQUISITION.names, "new"]
    with pytest.raises(ContractError, match="it has new"):
        check(table, ACQUISITION, "cohort/acquisition.tsv")


def test_records_are_json(tmp_path):
    _, acquisition, quality = ct_of(write_slices(tmp_path, KVP=None, ConvolutionKernel=["B", "3"]))
    assert json.loads(json.dumps([acquisition, quality])) == [acquisition, quality]
    assert acquisition["kvp"] is None


def test_the_written_ct_is_the_one_made(tmp_path):
    ct, _, _ = ct_of(write_slices(tmp_path / "in"))
    write_image(ct, tmp_path / "ct.nii.gz")
    back = read_image(tmp_path / "ct.nii.gz")
    assert back.GetPixelID() == sitk.sitkInt16
    assert (sitk.GetArrayFromImage(back) == sitk.GetArrayFromImage(ct)).all()
