"""SEG and report by the standard's tables of IODs: dicom-validator, another reader than dciodvfy.

It finds what is required and missing or empty, what has no place in its module or sequence, and
values that are none of their VR (`standard_tables` says what nobody checks).
"""

from dataclasses import replace

import numpy as np
import pydicom
import pytest
from unit.dicom_phantoms import make_enhanced
from unit.export_phantoms import AXIAL, CORONAL, WHOLE, export, make_lying, make_scan
from unit.standard_tables import dicom_info, errors_of

from livermet.export.identifiers import AsGiven, Pseudonymous
from livermet.export.writing import REPORT, SEGMENTATION
from livermet.images import array_of, on_grid_of

FRAMES = [25.0, 20.0, 15.0, 10.0, 5.0, 0.0]


@pytest.fixture(scope="module")
def info():
    return dicom_info(
        [pydicom.uid.SegmentationStorage, pydicom.uid.ComprehensiveSRStorage],
    )


@pytest.fixture(scope="module")
def axial(tmp_path_factory):
    return make_scan(make_lying(AXIAL, 2), tmp_path_factory.mktemp("axial"))


def without(scan, label):
    """Take labels from one on out of a prediction."""
    labels = array_of(scan.prediction)
    return replace(scan, prediction=on_grid_of(np.where(labels < label, labels, 0), scan.ct))


@pytest.mark.parametrize("identifiers", [AsGiven(), Pseudonymous(b"k" * 32)], ids=["given", "own"])
@pytest.mark.parametrize("lying", ["axial", "coronal", "frames", "no lesion", "nothing"])
def test_nothing_is_found(axial, info, lying, identifiers, tmp_path):
    scan = {
        "axial": lambda: axial,
        "coronal": lambda: make_scan(make_lying(CORONAL, 1), tmp_path),
        "frames": lambda: make_scan(make_enhanced(places=FRAMES, **WHOLE), tmp_path),
        "no lesion": lambda: without(axial, 2),
        "nothing": lambda: without(axial, 1),
    }[lying]()
    assert export(scan, tmp_path / "out", identifiers)[1] is None
    for name in (SEGMENTATION, REPORT):
        assert errors_of(tmp_path / "out" / name, info) == []


def test_what_is_missing_empty_or_out_of_place_would_be(axial, info, tmp_path):
    export(axial, tmp_path / "out")
    seg, report = (pydicom.dcmread(tmp_path / "out" / name) for name in (SEGMENTATION, REPORT))
    del seg.PatientID
    del seg.SegmentSequence[0].SegmentAlgorithmType
    seg.SegmentSequence[1].SegmentLabel = ""
    seg.PerFrameFunctionalGroupsSequence[2].FrameContentSequence[0].PatientAge = "060Y"
    assert sorted(errors_of(seg, info)) == [
        "PatientID: TagMissing",
        "PerFrameFunctionalGroupsSequence FrameContentSequence PatientAge: TagUnexpected",
        "SegmentSequence SegmentAlgorithmType: TagMissing",
        "SegmentSequence SegmentLabel: TagEmpty",
    ]
    # Three content items deep: a number without its value, and a text with what a point has.
    first = report.ContentSequence[-1].ContentSequence[0]
    number = next(item for item in first.ContentSequence if item.ValueType == "NUM")
    del number.MeasuredValueSequence
    text = next(item for item in first.ContentSequence if item.ValueType == "TEXT")
    text.GraphicType = "POINT"
    assert sorted(errors_of(report, info)) == [
        "ContentSequence ContentSequence ContentSequence GraphicType: TagNotAllowed",
        "ContentSequence ContentSequence ContentSequence MeasuredValueSequence: TagMissing",
    ]
