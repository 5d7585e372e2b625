"""Which parts of an image or a trace move a net's answer? Saliency on arrays, and whether it can be believed.

What may be said of it: *this net's score of that class* rises or falls with these places. Nothing is said of what
makes things so in the world, nor of what another net that answers as well would go by. A map that hardly changes when
the weights are random says nothing of the net at all; `Sanity` finds that out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.result import Result

Rule = Literal["gauss-legendre", "middle"]
WINDOW = 7  # places a side, of `structural_similarity`
KEPT = 0.5  # share of its agreement that a map may keep under random weights and still speak of the net
NAMES = {"grad-cam": "Grad-CAM", "hires-cam": "HiResCAM", "integrated-gradients": "integrated gradients"}
CLAIMS = {
    "grad-cam": (
        "where the layer's features speak for the class, at the layer's resolution; not what speaks against it, nor what "
        "would happen if that part were changed: no causal claim"
    ),
    "hires-cam": (
        "where the layer's features, weighed as they are at each place, speak for the class, at the layer's resolution; not "
        "what speaks against it, nor what would happen if that part were changed: no causal claim"
    ),
    "integrated-gradients": (
        "how the score's difference from the baseline's is shared among the inputs; another baseline shares another "
        "difference, and it is the net's score that is explained, not the world: no causal claim"
    ),
}


# ---- what comes out ----
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Saliency(Result):
    """What moves a net's score of one class in each row.

    Parameters
    ----------
    method : str
        "grad-cam", "hires-cam" or "integrated-gradients".
    layer : str
        The layer that Grad-CAM and HiResCAM look at; "" where the input itself is looked at.
    inputs : ndarray of float32, shape (n_rows, n_channels, *places)
        What the net was shown. Rows of a table have no places: (n_rows, n_features).
    values : ndarray of float64, shape (n_rows, n_channels, *places)
        Units of the score; Grad-CAM and HiResCAM do not tell channels apart (one channel) and are never negative.
    target : ndarray of int64, shape (n_rows,)
        The output that is explained in each row.
    score, baseline_score : ndarray of float64, shape (n_rows,)
        That output before any softmax, of the row and of the baseline (NaN where the method has none).
    """

    method: str
    layer: str
    inputs: np.ndarray
    values: np.ndarray
    target: np.ndarray
    score: np.ndarray
    baseline_score: np.ndarray

    @property
    def completeness(self) -> np.ndarray:
        """How far the values' sum is from score − baseline score, float64 (n_rows,): 0 is whole; NaN without a baseline."""
        total = self.values.reshape(len(self.values), -1).sum(axis=1)
        return total - (self.score - self.baseline_score)

    def headline(self) -> str:
        """Say the saliency in one line."""
        rows = f"{len(self.values)} rows" if len(self.values) != 1 else "1 row"
        at = f" at layer {self.layer}" if self.layer else ""
        return f"{self.method}{at} of {rows}: {CLAIMS[self.method]}"

    def summary(self) -> dict[str, Any]:
        """Return the figures that scripts rely on."""
        worst = np.abs(self.completeness).max()
        return {
            "method": self.method,
            "layer": self.layer,
            "rows": len(self.values),
            "completeness": float(worst) if np.isfinite(worst) else None,
        }


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PathAttribution(Result):
    """Integrated gradients of one input.

    Parameters
    ----------
    values : ndarray of float64, shape of the input
    score, baseline_score : float
        The function at the input and at the baseline.
    error : float
        Sum of ``values`` minus (score − baseline score): what the steps on the path missed.
    """

    values: np.ndarray
    score: float
    baseline_score: float
    error: float


# ---- integrated gradients ----
def integrated_gradients(
    function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    x: np.ndarray,
    baseline: np.ndarray | float = 0.0,
    *,
    steps: int = 64,
    rule: Rule = "gauss-legendre",
) -> PathAttribution:
    """Share a function's rise from the baseline to ``x`` among the parts of ``x``.

    Parameters
    ----------
    function : callable
        Takes points (n, *shape of x); returns the values (n,) and the gradients (n, *shape of x) there.
    x : ndarray of float, any shape
    baseline : ndarray of float, shape of x, or float
        What "nothing there" looks like; the answer is about the difference from it.
    steps : int
        Points on the straight way from the baseline.
    rule : {"gauss-legendre", "middle"}
        Where the points are: at the nodes of Gauss and Legendre, or in the middle of equal stretches.

    Returns
    -------
    PathAttribution
        Its ``error`` says how far the sum is from the rise: take more steps where it matters.

    Raises
    ------
    SettingError
        If there is no step, or the baseline does not fit ``x``.

    Notes
    -----
    After Sundararajan, Taly & Yan, "Axiomatic attribution for deep networks", ICML 2017, arXiv:1703.01365.
    """
    check(
        steps >= 1,
        SettingError,
        "The 'steps' setting of integrated_gradients must be at least 1. Got {} instead.",
        steps,
    )
    x = np.asarray(x, np.float64)
    try:
        start = np.broadcast_to(np.asarray(baseline, np.float64), x.shape)
    except ValueError:
        raise SettingError(
            f"The 'baseline' setting of integrated_gradients must have the shape of a row {x.shape}. "
            f"Got {np.shape(baseline)} instead."
        ) from None
    share, weight = path(steps, rule)
    way = share.reshape(-1, *[1] * x.ndim)
    ends, _ = function(np.stack([x, start]))
    _, slopes = function(start + way * (x - start))
    values = (x - start) * np.tensordot(weight, slopes, axes=1)
    score, before = (float(end) for end in ends)
    return PathAttribution(
        values=values, score=score, baseline_score=before, error=float(values.sum() - (score - before))
    )


def path(steps: int, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Return where on the way from 0 to 1 a function is asked, and with what weight, each float64 (steps,)."""
    if rule == "middle":
        return (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return (nodes + 1) / 2, weights / 2


# ---- Grad-CAM and HiResCAM ----
def grad_cam(activations: np.ndarray, gradients: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Weigh a layer's feature maps by their mean gradients, keep what speaks for the class, stretch it over the input.

    Parameters
    ----------
    activations, gradients : ndarray of float, shape (n_rows, n_maps, *places)
        Of a convolutional layer; the gradients are those of the score with respect to the activations.
    size : tuple of int
        Places of the input.

    Returns
    -------
    ndarray of float64, shape (n_rows, *size)

    Raises
    ------
    DataError
        If the layer has no places, or its places are of another kind than the input's.

    Notes
    -----
    After Selvaraju et al., "Grad-CAM", ICCV 2017, arXiv:1610.02391.
    """
    weight = gradients.mean(axis=tuple(range(2, gradients.ndim)), keepdims=True)
    return _speaks_for(weight, activations, size)


def hires_cam(activations: np.ndarray, gradients: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Weigh a layer's feature maps by their gradients place by place, keep what speaks for the class, stretch it.

    Where the net goes on linearly from the layer, gradient times activation sums to the score less the head's bias: nothing
    is shown that the net did not use. Where it averages the places first, this is Grad-CAM.

    Parameters, answer and errors are those of `grad_cam`.

    Notes
    -----
    After Draelos & Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
    2020, arXiv:2011.08891.
    """
    return _speaks_for(gradients, activations, size)


def _speaks_for(weight: np.ndarray, activations: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    check(
        activations.ndim == len(size) + 2, DataError,
        "The layer of a class activation map must give feature maps (rows, maps and {} axes of places, as the input has). "
        "Got shape {} instead.", len(size), activations.shape,
    )  # fmt: skip
    return stretched(np.maximum((weight * activations).sum(axis=1), 0), size)


def stretched(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Interpolate maps (n_rows, *places) linearly to (n_rows, *size): both cover the same field, edge to edge."""
    maps = np.asarray(maps, np.float64)
    for axis, n in enumerate(size, start=1):
        have = maps.shape[axis]
        at = np.clip((np.arange(n) + 0.5) * have / n - 0.5, 0, have - 1)
        low = np.minimum(at.astype(int), have - 1)
        high = np.minimum(low + 1, have - 1)
        share = (at - low).reshape([-1 if axis == own else 1 for own in range(maps.ndim)])
        maps = maps.take(low, axis) * (1 - share) + maps.take(high, axis) * share
    return maps


# ---- how alike two maps are ----
def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's correlation of two maps of one shape; 0 where one of them is the same everywhere."""
    from scipy.stats import rankdata

    ranks = np.stack([rankdata(a), rankdata(b)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    size = np.sqrt((ranks**2).sum(axis=1).prod())
    return float((ranks[0] * ranks[1]).sum() / size) if size > 0 else 0.0


def structural_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean structural similarity of two maps, each first divided by its largest size.

    Parameters
    ----------
    a, b : ndarray of float, shape (*places)
        At least `WINDOW` places a side, or the window shrinks to what there is.

    Notes
    -----
    After Wang, Bovik, Sheikh & Simoncelli, IEEE Transactions on Image Processing 13 (2004), doi:10.1109/TIP.2003.819861,
    with a flat window and a range of 1.
    """
    from scipy.ndimage import uniform_filter

    side = [min(WINDOW, n - 1 + n % 2) for n in a.shape]
    inner = tuple(slice(n // 2, length - n // 2) for n, length in zip(side, a.shape))
    a, b = (one / (np.abs(one).max() or 1.0) for one in (a, b))

    def mean(x: np.ndarray) -> np.ndarray:
        return np.asarray(uniform_filter(x, side, mode="reflect"))[inner]

    unbiased = np.prod(side) / max(np.prod(side) - 1, 1)
    of_a, of_b = mean(a), mean(b)
    both = unbiased * (mean(a * b) - of_a * of_b)
    spread = unbiased * (mean(a * a) - of_a**2 + mean(b * b) - of_b**2)
    light, form = 0.01**2, 0.03**2
    same = (2 * of_a * of_b + light) * (2 * both + form)
    return float((same / ((of_a**2 + of_b**2 + light) * (spread + form))).mean())


def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return how alike two maps (n_channels, *places) are: Spearman, Spearman of sizes, SSIM; float64 (3,)."""
    flat = [(one.sum(axis=0) if one.ndim > 1 else one) for one in (a, b)]
    return np.array(
        [rank_correlation(a, b), rank_correlation(np.abs(a), np.abs(b)), structural_similarity(*flat)]
    )


# ---- does a map speak of the net? ----
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Sanity(Result):
    """How much of a map stays when the net's weights are random.

    Parameters
    ----------
    method : str
    layers : list of str
        From the top of the net to its bottom.
    cascading : ndarray of float64, shape (n_layers, n_rows, 3)
        Likeness to the trained net's map (Spearman, Spearman of sizes, structural similarity) when this layer and all
        above it are random.
    independent : ndarray of float64, shape (n_layers, n_rows, 3)
        The same when this layer alone is.
    null : ndarray of float64, shape (n_null, 3)
        Means over rows of the likeness of unrelated maps: the trained net's own, and the same map moved elsewhere.
    """

    method: str
    layers: list[str]
    cascading: np.ndarray
    independent: np.ndarray
    null: np.ndarray

    @property
    def likeness(self) -> float:
        """Mean Spearman correlation with the trained net's maps when every weight is random."""
        return float(self.cascading[-1, :, 0].mean())

    @property
    def chance(self) -> float:
        """What 95% of unrelated maps stay below, of the same mean."""
        return float(np.quantile(self.null[:, 0], 0.95))

    @property
    def depends(self) -> bool:
        """Whether less than half of the agreement beyond chance is left when every weight is random."""
        return self.likeness <= self.chance + KEPT * (1 - self.chance)

    @property
    def sizes_follow_input(self) -> bool:
        """Whether the map depends on what was learnt by its signs alone: without them, more than half of the agreement is left."""
        size, chance = self.cascading[-1, :, 1].mean(), np.quantile(self.null[:, 1], 0.95)
        return bool(self.depends and size > chance + KEPT * (1 - chance))

    @property
    def verdict(self) -> str:
        """The verdict in one sentence."""
        if self.depends:
            return "the map depends on what was learnt"
        return "the map does not depend on what was learnt: this method shows edges, not reasons"

    @property
    def evidence(self) -> str:
        """What the verdict rests on, in figures."""
        told = f"Spearman {self.likeness:.2f} with random weights; unrelated maps reach {self.chance:.2f}"
        if self.sizes_follow_input:
            told += f"; without signs {self.cascading[-1, :, 1].mean():.2f}: how large it is follows the input, only the signs the net"
        return told

    def headline(self) -> str:
        """Say the verdict, and what it rests on."""
        return f"{self.verdict} ({self.evidence})"

    def summary(self) -> dict[str, Any]:
        """Return the figures that scripts rely on."""
        means = self.cascading.mean(axis=1)
        return {
            "method": self.method,
            "depends": self.depends,
            "spearman": self.likeness,
            "unrelated": self.chance,
            "layers": {
                name: [float(one) for one in own] for name, own in zip(self.layers, means, strict=True)
            },
        }


def unrelated(maps: np.ndarray, *, draws: int = 100, random_state: int = 0) -> np.ndarray:
    """Return the likeness of maps that have nothing to do with one another, float64 (draws, 3): means over rows.

    Each map is compared with itself moved elsewhere, by at least a quarter of its length along some axis and
    round the edge: just as smooth, and of the same values, but not in place.

    Parameters
    ----------
    maps : ndarray of float, shape (n_rows, n_channels, *places)
    """
    random = np.random.default_rng(random_state)
    places = maps.shape[2:] or maps.shape[1:]
    axes = tuple(range(maps.ndim - 1))[-len(places) :]
    out = np.empty((draws, 3))
    for draw in range(draws):
        own = []
        for one in maps:
            by = [int(random.integers(0, n)) for n in places]
            far = int(random.integers(len(places)))
            n = places[far]
            by[far] = int(random.integers(n // 4, n - n // 4 + 1))
            own.append(similarity(one, np.roll(one, by, axes)))
        out[draw] = np.mean(own, axis=0)
    return out
