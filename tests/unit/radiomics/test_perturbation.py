"""Contours move by the deviation and over the distance that were asked for."""

import numpy as np
import pandas as pd
import pytest

from livermet.contracts import check
from livermet.errors import InputError
from livermet.radiomics.features import FEATURES
from livermet.radiomics.perturbation import (
    PERTURBED,
    REACH,
    Perturbations,
    displaced,
    gaussian_field,
    generator,
    perturbed_features,
    signed_distances,
    surroundings,
)
from livermet.radiomics.scans import LESION_COUNT, scan_features

from .test_radiomics import BATCH, BIG, SETTINGS, SMALL, ct, labels

RADIUS_MM = 20.0


def ball(spacing, radius=RADIUS_MM, margin=8.0):
    """A ball in the middle of a volume (1 inside), and its centre's index."""
    shape = [2 * int((radius + margin) / length) + 3 for length in spacing]
    centre = [size // 2 for size in shape]
    axes = np.ogrid[tuple(slice(size) for size in shape)]
    squares = [((k - c) * s) ** 2 for k, c, s in zip(axes, centre, spacing, strict=True)]
    return (sum(squares) < radius**2).astype(np.uint32), np.array(centre)


def radii(mask, centre, spacing):
    """How far the mask reaches from its centre in 2000 directions (mm)."""
    directions = np.random.default_rng(0).normal(size=(2000, 1, 3))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    steps = np.arange(0, RADIUS_MM + 8, 0.05)[:, None]
    z, y, x = np.moveaxis(np.rint(directions * steps / spacing).astype(int) + centre, 2, 0)
    return mask[z, y, x].sum(axis=1) * 0.05


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.8, 0.8), (5.0, 0.7, 0.7)])
def test_the_surface_of_a_ball_moves_by_the_deviation_that_was_asked_for(spacing):
    mask, centre = ball(spacing)
    sd = 1.0
    near = surroundings(mask, spacing, REACH * sd)
    before = radii(mask, centre, spacing)
    moved, volumes = [], []
    for number in range(24):
        after = displaced(
            mask, near, sd * gaussian_field(near.centres_mm, 5, generator(0, "", number))
        )
        moved.append(radii(after, centre, spacing) - before)
        volumes.append(after.sum() / mask.sum())
    # Rounding to whole voxels of about 1 mm adds 1/12 mm2 to the variance, and oblique steps some.
    assert np.std(moved) == pytest.approx(sd, rel=0.2)
    assert np.mean(moved) == pytest.approx(0, abs=0.1)
    # The mean of (r + d)^3 is r^3 + 3 r sd^2.
    expected = 1 + 3 * sd**2 / RADIUS_MM**2
    assert np.mean(volumes) == pytest.approx(expected, abs=4 * np.std(volumes) / np.sqrt(24))
    assert 0.01 < np.std(volumes) < 0.05


def test_the_field_has_variance_1_and_the_correlation_that_was_asked_for():
    points = np.array([[0.0, 0, 0], [0, 3, 4], [0, 6, 8], [300, 200, 100]])
    drawn = np.array([gaussian_field(points, 5, generator(1, "", n)) for n in range(4000)])
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(drawn.std(axis=0), 1, atol=0.05)
    # At 5, 10 and far more mm: exp(-1/2), exp(-2), 0.
    found = np.corrcoef(drawn.T)[0, 1:]
    np.testing.assert_allclose(found, [np.exp(-0.5), np.exp(-2), 0], atol=0.06)


def test_distances_are_from_centres_to_the_face_between_voxels():
    inside = np.zeros((6, 5, 5), bool)
    inside[:3] = True
    # Slices of 5 mm: the surface lies between the third and the fourth.
    along_z = signed_distances(inside, (5.0, 0.7, 0.7))[:, 2, 2]
    np.testing.assert_allclose(along_z, [-12.5, -7.5, -2.5, 2.5, 7.5, 12.5])
    along_x = signed_distances(inside.transpose(1, 2, 0), (5.0, 0.7, 0.7))[2, 2]
    np.testing.assert_allclose(along_x, [-1.75, -1.05, -0.35, 0.35, 1.05, 1.75])
    alone = np.zeros((3, 3, 3), bool)
    alone[1, 1, 1] = True
    found = signed_distances(alone, (5.0, 0.7, 0.7))
    assert found[1, 1, 1] == pytest.approx(-0.35)
    assert found[1, 1, 2] == pytest.approx(0.35)


def test_boxes_of_lesions_give_the_distances_of_the_whole_volume():
    components = np.zeros((30, 40, 50), np.uint32)
    components[3:8, 3:9, 3:10] = 1
    # Within reach of the first, touching the second, and at the volume's edge.
    components[3:8, 12:16, 3:7] = 2
    components[8:11, 12:16, 3:7] = 3
    components[25:, 35:, 44:] = 4
    spacing, reach = (2.0, 1.0, 1.0), 4.0
    near = surroundings(components, spacing, reach)
    whole = signed_distances(components > 0, spacing)
    expected = np.flatnonzero(np.abs(whole) <= reach)
    np.testing.assert_array_equal(near.voxels, expected)
    np.testing.assert_allclose(near.distances_mm, whole.ravel()[expected])
    np.testing.assert_array_equal(near.lesions, components.ravel()[expected])
    # The edge is no surface: the corner of the fourth lesion is far from the nearest voxel outside.
    assert np.ravel_multi_index((29, 39, 49), components.shape) not in near.voxels


def test_lesions_that_touch_have_no_surface_between_them():
    components = np.zeros((12, 16, 16), np.uint32)
    components[4:8, 4:8, 4:12], components[4:8, 8:12, 4:12] = 1, 2
    one = (components > 0).astype(np.uint32)
    two, single = (surroundings(lesions, (1, 1, 1), 3.0) for lesions in (components, one))
    np.testing.assert_array_equal(two.distances_mm, single.distances_mm)
    field = gaussian_field(two.centres_mm, 3, generator(0, "a", 1))
    np.testing.assert_array_equal(displaced(components, two, field), displaced(one, single, field))


def test_a_lesion_that_would_vanish_keeps_its_innermost_voxel():
    components = np.zeros((9, 9, 20), np.uint32)
    components[2:7, 2:7, 2:7], components[4, 4, 12:15], components[1, 1, 18] = 1, 2, 3
    near = surroundings(components, (1, 1, 1), 4.0)
    left = displaced(components, near, np.full(len(near.voxels), -4.0))
    # All voxels of the line lie 0.5 mm deep: the first of them stays.
    assert np.argwhere(left).tolist() == [[1, 1, 18], [4, 4, 4], [4, 4, 12]]


def test_contours_move_within_reach_and_within_the_volume():
    components = np.zeros((10, 30, 30), np.uint32)
    components[:4, :5, 10:20] = 1
    near = surroundings(components, (1, 1, 1), 4.0)
    grown = displaced(components, near, np.full(len(near.voxels), 100.0))
    assert grown.shape == components.shape
    # 4 mm further on every side that is not the volume's edge: 3.5 mm lie within reach of the face,
    # 4.5 mm do not. Nothing comes in at the opposite edges.
    z, y, x = (np.flatnonzero(grown.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    assert [z[0], z[-1], y[0], y[-1], x[0], x[-1]] == [0, 7, 0, 8, 6, 23]
    full = np.ones((4, 4, 4), np.uint32)
    assert len(surroundings(full, (1, 1, 1), 4.0).voxels) == 0


def moved(series="a", seed=0, labelled=(BIG, SMALL), sd=2.0, count=2, **options):
    perturbations = Perturbations(count, contour_sd_mm=sd, correlation_mm=5.0)
    given = ct(), labels(*labelled), series, SETTINGS, perturbations, seed
    return perturbed_features(*given, **options)


def test_without_a_deviation_every_mask_is_the_mask_itself():
    table = moved(sd=0)
    union, _ = scan_features(ct(), labels(BIG, SMALL), SETTINGS, per_lesion=False)
    check(table, PERTURBED, f"{BATCH}.perturbed.tsv")
    assert table["perturbation"].tolist() == [1, 2]
    for _, row in table.iterrows():
        same = [*FEATURES, LESION_COUNT, "burden_ml", "reason"]
        pd.testing.assert_series_equal(row[same], union.iloc[0][same], check_names=False)
        assert row["dice"] == 1


def test_masks_are_those_of_seed_series_and_number_in_any_order():
    table = moved()
    pd.testing.assert_frame_equal(table, moved())
    pd.testing.assert_frame_equal(table[:1], moved(count=1))
    burdens = [*table["burden_ml"], *moved(series="b")["burden_ml"], *moved(seed=1)["burden_ml"]]
    assert len(set(burdens)) == 6
    assert table["dice"].between(0.3, 0.99).all()
    assert (table["reason"] == "").all()


def test_small_lesions_are_left_out_before_and_not_after():
    # A lesion of one voxel, and one of 2 x 3 x 3 that shrinks but stays.
    alone = moved(labelled=(SMALL, np.s_[1, 1, 1]), minimum_lesion_voxels=18, count=3)
    assert (alone[LESION_COUNT] >= 1).all()
    pd.testing.assert_frame_equal(alone, moved(labelled=(SMALL,), count=3))


def test_lesions_of_a_perturbed_mask_are_aggregated_as_those_of_a_scan():
    # Without a deviation a perturbed mask's lesions are the scan's own.
    names = ["volume_weighted_mean", "union"]
    table = moved(sd=0, aggregations=names).set_index("aggregation")
    union, lesions = scan_features(ct(), labels(BIG, SMALL), SETTINGS)
    shares = lesions["volume_ml"] / lesions["volume_ml"].sum()
    mean = lesions[list(FEATURES)].mul(shares, axis=0).sum()
    for number in (1, 2):
        rows = table[table["perturbation"] == number]
        assert rows.loc["union", list(FEATURES)].tolist() == union.loc[0, list(FEATURES)].tolist()
        found = rows.loc["volume_weighted_mean", list(FEATURES)].astype(float)
        assert found.to_numpy() == pytest.approx(mean.to_numpy(), rel=1e-12)
        assert rows[LESION_COUNT].tolist() == [2, 2]
    # Lesions that move are measured anew.
    apart = moved(sd=0.5, aggregations=names)
    assert apart["aggregation"].tolist() == names * 2
    assert apart[LESION_COUNT].tolist() == [2] * 4
    first_mean, first_union, second_mean, second_union = apart["original_shape_Maximum3DDiameter"]
    assert first_mean < first_union
    assert second_mean < second_union
    assert first_mean != second_mean


def test_a_scan_without_lesions_has_rows_without_features():
    table = moved(labelled=())
    assert table[LESION_COUNT].tolist() == [0, 0]
    assert table["reason"].tolist() == ["no lesions", "no lesions"]
    assert table[[*FEATURES, "dice"]].isna().all(axis=None)
    check(table, PERTURBED, f"{BATCH}.perturbed.tsv")
    assert table["series"].tolist() == ["a", "a"]


def test_different_grids_end_with_a_sentence():
    perturbations = Perturbations(2, 1.0, 5.0)
    other = labels(BIG, spacing=(2.0, 2.0, 4.0))
    with pytest.raises(InputError, match="different grids"):
        perturbed_features(ct(), other, "a", SETTINGS, perturbations, 0)
