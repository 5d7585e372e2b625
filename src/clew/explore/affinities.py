"""How strongly neighbours belong together: UMAP's fuzzy simplicial set and t-SNE's perplexity affinities."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from clew.explore.neighbors import Neighbors

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def fuzzy_simplicial_set(neighbors: Neighbors, *, n_neighbors: int = 15) -> csr_array:
    """Join the fuzzy neighbourhoods of all rows to one graph: UMAP's picture of the data.

    A row reaches its nearest neighbour with membership 1 and the others with memberships that fall
    exponentially, at a pace such that they add up to log2(n_neighbors); i and j belong together if i reaches j
    or j reaches i: ``p + q - p * q``.

    Parameters
    ----------
    neighbors : Neighbors
        At least ``n_neighbors - 1`` of each row.
    n_neighbors : int
        The size of a neighbourhood, the row itself counted.

    Returns
    -------
    csr_array of float32, shape (n_rows, n_rows)
        Symmetric memberships in (0, 1], columns in order.

    References
    ----------
    McInnes, Healy, Melville: UMAP (2018), doi:10.48550/arXiv.1802.03426, algorithms 2 and 3.
    """
    from scipy.sparse import csr_array

    from clew.kernels.layout import smooth_distances

    near = neighbors.first(n_neighbors - 1)
    n_rows, k = near.indices.shape
    distances = near.distances.astype(np.float32)
    nearest, bandwidth = smooth_distances(distances, n_neighbors, True)
    beyond = np.maximum(distances - nearest[:, None], 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        membership = np.where(beyond > 0, np.exp(-beyond / bandwidth[:, None]), np.float32(1))
    starts = np.arange(0, n_rows * k + 1, k, dtype=np.int32)
    reaches = csr_array((membership.ravel(), near.indices.ravel(), starts), shape=(n_rows, n_rows))
    reached = reaches.T.tocsr()
    graph = (reaches + reached - reaches * reached).tocsr()
    graph.eliminate_zeros()
    graph.sort_indices()
    return graph


@lru_cache(maxsize=64)
def curve_parameters(min_dist: float, spread: float = 1.0) -> tuple[float, float]:
    """Fit ``1 / (1 + a * x ** (2 * b))`` to a plateau up to ``min_dist`` with an exponential tail; return a, b."""
    from scipy.optimize import curve_fit

    x = np.linspace(0, 3 * spread, 300)
    wanted = np.where(x < min_dist, 1.0, np.exp(-(x - min_dist) / spread))
    (a, b), _ = curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), x, wanted)
    return float(a), float(b)


def perplexity_affinities(neighbors: Neighbors, *, perplexity: float = 30.0) -> csr_array:
    """Return how likely t-SNE holds two rows for neighbours: of all ordered pairs together, 1.

    A row divides itself among its neighbours by a Gaussian, so wide that it has ``perplexity`` of them in effect;
    a pair has the mean of its two shares.

    Parameters
    ----------
    neighbors : Neighbors
        About three times ``perplexity`` of each row.
    perplexity : float
        The effective number of neighbours; at most ``neighbors.k``.

    Returns
    -------
    csr_array of float64, shape (n_rows, n_rows)
        Symmetric, columns in order.

    References
    ----------
    van der Maaten and Hinton, J. Machine Learning Research 9 (2008) 2579.
    """
    from scipy.sparse import csr_array

    from clew.kernels.tsne import perplexity_weights

    n_rows, k = neighbors.indices.shape
    shares = perplexity_weights(neighbors.distances.astype(np.float64), float(perplexity))
    starts = np.arange(0, n_rows * k + 1, k, dtype=np.int32)
    reaches = csr_array((shares.ravel(), neighbors.indices.ravel(), starts), shape=(n_rows, n_rows))
    both = (reaches + reaches.T).tocsr() / (2 * n_rows)
    both.sort_indices()
    return both
