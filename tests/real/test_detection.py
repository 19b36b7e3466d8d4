"""Overlap scores of real LiTS submissions are those that the organisers published."""

from dataclasses import asdict

import pytest

from livermet.detection.scores import measure_scan
from livermet.images import read_image

RULES = ("any_overlap", "iou_0.1", "iou_0.5", "one_to_one", "lits")
# The LiTS organisers' scores of the tumour label over the whole scan (Bilic et al. 2023).
OFFICIAL = {
    "case0": {
        "dice": 0.589466,
        "voe": 0.582097,
        "rvd": 1.392898,
        "assd_mm": 6.995965,
        "mssd_mm": 159.372415,
    },
    "case1": {
        "dice": 0.490221,
        "voe": 0.675302,
        "rvd": 2.079789,
        "assd_mm": 4.245046,
        "mssd_mm": 26.807077,
    },
}


@pytest.fixture(scope="module", params=OFFICIAL)
def case(request, shared_data):
    folder = shared_data("lits_scoring")
    files = [folder / f"{request.param}_{side}.nii.gz" for side in ("submission", "reference")]
    return request.param, measure_scan(*map(read_image, files), matching=RULES)


def test_scores_are_those_of_the_lits_organisers(case):
    name, measured = case
    scores = asdict(measured.scores)
    ours = {score: round(scores[f"lesion_{score}"], 6) for score in OFFICIAL[name]}
    assert ours == OFFICIAL[name]


def test_burdens_are_those_of_the_lesions(case):
    _, measured = case
    scores, lesions = measured.scores, measured.lesions
    assert scores.liver_dice > 0.9
    by_side = lesions.groupby("side")["volume_ml"].sum()
    assert scores.reference_burden_ml == pytest.approx(by_side["reference"])
    assert scores.predicted_burden_ml == pytest.approx(by_side["prediction"])


def test_stricter_rules_match_no_more(case):
    _, measured = case
    detected = measured.matching.set_index("rule")["detected_lesions"]
    assert detected["any_overlap"] >= detected["one_to_one"] >= detected["iou_0.5"] > 0
    assert detected["any_overlap"] >= detected["iou_0.1"] >= detected["iou_0.5"]
    assert detected["any_overlap"] >= detected["lits"]
    # A group's scores are those of the lesions that it names.
    groups = measured.groups
    assert groups["dice"].between(0, 1, inclusive="right").all()
    assert (groups["mssd_mm"] >= groups["hd95_mm"]).all()
    assert (groups["mssd_mm"] >= groups["assd_mm"]).all()
