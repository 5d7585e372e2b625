"""The kernels of UMAP against closed forms and a slow twin."""

from __future__ import annotations

import numpy as np
import pytest

from clew.kernels.layout import (
    first_state,
    force,
    force_tables,
    next_state,
    smooth_distances,
    umap_layouts,
)

A, B = 1.577, 0.895
TABLES = force_tables(A, B)


def attraction(squared):
    return -2 * A * B * squared ** (B - 1) / (1 + A * squared**B)


def repulsion(squared):
    return 2 * B / ((0.001 + squared) * (1 + A * squared**B))


def a_graph(n, seed=0):
    """Return starts, tails and weights of a random symmetric graph without loops."""
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.3), 1)
    weights = (weights + weights.T) / weights.max()
    starts = np.concatenate([[0], np.cumsum((weights > 0).sum(axis=1))]).astype(np.int32)
    return starts, np.nonzero(weights)[1].astype(np.int32), weights[weights > 0]


def slow_layout(initial, starts, tails, weights, n_epochs, n_negatives, seed, *, push=1.0):
    """Follow the text of the algorithm in float64, without tables."""
    points, state = initial.astype(np.float64), np.uint64(first_state(seed))
    n = len(points)
    due = 1 / weights
    for epoch in range(1, n_epochs):
        rate = 1 - (epoch - 1) / n_epochs
        for head in range(n):
            for edge in range(starts[head], starts[head + 1]):
                if due[edge] > epoch + 1e-9:
                    continue
                due[edge] += 1 / weights[edge]
                gap = points[head] - points[tails[edge]]
                step = rate * np.clip(attraction(gap @ gap) * gap, -4, 4)
                points[head] += step
                points[tails[edge]] -= step
                moves = np.zeros(2)
                for _ in range(n_negatives):
                    state = np.uint64(next_state(state))
                    gap = points[head] - points[(int(state) >> 32) * n >> 32]
                    moves += np.clip(push * repulsion(gap @ gap) * gap, -4, 4)
                points[head] += rate * moves
    return points


@pytest.fixture
def problem():
    starts, tails, weights = a_graph(12)
    initial = np.random.default_rng(1).uniform(0, 10, (3, 12, 2)).astype(np.float32)
    return initial, starts, tails, weights


def test_tabulated_forces_miss_the_closed_form_by_less_than_two_ten_thousandths():
    squared = (2.0 ** np.random.default_rng(0).uniform(-23, 23, 4000)).astype(np.float32)
    for table, closed in zip(TABLES, (attraction, repulsion)):
        read = np.array([force(table, s) for s in squared])
        np.testing.assert_allclose(read, closed(squared.astype(np.float64)), rtol=2e-4)


def test_without_interpolation_the_tables_would_miss():
    squared = np.float32(1 + 1 / 128)  # between two steps
    step = int(np.log2(2.0**24)) * 64
    assert abs(TABLES[1][step] / repulsion(float(squared)) - 1) > 1e-3


@pytest.mark.parametrize("squared", [0.0, 1e-30, 1e30, np.inf, np.nan])
def test_forces_beyond_the_tables_are_finite_or_nan_and_never_read_elsewhere(squared):
    value = force(TABLES[1], np.float32(squared))
    assert np.isnan(value) or abs(value) <= np.abs(TABLES[1]).max() * 1.01


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


def test_layout_equals_its_slow_twin(problem):
    initial, starts, tails, weights = problem
    fast = umap_layouts(initial[:1], starts, tails, weights, TABLES, 12, 5, np.array([7]))[0]
    twin = slow_layout(initial[0], starts, tails, weights, 12, 5, 7)
    np.testing.assert_allclose(fast, twin, atol=2e-2)
    assert np.abs(fast - initial[0]).max() > 1
    for mutant in ({"seed": 8}, {"push": 0.9}, {"n_negatives": 4}):
        other = slow_layout(initial[0], starts, tails, weights, 12, **{"n_negatives": 5, "seed": 7, **mutant})
        assert np.abs(fast - other).max() > 0.1, mutant


def test_a_run_has_the_same_bits_in_any_company(problem):
    initial, starts, tails, weights = problem
    seeds = np.array([3, 1, 2])
    together = umap_layouts(initial, starts, tails, weights, TABLES, 200, 5, seeds)
    for run in range(3):
        alone = umap_layouts(
            initial[run : run + 1], starts, tails, weights, TABLES, 200, 5, seeds[run : run + 1]
        )
        np.testing.assert_array_equal(alone[0], together[run])


def test_seeds_differ_and_the_caller_keeps_the_beginning(problem):
    initial, starts, tails, weights = problem
    before, same = initial.copy(), np.repeat(initial[:1], 3, axis=0)
    runs = umap_layouts(same, starts, tails, weights, TABLES, 200, 5, np.array([0, 1, 0]))
    np.testing.assert_array_equal(runs[0], runs[2])
    assert np.abs(runs[0] - runs[1]).max() > 0.1
    np.testing.assert_array_equal(initial, before)


def test_random_draws_are_uniform_and_seeds_are_unlike():
    states = {int(first_state(seed)) for seed in range(1000)}
    assert len(states) == 1000
    assert 0 not in states
    draws = []
    for seed in range(20):
        state = np.uint64(first_state(seed))
        for _ in range(1000):
            state = np.uint64(next_state(state))
            draws.append((int(state) >> 32) * 10 >> 32)
    counts = np.bincount(draws, minlength=10)
    assert np.sum((counts - 2000) ** 2 / 2000) < 27.9  # chi-squared, 9 degrees of freedom, p = 0.001
