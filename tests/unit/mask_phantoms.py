"""Phantoms of CTs and of masks in every format: a gradient CT, a box of liver, a box of lesion."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from livermet.ingest.volume import image_of

# The CT is 20 columns of 1.5 mm, 24 rows of 2 mm, 16 slices of 5 mm; its first voxel is DICOM's.
COLUMNS, ROWS, SLICES = 20, 24, 16
SEG_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"
RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
# From (column, row, slice) to RAS+ mm: DICOM's slices at (-10, -20, 5 k) in LPS.
AFFINE = np.array([[-1.5, 0, 0, 10], [0, -2.0, 0, 20], [0, 0, 5.0, 0], [0, 0, 0, 1]])
NAME = "Doe^Jane"


def ct_image() -> sitk.Image:
    """A CT of 40 HU on the grid that ingest makes of these slices: RAS+."""
    affine = np.diag([1.5, 2.0, 5.0, 1.0])
    affine[:3, 3] = [10 - 1.5 * (COLUMNS - 1), 20 - 2 * (ROWS - 1), 0]
    return image_of(np.full((COLUMNS, ROWS, SLICES), 40, np.int16), affine)


def boxes() -> tuple[np.ndarray, np.ndarray]:
    """Liver (slices 2 to 9) and lesion (slices 4 to 6, within it), as (slice, row, column)."""
    liver = np.zeros((SLICES, ROWS, COLUMNS), bool)
    lesion = np.zeros_like(liver)
    liver[2:10, 4:20, 3:16] = True
    lesion[4:7, 8:12, 5:9] = True
    return liver, lesion


def expected() -> np.ndarray:
    """Labels 0, 1, 2 of the boxes, (slice, row, column)."""
    liver, lesion = boxes()
    return np.where(lesion, 2, np.where(liver, 1, 0)).astype(np.uint8)


def seen(image: sitk.Image) -> np.ndarray:
    """A reference's labels in the order of DICOM's slices: columns and rows run the other way."""
    return sitk.GetArrayFromImage(image)[:, ::-1, ::-1]


def item(**values) -> Dataset:
    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def dataset(sop_class: str, modality: str) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = sop_class
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.PatientName, made.PatientID, made.Modality = NAME, "MRN-4711", modality
    return made


def seg(path: Path, frames, names=None, kind="BINARY", tilt=0.0, shift=(0, 0), change=None) -> Path:
    """Write a SEG of frames (segment number, slice, values (row, column)) without other fields."""
    angle = np.deg2rad(tilt)
    made = dataset(SEG_CLASS, "SEG")
    names = names or {1: "Liver", 2: "Lesion"}
    values = np.array([frame for _, _, frame in frames])
    made.Rows, made.Columns = values.shape[1:]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 1 if kind == "BINARY" else 8
    made.BitsAllocated, made.BitsStored, made.HighBit = bits, bits, bits - 1
    made.PixelRepresentation, made.SegmentationType = 0, kind
    if kind == "FRACTIONAL":
        made.MaximumFractionalValue, made.SegmentationFractionalType = 200, "PROBABILITY"
    made.NumberOfFrames = len(frames)
    made.SegmentSequence = Sequence(
        [item(SegmentNumber=n, SegmentLabel=name) for n, name in names.items()]
    )
    axes = [1, 0, 0, 0, float(np.cos(angle)), float(-np.sin(angle))]
    made.SharedFunctionalGroupsSequence = Sequence(
        [
            item(
                PixelMeasuresSequence=Sequence([item(PixelSpacing=[2.0, 1.5])]),
                PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=axes)]),
            )
        ]
    )
    first = [-10 + 1.5 * shift[0], -20 + 2.0 * shift[1]]
    groups = [
        item(
            PlanePositionSequence=Sequence([item(ImagePositionPatient=[*first, 5.0 * k])]),
            **(
                {}
                if kind == "LABELMAP"
                else {"SegmentIdentificationSequence": [item(ReferencedSegmentNumber=n)]}
            ),
        )
        for n, k, _ in frames
    ]
    made.PerFrameFunctionalGroupsSequence = Sequence(groups)
    if bits == 1:
        content = np.packbits(values.astype(bool).ravel(), bitorder="little").tobytes()
    else:
        content = values.astype(np.uint8).tobytes()
    made.PixelData = content + b"\0" * (len(content) % 2)
    if change:
        change(made)
    made.save_as(path, enforce_file_format=True)
    return path


def seg_frames(liver=True, lesion=True) -> list[tuple[int, int, np.ndarray]]:
    """Frames of the boxes, the lesion's first and from above: no order is to be relied on."""
    frames = []
    for number, held, wanted in ((2, boxes()[1], lesion), (1, boxes()[0], liver)):
        frames += [(number, k, held[k]) for k in range(SLICES)[::-1] if wanted and held[k].any()]
    return frames


def mask_slices(folder: Path, values, tilt=0.0, change=None, places=None) -> Path:
    """Write a mask (slice, row, column) as a folder of DICOM slices."""
    folder.mkdir(parents=True)
    angle = np.deg2rad(tilt)
    places = 5.0 * np.arange(len(values)) if places is None else places
    for k, (place, plane) in enumerate(zip(places, values, strict=True)):
        made = dataset(CTImageStorage, "CT")
        made.ImageOrientationPatient = [1, 0, 0, 0, float(np.cos(angle)), float(-np.sin(angle))]
        made.ImagePositionPatient = [-10, -20, float(place)]
        made.PixelSpacing = [2.0, 1.5]
        made.Rows, made.Columns = plane.shape
        made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
        made.BitsAllocated = made.BitsStored = 16
        made.HighBit, made.PixelRepresentation = 15, 0
        made.PixelData = plane.astype(np.uint16).tobytes()
        if change:
            change(k, made)
        made.save_as(folder / f"image_{k * 7 % 31:02d}", enforce_file_format=True)
    return folder


def ring(mask: np.ndarray, k: int) -> list[float]:
    """Draw a box on a slice as a closed contour, half a voxel outside the centres of its edge."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom, left, right = rows[0] - 0.5, rows[-1] + 0.5, columns[0] - 0.5, columns[-1] + 0.5
    points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return [v for c, r in points for v in (-10 + 1.5 * c, -20 + 2.0 * r, 5.0 * k)]


def rtstruct(path: Path, regions: dict[int, tuple[str, list]], kind="CLOSED_PLANAR") -> Path:
    """Write an RTSTRUCT: number: (name, contours of x, y, z ... in LPS mm)."""
    made = dataset(RTSTRUCT_CLASS, "RTSTRUCT")
    made.StructureSetROISequence = Sequence(
        [item(ROINumber=n, ROIName=name) for n, (name, _) in regions.items()]
    )
    made.ROIContourSequence = Sequence(
        [
            item(
                ReferencedROINumber=n,
                ContourSequence=Sequence(
                    [
                        item(
                            ContourGeometricType=kind,
                            NumberOfContourPoints=len(points) // 3,
                            ContourData=[f"{value:.4f}" for value in points],
                        )
                        for points in contours
                    ]
                ),
            )
            for n, (_, contours) in regions.items()
        ]
    )
    made.save_as(path, enforce_file_format=True)
    return path


def rings() -> dict[int, tuple[str, list]]:
    """The boxes as regions: 1 Liver, 2 Tumour 1."""
    liver, lesion = boxes()
    drawn = [[ring(held[k], k) for k in range(SLICES) if held[k].any()] for held in (liver, lesion)]
    return {1: ("Liver", drawn[0]), 2: ("Tumour 1", drawn[1])}
