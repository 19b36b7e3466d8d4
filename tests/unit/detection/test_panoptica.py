"""Detection against panoptica (Kofler et al. 2023), wherever the two have the same definition.

panoptica runs in an environment of its own (tests/peers/panoptica.lock), once for all cases.
"""

import json
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from livermet.detection.cohort import ScanSet, score_table
from livermet.detection.lesions import lesion_components
from livermet.detection.scores import measure_scan, scan_table
from livermet.detection.surface import FACES, SurfaceDistances, surfaces_of

SHARED_RULES = ("iou_0.1", "iou_0.5", "one_to_one")
SHAPE = (16, 24, 26)
FIELDS, SPECKS = 30, 10


def masks_of_fields(random):
    """Blobs of 1 to some hundred voxels, which the prediction moves, splits, merges and misses."""
    field, noise = (ndimage.gaussian_filter(random.normal(size=SHAPE), 1.2) for _ in range(2))
    reference, prediction = (
        values > np.quantile(values, 0.88) for values in (field, field + 0.7 * noise)
    )
    return prediction, reference


def masks_of_specks(random):
    """Lesions of a few voxels each, many of which touch the volume's border or others' corners."""
    reference = random.random(SHAPE) < 0.04
    prediction = np.where(random.random(SHAPE) < 0.8, reference, random.random(SHAPE) < 0.04)
    return prediction, reference


def cases():
    random = np.random.default_rng(7)
    masks = [masks_of_fields(random) for _ in range(FIELDS)]
    masks += [masks_of_specks(random) for _ in range(SPECKS)]
    nothing = np.zeros(SHAPE, bool)
    masks += [(nothing, nothing), (nothing, masks[0][1]), (masks[0][0], nothing)]
    return [(*pair, tuple(random.uniform(0.5, 5, 3))) for pair in masks]


@pytest.fixture(scope="module")
def scored(root, tmp_path_factory):
    """Return each case's masks with what we and panoptica say of them."""
    folder = tmp_path_factory.mktemp("panoptica")
    python = root / ".venv" / "panoptica" / "bin" / "python"
    assert python.exists(), "panoptica's environment is missing: type `make peers`"
    made = cases()
    arrays = {
        f"{name}_{number}": values
        for number, case in enumerate(made)
        for name, values in zip(("prediction", "reference", "spacing"), case, strict=True)
    }
    np.savez(folder / "cases.npz", **arrays)
    script = root / "tests" / "peers" / "panoptica_scores.py"
    command = [python, script, folder / "cases.npz", folder / "scores.json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    theirs = json.loads((folder / "scores.json").read_text())
    return [
        SimpleNamespace(masks=case[:2], spacing=case[2], ours=measure(*case), theirs=scores)
        for case, scores in zip(made, theirs, strict=True)
    ]


def measure(prediction, reference, spacing):
    images = [sitk.GetImageFromArray(mask.astype(np.uint8) * 2) for mask in (prediction, reference)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    return measure_scan(*images, matching=("any_overlap", *SHARED_RULES))


def counts(case, rule):
    return case.ours.matching.set_index("rule").loc[rule]


def test_the_cases_hold_splits_merges_and_touching_lesions(scored):
    scores = [case.ours.scores for case in scored]
    assert sum(one.split_lesions > 0 for one in scores) > 20
    assert sum(one.merging_lesions > 0 for one in scores) > 20
    # By 6 neighbours there are more lesions: some touch at corners or edges alone.
    faces = [lesion_components(case.masks[1] * np.uint8(2), 6).max() for case in scored]
    assert sum(more > one.reference_lesions for more, one in zip(faces, scores, strict=True)) > 20


@pytest.mark.parametrize("rule", SHARED_RULES)
def test_counts_are_panopticas(scored, rule):
    for case in scored:
        ours, theirs = counts(case, rule), case.theirs[rule]
        assert ours["reference_lesions"] == theirs["n_ref_instances"]
        assert ours["predicted_lesions"] == theirs["n_pred_instances"]
        assert ours["detected_lesions"] == ours["true_positive_lesions"] == theirs["tp"]
        assert ours["false_positives"] == theirs["fp"]
        assert ours["reference_lesions"] - ours["detected_lesions"] == theirs["fn"]


@pytest.mark.parametrize("rule", SHARED_RULES)
def test_matched_lesions_have_panopticas_scores(scored, rule):
    matches = 0
    # One to one, tiny lesions in one prediction can be equally good partners: the chosen one has
    # the same size and overlap, but lies elsewhere.
    compared = 4 if rule == "one_to_one" else 5
    for case in scored:
        sides = (lesion_components(mask * np.uint8(2)) for mask in (case.masks[1], case.masks[0]))
        # panoptica's surface voxels are those with an outside face neighbour.
        surfaces = (surfaces_of(side, case.spacing, FACES) for side in sides)
        distances = SurfaceDistances(*surfaces, tolerance_mm=2.0)
        groups = case.ours.groups[case.ours.groups["rule"].eq(rule)]
        ours = [
            (
                group.reference_ml * 1000 / np.prod(case.spacing),
                1 - group.voe,
                group.dice,
                group.rvd,
                distances.of_group(
                    [int(group.references) - 1], [int(group.predictions) - 1]
                ).mssd_mm,
            )
            for group in groups.itertuples()
        ]
        theirs = [tuple(match.values()) for match in case.theirs[rule]["matches"]]
        # Numbers of lesions differ, so that the scores themselves give the order.
        order = {"key": lambda row: np.round(row, 6).tolist()}
        np.testing.assert_allclose(
            np.reshape(sorted(ours, **order), (-1, 5))[:, :compared],
            np.reshape(sorted(theirs, **order), (-1, 5))[:, :compared],
            rtol=1e-9,
            atol=1e-12,
        )
        matches += len(theirs)
    assert matches > 200


@pytest.mark.parametrize("rule", SHARED_RULES)
def test_f1_is_panopticas_recognition_quality(scored, rule):
    names = {"series": "s", "model": "m"}
    for case in scored:
        scans = scan_table("s", "m", "ensemble", case.ours.scores).assign(patient="p")
        tables = (table.assign(**names) for table in (case.ours.matching, case.ours.groups))
        table = score_table([ScanSet("m", "c", "t", scans)], *tables, draws=1, seed=0)
        f1 = table[table["metric"].eq("f1")].set_index("rule").loc[rule, "value"]
        assert f1 == pytest.approx(case.theirs[rule]["rq"], nan_ok=True)


def test_the_scans_dice_is_panopticas_where_both_sides_have_lesions(scored):
    filled = [case for case in scored if all(mask.any() for mask in case.masks)]
    assert len(filled) == FIELDS + SPECKS
    for case in filled:
        assert case.ours.scores.lesion_dice == pytest.approx(case.theirs["iou_0.1"]["dice"])


def test_any_overlap_is_many_to_one_matching_but_for_merged_lesions(scored):
    with_merges = 0
    for case in scored:
        ours, theirs = counts(case, "any_overlap"), case.theirs["many_to_one"]
        # There a prediction detects one lesion alone, however many it merges.
        assert ours["false_positives"] == theirs["fp"]
        assert ours["detected_lesions"] >= theirs["tp"]
        if not case.ours.scores.merging_lesions:
            assert ours["detected_lesions"] == theirs["tp"]
        with_merges += ours["detected_lesions"] > theirs["tp"]
    assert 0 < with_merges < len(scored)
