"""How good is what was made so fast? Judged by the definitions, not by the code that is being measured."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

JUDGED_ROWS = 2000  # ranks of more rows than these are found for rows drawn at random


class Faithfulness:
    """How true pictures are to one table, which is ranked once for all of them.

    Parameters
    ----------
    X : ndarray of float, shape (n_rows, n_features)
        The rows that the pictures show.
    groups : ndarray, shape (n_rows,), or None
        The known group of each row.
    k : int
        The size of a neighbourhood.

    References
    ----------
    Trustworthiness: Venna and Kaski, ICANN (2001), doi:10.1007/3-540-44668-0_68. Silhouette: Rousseeuw, J. Comput.
    Appl. Math. 20 (1987), doi:10.1016/0377-0427(87)90125-7.
    """

    def __init__(self, X: np.ndarray, groups: np.ndarray | None = None, *, k: int = 15) -> None:
        self.X, self.groups, self.k = X, groups, k
        draw = np.random.default_rng(0)
        self.rows = np.sort(draw.choice(len(X), min(len(X), JUDGED_ROWS), replace=False))

    @cached_property
    def ranks(self) -> np.ndarray:
        """Return the rank of every row among the neighbours of each judged row, (n_judged, n_rows); 0 for itself."""
        return np.concatenate([_ranks(self.X, part) for part in np.array_split(self.rows, 10)])

    def __call__(self, picture: np.ndarray) -> dict[str, float]:
        """Return trustworthiness, the share of neighbours kept and, with known groups, their silhouette.

        Parameters
        ----------
        picture : ndarray of float, shape (n_rows, 2)
        """
        from scipy.spatial import KDTree
        from sklearn.metrics import silhouette_score

        picture = np.asarray(picture, dtype=np.float64)
        shown = KDTree(picture).query(picture[self.rows], self.k + 1)[1]  # (n_judged, k + 1)
        at = np.arange(len(self.rows))[:, None]
        is_itself = shown == self.rows[:, None]
        # The row itself comes first, or later among others at the same place, or not at all: then the last one goes.
        goes = np.where(is_itself.any(axis=1), is_itself.argmax(axis=1), self.k)
        others = shown[np.arange(self.k + 1) != goes[:, None]].reshape(len(self.rows), self.k)
        ranks = self.ranks[at, others].astype(np.int64)
        worst = len(self.rows) * self.k * (2 * len(self.X) - 3 * self.k - 1) / 2
        found = {
            "trustworthiness": float(1 - np.maximum(ranks - self.k, 0).sum() / worst),
            "neighbors_kept": float((ranks <= self.k).mean()),
        }
        if self.groups is not None:
            found["silhouette"] = float(silhouette_score(picture[self.rows], self.groups[self.rows]))
        return found

    def spread(self, pictures: Sequence[np.ndarray], *, worst: bool = True) -> dict[str, float]:
        """Return the median over several pictures of each figure, and the worst picture's."""
        each = [self(picture) for picture in pictures]
        told: dict[str, float] = {}
        for name in each[0]:
            values = [one[name] for one in each]
            told[name] = round(float(np.median(values)), 4)
            if worst:
                told[f"worst_{name}"] = round(min(values), 4)
        return told


def _ranks(X: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the rank of every row among the neighbours of ``rows``, (n, n_rows): 0 for the row itself, then 1, 2, ..."""
    from scipy.spatial.distance import cdist

    distances = cdist(X[rows], X)
    distances[np.arange(len(rows)), rows] = -1
    order = distances.argsort(axis=1, kind="stable").astype(np.int32)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(X), dtype=np.int32)[None], axis=1)
    return ranks


def recall(X: np.ndarray, indices: np.ndarray) -> float:
    """Return the share of true nearest neighbours among ``indices`` (n_rows, k), over 500 rows drawn at random.

    A neighbour counts as true if it is no farther than the k-th nearest, so that ties are no mistakes.
    """
    from scipy.spatial.distance import cdist

    rows = np.random.default_rng(0).choice(len(X), min(len(X), 500), replace=False)
    distances = cdist(X[rows], X)
    distances[np.arange(len(rows)), rows] = np.inf
    k = indices.shape[1]
    farthest = np.partition(distances, k - 1, axis=1)[:, k - 1]
    found = np.take_along_axis(distances, indices[rows].astype(np.int64), axis=1)
    return float((found <= farthest[:, None] * (1 + 1e-6)).mean())


def kl_divergence(P: Any, picture: np.ndarray) -> float:
    """Return what t-SNE makes small: the divergence of a picture's similarities from the affinities of the data.

    Parameters
    ----------
    P : sparse array of float, shape (n_rows, n_rows)
        Affinities that add up to 1, 0 on the diagonal.
    picture : ndarray of float, shape (n_rows, 2)

    References
    ----------
    van der Maaten and Hinton, J. Machine Learning Research 9 (2008) 2579, without approximation.
    """
    from scipy.spatial.distance import cdist

    picture = np.asarray(picture, dtype=np.float64)
    parts = np.array_split(picture, max(1, len(picture) // 500))
    together = sum(float((1 / (1 + cdist(part, picture, "sqeuclidean"))).sum()) for part in parts) - len(
        picture
    )
    P = P.tocoo()
    there = P.data > 0
    p, i, j = P.data[there], P.row[there], P.col[there]
    squared = ((picture[i] - picture[j]) ** 2).sum(axis=1)
    return float((p * (np.log(p) + np.log1p(squared) + np.log(together))).sum())
