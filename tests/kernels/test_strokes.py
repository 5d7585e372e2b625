"""The brush, against all pixels compared at once."""

from __future__ import annotations

import numpy as np
import pytest

from clew.kernels.strokes import sweep


def slow_sweep(plane, points, radius, value):
    """Do as `sweep` does, all pixels at once: its witness in the tests."""
    rows, columns = np.indices(plane.shape)
    points = np.asarray(points, float)
    for a, b in zip(points, points[1:] if len(points) > 1 else points, strict=False):
        way = b - a
        y, x = rows + 0.5 - a[0], columns + 0.5 - a[1]
        along = np.clip((y * way[0] + x * way[1]) / max(way @ way, 1e-300), 0, 1)
        plane[(y - along * way[0]) ** 2 + (x - along * way[1]) ** 2 <= radius**2] = value
    for row, column in np.floor(points).astype(int):
        if 0 <= row < plane.shape[0] and 0 <= column < plane.shape[1]:
            plane[row, column] = value


def swept(points, radius, shape=(40, 50), by=sweep):
    plane = np.zeros(shape, np.uint8)
    by(plane, np.asarray(points, np.float64), radius, 3)
    return plane


@pytest.mark.parametrize("seed", range(12))
def test_a_stroke_covers_the_pixels_that_all_pixels_compared_at_once_give(seed):
    random = np.random.default_rng(seed)
    points = random.uniform(-8, 55, (random.integers(1, 7), 2))  # some of it beside the image
    radius = float(random.choice([0.5, 1.5, 3, 12]))
    np.testing.assert_array_equal(swept(points, radius), swept(points, radius, by=slow_sweep))


def test_the_comparison_can_fail():
    points = [[10.0, 10.0], [30.0, 40.0]]
    assert not np.array_equal(swept(points, 3.0), swept(points, 3.2, by=slow_sweep))


def test_a_disc_has_the_area_of_a_disc():
    assert swept([[100.0, 100.0]], 60.0, (200, 200)).astype(bool).sum() == pytest.approx(
        np.pi * 60**2, rel=0.01
    )


def test_the_finest_brush_paints_the_pixel_it_is_set_on_wherever_in_it():
    for point in ([5.0, 5.0], [5.99, 5.01], [5.5, 5.5]):
        assert swept([point], 0.5)[5, 5] == 3


def test_the_box_holds_all_that_changed():
    plane = np.zeros((40, 50), np.uint8)
    top, left, bottom, right = sweep(plane, np.array([[4.0, 6.0], [12.0, 30.0]]), 2.5, 1)
    plane[top:bottom, left:right] = 0
    assert not plane.any()
    assert (top, left, bottom, right) == (1, 3, 15, 33)


def test_beside_the_image_nothing_is_painted_and_the_box_is_empty():
    plane = np.zeros((40, 50), np.uint8)
    top, left, bottom, right = sweep(plane, np.array([[-30.0, 6.0], [-12.0, 30.0]]), 2.5, 1)
    assert not plane.any() and top >= bottom
