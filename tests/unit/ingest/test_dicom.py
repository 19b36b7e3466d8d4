"""Broken and unusual DICOM series: each is refused by its true cause, or read as its headers say.

The catalogue's entries are phantoms of a few hundred voxels. What is refused says so in a sentence
that holds neither a path nor a header's text; what is read has every voxel at its place.
"""

import gzip
import logging
import os
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)
from unit.dicom_phantoms import (
    COLUMNS,
    NAME,
    PATIENT_ID,
    ROWS,
    SLICES,
    make_enhanced,
    make_slices,
    save_slices,
    stored_values,
    write_slices,
)

from livermet.errors import InputError
from livermet.ingest.decoding import SecondReading
from livermet.ingest.headers import read_headers
from livermet.ingest.proof import SAMPLED_SLICES, prove, sampled
from livermet.ingest.series import ingest_dicom
from livermet.ingest.stack import files
from livermet.provenance import listing_digest

LOG = logging.getLogger("test")
JPEG = "1.2.840.10008.1.2.4."


def ct_of(place: Path, *accept: str):
    return ingest_dicom("a1", place, log=LOG, accept=accept)


def refused(place: Path, *accept: str) -> str:
    with pytest.raises(InputError) as told:
        ct_of(place, *accept)
    sentence = str(told.value)
    assert sentence.startswith("series a1")
    for secret in (str(place), NAME, "Doe", PATIENT_ID):
        assert secret not in sentence
    return sentence


def at(image: sitk.Image, *lps: float) -> int:
    """Return the voxel at a point in DICOM's patient coordinates."""
    return image[image.TransformPhysicalPointToIndex(lps)]


def assert_whole(ct: sitk.Image, slices: int = SLICES) -> None:
    """Check that each corner voxel of each slice lies where its header put it."""
    for k in range(slices):
        assert at(ct, -10, -20, 5.0 * k) == 100 * k - 1024
        right, back = -10 + 1.5 * (COLUMNS - 1), -20 + 2.0 * (ROWS - 1)
        assert at(ct, right, back, 5.0 * k) == 100 * k + 101 - 1024


def compressed(made, syntax: str, encode) -> list:
    for one in made:
        shape = int(one.Rows), int(one.Columns)
        code = bytes(encode(np.frombuffer(one.PixelData, np.uint16).reshape(shape)))
        one.PixelData = encapsulate([code])
        one["PixelData"].VR, one["PixelData"].is_undefined_length = "OB", True
        one.file_meta.TransferSyntaxUID = syntax
        one.PixelRepresentation = 0
    return made


def lose(folder: Path, how: str, count: int = 2) -> None:
    """Break the last files of a folder as copies break off."""
    for path in sorted(folder.iterdir())[-count:]:
        content = path.read_bytes()
        path.unlink()
        if how == "link":
            path.symlink_to("/nowhere/object")
        else:
            path.write_bytes(content[: {"empty": 0, "cut": 500}[how]])


# What is read: a change of the slices, and what the warnings have to say of it.

ENCODERS = {
    "JPEG lossless": (f"{JPEG}57", lambda a: imagecodecs.ljpeg_encode(a, bitspersample=16)),
    "JPEG lossless SV1": (f"{JPEG}70", lambda a: imagecodecs.ljpeg_encode(a, bitspersample=16)),
    "JPEG-LS": (f"{JPEG}80", imagecodecs.jpegls_encode),
    "HTJ2K": (f"{JPEG}201", lambda a: imagecodecs.htj2k_encode(a, reversible=True)),
    "JPEG 2000": (
        f"{JPEG}90",
        lambda a: imagecodecs.jpeg2k_encode(a, level=0, reversible=True, codecformat="j2k"),
    ),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_compressed_slices_are_read_and_proven(tmp_path, name):
    syntax, encode = ENCODERS[name]
    ct, _, quality = ct_of(save_slices(compressed(make_slices(), syntax, encode), tmp_path))
    assert_whole(ct)
    assert quality["proven_slices"] == SLICES


def test_run_length_encoding_is_read(tmp_path):
    made = make_slices()
    for one in made:
        one.compress(RLELossless)
    ct, _, quality = ct_of(save_slices(made, tmp_path))
    assert_whole(ct)
    assert quality["proven_slices"] == SLICES


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_rare_encodings_are_read(tmp_path, syntax):
    made = make_slices()
    for number, one in enumerate(made):
        one.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            one.PixelData = stored_values()[number].astype(">i2").tobytes()
        one.save_as(tmp_path / str(number), enforce_file_format=True)
    assert_whole(ct_of(tmp_path)[0])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_files_without_a_preamble_are_read(tmp_path, syntax):
    made = make_slices()
    for one in made:
        one.file_meta.TransferSyntaxUID = syntax
    folder = save_slices(made, tmp_path)
    for path in folder.iterdir():
        length = int.from_bytes(path.read_bytes()[140:144], "little")
        path.write_bytes(path.read_bytes()[144 + length :])
    assert_whole(ct_of(folder)[0])


@pytest.mark.parametrize("bits", [10, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("upper", ["zero", "sign"])
def test_signed_values_below_16_bits(tmp_path, bits, upper):
    # -2**(bits-1), the lowest value, and upwards.
    truth = stored_values() - (1 << (bits - 1))
    truth = np.minimum(truth, (1 << (bits - 1)) - 1)
    stored = truth & ((1 << bits) - 1) if upper == "zero" else truth
    made = make_slices(stored, BitsStored=bits, HighBit=bits - 1, RescaleIntercept=0)
    ct, _, _ = ct_of(save_slices(made, tmp_path))
    assert at(ct, -10, -20, 25.0) == max(truth[5, 0, 0], -1024)
    assert at(ct, -10 + 1.5 * 11, -20, 25.0) == max(truth[5, 0, 11], -1024)


def two_spacings(steps) -> list[float]:
    return [0.0, *np.cumsum(steps).tolist()]


def values_of(less=0, sign=1, more=b"") -> list[bytes]:
    """Return the phantom's stored values as bytes, slice by slice."""
    less = np.zeros(SLICES, int) + less
    return [
        (sign * one - less[k]).astype(np.int16).tobytes() + more
        for k, one in enumerate(stored_values())
    ]


READ = {
    "KVP of two values": ({"KVP": [80, 140]}, "KVP of 6 slices cannot be read"),
    "study time varies": ({"each": {"StudyTime": [f"1015{k:02d}" for k in range(6)]}}, None),
    "every slice an acquisition": (
        {"each": {"AcquisitionNumber": list(range(6)), "ContentTime": list("123456")}},
        None,
    ),
    "two acquisitions in a row": ({"each": {"AcquisitionNumber": [1, 1, 1, 2, 2, 2]}}, None),
    "derived every second slice": (
        {"each": {"ImageType": [["DERIVED", "PRIMARY"], ["ORIGINAL", "PRIMARY"]] * 3}},
        None,
    ),
    "unspecified units": ({"RescaleType": "US"}, "RescaleType is US"),
    "a series UID in every file": (
        {"each": {"SeriesInstanceUID": [generate_uid() for _ in range(6)]}},
        "SeriesInstanceUID of its own",
    ),
    "a study date in every file": ({"each": {"StudyDate": ["20200102", "20200103"] * 3}}, None),
    "no identities": ({"SOPInstanceUID": ""}, None),
    "fewer images than told": ({"ImagesInAcquisition": 9}, "9 images and 6 were found"),
    "instance numbers are missing": (
        {"each": {"InstanceNumber": [1, 2, 3, 5, 6, 7]}},
        "1 numbers are missing",
    ),
    "instance numbers repeat": (
        {"each": {"InstanceNumber": [1, 1, 2, 3, 4, 5]}},
        "1 slices repeat an InstanceNumber",
    ),
    "no frames": ({"NumberOfFrames": 0}, None),
    "low values white": ({"PhotometricInterpretation": "MONOCHROME1"}, "is MONOCHROME1"),
    "low values white, unsigned": (
        {"PhotometricInterpretation": "MONOCHROME1", "PixelRepresentation": 0},
        "is MONOCHROME1",
    ),
    "zeros behind the values": ({"each": {"PixelData": values_of(more=bytes(128))}}, None),
    "an intercept of its own": (
        {
            "each": {
                "RescaleIntercept": [-1024 + k for k in range(6)],
                "PixelData": values_of(less=np.arange(6)),
            }
        },
        "5 of 6 slices have another rescale than the rest",
    ),
    "an unknown character set": ({"SpecificCharacterSet": "NOSUCH"}, None),
    "slices that overlap": ({"SliceThickness": 8}, None),
    "one name with other marks": ({"each": {"PatientName": [NAME, "DOE^JANE^^"] * 3}}, None),
    "a name in every file": ({"each": {"PatientName": list("ABCDEF")}}, None),
    "series times that grow": ({"each": {"SeriesTime": [f"1015{k:02d}" for k in range(6)]}}, None),
    "padding that is no air": (
        # Slice 4 alone has it, in its third column: 302 - 1024 HU.
        {"PixelPaddingValue": 302},
        "1 voxels hold what the header calls padding (PixelPaddingValue), up to -722 HU",
    ),
    "padding that is air": ({"PixelPaddingValue": 2}, None),
    "padding beyond the bits": (
        {"PixelPaddingValue": 4096 + 302, "BitsStored": 12, "HighBit": 11},
        None,
    ),
    "two frames of reference": (
        {"each": {"FrameOfReferenceUID": ["1.2.3"] * 3 + ["1.2.4"] * 3}},
        "name 2 frames of reference",
    ),
    "a frame of reference in every file": (
        {"each": {"FrameOfReferenceUID": [generate_uid() for _ in range(6)]}},
        None,
    ),
    "a first number of 7": ({"each": {"InstanceNumber": list(range(7, 13))}}, None),
    "a tilt that no position shows": (
        {"GantryDetectorTilt": -15},
        "tells a gantry tilt of 15 degrees and its positions none",
    ),
    "a negative slope": (
        {"RescaleSlope": -1, "RescaleIntercept": -1024, "each": {"PixelData": values_of(sign=-1)}},
        "RescaleSlope is negative",
    ),
}


@pytest.mark.parametrize("name", READ)
def test_unusual_series_are_read(tmp_path, name):
    options, said = READ[name]
    ct, _, quality = ct_of(write_slices(tmp_path, **options))
    assert_whole(ct)
    told = " ".join(quality["warnings"])
    if said:
        assert said in told
    else:
        assert "missing" not in told
        assert "padding" not in told
        assert "cannot be read" not in told


@pytest.mark.parametrize(
    ("tag", "text", "vr"),
    [
        ("KVP", b"120kV", b"DS"),
        ("SliceThickness", b"5,0 ", b"DS"),
        ("XRayTubeCurrent", b"N/A ", b"IS"),
        ("Exposure", b"\xe4\xf6\xfc ", b"IS"),
    ],
)
def test_what_is_only_recorded_costs_no_scan(tmp_path, tag, text, vr):
    mark = b"MARK" * (len(text) // 4 or 1) + b"M" * (len(text) % 4)
    tags = {"KVP": 0x00180060, "SliceThickness": 0x00180050}
    tags |= {"XRayTubeCurrent": 0x00181151, "Exposure": 0x00181152}
    made = make_slices()
    for one in made:
        one.add_new(tags[tag], "LO", mark.decode())
    folder = save_slices(made, tmp_path)
    for path in folder.iterdir():
        content = path.read_bytes()
        place = content.index(mark)
        # The representation stands four bytes before the value, behind it its length.
        content = content[: place - 4] + vr + content[place - 2 :]
        path.write_bytes(content.replace(mark, text))
    ct, _, quality = ct_of(folder)
    assert_whole(ct)
    assert f"{tag} of 6 slices cannot be read" in " ".join(quality["warnings"])


def test_uneven_unsigned_slices_are_interpolated(tmp_path):
    places = np.array([0, 5, 10, 16, 21, 26.0])
    values = np.round(10 * places)[:, None, None] + np.zeros((6, ROWS, COLUMNS))
    ct, _, quality = ct_of(write_slices(tmp_path, values, places, PixelRepresentation=0))
    assert quality["resampled"] == "even_spacing"
    # Six slices from 0 to 26 mm are 5.2 mm apart.
    assert ct.GetSpacing()[2] == pytest.approx(5.2)
    assert at(ct, -10, -20, 15.6) == 156 - 1024


@pytest.mark.parametrize("steps", [[2.5] * 4 + [5.0] * 4, [5.0] * 4 + [2.5] * 4])
def test_two_spacings_are_told_as_two(tmp_path, steps):
    places = np.array(two_spacings(steps))
    values = np.round(10 * places)[:, None, None] + np.zeros((9, ROWS, COLUMNS))
    ct, _, quality = ct_of(write_slices(tmp_path, values, places))
    assert "two spacings" in " ".join(quality["warnings"])
    # 30 mm in steps of 2.5 mm: 13 slices; stored values are ten times the height.
    assert ct.GetSize()[2] == 13
    for k in range(13):
        assert at(ct, -10, -20, 2.5 * k) == 25 * k - 1024


def test_slices_moved_sideways_keep_their_place(tmp_path):
    # Slices 3 to 5 begin 6 mm, four columns, further to the right.
    x = [-10.0] * 3 + [-16.0] * 3
    each = {"ImagePositionPatient": [[x[k], -20, 5.0 * k] for k in range(6)]}
    ct, _, quality = ct_of(write_slices(tmp_path, each=each))
    assert (quality["resampled"], quality["gantry_tilt_degrees"]) == ("moved_slices", 0)
    for k in range(6):
        assert at(ct, x[k], -20, 5.0 * k) == 100 * k - 1024
        assert at(ct, x[k] + 1.5 * 11, -20 + 2 * 9, 5.0 * k) == 100 * k + 101 - 1024
    # No slice covers the columns before its first.
    assert at(ct, -16, -20, 0) == -1024
    assert at(ct, -10 + 1.5 * 11, -2, 25.0) == -1024


def test_enhanced_frames_lie_where_their_groups_say(tmp_path):
    values, places = stored_values()[::-1], 5.0 * np.arange(6)[::-1]
    rescales = [(1, -1024), (1, -1000), (2, -1000), (1, -1024), (1, -1024), (1, -1024)]
    make_enhanced(values, places, rescales).save_as(tmp_path / "one", enforce_file_format=True)
    for place in (tmp_path, tmp_path / "one"):
        ct, acquisition, quality = ct_of(place)
        assert ct.GetSize() == (COLUMNS, ROWS, SLICES)
        assert quality["proven_slices"] == 6
        # Frame 2 is slice 3, frame 1 slice 4.
        assert at(ct, -10 + 1.5 * 4, -20, 15.0) == 2 * 304 - 1000
        assert at(ct, -10 + 1.5 * 4, -20, 20.0) == 404 - 1000
        assert at(ct, -10, -20, 0.0) == -1024
        assert acquisition["slice_thickness_mm"] == 3


def test_what_is_no_slice_is_left_out_and_named(tmp_path):
    made = make_slices()
    series = made[0].SeriesInstanceUID
    localizer = make_slices(series=series, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])[0]
    capture = make_slices(series=series, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")[0]
    picture = make_slices(
        series=series,
        ImageType=["DERIVED", "SECONDARY"],
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
    )[0]
    segmentation = make_slices(Modality="SEG")[0]
    for number, one in enumerate([*made, localizer, capture, picture, segmentation, made[2]]):
        one.save_as(tmp_path / f"{number:02d}", enforce_file_format=True)
    (tmp_path / "notes.txt").write_text(NAME)
    # A file of the system that holds nothing yet.
    (tmp_path / "._00").write_bytes(bytes(4096))
    ct, _, quality = ct_of(tmp_path)
    assert_whole(ct)
    assert quality["warnings"][:5] == [
        "Passed over, no DICOM: files 1, 13 of 13.",
        "Images of another modality (SEG) left out: 1 (file 11 of 13).",
        "Secondary captures left out: 2 (files 9 to 10 of 13).",
        "Localizers left out: 1 (file 8 of 13).",
        "Repeated copies left out: 1 (file 12 of 13).",
    ]
    assert quality["files_left_out"] == 7


def test_links_and_names_of_any_bytes(tmp_path):
    real = write_slices(tmp_path / "elsewhere")
    folder = tmp_path / "outer"
    folder.mkdir()
    (folder / "SE0").symlink_to(real)
    (folder / "circle").symlink_to(folder)
    os.rename(real / "014", os.fsencode(real) + b"/B\xe4uch 3")
    assert_whole(ct_of(folder)[0])
    before = listing_digest(folder)
    # A slice behind the link is part of the listing.
    (real / "000").write_bytes((real / "000").read_bytes() + b"\0\0")
    assert listing_digest(folder) != before


# What is refused: how the phantom is made, and what the sentence has to say.

OTHER = stored_values() + 300


def two_series(folder):
    write_slices(folder / "one")
    write_slices(folder / "two")


def mixed(places, **first_and_second):
    """Make a function that writes two acquisitions of one series, the second at `places`."""

    def write(folder):
        uid = generate_uid()
        first = {tag: values[0] for tag, values in first_and_second.items()}
        second = {tag: values[1] for tag, values in first_and_second.items()}
        write_slices(folder / "a", series=uid, **first)
        write_slices(folder / "b", OTHER, places, series=uid, **second)

    return write


def between(of_frames=False, **first_and_second):
    """Make a function that writes two acquisitions half a step apart, numbered by their place."""

    def write(folder):
        series, study, frame = generate_uid(), generate_uid(), generate_uid()
        same = {"StudyInstanceUID": study, "FrameOfReferenceUID": frame}
        made = []
        for n, (values, places) in enumerate(((None, None), (OTHER, HALF))):
            told = {tag: both[n] for tag, both in first_and_second.items()}
            made += make_slices(values, places, series=series, **{**same, **told})
        made.sort(key=lambda one: one.ImagePositionPatient[2])
        for number, one in enumerate(made, 1):
            one.InstanceNumber = number
        save_slices(made, folder)

    return write


def times_of_two(folder):
    """Write two acquisitions half a step apart, of which each slice has a time of its own."""
    series = generate_uid()
    same = {"series": series, "StudyInstanceUID": series, "FrameOfReferenceUID": series}
    made = make_slices(**same, each={"AcquisitionTime": [f"1015{k:02d}" for k in range(6)]})
    times = [f"1017{k:02d}.5" for k in range(6)]
    made += make_slices(OTHER, HALF, **same, each={"AcquisitionTime": times})
    made.sort(key=lambda one: one.ImagePositionPatient[2])
    for number, one in enumerate(made, 1):
        one.InstanceNumber = number
    save_slices(made, folder)


def frames_between(sequence, tag, values):
    """Make a function that writes an enhanced object of two phases half a step apart."""

    def write(folder):
        places = [*5.0 * np.arange(6), *HALF]
        one = make_enhanced(np.concatenate([stored_values(), OTHER]), places)
        for k, group in enumerate(one.PerFrameFunctionalGroupsSequence):
            if sequence not in group:
                setattr(group, sequence, [Dataset()])
            setattr(group[sequence].value[0], tag, values[k // 6])
            group.FrameContentSequence[0].InStackPositionNumber = int(places[k] / 2.5) + 1
        one.save_as(folder / "one", enforce_file_format=True)

    return write


def frames_changed(change):
    def write(folder):
        one = make_enhanced()
        change(one)
        one.save_as(folder / "one", enforce_file_format=True)

    return write


def _group(one, frame) -> Dataset:
    return one.PerFrameFunctionalGroupsSequence[frame]


def every_second(numbers):
    """Make a function that writes these slices of a series of 16, each with its own number."""

    def write(folder):
        made = make_slices(stored_values(16))
        save_slices([made[number - 1] for number in numbers], folder)

    return write


def packed(folder):
    write_slices(folder)
    for path in list(folder.iterdir()):
        (folder / f"{path.name}.dcm.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


def in_order_of(numbers, places):
    def write(folder):
        write_slices(folder, stored_values(len(places)), places, each={"InstanceNumber": numbers})

    return write


def made_with(**options):
    return lambda folder: write_slices(folder, **options)


def broken(how):
    def write(folder):
        lose(write_slices(folder), how)

    return write


def cut(size, syntax=None):
    def write(folder):
        made = make_slices()
        if syntax:
            compressed(made, *ENCODERS[syntax])
        path = save_slices(made, folder) / "014"
        path.write_bytes(path.read_bytes()[:-size])

    return write


def one_of_two_values(folder):
    made = make_slices()
    save_slices(made, folder)
    made[2].PixelData = bytes(len(made[2].PixelData))
    made[2].save_as(folder / "again", enforce_file_format=True)


def changed(number, change):
    """Make a function that writes a series and then changes the bytes of a slice, from 1."""

    def write(folder):
        path = write_slices(folder) / f"{7 * (number - 1):03d}"
        path.write_bytes(change(path.read_bytes()))

    return write


def lost(rows):
    """Make a function that writes zeros over the last rows of slice 4, as copies leave them."""

    def write(folder):
        values = stored_values() + 1
        values[3, ROWS - rows :] = 0
        write_slices(folder, values)

    return write


def with_another(make):
    def write(folder):
        write_slices(folder)
        make(folder)

    return write


def localizer_without_its_word(folder):
    made = make_slices()
    across = make_slices(series=made[0].SeriesInstanceUID, ImageOrientationPatient=AXES[5])[:1]
    save_slices([*made, *across], folder)


def compressed_as(syntax, **tags):
    def write(folder):
        made = compressed(make_slices(), *ENCODERS["JPEG 2000"])
        for one in made:
            one.file_meta.TransferSyntaxUID = syntax
            for tag, value in tags.items():
                setattr(one, tag, value)
        save_slices(made, folder)

    return write


def lossy_code(folder):
    def encode(values):
        return imagecodecs.jpeg2k_encode(values, level=40, codecformat="j2k")

    save_slices(compressed(make_slices(), f"{JPEG}91", encode), folder)


def floating_pixels(folder):
    made = make_slices()
    for one, values in zip(made, stored_values(), strict=True):
        del one.PixelData
        one.FloatPixelData, one.BitsAllocated = values.astype("<f4").tobytes(), 32
    save_slices(made, folder)


def missing(number):
    def write(folder):
        (write_slices(folder) / f"{7 * number:03d}").unlink()

    return write


def frames_without_places(folder):
    one = make_enhanced(PerFrameFunctionalGroupsSequence=None)
    one.save_as(folder / "one", enforce_file_format=True)


def classic_frames(folder):
    made = make_slices()
    made[0].NumberOfFrames, made[0].PixelData = 6, b"".join(one.PixelData for one in made)
    made[0].save_as(folder / "one", enforce_file_format=True)
    made[1].save_as(folder / "two", enforce_file_format=True)


def enhanced_phases(folder):
    values, places = np.concatenate([stored_values(), OTHER]), [*5.0 * np.arange(6)] * 2
    make_enhanced(values, places).save_as(folder / "one", enforce_file_format=True)


HALF = 5.0 * np.arange(6) + 2.5
AXES = [[1, 0, 0, 0, 1, 0]] * 5 + [[1, 0, 0, 0, 0, -1]]
REFUSED = {
    "no file": (lambda folder: None, "no readable DICOM image"),
    "no DICOM": (lambda folder: (folder / "a").write_text(NAME), "no readable DICOM image"),
    "two series": (two_series, "2 DICOM series"),
    "MR": (made_with(Modality="MR"), "modality is MR, not CT"),
    "a name as modality": (made_with(Modality="DOE"), "modality is unknown, not CT"),
    "no modality": (made_with(Modality=None), "modality is unknown, not CT"),
    "one slice": (made_with(values=stored_values()[:1]), "has 1 slice"),
    "localizers": (made_with(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizers alone"),
    "captures": (made_with(SOPClassUID="1.2.840.10008.5.1.4.1.1.7.2"), "secondary captures"),
    "colour": (made_with(PhotometricInterpretation="RGB"), "secondary captures"),
    "MIP": (made_with(ImageType=["DERIVED", "PRIMARY", "MIP"]), "add projections to"),
    "thick MIP": (made_with(ImageType=["DERIVED", "SECONDARY", "THK MIP"]), "add projections to"),
    "iodine": (made_with(RescaleType="MGML"), "add other_units to"),
    "lossy": (made_with(LossyImageCompression="01"), "add lossy to"),
    "lossy by its method alone": (
        made_with(LossyImageCompressionMethod="ISO_10918_1"),
        "add lossy to",
    ),
    "lossy by its code alone": (lossy_code, "lost values by the way they are compressed"),
    "floating-point pixels": (floating_pixels, "holds its values as floating-point numbers"),
    "empty files": (broken("empty"), "files 5 to 6 of 6 are empty"),
    "cut headers": (broken("cut"), "files 5 to 6 of 6 are cut short or damaged"),
    "dangling links": (broken("link"), "files 5 to 6 of 6 cannot be opened"),
    "cut pixels": (cut(100), "file 3 of 6"),
    "no pixels": (made_with(each={"PixelData": [b""] + [bytes(240)] * 5}), "file 1 of 6"),
    "cut JPEG 2000": (cut(60, "JPEG 2000"), "file 3 of 6"),
    "cut JPEG lossless": (cut(60, "JPEG lossless"), "file 3 of 6"),
    "cut JPEG-LS": (cut(60, "JPEG-LS"), "file 3 of 6"),
    "unknown compression": (made_with(BitsAllocated=12), "cannot be decoded"),
    "too few bits": (made_with(BitsStored=9, HighBit=8), "more bits than BitsStored"),
    "no bits": (made_with(BitsStored=0), "file 1 of 6"),
    "slope empty": (made_with(RescaleSlope=None), "without RescaleSlope"),
    "slope 0": (made_with(RescaleSlope=0), "without RescaleSlope"),
    "intercept empty": (made_with(RescaleIntercept=None), "files 1 to 6 of 6"),
    "no rescale": (made_with(RescaleSlope=None, RescaleIntercept=None), "add no_rescale to"),
    "one bare slice": (
        made_with(each={"RescaleSlope": [1, 1, None, 1, 1, 1]}),
        "without RescaleIntercept: file 3 of 6",
    ),
    "spacing 0": (made_with(PixelSpacing=[0, 0]), "usable pixel spacing (PixelSpacing)"),
    "spacing negative": (made_with(PixelSpacing=[1, -1]), "usable pixel spacing"),
    "one spacing": (made_with(PixelSpacing=[1.5]), "usable pixel spacing"),
    "no spacing": (made_with(PixelSpacing=None), "usable pixel spacing"),
    "two coordinates": (made_with(ImagePositionPatient=[1, 2]), "usable position"),
    "no position": (made_with(ImagePositionPatient=None), "6 of its 6 slices lack"),
    "no axes": (made_with(ImageOrientationPatient=[0] * 6), "usable orientation"),
    "oblique axes": (made_with(ImageOrientationPatient=[1, 0, 0, 0.5, 0.87, 0]), "orientation"),
    "one other orientation": (
        made_with(each={"ImageOrientationPatient": AXES}),
        "differ in orientation (file 6 of 6",
    ),
    "one other spacing": (
        made_with(each={"PixelSpacing": [[2, 1.5]] * 5 + [[2, 2]]}),
        "differ in pixel spacing",
    ),
    "a slice is missing": (missing(3), "1 of its 4 gaps between slices are wider than 1.5"),
    "a gap that was scanned": (
        in_order_of([1, 2, 3, 4, 5, 6], [0.0, 5, 10, 20, 25, 30]),
        "the scan itself leaves a gap",
    ),
    "far sideways": (
        made_with(each={"ImagePositionPatient": [[20 * (k > 2), 0, 5 * k] for k in range(6)]}),
        "more than half of their width",
    ),
    "phases at one place": (mixed(None), "share a position"),
    "numbered phases at one place": (mixed(None, AcquisitionNumber=(1, 2)), "told by Acq"),
    "phases half a step apart": (mixed(HALF, AcquisitionNumber=(1, 2)), "told by Acquisition"),
    "told by time": (mixed(HALF, AcquisitionTime=("101500", "101610")), "AcquisitionTime"),
    "told by content time": (mixed(HALF - 0.4, ContentTime=("101500", "101610")), "ContentTime"),
    "told by kernel": (mixed(HALF, ConvolutionKernel=("B30", "B70")), "ConvolutionKernel"),
    "told by voltage": (mixed(HALF + 5, KVP=(80, 140)), "told by KVP"),
    "told by the start of contrast": (
        between(ContrastBolusStartTime=("101500", "101600")),
        "ContrastBolusStartTime",
    ),
    "told by the trigger": (between(TriggerTime=(0, 500)), "told by TriggerTime"),
    "told by the cardiac phase": (
        between(NominalPercentageOfCardiacPhase=(30, 70)),
        "told by NominalPercentageOfCardiacPhase",
    ),
    "told by words": (between(SeriesDescription=("Doe art", "Doe ven")), "SeriesDescription"),
    "told by the series' time": (between(SeriesTime=("101500", "101700")), "told by SeriesTime"),
    "told by the series' number": (between(SeriesNumber=(2, 3)), "told by SeriesNumber"),
    "told by the study": (
        between(StudyInstanceUID=(generate_uid(), generate_uid())),
        "told by StudyInstanceUID",
    ),
    "told by the detector": (
        between(ImageType=(["ORIGINAL", "PRIMARY", "A"], ["ORIGINAL", "PRIMARY", "B"])),
        "told by ImageType",
    ),
    "told by thickness": (between(SliceThickness=(5, 1)), "told by SliceThickness"),
    "told by the field of view": (between(ReconstructionDiameter=(350, 500)), "Diameter"),
    "told by the order of times": (times_of_two, "told by the order of AcquisitionTime"),
    "frames told by time": (
        frames_between(
            "FrameContentSequence", "FrameReferenceDateTime", ("20200102101500", "20200102101600")
        ),
        "told by FrameReferenceDateTime",
    ),
    "frames told by their stack": (
        frames_between("FrameContentSequence", "StackID", ("1", "2")),
        "told by StackID",
    ),
    "frames told by an offset": (
        frames_between("TemporalPositionSequence", "TemporalPositionTimeOffset", (0.0, 30.0)),
        "told by TemporalPositionTimeOffset",
    ),
    "overlapping ranges": (mixed(HALF + 10, AcquisitionNumber=(1, 2)), "between each other"),
    "told by the order": (
        in_order_of([1, 7, 2, 8, 3, 9, 4, 10], 2.5 * np.arange(8)),
        "order of InstanceNumber",
    ),
    "told by nothing": (
        made_with(
            values=stored_values(8),
            places=[0, 1, 5, 6, 10, 11, 15, 16],
            each={"InstanceNumber": [None] * 8},
        ),
        "lie in pairs",
    ),
    "one identity, two images": (one_of_two_values, "one SOPInstanceUID and other values"),
    "two patients": (made_with(each={"PatientID": ["a", "b"] * 3}), "name 2 patients"),
    "two names": (made_with(each={"PatientName": ["A^B"] * 3 + ["C^D"] * 3}), "in PatientName"),
    "one frame without a place": (
        frames_changed(lambda one: delattr(_group(one, 3), "PlanePositionSequence")),
        "no position of their own",
    ),
    "fewer places than frames": (
        frames_changed(lambda one: one.PerFrameFunctionalGroupsSequence.pop()),
        "no position of their own",
    ),
    "more frames told than there are": (
        frames_changed(lambda one: setattr(one, "NumberOfFrames", 8)),
        "no position of their own",
    ),
    "fewer frames told than there are": (
        frames_changed(lambda one: setattr(one, "NumberOfFrames", 4)),
        "is cut short or damaged",
    ),
    "slices lost by turns": (
        every_second([1, 2, 3, 4, 6, 8, 10, 12, 13, 14, 15, 16]),
        "4 of its 11 gaps between slices are wider than 1.5 times the median of 5 mm",
    ),
    "slices packed one by one": (packed, "unpack them"),
    "frames without places": (frames_without_places, "no position of their own"),
    "frames with one place": (classic_frames, "no position of their own"),
    "phases of an enhanced object": (enhanced_phases, "share a position"),
    "zeros for a slice": (changed(3, lambda c: bytes(len(c))), "file 3 of 6 is cut short or dam"),
    "a page for a slice": (
        changed(3, lambda c: b"<html>Log in"),
        "file 3 of 6 is cut short or dam",
    ),
    "a packed slice": (changed(3, gzip.compress), "file 3 of 6 is cut short or damaged"),
    "a header cut in its class": (changed(6, lambda c: c[:178]), "file 6 of 6 is cut short or dam"),
    "a slice of zeros": (lost(ROWS), "one value alone fills the end of file 4 of 6"),
    "half a slice of zeros": (lost(ROWS // 2), "one value alone fills the end of file 4 of 6"),
    "too few rows": (made_with(Rows=ROWS - 2), "more values than its header tells"),
    "too many rows": (made_with(Rows=ROWS + 2), "fewer values than its header tells"),
    "a size beyond memory": (made_with(Rows=65535, Columns=65535), "fewer values than its header"),
    "one position": (
        made_with(each={"ImagePositionPatient": [[0, 0, 0]] * 6}),
        "all of its 6 slices name one position",
    ),
    "one other modality": (made_with(each={"Modality": ["CT"] * 5 + ["BT"]}), "by their class"),
    "a wrong sign": (
        made_with(values=stored_values() - 200, PixelRepresentation=0),
        "a wrong sign or rescale",
    ),
    "a slope that is no number": (made_with(RescaleSlope="NaN"), "without RescaleSlope"),
    "a table of values": (
        made_with(RescaleSlope=None, RescaleIntercept=None, ModalityLUTSequence=[Dataset()]),
        "lookup table",
    ),
    "another compression": (compressed_as(f"{JPEG}80"), "cannot be decoded"),
    "a compressed image of another size": (compressed_as(f"{JPEG}90", Rows=5), "another size"),
    "frames of a classic slice": (made_with(NumberOfFrames=3), "no position of their own"),
    "a localizer without its word": (localizer_without_its_word, "differ in orientation (file 7"),
    "a pipe": (with_another(lambda f: os.mkfifo(f / "pipe")), "file 7 of 7 cannot be opened"),
    "links in a circle": (
        with_another(lambda f: [(f / a).symlink_to(f / b) for a, b in ("xy", "yx")]),
        "files 7 to 8 of 8 cannot be opened",
    ),
}
# Sentences that say that slices may be missing say so by their cause.
MAY_BE_MISSING = ("are empty", "is cut short or damaged,", "cannot be opened", "is missing there")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_told_by_its_cause(tmp_path, name):
    write, said = REFUSED[name]
    folder = tmp_path / NAME
    folder.mkdir()
    write(folder)
    sentence = refused(folder)
    assert said in sentence
    assert ("missing" in sentence) == (
        name in ("a slice is missing", "cut headers", "slices lost by turns")
        or any(one in sentence for one in MAY_BE_MISSING)
    )


def test_a_code_that_lost_values_goes_on_by_config(tmp_path):
    lossy_code(tmp_path)
    _, _, quality = ct_of(tmp_path, "lossy")
    assert any("lost values by the way they are compressed" in w for w in quality["warnings"])


def test_slices_that_repeat_are_told(tmp_path):
    values = stored_values()
    values[3] = values[2]
    _, _, quality = ct_of(write_slices(tmp_path, values))
    assert "Slices repeat the one before them, value for value (file 4 of 6)" in " ".join(
        quality["warnings"]
    )


@pytest.mark.parametrize(
    ("word", "options", "said"),
    [
        ("projections", {"ImageType": ["DERIVED", "PRIMARY", "MIP"]}, "are projections"),
        ("other_units", {"RescaleType": "HU_MOD"}, "other values than Hounsfield"),
        ("lossy", {"LossyImageCompression": "01"}, "compressed with a loss"),
        (
            "no_rescale",
            {"RescaleSlope": None, "RescaleIntercept": None},
            "stored values were taken as Hounsfield",
        ),
    ],
)
def test_the_config_accepts_with_a_warning(tmp_path, word, options, said):
    folder = write_slices(tmp_path, **options)
    assert word in refused(folder)
    ct, _, quality = ct_of(folder, word)
    assert said in " ".join(quality["warnings"])
    assert ct.GetSize()[2] == SLICES
    assert at(ct, -10, -20, 5.0) == (100 if word == "no_rescale" else 100 - 1024)


@pytest.mark.parametrize("how", ["empty", "cut", "link"])
def test_incomplete_series_go_on_by_config(tmp_path, how):
    folder = write_slices(tmp_path, places=5.0 * np.arange(6)[::-1])
    lose(folder, how)
    ct, _, quality = ct_of(folder, "incomplete")
    assert ct.GetSize()[2] == 4
    assert "files 5 to 6 of 6" in quality["warnings"][0]


def test_a_file_that_is_no_folder(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK\3\4" + bytes(200))
    assert "holds packed files" in refused(path)
    assert "no readable DICOM image" in refused(tmp_path / "nothing")


# The proof.


def test_a_second_reading_that_differs_is_refused(tmp_path):
    slices = read_headers(write_slices(tmp_path)).slices

    def units(k):
        return stored_values()[k // 1].astype(float) - 1024

    def again(one, wrong):
        k = int(one.value("InstanceNumber")) - 1
        values = units(k)
        values[3, 4] += wrong * (k == 2)
        origin = one.numbers["ImagePositionPatient"]
        return SecondReading(values, origin, (1.5, 2.0, 1.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))

    slices = sorted(slices, key=lambda s: s.value("InstanceNumber"))
    assert prove("series a1", slices, units, lambda one: again(one, 0), 6) == (6, [])
    with pytest.raises(InputError, match=r"two decoders .* read file 3 of 6 differently"):
        prove("series a1", slices, units, lambda one: again(one, 1), 6)
    proven, told = prove("series a1", slices, units, lambda one: None, 6)
    assert proven == 0
    assert "could not read files 1 to 6 of 6" in told[0]


def test_large_series_are_proven_by_a_sample():
    assert sampled((512, 512, 64)) == list(range(64))
    chosen = sampled((512, 512, 700))
    assert len(chosen) == len(set(chosen)) == SAMPLED_SLICES
    assert (chosen[0], chosen[-1]) == (0, 699)
    assert chosen == sampled((512, 512, 700))


def test_files_are_named_by_their_numbers():
    assert files([7], 20) == "file 7 of 20"
    assert files([3, 9, 8, 7, 5], 20) == "files 3, 5, 7 to 9 of 20"
