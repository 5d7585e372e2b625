"""Which features could stand in for each other? What a model says of one of them, it says of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.explore.hypotheses import STAND_IN, correlated_groups, spearman
from clew.result import Result
from clew.words import listed

# What Chatterjee's coefficient comes to for two normal features that are correlated at STAND_IN: dependence as strong.
DEPENDENT = float(3 / np.pi * np.arcsin((1 + STAND_IN**2) / 2) - 0.5)
HIDDEN = 0.5  # absolute Spearman correlation below which ranks hardly show such a dependence


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Correlated(Result):
    """Features in groups that share credit.

    Parameters
    ----------
    feature_names : list of str
    groups : list of list of int
        Every column once: clusters by absolute Spearman correlation (average linkage, 0.8), most of them of one feature.
    stand_ins : dict of str to list of str
        For each feature that has any: those that are correlated with it at 0.8 or more, closest first, by groups or not.
    dependent : list of list of str
        Pairs of features that depend on each other as strongly though their ranks hardly show it, as x and its
        square do where x has both signs.
    """

    feature_names: list[str]
    groups: list[list[int]]
    stand_ins: dict[str, list[str]]
    dependent: list[list[str]]

    @property
    def named(self) -> list[list[str]]:
        """Return the groups by the names of their features."""
        return [[self.feature_names[column] for column in group] for group in self.groups]

    def headline(self) -> str:
        """Say which features form groups."""
        several = [listed(group) for group in self.named if len(group) > 1]
        return "; ".join(several) if several else "no feature could stand in for another"

    def summary(self) -> dict[str, Any]:
        """Return the groups of two or more features, and all stand-ins."""
        return {
            "correlated_groups": [group for group in self.named if len(group) > 1],
            "stand_ins": dict(self.stand_ins),
            "dependent": list(self.dependent),
        }


def correlate(X: np.ndarray, feature_names: list[str], *, random_state: int = 0) -> Correlated:
    """Find the features that could stand in for each other.

    Parameters
    ----------
    X : ndarray of float64, shape (n_rows, n_features)
    feature_names : list of str
    random_state : int
        Orders rows of equal value, for `dependence`.

    Raises
    ------
    DataError
        If the names are not as many as the columns.
    """
    n = X.shape[1]
    check(len(feature_names) == n, DataError, "The 'feature_names' of correlate must be {}. Got {}.", n, len(feature_names))  # fmt: skip
    correlation = np.abs(spearman(X))
    column = {name: i for i, name in enumerate(feature_names)}
    several = [[column[name] for name in group] for group in correlated_groups(correlation, feature_names)]
    alone = set(range(n)) - {one for group in several for one in group}
    groups = sorted([*several, *([one] for one in alone)])
    alike = correlation >= STAND_IN
    np.fill_diagonal(alike, False)
    strength = dependence(X, random_state=random_state)
    hidden = (np.maximum(strength, strength.T) >= DEPENDENT) & (correlation < HIDDEN)
    return Correlated(
        feature_names=list(feature_names),
        groups=groups,
        stand_ins={
            feature_names[i]: [
                feature_names[j] for j in np.argsort(-correlation[i], kind="stable") if alike[i, j]
            ]
            for i in np.flatnonzero(alike.any(axis=1))
        },
        dependent=[[feature_names[i], feature_names[j]] for i, j in np.argwhere(np.triu(hidden, 1))],
    )


def dependence(X: np.ndarray, *, random_state: int = 0) -> np.ndarray:
    """Return how far each feature (row) determines each other one (column), in whatever way: from 0 to 1.

    Parameters
    ----------
    X : ndarray of float64, shape (n_rows, n_features)
    random_state : int
        Orders rows of equal value.

    Returns
    -------
    ndarray of float64, shape (n_features, n_features)
        0 where either is constant; slightly below or above 0 for independent ones.

    Notes
    -----
    Chatterjee's rank coefficient, Journal of the American Statistical Association 116 (2021),
    doi:10.1080/01621459.2020.1758115.
    """
    from scipy.stats import rankdata

    n_rows, n = X.shape
    at_most, at_least = (rankdata(sign * X, method="max", axis=0) for sign in (1, -1))
    scale = 2 * (at_least * (n_rows - at_least)).sum(axis=0)  # 0 where a feature is constant
    shuffled = np.random.default_rng(random_state).permutation(n_rows)
    found = np.zeros((n, n))
    for i in range(n):
        if scale[i] == 0:
            continue
        order = shuffled[np.argsort(X[shuffled, i], kind="stable")]
        steps = np.abs(np.diff(at_most[order], axis=0)).sum(axis=0)
        np.divide(n_rows * steps, scale, out=found[i], where=scale > 0)
        found[i] = np.where(scale > 0, 1 - found[i], 0.0)
    return found
