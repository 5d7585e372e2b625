"""What the figures of an exploration hold."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from clew import plot
from clew.explore.stability import SURE, together
from clew.plot import explore as draw
from clew.plot.style import GROUPS, SURFACE, svg


def points(axes):
    """Return every marker that was drawn: (n, 2)."""
    return np.concatenate([np.column_stack(line.get_data()) for line in axes.lines])


def test_the_map_shows_every_row_once_where_the_run_put_it(looked):
    axes = draw.run_map(looked, run=2).axes[0]
    seen, meant = points(axes), looked.embedding.aligned[2].astype(float)
    np.testing.assert_allclose(seen[np.lexsort(seen.T)], meant[np.lexsort(meant.T)])


def test_rows_that_change_groups_are_hollow(looked):
    unsure = looked.confidence.copy()
    unsure[:7] = 0.5
    odd = dataclasses.replace(looked, confidence=unsure)
    hollow = [
        len(line.get_xdata())
        for line in draw.run_map(odd).axes[0].lines
        if line.get_markerfacecolor() == SURFACE
    ]
    assert sum(hollow) == int((unsure < SURE).sum()) >= 7


def test_places_on_the_map_are_where_its_markers_are(looked):
    """The drawn file is the witness: every marker is a <use> at its place, in points of the figure."""
    drawing = draw.run_map(looked)
    places = draw.map_places(drawing, looked)
    drawn = re.findall(r'<use [^>]*x="([-\d.]+)" y="([-\d.]+)"', svg(drawing, salt="m", label=""))
    markers = np.array(drawn, float) / (drawing.get_size_inches() * 72)
    assert len(places) == len(looked.shown)
    near = np.abs(places[:, None] - markers[None]).max(axis=2).min(axis=1)
    assert near.max() < 1e-4
    moved = np.abs((1 - places)[:, None] - markers[None]).max(axis=2).min(axis=1)
    assert moved.max() > 1e-2  # upside down, most are nowhere near


def test_the_map_names_each_group_inside_of_the_figure(looked):
    figure = draw.run_map(looked, names={"0": "round"})
    axes = figure.axes[0]
    said = {text.get_text() for text in axes.texts}
    assert {"round", "group 1", "group 2"} <= said
    figure.canvas.draw()
    for text in axes.texts:
        box = text.get_window_extent()
        assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1, text.get_text()


def test_without_groups_the_map_is_grey(looked):
    none = dataclasses.replace(looked, k=0)
    axes = draw.run_map(none).axes[0]
    assert len(axes.lines) == 1 and not axes.texts
    assert axes.lines[0].get_markeredgecolor() not in GROUPS


def test_every_run_has_its_map(looked):
    figure = draw.runs(looked.embedding, groups=looked.groups)
    assert len(figure.axes) == 4
    for run, axes in enumerate(figure.axes):
        assert len(points(axes)) == len(looked.sample)
        np.testing.assert_allclose(
            points(axes).mean(axis=0), looked.embedding.aligned[run].mean(axis=0), atol=1e-4
        )


def test_a_run_can_wear_its_own_groups(looked):
    own = np.zeros_like(looked.clustering.labels)
    figure = draw.runs(looked.embedding, groups=looked.groups, labels=own)
    assert all(len(axes.lines) == 1 for axes in figure.axes)
    assert any(len(axes.lines) == 3 for axes in draw.runs(looked.embedding, groups=looked.groups).axes)


def test_the_consensus_matrix_is_the_coassociation(looked):
    image = draw.consensus(looked.clustering.stability).axes[0].images[0]
    np.testing.assert_array_equal(image.get_array(), looked.clustering.stability.coassociation)
    assert image.get_clim() == (0, 1)


def test_resampled_rows_stand_above_the_diagonal(looked):
    found = looked.clustering
    again = together(found.resampled_labels[:, found.stability.shown])
    seen = draw.clustering(found).axes[0].images[0].get_array()
    below = np.tril_indices(len(seen))
    np.testing.assert_array_equal(seen[below], found.stability.coassociation[below])
    above = np.triu_indices(len(seen), 1)
    np.testing.assert_array_equal(seen[above], again[above])
    assert (seen[above] != found.stability.coassociation[above]).any()


def test_correlations_stand_beside_those_with_the_distance(looked):
    matrix, beside, *_ = draw.correlations(looked.hypotheses).axes
    np.testing.assert_array_equal(matrix.images[0].get_array(), looked.hypotheses.correlation)
    np.testing.assert_array_equal(beside.images[0].get_array(), looked.hypotheses.distance_correlation)
    assert matrix.images[0].get_clim() == (-1, 1)


def test_strips_show_each_row_and_the_middle_half(rows, looked):
    values = rows.features[:, :1]
    axes = draw.strips(values, looked.groups, feature_names=["length"], units=["mm"]).axes[0]
    assert axes.get_title(loc="left") == "length [mm]"
    for group in range(3):
        here = values[looked.groups == group, 0]
        middle = axes.lines[3 * group + 1].get_xdata()
        np.testing.assert_allclose(middle, np.percentile(here, [25, 75]))
        np.testing.assert_array_equal(axes.lines[3 * group].get_xdata(), here)


@pytest.mark.parametrize("part", ["", "embedding", "clustering", "evidence", "hypotheses"])
def test_every_part_of_an_exploration_can_be_drawn(looked, part):
    result = getattr(looked, part) if part else looked
    assert svg(plot.figure(result), salt="a", label="").startswith("<svg")


def test_many_rows_are_drawn_as_a_picture(looked):
    import re

    many = np.zeros((1, draw.DENSE + 1, 2), np.float32)
    many[0, :, 0] = np.arange(draw.DENSE + 1)
    dense = svg(draw.runs(dataclasses.replace(looked.embedding, aligned=many)), salt="a", label="")
    few = svg(draw.runs(dataclasses.replace(looked.embedding, aligned=many[:, :50])), salt="a", label="")
    assert "<image" in dense and len(re.findall("<use", dense)) < 50
    assert "<image" not in few and len(re.findall("<use", few)) >= 50
