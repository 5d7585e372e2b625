"""New rows on a finished map: every row is put among its nearest neighbours, and moves nobody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.explore.affinities import curve_parameters
from clew.explore.distances import METRICS, Measure, Metric, MetricSpace, finite_table, metric_space
from clew.explore.embed import NEGATIVES, Embedding
from clew.explore.neighbors import Neighbors, neighbors_among
from clew.result import Result

ROWS_AT_ONCE = 5000
EPOCHS = 100
TSNE_NEIGHBORS, TSNE_PERPLEXITY = (
    15,
    5.0,
)  # few: a new row belongs between its nearest, not into the middle of many


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Placement(Result):
    """New rows on a map.

    Parameters
    ----------
    coordinates : ndarray of float32, shape (n_new, 2)
        As the run left them (`Embedding.coordinates`, not ``aligned``).
    nearest : ndarray of int32, shape (n_new, k)
        The rows of the map that each was put among, by rising distance.
    run : int
        The run of the map.
    """

    coordinates: np.ndarray
    nearest: np.ndarray
    run: int

    def headline(self) -> str:
        """Say the result in one line."""
        return f"{len(self.coordinates)} rows placed on run {self.run} of a map"


def transform(
    embedding: Embedding,
    X: np.ndarray,
    new: np.ndarray,
    *,
    run: int = 0,
    metric: Metric | Measure = "auto",
    random_state: int = 0,
) -> Placement:
    """Put new rows on a finished map.

    Parameters
    ----------
    embedding : Embedding
        The map; of any method, and of any metric but "precomputed".
    X : ndarray of float64, shape (n_rows, n_features)
        The rows that the map was made from, as `embed` was given them.
    new : ndarray of float64, shape (n_new, n_features)
        Rows in the same units.
    run : int
        Which of the runs.
    metric : str or callable
        Known from the map, unless it was made by a function of two rows: then this function.
    random_state : int
        Row i of ``new`` draws by this and i, and lies at the same place whoever comes with it (t-SNE: nearly).

    Raises
    ------
    DataError
        If ``X`` is not what the map was made from, or ``new`` does not fit it.
    SettingError
        If there is no such run, or the map was made from distances alone.

    Notes
    -----
    UMAP: memberships among the old rows only, a start at their weighted mean, then the layout's own steps with the old
    points held fast, for 100 epochs (McInnes, Healy, Melville 2018). t-SNE: a start at the median, then openTSNE's steps
    with the old points held fast (Poličar, Stražar, Zupan, Machine Learning 112 (2023) 721,
    doi:10.1007/s10994-021-06043-1). PCA: the same turn as for the old rows.
    """
    n_runs, n_rows, _ = embedding.coordinates.shape
    check(
        isinstance(run, (int, np.integer)) and 0 <= run < n_runs,
        SettingError,
        "The 'run' setting of transform must be an int from 0 to {}. Got {} instead.",
        n_runs - 1,
        run,
    )
    check(
        embedding.metric != "precomputed",
        SettingError,
        "The map to transform must be one of rows. Got one made from distances, among which new rows have none.",
    )
    known = embedding.metric in METRICS
    check(
        not known or metric in ("auto", embedding.metric),
        SettingError,
        "The 'metric' setting of transform must be that of the map, '{}'. Got {!r} instead.",
        embedding.metric,
        metric,
    )
    check(
        known or callable(metric),
        SettingError,
        "The 'metric' setting of transform must be the function that the map was made by ('{}'). Got '{}' instead.",
        embedding.metric,
        metric,
    )
    metric = cast(Metric, embedding.metric) if known else metric
    space = metric_space(X, metric=metric, of="transform")
    check(
        space.sha256 == embedding.rows_sha256,
        DataError,
        "The X of transform must be the rows that the map was made from ({} of them). Got other rows, {} of them.",
        n_rows,
        space.n_rows,
    )
    new = finite_table(new, of="transform")
    n_features = cast(np.ndarray, space.table).shape[1]
    check(
        len(new) > 0 and new.shape[1] == n_features,
        DataError,
        "The new rows of transform must be at least 1, of {} features. Got {} of {} instead.",
        n_features,
        *new.shape,
    )
    if embedding.method == "pca":
        return _turned(embedding, space, new, run)
    old = np.ascontiguousarray(embedding.coordinates[run])
    k = min(embedding.settings["n_neighbors"] if embedding.method == "umap" else TSNE_NEIGHBORS, n_rows)
    near = neighbors_among(cast(np.ndarray, space.table), new, k=k, metric=metric)
    place = _among_umap if embedding.method == "umap" else _among_tsne
    return Placement(
        coordinates=place(embedding, old, near, random_state),
        nearest=near.indices,
        run=run,
        settings={"run": run, "random_state": random_state},
    )


def _among_umap(embedding: Embedding, old: np.ndarray, near: Neighbors, random_state: int) -> np.ndarray:
    from clew.kernels.layout import place_points, smooth_distances
    from clew.kernels.threads import n_threads

    distances = near.distances.astype(np.float32)
    _, bandwidth = smooth_distances(distances, near.k, False)
    memberships = np.exp(-distances.astype(np.float64) / bandwidth[:, None])
    total = memberships.sum(axis=1, keepdims=True)
    begin = ((memberships / total)[:, :, None] * old[near.indices]).sum(axis=1).astype(np.float32)
    weights = memberships / memberships.max(
        axis=1, keepdims=True
    )  # by itself, so that company changes nothing
    curve = curve_parameters(float(embedding.settings["min_dist"]))

    def some(first: int) -> np.ndarray:
        part = slice(first, first + ROWS_AT_ONCE)
        return place_points(
            begin[part], old, near.indices[part], weights[part], curve, EPOCHS, NEGATIVES, random_state, first
        )  # fmt: skip

    with ThreadPoolExecutor(n_threads()) as pool:
        return np.concatenate(list(pool.map(some, range(0, len(begin), ROWS_AT_ONCE))))


def _among_tsne(embedding: Embedding, old: np.ndarray, near: Neighbors, random_state: int) -> np.ndarray:
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import joint_probabilities_nn
    from openTSNE.tsne import PartialTSNEEmbedding
    from scipy.sparse import csr_matrix

    P = joint_probabilities_nn(
        near.indices,
        near.distances,
        [min(TSNE_PERPLEXITY, near.k / 3)],
        symmetrize=False,
        normalization="point-wise",
        n_reference_samples=len(old),
        n_jobs=1,
    )
    reference = TSNEEmbedding(old.astype(np.float64), _Affinities(csr_matrix((len(old), len(old)))), n_jobs=1)
    begin = np.median(old[near.indices], axis=1).astype(np.float64)
    points = PartialTSNEEmbedding(begin, reference, P=P, n_jobs=1)
    points.optimize(
        250, learning_rate=0.1, exaggeration=1.5, momentum=0.8, max_grad_norm=0.25, inplace=True, n_jobs=1
    )
    return np.asarray(points, dtype=np.float32)


class _Affinities:
    """What openTSNE asks of affinities, for points that stay where they are."""

    def __init__(self, P: Any) -> None:
        self.P = P


def _turned(embedding: Embedding, space: MetricSpace, new: np.ndarray, run: int) -> Placement:
    check(
        space.euclidean is not None,
        SettingError,
        "The map to transform must have a rule for new rows. Got principal coordinates of {} distances, which have none.",
        space.name,
    )
    rows, placed = space.euclidean, metric_space(new, metric=space.metric, of="transform").euclidean
    assert rows is not None and placed is not None
    turned = (placed - rows.mean(axis=0)) @ embedding.pca_loadings[:, :2]
    coordinates = np.zeros((len(placed), 2), np.float32)
    coordinates[:, : turned.shape[1]] = turned
    near = neighbors_among(rows, placed, k=1)
    return Placement(coordinates=coordinates, nearest=near.indices, run=run, settings={"run": run})
