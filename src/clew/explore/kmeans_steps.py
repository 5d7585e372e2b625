"""k-means, step by step: where the centres begin, how they move, which rows they win, until nothing changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.explore.distances import finite_table
from clew.explore.initialise import principal_components
from clew.result import Result, step


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class KMeansSteps(Result):
    """Every step of one k-means run.

    Parameters
    ----------
    centers : ndarray of float64, shape (n_steps, k, d)
        Step 0: the rows chosen as first centres; each further step: the means of the clusters of the step before.
    labels : ndarray of int32, shape (n_steps, n_rows)
        The nearest of the step's centres.
    inertia : ndarray of float64, shape (n_steps,)
        Sum of the squared distances between the rows and the step's centres; it never rises.
    coordinates : ndarray of float64, shape (n_rows, 2)
        Where to draw the rows; what this is, ``drawn_on`` says.
    center_coordinates : ndarray of float64, shape (n_steps, k, 2)
        Where to draw the centres.
    drawn_on : {"columns", "principal components"}
        "columns": the columns themselves (a single one along the first coordinate, the second 0). "principal
        components": the first two of more than two columns; boundaries between clusters are no lines there.
    variance_shown : float
        The share of the rows' variance that the coordinates hold, 0 to 1.
    converged : bool
        Whether no row changed its cluster in the last step.
    """

    centers: np.ndarray
    labels: np.ndarray
    inertia: np.ndarray
    coordinates: np.ndarray
    center_coordinates: np.ndarray
    drawn_on: Literal["columns", "principal components"]
    variance_shown: float
    converged: bool

    @property
    def n_steps(self) -> int:
        """Return the number of steps, the choice of the first centres among them."""
        return len(self.inertia)

    @property
    def changed(self) -> np.ndarray:
        """Return which rows (n_steps, n_rows) of bool changed their cluster; in step 0 none had one yet."""
        return np.diff(self.labels, axis=0, prepend=self.labels[:1]) != 0

    def headline(self) -> str:
        """Say how it went."""
        n_rows, k, moves = self.labels.shape[1], self.centers.shape[1], self.n_steps - 1
        end = "until no row changed its cluster" if self.converged else "and was stopped there"
        times = "once" if moves == 1 else f"{moves} times"
        return f"k-means, k = {k}, {n_rows} rows: the centres moved {times} {end}"

    def summary(self) -> dict[str, Any]:
        """Return the figures of the run."""
        return {
            "k": self.centers.shape[1],
            "steps": self.n_steps,
            "converged": self.converged,
            "inertia": self.inertia.tolist(),
            "changed": self.changed.sum(axis=1).tolist(),
        }


@step(sees="open")
def watch_kmeans(X: np.ndarray, *, k: int = 3, max_iter: int = 300, random_state: int = 0) -> KMeansSteps:
    """Run k-means once and keep every step, to be drawn by ``clew.plot.figure``.

    Parameters
    ----------
    X : ndarray of float, shape (n_rows, d)
        The rows, in comparable units (z-scores, for instance): k-means takes distances as they are.
    k : int
        The number of clusters, 1 to n_rows.
    max_iter : int
        How often the centres may move.
    random_state : int
        Seed of the choice of the first centres. The run is the one that `clew.cluster` does with this seed.

    Raises
    ------
    DataError
        If ``X`` is no table of finite numbers with two rows or more.
    SettingError
        If ``k`` is not from 1 to the number of rows, or ``max_iter`` is below 1.

    Notes
    -----
    Lloyd, IEEE Trans. Inf. Theory 28:129 (1982), doi:10.1109/TIT.1982.1056489, from the first centres of greedy
    k-means++, Arthur & Vassilvitskii, SODA 2007.
    """
    from clew.kernels.kmeans import kmeans_path

    X = _checked(X, k, max_iter)
    centers, labels, inertia, converged = kmeans_path(X, k, random_state, max_iter)
    plane, drawn_on, shown = _plane(X)
    return KMeansSteps(
        centers=centers,
        labels=labels,
        inertia=inertia,
        coordinates=(X - X.mean(axis=0)) @ plane if drawn_on != "columns" else X @ plane,
        center_coordinates=(centers - X.mean(axis=0)) @ plane if drawn_on != "columns" else centers @ plane,
        drawn_on=drawn_on,
        variance_shown=shown,
        converged=converged,
    )


def _plane(X: np.ndarray) -> tuple[np.ndarray, Literal["columns", "principal components"], float]:
    """Return the directions (d, 2) to draw along, what they are, and the share of the variance along them."""
    if X.shape[1] <= 2:
        return np.eye(X.shape[1], 2), "columns", 1.0
    components = principal_components(X)
    variance = components.explained_variance
    directions = np.zeros((X.shape[1], 2))  # two rows have a single component
    directions[:, : min(2, variance.size)] = components.loadings[:, :2]
    shown = float(variance[:2].sum() / components.total_variance) if components.total_variance > 0 else 1.0
    return directions, "principal components", shown


def _checked(X: np.ndarray, k: int, max_iter: int) -> np.ndarray:
    X = finite_table(X, of="watch_kmeans")
    check(len(X) >= 2, DataError, "The rows of watch_kmeans must be at least 2. Got {} instead.", len(X))
    for name, value, highest, what in (
        ("k", k, len(X), f"the number of rows ({len(X)})"),
        ("max_iter", max_iter, 2**31, "2**31"),
    ):
        check(
            isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 1 <= value <= highest,
            SettingError,
            "The '{}' setting of watch_kmeans must be an int from 1 to {}. Got {} instead.",
            name,
            what,
            value,
        )
    return X
