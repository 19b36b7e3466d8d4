"""A cohort's lesions with their matches, from what radiomics and detection measure of one scan."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from livermet.contracts import check
from livermet.detection.scores import measure_scan
from livermet.errors import InputError
from livermet.ledger.batches import as_values
from livermet.radiomics.scans import scan_features
from livermet.radiomics.tables import COHORT_LESIONS, with_matches
from livermet.tables import read_table

SHAPE = (8, 12, 14)
# By volume the reference's lesions are 1: 16, 2: 8 and 3: 4 voxels.
REFERENCE = [np.s_[1:3, 1:3, 1:5], np.s_[1:3, 8:10, 1:3], np.s_[6, 8:10, 8:10]]
# One prediction over lesions 1 and 2 (40 voxels), one that no lesion matches (12), one on lesion 3.
PREDICTION = [np.s_[1:3, 1:11, 1:3], np.s_[4:6, 1:4, 9:11], np.s_[6, 8:10, 8:9]]


def image(lesions):
    array = np.ones(SHAPE, np.uint8)
    for lesion in lesions:
        array[lesion] = 2
    return sitk.GetImageFromArray(array)


def as_text(tmp_path, table, series="s"):
    """Write and read a table as the rules do."""
    table.assign(series=series).to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    return read_table(tmp_path / "t.tsv", dtype=str, keep_default_na=False)


@pytest.fixture
def detection(tmp_path):
    """Detection's tables of scans, lesions and groups, of one scan, as text."""
    rules = ["any_overlap", "iou_0.5"]
    measured = measure_scan(image(PREDICTION), image(REFERENCE), matching=rules)
    scans = pd.DataFrame({"reference_lesions": [3]})
    tables = (scans, measured.lesions, measured.groups)
    return [as_text(tmp_path, table) for table in tables]


def lesions_of(tmp_path, lesions, series="s"):
    noise = np.random.default_rng(3).normal(80, 40, SHAPE).astype(np.int16)
    ct, labels = sitk.GetImageFromArray(noise), image(lesions)
    _, table = scan_features(ct, labels, {"binWidth": 25}, per_lesion=False)
    return as_text(tmp_path, table, series)


def matched(table):
    return table[["matched", "matched_lesions"]].to_numpy().tolist()


def test_a_prediction_names_the_reference_lesions_that_it_matches(tmp_path, detection):
    lesions = lesions_of(tmp_path, PREDICTION)
    table = with_matches(lesions, *detection, "prediction", "any_overlap")
    assert table["voxels"].tolist() == ["40", "12", "2"]
    assert matched(table) == [["True", "1+2"], ["False", ""], ["True", "3"]]
    check(as_values(table[COHORT_LESIONS.names]), COHORT_LESIONS, "radiomics/nnunet/lesions.tsv")
    assert len(table.columns) == len(COHORT_LESIONS.names)
    assert table.drop(columns=["matched", "matched_lesions"]).equals(lesions)


def test_a_reference_lesion_names_the_prediction_that_matches_it(tmp_path, detection):
    table = with_matches(lesions_of(tmp_path, REFERENCE), *detection, "reference", "any_overlap")
    assert matched(table) == [["True", "1"], ["True", "1"], ["True", "3"]]


def test_a_series_that_detection_has_not_seen_stays_empty(tmp_path, detection):
    other = lesions_of(tmp_path, REFERENCE, series="unseen")
    assert matched(with_matches(other, *detection, "reference", "any_overlap")) == [["", ""]] * 3


def test_a_scan_without_a_reference_stays_empty(tmp_path):
    measured = measure_scan(image(PREDICTION), None)
    scans = pd.DataFrame({"reference_lesions": [None]})
    tables = [as_text(tmp_path, t) for t in (scans, measured.lesions, measured.groups)]
    lesions = lesions_of(tmp_path, PREDICTION)
    table = with_matches(lesions, *tables, "prediction", "any_overlap")
    assert matched(table) == [["", ""]] * 3


@pytest.mark.parametrize("change", ["size", "missing"])
def test_other_lesions_than_detections_stop_the_run(tmp_path, detection, change):
    lesions = lesions_of(tmp_path, PREDICTION)
    lesions = lesions[:2] if change == "missing" else lesions.assign(voxels="7")
    with pytest.raises(InputError, match="count different lesions in series s"):
        with_matches(lesions, *detection, "prediction", "any_overlap")
