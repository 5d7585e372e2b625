"""What the figures of repeated looks hold."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from clew import plot
from clew.errors import SettingError
from clew.explore.stability import wandering
from clew.plot import stability as draw
from clew.plot.style import GROUPS, INK, SURFACE, svg


def markers(axes, **wanted):
    """Return the places (n, 2) of markers of lines that have the wanted properties."""
    lines = [
        line
        for line in axes.lines
        if line.get_linestyle() == "None" and all(getattr(line, f"get_{k}")() == v for k, v in wanted.items())
    ]
    return np.concatenate([np.column_stack(line.get_data()) for line in lines] or [np.empty((0, 2))])


def sorted_rows(points):
    points = np.asarray(points, float)
    return points[np.lexsort(points.T)]


def restless(looked, rows):
    """The same look with some rows that keep few neighbours."""
    overlap = np.full(len(looked.sample), 0.95)
    overlap[rows] = 0.2
    return dataclasses.replace(
        looked, embedding=dataclasses.replace(looked.embedding, neighbor_overlap=overlap)
    )


def test_the_matrix_is_the_pairwise_index_and_the_bars_hold_every_pair(looked):
    matrix, seeds, again = [
        axes for axes in draw.agreement(looked.clustering).axes if len(axes.patches) or axes.images
    ][:1] + [axes for axes in draw.agreement(looked.clustering).axes if axes.patches]
    np.testing.assert_array_equal(matrix.images[0].get_array(), looked.clustering.stability.ari)
    assert matrix.images[0].get_clim() == (0, 1)
    for axes, values in (
        (seeds, looked.clustering.stability.ari[np.triu_indices(4, 1)]),
        (again, looked.clustering.resampled_ari),
    ):
        heights = np.array([bar.get_height() for bar in axes.patches])
        edges = [bar.get_x() for bar in axes.patches]
        assert heights.sum() == pytest.approx(1)
        assert min(edges) <= min(values.min(), 0), "from chance on, so that little difference looks little"
        held = [((values >= x - 1e-9) & (values < x + 0.025 - 1e-9)).mean() for x in edges[:-1]]
        np.testing.assert_allclose(heights[:-1], held)


def test_every_group_has_a_dot_a_run_over_seeds_and_over_rows(looked):
    axes = draw.groups(looked.clustering, names={"0": "round"}).axes[0]
    assert {"round", "group 1", "group 2"} <= {text.get_text() for text in axes.texts}
    for kind, values in (
        ({"markerfacecolor": SURFACE}, looked.clustering.resampled_jaccard),
        ({"markeredgewidth": 0}, looked.clustering.jaccard),
    ):
        dots = markers(axes, **kind)
        for group in range(3):
            own = dots[np.abs(dots[:, 1] - group) < 0.5, 0]
            own = own[: len(values)]  # then the marker of the group
            np.testing.assert_allclose(np.sort(own), np.sort(values[:, group]))


def test_rows_that_wander_wear_a_ring_and_are_counted(looked):
    odd = restless(looked, [3, 11, 40])
    axes, *_, key = draw.at_home(odd).axes
    ringed = markers(axes, markeredgecolor=INK)
    np.testing.assert_allclose(sorted_rows(ringed), sorted_rows(odd.embedding.aligned[0][[3, 11, 40]]))
    assert "3 of 90 rows wander" in key.texts[0].get_text()
    assert len(markers(axes)) == 90
    calm = draw.at_home(restless(looked, [])).axes[0]
    assert len(markers(calm, markeredgecolor=INK)) == 0


def test_who_keeps_fewer_neighbours_is_darker(looked):
    overlap = np.linspace(0, 1, 90)
    graded = dataclasses.replace(
        looked, embedding=dataclasses.replace(looked.embedding, neighbor_overlap=overlap)
    )
    axes = draw.at_home(graded).axes[0]
    place = {tuple(point): row for row, point in enumerate(graded.embedding.aligned[0].astype(float))}
    seen = np.empty(90)
    for line in axes.lines:
        for point in zip(*line.get_data()):
            seen[place[point]] = np.dot(line.get_markerfacecolor()[:3], [0.2126, 0.7152, 0.0722])
    assert (np.diff(seen) >= 0).all() and len(np.unique(seen.round(6))) == draw.STEPS


def test_two_runs_show_the_same_rows_turned_to_each_other(looked):
    turned = looked.embedding.coordinates.copy()
    turned[1] = turned[0] @ np.array([[0, 3.0], [3.0, 0]]) + 7  # mirrored, grown, moved: no disagreement
    turned[1, 5] += [30, 0]
    odd = dataclasses.replace(looked, embedding=dataclasses.replace(looked.embedding, coordinates=turned))
    left, right = draw.two_runs(odd, 0, 1).axes
    assert len(markers(left)) == len(markers(right)) == 90
    ways = draw.moved(odd.embedding, 0, 1)
    assert ways.argmax() == 5 and np.median(ways) < 0.3 * ways[5]
    lines = next(line for line in right.lines if line.get_linestyle() != "None")
    starts = np.column_stack(lines.get_data())[::3]
    assert len(starts) == draw.n_lines(90) == 9
    np.testing.assert_allclose(starts[0], odd.embedding.aligned[0, 5])
    assert len(markers(left, markerfacecolor=SURFACE)) == 9
    assert not [line for line in left.lines if line.get_linestyle() != "None"]


def test_a_poor_fit_does_not_shrink_a_map(looked):
    rng = np.random.default_rng(0)
    unlike = rng.normal(size=(2, 90, 2)).astype(np.float32)
    embedding = dataclasses.replace(looked.embedding, coordinates=unlike, aligned=unlike)
    first, second, _ = draw._ways(embedding, 0, 1)
    assert np.linalg.norm(second - second.mean(axis=0)) == pytest.approx(
        np.linalg.norm(first - first.mean(axis=0))
    )


def test_without_being_asked_the_two_runs_that_differ_most_are_drawn(looked):
    same = np.repeat(looked.embedding.coordinates[:1], 4, axis=0)
    same[2] = np.random.default_rng(0).permutation(same[2])
    embedding = dataclasses.replace(looked.embedding, coordinates=same, aligned=same)
    assert 2 in draw.pair(embedding)
    assert draw.pair(embedding, 3, 1) == (3, 1)


@pytest.mark.parametrize("pair", [(0, 4), (-1, 2), (1, 1), (0, None), (0.5, 1)])
def test_runs_that_are_not_there_are_refused(looked, pair):
    with pytest.raises(SettingError, match="of two_runs must be"):
        plot.two_runs(looked, *pair)


def test_a_single_run_has_nothing_beside_it(looked):
    alone = dataclasses.replace(looked.embedding, aligned=looked.embedding.aligned[:1])
    with pytest.raises(SettingError, match="at least 2 runs"):
        draw.pair(alone)


def test_each_run_has_its_dot_of_trustworthiness_and_continuity(looked):
    axes = draw.faithfulness(looked.embedding).axes[0]
    dots = markers(axes)
    np.testing.assert_allclose(dots[:4, 0], looked.embedding.trustworthiness)
    np.testing.assert_allclose(dots[4:, 0], looked.embedding.continuity)
    assert axes.get_xlim()[0] < 0.5, "what a random picture has stands in the strip"


def test_words_stay_inside_of_the_figures(looked):
    for figure in (
        draw.agreement(looked.clustering),
        draw.groups(looked.clustering, names={"0": "a name that is much too long to be written out"}),
        draw.at_home(looked),
        draw.two_runs(looked),
        draw.faithfulness(looked.embedding),
    ):
        figure.canvas.draw()
        for axes in figure.axes:
            labels = axes.get_xticklabels() if axes.xaxis.get_tick_params()["labelbottom"] else []
            for text in [*axes.texts, *labels]:
                box = text.get_window_extent()
                assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1, text.get_text()
                assert box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1, text.get_text()


def test_many_rows_are_drawn_as_a_picture_and_few_lines(looked):
    n = draw.DENSE + 1
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, n, 2)).astype(np.float32)
    embedding = dataclasses.replace(
        looked.embedding, coordinates=maps, aligned=maps, neighbor_overlap=rng.random(n)
    )
    many = dataclasses.replace(
        looked, embedding=embedding, shown=np.arange(n), cut=np.zeros(n, np.int32), k=1
    )
    many = dataclasses.replace(many, sample=np.arange(n).astype(str))
    for figure, marked in (
        (draw.at_home(many), wandering(embedding.neighbor_overlap, 15).sum()),
        (draw.two_runs(many), 2 * 150),
    ):
        drawn = svg(figure, salt="a", label="")
        assert "<image" in drawn and marked <= len(re.findall("<use", drawn)) < marked + 50
    assert draw.n_lines(10**6) == draw.LINES
    assert wandering(embedding.neighbor_overlap, embedding.k).sum() > 100


def test_a_crowd_of_wanderers_does_not_hide_the_others(looked):
    n = 4 * draw.DENSE
    maps = np.random.default_rng(0).normal(size=(2, n, 2)).astype(np.float32)
    overlap = np.where(np.arange(n) < n // 2, 0.1, 0.9)
    embedding = dataclasses.replace(
        looked.embedding, coordinates=maps, aligned=maps, neighbor_overlap=overlap
    )
    crowd = dataclasses.replace(
        looked,
        embedding=embedding,
        shown=np.arange(n),
        cut=np.zeros(n, np.int32),
        sample=np.arange(n).astype(str),
    )
    figure = draw.at_home(crowd)
    (dots,) = figure.axes[0].collections
    dark = dots.get_facecolors()[:, 0] < 0.5
    assert dark.sum() == n // 2
    assert 0.4 < dark[: n // 4].mean() < 0.6, "in random order"
    np.testing.assert_allclose(
        np.sort(dots.get_offsets()[dark][:, 0]), np.sort(maps[0, : n // 2, 0]), rtol=1e-6
    )
    assert f"{n // 2:,} of {n:,} rows wander" in figure.axes[-1].texts[0].get_text()


def test_figures_are_found_by_their_names(looked):
    assert svg(plot.two_runs(looked, 0, 3), salt="a", label="").startswith("<svg")
    assert plot.at_home is draw.at_home
    with pytest.raises(AttributeError, match="did you mean|Did you mean"):
        plot.two_run  # noqa: B018


def test_without_groups_no_group_colour_is_used(looked):
    none = dataclasses.replace(looked, k=0)
    for axes in (draw.at_home(none).axes[0], *draw.two_runs(none).axes):
        assert not [line for line in axes.lines if line.get_markeredgecolor() in GROUPS]
