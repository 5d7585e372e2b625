"""Where a layout begins: principal components, or the slowest modes of the neighbour graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.explore.distances import MetricSpace, principal_coordinates
from clew.result import Result

if TYPE_CHECKING:
    from scipy.sparse import csr_array

EXACT_PRODUCTS = 5e8  # of a singular value decomposition: about a second
NARROW = 1000  # features up to which the covariance is worked out in full
FIRST_COMPONENTS = 50
ROWS_AT_ONCE = 10_000
DENSE_ROWS = 50  # up to here all eigenvectors cost less than a search for three


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PrincipalComponents(Result):
    """The directions in which the rows vary most.

    Parameters
    ----------
    coordinates : ndarray of float64, shape (n_rows, 2)
        The rows along the first two components (the second is 0 where there is none).
    explained_variance : ndarray of float64, shape (n_components,)
        The variance along each component (divisor n_rows - 1), falling.
    total_variance : float
        Of all components, also those that were not worked out.
    loadings : ndarray of float64, shape (n_features, n_components)
        The components as columns of length 1, the largest entry of each positive; no rows where they are
        coordinates of distances.
    """

    coordinates: np.ndarray
    explained_variance: np.ndarray
    total_variance: float
    loadings: np.ndarray

    def headline(self) -> str:
        """Say the result in one line."""
        share = self.explained_variance[:2].sum() / max(self.total_variance, np.finfo(float).tiny)
        return f"two components explain {share:.0%} of the variance"

    def summary(self) -> dict[str, Any]:
        """Return the explained variances."""
        return {
            "explained_variance": self.explained_variance.tolist(),
            "total_variance": self.total_variance,
        }


def principal_components(X: np.ndarray) -> PrincipalComponents:
    """Find the principal components of a table of float64, shape (n_rows, n_features).

    All of them, by the singular values of a table of up to some thousand rows, and by the covariance of a long one; of
    a table both long and wide the first 50, by random projections with a fixed seed.

    References
    ----------
    Jolliffe: Principal Component Analysis (2002), doi:10.1007/b98835; Halko, Martinsson and Tropp, SIAM Review 53
    (2011) 217, doi:10.1137/090771806.
    """
    n_rows, n_features = X.shape
    mean = X.mean(axis=0)
    total = float(X.var(axis=0, ddof=1).sum())
    if X.size * min(X.shape) <= EXACT_PRODUCTS:
        _, singular, directions = np.linalg.svd(X - mean, full_matrices=False)
        variance = singular**2 / (n_rows - 1)
    elif n_features <= NARROW:
        variance, vectors = np.linalg.eigh(_covariance(X, mean))
        variance, directions = np.maximum(variance[::-1], 0), vectors[:, ::-1].T
    else:
        from sklearn.utils.extmath import randomized_svd

        _, singular, directions = randomized_svd(X - mean, FIRST_COMPONENTS, n_iter=7, random_state=0)
        variance = singular**2 / (n_rows - 1)
    largest = np.abs(directions).argmax(axis=1)
    signs = np.where(directions[np.arange(len(directions)), largest] < 0, -1.0, 1.0)
    loadings = (directions * signs[:, None]).T
    coordinates = np.zeros((n_rows, 2))
    coordinates[:, : min(2, loadings.shape[1])] = X @ loadings[:, :2] - mean @ loadings[:, :2]
    return PrincipalComponents(
        coordinates=coordinates, explained_variance=variance, total_variance=total, loadings=loadings
    )


def principal_axes(space: MetricSpace) -> PrincipalComponents:
    """Return the principal components of a space's rows, or of coordinates that stand for its distances."""
    if space.euclidean is not None:
        return principal_components(space.euclidean)
    found = principal_coordinates(space)
    coordinates = np.zeros((space.n_rows, 2))
    coordinates[:, : min(2, found.coordinates.shape[1])] = found.coordinates[:, :2]
    return PrincipalComponents(
        coordinates=coordinates,
        explained_variance=found.explained_variance,
        total_variance=found.total_variance,
        loadings=np.empty((0, len(found.explained_variance))),
    )


def _covariance(X: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the covariance (n_features, n_features), block by block of rows."""
    total = np.zeros((X.shape[1], X.shape[1]))
    for start in range(0, len(X), ROWS_AT_ONCE):
        part = X[start : start + ROWS_AT_ONCE] - mean
        total += part.T @ part
    return total / (len(X) - 1)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Initialisation(Result):
    """Where all runs begin, before each adds its own noise.

    Parameters
    ----------
    coordinates : ndarray of float64, shape (n_rows, 2)
    kind : {"spectral", "pca"}
    reason : str
        Why ``kind`` is not "spectral"; empty otherwise.
    """

    coordinates: np.ndarray
    kind: Literal["spectral", "pca"]
    reason: str = ""

    def headline(self) -> str:
        """Say the result in one line."""
        return f"{self.kind}{': ' if self.reason else ''}{self.reason}"


def spectral_or_pca(graph: csr_array, pca: PrincipalComponents) -> Initialisation:
    """Begin at the two slowest modes of the graph, or at the principal components where it has no such modes.

    Parameters
    ----------
    graph : csr_array, shape (n_rows, n_rows)
        Symmetric weights.
    pca : PrincipalComponents
        Of the same rows.

    References
    ----------
    Belkin and Niyogi: Laplacian eigenmaps, Neural Computation 15 (2003) 1373, doi:10.1162/089976603321780317.
    """
    from scipy.sparse.csgraph import connected_components

    n_parts, _ = connected_components(graph, directed=False)
    if n_parts > 1:
        reason = f"the neighbour graph falls into {n_parts} parts"
        return Initialisation(coordinates=pca.coordinates, kind="pca", reason=reason)
    modes = _slowest_modes(graph)
    if modes is None:
        reason = "the eigenvectors of the neighbour graph did not converge"
        return Initialisation(coordinates=pca.coordinates, kind="pca", reason=reason)
    return Initialisation(coordinates=modes, kind="spectral")


def _slowest_modes(graph: csr_array) -> np.ndarray | None:
    """Return eigenvectors 2 and 3 of the normalised Laplacian, (n_rows, 2), or None where the search fails."""
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import ArpackError, eigsh

    n_rows = graph.shape[0]
    scale = diags_array(1 / np.sqrt(graph.sum(axis=1, dtype=np.float64)))
    # Its largest modes are the Laplacian's smallest, without an eigenvalue of 0 that no relative tolerance can reach.
    walk = scale @ graph.astype(np.float64) @ scale
    if n_rows <= DENSE_ROWS:
        vectors = np.linalg.eigh(walk.toarray())[1][:, [-2, -3]]
    else:
        start = np.random.default_rng(0).normal(size=n_rows)
        n_vectors = max(7, int(np.sqrt(n_rows)))
        try:
            values, vectors = eigsh(
                walk, 3, which="LA", ncv=n_vectors, tol=1e-6, v0=start, maxiter=5 * n_rows
            )
        except ArpackError:
            return None
        vectors = vectors[:, np.argsort(-values)[1:]]
    largest = np.abs(vectors).argmax(axis=0)
    return vectors * np.where(vectors[largest, [0, 1]] < 0, -1.0, 1.0)
