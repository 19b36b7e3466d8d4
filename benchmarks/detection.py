"""Detection of one scan by all five rules: measure_scan against plain SciPy on the same phantom.

The phantom: 512 x 512 x 500 voxels of 0.75 x 0.75 x 1 mm, a liver of 1500 ml with 150 lesions of 2
to 12 mm radius; its prediction moves, misses, splits, merges and adds some. The peer is what a
notebook does: scipy.ndimage.label, loops over lesions in their boxes, distance transforms of the
whole volume for the scan and of a group's box for matched lesions, DeepMind's surface Dice. Which
lesions match is decided by our rules in both. The peer runs once, between two halves of our runs,
and once more on the box that holds the labels (`peer_cropped_seconds`). panoptica scores the same
masks by the three rules that it shares, without ASSD, HD95 and surface Dice. Memory is that of a
process that reads the two images and measures.
"""

import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from surface_distance import compute_surface_dice_at_tolerance, compute_surface_distances

from livermet.detection.lesions import labelled_box
from livermet.detection.matching import Overlap, match_lesions
from livermet.detection.scores import OVERLAP_SCORES, SURFACE_SCORES, TOLERANCE_MM, measure_scan
from livermet.images import LESION, LIVER, read_image

RULES = ("any_overlap", "iou_0.1", "iou_0.5", "one_to_one", "lits")
SHARED_WITH_PANOPTICA = ("iou_0.1", "iou_0.5", "one_to_one")
PANOPTICA_LIMIT_S = 120
ROOT = Path(__file__).parents[1]
SEED = 1
RUNS = 6  # of ours, half before the peer and half after it

SHAPE, SPACING_MM = (500, 512, 512), np.array([1.0, 0.75, 0.75])  # z, y, x
LIVER_MM, LIVER_HALF_MM = np.array([260.0, 200.0, 160.0]), np.array([70.0, 57.0, 90.0])
LESIONS, RADII_MM, GAP_MM, ADDED = 150, (2.0, 12.0), 3.0, 20
FATES = {"moved": 0.68, "missed": 0.12, "split": 0.1, "merged": 0.1}


def main():
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(1, spawn) as process:
        folder = Path(name)
        # A process starts with its parent's peak: before there is a phantom.
        libraries_mb = process.submit(peak_mb).result()
        for side, labels in zip(("prediction", "reference"), phantom(), strict=True):
            image = sitk.GetImageFromArray(labels)
            image.SetSpacing(SPACING_MM[::-1].tolist())
            sitk.WriteImage(image, str(folder / f"{side}.mha"))
        peak, images_mb = process.submit(memory_of_ours, folder).result()
        images = images_of(folder)
        prediction, reference = (sitk.GetArrayFromImage(image) for image in images)
        found = panoptica_seconds(prediction, reference, folder)

    ours = [timed(measure_scan, *images, matching=RULES) for _ in range(RUNS // 2)]
    slow, expected = timed(plain, prediction, reference)
    ours += [timed(measure_scan, *images, matching=RULES) for _ in range(RUNS - RUNS // 2)]
    box = labelled_box(prediction, reference)
    cropped, _ = timed(plain, prediction[box], reference[box])
    seconds = [one for one, _ in ours]
    scores = ours[-1][1].scores
    print(
        json.dumps(
            {
                "name": "detection",
                "case": f"{' x '.join(map(str, SHAPE[::-1]))} voxels, {scores.reference_lesions} "
                f"reference and {scores.predicted_lesions} predicted lesions, {len(RULES)} rules",
                "seconds": round(float(np.median(seconds)), 3),
                "seconds_range": [round(min(seconds), 3), round(max(seconds), 3)],
                "peer": "plain SciPy on the whole volume",
                "peer_seconds": round(slow, 1),
                "ratio": round(slow / float(np.median(seconds)), 1),
                "peer_cropped_seconds": round(cropped, 1),
                "panoptica_seconds": found,
                "max_abs_diff": largest_difference(numbers_of(ours[-1][1]), expected),
                "peak_mb": peak,
                "libraries_mb": libraries_mb,
                "images_mb": images_mb,
            }
        )
    )


def phantom():
    """Make prediction and reference: (z, y, x), 0 background, 1 liver, 2 lesion."""
    random = np.random.default_rng(SEED)
    reference, prediction = np.zeros((2, *SHAPE), np.uint8)
    fill(reference, LIVER_MM, LIVER_HALF_MM, LIVER)
    fill(prediction, np.add(LIVER_MM, (1.5, 1.0, -1.0)), 0.98 * LIVER_HALF_MM, LIVER)
    radii = np.sort(np.exp(random.uniform(*np.log(RADII_MM), LESIONS)))[::-1]
    centres = placed(radii, random)
    halves = radii[:, None] * random.uniform(0.87, 1.15, (LESIONS, 3))
    fates = random.choice(list(FATES), LESIONS, p=list(FATES.values()))
    for centre, half in zip(centres, halves, strict=True):
        fill(reference, centre, half, LESION)
    for centre, half, fate in zip(centres, halves, fates, strict=True):
        if fate != "missed":
            predict(prediction, centre, half, fate, centres, random)
    for _ in range(ADDED):
        direction = random.normal(size=3)
        direction *= random.uniform(0.2, 1.2) / np.linalg.norm(direction)
        half = np.full(3, random.uniform(1.5, 6.0))
        fill(prediction, LIVER_MM + direction * LIVER_HALF_MM, half, LESION)
    return prediction, reference


def placed(radii, random):
    """Place lesions of falling radius in the liver, with a gap between any two."""
    centres = np.zeros((0, 3))
    for radius in radii:
        room = 1.15 * (radii[: len(centres)] + radius) + GAP_MM
        while True:
            place = random.uniform(-1, 1, 3)
            centre = LIVER_MM + place * (LIVER_HALF_MM - radius)
            apart = np.linalg.norm(centres - centre, axis=1)
            if (place**2).sum() <= 1 and (apart > room).all():
                break
        centres = np.vstack([centres, centre])
    return centres


def predict(labels, centre, half, fate, centres, random):
    """Draw a lesion as a model might see it: moved and smaller, in two parts, or with another."""
    moved, half = centre + random.normal(0, 0.8, 3), half * random.uniform(0.75, 1.15)
    fill(labels, moved, half, LESION)
    if fate == "split":
        first, last = (np.rint((moved + s * half) / SPACING_MM).astype(int) for s in (-1.1, 1.1))
        middle = round(moved[0] / SPACING_MM[0])
        cut = labels[middle - 1 : middle + 1, first[1] : last[1] + 1, first[2] : last[2] + 1]
        cut[cut == LESION] = LIVER
    if fate == "merged":
        apart = np.linalg.norm(centres - centre, axis=1)
        nearest = centres[np.argsort(apart)[1]]
        for share in np.linspace(0, 1, 60):
            fill(labels, centre + share * (nearest - centre), np.full(3, 1.5), LESION)


def fill(labels, centre, half, label):
    """Set an ellipsoid's voxels; centre and half axes in mm."""
    first = np.floor((centre - half) / SPACING_MM).astype(int)
    last = np.ceil((centre + half) / SPACING_MM).astype(int)
    box = tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))
    axes = np.ogrid[box]
    away = sum(
        ((index * step - c) / h) ** 2
        for index, step, c, h in zip(axes, SPACING_MM, centre, half, strict=True)
    )
    labels[box][away <= 1] = label


def images_of(folder):
    return [read_image(folder / f"{side}.mha") for side in ("prediction", "reference")]


def memory_of_ours(folder):
    """Measure in this process; give its peak, and the images' share of it (a byte a voxel)."""
    images = images_of(folder)
    measure_scan(*images, matching=RULES)
    voxels = sum(image.GetNumberOfPixels() for image in images)
    return peak_mb(), round(voxels / 2**20)


def peak_mb():
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def panoptica_seconds(prediction, reference, folder):
    """Time panoptica on the same masks; None where it takes longer than its limit."""
    masks = {"prediction_0": prediction == LESION, "reference_0": reference == LESION}
    np.savez(folder / "cases.npz", **masks, spacing_0=SPACING_MM)
    python = ROOT / ".venv" / "panoptica" / "bin" / "python"
    script = ROOT / "tests" / "peers" / "panoptica_scores.py"
    command = [python, script, folder / "cases.npz", folder / "scores.json"]
    try:
        subprocess.run(command, check=True, stdout=sys.stderr, timeout=PANOPTICA_LIMIT_S)
    except subprocess.TimeoutExpired:
        return None
    scores = json.loads((folder / "scores.json").read_text())[0]
    return round(sum(scores[rule]["seconds"] for rule in SHARED_WITH_PANOPTICA), 1)


def timed(function, *arguments, **options):
    start = time.perf_counter()
    result = function(*arguments, **options)
    return time.perf_counter() - start, result


def plain(prediction, reference):
    """Measure a scan with SciPy and loops; the numbers of `numbers_of`."""
    sides = [labelled(labels) for labels in (reference, prediction)]
    voxels = [[int(mask.sum()) for mask in masks_of(*side)] for side in sides]
    pairs = [
        (number, int(other), int(count))
        for number, (box, mask) in enumerate(zip(sides[0][1], masks_of(*sides[0]), strict=True))
        for other, count in zip(*np.unique(sides[1][0][box][mask], return_counts=True), strict=True)
        if other
    ]
    # Lesions are numbered by volume, as ours; SciPy numbers them by their first voxel.
    orders = [np.argsort(-np.array(sizes), kind="stable") for sizes in voxels]
    ranks = [np.argsort(order) for order in orders]
    one, other, shared = np.transpose(
        sorted((ranks[0][r], ranks[1][p - 1], n) for r, p, n in pairs)
    )
    sizes = [np.array(some)[order] for some, order in zip(voxels, orders, strict=True)]
    overlap = Overlap(*sizes, one, other, shared)
    matches = [match_lesions(overlap, rule) for rule in RULES]
    masks = [labels == LESION for labels in (reference, prediction)]
    return {
        "liver_dice": dice(reference >= LIVER, prediction >= LIVER),
        "scan": scores_of_masks(*masks),
        "matching": [
            [match.detected.sum(), match.true_positive.sum(), (~match.true_positive).sum()]
            for match in matches
        ],
        "groups": [
            group_scores(sides, orders, group) for match in matches for group in match.groups
        ],
        "voxels": np.concatenate(sizes),
    }


def labelled(labels):
    """Number the lesions of a side, with a box for each."""
    components, _ = ndimage.label(labels == LESION, structure=np.ones((3, 3, 3)))
    return components, ndimage.find_objects(components)


def masks_of(components, boxes):
    return (components[box] == number for number, box in enumerate(boxes, start=1))


def group_scores(sides, orders, group):
    """Score a group's lesions in the box that holds them."""
    members = [
        order[list(lesions)]
        for order, lesions in zip(orders, (group.references, group.predictions), strict=True)
    ]
    boxes = [boxes[m] for (_, boxes), some in zip(sides, members, strict=True) for m in some]
    box = tuple(
        slice(min(edge.start for edge in edges), max(edge.stop for edge in edges))
        for edges in zip(*boxes, strict=True)
    )
    masks = (
        np.isin(components[box], some + 1)
        for (components, _), some in zip(sides, members, strict=True)
    )
    return scores_of_masks(*masks)


def scores_of_masks(reference, prediction):
    """Return Dice, VOE, RVD, ASSD, MSSD, HD95 and surface Dice of two masks."""
    shared, sizes = (reference & prediction).sum(), (reference.sum(), prediction.sum())
    neighbours = ndimage.generate_binary_structure(3, 2)
    surfaces = [
        mask & ~ndimage.binary_erosion(mask, neighbours) for mask in (reference, prediction)
    ]
    mm = [
        ndimage.distance_transform_edt(~other, sampling=SPACING_MM)[one]
        for one, other in zip(surfaces, reversed(surfaces), strict=True)
    ]
    with warnings.catch_warnings():
        # DeepMind's package names SciPy's modules as they once were.
        warnings.simplefilter("ignore", DeprecationWarning)
        elements = compute_surface_distances(reference, prediction, SPACING_MM)
    return [
        2 * shared / sum(sizes),
        1 - shared / (sum(sizes) - shared),
        (sizes[1] - sizes[0]) / sizes[0],
        np.concatenate(mm).mean(),
        max(some.max() for some in mm),
        max(np.percentile(some, 95) for some in mm),
        compute_surface_dice_at_tolerance(elements, TOLERANCE_MM),
    ]


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def numbers_of(measured):
    """Return our numbers under the plain version's names."""
    names = [*OVERLAP_SCORES, *SURFACE_SCORES]
    columns = ["detected_lesions", "true_positive_lesions", "false_positives"]
    return {
        "liver_dice": measured.scores.liver_dice,
        "scan": [getattr(measured.scores, f"lesion_{name}") for name in names],
        "matching": measured.matching[columns].to_numpy(),
        "groups": measured.groups[names].to_numpy(),
        "voxels": measured.lesions["voxels"].to_numpy(),
    }


def largest_difference(ours, expected):
    return max(
        float(np.abs(np.asarray(ours[name], float) - np.asarray(expected[name], float)).max())
        for name in ours
    )


if __name__ == "__main__":
    main()
