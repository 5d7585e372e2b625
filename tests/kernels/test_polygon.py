"""Points in polygons: held against matplotlib, and against a rule of edges that anyone can follow."""

from __future__ import annotations

import numpy as np
import pytest

from clew.kernels.polygon import inside


def chosen(points, polygon):
    points = np.asarray(points, np.float32)
    out = np.empty(len(points), bool)
    inside(points, np.asarray(polygon, np.float64), out)
    return out


def star(n, rng):
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    radius = rng.uniform(0.2, 1.0, n)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


@pytest.mark.parametrize("n_vertices", [3, 4, 17, 300])
def test_points_inside_are_those_of_matplotlib(n_vertices):
    from matplotlib.path import Path as Outline

    rng = np.random.default_rng(n_vertices)
    points = rng.uniform(-1.1, 1.1, (4000, 2)).astype(np.float32)
    polygon = star(n_vertices, rng)
    np.testing.assert_array_equal(
        chosen(points, polygon),
        Outline(np.vstack([polygon, polygon[:1]]), closed=True).contains_points(points),
    )


def test_a_line_that_crosses_itself_leaves_out_what_it_goes_round_twice():
    pentagram = [[np.sin(a), np.cos(a)] for a in np.arange(5) * 4 * np.pi / 5]
    assert chosen([[0, 0], [0, 0.7]], pentagram).tolist() == [False, True]


def test_an_edge_owns_its_lower_left_ends():
    square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    corners = chosen([[0, 0], [1, 0], [1, 1], [0, 1]], square)
    sides = chosen([[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]], square)
    assert corners.tolist() == [True, False, False, False]
    assert sides.tolist() == [True, False, False, True]


def shared_edges(slip=0.0):
    """How often points on the edge between two triangles lie in one of them, for many edges gone both ways."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        a, b, left, right = [0.1, -0.9], rng.uniform(0.2, 0.9, 2), [-2.0, 0.1], [2.0, 0.0]
        on = a + rng.uniform(0.05, 0.95, (20, 1)) * (b - a)
        one, other = chosen(on, [a, b, left]), chosen(on + slip, [b, a, right])
        yield from one.astype(int) + other


def test_polygons_that_share_an_edge_share_no_point_and_lose_none():
    assert set(shared_edges()) == {1}
    assert set(shared_edges(slip=0.05)) != {1}  # the check can fail


def test_places_that_are_not_known_lie_nowhere():
    around = [[-9, -9], [9, -9], [9, 9], [-9, 9]]
    assert chosen([[np.nan, 0], [0, np.inf], [np.nan, np.nan], [0, 0]], around).tolist() == [
        False,
        False,
        False,
        True,
    ]


def test_a_flat_polygon_has_no_points():
    assert not chosen([[0, 0], [0.5, 0], [1, 0]], [[0, 0], [1, 0], [0.5, 0]]).any()
