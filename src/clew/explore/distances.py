"""How far apart are two rows? A table under a metric, or a square table of distances that somebody measured."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from clew.distances import Distances, square_distances
from clew.errors import DataError, SettingError, check, did_you_mean
from clew.result import Result

Metric = Literal[
    "auto",
    "euclidean",
    "manhattan",
    "chebyshev",
    "cosine",
    "correlation",
    "canberra",
    "braycurtis",
    "precomputed",
]
Measure = Callable[[np.ndarray, np.ndarray], float]  # (n_features,), (n_features,) -> a distance
METRICS = tuple(Metric.__args__)  # type: ignore[attr-defined]
TURNED = ("cosine", "correlation")  # Euclidean distances between rows that are put on a sphere
SCIPY_NAMES = {"manhattan": "cityblock"}
MATRIX_ROWS = 5000  # up to here all distances are kept (200 MB); above, they are worked out when asked for
BLOCK_NUMBERS = 20_000_000  # distances in memory at once
PAIRS_ASKED_TWICE = 50  # of a callable, once each way
LANDMARKS = 1000  # rows that principal coordinates are found from; the others are put among them
SMALLEST, LARGEST = 1e-15, 1e15  # whose squares float32 can hold
CUT_OFF = 1e-9  # of the largest eigenvalue: what is below is rounding


@dataclass(frozen=True, eq=False)
class MetricSpace:
    """Rows and how far apart they are: all that neighbours, maps and their judges need to know.

    Parameters
    ----------
    metric : str or callable
        One of `METRICS`, or a function of two rows.
    table : ndarray of float64, shape (n_rows, n_features), or None
        The rows; None if only distances are known.
    given : ndarray of float64, shape (n_rows, n_rows), or None
        All distances: symmetric, with a diagonal of 0.
    notes : tuple of str
        How the distances were adapted.
    """

    metric: str | Measure
    table: np.ndarray | None
    given: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return len(self.given if self.table is None else self.table)  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        """Return the metric's name; of a callable, its own."""
        return self.metric if isinstance(self.metric, str) else getattr(self.metric, "__name__", "callable")

    @cached_property
    def euclidean(self) -> np.ndarray | None:
        """Return rows whose Euclidean distances rise with the metric (n_rows, d), or None where there are none."""
        if self.metric == "euclidean":
            return self.table
        return _on_sphere(self.table, self.name) if self.metric in TURNED else None

    def of_euclidean(self, distance: np.ndarray) -> np.ndarray:
        """Return the metric's distances for Euclidean ones between the rows of `euclidean`."""
        return distance if self.metric == "euclidean" else distance**2 / 2

    @cached_property
    def matrix(self) -> np.ndarray | None:
        """Return all distances (n_rows, n_rows) of float64; None where they are too many to be kept."""
        if self.given is not None:
            return self.given
        if self.euclidean is None and self.n_rows <= MATRIX_ROWS:
            return self._measured(np.arange(self.n_rows))
        return None

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the rows, or of the distances where there are no rows."""
        known = self.given if self.table is None else self.table
        return hashlib.sha256(np.ascontiguousarray(known).view(np.uint8).data).hexdigest()

    def block(self, rows: np.ndarray, columns: np.ndarray | None = None) -> np.ndarray:
        """Return the distances of float64 from some rows to all, (len(rows), n_rows), or to some, (len(rows), len(columns))."""
        if self.matrix is None:
            return self._measured(rows, columns)
        return self.matrix[rows] if columns is None else self.matrix[np.ix_(rows, columns)]

    def blocks(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Go through rows in parts that fit the memory: rows (m,) and their distances to all, (m, n_rows)."""
        size = max(1, BLOCK_NUMBERS // self.n_rows)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield part, self.block(part)

    def take(self, rows: np.ndarray) -> MetricSpace:
        """Return the space of some of the rows."""
        table = None if self.table is None else self.table[rows]
        given = None if self.matrix is None else self.matrix[np.ix_(rows, rows)]  # none is asked for twice
        return MetricSpace(self.metric, table, given, self.notes)

    def _measured(self, rows: np.ndarray, columns: np.ndarray | None = None) -> np.ndarray:
        assert self.table is not None
        if callable(self.metric):
            return _asked(self.metric, self.table, rows)[:, slice(None) if columns is None else columns]
        from scipy.spatial.distance import cdist

        others = self.table if columns is None else self.table[columns]
        out = cdist(self.table[rows], others, SCIPY_NAMES.get(self.name, self.name))
        return np.nan_to_num(out, copy=False, nan=0.0)  # Bray-Curtis of two rows of zeros: they are equal


def metric_space(X: np.ndarray | Distances, *, metric: str | Measure = "euclidean", of: str) -> MetricSpace:
    """Check rows and metric, and bring them together.

    Parameters
    ----------
    X : ndarray of float64, shape (n_rows, n_features)
        The rows; with "precomputed" a square table of distances, or `Distances`.
    metric : str or callable
        One of "euclidean", "manhattan", "chebyshev", "cosine", "correlation", "canberra", "braycurtis",
        "precomputed", or a function of two rows (n_features,) that returns their distance: symmetric, and 0
        between equal rows. A callable is called for every pair of rows.
    of : str
        Who asks, for the error messages.

    Raises
    ------
    SettingError
        If the metric is unknown, raises, or gives no distances.
    DataError
        If X holds anything but finite numbers, or is no square table of distances where there should be one.
    """
    if isinstance(X, Distances) or metric == "precomputed":
        check(
            metric in ("precomputed", "auto"),
            SettingError,
            "The 'metric' setting of {} must be 'precomputed' for a table of distances. Got '{}' instead.",
            of,
            metric,
        )
        known = X if isinstance(X, Distances) else square_distances(X, of=of)
        return MetricSpace("precomputed", None, known.matrix, tuple(known.notes))
    metric = "euclidean" if metric == "auto" else metric
    check(
        callable(metric) or metric in METRICS,
        SettingError,
        "The 'metric' setting of {} must be a callable or one of: {}. Got {!r} instead.{}",
        of,
        ", ".join(METRICS),
        metric,
        did_you_mean(metric, METRICS) if isinstance(metric, str) else "",
    )
    table = finite_table(X, of=of)
    if callable(metric):
        _check_callable(metric, table, of=of)
    if metric in TURNED:
        _on_sphere(table, str(metric))
    return MetricSpace(metric, table)


def finite_table(X: np.ndarray, *, of: str) -> np.ndarray:
    """Return X as a C-ordered float64 table, or raise `DataError` if it is none.

    It is none if it holds infinite or missing numbers, or such whose squares are lost in float32.
    """
    kind = type(X).__name__
    try:
        plain = not np.iscomplexobj(X) and not hasattr(X, "tocsr")
        X = np.ascontiguousarray(X, dtype=np.float64) if plain else np.empty(0)
    except (TypeError, ValueError):
        plain = False
    check(
        plain,
        DataError,
        "The X of {} must be a table of real numbers, such as a NumPy array (a sparse one after .toarray()). Got {} that is none.",
        of,
        kind,
    )
    check(
        X.ndim == 2 and X.shape[1] > 0,
        DataError,
        "The X of {} must be a table of rows and columns. Got shape {} instead.",
        of,
        X.shape,
    )
    with np.errstate(over="ignore", invalid="ignore"):
        sums = X.sum(axis=0)
    if not np.isfinite(sums).all():  # a finite sum has finite terms only, and costs no table of flags
        bad = np.argwhere(~np.isfinite(X))
        if bad.size:
            row, column = bad[0]
            raise DataError(
                f"The X of {of} must be finite numbers. Got {X[row, column]} in row {row}, column {column} instead."
            )
    largest = max(X.max(initial=0), -X.min(initial=0))
    check(
        largest == 0 or SMALLEST < largest < LARGEST,
        DataError,
        "The X of {} must be numbers between {:g} and {:g} in size, whose squares can be added: scale them first. Got up to {:.3g}.",
        of,
        SMALLEST,
        LARGEST,
        largest,
    )
    return X


def _on_sphere(table: np.ndarray | None, metric: str) -> np.ndarray:
    """Scale rows to length 1, after taking their means off for "correlation": then 1 - cosine is distance**2 / 2."""
    assert table is not None
    rows = table - table.mean(axis=1, keepdims=True) if metric == "correlation" else table
    length = np.linalg.norm(rows, axis=1)
    nothing = np.flatnonzero(length <= np.finfo(float).eps * np.abs(table).max(axis=1, initial=0))
    if nothing.size:
        what = "the same number in every feature" if metric == "correlation" else "only zeros"
        raise DataError(
            f"The rows under the metric '{metric}' must have a direction. Got {what} in row {nothing[0]}"
            f"{f' and {len(nothing) - 1} more' if len(nothing) > 1 else ''}."
        )
    return rows / length[:, None]


# ---- a callable ----
def _asked(metric: Measure, table: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Ask a callable for the distances (len(rows), n_rows); each pair is asked for once."""
    n_rows = len(table)
    out = np.zeros((len(rows), n_rows))
    place = np.full(n_rows, -1)
    place[rows] = np.arange(len(rows))
    for i, row in enumerate(rows):
        for other in range(n_rows):
            if other == row or (0 <= place[other] < i):
                continue
            out[i, other] = _one(metric, table, row, other)
    known = np.ix_(np.arange(len(rows)), rows)
    out[known] = np.maximum(out[known], out[known].T)  # the half that was asked for; the other is still 0
    return out


def _one(metric: Measure, table: np.ndarray, i: int, j: int) -> float:
    named = f"The metric '{getattr(metric, '__name__', metric)}'"
    try:
        distance = float(metric(table[i], table[j]))
    except Exception as error:
        raise SettingError(
            f"{named} must give a distance for any two rows. Got {type(error).__name__} for rows {i} and {j}: {error}"
        ) from error
    check(
        np.isfinite(distance) and distance >= 0,
        SettingError,
        "{} must give distances of at least 0. Got {} for rows {} and {} instead.",
        named,
        distance,
        i,
        j,
    )
    return distance


def _check_callable(metric: Measure, table: np.ndarray, *, of: str) -> None:
    """Ask for some pairs both ways, and for rows with themselves, before all pairs are asked for once."""
    rng = np.random.default_rng(0)
    for i, j in rng.integers(0, len(table), (PAIRS_ASKED_TWICE, 2)):
        there, back = _one(metric, table, i, j), _one(metric, table, j, i)
        check(
            abs(there - back) <= 1e-9 * max(there, back),
            SettingError,
            "The metric of {} must be the same both ways. Got {} from row {} to {} and {} back: make a square table of it, and say how it becomes symmetric (clew.distances.square_distances).",
            of,
            there,
            i,
            j,
            back,
        )
        itself = _one(metric, table, i, i)
        check(
            itself <= 1e-9 * max(there, 1),
            SettingError,
            "The metric of {} must be 0 from a row to itself. Got {} for row {} instead.",
            of,
            itself,
            i,
        )


# ---- distances as coordinates ----
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PrincipalCoordinates(Result):
    """Points whose Euclidean distances are as near to given distances as straight space allows.

    Parameters
    ----------
    coordinates : ndarray of float64, shape (n_rows, n_axes)
        Axes of falling variance, centred.
    explained_variance : ndarray of float64, shape (n_axes,)
        The variance along each (divisor n - 1), from the landmarks.
    total_variance : float
        The same of all axes with a positive eigenvalue.
    negative_share : float
        How much of the distances no straight space can hold: sum of the negative eigenvalues over the sum of all
        absolute values; 0 for Euclidean distances.
    n_landmarks : int
        Rows that the axes were found from; the others were put among them.
    """

    coordinates: np.ndarray
    explained_variance: np.ndarray
    total_variance: float
    negative_share: float
    n_landmarks: int

    def headline(self) -> str:
        """Say how much of the distances the axes hold."""
        return f"{self.coordinates.shape[1]} principal coordinates; {self.negative_share:.0%} of the distances fit no straight space"


def principal_coordinates(
    space: MetricSpace, *, n_axes: int = 10, random_state: int = 0
) -> PrincipalCoordinates:
    """Find coordinates of rows that are known by their distances (classical scaling).

    Parameters
    ----------
    space : MetricSpace
    n_axes : int
        At most so many axes; fewer where fewer have a positive eigenvalue.
    random_state : int
        Seed of the draw of the landmarks, where there are more than 1000 rows.

    Raises
    ------
    DataError
        If all distances are 0.

    References
    ----------
    Torgerson, Psychometrika 17 (1952) 401, doi:10.1007/BF02288916; Gower, Biometrika 53 (1966) 325,
    doi:10.1093/biomet/53.3-4.325; rows beside the landmarks: de Silva and Tenenbaum (2004).
    """
    n = space.n_rows
    landmarks = np.arange(n)
    if n > LANDMARKS:
        landmarks = np.sort(np.random.default_rng(random_state).choice(n, LANDMARKS, replace=False))
    squares = space.take(landmarks).block(np.arange(len(landmarks))) ** 2
    row_mean = squares.mean(axis=0)
    values, vectors = np.linalg.eigh(-(squares - row_mean - row_mean[:, None] + row_mean.mean()) / 2)
    values, vectors = values[::-1], vectors[:, ::-1]
    check(values[0] > 0, DataError, "The distances must not all be 0. Got 0 between all rows.")
    used = int((values[:n_axes] > CUT_OFF * values[0]).sum())
    largest = np.abs(vectors[:, :used]).argmax(axis=0)
    axes = vectors[:, :used] * np.where(vectors[largest, np.arange(used)] < 0, -1.0, 1.0)
    if n > LANDMARKS:
        onto = axes / np.sqrt(values[:used])  # (n_landmarks, n_axes)
        parts = [
            -(space.block(rows, landmarks) ** 2) @ onto / 2
            for rows in np.array_split(np.arange(n), -(-n * LANDMARKS // BLOCK_NUMBERS))
        ]
        coordinates = np.concatenate(parts)
        coordinates -= coordinates.mean(axis=0)  # but for this, squares would be taken less their mean
    else:
        coordinates = axes * np.sqrt(values[:used])
    return PrincipalCoordinates(
        coordinates=np.ascontiguousarray(coordinates),
        explained_variance=values[:used] / max(len(landmarks) - 1, 1),
        total_variance=float(values[values > 0].sum() / max(len(landmarks) - 1, 1)),
        negative_share=float(-values[values < 0].sum() / np.abs(values).sum()),
        n_landmarks=len(landmarks),
        settings={"n_axes": n_axes, "random_state": random_state},
    )


def stress(space: MetricSpace, points: np.ndarray, *, rows: np.ndarray | None = None) -> float:
    """Return Kruskal's stress-1 of a map at its best scale: 0 if all distances are as in the data.

    Parameters
    ----------
    space : MetricSpace
    points : ndarray of float, shape (n_rows, 2)
    rows : ndarray of int, optional
        Judge the distances from these rows only.

    References
    ----------
    Kruskal, Psychometrika 29 (1964) 1, doi:10.1007/BF02289565 (metric: with distances as they are, times a factor).
    """
    from scipy.spatial.distance import cdist

    points = np.asarray(points, dtype=np.float64)
    drawn_drawn = drawn_true = true_true = 0.0
    for part, distances in space.blocks(np.arange(space.n_rows) if rows is None else rows):
        drawn = cdist(points[part], points)
        drawn_drawn += float((drawn**2).sum())
        drawn_true += float((drawn * distances).sum())
        true_true += float((distances**2).sum())
    if drawn_drawn == 0 or true_true == 0:
        return 0.0 if true_true == 0 else 1.0
    return float(np.sqrt(max(0.0, 1 - drawn_true**2 / (drawn_drawn * true_true))))
