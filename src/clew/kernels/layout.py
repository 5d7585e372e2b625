"""The loops of UMAP: bandwidths of the fuzzy set, and the layout by stochastic gradient descent."""

from __future__ import annotations

import numpy as np
from numba import njit

BANDWIDTH_TOLERANCE = 1e-8
BANDWIDTH_STEPS = 64
LEAST_BANDWIDTH = 1e-3

LONGEST_STEP = np.float32(4.0)
SHORTEST, FARTHEST = np.float32(2.0**-24), np.float32(2.0**24)  # squared distances beyond count as these
EDGES_AT_ONCE = 4  # more would be faster, and part known groups of MNIST less clearly (silhouette 0.452 for 8, 0.457 for 4, 0.461 for 1)
LANES = 16  # buffers are as long as whole vectors of any machine, so that no loop has a slow rest

# log2 on [1, 2) to 1.3e-5 (less 127, the offset of a float's exponent), 2^x on [-1/2, 1/2] to 2.6e-6 of itself: minimax.
_LOG2 = tuple(np.array([-129.80036, 5.0917103, -3.5507922, 1.6311483, -0.41656353, 0.04487359], np.float32))
_EXP2 = tuple(np.array([0.99999926, 0.69312181, 0.24024745, 0.05591786, 0.0095701], np.float32))
_FRACTION, _ONE, _FRACTION_BITS = np.uint32(0x7FFFFF), np.uint32(0x3F800000), np.uint32(23)
_ROUNDING = np.float32(1.5 * 2.0**23)  # a float plus this has no digits behind the point
_LOW_HALF, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


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


# ---- forces ----
# A loop becomes vector instructions if nothing in it can raise (hence the error model) and its numbers lie side by
# side; for the same reason a point is one complex number, and places are unsigned: they cannot count from the end.
# No sum is reordered and no product fused into one, so the bits are the same for vectors of any width.
@njit(cache=True, nogil=True, error_model="numpy")
def _power(base, exponent):
    """Raise a positive float32 to a power: 2 to the exponent times its logarithm, each a polynomial."""
    bits = np.float32(base).view(np.uint32)
    octave = np.float32(np.int32(bits >> _FRACTION_BITS))
    x = np.uint32((bits & _FRACTION) | _ONE).view(np.float32)
    log2 = _LOG2[0] + x * (_LOG2[1] + x * (_LOG2[2] + x * (_LOG2[3] + x * (_LOG2[4] + x * _LOG2[5]))))
    power = exponent * (octave + log2)
    rounded = power + _ROUNDING  # its last bits are the integer
    x = power - (rounded - _ROUNDING)
    exp2 = _EXP2[0] + x * (_EXP2[1] + x * (_EXP2[2] + x * (_EXP2[3] + x * _EXP2[4])))
    octaves = np.uint32(np.float32(rounded).view(np.uint32) << _FRACTION_BITS)
    return np.uint32(np.float32(exp2).view(np.uint32) + octaves).view(np.float32)


@njit(cache=True, nogil=True, error_model="numpy")
def attraction(squared, a, b):
    """Force between neighbours by the curve ``1 / (1 + a * distance ** (2 * b))``; multiplies their difference."""
    squared = min(max(squared, SHORTEST), FARTHEST)
    power = _power(squared, b)
    return np.float32(-2) * a * b * power / (squared * (np.float32(1) + a * power))


@njit(cache=True, nogil=True, error_model="numpy")
def repulsion(squared, a, b):
    """Force between any two points by the same curve; miss the closed form, as `attraction` does, by under 1e-4."""
    squared = min(max(squared, SHORTEST), FARTHEST)
    return np.float32(2) * b / ((np.float32(0.001) + squared) * (np.float32(1) + a * _power(squared, b)))


@njit(cache=True, nogil=True, error_model="numpy")
def _step(force, gap, rate):
    x = min(max(force * gap.real, -LONGEST_STEP), LONGEST_STEP)
    y = min(max(force * gap.imag, -LONGEST_STEP), LONGEST_STEP)
    return complex(rate * x, rate * y)


@njit(cache=True, nogil=True, error_model="numpy")
def _attract(gaps, rates, a, b):
    """Turn gaps between neighbours (width,) into steps of the first towards the second."""
    for i in range(gaps.size):
        gap = gaps[i]
        gaps[i] = _step(attraction(gap.real * gap.real + gap.imag * gap.imag, a, b), gap, rates[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _repel(here, others, rates, a, b, steps):
    """Add up the steps (width,) of points ``here`` (width,) away from ``others`` (n_negatives, width).

    (One after the other, as umap-learn has it, each push would wait for the last: 3 times slower.)
    """
    steps[:] = 0
    for j in range(others.shape[0]):
        for i in range(others.shape[1]):
            gap = here[i] - others[j, i]
            steps[i] += _step(repulsion(gap.real * gap.real + gap.imag * gap.imag, a, b), gap, rates[i])


# ---- chance ----
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
def draw(states, n, drawn):
    """Fill ``drawn`` (n_negatives, width) of uint64 with numbers below ``n``, two from each new state (width,)."""
    n = np.uint64(n)
    for j in range(0, drawn.shape[0], 2):
        for i in range(drawn.shape[1]):
            states[i] = next_state(states[i])
            drawn[j, i] = (states[i] >> _HALF) * n >> _HALF
        if j + 1 < drawn.shape[0]:
            for i in range(drawn.shape[1]):
                drawn[j + 1, i] = (states[i] & _LOW_HALF) * n >> _HALF


# ---- layouts ----
@njit(cache=True, nogil=True)
def umap_layouts(initial, starts, tails, weights, curve, n_epochs, n_negatives, seeds):
    """Lay a fuzzy graph out in the plane, once a seed; a seed gives the same bits in any company.

    All runs go along the edges together, at four places of the graph at once: 40 forces of 10 runs are a few vector
    instructions, where each by itself would wait for the last. What an edge does is seen at the other places from
    their next edge on.

    Parameters: ``initial`` (n_runs, n, 2) float32; the graph by rows as ``starts`` (n + 1,) and ``tails``
    (n_edges,) of int32 without loops; ``weights`` (n_edges,) float64, 1 for the strongest: the share of epochs in
    which an edge pulls; ``curve``: a and b of `attraction`; ``seeds`` (n_runs,) int64. Each pull of an edge is
    answered by ``n_negatives`` pushes from points drawn at random. Returns (n_runs, n, 2) float32.
    """
    n_runs, n, _ = initial.shape
    points = np.empty((n, n_runs), np.complex64)
    for run in range(n_runs):
        for i in range(n):
            points[i, run] = complex(initial[run, i, 0], initial[run, i, 1])
    width = -(-EDGES_AT_ONCE * n_runs // LANES) * LANES
    states = np.zeros(width, np.uint64)
    for place in range(EDGES_AT_ONCE):
        for run in range(n_runs):
            states[place * n_runs + run] = first_state(first_state(seeds[run]) ^ np.uint64(place))
    heads, others = np.empty_like(tails), np.empty_like(tails)
    for epoch in range(1, n_epochs):
        rate = np.float32(1.0 - (epoch - 1) / n_epochs)
        n_due = _due_edges(starts, tails, weights, epoch, heads, others)
        _one_epoch(points, heads[:n_due], others[:n_due], states, n_negatives, curve, rate)
    result = np.empty_like(initial)
    for run in range(n_runs):
        for i in range(n):
            result[run, i, 0], result[run, i, 1] = points[i, run].real, points[i, run].imag
    return result


@njit(cache=True, nogil=True)
def _is_due(epoch, weight):
    return np.int64(epoch * weight) != np.int64((epoch - 1) * weight)


@njit(cache=True, nogil=True)
def _due_edges(starts, tails, weights, epoch, due_heads, due_tails):
    """Write both ends of the edges that pull in an epoch; return how many."""
    n_due = 0
    for head in range(starts.size - 1):
        for edge in range(starts[head], starts[head + 1]):
            due_heads[n_due], due_tails[n_due] = head, tails[edge]
            n_due += _is_due(epoch, weights[edge])  # no branch: chance cannot be predicted
    return n_due


@njit(cache=True, nogil=True)
def _one_epoch(points, heads, tails, states, n_negatives, curve, rate):
    """Let every edge of a list pull and push once in all runs of ``points`` (n, n_runs), from four places of it on."""
    n, n_runs = points.shape
    lanes, width = EDGES_AT_ONCE * n_runs, states.size
    a, b = np.float32(curve[0]), np.float32(curve[1])
    rates = np.full(width, rate, np.float32)
    run_of = np.zeros(width, np.uint64)
    run_of[:lanes] = np.arange(lanes) % n_runs
    here, steps = np.zeros(width, np.complex64), np.zeros(width, np.complex64)
    place, step = here[:lanes].reshape(-1, n_runs), steps[:lanes].reshape(-1, n_runs)  # by edge and run
    drawn = np.zeros((n_negatives, width), np.uint64)
    others = np.zeros((n_negatives, width), np.complex64)

    stretch = -(-heads.size // EDGES_AT_ONCE)
    n_edges = EDGES_AT_ONCE
    for first in range(stretch):
        while first + (n_edges - 1) * stretch >= heads.size:
            n_edges -= 1  # the list ends within the last stretches
        for k in range(n_edges):
            head, tail = np.uint64(heads[first + k * stretch]), np.uint64(tails[first + k * stretch])
            for run in range(n_runs):
                step[k, run] = points[head, run] - points[tail, run]
        _attract(steps, rates, a, b)
        for k in range(n_edges):
            head, tail = np.uint64(heads[first + k * stretch]), np.uint64(tails[first + k * stretch])
            for run in range(n_runs):
                points[head, run] += step[k, run]
            for run in range(n_runs):
                points[tail, run] -= step[k, run]
        for k in range(n_edges):
            head = np.uint64(heads[first + k * stretch])
            for run in range(n_runs):
                place[k, run] = points[head, run]
        draw(states, n, drawn)
        _fetch(points, drawn, run_of, others)
        _repel(here, others, rates, a, b, steps)
        for k in range(n_edges):
            head = np.uint64(heads[first + k * stretch])
            for run in range(n_runs):
                points[head, run] += step[k, run]


@njit(cache=True, nogil=True)
def _fetch(points, drawn, run_of, others):
    """Copy drawn points, each of its lane's run, into ``others`` (n_negatives, width)."""
    n_runs = np.uint64(points.shape[1])
    source, target = points.reshape(points.size).view(np.uint64), others.view(np.uint64)  # x and y at once
    for j in range(drawn.shape[0]):
        for i in range(drawn.shape[1]):
            target[j, i] = source[drawn[j, i] * n_runs + run_of[i]]


@njit(cache=True, nogil=True)
def place_points(initial, reference, near, weights, curve, n_epochs, n_negatives, seed, first):
    """Lay new points among finished ones, which stay where they are; each new point by itself.

    ``initial`` (n_new, 2) float32; ``reference`` (n, 2) float32; ``near`` (n_new, k) int32 rows of ``reference`` and
    ``weights`` (n_new, k) float64, 1 for the strongest: the share of epochs in which an edge pulls; ``curve``: a and
    b of `attraction`. Point i draws its numbers by ``seed`` and ``first + i``, so that it has the same bits in any
    company. Returns (n_new, 2) float32.
    """
    n_new, k = near.shape
    a, b = np.float32(curve[0]), np.float32(curve[1])
    finished = np.empty((reference.shape[0], 1), np.complex64)
    for i in range(reference.shape[0]):
        finished[i, 0] = complex(reference[i, 0], reference[i, 1])
    states, no_runs = np.zeros(LANES, np.uint64), np.zeros(LANES, np.uint64)
    here, steps = np.zeros(LANES, np.complex64), np.zeros(LANES, np.complex64)
    drawn = np.zeros((n_negatives, LANES), np.uint64)
    others = np.zeros((n_negatives, LANES), np.complex64)
    neighbors = np.zeros((n_epochs * k, LANES), np.int32)
    rates = np.zeros((n_epochs * k, LANES), np.float32)

    placed = np.empty_like(initial)
    for begin in range(0, n_new, LANES):  # as many points at a time, each along its own edges
        count = min(LANES, n_new - begin)
        n_steps = 0
        rates[:] = 0
        for lane in range(count):
            i = begin + lane
            states[lane] = first_state(first_state(seed) ^ np.uint64(first + i))
            here[lane] = complex(initial[i, 0], initial[i, 1])
            n_due = _due_steps(near[i], weights[i], n_epochs, neighbors[:, lane], rates[:, lane])
            n_steps = max(n_steps, n_due)
        for step in range(n_steps):
            for lane in range(LANES):
                steps[lane] = here[lane] - finished[neighbors[step, lane], 0]
            _attract(steps, rates[step], a, b)
            for lane in range(LANES):
                here[lane] += steps[lane]
            draw(states, reference.shape[0], drawn)
            _fetch(finished, drawn, no_runs, others)
            _repel(here, others, rates[step], a, b, steps)
            for lane in range(LANES):
                here[lane] += steps[lane]
        for lane in range(count):
            placed[begin + lane, 0], placed[begin + lane, 1] = here[lane].real, here[lane].imag
    return placed


@njit(cache=True, nogil=True)
def _due_steps(near, weights, n_epochs, neighbors, rates):
    """Write whom a new point follows, and at which rate, step by step over all epochs; return how many steps."""
    n_due = 0
    for epoch in range(1, n_epochs):
        for edge in range(near.size):
            if _is_due(epoch, weights[edge]):
                neighbors[n_due], rates[n_due] = near[edge], 1.0 - (epoch - 1) / n_epochs
                n_due += 1
    return n_due
