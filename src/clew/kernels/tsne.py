"""The loops of t-SNE: affinities of a perplexity, and the layout by gradient descent.

The gradient on point i is ``sum over j of (p_ij * q_ij - q_ij ** 2 / Z) * (y_i - y_j)`` with
``q_ij = 1 / (1 + |y_i - y_j| ** 2)`` and ``Z`` the sum of q over all ordered pairs (its customary factor 4 is part
of the rate). Coordinates are kept by axis, (2, n) of float32. No compiled loop of the layout sums along the
processor's vectors, so that its bits do not depend on how wide they are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

PHASES = ((250, 12.0, 0.5), (500, 1.0, 0.8))  # steps, exaggeration, momentum
LONGEST_STEP = np.float32(5.0)
LEAST_GAIN = np.float32(0.01)
ENTROPY_TOLERANCE = 1e-10
ENTROPY_STEPS = 64

# The grid: the kernel's spectrum falls as exp(-wavenumber), so this spacing is fine enough for any number of points.
SPACING = 1 / 3
# The longer side has so many cells: spacing is halved for points that lie closer, doubled for those far apart.
FEWEST_CELLS, MOST_CELLS = 40, 2048
SUPPORT = 6  # nodes that a quintic spline reaches along an axis
ALIASED = 8  # nodes beyond twice the grid, where the periodic kernel may bend
LEAST_WIDTH = 1e-12
GRID_COST = (2e6, 600, 40)  # pairs that take as long as the grid takes at least, for a point, and for a node


@njit(cache=True, nogil=True)
def perplexity_weights(distances, perplexity):
    """Affinities of each row for its neighbours, (n_rows, k) of float64: a row adds up to 1.

    ``distances`` (n_rows, k) of float64 rise along each row. The affinities are ``exp(-precision * distance ** 2)``
    with the precision at which their entropy is ``log(perplexity)``; where more than that many neighbours are equally
    near, these share all.
    """
    n_rows, k = distances.shape
    weights = np.empty((n_rows, k))
    for i in range(n_rows):
        low, high = 0.0, np.inf
        beyond = distances[i] ** 2 - distances[i, 0] ** 2
        scale = beyond.mean()
        precision = 1 / scale if scale > 0 else 1.0
        for _ in range(ENTROPY_STEPS):
            weights[i] = np.exp(-precision * beyond)
            total = weights[i].sum()
            excess = np.log(total) + precision * (weights[i] * beyond).sum() / total - np.log(perplexity)
            if abs(excess) < ENTROPY_TOLERANCE:
                break
            if excess > 0:
                low = precision
            else:
                high = precision
            precision = (low + high) / 2 if high < np.inf else 2 * precision
        weights[i] /= total
    return weights


def tsne_layout(initial, starts, tails, weights):
    """Lay affinities out in the plane by openTSNE's schedule; the same bits in any company and on any threads.

    Parameters
    ----------
    initial : ndarray of float32, shape (n, 2)
        Where the points begin: about 1e-4 wide.
    starts, tails : ndarray of int32, shapes (n + 1,) and (n_edges,)
        The graph by rows, every pair once and no loops: the upper half of the symmetric affinities.
    weights : ndarray of float32, shape (n_edges,)
        Affinities; those of all pairs add up to 1/2. Only read: runs may share them.

    Returns
    -------
    ndarray of float32, shape (n, 2)

    Notes
    -----
    van der Maaten and Hinton, J. Machine Learning Research 9 (2008) 2579: exaggeration, momentum, and gains that grow
    by 0.2 while a coordinate keeps its direction and shrink by a fifth where it turns. Rate n / exaggeration: Belkina
    et al., Nature Communications 10 (2019) 5415, doi:10.1038/s41467-019-13055-y. Length of the phases and the longest
    step as in openTSNE (Poličar, Stražar, Zupan, J. Statistical Software 109 (2024), doi:10.18637/jss.v109.i03).
    """
    points = np.array(initial.T, dtype=np.float32, order="C")
    n = points.shape[1]
    pull, push, move = (np.zeros_like(points) for _ in range(3))
    gain = np.ones_like(points)
    repel = repel_pairs if n * n <= GRID_COST[0] else Repulsion(n)
    for n_steps, exaggeration, momentum in PHASES:
        for _ in range(n_steps):
            total = repel(points, push)
            attract(points, starts, tails, weights, pull)
            _descend(points, move, gain, pull, push, n, n / (exaggeration * total), momentum)
    return np.ascontiguousarray(points.T)


@njit(cache=True, nogil=True, error_model="numpy")
def attract(points, starts, tails, weights, force):
    """Set ``force`` (2, n) to the sum over a point's edges of ``p * q * (y_i - y_j)``; the graph as in `tsne_layout`."""
    x, y, force_x, force_y = points[0], points[1], force[0], force[1]
    one = np.float32(1)
    force[:] = 0
    for i in range(x.size):
        sum_x = sum_y = np.float32(0)
        for edge in range(starts[i], starts[i + 1]):
            j = np.uint64(tails[edge])  # unsigned: it cannot count from the end, which saves time
            dx, dy = x[i] - x[j], y[i] - y[j]
            pq = weights[edge] / (one + dx * dx + dy * dy)
            dx *= pq
            dy *= pq
            sum_x += dx
            sum_y += dy
            force_x[j] -= dx
            force_y[j] -= dy
        force_x[i] += sum_x
        force_y[i] += sum_y


@njit(cache=True, nogil=True, error_model="numpy")
def repel_pairs(points, force):
    """Set ``force`` (2, n) to the sum over all j of ``q ** 2 * (y_i - y_j)``; return Z, the sum of q over i != j.

    Every point receives from two others at a time: no sum runs along the vectors, and half as much is stored.
    """
    x, y, force_x, force_y = points[0], points[1], force[0], force[1]
    n = x.size
    one = np.float32(1)
    near = np.zeros(n, np.float32)
    force[:] = 0
    for a in range(0, n, 2):
        b = min(a + 1, n - 1)
        paired = np.float32(b - a)  # 0 for the last of an odd number
        x_a, y_a, x_b, y_b = x[a], y[a], x[b], y[b]
        for i in range(n):
            dx_a, dy_a = x[i] - x_a, y[i] - y_a
            dx_b, dy_b = x[i] - x_b, y[i] - y_b
            q_a = one / (one + dx_a * dx_a + dy_a * dy_a)
            q_b = paired / (one + dx_b * dx_b + dy_b * dy_b)
            near[i] += q_a + q_b
            q_a *= q_a
            q_b *= q_b
            force_x[i] += q_a * dx_a + q_b * dx_b
            force_y[i] += q_a * dy_a + q_b * dy_b
    total = -float(n)  # each point was its own neighbour, with q = 1
    for i in range(n):
        total += near[i]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _descend(points, move, gain, pull, push, pull_rate, push_rate, momentum):
    """Take one step of gradient descent with momentum and gains, then centre the points."""
    pull_rate, push_rate, momentum = np.float32(pull_rate), np.float32(push_rate), np.float32(momentum)
    n = points.shape[1]
    for axis in range(2):
        for i in range(n):
            slope = pull_rate * pull[axis, i] - push_rate * push[axis, i]
            last = move[axis, i]
            turns = (slope > 0 and last > 0) or (slope < 0 and last < 0)
            grown = gain[axis, i] + np.float32(0.2)
            shrunk = max(np.float32(0.8) * gain[axis, i], LEAST_GAIN)
            gain[axis, i] = shrunk if turns else grown
            move[axis, i] = momentum * last - gain[axis, i] * slope
    for i in range(n):
        length = np.sqrt(move[0, i] * move[0, i] + move[1, i] * move[1, i])
        shorten = LONGEST_STEP / max(length, LONGEST_STEP)
        move[0, i] *= shorten
        move[1, i] *= shorten
    for axis in range(2):
        total = 0.0
        for i in range(n):
            points[axis, i] += move[axis, i]
            total += points[axis, i]
        centre = np.float32(total / n)
        for i in range(n):
            points[axis, i] -= centre


# ---- the grid ----
class Repulsion:
    """Repulsion of ``n`` points, called as `repel_pairs`: of all pairs, or on a grid where that takes less time.

    The force is minus half the gradient of the potential ``sum over j of q_ij``. Every point is spread over 6 x 6 nodes
    by quintic splines, the nodes are convolved with the kernel by FFT, and the slopes of the splines read the gradient
    at the points: one charge, one transform there and back, where the charges of Linderman et al., Nature Methods 16
    (2019) 243, doi:10.1038/s41592-018-0308-4, need several. The splines are those of the smooth particle mesh (Essmann
    et al., J. Chemical Physics 103 (1995) 8577, doi:10.1063/1.470117).

    The error is 0.1% of the norm of the forces on t-SNE's own maps of 10,000 rows (1.6% by openTSNE's grid, 1.8% by its
    tree), less where points are denser, and 1% where they are 30 times as sparse; more than 680 wide, the grid coarsens.
    """

    def __init__(self, n):
        self.first = np.empty((2, n), np.int32)
        self.weights, self.slopes = (np.empty((2, n, SUPPORT), np.float32) for _ in range(2))

    def __call__(self, points, force):
        """Set ``force`` (2, n) and return Z."""
        grid = _Grid.over(points)
        at_least, a_point, a_node = GRID_COST
        n = points.shape[1]
        if n * n <= at_least + a_point * n + a_node * grid.rows * grid.columns:
            return repel_pairs(points, force)
        return self.by_grid(points, force, grid)

    def by_grid(self, points, force, grid):
        """Set ``force`` (2, n) and return Z, both interpolated."""
        from scipy import fft

        _split(points, grid.low, grid.spacing, self.first, self.weights, self.slopes)
        nodes = _spread(self.first, self.weights, np.zeros(grid.shape, np.float32))
        kernel, offset = _kernel(grid.spacing, grid.rows, grid.columns)

        spectrum = fft.fft(fft.rfft(nodes, grid.columns, axis=1), grid.rows, axis=0, overwrite_x=True)
        half = grid.rows // 2 + 1
        spectrum[:half] *= kernel
        spectrum[half:] *= kernel[-2:0:-1]
        there = fft.ifft(spectrum, axis=0, overwrite_x=True)[: len(nodes)]
        potential = fft.irfft(there, grid.columns, axis=1)

        n = points.shape[1]
        return _gather(self.first, self.weights, self.slopes, potential, force) + n * (n * offset - 1)


class _Grid(NamedTuple):
    """Nodes over points: the lowest corner (2,), the shape, and the even lengths of the padded transform."""

    low: np.ndarray
    spacing: float
    shape: tuple[int, int]
    rows: int
    columns: int

    @staticmethod
    def over(points):
        """Return the grid for points (2, n)."""
        low = points.min(axis=1)
        widths = np.maximum(points.max(axis=1) - low, LEAST_WIDTH).astype(np.float64)
        spacing = _spacing(widths.max())
        shape = (widths / spacing).astype(int) + SUPPORT + 1
        return _Grid(low, spacing, tuple(shape), *(_even_length(2 * size + ALIASED) for size in shape))


def _spacing(width):
    """Return the spacing of a grid for points this wide: SPACING by a power of 2, so that kernels come again."""
    octaves = np.log2(width / SPACING)
    finer, coarser = np.floor(octaves - np.log2(FEWEST_CELLS)), np.ceil(octaves - np.log2(MOST_CELLS))
    return SPACING * 2.0 ** (min(finer, 0) + max(coarser, 0))


def _even_length(least):
    from scipy import fft

    return 2 * fft.next_fast_len((int(least) + 1) // 2, real=True)


@lru_cache(maxsize=32)
def _kernel(spacing, rows, columns):
    """Return a quarter of the kernel's real, even spectrum, (rows / 2 + 1, columns / 2 + 1) of float32, and its offset.

    The kernel is counted from its least value, the offset, which makes no force: near points would leave of
    ``1 / (1 + d ** 2)`` nothing but 1. The splines smooth twice, on the way to the nodes and back, which is divided out.
    """
    from scipy import fft

    x, y = (spacing * np.arange(size // 2 + 1) for size in (rows, columns))
    squared = x[:, None] ** 2 + y**2
    farthest = squared[-1, -1]
    kernel = (farthest - squared) / ((1 + squared) * (1 + farthest))
    smooth_x, smooth_y = (_smoothing(np.linspace(0, np.pi, size // 2 + 1)) for size in (rows, columns))
    spectrum = fft.dctn(kernel, type=1) / (smooth_x[:, None] * smooth_y) ** 2
    return spectrum.astype(np.float32), 1 / (1 + farthest)


def _smoothing(angles):
    """Return what is left of waves that quintic splines spread over nodes; ``angles`` in radians a node."""
    return (66 + 52 * np.cos(angles) + 2 * np.cos(2 * angles)) / 120


@njit(cache=True, nogil=True, error_model="numpy")
def _split(points, low, spacing, first, weights, slopes):
    """Find the ``first`` node of each point (2, n), and the values and slopes there of its splines (2, n, 6)."""
    one, inverse = np.float32(1), np.float32(1 / spacing)
    fifth, part = np.float32(1 / 5), np.float32(1 / 24)
    for axis in range(2):
        for i in range(points.shape[1]):
            place = (points[axis, i] - low[axis]) * inverse
            first[axis, i] = np.int32(place)
            t = place - np.float32(first[axis, i])
            u = one - t
            a = u * u * u * u * part  # the five pieces of the quartic spline
            b = (11 + t * (-12 + t * (-6 + t * (12 - 4 * t)))) * part
            c = (11 + t * (12 + t * (-6 + t * (-12 + 6 * t)))) * part
            d = (1 + t * (4 + t * (6 + t * (4 - 4 * t)))) * part
            e = t * t * t * t * part
            weight, slope = weights[axis, i], slopes[axis, i]
            weight[0] = u * a * fifth
            weight[1] = ((t + 4) * a + (u + 1) * b) * fifth
            weight[2] = ((t + 3) * b + (u + 2) * c) * fifth
            weight[3] = ((t + 2) * c + (u + 3) * d) * fifth
            weight[4] = ((t + 1) * d + (u + 4) * e) * fifth
            weight[5] = t * e * fifth
            slope[0] = -a * inverse
            slope[1] = (a - b) * inverse
            slope[2] = (b - c) * inverse
            slope[3] = (c - d) * inverse
            slope[4] = (d - e) * inverse
            slope[5] = e * inverse


@njit(cache=True, nogil=True, error_model="numpy")
def _spread(first, weights, nodes):
    """Add the points to the ``nodes`` (rows, columns) that their splines reach, and return them."""
    for i in range(first.shape[1]):
        row, column = np.uint64(first[0, i]), np.uint64(first[1, i])
        for r in range(SUPPORT):
            for c in range(SUPPORT):
                nodes[row + np.uint64(r), column + np.uint64(c)] += weights[0, i, r] * weights[1, i, c]
    return nodes


@njit(cache=True, nogil=True, error_model="numpy")
def _gather(first, weights, slopes, potential, force):
    """Read ``force`` (2, n), minus half the gradient of the potential, at the points; return the sum of potentials."""
    total = 0.0
    for i in range(first.shape[1]):
        row, column = np.uint64(first[0, i]), np.uint64(first[1, i])
        value = gradient_x = gradient_y = np.float32(0)
        for r in range(SUPPORT):
            level = rise = np.float32(0)
            for c in range(SUPPORT):
                node = potential[row + np.uint64(r), column + np.uint64(c)]
                level += weights[1, i, c] * node
                rise += slopes[1, i, c] * node
            value += weights[0, i, r] * level
            gradient_x += slopes[0, i, r] * level
            gradient_y += weights[0, i, r] * rise
        force[0, i] = np.float32(-0.5) * gradient_x
        force[1, i] = np.float32(-0.5) * gradient_y
        total += float(value)
    return total
