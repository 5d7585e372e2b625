"""What the rows would look like as one population: two references, fitted once, drawn from many times.

Each knows a shape that the other takes for groups: `UnimodalMarginals` skew and heavy tails of single features,
`UnimodalEllipsoid` joint shapes such as a ball or a multivariate t. Data must be better separated than both.
Where columns are no features but axes of a map, which could as well be turned, `UnimodalComponents` takes the
place of the first.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from clew.kernels.unimodal import closest_unimodal, falling_density

MODES_ON_TRIAL = 60
ROWS_AN_AXIS = 10  # fewer, and some turn of the axes shows any shape in any cloud
TURNS = 500  # iterations of FastICA at most: any turn is a fair one, so it need not have come to rest
COARSE_SHARE = (
    1 / 3
)  # with fewer different values than this share of the rows, draws take observed values only


class Reference(Protocol):
    """One population fitted to data."""

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Return float64 of the shape of the data."""


class UnimodalMarginals:
    """Features with one mode each, joined by a Gaussian copula (reference M).

    Each feature follows the closest of the unimodal distributions whose CDF is a convex minorant of the
    empirical one left of the mode and a concave majorant right of it. The features are joined by the
    correlation of their normal scores. A feature with few different values keeps to these: its heaps are
    spread evenly halfway to their neighbours before the fit, and what is drawn goes back to the nearest value.

    Parameters
    ----------
    X : ndarray of float64, shape (n, d), n >= 2, no constant column

    Notes
    -----
    The marginal is the idea behind the dip: Hartigan & Hartigan, Ann. Stat. 13:70 (1985),
    doi:10.1214/aos/1176346577.
    """

    def __init__(self, X: np.ndarray):
        from scipy.special import ndtri
        from scipy.stats import rankdata

        n = X.shape[0]
        self.n_rows = n
        self.marginals = [_Marginal(column) for column in X.T]
        scores = ndtri((rankdata(X, axis=0) - 0.5) / n)
        correlation = np.atleast_2d(np.corrcoef(scores, rowvar=False))
        values, vectors = np.linalg.eigh(correlation)
        self.root = vectors * np.sqrt(np.maximum(values, 0.0))  # (d, d), root @ root.T is the correlation

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Return float64 of the shape of the data."""
        from scipy.special import ndtr

        levels = ndtr(rng.standard_normal((self.n_rows, self.root.shape[1])) @ self.root.T)
        return np.column_stack([marginal.at(level) for marginal, level in zip(self.marginals, levels.T)])


class _Marginal:
    """One feature's closest unimodal distribution: its CDF by corners, and the values to keep to, if any."""

    def __init__(self, column: np.ndarray):
        x = np.sort(column)
        n = x.size
        values, counts = np.unique(x, return_counts=True)
        self.kept = values if values.size < COARSE_SHARE * n else None
        if self.kept is not None:
            x = _spread(values, counts)
        modes = np.unique(np.linspace(0, n - 1, MODES_ON_TRIAL).round().astype(np.int64))
        corners = closest_unimodal(x, modes)
        self.value, self.level = x[corners], corners / (n - 1)

    def at(self, level: np.ndarray) -> np.ndarray:
        """Return the quantiles (n,) at levels (n,)."""
        x = np.interp(level, self.level, self.value)
        return x if self.kept is None else self.kept[np.searchsorted(_middles(self.kept), x)]


def _middles(values: np.ndarray) -> np.ndarray:
    return (values[1:] + values[:-1]) / 2


def _spread(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the rows of a coarse column spread evenly, each heap halfway to its neighbours, ascending."""
    middles = _middles(values)
    edges = np.concatenate(([2 * values[0] - middles[0]], middles, [2 * values[-1] - middles[-1]]))
    rank = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (rank + 0.5) / np.repeat(counts, counts)
    return np.repeat(edges[:-1], counts) + share * np.repeat(np.diff(edges), counts)


class UnimodalComponents:
    """Unimodal marginals along independent components instead of columns, for rows whose axes mean nothing.

    Principal coordinates of distances mix the features: sums of skewed or flat features look Gaussian one by
    one, and their shape is in how the coordinates depend on each other, which a Gaussian copula loses. The
    components whose distributions are least Gaussian bring that shape back to the marginals.

    Parameters
    ----------
    X : ndarray of float64, shape (n, d), n >= 2, not constant
        The first n // 10 principal axes are turned; the others stay as they are.

    Notes
    -----
    FastICA (Hyvarinen, IEEE Trans. Neural Networks 10:626, 1999, doi:10.1109/72.761722), then
    `UnimodalMarginals`.
    """

    def __init__(self, X: np.ndarray):
        self.center = X.mean(axis=0)
        white, self.axes = _whitened(X - self.center)
        turned = min(white.shape[1], len(X) // ROWS_AN_AXIS)
        if turned > 1:
            turn = _turn_to_components(white[:, :turned])
            white[:, :turned] = white[:, :turned] @ turn.T
            self.axes[:turned] = turn @ self.axes[:turned]
        self.marginals = UnimodalMarginals(white)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Return float64 of the shape of the data."""
        return self.center + self.marginals.draw(rng) @ self.axes


def _turn_to_components(white: np.ndarray) -> np.ndarray:
    """Return the orthogonal matrix (m, m) that turns white rows (n, m) to their independent components."""
    import warnings

    from sklearn.decomposition import fastica
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, turn, _ = fastica(white, whiten=False, max_iter=TURNS, random_state=0)
    return np.asarray(turn)


def _whitened(centered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows (n, rank) of variance 1 without correlation, and axes (rank, d): centered = rows @ axes."""
    u, scale, axes = np.linalg.svd(centered, full_matrices=False)
    spanned = scale > scale[0] * max(centered.shape) * np.finfo(float).eps
    spread = scale[spanned] / np.sqrt(len(centered))
    return u[:, spanned] * np.sqrt(len(centered)), spread[:, None] * axes[spanned]


class UnimodalEllipsoid:
    """A cloud whose density falls with the Mahalanobis radius (reference E): Gaussian, multivariate t, ball.

    Parameters
    ----------
    X : ndarray of float64, shape (n, d), n >= 2

    Notes
    -----
    With v = radius^d, proportional to the volume inside, the density of v falls; its estimate is the slope of
    the least concave majorant of the empirical CDF (Grenander, 1956), worked out in logarithms. Directions
    that the rows do not span stay empty.
    """

    def __init__(self, X: np.ndarray):
        self.n_rows = X.shape[0]
        self.center = X.mean(axis=0)
        white, self.axes = _whitened(X - self.center)
        rank = len(self.axes)
        radius = np.sort(np.linalg.norm(white, axis=1))
        log_v = rank * np.log(np.maximum(radius, np.finfo(float).tiny))
        corners = falling_density(log_v, np.empty(self.n_rows))
        self.log_v = np.concatenate(([-np.inf], log_v[corners]))
        self.level = np.concatenate(([0.0], (corners + 1) / self.n_rows))

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Return float64 of the shape of the data."""
        rank = len(self.axes)
        direction = rng.standard_normal((self.n_rows, rank))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        u = rng.random(self.n_rows)
        right = np.searchsorted(self.level, u, side="right")
        share = (u - self.level[right - 1]) / (self.level[right] - self.level[right - 1])
        inner = np.exp(self.log_v[right - 1] - self.log_v[right])  # v of the left corner over v of the right
        radius = np.exp((self.log_v[right] + np.log(inner + share * (1 - inner))) / rank)
        return self.center + (radius[:, None] * direction) @ self.axes
