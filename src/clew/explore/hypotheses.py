"""From groups to stated hypotheses: which measurements tell them apart?

A hypothesis is stated here, never tested: the rows were put into groups by these very features, so they differ
in them even where there are no groups (Kriegeskorte et al., Nat. Neurosci. 12, 2009, doi:10.1038/nn.2303).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.figures import balanced_accuracy, confusion_tables, mean_figure
from clew.intervals import spell
from clew.result import Result
from clew.samples import Samples
from clew.splits import folds, units
from clew.splits.apart import has_times
from clew.words import listed

AT_MOST = 3  # features in one hypothesis: what a person can keep in mind
DEPTH = 2  # of the tree that judges a set of features
SMALLEST = (
    5  # rows of a group, and of the rest, below which nothing is stated: no fold could say how well it holds
)
WORTH = 0.02  # balanced accuracy that one more feature must add
STAND_IN = 0.8  # absolute Spearman correlation from which features can stand in for each other


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Hypothesis(Result):
    """One sentence about which features tell a group, with the figure that goes with it.

    Parameters
    ----------
    features : list of str
        The smallest set found with which a shallow tree reproduces the groups.
    group : int
        The group that is told from the rest (0 of two groups: from the other).
    statement : str
        The sentence, without figures.
    balanced_accuracy : dict
        "value", "low", "high": cross-validated, with the choice of features repeated inside every fold.
    tree : dict
        The shallow tree on all rows: "feature", "threshold", "below", "above" or "class", "rows".
    stand_ins : dict of str to list of str
        For each feature those that are correlated with it at 0.8 or more.
    split : str
        How the rows were held out.
    """

    features: list[str]
    group: int
    statement: str
    balanced_accuracy: dict[str, Any]
    tree: dict[str, Any]
    stand_ins: dict[str, list[str]]
    split: str

    def headline(self) -> str:
        """Say the hypothesis with its figure."""
        return f"{self.statement} (cross-validated balanced accuracy {spell(self.balanced_accuracy)})"

    def summary(self) -> dict[str, Any]:
        """Return what scripts rely on."""
        return {
            "features": list(self.features),
            "statement": self.headline(),
            "balanced_accuracy": dict(self.balanced_accuracy),
        }


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Hypotheses(Result):
    """Everything that is said about features and groups.

    Parameters
    ----------
    feature_names, units : list of str
    stated : list of Hypothesis
        One for two groups, one a group for more; none for groups of fewer than 5 rows.
    untold : list of str
        For each group that no few features tell (the interval reaches chance), a sentence that says so.
    median, median_of_rest : ndarray of float64, shape (n_features, n_groups)
        Median of each feature in each group, and in all other groups together, in the feature's unit.
    distance_correlation : ndarray of float64, shape (n_features, n_groups)
        Spearman correlation of each feature with the distance to each group's centre, over all rows.
    effect : ndarray of float64, shape (n_features, n_groups)
        Difference between a group's mean and that of the rest, in standard deviations within (Cohen's d).
    correlation : ndarray of float64, shape (n_features, n_features)
        Spearman correlation of the features.
    correlated : list of list of str
        Features that can stand in for each other: absolute correlation 0.8 or more, average linkage.
    """

    feature_names: list[str]
    units: list[str]
    stated: list[Hypothesis]
    untold: list[str]
    median: np.ndarray
    median_of_rest: np.ndarray
    distance_correlation: np.ndarray
    effect: np.ndarray
    correlation: np.ndarray
    correlated: list[list[str]]

    def profile(self, group: int, *, most: int = 3) -> str:
        """Say in which features a group differs most from the rest, which way, and by how much."""
        order = np.argsort(-np.abs(self.effect[:, group]), kind="stable")[:most]
        told = []
        for c in order:
            inside, outside = self.median[c, group], self.median_of_rest[c, group]
            way = "higher" if self.effect[c, group] > 0 else "lower"
            unit = f" {self.units[c]}" if self.units[c] else ""
            told.append(f"{self.feature_names[c]} {way} ({_plain(inside)} against {_plain(outside)}{unit})")
        return ", ".join(told)

    def headline(self) -> str:
        """Say all hypotheses."""
        return "; ".join(one.headline() for one in self.stated) or "no hypothesis"

    def summary(self) -> dict[str, Any]:
        """Return the stated hypotheses."""
        return {"hypotheses": [one.summary() for one in self.stated]}


def hypotheses(samples: Samples, groups: np.ndarray, *, random_state: int = 0) -> Hypotheses:
    """State which features tell the groups apart.

    Parameters
    ----------
    samples : Samples
        The rows with the features that may be named, in their own units.
    groups : ndarray of int, shape (n_rows,)
        The consensus groups from 0; rows at -1 are left out.

    Raises
    ------
    DataError
        If there are fewer than two groups.
    """
    kept = groups >= 0
    samples, groups = samples.take(kept), np.asarray(groups)[kept]
    n_groups = int(groups.max()) + 1 if len(groups) else 0
    check(n_groups >= 2, DataError, "The groups of hypotheses must be at least 2. Got {} instead.", n_groups)
    correlation = spearman(samples.features)
    sizes = np.bincount(groups, minlength=n_groups)
    large = [g for g in range(n_groups) if SMALLEST <= sizes[g] <= len(groups) - SMALLEST]
    targets = large[:1] if n_groups == 2 else large
    tried = [_state(samples, groups, target, n_groups, correlation, random_state) for target in targets]
    at_chance = [one for one in tried if _reaches_chance(one.balanced_accuracy)]
    return Hypotheses(
        feature_names=list(samples.feature_names),
        units=list(samples.units),
        stated=[one for one in tried if one not in at_chance],
        untold=[
            f"No few features tell group {one.group}: the best, {listed(one.features)}, reach {spell(one.balanced_accuracy)}."
            for one in at_chance
        ],
        median=_medians(samples.features, groups, n_groups, inside=True),
        median_of_rest=_medians(samples.features, groups, n_groups, inside=False),
        distance_correlation=_distance_correlation(samples.features, groups, n_groups),
        effect=_effect(samples.features, groups, n_groups),
        correlation=correlation,
        correlated=correlated_groups(correlation, list(samples.feature_names)),
    )


def _plain(value: float) -> str:
    """Write a number with three digits that count, and never as a power of ten where it is an everyday one."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def _reaches_chance(figure: dict[str, Any]) -> bool:
    """Tell whether a balanced accuracy may be chance: by its interval or, where there is none, by itself."""
    end = figure["value"] if figure["low"] is None else figure["low"]
    return end is not None and end <= 0.5


def _medians(X: np.ndarray, groups: np.ndarray, n_groups: int, *, inside: bool) -> np.ndarray:
    """Median (n_features, n_groups) of each group's rows, or of all others."""
    return np.column_stack([np.median(X[(groups == g) == inside], axis=0) for g in range(n_groups)])


def _state(samples, groups, target, n_groups, correlation, random_state):
    """One hypothesis: the smallest feature set, its tree, and the figure from rows that the choice never saw."""
    y = (groups == target).astype(np.int64)
    center, spread = samples.features.mean(axis=0), samples.features.std(axis=0)
    spread[spread == 0] = 1
    X = ((samples.features - center) / spread).astype(
        np.float32
    )  # trees compare 7 digits: spend none on an offset
    chosen = choose_features(X, y)
    one_source = samples.n_groups == 1 and "centroid_row" not in samples.origin and not has_times(samples)
    split = folds(
        samples.with_labels(np.where(y == 1, f"group {target}", "group 1" if n_groups == 2 else "the rest")),
        n_folds=5,
        by="row" if one_source else "auto",
        random_state=random_state,
    )
    names = [samples.feature_names[c] for c in chosen]
    whom = f"group {target} from group 1" if n_groups == 2 else f"group {target} from the rest"
    return Hypothesis(
        features=names,
        group=target,
        statement=f"{listed(names)} {'tells' if len(names) == 1 else 'tell'} {whom}",
        balanced_accuracy=_held_out_figure(X, y, split, units(samples)[0]),
        tree=_as_dict(
            _shallow_tree(X[:, chosen], y),
            names,
            [samples.units[c] for c in chosen],
            target,
            n_groups,
            center=center[chosen],
            spread=spread[chosen],
        ),
        stand_ins={
            samples.feature_names[c]: [
                samples.feature_names[j]
                for j in range(samples.n_features)
                if j != c and abs(correlation[c, j]) >= STAND_IN
            ]
            for c in chosen
        },
        split=split.reason,
    )


def _held_out_figure(X, y, split, unit):
    """Balanced accuracy with its interval, of rows for which features and tree were chosen without them.

    A fold that trains on one group alone has nothing to learn and predicts that group, as in cross-validation.
    """
    predicted = np.empty(len(y), np.int64)
    taught = False
    for train, test in zip(split.train, split.test):
        if len(np.unique(y[train])) == 1:
            predicted[test] = y[train][0]
            continue
        inside = choose_features(X[train], y[train])
        predicted[test] = _shallow_tree(X[train][:, inside], y[train]).predict(X[test][:, inside])
        taught = True
    if not taught:  # every fold trains on one group alone, as when the groups are the sources
        return {"value": None, "low": None, "high": None}
    return mean_figure("balanced_accuracy", *confusion_tables(y, predicted, unit, 2)).summary()


def choose_features(X: np.ndarray, y: np.ndarray) -> list[int]:
    """Return the columns of a small feature set, by adding the best one while it is worth it.

    Parameters
    ----------
    X : ndarray of float32, shape (n_rows, n_features)
    y : ndarray of int64, shape (n_rows,)
        1 for the group that is to be told, 0 for the rest.
    """
    chosen: list[int] = []
    best = 0.5
    while len(chosen) < min(AT_MOST, X.shape[1]):
        candidates = [c for c in range(X.shape[1]) if c not in chosen]
        figures = []
        for c in candidates:
            columns = X[:, [*chosen, c]]
            figures.append(balanced_accuracy(y, _shallow_tree(columns, y).predict(columns)))
        top = int(np.argmax(figures))
        if chosen and figures[top] < best + WORTH:
            break
        best = figures[top]
        chosen.append(candidates[top])
    return chosen


def _shallow_tree(X, y):
    from sklearn.tree import DecisionTreeClassifier

    smallest = max(1, min(5, len(y) // 20))
    return DecisionTreeClassifier(
        max_depth=DEPTH, class_weight="balanced", min_samples_leaf=smallest, random_state=0
    ).fit(X, y)


def _as_dict(tree, names, units, target, n_groups, *, center, spread):
    """Nested dict of a tree fitted to scaled features, its thresholds in the features' own units, for drawing."""
    inner = tree.tree_
    others = "group 1" if n_groups == 2 else "the rest"

    def node(i):
        rows = int(inner.n_node_samples[i])
        if inner.children_left[i] < 0:
            winner = int(inner.value[i][0].argmax())
            return {"class": f"group {target}" if tree.classes_[winner] == 1 else others, "rows": rows}
        feature = int(inner.feature[i])
        return {
            "feature": names[feature],
            "unit": units[feature],
            "threshold": float(inner.threshold[i] * spread[feature] + center[feature]),
            "rows": rows,
            "below": node(inner.children_left[i]),
            "above": node(inner.children_right[i]),
        }

    return node(0)


def spearman(X: np.ndarray) -> np.ndarray:
    """Return the Spearman correlation (n_features, n_features) of the columns; 0 where a column is constant."""
    from scipy.stats import rankdata

    return _correlate(rankdata(X, axis=0), rankdata(X, axis=0))


def _correlate(A, B):
    """Pearson correlation (n_a, n_b) of the columns of two tables; 0 where a column is constant."""
    A, B = A - A.mean(axis=0), B - B.mean(axis=0)
    norm = np.outer(np.linalg.norm(A, axis=0), np.linalg.norm(B, axis=0))
    found = np.divide(A.T @ B, norm, out=np.zeros_like(norm), where=norm > 0)
    return np.clip(found, -1, 1)


def _distance_correlation(X, groups, n_groups):
    from scipy.stats import rankdata

    Z = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    centers = np.stack([Z[groups == g].mean(axis=0) for g in range(n_groups)])
    distance = np.linalg.norm(Z[:, None, :] - centers[None], axis=2)  # (n_rows, n_groups)
    return _correlate(rankdata(X, axis=0), rankdata(distance, axis=0))


def _effect(X, groups, n_groups):
    effect = np.zeros((X.shape[1], n_groups))
    for g in range(n_groups):
        a, b = X[groups == g], X[groups != g]
        freedom = max(len(a) + len(b) - 2, 1)
        within = np.sqrt(
            (((a - a.mean(axis=0)) ** 2).sum(axis=0) + ((b - b.mean(axis=0)) ** 2).sum(axis=0)) / freedom
        )
        np.divide(a.mean(axis=0) - b.mean(axis=0), within, out=effect[:, g], where=within > 0)
    return effect


def correlated_groups(correlation: np.ndarray, names: list[str]) -> list[list[str]]:
    """Return the features that can stand in for each other: clusters of two or more at 0.8 (average linkage)."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(names) < 2:
        return []
    distance = 1 - np.abs(correlation)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform((distance + distance.T) / 2, checks=False), "average")
    of = fcluster(tree, 1 - STAND_IN, "distance")
    return [[names[i] for i in np.flatnonzero(of == g)] for g in np.unique(of) if (of == g).sum() > 1]
