"""Phantoms of scans that are exported: ingested DICOM slices, and a label map on their CT."""

import json
import logging
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from unit.dicom_phantoms import SLICES, make_slices, save_slices

from livermet.export.algorithm import Algorithm
from livermet.export.identifiers import AsGiven, Identifiers
from livermet.export.writing import REPORT, SEGMENTATION, Scan, export_scan
from livermet.images import array_of, on_grid_of
from livermet.ingest.series import ingest_dicom

ROOT = Path(__file__).parents[2]
ALGORITHM = Algorithm("nnunet", "nnU-Net", "1.2.3", "ab" * 32, "ensemble")
COMPONENTS = {"connectivity": 26, "minimum_lesion_voxels": 1}
ROW = {"patient": "p07", "study_date": "2019-05-04"}
# What the type 2 fields of DICOM hold that phantoms of ingestion do without.
WHOLE = {
    "StudyTime": "101500",
    "StudyID": "S1",
    "AccessionNumber": "A1",
    "ReferringPhysicianName": "",
    "PatientSex": "F",
}
# How the slices lie: ImageOrientationPatient, and the patient's axis (x, y, z) that they go along.
AXIAL, TURNED = [1, 0, 0, 0, 1, 0], [-1, 0, 0, 0, -1, 0]
CORONAL, SAGITTAL = [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]


def make_lying(orientation, across: int, backwards: bool = False, **tags) -> list:
    """Make slices along one of the patient's axes, 5 mm apart; columns 1.5 mm, rows 2 mm."""
    places = 5.0 * np.arange(SLICES)[:: -1 if backwards else 1]
    corners = [[-10.0, -20.0, 30.0] for _ in places]
    for corner, place in zip(corners, places, strict=True):
        corner[across] = float(place)
    tags = {"ImageOrientationPatient": orientation} | WHOLE | tags
    return make_slices(each={"ImagePositionPatient": corners}, **tags)


def labels_on(ct: sitk.Image) -> sitk.Image:
    """Label a liver with two lesions, unlike under any flip or exchange of axes.

    Lesion 1 has 2 x 2 x 3 voxels but for one corner (11), lesion 2 has one voxel.
    """
    labels = np.zeros(array_of(ct).shape, np.uint8)
    labels[1:5, 1:5, 1:6] = 1
    labels[1:3, 1:3, 1:4] = 2
    labels[1, 1, 1] = 1
    labels[4, 4, 5] = 2
    return on_grid_of(labels, ct)


def make_scan(slices, folder: Path, labels=labels_on) -> Scan:
    """Write slices (a list, or one object of several frames), ingest and label them."""
    raw = folder / "raw"
    save_slices(slices if isinstance(slices, list) else [slices], raw)
    ct, _, quality = ingest_dicom("s1", raw, log=logging.getLogger("test"))
    return Scan("s1", raw, ct, labels(ct), quality, ROW)


def export(
    scan: Scan,
    folder: Path,
    identifiers: Identifiers | None = None,
    algorithm: Algorithm = ALGORITHM,
    **components,
):
    return export_scan(scan, folder, algorithm, identifiers or AsGiven(), COMPONENTS | components)


# What is read back.


def placed(seg: pydicom.Dataset, ct: sitk.Image) -> np.ndarray:
    """Lay the frames of a SEG on a CT pixel by pixel, by DICOM's equation (PS3.3, C.7.6.2.1.1).

    Returns the number of each voxel's segment; that segments do not overlap is asserted.
    """
    shared = seg.SharedFunctionalGroupsSequence[0]
    orientation = shared.PlaneOrientationSequence[0].ImageOrientationPatient
    rows_mm, columns_mm = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    along_row, along_column = np.reshape(orientation, (2, 3)).astype(float)
    to_index = np.linalg.inv(np.reshape(ct.GetDirection(), (3, 3)) @ np.diag(ct.GetSpacing()))
    found = np.zeros(array_of(ct).shape, np.uint16)
    pixels = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    for pixel, group in zip(pixels, seg.PerFrameFunctionalGroupsSequence, strict=True):
        # Where there is one segment, all frames share its number.
        held = group if "SegmentIdentificationSequence" in group else shared
        number = held.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        first = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        row, column = np.nonzero(pixel)
        points = first + np.outer(column * columns_mm, along_row)
        points += np.outer(row * rows_mm, along_column)
        exact = (points - ct.GetOrigin()) @ to_index.T
        assert np.abs(exact - np.rint(exact)).max(initial=0) < 0.01
        voxels = tuple(np.rint(exact).astype(int).T[::-1])
        assert not found[voxels].any()
        found[voxels] = number
    return found


def as_labels(numbers: np.ndarray) -> np.ndarray:
    """Turn numbers of segments into labels: 1 is the liver, all others are lesions."""
    return np.minimum(numbers, 2)


def wrong(folder: Path, *source: Path) -> list[str]:
    """List the errors that David Clunie's dciodvfy finds in both files.

    With the files of a source also those that dcentvfy finds among all: whether patient and study
    are the same, and what is referred to is there.
    """
    files = [folder / name for name in (SEGMENTATION, REPORT)]
    told = [told_by("dciodvfy", "-new", path) for path in files]
    assert ["Segmentation" in told[0], "ComprehensiveSR" in told[1]] == [True, True]
    told += [told_by("dcentvfy", *files, *source)] if source else []
    return [line for line in "\n".join(told).splitlines() if line.startswith("Error")]


def told_by(tool: str, *arguments) -> str:
    """Run a program of the peers' environment; give what it printed."""
    program = ROOT / ".venv" / "dicom" / "bin" / tool
    assert program.exists(), "the DICOM programs' environment is missing: type `make peers`"
    command = [program, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout + result.stderr


def read_by_dcmqi(folder: Path, ct: sitk.Image) -> tuple[np.ndarray, list[dict]]:
    """Read SEG and report with dcmqi: the numbers of segments on a CT's grid, the measurements."""
    out = folder.parent / f"{folder.name}_by_dcmqi"
    out.mkdir()
    source = ["--inputDICOM", folder / SEGMENTATION, "--outputDirectory", out]
    told_by("segimage2itkimage", *source, "-t", "nrrd", "--mergeSegments")
    image = sitk.ReadImage(str(out / "1.nrrd"))
    nearest = (sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt16)
    found = array_of(sitk.Resample(image, ct, *nearest))
    told_by("tid1500reader", "--inputDICOM", folder / REPORT, "--outputMetadata", out / "sr.json")
    return found, json.loads((out / "sr.json").read_text())["Measurements"]
