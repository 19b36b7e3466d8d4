"""Axes of lesions in the axial plane: counted by hand, by geometry, and against PyRadiomics."""

from math import hypot, sqrt

import numpy as np
import pytest
from radiomics import cShape

from livermet.components import largest_component
from livermet.detection.axes import axial_axes

MM = (1.0, 1.0, 1.0)


def slices(*drawn):
    """Make a mask of slices that are drawn as lines of text, '#' inside."""
    return np.array([[[one == "#" for one in row] for row in lines.split()] for lines in drawn])


def disc(width_mm, height_mm, pixel_mm, turned=0.0):
    """Draw an ellipse, turned by an angle, on one slice of square pixels."""
    half = int(max(width_mm, height_mm) / pixel_mm / 2) + 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1] * pixel_mm
    along = x * np.cos(turned) + y * np.sin(turned)
    across = y * np.cos(turned) - x * np.sin(turned)
    return ((2 * along / width_mm) ** 2 + (2 * across / height_mm) ** 2 <= 1)[None]


def test_a_single_voxel_is_as_long_and_as_short_as_its_sides():
    mask = np.zeros((3, 4, 5), bool)
    mask[1, 2, 3] = True
    assert axial_axes(mask, (5.0, 0.5, 2.0)) == pytest.approx((2.0, 0.5, 1))


def test_a_row_is_as_long_as_its_pixels_and_one_of_them_wide():
    assert axial_axes(slices("##### ....."), (1.0, 0.7, 0.8)) == pytest.approx((4.0, 0.7, 0))


def test_a_rectangle_of_three_by_four_pixels_is_as_counted_by_hand():
    # Its outline's corners are (+-2, +-1) and (+-1.5, +-1.5). The longest line goes from (-2, -1)
    # to (2, 1); one at right angles, from top (1.5) to bottom (-1.5), is 1.5 times as long as the
    # step (-1, 2).
    assert axial_axes(slices("#### #### ####"), MM) == pytest.approx(
        (2 * sqrt(5), 1.5 * sqrt(5), 0)
    )


def test_pixels_that_are_no_squares_count_in_millimetres():
    # Two rows of 3 mm and one column of 1 mm: corners (0, +-3), and (+-0.5, +-1.5) beside them.
    assert axial_axes(slices("# #"), (1.0, 3.0, 1.0)) == pytest.approx((6.0, 1.0, 0))


@pytest.mark.parametrize("pixel_mm", [0.5, 0.7, 1.0])
@pytest.mark.parametrize("turned", [0.0, 0.3, 0.8, 1.2])
def test_an_ellipse_has_its_diameters_to_a_pixel(pixel_mm, turned):
    long_mm, short_mm, _ = axial_axes(disc(30, 16, pixel_mm, turned), (5.0, pixel_mm, pixel_mm))
    assert long_mm == pytest.approx(30, abs=pixel_mm)
    assert short_mm == pytest.approx(16, abs=pixel_mm)


def test_a_disc_is_as_wide_as_it_is_long_to_a_pixel():
    long_mm, short_mm, _ = axial_axes(disc(20, 20, 0.5), (1.0, 0.5, 0.5))
    assert (long_mm, short_mm) == pytest.approx((20, 20), abs=0.5)
    assert short_mm <= long_mm


def test_the_slice_of_the_longest_diameter_is_measured_and_not_the_largest_one():
    mask = slices("......... ..###.... ..###....", "......... ######### .........")
    assert axial_axes(mask, MM) == pytest.approx((9.0, 1.0, 1))


def test_lines_of_one_length_are_told_by_the_short_axis_and_then_by_the_first_slice():
    line, cross = "..... ##### .....", "..#.. ##### ..#.."
    # The cross is as long; its arms end at 1.5 above and below.
    assert axial_axes(slices(line, cross, cross), MM) == pytest.approx((5.0, 3.0, 1))


def test_a_notch_is_bridged():
    # Corners of the hull at (+-3, 1.5 below) and (+-2.5 with the upper ends): a line over the gap.
    whole, notched = slices("###### ######"), slices("##..## ######")
    assert axial_axes(notched, MM) == pytest.approx(axial_axes(whole, MM))


def test_parts_on_a_slice_are_measured_one_by_one():
    # The lesion is one, by the slice below.
    mask = slices("##...### ........", "######## ........")
    assert axial_axes(mask[:1], MM) == pytest.approx((3.0, 1.0, 0))
    assert axial_axes(mask, MM) == pytest.approx((8.0, 1.0, 1))


def test_pixels_that_touch_with_a_corner_are_one_part():
    # From the upper edge of the one to the lower edge of the other, or from side to side.
    assert axial_axes(slices("#. .#"), MM).long_mm == pytest.approx(hypot(2, 1))


def test_where_a_lesion_lies_and_how_it_is_turned_changes_nothing():
    mask = slices("##.... .####. ..####")
    moved = np.zeros((4, 9, 11), bool)
    moved[2, 3:6, 4:10] = mask[0]
    long_mm, short_mm, _ = axial_axes(mask, (1.0, 0.7, 0.9))
    assert axial_axes(moved, (1.0, 0.7, 0.9)) == pytest.approx((long_mm, short_mm, 2))
    for turned, spacing in [
        (mask[:, ::-1], (1.0, 0.7, 0.9)),
        (mask.transpose(0, 2, 1), (1.0, 0.9, 0.7)),
    ]:
        assert axial_axes(turned, spacing)[:2] == pytest.approx((long_mm, short_mm))


def test_the_long_axis_is_that_of_pyradiomics_mesh():
    random = np.random.default_rng(3)
    for _ in range(30):
        drawn = largest_component(random.random((1, 9, 12)) < 0.65)
        spacing = np.array([2.5, 0.8, 0.7])
        _, _, diameters = cShape.calculate_coefficients(np.pad(drawn, 1).astype(np.int8), spacing)
        assert axial_axes(drawn, spacing).long_mm == pytest.approx(diameters[0])


def test_a_mask_without_a_voxel_has_no_axes():
    with pytest.raises(ValueError, match="without a voxel"):
        axial_axes(np.zeros((2, 3, 3), bool), MM)
