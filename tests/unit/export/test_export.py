"""Results as DICOM: read back by pydicom and highdicom, held to the prediction voxel by voxel."""

import logging
import re
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from unit.dicom_phantoms import NAME, PATIENT_ID, SLICES, make_enhanced, make_slices
from unit.export_phantoms import (
    ALGORITHM,
    AXIAL,
    CORONAL,
    ROW,
    SAGITTAL,
    TURNED,
    WHOLE,
    as_labels,
    export,
    make_lying,
    make_scan,
    placed,
    read_by_dcmqi,
    wrong,
)

from livermet.errors import InputError
from livermet.export import lesions
from livermet.export.algorithm import digest_of
from livermet.export.exported import EXPORTED, exported_table, without_source
from livermet.export.identifiers import Pseudonymous, identifiers_of
from livermet.export.writing import REPORT, SEGMENTATION
from livermet.images import array_of, on_grid_of
from livermet.ingest.seg import read_seg
from livermet.tables import write_table

LYING = {
    "axial": (AXIAL, 2, False),
    "axial, from the head": (AXIAL, 2, True),
    "axial, turned by half": (TURNED, 2, False),
    "coronal": (CORONAL, 1, False),
    "coronal, from the back": (CORONAL, 1, True),
    "sagittal": (SAGITTAL, 0, False),
}
# Volume, axes and mean HU of `labels_on`, counted below.
SOME = "axial"


@pytest.fixture(scope="module", params=LYING)
def exported(request, tmp_path_factory):
    """Return a scan, and the folder of its export, for each way to lie."""
    folder = tmp_path_factory.mktemp("lying")
    scan = make_scan(make_lying(*LYING[request.param]), folder)
    _, reason = export(scan, folder / "out")
    assert reason is None
    return scan, folder / "out"


@pytest.fixture
def axial(tmp_path):
    return make_scan(make_lying(*LYING[SOME]), tmp_path)


def test_every_voxel_of_the_prediction_lies_where_its_slice_does(exported):
    scan, folder = exported
    found = placed(pydicom.dcmread(folder / SEGMENTATION), scan.ct)
    assert np.array_equal(as_labels(found), array_of(scan.prediction))
    assert Counter(found[found > 1].tolist()) == {2: 11, 3: 1}


def test_highdicom_reads_the_same_by_the_sources_own_instances(exported):
    """Each slice of the source is asked for by its UID; what lies on it comes of its own header."""
    scan, folder = exported
    seg = hd.seg.segread(folder / SEGMENTATION)
    raw = [pydicom.dcmread(path) for path in sorted(scan.source.iterdir())]
    pixels = seg.get_pixels_by_source_instance(
        [one.SOPInstanceUID for one in raw],
        combine_segments=True,
        ignore_spatial_locations=False,
        assert_missing_frames_are_empty=True,
    )
    prediction = array_of(scan.prediction)
    for header, plane in zip(raw, pixels, strict=True):
        along_row, along_column = np.reshape(header.ImageOrientationPatient, (2, 3)).astype(float)
        rows_mm, columns_mm = header.PixelSpacing
        for row in (0, 4, header.Rows - 1):
            for column in range(header.Columns):
                point = np.array(header.ImagePositionPatient, float)
                point += along_row * columns_mm * column + along_column * rows_mm * row
                x, y, z = scan.ct.TransformPhysicalPointToIndex(point.tolist())
                assert min(int(plane[row, column]), 2) == prediction[z, y, x]


def test_dcmqi_reads_the_same(exported):
    """Another implementation, on DCMTK, which 3D Slicer reads such files with."""
    scan, folder = exported
    found, measurements = read_by_dcmqi(folder, scan.ct)
    assert np.array_equal(as_labels(found), array_of(scan.prediction))
    seg = pydicom.dcmread(folder / SEGMENTATION)
    assert np.array_equal(found, placed(seg, scan.ct))
    told = [
        (
            group["TrackingIdentifier"],
            [
                (one["quantity"]["CodeMeaning"], float(one["value"]))
                for one in group["measurementItems"]
            ],
        )
        for group in measurements
    ]
    assert told[0] == ("All lesions", [("Number of lesions", 2), ("Volume", 0.18)])
    assert told[1] == ("Liver with its lesions", [("Volume", 1.2)])
    names = ["Volume", "Long axis", "Short axis", "Attenuation Coefficient"]
    assert [(name, [one for one, _ in items]) for name, items in told[2:]] == [
        ("Lesion 1", names),
        ("Lesion 2", names),
    ]
    assert [dict(items)["Volume"] for _, items in told[2:]] == [0.165, 0.015]
    for number, group in enumerate(measurements[2:], 2):
        assert group["ReferencedSegment"] == number
        assert group["segmentationSOPInstanceUID"] == seg.SOPInstanceUID


def test_ingestion_reads_it_as_a_reference(exported):
    """The project's own reader of SEG, which was written for those of others."""
    _, folder = exported
    read = read_seg(pydicom.dcmread(folder / SEGMENTATION), "it")
    assert [(one.number, one.name) for one in read.segments] == [
        (1, "Liver without lesions"),
        (2, "Lesion 1"),
        (3, "Lesion 2"),
    ]


def test_it_refers_to_its_source(exported):
    scan, folder = exported
    raw = [pydicom.dcmread(path) for path in scan.source.iterdir()]
    first = raw[0]
    for name in (SEGMENTATION, REPORT):
        made = pydicom.dcmread(folder / name)
        assert made.StudyInstanceUID == first.StudyInstanceUID
        assert (made.PatientID, made.PatientName) == (PATIENT_ID, NAME)
        assert (made.AccessionNumber, made.StudyID) == ("A1", "S1")
        assert made.SeriesInstanceUID != first.SeriesInstanceUID
        assert (made.ContentDate, made.ContentTime) == (first.StudyDate, first.StudyTime)
    seg = pydicom.dcmread(folder / SEGMENTATION)
    assert seg.FrameOfReferenceUID == first.FrameOfReferenceUID
    (series,) = seg.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == first.SeriesInstanceUID
    known = {one.ReferencedSOPInstanceUID for one in series.ReferencedInstanceSequence}
    assert known == {one.SOPInstanceUID for one in raw}


def test_it_says_what_found_it(axial, tmp_path):
    export(axial, tmp_path / "out")
    seg = hd.seg.segread(tmp_path / "out" / SEGMENTATION)
    assert (seg.SegmentationType, seg.SegmentsOverlap) == ("BINARY", "NO")
    liver, lesion, _ = (seg.get_segment_description(number) for number in (1, 2, 3))
    assert liver.segmented_property_type.value == "10200004"
    assert lesion.segmented_property_type.value == "52988006"
    assert [region.value for region in lesion.anatomic_regions] == ["10200004"]
    for one in (liver, lesion):
        assert one.segmented_property_type.scheme_designator == "SCT"
        algorithm = one.algorithm_identification
        assert algorithm.name == "livermet nnunet"
        assert algorithm.version == "1.2.3, training abababababab"
        assert algorithm.family.meaning == "Artificial Intelligence"
        assert algorithm.parameters == {"networks": "ensemble", "records_sha256": "ab" * 32}


def test_which_training_is_told_by_the_digest_that_coreutils_give(tmp_path):
    paths = [tmp_path / "fold_0.json", tmp_path / "fold_1.json"]
    for path in paths:
        path.write_text(path.name)
    command = "sha256sum fold_0.json fold_1.json | cut -c1-64 | sha256sum"
    told = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert digest_of(paths) == told.stdout.split()[0]


def test_another_training_of_a_network_is_another_algorithm(axial, tmp_path):
    """Although both predict the same: the report then names another one, and has its own UIDs."""
    other = replace(ALGORITHM, records="cd" * 32)
    told = []
    for name, algorithm in (("one", ALGORITHM), ("other", other)):
        export(axial, tmp_path / name, algorithm=algorithm)
        whole = (tmp_path / name / REPORT).read_bytes()
        assert f"training {algorithm.records[:12]}".encode() in whole
        assert f"records_sha256={algorithm.records}".encode() in whole
        made = [pydicom.dcmread(tmp_path / name / file) for file in (SEGMENTATION, REPORT)]
        told.append([one.SOPInstanceUID for one in made])
        assert wrong(tmp_path / name) == []
    assert len({uid for uids in told for uid in uids}) == 4


def values(group) -> dict[str, float]:
    """Return what a group of measurements tells, by the words of its codes."""
    return {one.name.meaning: float(one.value) for one in group.get_measurements()}


def test_the_report_tells_what_was_counted_by_hand(axial, tmp_path):
    """Voxels of 1.5 x 2 x 5 mm, 0.015 ml; a voxel's HU is 100 slice + 10 row + column - 1024.

    The CT counts columns (x) and rows (y) the other way than the slices: its x = 1 is column 10.
    """
    export(axial, tmp_path / "out")
    report = hd.sr.srread(tmp_path / "out" / REPORT)
    seg = pydicom.dcmread(tmp_path / "out" / SEGMENTATION)
    scan, liver = report.content.get_image_measurement_groups()
    assert values(scan) == {"Number of lesions": 2, "Volume": pytest.approx(12 * 0.015)}
    # The liver's box is 4 x 4 x 5.
    assert values(liver) == {"Volume": pytest.approx(80 * 0.015)}
    first, second = report.content.get_volumetric_roi_measurement_groups()
    hu = array_of(axial.ct)
    lesion = hu[1:3, 1:3, 1:4]
    mean = (lesion.sum() - hu[1, 1, 1]) / 11
    assert hu[1, 1, 1] == 100 + 10 * 8 + 10 - 1024
    told = values(first)
    assert told["Volume"] == pytest.approx(11 * 0.015)
    assert told["Attenuation Coefficient"] == pytest.approx(mean, abs=1e-4)
    # On the slice that has all 3 x 2 pixels the farthest middles of edges lie 3 mm along the row
    # and 4 mm down the column of each other; across this line it is 4.8 mm from edge to edge.
    assert told["Long axis"] == 5
    assert told["Short axis"] == pytest.approx(4.8)
    assert values(second) == {
        "Volume": pytest.approx(0.015),
        "Long axis": 2.0,
        "Short axis": 1.5,
        "Attenuation Coefficient": hu[4, 4, 5],
    }
    for number, group in ((2, first), (3, second)):
        segment = seg.SegmentSequence[number - 1]
        reference = group.referenced_segment[0].ReferencedSOPSequence[0]
        assert reference.ReferencedSOPInstanceUID == seg.SOPInstanceUID
        assert reference.ReferencedSegmentNumber == number
        assert group.tracking_uid == segment.TrackingUID
        assert group.tracking_identifier == segment.TrackingID


def test_the_report_says_how_far_the_slices_of_an_oblique_ct_are_tilted(axial, tmp_path):
    """Slices that are turned by 30 degrees about the patient's left-right axis."""
    cosine, sine = np.cos(np.pi / 6), np.sin(np.pi / 6)
    corners = np.array([-10, -20, 30]) + np.outer(5.0 * np.arange(SLICES), [0, -sine, cosine])
    tags = {"ImageOrientationPatient": [1, 0, 0, 0, cosine, sine]} | WHOLE
    oblique = make_slices(each={"ImagePositionPatient": corners.tolist()}, **tags)
    for name, scan, plane in (
        ("axial", axial, "any axial slice,"),
        (
            "oblique",
            make_scan(oblique, tmp_path / "slices"),
            "any slice of the scan, tilted by 30 degrees to the axial plane,",
        ),
    ):
        export(scan, tmp_path / name)
        # Of each of both lesions.
        told = re.findall(rb"axes=[^\0]+", (tmp_path / name / REPORT).read_bytes())
        assert [one.startswith(f"axes=longest diameter on {plane}".encode()) for one in told] == [
            True,
            True,
        ]


def test_small_lesions_are_liver_as_detection_counts(axial, tmp_path):
    findings, _ = export(axial, tmp_path / "out", minimum_lesion_voxels=2)
    found = placed(pydicom.dcmread(tmp_path / "out" / SEGMENTATION), axial.ct)
    assert len(findings.lesions) == 1
    assert found[4, 4, 5] == 1
    assert Counter(found.ravel().tolist())[2] == 11


def test_a_prediction_without_lesions_or_liver_is_a_result(axial, tmp_path):
    labels = array_of(axial.prediction)
    for name, kept in (("liver", np.minimum(labels, 1)), ("nothing", np.zeros_like(labels))):
        scan = replace(axial, prediction=on_grid_of(kept, axial.ct))
        assert export(scan, tmp_path / name)[1] is None
        seg = pydicom.dcmread(tmp_path / name / SEGMENTATION)
        assert len(seg.SegmentSequence) == 1
        assert np.array_equal(placed(seg, axial.ct), kept)
        report = hd.sr.srread(tmp_path / name / REPORT)
        scan_group, _ = report.content.get_image_measurement_groups()
        assert values(scan_group) == {"Number of lesions": 0, "Volume": 0}
        assert report.content.get_volumetric_roi_measurement_groups() == []
        assert wrong(tmp_path / name) == []


def test_a_source_of_several_frames(tmp_path):
    """Every other frame's values differ, so that a frame is known; the last one lies first."""
    scan = make_scan(make_enhanced(places=[25.0, 20.0, 15.0, 10.0, 5.0, 0.0], **WHOLE), tmp_path)
    assert export(scan, tmp_path / "out")[1] is None
    seg = pydicom.dcmread(tmp_path / "out" / SEGMENTATION)
    assert np.array_equal(as_labels(placed(seg, scan.ct)), array_of(scan.prediction))
    (source,) = [pydicom.dcmread(path) for path in scan.source.iterdir()]
    groups = source.PerFrameFunctionalGroupsSequence
    for group in seg.PerFrameFunctionalGroupsSequence:
        reference = group.DerivationImageSequence[0].SourceImageSequence[0]
        assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
        frame = groups[int(reference.ReferencedFrameNumber) - 1]
        assert list(frame.PlanePositionSequence[0].ImagePositionPatient) == list(
            group.PlanePositionSequence[0].ImagePositionPatient
        )
    assert wrong(tmp_path / "out") == []


def test_validators_find_no_error(exported):
    scan, folder = exported
    assert wrong(folder, *scan.source.iterdir()) == []


def test_they_would_find_one(axial, tmp_path):
    export(axial, tmp_path / "out")
    first, *others = axial.source.iterdir()
    gone = pydicom.dcmread(first).SOPInstanceUID
    errors = wrong(tmp_path / "out", *others)
    assert errors
    assert all(gone in error for error in errors)
    made = pydicom.dcmread(tmp_path / "out" / SEGMENTATION)
    del made.SegmentSequence[0].SegmentAlgorithmType
    made.save_as(tmp_path / "out" / SEGMENTATION)
    (error,) = wrong(tmp_path / "out")
    assert "SegmentAlgorithmType" in error


def content(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in (SEGMENTATION, REPORT)]


def test_made_again_it_is_the_same_byte_for_byte(axial, tmp_path):
    for name in ("one", "other"):
        export(axial, tmp_path / name)
    assert content(tmp_path / "one") == content(tmp_path / "other")


def test_other_content_has_other_uids(axial, tmp_path):
    """A PACS may refuse, or keep the first of two instances with one UID."""
    export(axial, tmp_path / "one")
    labels = array_of(axial.prediction)
    labels[2, 2, 2] = 1
    export(replace(axial, prediction=on_grid_of(labels, axial.ct)), tmp_path / "other")
    for name in (SEGMENTATION, REPORT):
        one, other = (pydicom.dcmread(tmp_path / folder / name) for folder in ("one", "other"))
        assert one.SOPInstanceUID != other.SOPInstanceUID
        assert one.SeriesInstanceUID != other.SeriesInstanceUID


# Whose it is.


def given_in(scan) -> set[str]:
    """List what identifies a scan in its source."""
    raw = [pydicom.dcmread(path) for path in scan.source.iterdir()]
    names = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    uids = {str(one[name].value) for one in raw for name in names}
    return uids | {"Doe", PATIENT_ID, "19500301", "20200102", "101500", "A1", "S1"}


def test_under_pseudonyms_nothing_of_the_source_is_left(axial, tmp_path):
    given = given_in(axial)
    export(axial, tmp_path / "given")
    whole = b"".join(content(tmp_path / "given"))
    assert all(one.encode() in whole for one in given)
    export(axial, tmp_path / "out", Pseudonymous(b"k" * 32))
    whole = b"".join(content(tmp_path / "out"))
    assert [one for one in given if one.encode() in whole] == []
    seg = pydicom.dcmread(tmp_path / "out" / SEGMENTATION)
    assert seg.PatientID == ROW["patient"]
    assert seg.StudyDate == seg.ContentDate == "20190504"
    found = placed(seg, axial.ct)
    assert np.array_equal(as_labels(found), array_of(axial.prediction))
    assert wrong(tmp_path / "out") == []


def test_uids_of_pseudonyms_are_of_the_secret():
    one, same, other = (Pseudonymous(bytes([n]) * 32) for n in (1, 1, 2))
    made = one.uid("1.2.3")
    assert made == same.uid("1.2.3")
    assert len({made, other.uid("1.2.3"), one.uid("1.2.4")}) == 3
    assert pydicom.uid.UID(made).is_valid
    assert made.startswith("2.25.")


def test_a_secret_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"k" * 32)
    path.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        identifiers_of("pseudonyms", path)
    path.chmod(0o600)
    assert identifiers_of("pseudonyms", path).uid("1.2") == Pseudonymous(b"k" * 32).uid("1.2")


def test_no_log_tells_whose_it_is(axial, tmp_path, caplog, recwarn):
    caplog.set_level(logging.DEBUG)
    given = given_in(axial)
    export(axial, tmp_path / "out")
    told = caplog.text + "".join(str(one.message) for one in recwarn)
    assert [one for one in given if one in told] == []


def test_fields_that_dicom_would_refuse_are_left_empty(tmp_path):
    """And a name in Latin-1 is written in Unicode."""
    slices = make_lying(AXIAL, 2, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    scan = make_scan(slices, tmp_path)
    with pydicom.config.disable_value_validation():
        for path in scan.source.iterdir():
            one = pydicom.dcmread(path)
            one.PatientSex, one.PatientBirthDate, one.StudyTime = "female", "unknown", "noon"
            one.AccessionNumber = "longer than sixteen letters"
            one.save_as(path)
    assert export(scan, tmp_path / "out")[1] is None
    for name in (SEGMENTATION, REPORT):
        made = pydicom.dcmread(tmp_path / "out" / name)
        assert made.PatientName == "Müller^Jörg"
        assert made.SpecificCharacterSet == "ISO_IR 192"
        fields = ("PatientSex", "PatientBirthDate", "StudyTime", "AccessionNumber")
        assert [made[field].value or "" for field in fields] == [""] * 4
        assert (made.ContentDate, made.ContentTime) == ("20200102", "000000")


@pytest.mark.parametrize("identity", ["X" * 65, ["A1", "B2"]])
def test_a_lost_identity_is_not_written_as_another_one(tmp_path, identity):
    """Left empty, or as "['A1', 'B2']", dcentvfy finds two patients in one study."""
    scan = make_scan(make_lying(AXIAL, 2), tmp_path)
    with pydicom.config.disable_value_validation():
        for path in scan.source.iterdir():
            one = pydicom.dcmread(path)
            one.PatientID = identity
            one.save_as(path)
    reason = export(scan, tmp_path / "out")[1]
    assert reason == (
        "its PatientID is not as DICOM wants it (one text of 64 characters at most), so that a "
        "PACS would file the results under another patient"
    )
    # A source without one is its PACS's patient without one.
    for path in scan.source.iterdir():
        one = pydicom.dcmread(path)
        one.PatientID = ""
        one.save_as(path)
    assert export(scan, tmp_path / "unnamed")[1] is None
    assert wrong(tmp_path / "unnamed", *scan.source.iterdir()) == []


def test_a_patient_of_the_sheet_whose_name_dicom_cannot_hold(axial, tmp_path):
    for length, is_written in ((63, True), (64, False)):
        scan = replace(axial, row=ROW | {"patient": "p" * length})
        out = tmp_path / str(length)
        findings, reason = export(scan, out, Pseudonymous(b"k" * 32))
        assert (findings is not None) is is_written
        if is_written:
            assert wrong(out) == []
        else:
            assert reason == (
                "the sheet's name of its patient is longer than DICOM's 63 characters and a mark"
            )


# What is not exported.


def test_more_lesions_than_a_seg_has_numbers(axial, tmp_path, monkeypatch):
    """Number 65,535 would be segment 0, and its lesion lost."""
    assert np.iinfo(np.uint16).max == lesions.MOST_LESIONS + lesions.LIVER_SEGMENT
    monkeypatch.setattr(lesions, "MOST_LESIONS", 1)
    assert refusal(axial, tmp_path / "out") == "a SEG has numbers for 1 lesions, and it has more"


def refusal(scan, folder: Path) -> str:
    """Return why a scan is not exported; its folder is there and empty."""
    folder.mkdir()
    (folder / SEGMENTATION).write_text("of an earlier run")
    findings, reason = export(scan, folder)
    assert findings is None
    assert list(folder.iterdir()) == []
    assert [one for one in given_in(scan) if one in reason] == []
    return reason


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"tilt": 12.0, "places": 5.0 * np.arange(6)}, "gantry_tilt"),
        ({"places": [0, 5, 10, 15, 20, 26]}, "even_spacing"),
    ],
)
def test_resampled_slices_are_no_planes(tmp_path, options, word):
    scan = make_scan(make_slices(**options, **WHOLE), tmp_path)
    assert refusal(scan, tmp_path / "out") == (
        f"ingest resampled its slices ({word}), so that the CT's planes are none of its slices"
    )


@pytest.mark.parametrize(
    ("tag", "lacking", "sentence"),
    [
        ("FrameOfReferenceUID", None, "6 of its slices have no valid FrameOfReferenceUID"),
        ("StudyInstanceUID", "none", "6 of its slices have no valid StudyInstanceUID"),
    ],
)
def test_slices_that_nothing_can_refer_to(tmp_path, tag, lacking, sentence):
    with pydicom.config.disable_value_validation():
        scan = make_scan(make_lying(AXIAL, 2, **{tag: lacking}), tmp_path)
    for path in scan.source.iterdir():
        assert str(pydicom.dcmread(path).get(tag)) == str(lacking)
    folder = tmp_path / "out"
    assert export(scan, folder) == (None, sentence)
    assert list(folder.iterdir()) == []


def test_slices_of_two_frames_of_reference(tmp_path):
    slices = make_lying(AXIAL, 2)
    slices[3].FrameOfReferenceUID = "1.2.3.4"
    scan = make_scan(slices, tmp_path)
    assert refusal(scan, tmp_path / "out") == "its slices have more than one FrameOfReferenceUID"


def test_a_ct_of_another_place(axial, tmp_path):
    """As when the files in the archive were exchanged after ingestion."""
    for name, shift, reason in (
        ("between", (0, 0, 2.5), "6 of its 6 slices lie on no plane of the CT"),
        ("away", (0, 0, 5), "its 6 slices and the 6 planes of the CT are not one to one"),
        ("aside", (1.5, 0, 0), "6 of its 6 slices lie on no plane of the CT"),
    ):
        moved = sitk.Image(axial.ct)
        moved.SetOrigin(np.add(axial.ct.GetOrigin(), shift).tolist())
        prediction = on_grid_of(array_of(axial.prediction), moved)
        scan = replace(axial, ct=moved, prediction=prediction)
        assert refusal(scan, tmp_path / name) == reason


def test_a_slice_that_is_gone(axial, tmp_path):
    next(iter(sorted(axial.source.iterdir()))).unlink()
    assert refusal(axial, tmp_path / "out") == (
        "its 5 slices and the 6 planes of the CT are not one to one"
    )


def test_a_prediction_on_another_grid_is_a_fault(axial, tmp_path):
    other = on_grid_of(array_of(axial.prediction)[:-1], axial.ct[:, :, :-1])
    with pytest.raises(InputError, match="lie on different grids"):
        export(replace(axial, prediction=other), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_table_says_which_series_were_exported(tmp_path):
    table = exported_table("nnunet", {"a": None, "b": "its slices are gone"})
    path = tmp_path / "dicom" / "nnunet" / "batches" / "b0001.tsv"
    write_table(table, path, EXPORTED)
    assert path.read_text().splitlines() == [
        "series\tmodel\texported\treason",
        "a\tnnunet\tTrue\t",
        "b\tnnunet\tFalse\tits slices are gone",
    ]
    assert list(without_source("nnunet", ["c"])["exported"]) == [False]
