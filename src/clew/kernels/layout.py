"""The loops of UMAP: bandwidths of the fuzzy set, and the layout by stochastic gradient descent."""

from __future__ import annotations

import numpy as np
from numba import njit

BANDWIDTH_TOLERANCE = 1e-8
BANDWIDTH_STEPS = 64
LEAST_BANDWIDTH = 1e-3

# Forces are read from tables over the squared distance: 64 steps an octave, linear in between.
LOWEST_OCTAVE, HIGHEST_OCTAVE, STEP_BITS = -24, 24, 6
_FIRST_STEP = (127 + LOWEST_OCTAVE) << STEP_BITS
_FRACTION_BITS = np.uint32(23 - STEP_BITS)
_FRACTION_MASK = np.uint32((1 << (23 - STEP_BITS)) - 1)
_FRACTION_UNIT = np.float32(2.0 ** (STEP_BITS - 23))
_LONGEST_STEP = np.float32(4.0)


@njit(cache=True, nogil=True)
def smooth_distances(distances, n_neighbors, connected):
    """Distance to the nearest neighbour and bandwidth of each row's fuzzy set.

    ``distances`` (n_rows, n_others) of float32 rise along each row and leave out the row itself. If ``connected``,
    memberships count from the nearest neighbour on, which then has membership 1; from 0 otherwise. Returns ``nearest`` and ``bandwidth``, both (n_rows,) of float32: the
    memberships ``exp(-max(0, distance - nearest) / bandwidth)`` of a row add up to ``log2(n_neighbors)``.
    """
    n_rows, n_others = distances.shape
    target = np.log2(n_neighbors)
    nearest = np.zeros(n_rows, np.float32)
    bandwidth = np.zeros(n_rows, np.float32)
    row_mean = np.zeros(n_rows)
    for i in range(n_rows):
        row_mean[i] = distances[i].sum() / n_neighbors
    mean = row_mean.mean()
    for i in range(n_rows):
        for j in range(n_others):
            if connected and distances[i, j] > 0:
                nearest[i] = distances[i, j]
                break
        low, high, middle = 0.0, np.inf, 1.0
        for _ in range(BANDWIDTH_STEPS):
            total = 0.0
            for j in range(n_others):
                beyond = distances[i, j] - nearest[i]
                total += np.exp(-beyond / middle) if beyond > 0 else 1.0
            if abs(total - target) < BANDWIDTH_TOLERANCE:
                break
            if total > target:
                high = middle
            else:
                low = middle
            middle = (low + high) / 2 if high < np.inf else 2 * middle
        least = LEAST_BANDWIDTH * (row_mean[i] if nearest[i] > 0 or not connected else mean)
        bandwidth[i] = max(middle, least)
    return nearest, bandwidth


def force_tables(a, b):
    """Tabulate the forces of the curve ``1 / (1 + a * distance ** (2 * b))``: (2, n_steps + 1) of float32.

    Row 0 attracts, row 1 repels; both are multiplied by the difference of two points. Interpolated, they miss
    the closed form by less than 2e-4 of it.
    """
    steps = np.arange(((HIGHEST_OCTAVE - LOWEST_OCTAVE) << STEP_BITS) + 1)
    octave, step = steps >> STEP_BITS, steps & ((1 << STEP_BITS) - 1)
    squared = 2.0 ** (octave + LOWEST_OCTAVE) * (1 + step / (1 << STEP_BITS))
    attraction = -2 * a * b * squared ** (b - 1) / (1 + a * squared**b)
    repulsion = 2 * b / ((0.001 + squared) * (1 + a * squared**b))
    return np.stack([attraction, repulsion]).astype(np.float32)


@njit(cache=True, nogil=True)
def force(table, squared):
    """Read the force at a squared distance (float32); the bits of a float are a logarithmic scale."""
    bits = np.float32(squared).view(np.uint32)
    step = min(max(np.int64(bits >> _FRACTION_BITS) - _FIRST_STEP, 0), table.size - 2)
    place = np.uint64(step)  # unsigned: it cannot count from the end, which saves a fifth of the time
    fraction = np.float32(np.int32(bits & _FRACTION_MASK)) * _FRACTION_UNIT
    return table[place] + fraction * (table[place + np.uint64(1)] - table[place])


@njit(cache=True, nogil=True)
def _clip(value):
    return min(max(value, -_LONGEST_STEP), _LONGEST_STEP)


@njit(cache=True, nogil=True)
def first_state(seed):
    """Spread a seed over the 64 bits of the generator's state (splitmix64; never 0)."""
    state = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (state ^ (state >> np.uint64(31))) | np.uint64(1)


@njit(cache=True, nogil=True)
def next_state(state):
    """Advance the generator (xorshift64, Marsaglia 2003, doi:10.18637/jss.v008.i14)."""
    state ^= state << np.uint64(13)
    state ^= state >> np.uint64(7)
    return state ^ (state << np.uint64(17))


@njit(cache=True, nogil=True)
def umap_layouts(initial, starts, tails, weights, tables, n_epochs, n_negatives, seeds):
    """Lay a fuzzy graph out in the plane, once a seed; a seed gives the same bits in any company.

    Runs never touch each other's points, but take turns at each edge: one run waits for the arithmetic of its
    last step most of the time, and eight in turn cost little more than two.

    Parameters: ``initial`` (n_runs, n, 2) float32; the graph by rows as ``starts`` (n + 1,) and ``tails``
    (n_edges,) of int32 without loops; ``weights`` (n_edges,) float64, 1 for the strongest: the share of epochs in
    which an edge pulls; ``tables`` of `force_tables`; ``seeds`` (n_runs,) int64. Each pull of an edge is answered
    by ``n_negatives`` pushes from points drawn at random. Returns (n_runs, n, 2) float32.
    """
    points = initial.copy()
    n_runs, n, _ = points.shape
    attraction, repulsion = tables[0], tables[1]
    states = np.empty(n_runs, np.uint64)
    for run in range(n_runs):
        states[run] = first_state(seeds[run])
    for epoch in range(1, n_epochs):
        rate = np.float32(1.0 - (epoch - 1) / n_epochs)
        for head in range(n):
            for edge in range(starts[head], starts[head + 1]):
                if np.int64(epoch * weights[edge]) == np.int64((epoch - 1) * weights[edge]):
                    continue
                for run in range(n_runs):
                    _pull(points[run], head, tails[edge], attraction, rate)
                for run in range(n_runs):
                    states[run] = _push(points[run], head, states[run], n_negatives, repulsion, rate)
    return points


@njit(cache=True, nogil=True)
def _pull(points, head, tail, attraction, rate):
    dx, dy = points[head, 0] - points[tail, 0], points[head, 1] - points[tail, 1]
    pull = force(attraction, dx * dx + dy * dy)
    step_x, step_y = rate * _clip(pull * dx), rate * _clip(pull * dy)
    points[head, 0] += step_x
    points[head, 1] += step_y
    points[tail, 0] -= step_x
    points[tail, 1] -= step_y


@njit(cache=True, nogil=True)
def _push(points, head, state, n_negatives, repulsion, rate):
    """Push one point away from others drawn at random, all seen from where it stands; return the generator's state.

    (One after the other, as umap-learn has it, each push would wait for the last: 3 times slower.)
    """
    x, y = points[head, 0], points[head, 1]
    move_x = move_y = np.float32(0)
    for _ in range(n_negatives):
        state = next_state(state)
        other = ((state >> np.uint64(32)) * np.uint64(points.shape[0])) >> np.uint64(32)
        dx, dy = x - points[other, 0], y - points[other, 1]
        push = force(repulsion, dx * dx + dy * dy)
        move_x += _clip(push * dx)
        move_y += _clip(push * dy)
    points[head, 0] = x + rate * move_x
    points[head, 1] = y + rate * move_y
    return state


@njit(cache=True, nogil=True)
def place_points(initial, reference, near, weights, tables, n_epochs, n_negatives, seed, first):
    """Lay new points among finished ones, which stay where they are; each new point by itself.

    ``initial`` (n_new, 2) float32; ``reference`` (n, 2) float32; ``near`` (n_new, k) int32 rows of ``reference`` and
    ``weights`` (n_new, k) float64, 1 for the strongest: the share of epochs in which an edge pulls; ``tables`` of
    `force_tables`. Point i draws its numbers by ``seed`` and ``first + i``, so that it has the same bits in any
    company. Returns (n_new, 2) float32.
    """
    points = initial.copy()
    attraction, repulsion = tables[0], tables[1]
    for i in range(points.shape[0]):
        state = first_state(first_state(seed) ^ np.uint64(first + i))
        x, y = points[i, 0], points[i, 1]
        for epoch in range(1, n_epochs):
            rate = np.float32(1.0 - (epoch - 1) / n_epochs)
            for edge in range(near.shape[1]):
                weight = weights[i, edge]
                if np.int64(epoch * weight) == np.int64((epoch - 1) * weight):
                    continue
                dx, dy = x - reference[near[i, edge], 0], y - reference[near[i, edge], 1]
                pull = force(attraction, dx * dx + dy * dy)
                x += rate * _clip(pull * dx)
                y += rate * _clip(pull * dy)
                move_x = move_y = np.float32(0)
                for _ in range(n_negatives):
                    state = next_state(state)
                    other = ((state >> np.uint64(32)) * np.uint64(reference.shape[0])) >> np.uint64(32)
                    dx, dy = x - reference[other, 0], y - reference[other, 1]
                    push = force(repulsion, dx * dx + dy * dy)
                    move_x += _clip(push * dx)
                    move_y += _clip(push * dy)
                x += rate * move_x
                y += rate * move_y
        points[i, 0], points[i, 1] = x, y
    return points
