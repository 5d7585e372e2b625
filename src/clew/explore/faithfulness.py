"""How true is a picture to the data, and how true are the pictures of several runs to each other?"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np

from clew.explore.distances import MetricSpace
from clew.explore.neighbors import Neighbors

SEEN_AMONG = 2000  # rows at most among which neighbours are compared between runs
JUDGED_ROWS = 3000  # trustworthiness and continuity look at this many rows at most


def judged_rows(n_rows: int, random_state: int) -> np.ndarray:
    """Return the rows to judge a picture by: all, or 3000 drawn at random."""
    if n_rows <= JUDGED_ROWS:
        return np.arange(n_rows)
    rows = np.random.default_rng(random_state).choice(n_rows, JUDGED_ROWS, replace=False)
    return np.sort(rows)


def faithfulness(
    space: MetricSpace,
    near: Neighbors,
    rows: np.ndarray,
    maps: np.ndarray,
    pool: Executor | None = None,
) -> np.ndarray:
    """Judge neighbourhoods by the ranks of a space: 1 if they are its own.

    With neighbours in a picture judged by ranks in the data this is the trustworthiness, the other way round the
    continuity.

    Parameters
    ----------
    space : MetricSpace
        Where rows are ranked.
    near : Neighbors
        The nearest rows in that space, at least as many as are judged.
    rows : ndarray of int64, shape (n_judged,)
    maps : ndarray of int32, shape (n_maps, n_rows, k)
        The neighbourhoods to judge.
    pool : Executor, optional
        Threads to share the work.

    Returns
    -------
    ndarray of float64, shape (n_maps,)

    References
    ----------
    Venna and Kaski, ICANN (2001), doi:10.1007/3-540-44668-0_68.
    """
    from clew.kernels.neighborhood import rank_excess, rank_excess_given

    n, k = space.n_rows, maps.shape[2]
    reach = np.ascontiguousarray(near.distances[:, k - 1])
    if space.euclidean is not None:
        columns = np.ascontiguousarray(space.euclidean.T)
        squared = reach**2 if space.metric == "euclidean" else 2 * reach
        parts = np.array_split(rows, 8)
        sums = list(
            (pool.map if pool else map)(lambda part: rank_excess(columns, part, maps, squared), parts)
        )
    else:
        sums = [rank_excess_given(distances, part, maps, reach) for part, distances in space.blocks(rows)]
    return 1 - 2 / (len(rows) * k * (2 * n - 3 * k - 1)) * np.sum(sums, axis=0)


def seen_among(n_rows: int, random_state: int) -> np.ndarray:
    """Return the rows among which neighbours are compared between runs: all, or 2000 drawn at random.

    Among many rows the nearest few change places even where nothing else does; among a sample they stand for a
    neighbourhood that is always about a hundredth of the map.
    """
    if n_rows <= SEEN_AMONG:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng([random_state, n_rows]).choice(n_rows, SEEN_AMONG, replace=False))


def neighbor_overlap(maps: np.ndarray) -> np.ndarray:
    """Return the mean share of neighbours that two runs have in common, (n_rows,); NaN for a single run.

    Parameters
    ----------
    maps : ndarray of int, shape (n_runs, n_rows, k)
        The neighbours of each row in each run.
    """
    n_runs, n_rows, k = maps.shape
    if n_runs == 1:
        return np.full(n_rows, np.nan)
    met = np.sort(maps.transpose(1, 0, 2).reshape(n_rows, n_runs * k), axis=1)
    # A neighbour in c runs stands c times in a row: lags 1, 2, ... find c - 1, c - 2, ... equal pairs, c(c-1)/2 in all.
    shared = sum((met[:, lag:] == met[:, :-lag]).sum(axis=1) for lag in range(1, n_runs))
    return shared / (k * n_runs * (n_runs - 1) / 2)


def procrustes(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Turn, mirror and move ``points`` (n_rows, 2) to fit ``target`` best, and bring them to its size; float32.

    (The scale that fits best is smaller the less two pictures have in common, and would hide it.)

    References
    ----------
    Schönemann, Psychometrika 31 (1966), doi:10.1007/BF02289451.
    """
    centre = target.mean(axis=0, dtype=np.float64)
    moved, goal = points - points.mean(axis=0, dtype=np.float64), target - centre
    left, _, right = np.linalg.svd(moved.T @ goal)
    size = np.linalg.norm(moved)
    scale = np.linalg.norm(goal) / size if size > 0 else 1.0
    return (scale * moved @ (left @ right) + centre).astype(np.float32)
