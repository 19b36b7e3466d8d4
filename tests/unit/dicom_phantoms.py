"""Phantoms of DICOM CT series: a few hundred voxels whose values tell their place."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

COLUMNS, ROWS, SLICES = 12, 10, 6
NAME, PATIENT_ID = "Doe^Jane", "MRN-4711"


def stored_values(slices: int = SLICES) -> np.ndarray:
    """Stored value = 100 slice + 10 row + column, so that every voxel tells its place."""
    k, j, i = np.mgrid[:slices, :ROWS, :COLUMNS]
    return 100 * k + 10 * j + i


def make_slices(values=None, places=None, tilt=0.0, series=None, each=None, **tags):
    """Make a CT series (slice, row, column); columns 1.5 mm, rows 2 mm, slices at `places` mm.

    `tags` hold for every slice, `each` gives a tag's values slice by slice; None takes a tag away.
    """
    values = stored_values() if values is None else values
    places = 5.0 * np.arange(len(values)) if places is None else places
    series, study, frame = series or generate_uid(), generate_uid(), generate_uid()
    angle = np.deg2rad(tilt)
    made = []
    for number, place in enumerate(places):
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = CTImageStorage
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        one.StudyInstanceUID, one.SeriesInstanceUID = study, series
        one.FrameOfReferenceUID = frame
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
        one.PixelData = values[number].astype(np.int16).tobytes()
        for tag, value in tags.items():
            _put(one, tag, value)
        for tag, values_of_slices in (each or {}).items():
            _put(one, tag, values_of_slices[number])
        made.append(one)
    return made


def _put(one: Dataset, tag: str, value) -> None:
    if value is None and tag in one:
        delattr(one, tag)
    elif value is not None:
        setattr(one, tag, value)


def save_slices(made, folder: Path) -> Path:
    """Write slices whose files' names do not follow their order."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(made):
        one.save_as(folder / f"{number * 7 % 997:03d}", enforce_file_format=True)
    return folder


def write_slices(folder: Path, values=None, places=None, **options) -> Path:
    """Write a CT series; the options are those of `make_slices`."""
    return save_slices(make_slices(values, places, **options), folder)


def make_enhanced(values=None, places=None, rescales=None, **tags) -> Dataset:
    """Make one enhanced multi-frame object of the series that `make_slices` makes.

    `rescales` are (slope, intercept) frame by frame; without them all frames share one.
    """
    made = make_slices(values, places)
    one = made[0]
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    one.NumberOfFrames = len(made)
    one.PixelData = b"".join(frame.PixelData for frame in made)
    shared = Dataset()
    shared.PlaneOrientationSequence = [Dataset()]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = one.ImageOrientationPatient
    shared.PixelMeasuresSequence = [Dataset()]
    shared.PixelMeasuresSequence[0].PixelSpacing = one.PixelSpacing
    shared.PixelMeasuresSequence[0].SliceThickness = 3
    if not rescales:
        shared.PixelValueTransformationSequence = [_rescale(1, -1024)]
    one.SharedFunctionalGroupsSequence = [shared]
    one.PerFrameFunctionalGroupsSequence = []
    for number, frame in enumerate(made):
        group = Dataset()
        group.PlanePositionSequence = [Dataset()]
        group.PlanePositionSequence[0].ImagePositionPatient = frame.ImagePositionPatient
        group.FrameContentSequence = [Dataset()]
        group.FrameContentSequence[0].InStackPositionNumber = number + 1
        group.FrameContentSequence[0].FrameAcquisitionNumber = 1
        group.CTImageFrameTypeSequence = [Dataset()]
        group.CTImageFrameTypeSequence[0].FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
        if rescales:
            group.PixelValueTransformationSequence = [_rescale(*rescales[number])]
        one.PerFrameFunctionalGroupsSequence.append(group)
    for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(one, tag)
    for tag in ("RescaleSlope", "RescaleIntercept", "SliceThickness"):
        delattr(one, tag)
    for tag, value in tags.items():
        _put(one, tag, value)
    return one


def _rescale(slope: float, intercept: float) -> Dataset:
    item = Dataset()
    item.RescaleSlope, item.RescaleIntercept, item.RescaleType = slope, intercept, "HU"
    return item
