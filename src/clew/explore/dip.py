"""Has one feature alone two modes? The dip test of each feature, corrected for the number of features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.kernels.unimodal import dip_statistic, dips_of_uniform
from clew.result import Result

NULL_DRAWS = 9999
LARGEST_NULL = 1000  # rows of a null draw; beyond, sqrt(n) * dip no longer depends on n
FEWEST_VALUES = 10  # a column with fewer different values is coarse
FEWEST_ROWS = 4


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DipTest(Result):
    """Which features have more than one mode.

    Parameters
    ----------
    names : list of str
        The features, one an entry of the arrays below.
    dip : ndarray of float64, shape (d,)
        Distance to the closest unimodal distribution, 0 to 1/4; NaN for coarse features.
    p_value : ndarray of float64, shape (d,)
        How often rows of one uniform population have at least that dip; NaN for coarse features.
    p_adjusted : ndarray of float64, shape (d,)
        The same after Holm's correction over the tested features; NaN for coarse features.
    coarse : list of str
        Features with fewer than 10 different values, not tested: their values are heaps by construction.
    """

    names: list[str]
    dip: np.ndarray
    p_value: np.ndarray
    p_adjusted: np.ndarray
    coarse: list[str]

    def bimodal(self, alpha: float = 0.05) -> list[str]:
        """Return the features with more than one mode, the clearest first, at a familywise error rate of ``alpha``.

        Where `evidence` at 0.01 may say "groups" as well, ask at 0.04: then both together keep 5%.
        """
        order = np.argsort(self.p_adjusted, kind="stable")
        return [self.names[i] for i in order if self.p_adjusted[i] <= alpha]

    def headline(self, alpha: float = 0.05) -> str:
        """Say which features have two modes, at a familywise error rate of ``alpha``."""
        found = self.bimodal(alpha)
        if found:
            p = {name: f"`{name}` (p = {_figure(p)})" for name, p in zip(self.names, self.p_adjusted)}
            return f"More than one mode: {', '.join(p[name] for name in found)}"
        tested = len(self.names) - len(self.coarse)
        left_out = f"; {len(self.coarse)} coarse left out" if self.coarse else ""
        return f"No feature of {tested} shows more than one mode{left_out}"

    def summary(self) -> dict[str, Any]:
        """Return the features with more than one mode, and those left out."""
        return {"bimodal_features": self.bimodal(), "coarse_features": self.coarse}


def dip_test(X: np.ndarray, *, names: Sequence[str], random_state: int = 0) -> DipTest:
    """Test each feature for more than one mode.

    Parameters
    ----------
    X : ndarray of float64, shape (n, d)
    names : list of str
        The names of the d columns.
    random_state : int
        Seed of the jitter that parts ties. Columns without ties do not depend on it.

    Raises
    ------
    DataError
        If there are fewer than 4 rows, or not one name a column.

    Notes
    -----
    Hartigan & Hartigan, Ann. Stat. 13:70 (1985), doi:10.1214/aos/1176346577; p from 9,999 uniform samples of
    the same size (of 1,000 rows beyond that, on the scale sqrt(n) * dip); Holm, Scand. J. Stat. 6:65 (1979).
    The uniform distribution is the least favourable of the one-mode ones, so the test errs to the safe side.

    Rounded values are heaps, which the dip would take for modes: tied rows are first spread evenly over their
    rounding step, the gap from a tied value to the nearer neighbouring one (median over tied rows). Spreading
    evenly makes no second mode out of one. Columns with fewer than 10 different values are left out.
    """
    X = np.asarray(X, dtype=np.float64)
    check(
        len(X) >= FEWEST_ROWS,
        DataError,
        "The data of dip_test must have at least {} rows. Got {} instead.",
        FEWEST_ROWS,
        len(X),
    )
    check(
        len(names) == X.shape[1],
        DataError,
        "The 'names' of dip_test must be one a column ({}). Got {} instead.",
        X.shape[1],
        len(names),
    )
    coarse = np.array([np.unique(column).size < FEWEST_VALUES for column in X.T], dtype=bool)
    dip = np.full(len(names), np.nan)
    streams = np.random.SeedSequence(random_state).spawn(len(names))
    for i in np.flatnonzero(~coarse):
        dip[i] = dip_statistic(np.sort(_without_ties(X[:, i], np.random.default_rng(streams[i]))))
    p = np.full(len(names), np.nan)
    p[~coarse] = _p_value(dip[~coarse], len(X))
    adjusted = np.full(len(names), np.nan)
    adjusted[~coarse] = holm(p[~coarse])
    return DipTest(
        names=list(names),
        dip=dip,
        p_value=p,
        p_adjusted=adjusted,
        coarse=[name for name, left_out in zip(names, coarse) if left_out],
        settings={"random_state": random_state},
    )


def _without_ties(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ``x`` (n,) with tied rows spread over half the rounding step to either side."""
    values, which, counts = np.unique(x, return_inverse=True, return_counts=True)
    tied = counts[which] > 1
    if not tied.any():
        return x
    gaps = np.diff(values)
    nearer = np.minimum(np.append(gaps, np.inf), np.append(np.inf, gaps))
    step = np.median(nearer[which[tied]])
    return x + np.where(tied, rng.uniform(-step / 2, step / 2, x.size), 0.0)


def _p_value(dip: np.ndarray, n: int) -> np.ndarray:
    """Return the share of uniform samples whose dip is at least that of the data, shape (d,)."""
    null = _null(min(n, LARGEST_NULL))
    at_least = null.size - np.searchsorted(null, np.sqrt(n) * dip)
    return (1 + at_least) / (1 + null.size)


@lru_cache(maxsize=64)
def _null(n: int) -> np.ndarray:
    """Return sqrt(n) * dip of uniform samples of n rows, ascending; the same for every caller."""
    return np.sort(np.sqrt(n) * dips_of_uniform(n, NULL_DRAWS, np.random.default_rng(0)))


def holm(p: np.ndarray) -> np.ndarray:
    """Return p values (n,) after Holm's correction (Scand. J. Stat. 6:65, 1979)."""
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    return adjusted


def _figure(p: float) -> str:
    return f"{p:.2f}" if p >= 0.1 else f"{p:.4f}".rstrip("0")
