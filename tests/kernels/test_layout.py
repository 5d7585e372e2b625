"""The kernels of UMAP against closed forms and a slow twin."""

from __future__ import annotations

import numpy as np
import pytest

from clew.explore.affinities import curve_parameters
from clew.kernels.layout import (
    EDGES_AT_ONCE,
    attraction,
    draw,
    first_state,
    next_state,
    place_points,
    repulsion,
    smooth_distances,
    umap_layouts,
)

A, B = CURVE = 1.577, 0.895


def closed_attraction(squared, a=A, b=B):
    return -2 * a * b * squared ** (b - 1) / (1 + a * squared**b)


def closed_repulsion(squared, a=A, b=B):
    return 2 * b / ((0.001 + squared) * (1 + a * squared**b))


def a_graph(n, seed=0):
    """Return starts, tails and weights of a random symmetric graph without loops."""
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.3), 1)
    weights = (weights + weights.T) / weights.max()
    starts = np.concatenate([[0], np.cumsum((weights > 0).sum(axis=1))]).astype(np.int32)
    return starts, np.nonzero(weights)[1].astype(np.int32), weights[weights > 0]


def slow_draws(state, n, count):
    """Draw numbers below n, two from each state of the generator; return them and the last state."""
    drawn = []
    while len(drawn) < count:
        state = np.uint64(next_state(state))
        drawn += [(int(state) >> 32) * n >> 32, (int(state) & 0xFFFFFFFF) * n >> 32]
    return drawn[:count], state


def slow_step(force, gap, rate):
    strength = np.float32(force(gap[0] * gap[0] + gap[1] * gap[1], np.float32(A), np.float32(B)))
    return rate * np.clip(strength * gap, np.float32(-4), np.float32(4))


def slow_layout(
    initial, starts, tails, weights, n_epochs, n_negatives, seed, *, repel=repulsion, at_once=EDGES_AT_ONCE
):
    """Follow the text of the algorithm, one number after the other."""
    points, n = initial.copy(), len(initial)
    states = [np.uint64(first_state(first_state(seed) ^ np.uint64(place))) for place in range(at_once)]
    ends = np.stack([np.repeat(np.arange(n), np.diff(starts)), tails], axis=1)
    next_due = 1 / weights
    for epoch in range(1, n_epochs):
        rate = np.float32(1 - (epoch - 1) / n_epochs)
        due = next_due <= epoch + 1e-9
        next_due[due] += 1 / weights[due]
        stretch = -(-due.sum() // at_once)
        for first in range(stretch):
            edges = ends[due][first::stretch]
            steps = [slow_step(attraction, points[head] - points[tail], rate) for head, tail in edges]
            for (head, tail), step in zip(edges, steps):
                points[head] += step
                points[tail] -= step
            seen = points.copy()
            for place in range(at_once):
                drawn, states[place] = slow_draws(states[place], n, n_negatives)
                if place < len(edges):
                    head = edges[place][0]
                    points[head] += slow_pushes(repel, seen[head], seen[drawn], rate)
    return points


def slow_pushes(repel, point, others, rate):
    total = np.zeros(2, np.float32)
    for other in others:
        total += slow_step(repel, point - other, rate)
    return total


@pytest.fixture
def problem():
    starts, tails, weights = a_graph(12)
    initial = np.random.default_rng(1).uniform(0, 10, (3, 12, 2)).astype(np.float32)
    return initial, starts, tails, weights


@pytest.mark.parametrize("min_dist", [0.0, 0.1, 0.5, 0.99])
def test_forces_miss_the_closed_form_by_less_than_a_ten_thousandth(min_dist):
    a, b = curve_parameters(min_dist)
    squared = (2.0 ** np.random.default_rng(0).uniform(-24, 24, 4000)).astype(np.float32)
    for force, closed in ((attraction, closed_attraction), (repulsion, closed_repulsion)):
        found = np.array([force(s, np.float32(a), np.float32(b)) for s in squared])
        np.testing.assert_allclose(found, closed(squared.astype(np.float64), a, b), rtol=1e-4)
        mutant = closed(squared.astype(np.float64), a, 1.001 * b)
        assert np.abs(found / mutant - 1).max() > 1e-4


@pytest.mark.parametrize("force", [attraction, repulsion])
def test_forces_at_no_distance_and_at_huge_ones_are_finite_and_those_of_the_nearest_that_count(force):
    at = lambda squared: force(np.float32(squared), np.float32(A), np.float32(B))  # noqa: E731
    assert at(0.0) == at(1e-30) == at(2.0**-24) != at(2.0**-23)
    assert at(np.inf) == at(1e30) == at(2.0**24) != at(2.0**23)
    assert np.isfinite([at(0.0), at(np.inf)]).all()


def test_memberships_of_a_row_add_up_to_log2_of_its_neighbours():
    distances = np.sort(np.random.default_rng(0).random((50, 14)).astype(np.float32), axis=1)
    nearest, bandwidth = smooth_distances(distances, 15, True)
    np.testing.assert_array_equal(nearest, distances[:, 0])
    total = np.exp(-(distances - nearest[:, None]) / bandwidth[:, None]).sum(axis=1)
    np.testing.assert_allclose(total, np.log2(15), atol=1e-4)
    mutant = np.exp(-(distances - nearest[:, None]) / (1.01 * bandwidth[:, None])).sum(axis=1)
    assert np.abs(mutant - np.log2(15)).min() > 1e-4


def test_the_first_distance_above_zero_is_the_nearest():
    distances = np.array([[0, 0, 1, 2, 3], [0, 0, 0, 0, 0]], np.float32)
    nearest, bandwidth = smooth_distances(distances, 6, True)
    np.testing.assert_array_equal(nearest, [1, 0])
    assert np.all(np.isfinite(bandwidth)) and np.all(bandwidth > 0)


def test_layout_equals_its_slow_twin_bit_for_bit(problem):
    initial, starts, tails, weights = problem
    fast = umap_layouts(initial[:1], starts, tails, weights, CURVE, 12, 5, np.array([7]))[0]
    np.testing.assert_array_equal(fast, slow_layout(initial[0], starts, tails, weights, 12, 5, 7))
    assert np.abs(fast - initial[0]).max() > 1
    weaker = lambda *at: 0.999 * repulsion(*at)  # noqa: E731
    for mutant in ({"seed": 8}, {"repel": weaker}, {"n_negatives": 4}, {"at_once": 7}):
        other = slow_layout(initial[0], starts, tails, weights, 12, **{"n_negatives": 5, "seed": 7, **mutant})
        assert np.abs(fast - other).max() > 1e-3, mutant


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_graphs_with_fewer_edges_than_are_taken_at_once_equal_the_slow_twin(n):
    weights = np.ones((n, n)) - np.eye(n)
    starts = np.arange(n + 1, dtype=np.int32) * (n - 1)
    tails = np.nonzero(weights)[1].astype(np.int32)
    initial = np.random.default_rng(n).uniform(0, 10, (1, n, 2)).astype(np.float32)
    graph = (starts, tails, np.ones(tails.size))
    fast = umap_layouts(initial, *graph, CURVE, 6, 5, np.array([7]))[0]
    np.testing.assert_array_equal(fast, slow_layout(initial[0], *graph, 6, 5, 7))


@pytest.mark.parametrize("n_runs", [1, 7, 8, 10])
def test_a_run_has_the_same_bits_in_any_company(n_runs):
    starts, tails, weights = a_graph(40)
    initial = np.random.default_rng(1).uniform(0, 10, (10, 40, 2)).astype(np.float32)
    seeds = np.array([3, 1, 2, 0, 11, 5, 9, 8, 4, 6])
    together = umap_layouts(initial, starts, tails, weights, CURVE, 100, 5, seeds)
    fewer = np.arange(10)[::-1][:n_runs]
    some = umap_layouts(initial[fewer], starts, tails, weights, CURVE, 100, 5, seeds[fewer])
    np.testing.assert_array_equal(some, together[fewer])
    mutant = umap_layouts(initial[fewer] + 1e-5, starts, tails, weights, CURVE, 100, 5, seeds[fewer])
    assert np.abs(mutant - some).max() > 1e-3  # a difference in the sixth digit would show


def test_seeds_differ_and_the_caller_keeps_the_beginning(problem):
    initial, starts, tails, weights = problem
    before, same = initial.copy(), np.repeat(initial[:1], 3, axis=0)
    runs = umap_layouts(same, starts, tails, weights, CURVE, 200, 5, np.array([0, 1, 0]))
    np.testing.assert_array_equal(runs[0], runs[2])
    assert np.abs(runs[0] - runs[1]).max() > 0.1
    np.testing.assert_array_equal(initial, before)


def slow_place(point, reference, near, weights, n_epochs, n_negatives, state):
    point = point.copy()
    for epoch in range(1, n_epochs):
        rate = np.float32(1 - (epoch - 1) / n_epochs)
        for tail, weight in zip(near, weights):
            if int(epoch * weight) > int((epoch - 1) * weight):
                point += slow_step(attraction, point - reference[tail], rate)
                drawn, state = slow_draws(state, len(reference), n_negatives)
                point += slow_pushes(repulsion, point, reference[drawn], rate)
    return point


def test_new_points_equal_their_slow_twins_in_any_company():
    rng = np.random.default_rng(0)
    reference = rng.uniform(0, 10, (30, 2)).astype(np.float32)
    near = np.argsort(rng.random((20, 30)))[:, :4].astype(np.int32)
    weights = rng.uniform(0.1, 1, (20, 4))
    initial = reference[near].mean(axis=1)

    def placed(part, first):
        return place_points(initial[part], reference, near[part], weights[part], CURVE, 10, 5, 3, first)

    for part in (slice(0, 20), slice(0, 1), slice(3, 20)):
        found = placed(part, 100 + part.start)
        for i in range(part.start, part.stop):
            state = np.uint64(first_state(first_state(3) ^ np.uint64(100 + i)))
            twin = slow_place(initial[i], reference, near[i], weights[i], 10, 5, state)
            np.testing.assert_array_equal(found[i - part.start], twin)
    assert np.abs(placed(slice(0, 20), 101) - placed(slice(0, 20), 100)).min() > 0  # the mutant: other draws


def test_draws_are_those_of_their_slow_twin():
    states = np.array([first_state(seed) for seed in range(3)], np.uint64)
    drawn = np.zeros((5, 3), np.uint64)
    again = states.copy()
    draw(again, 1000, drawn)
    for lane in range(3):
        numbers, state = slow_draws(states[lane], 1000, 5)
        np.testing.assert_array_equal(drawn[:, lane], numbers)
        assert again[lane] == state


def chi_squared(counts):
    expected = counts.sum() / counts.size
    return np.sum((counts - expected) ** 2 / expected)


def test_random_draws_are_uniform_and_independent_and_seeds_are_unlike():
    states = np.array([first_state(seed) for seed in range(1000)], np.uint64)
    assert len(set(states.tolist())) == 1000
    assert 0 not in states
    drawn = np.zeros((40, 1000), np.uint64)
    draw(states, 10, drawn)
    upper, lower = drawn[::2].ravel().astype(np.int64), drawn[1::2].ravel().astype(np.int64)
    for numbers in (upper, lower):
        assert chi_squared(np.bincount(numbers, minlength=10)) < 27.9  # 9 degrees of freedom, p = 0.001
    for one, other in ((upper, lower), (lower[:-1000], upper[1000:]), (upper[:-1], upper[1:])):
        assert chi_squared(np.bincount(10 * one + other, minlength=100)) < 148.2  # 99 degrees, p = 0.001
    assert (
        chi_squared(np.bincount(10 * upper + (upper + lower // 9) % 10, minlength=100)) > 148.2
    )  # the mutant
