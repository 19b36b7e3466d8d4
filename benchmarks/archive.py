"""Headers of an archive: livermet's reading against a plain loop over pydicom, on the same files.

The archive are phantoms of CT slices, each with the elements that a scanner writes (about 110, two
private groups and a sequence among them) and 32 kB of pixels, in folders of a few hundred. The peer
is one process that opens each file with `pydicom.dcmread(stop_before_pixels=True)` and asks
nothing; `peer_asking_seconds` is a loop that also takes the values that a sheet needs. Ours reads
with a process a core, writes the index, and finds the series (`seconds`). Each is run in turn,
three times, and the median is told; files are in the system's cache for both. `again_seconds` is a
second run of ours, which knows all files. What ours finds is compared with what the loop finds:
series, and slices of each. `cpu_seconds` are those of all processes together, which other work on
the machine changes less: `ratio_cpu` is the peer's against ours, evenly spread over the processes.
"""

import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from livermet.archive.pseudonyms import Pseudonyms
from livermet.archive.reading import read_archive
from livermet.archive.series import find_series
from livermet.ingest.headers import TAGS

FILES, SLICES, ROUNDS = 4000, 200, 3
SIDE = 128
PROCESSES = len(os.sched_getaffinity(0))


def main():
    files = int(sys.argv[1]) if len(sys.argv) > 1 else FILES
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch, "archive")
        make_archive(archive, files)
        paths = sorted(path for path in archive.rglob("*") if path.is_file())
        times = {"ours": [], "again": [], "peer": [], "asking": []}
        worked = {name: [] for name in times}
        for number in range(ROUNDS):
            index = Path(scratch, f"index_{number}")
            for name, run in (
                ("peer", lambda: loop(paths)),
                ("ours", lambda index=index: ours(archive, index)),
                ("again", lambda index=index: ours(archive, index)),
                ("asking", lambda: asking_loop(paths)),
            ):
                start, before = time.perf_counter(), cpu_seconds()
                result = run()
                times[name].append(time.perf_counter() - start)
                worked[name].append(cpu_seconds() - before)
                if name == "ours":
                    found = result
                elif name == "asking" and result != found:
                    raise SystemExit("livermet finds other series than the loop over pydicom")
    seconds = {name: statistics.median(taken) for name, taken in times.items()}
    cpu = {name: statistics.median(taken) for name, taken in worked.items()}
    print(
        json.dumps(
            {
                "name": "archive",
                "case": f"{files} CT slices, {PROCESSES} processes",
                "seconds": round(seconds["ours"], 3),
                "files_per_second": round(files / seconds["ours"]),
                "peer": "pydicom.dcmread(stop_before_pixels=True), one process",
                "peer_seconds": round(seconds["peer"], 3),
                "peer_files_per_second": round(files / seconds["peer"]),
                "ratio": round(seconds["peer"] / seconds["ours"], 2),
                "peer_asking_seconds": round(seconds["asking"], 3),
                "ratio_asking": round(seconds["asking"] / seconds["ours"], 2),
                "cpu_seconds": round(cpu["ours"], 3),
                "ratio_cpu": round(cpu["peer"] / cpu["ours"] * PROCESSES, 2),
                "again_seconds": round(seconds["again"], 3),
                "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }
        )
    )


def cpu_seconds():
    whom = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, whom))


def ours(archive, index):
    reading = read_archive(archive, Pseudonyms(bytes(range(32))), index, PROCESSES)
    return Counter(one.slices for one in find_series(reading, processes=PROCESSES))


def loop(paths):
    for path in paths:
        pydicom.dcmread(path, stop_before_pixels=True)


def asking_loop(paths):
    """Count the slices of each series, with the values that tell whether they are a stack."""
    series = Counter()
    for path in paths:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        for tag in TAGS:
            header.get(tag)
        series[header.SeriesInstanceUID] += 1
    return Counter(series.values())


def make_archive(folder, files):
    for first in range(0, files, SLICES):
        place = folder / f"patient_{first // SLICES // 4}" / f"series_{first // SLICES}"
        place.mkdir(parents=True)
        for number in range(min(SLICES, files - first)):
            slice_of(first // SLICES, number).save_as(
                place / f"IM{number:05d}", enforce_file_format=True
            )


def slice_of(series, number):
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = CTImageStorage
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{series}.{number + 1}"
    one.StudyInstanceUID, one.SeriesInstanceUID = f"1.2.4.{series // 4}", f"1.2.5.{series}"
    one.FrameOfReferenceUID = f"1.2.6.{series}"
    one.PatientName, one.PatientID = f"Phantom^{series // 4}", f"ID{series // 4}"
    one.PatientBirthDate, one.PatientSex, one.PatientAge = "19500101", "F", "070Y"
    one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]
    for event in ("Study", "Series", "Acquisition", "Content"):
        setattr(one, f"{event}Date", "20200301")
        # Times of study and series are those of all their slices (PS3.3, C.7.2.1 and C.7.3.1).
        of_slice = event in ("Acquisition", "Content")
        second = number if of_slice else 0
        setattr(one, f"{event}Time", f"10{second // 60:02d}{second % 60:02d}.123")
    for name, text in TEXTS.items():
        setattr(one, name, text)
    for name, value in NUMBERS.items():
        setattr(one, name, value)
    one.InstanceNumber, one.SliceLocation = number + 1, 1.5 * number
    one.ImagePositionPatient = [-180.5, -170.25, 1.5 * number]
    one.ImageOrientationPatient, one.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.75, 0.75]
    one.WindowCenter, one.WindowWidth = [50, 400], [400, 2000]
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, "1.2.7.1"
    one.ReferencedImageSequence = [item, item]
    for group in (0x0019, 0x0029):
        block = one.private_block(group, "PHANTOM MAKER", create=True)
        for place in range(16):
            block.add_new(place, "LO", f"private {place}")
    one.PixelData = np.full((SIDE, SIDE), number, dtype="<i2").tobytes()
    return one


TEXTS = {
    "Modality": "CT",
    "Manufacturer": "SIEMENS",
    "ManufacturerModelName": "SOMATOM phantom",
    "InstitutionName": "Phantom hospital",
    "StationName": "CT1",
    "StudyDescription": "Abdomen",
    "SeriesDescription": "Abdomen portal venous 1.5",
    "ProtocolName": "Abdomen routine",
    "BodyPartExamined": "ABDOMEN",
    "ConvolutionKernel": "Br40d",
    "ContrastBolusAgent": "iodine",
    "FilterType": "FLAT",
    "PatientPosition": "HFS",
    "RescaleType": "HU",
    "PhotometricInterpretation": "MONOCHROME2",
    "RotationDirection": "CW",
    "ExposureModulationType": "XYZ_EC",
    "SoftwareVersions": "syngo phantom",
    "DeviceSerialNumber": "12345",
    "AccessionNumber": "A1",
    "StudyID": "1",
    "ReferringPhysicianName": "Phantom^Doctor",
}
NUMBERS = {
    "KVP": 120,
    "SliceThickness": 1.5,
    "XRayTubeCurrent": 220,
    "Exposure": 110,
    "ExposureTime": 500,
    "DataCollectionDiameter": 500,
    "ReconstructionDiameter": 384,
    "GantryDetectorTilt": 0,
    "TableHeight": 150,
    "DistanceSourceToDetector": 1085.6,
    "DistanceSourceToPatient": 595,
    "FocalSpots": 1.2,
    "SingleCollimationWidth": 0.6,
    "TotalCollimationWidth": 38.4,
    "TableSpeed": 46,
    "TableFeedPerRotation": 23,
    "SpiralPitchFactor": 0.6,
    "CTDIvol": 7.4,
    "SeriesNumber": 3,
    "AcquisitionNumber": 2,
    "SamplesPerPixel": 1,
    "Rows": SIDE,
    "Columns": SIDE,
    "BitsAllocated": 16,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
    "RescaleIntercept": -1024,
    "RescaleSlope": 1,
}


if __name__ == "__main__":
    main()
