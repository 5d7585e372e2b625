"""`Neighbors`: the nearest other rows of each row, the first joint of every embedding."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.distances import Distances
from clew.errors import DataError, SettingError, check, check_choice
from clew.explore.distances import Measure, Metric, MetricSpace, finite_table, metric_space
from clew.result import Result

Search = Literal["auto", "exact", "approximate"]

# Up to this many features a tree looks at few rows; above, it looks at most of them, and slowly.
TREE_FEATURES = 5
EXACT_ROWS = 60_000  # from here on all pairs of rows take longer than an index of cells that misses a few
CHUNK = 2000  # queries handed to a thread at once; the same for any number of threads, since a chunk has its own rounding
# Candidates are found in float32: ask for a few more, and measure those exactly.
SPARE = 5
PROBES = 16  # cells looked into around a row, at first; doubled until the recall is enough
ENOUGH_RECALL = 0.95
RECALL_ROWS = 1000
ROWS_A_CELL = 40  # rows that k-means places a cell's centre by


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Neighbors(Result):
    """The ``k`` nearest other rows of each row.

    Parameters
    ----------
    indices : ndarray of int32, shape (n_rows, k)
        The neighbours by rising distance, ties by rising index; never the row itself.
    distances : ndarray of float64, shape (n_rows, k)
        Their distances; 0 for duplicates.
    recall : float
        Share of the true neighbours that were found: 1 if the search was exact, measured on 1000 rows otherwise.
    exact : bool
        All rows were compared, or can be shown to be farther.
    metric : str
        What the distances are.
    """

    indices: np.ndarray
    distances: np.ndarray
    recall: float = 1.0
    exact: bool = True
    metric: str = "euclidean"

    @property
    def k(self) -> int:
        """Return the number of neighbours a row."""
        return self.indices.shape[1]

    @property
    def n_duplicates(self) -> int:
        """Return the number of rows that equal another row."""
        return int(np.count_nonzero(self.distances[:, 0] == 0))

    def first(self, k: int) -> Neighbors:
        """Return the nearest ``k`` of the neighbours."""
        return Neighbors(
            indices=self.indices[:, :k],
            distances=self.distances[:, :k],
            recall=self.recall,
            exact=self.exact,
            metric=self.metric,
            settings={**self.settings, "k": k},
        )

    def headline(self) -> str:
        """Say the result in one line."""
        how = "exact" if self.exact else f"approximate, {self.recall:.1%} of the true ones found"
        return f"{self.k} nearest neighbours of {len(self.indices)} rows, {self.metric}, {how}"

    def summary(self) -> dict[str, Any]:
        """Return the number of rows, of neighbours and of duplicate rows, and the recall."""
        return {
            "rows": len(self.indices),
            "k": self.k,
            "duplicates": self.n_duplicates,
            "metric": self.metric,
            "recall": self.recall,
        }


def neighbors(
    X: np.ndarray | Distances | MetricSpace,
    *,
    k: int = 15,
    metric: Metric | Measure = "auto",
    search: Search = "auto",
) -> Neighbors:
    """Find the ``k`` nearest other rows of each row.

    Parameters
    ----------
    X : ndarray of float64, shape (n_rows, n_features), or Distances
        The rows, in units that can be compared (z-scores), or the distances between them.
    k : int
        How many; less than the number of rows.
    metric : str or callable
        See `clew.explore.distances.metric_space`; "auto" is "euclidean" for rows.
    search : {"auto", "exact", "approximate"}
        "approximate" looks into the cells around a row only (an inverted file of Euclidean cells), as many as it takes
        to find 95% of the true neighbours; "auto" does so above 60,000 rows of more than 5 features.

    Raises
    ------
    SettingError
        If there are not ``k`` other rows, or the metric has no approximate search.
    DataError
        If X is no table of finite numbers.

    Notes
    -----
    Candidates come from a k-d tree, or from faiss in float32; their distances are worked out again in float64. An exact
    search certifies each row: where rounding could have hidden a neighbour, all rows are compared in float64. The same
    bits for any number of threads. Inverted file: Jégou, Douze and Schmid, IEEE TPAMI 33 (2011) 117,
    doi:10.1109/TPAMI.2010.57; faiss: Douze et al. (2024), doi:10.48550/arXiv.2401.08281.
    """
    check_choice(search, ("auto", "exact", "approximate"), what="'search' setting", of="neighbors")
    space = X if isinstance(X, MetricSpace) else metric_space(X, metric=metric, of="neighbors")
    n_rows = space.n_rows
    check(
        isinstance(k, (int, np.integer)) and 1 <= k < n_rows,
        SettingError,
        "The 'k' setting of neighbors must be an int from 1 to the number of other rows ({}). Got {} instead.",
        n_rows - 1,
        k,
    )
    check(
        search != "approximate" or space.euclidean is not None,
        SettingError,
        "The 'search' setting of neighbors must be 'exact' for the metric '{}'. Got 'approximate' instead.",
        space.name,
    )
    rows, k, recall = space.euclidean, int(k), 1.0
    many = rows is not None and n_rows > EXACT_ROWS and rows.shape[1] > TREE_FEATURES
    exact = search == "exact" or (search == "auto" and not many)
    if rows is None:
        indices, distances = _of_distances(space, k)
    elif exact:
        indices, distances = nearest(rows, rows, k, itself=np.arange(n_rows))
    else:
        indices, distances, recall = _approximate(rows, k)
    return Neighbors(
        indices=indices,
        distances=distances if rows is None else space.of_euclidean(distances),
        recall=recall,
        exact=exact,
        metric=space.name,
        settings={"k": k, "metric": space.name, "search": search},
    )


def neighbors_among(
    X: np.ndarray, new: np.ndarray, *, k: int, metric: Metric | Measure = "auto"
) -> Neighbors:
    """Find the ``k`` rows of ``X`` that are nearest to each of some other rows, exactly.

    Parameters
    ----------
    X : ndarray of float64, shape (n_rows, n_features)
    new : ndarray of float64, shape (n_new, n_features)
    k : int
        From 1 to n_rows.
    metric : str or callable
        As for `neighbors`, but for "precomputed", which knows no other rows.

    Raises
    ------
    SettingError, DataError
        As for `neighbors`; also if the features differ in number.
    """
    space = metric_space(X, metric=metric, of="neighbors_among")
    check(
        space.table is not None,
        SettingError,
        "The 'metric' setting of neighbors_among must be one of rows. Got '{}', which knows no other rows.",
        space.name,
    )
    new = finite_table(new, of="neighbors_among")
    check(
        new.shape[1] == X.shape[1],
        DataError,
        "The new rows of neighbors_among must have {} features. Got {} instead.",
        X.shape[1],
        new.shape[1],
    )
    check(
        isinstance(k, (int, np.integer)) and 1 <= k <= len(X),
        SettingError,
        "The 'k' setting of neighbors_among must be an int from 1 to the number of rows ({}). Got {} instead.",
        len(X),
        k,
    )
    if space.euclidean is not None:
        placed = MetricSpace(space.metric, new).euclidean
        assert placed is not None
        indices, distances = nearest(space.euclidean, placed, int(k), itself=np.full(len(new), -1))
        distances = space.of_euclidean(distances)
    else:
        parts = [
            _smallest(
                MetricSpace(space.metric, np.concatenate([row[None], X])).block(np.array([0]))[:, 1:], k
            )
            for row in new
        ]
        indices, distances = (np.concatenate(found) for found in zip(*parts))
    return Neighbors(indices=indices, distances=distances, metric=space.name, settings={"k": int(k)})


# ---- exact ----
def nearest(
    rows: np.ndarray, queries: np.ndarray, k: int, *, itself: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest rows of the queries and how far they are, both (n_queries, k), by exact Euclidean distances.

    ``itself`` (n_queries,) of int64 is the row that a query is, and that does not count, or -1.
    """
    from clew.kernels.neighborhood import nearest_candidates, nearest_rows

    n_candidates = min(len(rows), k + 1 + SPARE)
    if rows.shape[1] <= TREE_FEATURES:
        from scipy.spatial import cKDTree

        tree = cKDTree(rows)

        def looked_up(part: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            candidates = tree.query(part, n_candidates)[1].reshape(len(part), -1)
            return nearest_candidates(rows, part, own, candidates, k)

        return _in_chunks(looked_up, queries, itself)
    center = rows.mean(axis=0)
    index = _flat(rows - center)
    longest = np.sqrt(((rows - center) ** 2).sum(axis=1).max())

    def compared(part: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = _search(index, part - center, n_candidates)
        indices, distances = nearest_candidates(rows, part, own, found, k)
        if n_candidates < len(rows):
            # What was left out is no nearer than the farthest candidate, but for the rounding of |x|² + |y|² - 2 x·y.
            farthest = ((rows[found[:, -1]] - part) ** 2).sum(axis=1)
            rounding = rounding_of(rows.shape[1], np.linalg.norm(part - center, axis=1) + longest)
            doubtful = np.flatnonzero(farthest - 2 * rounding <= distances[:, -1] ** 2)
            indices[doubtful], distances[doubtful] = nearest_rows(rows, part[doubtful], own[doubtful], k)
        return indices, distances

    return _in_chunks(compared, queries, itself)


def rounding_of(n_features: int, lengths: np.ndarray) -> np.ndarray:
    """Return how wrong a squared distance can be in float32, for |x| + |y| of given ``lengths``."""
    return (n_features + 8) * 2.0**-24 * lengths**2


def _in_chunks(
    find: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    queries: np.ndarray,
    itself: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the neighbours of all queries, in chunks over threads."""
    from clew.kernels.threads import n_threads

    starts = range(0, len(queries), CHUNK)
    parts = [(queries[start : start + CHUNK], itself[start : start + CHUNK]) for start in starts]
    if len(parts) == 1:
        return find(*parts[0])
    with ThreadPoolExecutor(n_threads()) as pool:
        indices, distances = zip(*pool.map(lambda part: find(*part), parts))
    return np.concatenate(indices), np.concatenate(distances)


def _flat(rows: np.ndarray) -> Any:
    import faiss

    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(np.ascontiguousarray(rows, dtype=np.float32))
    return index


def _search(index: Any, queries: np.ndarray, k: int) -> np.ndarray:
    """Return the candidates (n_queries, k) of int64 by rising distance in float32; -1 where there are none."""
    import faiss

    faiss.omp_set_num_threads(1)  # of this thread: the chunks are spread over threads by `_in_chunks`
    faiss.cvar.distance_compute_blas_threshold = 1  # a matrix product also for a chunk: 4 times faster here
    return index.search(np.ascontiguousarray(queries, dtype=np.float32), k)[1]


# ---- approximate ----
def _approximate(rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return neighbours from the cells around each row, and the share of the true ones among them."""
    from clew.kernels.neighborhood import nearest_candidates, nearest_rows

    n_rows = len(rows)
    rng = np.random.default_rng(0)
    center = rows.mean(axis=0)
    index = _cells(rows, center, rng)
    judged = np.sort(rng.choice(n_rows, min(n_rows, RECALL_ROWS), replace=False))
    true, _ = nearest(rows, rows[judged], k, itself=judged)

    def looked_up(part: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = _search(index, part - center, k + 1 + SPARE)
        indices, distances = nearest_candidates(rows, part, own, found, k)
        short = np.flatnonzero(indices[:, -1] < 0)  # fewer than k rows in the cells around
        indices[short], distances[short] = nearest_rows(rows, part[short], own[short], k)
        return indices, distances

    index.nprobe = min(PROBES, index.nlist)
    while True:
        found, _ = _in_chunks(looked_up, rows[judged], judged)
        recall = float((found[:, :, None] == true[:, None, :]).any(axis=1).mean())
        if recall >= ENOUGH_RECALL or index.nprobe == index.nlist:
            return *_in_chunks(looked_up, rows, np.arange(n_rows)), recall
        index.nprobe = min(2 * index.nprobe, index.nlist)


def _cells(rows: np.ndarray, center: np.ndarray, rng: np.random.Generator) -> Any:
    """Deal the rows into about sqrt(n_rows) cells, by the nearest centre of a k-means of some of them."""
    import faiss

    from clew.kernels.kmeans import kmeans

    n_rows, n_features = rows.shape
    n_cells = int(np.sqrt(n_rows))
    drawn = np.sort(rng.choice(n_rows, min(n_rows, ROWS_A_CELL * n_cells), replace=False))
    centers = kmeans(rows[drawn] - center, n_cells, np.zeros(1, np.int64), 10)[1][0]
    faiss.omp_set_num_threads(1)  # with more, rounding and with it the cells would depend on their number
    quantizer = _flat(centers)
    index = faiss.IndexIVFFlat(quantizer, n_features, n_cells)
    index.train(np.zeros((1, n_features), np.float32))  # nothing is learned: the cells are known
    for start in range(0, n_rows, 50_000):
        index.add(np.ascontiguousarray(rows[start : start + 50_000] - center, dtype=np.float32))
    return index


# ---- by distances ----
def _of_distances(space: MetricSpace, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest rows (n_rows, k) of a space that is known by its distances."""
    indices = np.empty((space.n_rows, k), np.int32)
    nearest = np.empty((space.n_rows, k))
    for part, distances in space.blocks(np.arange(space.n_rows)):
        others = distances.copy()
        others[np.arange(len(part)), part] = np.inf
        indices[part], nearest[part] = _smallest(others, k)
    return indices, nearest


def _smallest(distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns and values of the ``k`` smallest of each row, ascending, ties by rising column."""
    limit = np.partition(distances, k - 1, axis=1)[:, k - 1, None]
    order = np.argsort(np.where(distances <= limit, distances, np.inf), axis=1, kind="stable")[:, :k]
    return order.astype(np.int32), np.take_along_axis(distances, order, axis=1)
