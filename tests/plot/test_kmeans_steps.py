"""What the pictures of a k-means run hold."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.path import Path

from clew import plot
from clew.explore.kmeans_steps import watch_kmeans
from clew.plot import kmeans_steps as module
from clew.plot.style import group_color, svg


@pytest.fixture(scope="module")
def steps():
    rng = np.random.default_rng(4)
    return watch_kmeans(
        rng.normal(size=(150, 2)) + np.array([[0, 0], [4, 1], [2, 4]])[np.arange(150) % 3], k=3
    )


def rows_of(axes):
    """Return the rows (n, 2) that a panel shows, by the colour of their clusters."""
    return {
        to_hex(line.get_markerfacecolor()): np.column_stack(line.get_data())
        for line in axes.lines
        if line.get_linestyle() == "None" and line.get_markeredgewidth() == 0
    }


def test_each_step_has_its_picture_with_every_row_in_its_cluster(steps):
    figure = plot.figure(steps)
    assert len(figure.axes) == steps.n_steps
    for axes, labels in zip(figure.axes, steps.labels):
        shown = rows_of(axes)
        for c in range(3):
            np.testing.assert_array_equal(shown[group_color(c)], steps.coordinates[labels == c])


def test_centres_stand_where_they_are_at_the_end_of_their_way(steps):
    for number, axes in enumerate(plot.figure(steps).axes):
        large = [line for line in axes.lines if line.get_markersize() == 11]
        np.testing.assert_array_equal(
            [np.ravel(line.get_data()) for line in large], steps.center_coordinates[number]
        )
        ways = [line for line in axes.lines if line.get_markersize() == 2.4]
        for c, way in enumerate(ways):
            np.testing.assert_array_equal(
                np.column_stack(way.get_data()), steps.center_coordinates[: number + 1, c]
            )


def test_rows_that_changed_are_ringed(steps):
    for number, axes in enumerate(plot.figure(steps).axes):
        rings = next(line for line in axes.lines if line.get_markerfacecolor() == "none")
        np.testing.assert_array_equal(
            np.column_stack(rings.get_data()), steps.coordinates[steps.changed[number]]
        )


def nearest_cells(centers, cells, points):
    """Whether each of ``points`` lies in the cell of its nearest centre and in no other."""
    inside = np.array(
        [Path(cell).contains_points(points) if len(cell) else np.zeros(len(points), bool) for cell in cells]
    )
    nearest = ((points[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    return (inside.sum(axis=0) == 1).all() and (inside.argmax(axis=0) == nearest).all()


@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_the_tessellation_holds_what_is_nearest_to_each_centre(k):
    rng = np.random.default_rng(k)
    window = np.array([[-3.0, 3.0], [-2.0, 4.0]])
    deceived = []
    for _ in range(20):
        centers, points = rng.normal(size=(k, 2)), rng.uniform(window[:, 0], window[:, 1], (500, 2))
        cells = module._cells(centers, window)
        assert nearest_cells(centers, cells, points)
        deceived.append(nearest_cells(centers, module._cells(centers + 0.3, window), points))
    assert k == 1 or sum(deceived) < 10  # the mutant: cells of other centres
    area = sum(
        0.5 * abs(np.cross(cell - cell[0], np.roll(cell, -1, axis=0) - cell[0]).sum())
        for cell in map(embedded, cells)
    )
    assert area == pytest.approx(36, rel=1e-9)


def embedded(cell):
    return np.column_stack([cell, np.zeros(len(cell))])


def test_of_centres_in_one_place_the_first_has_the_cell():
    window = np.array([[0.0, 1.0], [0.0, 1.0]])
    cells = module._cells(np.array([[0.2, 0.5], [0.2, 0.5], [0.8, 0.5]]), window)
    assert [len(cell) > 0 for cell in cells] == [True, False, True]


def test_a_projection_has_no_tessellation_and_says_what_it_is():
    figure = plot.figure(watch_kmeans(np.random.default_rng(0).normal(size=(80, 20)), k=3))
    assert not any(axes.patches for axes in figure.axes)
    assert any(
        "principal components" in text.get_text() and "20 dimensions" in text.get_text()
        for text in figure.texts
    )


def test_two_columns_have_a_tessellation(steps):
    assert all(len(axes.patches) == 3 for axes in plot.figure(steps).axes)


def test_many_steps_are_shown_by_eight_with_the_first_and_the_last():
    for n_steps in range(1, 120):
        shown = module._shown(n_steps)
        assert shown[0] == 0 and shown[-1] == n_steps - 1
        assert len(shown) == len(set(shown)) == min(n_steps, 8)
        assert shown == sorted(shown)


def test_the_inertia_stands_below_each_picture_and_tells_the_steps_apart(steps):
    below = [
        next(t.get_text() for t in axes.texts if "inertia" in t.get_text())
        for axes in plot.figure(steps).axes
    ]
    figures = [float(text.removeprefix("inertia ").replace(",", "")) for text in below]
    np.testing.assert_allclose(figures, steps.inertia, rtol=1e-4)
    assert len(set(below)) == len(below)


@pytest.mark.parametrize("settings", [{"k": 1}, {"k": 2}, {"k": 12}, {"k": 3, "max_iter": 1}])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_every_word_stands_inside_of_the_figure(settings, d):
    figure = plot.figure(watch_kmeans(np.random.default_rng(1).normal(size=(40, d)), **settings))
    figure.canvas.draw()
    for text in [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]:
        box = text.get_window_extent()
        assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1


def test_the_same_steps_give_the_same_bytes(steps):
    one = svg(plot.figure(steps), salt="a", label="")
    assert one == svg(plot.figure(steps), salt="a", label="") and one.startswith("<svg")
