"""Embeddings, clusterings and neighbours beside umap-learn, openTSNE, pynndescent and scikit-learn."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from clew.bench.quality import Faithfulness, kl_divergence, recall
from clew.bench.start import command
from clew.bench.timing import Quality, Side, Sides, Work

RUNS = 20
RESTARTS, LEAST_K, MOST_K = 50, 2, 10
WARM_ROWS = 5000  # umap-learn compiles other code for more than 4,096 rows
UMAP = "umap-learn, seeded (one thread)"


def works() -> list[Work]:
    """Return the rows of ``clew bench explore``.

    Simulated data are 10 Gaussian clusters (`clusters`, seed 0); the digits are those that scikit-learn holds.
    """
    umap, twenty = ("umap-learn",), f"{RUNS} UMAP runs"
    return [
        Work("umap-10k", f"{twenty}, 10,000 x 30", partial(_umap, 10_000), UMAP, umap),
        Work("umap-50k", f"{twenty}, 50,000 x 30", partial(_umap, 50_000, most=2), UMAP, umap),
        Work("start-digits", "process start to first map of 1,797 digits", _start_digits, UMAP, umap),
        Work(
            "kmeans",
            f"{RESTARTS} runs of each k = {LEAST_K}..{MOST_K}, 100,000 x 20",
            partial(_kmeans, 100_000),
            "scikit-learn, Lloyd, n_init=1, as many threads",
        ),
        Work("tsne-10k", f"{RUNS} t-SNE runs, 10,000 x 30", partial(_tsne, 10_000), "openTSNE, n_jobs=2"),
        Work("explore-63", "explore 63 blobs, 20 runs, warm", _explore_blobs, needs=("scikit-image",)),
        Work(
            "neighbors-10k", "15 neighbours, 10,000 x 30", partial(_neighbors, 10_000), "scikit-learn, exact"
        ),
        Work(
            "neighbors-50k",
            "15 neighbours, 50,000 x 30",
            partial(_neighbors, 50_000, exact=False),
            "pynndescent",
            ("pynndescent",),
        ),
        Work("quality-digits", "20 maps of 1,797 digits", _quality_digits, UMAP, umap, peak=False),
        Work("quality-blobs", "20 maps of 1,000 x 30", _quality_blobs, UMAP, umap, peak=False),
        Work("big", "explore 1,000,000 x 50", partial(_big, 1_000_000), fresh=True, on_request=True),
    ]


def clusters(n_rows: int, n_features: int, *, sd: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Simulate 10 Gaussian clusters of unit noise around centres of standard deviation ``sd``, seed 0.

    Returns
    -------
    X : ndarray of float64, shape (n_rows, n_features)
    groups : ndarray of int, shape (n_rows,)
    """
    rng = np.random.default_rng(0)
    centers = rng.normal(0, sd, (10, n_features))
    groups = rng.integers(0, 10, n_rows)
    return centers[groups] + rng.normal(size=(n_rows, n_features)), groups


# ---- maps ----
def _umap(n_rows: int, *, most: int | None = None) -> Sides:
    X, groups = clusters(n_rows, 30)
    return _maps(X, groups, runs=most)


def _quality_digits() -> Sides:
    from sklearn.datasets import load_digits

    return _maps(*load_digits(return_X_y=True), runs=RUNS, fixed=True)


def _quality_blobs() -> Sides:
    return _maps(
        *clusters(1000, 30, sd=0.5), runs=RUNS, fixed=True
    )  # so near that no method parts them wholly


def _maps(X: np.ndarray, groups: np.ndarray, *, runs: int | None, fixed: bool = False) -> Sides:
    """Twenty maps of ours beside single ones of the rival; of as many, the worst seeds are compared, too."""
    from clew.explore.embed import embed

    ours = Side(
        lambda i: embed(X, runs=RUNS, random_state=0).coordinates,
        runs=1 if fixed else runs,
        warm=lambda: embed(X[:WARM_ROWS], runs=2),
    )
    rival = Side(
        partial(_umap_learn, X), RUNS, "one seed", runs, fixed, warm=lambda: _umap_learn(X[:WARM_ROWS], 0)
    )
    faithful = Faithfulness(X, groups)
    return Sides(ours, rival, lambda outcomes: faithful.spread(_pictures(outcomes), worst=fixed))


def _pictures(outcomes: list[np.ndarray]) -> list[np.ndarray]:
    """Return all different maps: those of the last run of an ensemble, or one of each run."""
    return list(outcomes[-1]) if outcomes[0].ndim == 3 else outcomes


def _umap_learn(X: np.ndarray, seed: int) -> np.ndarray:
    from umap import UMAP

    return UMAP(random_state=seed, n_jobs=1).fit_transform(X)


def _start_digits() -> Sides:
    """Whole processes that read the digits from a file, make one map and write it down."""
    from sklearn.datasets import load_digits

    X, groups = load_digits(return_X_y=True)
    folder = tempfile.TemporaryDirectory(prefix="clew-bench-")
    at = Path(folder.name)
    np.save(at / "digits.npy", X)
    made = {
        "ours": "from clew.explore.embed import embed; Y = embed(X, runs=1).coordinates[0]",
        "rival": "from umap import UMAP; Y = UMAP(random_state=0, n_jobs=1).fit_transform(X)",
    }
    code = f"import numpy; X = numpy.load({str(at / 'digits.npy')!r}); {{}}; numpy.save({{!r}}, Y)"

    def side(name: str) -> Side:
        file = str(at / f"{name}.npy")
        whole = command(sys.executable, "-c", code.format(made[name], file))

        def run(i: int) -> np.ndarray:
            assert folder  # the folder lives as long as the sides
            whole.run(i)
            return np.load(file)

        return Side(run)

    return Sides(side("ours"), side("rival"), partial(Faithfulness(X, groups).spread, worst=False))


def _tsne(n_rows: int) -> Sides:
    from openTSNE import TSNE
    from openTSNE.affinity import PerplexityBasedNN

    from clew.explore.embed import embed

    X, groups = clusters(n_rows, 30)
    together, faithful = 4, Faithfulness(X, groups)

    def judge(outcomes: list[np.ndarray]) -> Quality:
        pictures = _pictures(outcomes)
        P = PerplexityBasedNN(X, perplexity=30, method="exact", n_jobs=2).P
        divergence = np.median([kl_divergence(P, picture) for picture in pictures])
        return {"kl_divergence": round(float(divergence), 3), **faithful.spread(pictures, worst=False)}

    return Sides(
        Side(
            lambda i: embed(X, method="tsne", runs=together).coordinates,
            times=RUNS // together,
            of=f"{together} maps",
            runs=2,
            warm=lambda: embed(X[:1000], method="tsne", runs=2),
        ),
        Side(
            lambda i: np.asarray(TSNE(n_jobs=2, random_state=i).fit(X)),
            times=RUNS,
            of="one seed",
            warm=lambda: TSNE(n_jobs=2).fit(X[:1000]),
        ),
        judge,
    )


# ---- clusterings ----
def _kmeans(n_rows: int) -> Sides:
    """All runs of ours beside one fit of the rival at each k, times the number of runs."""
    X, _ = clusters(n_rows, 20)
    ks = range(LEAST_K, MOST_K + 1)
    total = float(np.sum((X - X.mean(axis=0)) ** 2))

    def judge(outcomes: list[np.ndarray]) -> Quality:
        inertia = np.median(np.concatenate(outcomes, axis=1), axis=1)  # (n_k,)
        return {"inertia_k2": round(inertia[0] / total, 5), "inertia_k10": round(inertia[-1] / total, 5)}

    return Sides(
        Side(lambda i: _our_inertia(X, ks, RESTARTS), warm=lambda: _our_inertia(X[:WARM_ROWS], ks, 2)),
        Side(
            lambda i: np.array([[_rival_inertia(X, k, i)] for k in ks]),
            RESTARTS,
            "one fit at each k",
            runs=10,
            fixed=True,
        ),
        judge,
    )


def _our_inertia(X: np.ndarray, ks: range, restarts: int) -> np.ndarray:
    """Return the inertia (n_k, n_restarts) of every run."""
    from clew.kernels.kmeans import kmeans_many

    return np.stack([inertia for _, _, inertia, _ in kmeans_many(X, ks, np.arange(restarts))])


def _rival_inertia(X: np.ndarray, k: int, seed: int) -> float:
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    from clew.kernels.threads import n_threads

    with threadpool_limits(n_threads(), "openmp"):
        return float(KMeans(k, algorithm="lloyd", n_init=1, random_state=seed).fit(X).inertia_)


# ---- neighbours ----
def _neighbors(n_rows: int, *, exact: bool = True) -> Sides:
    from clew.explore.neighbors import neighbors

    X, _ = clusters(n_rows, 30)
    return Sides(
        Side(lambda i: neighbors(X, k=15).indices),
        Side(partial(_exact_rival if exact else _approximate_rival, X)),
        lambda outcomes: {"recall": round(recall(X, outcomes[-1]), 4)},
    )


def _exact_rival(X: np.ndarray, i: int) -> np.ndarray:
    from sklearn.neighbors import NearestNeighbors

    from clew.kernels.threads import n_threads

    return NearestNeighbors(n_neighbors=15, n_jobs=n_threads()).fit(X).kneighbors(return_distance=False)


def _approximate_rival(X: np.ndarray, i: int) -> np.ndarray:
    from pynndescent import NNDescent

    from clew.kernels.threads import n_threads

    index = NNDescent(X, n_neighbors=16, random_state=i, n_jobs=n_threads())
    return index.neighbor_graph[0][:, 1:]


# ---- all of it ----
def _explore_blobs() -> Sides:
    from clew.explore.exploration import explore
    from clew.measure.objects import measure_objects
    from clew.read.images import Image
    from clew.simulate import blobs

    truth = blobs(n_round=38, n_elongated=25, random_state=5)  # two groups are found, so all is done
    image = Image("blobs", Path("blobs"), "", truth.pixels[None], ("gray",), None, [])
    samples = measure_objects([image], [truth.label_image]).samples.select("shape")
    return Sides(
        Side(lambda i: explore(samples, runs=RUNS, random_state=0)),
        judge=lambda outcomes: {"groups": int(outcomes[-1].k)},
    )


def _big(n_rows: int) -> Sides:
    import pandas as pd

    from clew.explore.exploration import explore
    from clew.samples import Samples

    rng, names = np.random.default_rng(0), np.arange(n_rows).astype(str)
    X = rng.standard_normal((n_rows, 50), dtype=np.float32)
    X += rng.normal(0, 2, (10, 50)).astype(np.float32)[rng.integers(0, 10, n_rows)]
    samples = Samples(
        features=X,
        feature_names=tuple(f"f{i}" for i in range(50)),
        units=("",) * 50,
        sample=names,
        origin=pd.DataFrame({"source": np.full(n_rows, "simulated")}),
        group=names,
    )

    def run(i: int) -> Quality:
        looked = explore(samples, random_state=0)
        return {"groups": int(looked.k), "trustworthiness": float(looked.embedding.trustworthiness.mean())}

    return Sides(Side(run, runs=1), judge=lambda outcomes: outcomes[-1])
