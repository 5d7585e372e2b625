"""Embeddings as ensembles: the same rows laid out again and again, and how far the pictures agree.

Neighbours, affinities and the beginning are found once; the runs share all of them and differ in what is random.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from clew.distances import Distances
from clew.errors import DataError, SettingError, check, check_choice
from clew.explore.affinities import curve_parameters, fuzzy_simplicial_set, perplexity_affinities
from clew.explore.distances import Measure, Metric, MetricSpace, metric_space, stress
from clew.explore.faithfulness import (
    faithfulness,
    judged_rows,
    neighbor_overlap,
    procrustes,
    seen_among,
)
from clew.explore.initialise import PrincipalComponents, principal_axes, spectral_or_pca
from clew.explore.neighbors import Neighbors, nearest, neighbors
from clew.kernels.threads import n_threads
from clew.result import Result, step

Method = Literal["umap", "tsne", "pca"]
Layouts = Callable[[np.ndarray], np.ndarray]  # seeds (n_runs,) -> coordinates (n_runs, n_rows, 2) of float32

RUNS_IN_TURN = 10  # runs that share a thread and take turns at each edge
NEGATIVES = 5
STRESS_ROWS = 100  # rows whose distances to all others are compared, where distances are not kept
UMAP_NOISE = 1e-4  # of a picture 10 wide
TSNE_JITTER = 0.1  # of the standard deviation along the first component


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Embedding(Result):
    """Rows as points in the plane, once a run.

    Parameters
    ----------
    method, metric : str
    coordinates : ndarray of float32, shape (n_runs, n_rows, 2)
        The points as each run left them.
    aligned : ndarray of float32, shape (n_runs, n_rows, 2)
        The same, turned, mirrored and moved to fit run 0 best, and of its size: these are no disagreement.
    trustworthiness : ndarray of float64, shape (n_runs,)
        1 if whoever is near in the picture is near in the data (Venna and Kaski 2001).
    continuity : ndarray of float64, shape (n_runs,)
        1 if whoever is near in the data is near in the picture.
    neighbor_overlap : ndarray of float64, shape (n_rows,)
        Share of a row's ``k`` neighbours in the picture (of more than 2000 rows: among 2000 of them) that two runs have in
        common, mean over all pairs of runs: low for rows that wander. 1 for PCA, which has no randomness; NaN where only one run was made.
    stress : ndarray of float64, shape (n_runs,)
        Kruskal's stress-1: 0 if all distances in the picture are those of the data, times one factor.
    k : int
        The size of the neighbourhoods that trustworthiness, continuity and overlap compare.
    recall : float
        Share of the true neighbours that the map was made from; 1 where the search was exact.
    pca_explained_variance : ndarray of float64, shape (n_components,)
        Of the principal components of the same rows (principal coordinates, for other than Euclidean distances).
    pca_total_variance : float
        Of all components, also those that were not worked out.
    pca_loadings : ndarray of float64, shape (n_features, n_components)
    seeds : ndarray of int64, shape (n_runs,)
    rows_sha256 : str
        Of the rows (or distances) that the map was made from: `clew.explore.transform` asks for them again.
    notes : list of str
        Where the settings had to be adapted to the rows, and what was sampled.
    """

    method: str
    metric: str
    coordinates: np.ndarray
    aligned: np.ndarray
    trustworthiness: np.ndarray
    continuity: np.ndarray
    neighbor_overlap: np.ndarray
    stress: np.ndarray
    k: int
    recall: float
    pca_explained_variance: np.ndarray
    pca_total_variance: float
    pca_loadings: np.ndarray
    seeds: np.ndarray
    rows_sha256: str
    notes: list[str]

    def headline(self) -> str:
        """Say how true the pictures are to the data, and how true to each other."""
        n_runs, n_rows, _ = self.coordinates.shape
        faithful = f"{self.method}, {n_rows} rows, trustworthiness {self.trustworthiness.mean():.3f}"
        if self.metric == "precomputed":
            faithful += f", stress {self.stress.mean():.2f}"
        if self.method == "pca":
            return f"{faithful}; no randomness"
        if n_runs == 1:
            return f"{faithful}; one run, so nothing is known of its stability"
        return (
            f"{faithful}; two of {n_runs} runs share {self.neighbor_overlap.mean():.0%} of a row's neighbours"
        )

    def summary(self) -> dict[str, Any]:
        """Return the figures that scripts rely on."""
        overlap = float(self.neighbor_overlap.mean())
        return {
            "method": self.method,
            "runs": len(self.coordinates),
            "metric": self.metric,
            "trustworthiness": float(self.trustworthiness.mean()),
            "continuity": float(self.continuity.mean()),
            "stress": float(self.stress.mean()),
            "neighbor_overlap": overlap if np.isfinite(overlap) else None,
        }


@step()
def embed(
    X: np.ndarray | Distances | MetricSpace,
    near: Neighbors | None = None,
    *,
    method: Method = "umap",
    metric: Metric | Measure = "auto",
    runs: int = 20,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    perplexity: float = 30.0,
    random_state: int = 0,
    on_progress: Callable[[int, int], Any] | None = None,
) -> Embedding:
    """Embed rows in the plane several times and measure how far the pictures agree.

    Parameters
    ----------
    X : ndarray of float64, shape (n_rows, n_features), or Distances
        At least 4 rows, in units that can be compared (z-scores), or the distances between them.
    near : Neighbors, optional
        Neighbours of the same rows under the same metric, if they were found before: `enough_neighbors` of each.
    method : {"umap", "tsne", "pca"}
        UMAP differs from run to run in tiny noise at the beginning and in the rows it draws to push from; t-SNE
        in a beginning jittered by a tenth of its spread; PCA has no randomness and is made once (of distances that
        are not Euclidean: principal coordinates).
    metric : str or callable
        What makes rows near: see `clew.explore.distances.metric_space`; "auto" is "euclidean" for rows.
    runs : int
        How many; run i has the seed ``random_state + i`` and is the same in any company, on any number of threads.
    n_neighbors : int
        The size of the neighbourhoods of UMAP, the row itself counted, and of those compared between pictures.
    min_dist : float
        How close UMAP may pack points, from 0 to 1.
    perplexity : float
        The effective number of neighbours for t-SNE.
    random_state : int
        The seed of run 0.
    on_progress : callable, optional
        ``on_progress(done, total)`` in runs; returning False stops, and the runs done so far are returned.

    Raises
    ------
    DataError
        If X has fewer than 4 rows or holds anything but finite numbers.
    SettingError
        If a setting is out of its range.

    References
    ----------
    UMAP: McInnes, Healy, Melville (2018), doi:10.48550/arXiv.1802.03426. t-SNE: van der Maaten and Hinton,
    J. Machine Learning Research 9 (2008) 2579. Trustworthiness and continuity: Venna and Kaski, ICANN (2001),
    doi:10.1007/3-540-44668-0_68. Alignment: Gower, Psychometrika 40 (1975), doi:10.1007/BF02291478.
    """
    _check_int(runs, "runs", least=1)
    plan = _prepare(X, near, method, metric, n_neighbors, min_dist, perplexity, random_state, k_judged=True)
    notes = list(plan.notes)
    if method == "pca":
        runs = 1
        notes.append("PCA has no randomness: one run")
    with ThreadPoolExecutor(n_threads()) as pool:
        seeds = random_state + np.arange(runs)
        coordinates = _run_all(plan.layouts, seeds, pool, on_progress)
        if len(coordinates) < runs:
            notes.append(f"stopped after {len(coordinates)} of {runs} runs")
        judged = _judge(plan, coordinates, pool, random_state)
    if len(judged.rows) < plan.space.n_rows:
        notes.append(
            f"trustworthiness and continuity from {len(judged.rows)} of {plan.space.n_rows} rows, drawn at random"
        )
    if judged.n_among < plan.space.n_rows and len(coordinates) > 1:
        notes.append(
            f"neighbours compared between runs among {judged.n_among} of {plan.space.n_rows} rows, drawn at random"
        )
    return Embedding(
        method=method,
        metric=plan.space.name,
        coordinates=coordinates,
        aligned=np.stack([procrustes(points, coordinates[0]) for points in coordinates]),
        trustworthiness=judged.trustworthiness,
        continuity=judged.continuity,
        neighbor_overlap=np.ones(plan.space.n_rows) if method == "pca" else judged.overlap,
        stress=judged.stress,
        k=plan.k,
        recall=plan.near.recall,
        pca_explained_variance=plan.pca.explained_variance,
        pca_total_variance=plan.pca.total_variance,
        pca_loadings=plan.pca.loadings,
        seeds=seeds[: len(coordinates)],
        rows_sha256=plan.space.sha256,
        notes=notes,
    )


def layout_once(
    X: np.ndarray | Distances | MetricSpace,
    seed: int,
    *,
    method: Method = "umap",
    metric: Metric | Measure = "auto",
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    perplexity: float = 30.0,
) -> np.ndarray:
    """Embed rows once and judge nothing: the run of `embed` with this seed, (n_rows, 2) of float32.

    Settings and errors are those of `embed`.
    """
    plan = _prepare(X, None, method, metric, n_neighbors, min_dist, perplexity, seed, k_judged=False)
    return plan.layouts(np.array([seed]))[0]


# ---- what all runs share ----
@dataclass(frozen=True)
class _Plan:
    """All that is found once, and the function that makes the runs of some seeds."""

    space: MetricSpace
    near: Neighbors
    pca: PrincipalComponents
    layouts: Layouts
    k: int
    notes: list[str]


def enough_neighbors(n_rows: int, *, n_neighbors: int = 15, perplexity: float = 30.0) -> int:
    """Return how many neighbours of each row UMAP, t-SNE and their judges need, so that all can share them."""
    return min(max(n_neighbors, int(3 * perplexity)), n_rows - 1)


def _prepare(
    X: np.ndarray | Distances | MetricSpace,
    near: Neighbors | None,
    method: Method,
    metric: Metric | Measure,
    n_neighbors: int,
    min_dist: float,
    perplexity: float,
    random_state: int,
    *,
    k_judged: bool,
) -> _Plan:
    check_choice(method, ("umap", "tsne", "pca"), what="'method' setting", of="embed")
    _check_int(n_neighbors, "n_neighbors", least=2)
    _check_int(random_state, "random_state", least=0)
    _check_range(min_dist, "min_dist", 0, 1)
    _check_range(perplexity, "perplexity", 1, np.inf)
    space = X if isinstance(X, MetricSpace) else metric_space(X, metric=metric, of="embed")
    n_rows = space.n_rows
    check(n_rows >= 4, DataError, "The X of embed must have at least 4 rows. Got {} instead.", n_rows)

    notes = list(space.notes)
    if n_neighbors > n_rows - 1:
        if method == "umap":
            notes.append(f"n_neighbors lowered from {n_neighbors} to {n_rows - 1}: there are {n_rows} rows")
        n_neighbors = n_rows - 1
    if method == "tsne" and 3 * perplexity > n_rows - 1:
        notes.append(
            f"perplexity lowered from {perplexity:g} to {(n_rows - 1) / 3:g}: there are {n_rows} rows"
        )
        perplexity = (n_rows - 1) / 3
    k = min(n_neighbors, (n_rows - 1) // 2)  # beyond half of the rows trustworthiness is not defined
    needed = {"umap": n_neighbors - 1, "tsne": int(3 * perplexity), "pca": 1}[method]
    needed_by_all = max(needed, k if k_judged else 1)
    if near is None:
        near = neighbors(space, k=needed_by_all)
    check(
        len(near.indices) == n_rows and near.k >= needed_by_all and near.metric == space.name,
        DataError,
        "The neighbours of embed must be at least {} of each of the {} rows, {}. Got {} of {}, {}.",
        needed_by_all,
        n_rows,
        space.name,
        near.k,
        len(near.indices),
        near.metric,
    )
    if not near.exact:
        notes.append(f"neighbours from an approximate search that found {near.recall:.1%} of the true ones")
    if near.n_duplicates:
        notes.append(f"{near.n_duplicates} of {n_rows} rows equal another row")
    axes = principal_axes(space)
    if method == "umap":
        layouts = _umap(near, axes, n_neighbors, min_dist, notes)
    elif method == "tsne":
        layouts = _tsne(near.first(needed), axes, perplexity, notes)
    else:
        layouts = lambda seeds: np.repeat(axes.coordinates[None].astype(np.float32), len(seeds), axis=0)  # noqa: E731
    return _Plan(space, near, axes, layouts, k, notes)


def _umap(
    near: Neighbors, axes: PrincipalComponents, n_neighbors: int, min_dist: float, notes: list[str]
) -> Layouts:
    """Prepare UMAP's layouts with the defaults of its paper and of umap-learn."""
    from clew.kernels.layout import umap_layouts

    graph = fuzzy_simplicial_set(near, n_neighbors=n_neighbors)
    n_rows = graph.shape[0]
    n_epochs = 500 if n_rows <= 10_000 else 200
    weights = graph.data.astype(np.float64) / graph.data.max()
    graph.data[weights * n_epochs < 1] = 0  # never drawn, so they hold nothing together either
    graph.eliminate_zeros()
    weights = graph.data.astype(np.float64) / graph.data.max()

    begin = spectral_or_pca(graph, axes)
    if begin.kind == "pca":
        notes.append(f"began at the principal components instead of the spectral modes: {begin.reason}")
    low, width = begin.coordinates.min(axis=0), np.ptp(begin.coordinates, axis=0)
    box = 10 * (begin.coordinates - low) / np.where(width > 0, width, 1)
    curve = curve_parameters(float(min_dist))

    def layouts(seeds: np.ndarray) -> np.ndarray:
        noise = np.stack([np.random.default_rng(seed).normal(size=box.shape) for seed in seeds])
        initial = (box + UMAP_NOISE * noise).astype(np.float32)
        return umap_layouts(initial, graph.indptr, graph.indices, weights, curve, n_epochs, NEGATIVES, seeds)

    return layouts


def _tsne(near: Neighbors, axes: PrincipalComponents, perplexity: float, notes: list[str]) -> Layouts:
    """Prepare t-SNE's layouts with the defaults of openTSNE."""
    from scipy.sparse import triu

    from clew.kernels.tsne import tsne_layout

    pairs = triu(perplexity_affinities(near, perplexity=perplexity), k=1, format="csr")
    weights = pairs.data.astype(np.float32)
    spread = axes.coordinates[:, 0].std()
    begin = axes.coordinates / (spread if spread > 0 else 1)
    notes.append(f"runs of t-SNE begin at the principal components with {TSNE_JITTER:.0%} of jitter")

    def layout(seed: int) -> np.ndarray:
        jitter = TSNE_JITTER * np.random.default_rng(seed).normal(size=begin.shape)
        return tsne_layout(1e-4 * (begin + jitter), pairs.indptr, pairs.indices, weights)

    return lambda seeds: np.stack([layout(seed) for seed in seeds])


# ---- the runs ----
def _run_all(
    layouts: Layouts,
    seeds: np.ndarray,
    pool: ThreadPoolExecutor,
    on_progress: Callable[[int, int], Any] | None,
) -> np.ndarray:
    """Make the runs of all seeds, in batches on the threads of ``pool``; (n_runs, n_rows, 2)."""
    threads = n_threads()
    rounds = -(-len(seeds) // (threads * RUNS_IN_TURN))
    batches = np.array_split(seeds, min(len(seeds), threads * rounds))
    pending = [pool.submit(layouts, batch) for batch in batches]
    done: list[np.ndarray] = []
    for future in pending:
        done.extend(future.result())
        if on_progress is not None and on_progress(len(done), len(seeds)) is False:
            for rest in pending:
                rest.cancel()
            break
    return np.stack(done)


# ---- their judgement ----
@dataclass(frozen=True)
class _Judged:
    """What `Embedding` says of the pictures, and the rows that it looked at."""

    rows: np.ndarray
    trustworthiness: np.ndarray
    continuity: np.ndarray
    overlap: np.ndarray
    n_among: int  # rows among which neighbours were compared between runs
    stress: np.ndarray


def _judge(plan: _Plan, coordinates: np.ndarray, pool: ThreadPoolExecutor, random_state: int) -> _Judged:
    """Hold all pictures (n_runs, n_rows, 2) against the data and against each other."""
    rows = judged_rows(plan.space.n_rows, random_state)
    spaces = [MetricSpace("euclidean", points.astype(np.float64)) for points in coordinates]
    shown = list(pool.map(lambda picture: neighbors(picture, k=plan.k), spaces))
    maps = np.stack([one.indices for one in shown])
    data = plan.near.first(plan.k).indices[None]
    among = seen_among(plan.space.n_rows, random_state)

    def continuity(picture: MetricSpace, near: Neighbors) -> float:
        return faithfulness(picture, near, rows, data)[0]

    measured = rows if plan.space.matrix is not None else rows[:: -(-len(rows) // STRESS_ROWS)]
    return _Judged(
        rows=rows,
        trustworthiness=faithfulness(plan.space, plan.near, rows, maps, pool),
        continuity=np.array(list(pool.map(continuity, spaces, shown))),
        overlap=neighbor_overlap(maps if len(among) == len(maps[0]) else _seen(spaces, among, plan.k, pool)),
        n_among=len(among),
        stress=np.array(
            list(pool.map(lambda points: stress(plan.space, points, rows=measured), coordinates))
        ),
    )


def _seen(spaces: list[MetricSpace], among: np.ndarray, k: int, pool: ThreadPoolExecutor) -> np.ndarray:
    """Return the ``k`` nearest of some rows (n_runs, n_rows, k), other than itself, in every picture."""
    itself = np.full(spaces[0].n_rows, -1)
    itself[among] = np.arange(len(among))

    def one(picture: MetricSpace) -> np.ndarray:
        points = cast(np.ndarray, picture.table)
        return nearest(points[among], points, k, itself=itself)[0]

    return np.stack(list(pool.map(one, spaces)))


# ---- settings ----
def _check_int(value: Any, name: str, *, least: int) -> None:
    check(
        isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= least,
        SettingError,
        "The '{}' setting of embed must be an int of at least {}. Got {} instead.",
        name,
        least,
        value,
    )


def _check_range(value: Any, name: str, low: float, high: float) -> None:
    check(
        isinstance(value, (int, float, np.number)) and np.isfinite(value) and low <= value <= high,
        SettingError,
        "The '{}' setting of embed must be a number {}. Got {} instead.",
        name,
        f"from {low} to {high}" if np.isfinite(high) else f"of at least {low}",
        value,
    )
