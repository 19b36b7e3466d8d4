"""Surface distances and surface Dice are those of other implementations."""

import warnings

import numpy as np
import pytest
import torch
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from scipy import ndimage
from surface_distance import compute_surface_dice_at_tolerance, compute_surface_distances

from livermet.detection.lesions import lesion_components
from livermet.detection.surface import (
    FACES,
    FACES_AND_EDGES,
    SurfaceDistances,
    SurfaceScores,
    surfaces_of,
)

UNIT = (1.0, 1.0, 1.0)


def cube(first, size, shape=(8, 8, 12)):
    lesions = np.zeros(shape, np.uint32)
    lesions[tuple(slice(start, start + size) for start in first)] = 1
    return lesions


def distances(reference, prediction, spacing=UNIT, tolerance=2.0, neighbours=FACES_AND_EDGES):
    sides = (surfaces_of(side, spacing, neighbours) for side in (reference, prediction))
    return SurfaceDistances(*sides, tolerance)


def random_masks(seed):
    """Two alike masks of several parts, one of which touches the border, on an uneven grid."""
    random = np.random.default_rng(seed)
    field, noise = (
        ndimage.gaussian_filter(random.normal(size=(12, 16, 18)), 1.5) for _ in range(2)
    )
    masks = field > 0.08, field + 0.5 * noise > 0.08
    assert all(mask.any() and mask[0].any() for mask in masks)
    return *masks, tuple(random.uniform(0.5, 5, 3))


def scores_of_masks(reference, prediction, spacing, neighbours=FACES_AND_EDGES):
    sides = (lesion_components(mask * np.uint8(2)) for mask in (reference, prediction))
    return distances(*sides, spacing, neighbours=neighbours).of_scan()


def test_a_cube_has_its_shell_for_a_surface():
    surfaces = surfaces_of(cube((2, 2, 2), 4), UNIT)
    # 4^3 voxels without the inner 2^3.
    assert len(surfaces.voxels.places) == 64 - 8
    # The corners on the surface of a cube of 4 x 4 x 4 voxels: 5^3 without the inner 3^3.
    assert len(surfaces.elements.places) == 125 - 27
    # Its faces are 6 x 16 mm2; the elements cut corners and edges off.
    assert 80 < surfaces.elements.areas.sum() < 96


def test_an_edge_neighbour_outside_makes_a_surface_voxel_by_18_and_not_by_6_neighbours():
    block = np.ones((3, 3, 3), np.uint32)
    block[0, 0, 1] = 0
    centre = [1.0, 1.0, 1.0]
    by_18 = surfaces_of(block, UNIT, FACES_AND_EDGES).voxels.places.tolist()
    by_6 = surfaces_of(block, UNIT, FACES).voxels.places.tolist()
    assert centre in by_18
    assert centre not in by_6


def test_shifted_cubes_by_hand():
    # Two cubes of 2 x 2 x 2 voxels, all of them surface, side by side along x (1.5 mm a voxel): of
    # each cube one layer is one voxel from the other cube and one layer two.
    spacing = (1.0, 1.0, 1.5)
    found = distances(cube((2, 2, 2), 2), cube((2, 2, 4), 2), spacing).of_scan()
    assert found.assd_mm == pytest.approx((1.5 + 3.0) / 2)
    assert found.mssd_mm == 3.0
    assert found.hd95_mm == 3.0


def test_the_mean_is_over_both_sides_voxels_together():
    # One voxel against itself and a second one 4 mm away: distances 0, and 0 and 4.
    reference, prediction = cube((1, 1, 1), 1), cube((1, 1, 1), 1)
    prediction[1, 1, 5] = 1
    found = distances(reference, prediction).of_scan()
    assert found.assd_mm == pytest.approx(4 / 3)
    # Not 1, the mean of the two sides' means; 95th percentile of 0 and 4, linearly.
    assert found.hd95_mm == pytest.approx(3.8)


def test_a_distance_of_the_tolerance_itself_is_within_it_wherever_it_lies():
    spacing = (0.4, 0.4, 0.4)
    for start in range(6):
        one, other = cube((1, 1, start), 1, (4, 4, 20)), cube((1, 1, start + 5), 1, (4, 4, 20))
        assert distances(one, other, spacing, tolerance=2.0).of_scan().surface_dice == 1.0
        assert distances(one, other, spacing, tolerance=1.99).of_scan().surface_dice < 1.0


def test_equal_sides_are_0_mm_apart():
    found = distances(cube((2, 2, 2), 3), cube((2, 2, 2), 3)).of_scan()
    assert found == SurfaceScores(0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(("sides", "surface_dice"), [("rp", 1.0), ("r", 0.0), ("p", 0.0)])
def test_distances_to_nothing_are_undefined(sides, surface_dice):
    empty, lesion = np.zeros((8, 8, 12), np.uint32), cube((2, 2, 2), 2)
    found = distances(
        empty if "r" in sides else lesion, empty if "p" in sides else lesion
    ).of_scan()
    assert np.isnan([found.assd_mm, found.mssd_mm, found.hd95_mm]).all()
    assert found.surface_dice == surface_dice


def test_matched_lesions_are_measured_to_their_partners_alone():
    # r1 at 2, r2 at 8; p1 at 3, p2 at 9 (x, single voxels): each 1 mm from its partner.
    reference, prediction = np.zeros((2, 3, 3, 12), np.uint32)
    reference[1, 1, 2], reference[1, 1, 8] = 1, 2
    prediction[1, 1, 3], prediction[1, 1, 9] = 1, 2
    made = distances(reference, prediction)
    assert made.of_scan().assd_mm == 1.0
    assert made.of_group([0], [0]).assd_mm == 1.0
    # r1 to p2, although p1 is nearer.
    assert made.of_group([0], [1]).assd_mm == 7.0
    # r1 and r2 to p1: 1 and 5 mm; p1 to the nearer of them: 1 mm.
    assert made.of_group([0, 1], [0]).assd_mm == pytest.approx(7 / 3)


@pytest.mark.parametrize("seed", range(3))
def test_a_group_is_what_it_would_be_as_a_scan_of_its_own(seed):
    reference, prediction, spacing = random_masks(seed)
    sides = [lesion_components(mask * np.uint8(2), 6) for mask in (reference, prediction)]
    made = distances(*sides, spacing)
    for chosen in ([0], [0, 1]):
        alone = [np.isin(side, np.add(chosen, 1)).astype(np.uint32) for side in sides]
        found, expected = made.of_group(chosen, chosen), distances(*alone, spacing).of_scan()
        assert found.assd_mm == pytest.approx(expected.assd_mm)
        assert found.mssd_mm == pytest.approx(expected.mssd_mm)


@pytest.mark.parametrize("seed", range(5))
def test_surface_dice_is_deepminds_and_monais(seed):
    reference, prediction, spacing = random_masks(seed)
    ours = scores_of_masks(reference, prediction, spacing).surface_dice
    with warnings.catch_warnings():
        # It names SciPy's modules as they once were.
        warnings.simplefilter("ignore", DeprecationWarning)
        deepmind = compute_surface_distances(reference, prediction, spacing)
    assert ours == pytest.approx(compute_surface_dice_at_tolerance(deepmind, 2.0))
    masks = (torch.from_numpy(mask[None, None]).float() for mask in (prediction, reference))
    options = {"include_background": True, "spacing": spacing, "use_subvoxels": True}
    monai = compute_surface_dice(*masks, class_thresholds=[2.0], **options)
    assert ours == pytest.approx(monai.item(), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_distances_are_monais_on_its_own_surface(seed):
    reference, prediction, spacing = random_masks(seed)
    ours = scores_of_masks(reference, prediction, spacing, neighbours=FACES)
    masks = [torch.from_numpy(mask[None, None]).float() for mask in (prediction, reference)]
    options = {"include_background": True, "spacing": spacing}
    assert ours.assd_mm == pytest.approx(
        compute_average_surface_distance(*masks, symmetric=True, **options).item(), rel=1e-5
    )
    assert ours.mssd_mm == pytest.approx(
        compute_hausdorff_distance(*masks, **options).item(), rel=1e-5
    )
    assert ours.hd95_mm == pytest.approx(
        compute_hausdorff_distance(*masks, percentile=95, **options).item(), rel=1e-4
    )
