"""A phantom as a DICOM series: a CT Image Storage file a slice, the same bytes each time."""

import os
import shutil
import uuid
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from livermet.images import array_of

INTERCEPT = -1024
UID_NAMESPACE = uuid.UUID("6f1b8f0e-7d43-5d0c-9a55-6f4c1c6f2a11")


def write_dicom_series(ct: sitk.Image, row: Mapping, folder: str | Path) -> None:
    """Write a CT as a folder of slices, whole or not at all.

    Voxels are HU of at least -1024; the image's axes are the patient's.
    `row` has the columns of phantoms.tsv and, of series.tsv, patient and study_date.
    Series of one patient and date share the study's and the frame of reference's UID.
    Slices are 12 bit unsigned with a rescale intercept of -1024, Explicit VR Little Endian.
    """
    folder = Path(folder)
    beside = folder.with_name(f".{os.getpid()}.{folder.name}")
    beside.mkdir(parents=True)
    try:
        for index, (dataset, name) in enumerate(_slices(ct, row), start=1):
            dataset.InstanceNumber = index
            dataset.save_as(beside / name, enforce_file_format=True)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _slices(ct: sitk.Image, row: Mapping):
    shared = series_dataset(ct, row)
    voxels = array_of(ct)
    for k in range(ct.GetDepth()):
        dataset = Dataset(shared)
        dataset.SOPInstanceUID = uid("instance", row["series"], k)
        position = ct.TransformIndexToPhysicalPoint((0, 0, k))
        dataset.ImagePositionPatient = [round(float(mm), 4) for mm in position]
        dataset.SliceLocation = round(float(position[2]), 4)
        stored = voxels[k].astype(np.int32) - INTERCEPT
        dataset.PixelData = stored.astype("<u2").tobytes()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        yield dataset, f"{k + 1:04d}.dcm"


def uid(*names: object) -> str:
    """Derive a UID (2.25, a UUID as one integer: DICOM PS3.5, annex B.2) from names."""
    return f"2.25.{uuid.uuid5(UID_NAMESPACE, '/'.join(map(str, names))).int}"


def series_dataset(ct: sitk.Image, row: Mapping) -> Dataset:
    """Fill the attributes that all slices of a series share (CT Image IOD, DICOM PS3.3, A.3)."""
    day = date.fromisoformat(row["study_date"])
    width, height, _ = ct.GetSize()
    pixel_x, pixel_y, slice_mm = ct.GetSpacing()
    study = (row["patient"], row["study_date"])
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Modality = "CT"

    dataset.PatientName = f"Phantom^{row['patient']}"
    dataset.PatientID = row["patient"]
    dataset.PatientBirthDate = f"{day.year - row['age']}0101"
    dataset.PatientSex = row["sex"]
    dataset.PatientAge = f"{row['age']:03d}Y"

    dataset.StudyInstanceUID = uid("study", *study)
    dataset.StudyID = f"{day:%Y%m%d}"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = "CT abdomen"
    for event in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{event}Date", f"{day:%Y%m%d}")
        setattr(dataset, f"{event}Time", "101500")

    dataset.SeriesInstanceUID = uid("series", row["series"])
    dataset.SeriesNumber = 1 + row["noise_seed"] % 1000
    dataset.SeriesDescription = f"{row['phase']} {slice_mm:g} mm"
    dataset.PatientPosition = "HFS"
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.FrameOfReferenceUID = uid("frame of reference", *study)
    dataset.PositionReferenceIndicator = ""

    dataset.Manufacturer = "livermet phantom"
    dataset.ManufacturerModelName = row["scanner"]
    dataset.AcquisitionNumber = 1
    dataset.KVP = row["kvp"]
    dataset.ConvolutionKernel = "B30f"
    dataset.SliceThickness = slice_mm
    dataset.SpacingBetweenSlices = slice_mm
    dataset.ContrastBolusAgent = f"iodine, {row['phase']} phase"
    dataset.ContrastBolusRoute = "intravenous"

    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [pixel_y, pixel_x]
    dataset.Rows, dataset.Columns = height, width
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleIntercept, dataset.RescaleSlope = INTERCEPT, 1
    dataset.RescaleType = "HU"
    dataset.WindowCenter, dataset.WindowWidth = 60, 400
    return dataset
