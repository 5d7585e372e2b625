"""k-means for ensembles: greedy k-means++ and Lloyd's iterations, one independent run a seed.

Distances are taken in float32, by columns over blocks of rows, with a bound on their rounding. A row whose two
nearest centres are closer together than that bound is decided in float64, so that labels are those of float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from clew.kernels.threads import n_threads

BLOCK = 256  # rows whose features and distances stay in the fastest cache; a power of two
CROWDED = BLOCK // 3  # rows of a block to look at, from which looking at all costs less than picking them out
THREADS_PAY_FROM = 10_000_000  # multiplications an iteration of all runs: below, threads do not pay
UNIT = 2.0**-24  # the relative rounding error of float32
FAR, TINY = np.float32(1e30), np.float32(1e-30)  # rows are scaled so that no coordinate is above 1
ZERO, TWO, FOUR = np.float32(0), np.float32(2), np.float32(4)
GOLDEN, MIX_1, MIX_2 = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)
SHIFT_1, SHIFT_2, SHIFT_3, SHIFT_MANTISSA = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)

Clusterings = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


# What the loops hand one another are plain tuples: numba's cache on disk would break when a named one is renamed.
#   table: X             (n, d) of float32 or float64, as given
#          blocks        (n_blocks, d padded to fours + 1, BLOCK) of float32: centred, scaled; last, squared lengths
#          mean, scale   (d,) of float64, and a power of two, so that scaling rounds nothing
#          variance      of X, mean over columns
#   run:   centers       (k, d) of float64
#          labels        (n,) of int32; cluster k is where rows are before they are in any
#          sums, counts  (k + 1, d) of float64 and (k + 1,) of int64: of the rows of each cluster
#          drift         (k + 1,) of float64: how much a cluster's centre and any other may have neared by moving
#          expiry        (n,) of float32: until its cluster's drift is above, a row cannot change its cluster
#   work:  points        (k, d padded) of float32: the centres in the coordinates of the blocks
#          halves        (k,) of float32: half their squared lengths
#          gathered      (d padded + 1, BLOCK) of float32: rows to look at, from many blocks
#          rows, inside  (BLOCK + 1,) of int64: which these are, and which of the present block are such
#          scratch       five (BLOCK,) of float32; as rows of one array they would keep LLVM from using vectors


def kmeans(X: np.ndarray, k: int, seeds: np.ndarray, max_iter: int = 300) -> Clusterings:
    """Cluster the rows of ``X`` once for each seed, until no row changes its cluster.

    Parameters and what is returned are those of `kmeans_many` for one ``k``, with labels of int32.
    """
    labels, centers, inertia, n_iter = kmeans_many(X, [k], seeds, max_iter=max_iter, tolerance=0.0)[0]
    return labels.astype(np.int32), centers, inertia, n_iter


def kmeans_path(
    X: np.ndarray, k: int, seed: int, max_iter: int = 300
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Cluster the rows of ``X`` as `kmeans` does for one seed, keeping every step.

    Returns
    -------
    centers : ndarray of float64, shape (n_steps, k, d)
        Step 0 are the rows chosen as first centres, each further step the means of the step before.
    labels : ndarray of int32, shape (n_steps, n)
        The nearest of the step's centres.
    inertia : ndarray of float64, shape (n_steps,)
    converged : bool
        Whether no row changed its cluster in the last step.
    """
    table = _table(_rows(X))
    run = _start(table, np.empty((k, table[0].shape[1])))
    centers, labels = run[:2]
    _seed_centers(table, seed, centers)
    work = _work(table, k)
    steps: list[tuple[np.ndarray, np.ndarray, float]] = []
    changed = -1
    while changed and len(steps) <= max_iter:
        if steps:
            _fill_empty(table, run)
            _move_centers(table, run)
        changed = _assign(table, run, work)
        steps.append((centers.copy(), labels.copy(), _inertia(table, run)))
    of_steps = [np.array(part) for part in zip(*steps)]
    return of_steps[0], of_steps[1], of_steps[2], changed == 0


def kmeans_many(
    X: np.ndarray,
    ks: Sequence[int] | np.ndarray,
    seeds: np.ndarray,
    *,
    max_iter: int = 300,
    tolerance: float = 1e-4,
) -> list[Clusterings]:
    """Cluster the rows of ``X`` once for each number of clusters and each seed.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n, d)
        Finite.
    ks : sequence of int
        Numbers of clusters, each 1 to n.
    seeds : ndarray of int64, shape (n_runs,)
        What a run returns depends on ``X``, its k, ``max_iter``, ``tolerance`` and its own seed alone.
    max_iter : int
        Lloyd's iterations at most; a run ends earlier when no row changes its cluster.
    tolerance : float
        A run also ends when the centres' squared moves add up to less than this share of the mean variance of
        the columns, as in scikit-learn.

    Returns
    -------
    list, for each of ``ks`` a tuple of
        labels : ndarray of uint8 (beyond 255 clusters uint16), shape (n_runs, n)
            The nearest centre of each row, the first of equally near ones.
        centers : ndarray of float64, shape (n_runs, k, d)
        inertia : ndarray of float64, shape (n_runs,)
            Sum of the squared distances between rows and their centres.
        n_iter : ndarray of int64, shape (n_runs,)

    Notes
    -----
    Seeding: the greedy k-means++ of Arthur & Vassilvitskii (SODA 2007), the best of 2 + floor(ln k) candidates
    a centre, as in scikit-learn. Iterations: Lloyd, IEEE Trans. Inf. Theory 28:129 (1982),
    doi:10.1109/TIT.1982.1056489. Rows that cannot have changed their cluster since they were last looked at, by
    the triangle inequality, are not looked at: Hamerly, SIAM Data Mining 2010, doi:10.1137/1.9781611972801.12.
    A cluster that loses all rows restarts at the row farthest from its centre; only where there are fewer
    different rows than clusters does one stay empty. Runs share nothing but the rows, and sums run in a fixed
    order, so the bits are the same for any number of threads.
    """
    X = _rows(X)
    seeds = np.atleast_1d(np.asarray(seeds, dtype=np.int64))
    table = _table(X)
    n, d = X.shape
    # Labels in as few bytes as hold them: 450 runs over a million rows are 450 MB.
    done: list[Clusterings] = [
        (
            np.empty((seeds.size, n), np.min_scalar_type(k)),
            np.empty((seeds.size, k, d)),
            np.empty(seeds.size),
            np.empty(seeds.size, np.int64),
        )
        for k in map(int, ks)
    ]
    least_shift = tolerance * table[-1]

    def run(task: tuple[int, slice]) -> None:
        of_k, part = task
        _runs(table, seeds[part], max_iter, least_shift, *(array[part] for array in done[of_k]))

    if n * d * int(np.sum(ks)) * seeds.size >= THREADS_PAY_FROM and n_threads() > 1:
        largest_first = np.argsort(-np.asarray(ks), kind="stable")
        tasks = [(int(of_k), slice(i, i + 1)) for of_k in largest_first for i in range(seeds.size)]
        with ThreadPoolExecutor(min(n_threads(), len(tasks))) as pool:
            list(pool.map(run, tasks))
    else:
        for of_k in range(len(done)):
            run((of_k, slice(None)))
    return done


def _rows(X: np.ndarray) -> np.ndarray:
    """Return the rows as the loops take them: in C order, float64 unless they are float32."""
    X = np.asarray(X)
    return np.ascontiguousarray(X, dtype=np.float32 if X.dtype == np.float32 else np.float64)


# ---- the rows in blocks ----
@njit(cache=True, nogil=True)
def _table(X):
    """Centre the rows, scale them, and cut them into blocks of columns."""
    n, d = X.shape
    mean, largest = np.zeros(d), 0.0
    for i in range(n):
        for f in range(d):
            mean[f] += X[i, f]
    mean /= n
    for i in range(n):
        for f in range(d):
            largest = max(largest, abs(X[i, f] - mean[f]))
    scale = 2.0 ** -max(np.ceil(np.log2(largest)), -1000.0) if largest > 0.0 else 1.0
    padded = (d + 3) // 4 * 4
    blocks = np.zeros(((n + BLOCK - 1) // BLOCK, padded + 1, BLOCK), np.float32)
    total = 0.0
    for i in range(n):
        block, j, squared = blocks[i // BLOCK], i % BLOCK, 0.0
        for f in range(d):
            value = (X[i, f] - mean[f]) * scale
            block[f, j] = value
            squared += value * value
        block[padded, j] = squared
        total += squared
    return X, blocks, mean, scale, total / (n * d * scale * scale)


# ---- Lloyd's iterations ----
@njit(cache=True, nogil=True)
def _runs(table, seeds, max_iter, least_shift, labels, centers, inertia, n_iter):
    """Do one run for each of ``seeds`` and write what came of them into the last four."""
    for start in range(seeds.size):
        _seed_centers(table, seeds[start], centers[start])
        run = _start(table, centers[start])
        n_iter[start] = _iterate(table, run, max_iter, least_shift)
        labels[start] = run[1]
        inertia[start] = _inertia(table, run)


@njit(cache=True, nogil=True)
def _start(table, centers):
    """Return a run with these centres (k, d) whose rows are in no cluster yet."""
    n, d = table[0].shape
    k = centers.shape[0]
    sums, counts, drift = np.zeros((k + 1, d)), np.zeros(k + 1, np.int64), np.zeros(k + 1)
    return centers, np.full(n, k, np.int32), sums, counts, drift, np.full(n, -1.0, np.float32)


@njit(cache=True, nogil=True)
def _work(table, k):
    """Return the arrays that an iteration works with."""
    height = table[1].shape[1]
    scratch = (
        np.empty(BLOCK, np.float32),
        np.empty(BLOCK, np.float32),
        np.empty(BLOCK, np.float32),
        np.empty(BLOCK, np.float32),
        np.empty(BLOCK, np.float32),
    )
    points, gathered = np.zeros((k, height - 1), np.float32), np.empty((height, BLOCK), np.float32)
    rows, inside = np.empty(BLOCK + 1, np.int64), np.empty(BLOCK + 1, np.int64)
    return points, np.empty(k, np.float32), gathered, rows, inside, scratch


@njit(cache=True, nogil=True)
def _iterate(table, run, max_iter, least_shift):
    """Assign rows and move centres in turn; return the number of iterations."""
    work = _work(table, run[0].shape[0])
    for iteration in range(1, max_iter + 1):
        if _assign(table, run, work) == 0:
            _means_in_order(table, run)
            return iteration
        _fill_empty(table, run)
        if _move_centers(table, run) < least_shift:
            break
    _assign(table, run, work)
    return iteration


@njit(cache=True, nogil=True)
def _assign(table, run, work):
    """Give each row its nearest centre, keeping sums and counts up; return how many rows changed theirs."""
    _, blocks, mean, scale, _ = table
    centers, labels, _, _, drift, expiry = run
    points, halves, gathered, rows, inside, _ = work
    longest = 0.0
    for c in range(halves.size):
        squared = _point(centers[c], mean, scale, points[c])
        halves[c], longest = squared / 2, max(longest, squared**0.5)
    # Rows to look at: those of a crowded block as they lie, those of others gathered from many blocks.
    changed, size = 0, 0
    for b in range(blocks.shape[0]):
        first = b * BLOCK
        m, late = min(BLOCK, labels.size - first), 0
        for j in range(m):
            inside[late] = j
            late += expiry[first + j] < drift[labels[first + j]]
        if late > CROWDED:
            for j in range(m):
                inside[j] = first + j
            changed += _settle(table, run, work, blocks[b], inside[:m], longest)
            continue
        if size + late > BLOCK:
            changed += _settle(table, run, work, gathered, rows[:size], longest)
            size = 0
        for f in range(gathered.shape[0]):
            source, target = blocks[b, f], gathered[f]
            for j in range(late):
                target[size + j] = source[inside[j]]
        for j in range(late):
            rows[size + j] = first + inside[j]
        size += late
    return changed + (_settle(table, run, work, gathered, rows[:size], longest) if size else 0)


@njit(cache=True, nogil=True)
def _point(center, mean, scale, out):
    """Write a centre in the coordinates of the blocks to ``out`` (d padded,); return its squared length."""
    squared = 0.0
    for f in range(center.size):
        out[f] = (center[f] - mean[f]) * scale
        squared += np.float64(out[f]) * out[f]
    return squared


@njit(cache=True, nogil=True)
def _settle(table, run, work, block, rows, longest):
    """Put the ``rows`` that stand in ``block`` into their clusters; return how many changed theirs."""
    X = table[0]
    centers, labels, sums, counts, drift, expiry = run
    points, halves, _, _, _, (best, second, nearest, slack, score) = work
    unit = np.float32((points.shape[1] + 8) * UNIT)
    _nearest(block, rows.size, points, halves, best, second, nearest, score)
    _slack(block[-1], rows.size, unit, np.float32(longest), best, second, slack)
    changed = 0
    for j in range(rows.size):
        i, c, room = rows[j], np.int64(nearest[j]), np.float64(slack[j])
        if room <= 0.0:
            c, room = _nearest_exactly(X[i], centers), np.float64(0.0)
        expiry[i] = (room + drift[c]) * (1 - 4 * UNIT)
        if c != labels[i]:
            _put(X, i, c, labels, sums, counts)
            changed += 1
    return changed


@njit(cache=True, nogil=True)
def _put(X, i, c, labels, sums, counts):
    """Put row ``i`` into cluster ``c``."""
    old = labels[i]
    labels[i] = c
    counts[old] -= 1
    counts[c] += 1
    for f in range(X.shape[1]):
        sums[old, f] -= X[i, f]
        sums[c, f] += X[i, f]


@njit(cache=True, nogil=True)
def _nearest(block, m, points, halves, best, second, nearest, score):
    """Write each row's smallest and second smallest score and the centre of the smallest; ``score`` is scratch.

    A row's score of a centre is half its squared distance, less half the squared length of the row.
    """
    for j in range(m):
        best[j] = FAR
    for j in range(m):
        second[j] = FAR
    for c in range(points.shape[0]):
        index = np.float32(c)
        for j in range(m):
            score[j] = halves[c]
        for f in range(0, points.shape[1], 4):  # by fours: each sum is read and written a quarter as often
            a0, a1, a2, a3 = points[c, f], points[c, f + 1], points[c, f + 2], points[c, f + 3]
            x0, x1, x2, x3 = block[f], block[f + 1], block[f + 2], block[f + 3]
            for j in range(m):
                score[j] -= (a0 * x0[j] + a1 * x1[j]) + (a2 * x2[j] + a3 * x3[j])
        for j in range(m):
            closer = score[j] < best[j]
            second[j] = min(second[j], max(best[j], score[j]))
            best[j] = min(best[j], score[j])
            nearest[j] = index if closer else nearest[j]


@njit(cache=True, nogil=True, error_model="numpy")  # Python's checks for 0 keep LLVM from using vectors
def _slack(squared, m, unit, reach, best, second, slack):
    """Write how much farther than its nearest the second centre of a row is at least; below 0, float32 cannot tell.

    ``unit`` bounds the rounding error of a score in shares of the square of row's and centres' lengths.
    """
    for j in range(m):
        length = np.sqrt(squared[j]) + reach
        error = FOUR * (unit * length * length + TINY)
        near, far = squared[j] + TWO * best[j], squared[j] + TWO * second[j]
        near, far = (near if near > ZERO else ZERO) + error, (far if far > ZERO else ZERO) + error
        slack[j] = (TWO * (second[j] - best[j]) - error) / (np.sqrt(near) + np.sqrt(far))


@njit(cache=True, nogil=True)
def _nearest_exactly(x, centers):
    """Return the centre nearest to ``x`` (d,), the first of equally near ones."""
    lowest, nearest = np.inf, 0
    for c in range(centers.shape[0]):
        squared = _squared_distance(x, centers[c])
        if squared < lowest:
            lowest, nearest = squared, c
    return nearest


@njit(cache=True, nogil=True)
def _squared_distance(a, b):
    total = 0.0
    for f in range(a.size):
        total += (a[f] - b[f]) * (a[f] - b[f])
    return total


@njit(cache=True, nogil=True)
def _fill_empty(table, run):
    """Give each cluster without rows the row farthest from its centre, never the only one of another cluster."""
    X = table[0]
    centers, labels, sums, counts, _, expiry = run
    for c in range(centers.shape[0]):
        if counts[c] > 0:
            continue
        farthest, row = 0.0, -1
        for i in range(labels.size):
            if counts[labels[i]] > 1:
                squared = _squared_distance(X[i], centers[labels[i]])
                if squared > farthest:
                    farthest, row = squared, i
        if row >= 0:
            _put(X, row, c, labels, sums, counts)
            expiry[row] = -1.0


@njit(cache=True, nogil=True)
def _move_centers(table, run):
    """Move each centre to the mean of its rows; return the sum of the squared moves."""
    centers, _, sums, counts, drift, _ = run
    k, d = centers.shape
    moves, shift = np.zeros(k), 0.0
    for c in range(k):
        if counts[c] > 0:
            squared = 0.0
            for f in range(d):
                mean = sums[c, f] / counts[c]
                squared += (mean - centers[c, f]) ** 2
                centers[c, f] = mean
            shift += squared
            moves[c] = np.sqrt(squared) * table[3]
    for c in range(k):
        farthest = 0.0
        for other in range(k):
            if other != c:
                farthest = max(farthest, moves[other])
        drift[c] += moves[c] + farthest
    return shift


@njit(cache=True, nogil=True)
def _means_in_order(table, run):
    """Set the centres to the means of their rows, without the rounding that coming and going left in the sums."""
    X, (centers, labels, sums, counts, _, _) = table[0], run
    sums[:] = 0.0
    for i in range(labels.size):
        for f in range(X.shape[1]):
            sums[labels[i], f] += X[i, f]
    for c in range(centers.shape[0]):
        if counts[c] > 0:
            centers[c] = sums[c] / counts[c]


@njit(cache=True, nogil=True)
def _inertia(table, run):
    """Return the sum of the squared distances between rows and their centres."""
    X, centers, labels = table[0], run[0], run[1]
    total = 0.0
    for i in range(labels.size):
        total += _squared_distance(X[i], centers[labels[i]])
    return total


# ---- k-means++ ----
@njit(cache=True, nogil=True)
def _seed_centers(table, seed, centers):
    """Choose rows as first centres: far rows are likelier, and the best of a few candidates is kept."""
    X, blocks, mean, scale, _ = table
    n, k = X.shape[0], centers.shape[0]
    n_blocks, height, _ = blocks.shape
    n_trials = 2 + int(np.log(k))
    closest = np.full((n_blocks, BLOCK), np.float32(np.inf))  # squared distances to the chosen centres
    closest.reshape(-1)[n:] = 0.0
    trials = np.empty((n_trials, n_blocks, BLOCK), np.float32)
    potentials, kept = np.empty((n_trials, n_blocks)), np.empty(n_blocks)
    points, rows, scratch = (
        np.zeros((n_trials, height - 1), np.float32),
        np.empty(n_trials, np.int64),
        np.empty(BLOCK, np.float32),
    )
    state = np.array([np.uint64(seed)])
    _uniform(state)  # neighbouring seeds part here
    for c in range(k):
        if c == 0:
            n_candidates, rows[0] = 1, min(n - 1, int(_uniform(state) * n))
        else:
            n_candidates, total = n_trials, kept.sum()
            for t in range(n_trials):
                rows[t] = _draw(_uniform(state) * total, kept, closest)
        for t in range(n_candidates):
            _point(X[rows[t]], mean, scale, points[t])
        for b in range(n_blocks):
            for t in range(n_candidates):
                potentials[t, b] = _closer(blocks[b], points[t], closest[b], trials[t, b], scratch)
        lowest, best = np.inf, 0
        for t in range(n_candidates):
            potential = potentials[t].sum()
            if potential < lowest:
                lowest, best = potential, t
        centers[c] = X[rows[best]]
        closest[:], kept[:] = trials[best], potentials[best]


@njit(cache=True, nogil=True)
def _closer(block, point, closest, out, scratch):
    """Write the smaller of ``closest`` and the squared distances to ``point`` to ``out`` (BLOCK,); return its sum."""
    for j in range(BLOCK):
        out[j] = ZERO
    for f in range(0, point.size, 4):
        a0, a1, a2, a3 = point[f], point[f + 1], point[f + 2], point[f + 3]
        x0, x1, x2, x3 = block[f], block[f + 1], block[f + 2], block[f + 3]
        for j in range(BLOCK):
            b0, b1, b2, b3 = x0[j] - a0, x1[j] - a1, x2[j] - a2, x3[j] - a3
            out[j] += (b0 * b0 + b1 * b1) + (b2 * b2 + b3 * b3)
    for j in range(BLOCK):
        out[j] = min(out[j], closest[j])
        scratch[j] = out[j]
    width = BLOCK // 2  # a sum in a fixed order that vectors can take
    while width > 0:
        for j in range(width):
            scratch[j] += scratch[j + width]
        width //= 2
    return scratch[0]


@njit(cache=True, nogil=True)
def _draw(target, potentials, closest):
    """Return the row at which the running sum of ``closest`` (n_blocks, BLOCK) passes ``target``.

    ``potentials`` (n_blocks,) are the sums of its blocks. A row at a chosen centre is drawn only where all are.
    """
    passed, block = 0.0, 0
    for b in range(potentials.size):
        if potentials[b] > 0.0:
            block = b
            if passed + potentials[b] > target:
                break
            passed += potentials[b]
    row = 0
    for j in range(BLOCK):
        if closest[block, j] > ZERO:
            row = j
            passed += closest[block, j]
            if passed > target:
                break
    return block * BLOCK + row


@njit(cache=True, nogil=True)
def _uniform(state):
    """Return the next number in [0, 1) of SplitMix64 (Steele, Lea & Flood 2014, doi:10.1145/2714064.2660195)."""
    state[0] += GOLDEN
    z = state[0]
    z = (z ^ (z >> SHIFT_1)) * MIX_1
    z = (z ^ (z >> SHIFT_2)) * MIX_2
    return ((z ^ (z >> SHIFT_3)) >> SHIFT_MANTISSA) * 2.0**-53
