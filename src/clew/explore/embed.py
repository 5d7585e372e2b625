"""Embeddings as ensembles: the same rows laid out again and again, and how far the pictures agree.

Neighbours, affinities and the beginning are found once; the runs share all of them and differ in what is random.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice
from clew.explore.affinities import curve_parameters, fuzzy_simplicial_set, perplexity_affinities
from clew.explore.initialise import PrincipalComponents, principal_components, spectral_or_pca
from clew.explore.neighbors import Neighbors, finite_table, neighbors
from clew.result import Result, step

Method = Literal["umap", "tsne", "pca"]
Layouts = Callable[[np.ndarray], np.ndarray]  # seeds (n_runs,) -> coordinates (n_runs, n_rows, 2) of float32

RUNS_IN_TURN = 10  # runs that share a thread and take turns at each edge
JUDGED_ROWS = 3000  # trustworthiness and continuity look at this many rows at most
NEGATIVES = 5
UMAP_NOISE = 1e-4  # of a picture 10 wide
TSNE_JITTER = 0.1  # of the standard deviation along the first component


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Embedding(Result):
    """Rows as points in the plane, once a run.

    Parameters
    ----------
    method : str
    coordinates : ndarray of float32, shape (n_runs, n_rows, 2)
        The points as each run left them.
    aligned : ndarray of float32, shape (n_runs, n_rows, 2)
        The same, turned, mirrored, moved and scaled to fit run 0 best: these are no disagreement.
    trustworthiness : ndarray of float64, shape (n_runs,)
        1 if whoever is near in the picture is near in the data (Venna and Kaski 2001).
    continuity : ndarray of float64, shape (n_runs,)
        1 if whoever is near in the data is near in the picture.
    neighbor_overlap : ndarray of float64, shape (n_rows,)
        Share of a row's ``k`` neighbours in the picture that two runs have in common, mean over all pairs of
        runs: low for rows that wander. 1 for PCA, which has no randomness; NaN where only one run was made.
    k : int
        The size of the neighbourhoods that the three figures above compare.
    pca_explained_variance : ndarray of float64, shape (n_components,)
        Of all principal components of the same rows.
    pca_loadings : ndarray of float64, shape (n_features, n_components)
    seeds : ndarray of int64, shape (n_runs,)
    notes : list of str
        Where the settings had to be adapted to the rows, and what was sampled.
    """

    method: str
    coordinates: np.ndarray
    aligned: np.ndarray
    trustworthiness: np.ndarray
    continuity: np.ndarray
    neighbor_overlap: np.ndarray
    k: int
    pca_explained_variance: np.ndarray
    pca_loadings: np.ndarray
    seeds: np.ndarray
    notes: list[str]

    def headline(self) -> str:
        """Say how true the pictures are to the data, and how true to each other."""
        n_runs, n_rows, _ = self.coordinates.shape
        faithful = f"{self.method}, {n_rows} rows, trustworthiness {self.trustworthiness.mean():.3f}"
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
            "trustworthiness": float(self.trustworthiness.mean()),
            "neighbor_overlap": overlap if np.isfinite(overlap) else None,
        }


@step()
def embed(
    X: np.ndarray,
    *,
    method: Method = "umap",
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
    X : ndarray of float64, shape (n_rows, n_features)
        At least 4 rows, in units that can be compared (z-scores).
    method : {"umap", "tsne", "pca"}
        UMAP differs from run to run in tiny noise at the beginning and in the rows it draws to push from; t-SNE
        in a beginning jittered by a tenth of its spread; PCA has no randomness and is made once.
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
    plan = _prepare(X, method, n_neighbors, min_dist, perplexity, random_state, k_judged=True)
    notes = list(plan.notes)
    if method == "pca":
        runs = 1
        notes.append("PCA has no randomness: one run")
    with ThreadPoolExecutor(_n_threads()) as pool:
        seeds = random_state + np.arange(runs)
        coordinates = _run_all(plan.layouts, seeds, pool, on_progress)
        if len(coordinates) < runs:
            notes.append(f"stopped after {len(coordinates)} of {runs} runs")
        rows, note = _judged_rows(len(plan.X), random_state)
        maps = np.stack(list(pool.map(lambda points: _indices(points, plan.k), coordinates)))
        trustworthiness = _faithfulness(plan.X, rows, maps, pool)
        near = plan.near.first(plan.k).indices[None]
        continuity = list(pool.map(lambda points: _faithfulness(points, rows, near)[0], coordinates))
    return Embedding(
        method=method,
        coordinates=coordinates,
        aligned=np.stack([procrustes(points, coordinates[0]) for points in coordinates]),
        trustworthiness=trustworthiness,
        continuity=np.array(continuity),
        neighbor_overlap=np.ones(len(plan.X)) if method == "pca" else neighbor_overlap(maps),
        k=plan.k,
        pca_explained_variance=plan.pca.explained_variance,
        pca_loadings=plan.pca.loadings,
        seeds=seeds[: len(coordinates)],
        notes=notes + note,
    )


def layout_once(
    X: np.ndarray,
    seed: int,
    *,
    method: Method = "umap",
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    perplexity: float = 30.0,
) -> np.ndarray:
    """Embed rows once and judge nothing: the run of `embed` with this seed, (n_rows, 2) of float32.

    Settings and errors are those of `embed`.
    """
    plan = _prepare(X, method, n_neighbors, min_dist, perplexity, seed, k_judged=False)
    return plan.layouts(np.array([seed]))[0]


# ---- what all runs share ----
@dataclass(frozen=True)
class _Plan:
    """All that is found once, and the function that makes the runs of some seeds."""

    X: np.ndarray
    near: Neighbors
    pca: PrincipalComponents
    layouts: Layouts
    k: int
    notes: list[str]


def _prepare(
    X: np.ndarray,
    method: Method,
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
    X = finite_table(X, of="embed")
    n_rows = len(X)
    check(n_rows >= 4, DataError, "The X of embed must have at least 4 rows. Got {} instead.", n_rows)

    notes = []
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
    near = neighbors(X, k=max(needed, k if k_judged else 1))
    if near.n_duplicates:
        notes.append(f"{near.n_duplicates} of {n_rows} rows equal another row")
    pca = principal_components(X)
    if method == "umap":
        layouts = _umap(near, pca, n_neighbors, min_dist, notes)
    elif method == "tsne":
        layouts = _tsne(near.first(needed), pca, perplexity, notes)
    else:
        layouts = lambda seeds: np.repeat(pca.coordinates[None].astype(np.float32), len(seeds), axis=0)  # noqa: E731
    return _Plan(X, near, pca, layouts, k, notes)


def _umap(
    near: Neighbors, pca: PrincipalComponents, n_neighbors: int, min_dist: float, notes: list[str]
) -> Layouts:
    """Prepare UMAP's layouts with the defaults of its paper and of umap-learn."""
    from clew.kernels.layout import force_tables, umap_layouts

    graph = fuzzy_simplicial_set(near, n_neighbors=n_neighbors)
    n_rows = graph.shape[0]
    n_epochs = 500 if n_rows <= 10_000 else 200
    weights = graph.data.astype(np.float64) / graph.data.max()
    graph.data[weights * n_epochs < 1] = 0  # never drawn, so they hold nothing together either
    graph.eliminate_zeros()
    weights = graph.data.astype(np.float64) / graph.data.max()

    begin = spectral_or_pca(graph, pca)
    if begin.kind == "pca":
        notes.append(f"began at the principal components instead of the spectral modes: {begin.reason}")
    low, width = begin.coordinates.min(axis=0), np.ptp(begin.coordinates, axis=0)
    box = 10 * (begin.coordinates - low) / np.where(width > 0, width, 1)
    tables = force_tables(*curve_parameters(float(min_dist)))

    def layouts(seeds: np.ndarray) -> np.ndarray:
        noise = np.stack([np.random.default_rng(seed).normal(size=box.shape) for seed in seeds])
        initial = (box + UMAP_NOISE * noise).astype(np.float32)
        return umap_layouts(initial, graph.indptr, graph.indices, weights, tables, n_epochs, NEGATIVES, seeds)

    return layouts


def _tsne(near: Neighbors, pca: PrincipalComponents, perplexity: float, notes: list[str]) -> Layouts:
    """Prepare t-SNE's layouts: openTSNE's optimiser, one thread a run so that the bits do not depend on threads."""
    from openTSNE import TSNEEmbedding

    affinities = perplexity_affinities(near, perplexity=perplexity)
    spread = pca.coordinates[:, 0].std()
    begin = pca.coordinates / (spread if spread > 0 else 1)
    notes.append(f"runs of t-SNE begin at the principal components with {TSNE_JITTER:.0%} of jitter")

    def layout(seed: int) -> np.ndarray:
        jitter = TSNE_JITTER * np.random.default_rng(seed).normal(size=begin.shape)
        own = copy.copy(affinities)
        own.P = affinities.P.copy()  # openTSNE exaggerates in place: runs in other threads must not see it
        points = TSNEEmbedding(1e-4 * (begin + jitter), own, n_jobs=1, random_state=int(seed))
        points.optimize(250, exaggeration=12, momentum=0.5, inplace=True, n_jobs=1)
        points.optimize(500, momentum=0.8, inplace=True, n_jobs=1)
        return np.asarray(points, dtype=np.float32)

    return lambda seeds: np.stack([layout(seed) for seed in seeds])


# ---- the runs ----
def _n_threads() -> int:
    from joblib import cpu_count

    return cpu_count()


def _run_all(
    layouts: Layouts,
    seeds: np.ndarray,
    pool: ThreadPoolExecutor,
    on_progress: Callable[[int, int], Any] | None,
) -> np.ndarray:
    """Make the runs of all seeds, in batches on the threads of ``pool``; (n_runs, n_rows, 2)."""
    threads = _n_threads()
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


# ---- how true a picture is ----
def _judged_rows(n_rows: int, random_state: int) -> tuple[np.ndarray, list[str]]:
    if n_rows <= JUDGED_ROWS:
        return np.arange(n_rows), []
    rows = np.random.default_rng(random_state).choice(n_rows, JUDGED_ROWS, replace=False)
    return np.sort(rows), [
        f"trustworthiness and continuity from {JUDGED_ROWS} of {n_rows} rows, drawn at random"
    ]


def _indices(points: np.ndarray, k: int) -> np.ndarray:
    return neighbors(points.astype(np.float64), k=k).indices


def _faithfulness(
    space: np.ndarray, rows: np.ndarray, maps: np.ndarray, pool: ThreadPoolExecutor | None = None
) -> np.ndarray:
    """Return trustworthiness (n_maps,) of the neighbours ``maps`` (n_maps, n_rows, k) judged by ranks in ``space``.

    With neighbours of the data judged by ranks in the picture, this is the continuity.
    """
    from clew.kernels.neighborhood import rank_excess

    columns = np.ascontiguousarray(space.T, dtype=np.float64)
    parts = np.array_split(rows, 8)
    sums = (pool.map if pool else map)(lambda part: rank_excess(columns, part, maps), parts)
    n, k = len(space), maps.shape[2]
    return 1 - 2 / (len(rows) * k * (2 * n - 3 * k - 1)) * np.sum(list(sums), axis=0)


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
    """Turn, mirror, move and scale ``points`` (n_rows, 2) to fit ``target`` best; float32.

    References
    ----------
    Schönemann, Psychometrika 31 (1966), doi:10.1007/BF02289451.
    """
    centre = target.mean(axis=0, dtype=np.float64)
    moved = points - points.mean(axis=0, dtype=np.float64)
    left, stretch, right = np.linalg.svd(moved.T @ (target - centre))
    size = np.sum(moved**2)
    scale = stretch.sum() / size if size > 0 else 1.0
    return (scale * moved @ (left @ right) + centre).astype(np.float32)


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
