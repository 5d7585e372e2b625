"""`Neighbors`: the nearest other rows of each row, the first joint of every embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.result import Result

# Up to this many features a tree looks at few rows; above, it looks at all of them, and slowly.
TREE_FEATURES = 12
FEW_ROWS = 400
# Brute force finds distances by a subtraction of large numbers: ask for a few more, and measure those exactly.
SPARE = 5


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Neighbors(Result):
    """The ``k`` nearest other rows of each row, by Euclidean distance.

    Parameters
    ----------
    indices : ndarray of int32, shape (n_rows, k)
        The neighbours by rising distance, ties by rising index; never the row itself.
    distances : ndarray of float64, shape (n_rows, k)
        Their distances; 0 for duplicates.
    """

    indices: np.ndarray
    distances: np.ndarray

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
            indices=self.indices[:, :k], distances=self.distances[:, :k], settings={**self.settings, "k": k}
        )

    def headline(self) -> str:
        """Say the result in one line."""
        return f"{self.k} nearest neighbours of {len(self.indices)} rows, exact"

    def summary(self) -> dict[str, Any]:
        """Return the number of rows, of neighbours and of duplicate rows."""
        return {"rows": len(self.indices), "k": self.k, "duplicates": self.n_duplicates}


def neighbors(X: np.ndarray, *, k: int = 15) -> Neighbors:
    """Find the ``k`` nearest other rows of each row, exactly.

    Parameters
    ----------
    X : ndarray of float64, shape (n_rows, n_features)
        The rows, in units that can be compared (z-scores).
    k : int
        How many; less than the number of rows.

    Raises
    ------
    SettingError
        If there are not ``k`` other rows.
    DataError
        If X is no table of finite numbers.
    """
    from sklearn.neighbors import KDTree, NearestNeighbors

    from clew.kernels.neighborhood import nearest_candidates

    X = finite_table(X, of="neighbors")
    n_rows, n_features = X.shape
    check(
        isinstance(k, (int, np.integer)) and 1 <= k < n_rows,
        SettingError,
        "The 'k' setting of neighbors must be an int from 1 to the number of other rows ({}). Got {} instead.",
        n_rows - 1,
        k,
    )
    n_candidates = min(n_rows, k + 1 + SPARE)
    if n_features <= TREE_FEATURES or n_rows <= FEW_ROWS:
        candidates = KDTree(X).query(X, n_candidates, return_distance=False)
    else:
        search = NearestNeighbors(n_neighbors=n_candidates, algorithm="brute").fit(X)
        candidates = search.kneighbors(X, return_distance=False)
    indices, distances = nearest_candidates(X, candidates, int(k))
    return Neighbors(indices=indices, distances=distances, settings={"k": int(k)})


def finite_table(X: np.ndarray, *, of: str) -> np.ndarray:
    """Return X as a C-ordered float64 table, or raise `DataError` if it is none or holds infinite or missing numbers."""
    X = np.ascontiguousarray(X, dtype=np.float64)
    check(
        X.ndim == 2 and X.shape[1] > 0,
        DataError,
        "The X of {} must be a table of rows and columns. Got shape {} instead.",
        of,
        X.shape,
    )
    bad = np.argwhere(~np.isfinite(X))
    if bad.size:
        row, column = bad[0]
        raise DataError(
            f"The X of {of} must be finite numbers. Got {X[row, column]} in row {row}, column {column} instead."
        )
    return X
