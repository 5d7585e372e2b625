"""Why does the model answer as it does? SHAP, permutation and refits, per feature and per group of correlated features.

What a model says of one of two near-copies it says of both, and which of them it asks is chance: the ranking is by
groups, and a group's SHAP value is the *sum* of its members' values.

How much the model goes by something is said as the mean over refits, with how far refits differ. The model's own SHAP is
taken on the very rows that it was trained on, of which a refit saw about 63%: it can lie beyond all refits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from clew.explain.correlated import Correlated
from clew.explain.importance import Permutation, figure
from clew.intervals import Interval
from clew.result import Result
from clew.words import listed

MIDDLE = [0.05, 0.95]  # of the refits: what is said of their figures and ranks
MATTERS = 0.1  # share of the first group's SHAP from which a group is spoken of
SPOKEN = 5  # groups in sentences; figures and --json have all

CAUSE = "Correlation is not causation: this is what the model goes by, not what makes things so."


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Explanation(Result):
    """What a model goes by, row by row and over all rows.

    Parameters
    ----------
    method : str
        "path" or "interventional".
    question : str
        Which question that answers.
    outputs : list of str
        The classes, or the name of the number.
    feature_names, units : list of str
    sample, group : ndarray of str, shape (n_shown,)
        The explained rows and where they come from.
    n_rows : int
        The rows that they stand for.
    features : ndarray of float64, shape (n_shown, n_features)
        The features' own values, in their units.
    values : ndarray of float64, shape (n_shown, n_features, n_outputs)
        The SHAP values: shares of probability, or the unit of the number.
    base : ndarray of float64, shape (n_outputs,)
        The answer to a row of which nothing is known.
    prediction : ndarray of float64, shape (n_shown, n_outputs)
        ``base`` plus the sum over features of ``values``.
    correlated : Correlated
        The groups of features that share credit.
    permutation : Permutation
        What each feature, then each group of two or more, is worth on held-out rows.
    refit_shap : ndarray of float64, shape (n_refits, n_features)
        Mean |SHAP| of each feature when the model is trained again on groups drawn with replacement, by another seed.
    refit_group_shap : ndarray of float64, shape (n_refits, n_groups)
        The same for ``correlated.groups``.
    warnings : list of str
    """

    method: str
    question: str
    outputs: list[str]
    feature_names: list[str]
    units: list[str]
    sample: np.ndarray
    group: np.ndarray
    n_rows: int
    features: np.ndarray
    values: np.ndarray
    base: np.ndarray
    prediction: np.ndarray
    correlated: Correlated
    permutation: Permutation
    refit_shap: np.ndarray
    refit_group_shap: np.ndarray
    warnings: list[str]

    # ---- per feature ----
    @property
    def shap_of_outputs(self) -> np.ndarray:
        """Mean |SHAP| of each feature for each output, float64 (n_features, n_outputs)."""
        return np.abs(self.values).mean(axis=0)

    @cached_property
    def shap(self) -> np.ndarray:
        """Mean |SHAP| of each feature over rows and outputs, of the model itself, float64 (n_features,)."""
        return mean_size(self.values)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Mean |SHAP| of each feature: mean over refits, and their 5 and 95%, float64 (n_features, 3)."""
        return over_refits(self.refit_shap)

    def loss_of(self, names: list[str]) -> Interval:
        """Return what a feature, or a group, is worth on held-out rows."""
        return self.permutation.loss_of(names)

    # ---- per group of correlated features ----
    @property
    def groups(self) -> list[list[str]]:
        """Every feature once, by groups of correlated ones: most have one member."""
        return self.correlated.named

    @cached_property
    def group_names(self) -> list[str]:
        """What each group is called: its strongest member, and how many are like it."""
        names = []
        for group in self.correlated.groups:
            first = self.feature_names[max(group, key=lambda column: self.sizes[column, 0])]
            names.append(first if len(group) == 1 else f"{first} and {len(group) - 1} like it")
        return names

    @property
    def group_values(self) -> np.ndarray:
        """SHAP values of the groups, the sum of their members', float64 (n_shown, n_groups, n_outputs)."""
        return grouped(self.values, self.correlated.groups)

    @cached_property
    def group_shap(self) -> np.ndarray:
        """Mean |SHAP| of each group over rows and outputs, of the model itself, float64 (n_groups,)."""
        return mean_size(self.group_values)

    @cached_property
    def group_sizes(self) -> np.ndarray:
        """Mean |SHAP| of each group: mean over refits, and their 5 and 95%, float64 (n_groups, 3)."""
        return over_refits(self.refit_group_shap)

    @property
    def ranking(self) -> np.ndarray:
        """The groups from the strongest to the weakest over refits, int64 (n_groups,)."""
        return np.argsort(-self.group_sizes[:, 0], kind="stable")

    # ---- over refits ----
    @property
    def ranks(self) -> np.ndarray:
        """The rank of each group in each refit, from 1, equal ones the better, int64 (n_refits, n_groups)."""
        from scipy.stats import rankdata

        return rankdata(-self.refit_group_shap, method="min", axis=1).astype(np.int64)

    @property
    def agreement(self) -> float:
        """Mean Kendall correlation (tau-b) of the groups' order between refits; NaN with fewer than two of either."""
        return agreement(self.refit_group_shap)

    @property
    def rank_range(self) -> np.ndarray:
        """The best and the worst rank of each group in the middle 90% of refits, int64 (n_groups, 2)."""
        return np.quantile(self.ranks, MIDDLE, axis=0).round().astype(np.int64).T

    @property
    def unranked(self) -> list[list[int]]:
        """Runs of neighbours in the ranking whose ranks overlap; of groups that matter, or are spoken of."""
        order, size, ranks = self.ranking, self.group_sizes[:, 0], self.rank_range
        told = (size[order] >= MATTERS * size[order[0]]) | (np.arange(len(order)) < SPOKEN)
        order = order[told & (size[order] > 0)]
        runs: list[list[int]] = []
        for above, below in zip(order[:-1].tolist(), order[1:].tolist()):
            if ranks[above, 1] < ranks[below, 0]:
                continue
            if runs and runs[-1][-1] == above:
                runs[-1].append(below)
            else:
                runs.append([above, below])
        return runs

    @property
    def idle(self) -> bool:
        """Tell whether the model does not predict, so that no order of features means anything."""
        return self.permutation.decided and not self.permutation.predicts

    # ---- in words ----
    def shown_of(self) -> str:
        """Say how many rows are explained of how many."""
        return f"{len(self.sample):,} of {self.n_rows:,}" if len(self.sample) < self.n_rows else f"{self.n_rows:,}"  # fmt: skip

    def verdict(self) -> str:
        """Say how good the model is on rows that it was not trained on: before anything else."""
        return self.permutation.verdict()

    def sentences(self) -> list[str]:
        """Say it in words: how good, the ranking by groups, what cannot be ranked, what to mind."""
        return [self.verdict(), *self.ranked(), *self.caveats()]

    def ranked(self) -> list[str]:
        """Say what the model goes by, groups in order with figures and intervals; names alone where it does not predict."""
        names, size = self.group_names, self.group_sizes
        first, told = [g for g in self.ranking[:SPOKEN].tolist() if size[g, 0] > 0], []
        if self.idle and first:
            return [
                f"{listed([names[g] for g in sorted(first)])}: not ranked, as the model does not predict."
            ]
        for place, g in enumerate(first, start=1):
            mean, low, high = (figure(value) for value in size[g])
            best, worst = self.rank_range[g]
            rank = f"rank {best}" if best == worst else f"rank {best} to {worst}"
            told.append(
                f"{place}. {names[g]}: mean |SHAP| {mean}, over refits {low} to {high} ({rank}); permuted: {self.cost(self.groups[g])}."
            )
        return told

    def cost(self, names: list[str]) -> str:
        """Say what a feature, or a group, is worth on held-out rows."""
        return self.permutation.cost(names)

    def caveats(self) -> list[str]:
        """Say what to mind: order that is chance, cause, stand-ins, what the method asks, and warnings."""
        names = self.group_names
        told = [
            f"Cannot be ranked, as refits change their order: {', '.join(names[g] for g in run)}."
            for run in self.unranked
        ]
        order = f", which agree on the order of all {len(names)} by {self.agreement:.2f} (Kendall)" if np.isfinite(self.agreement) else ""  # fmt: skip
        told.append(f"Mean |SHAP| is the mean of {len(self.refit_shap)} refits on groups drawn anew{order}; that of single rows is of the model itself.")  # fmt: skip
        return [
            *([] if self.idle else told),
            self.cause(),
            f"SHAP ({self.method}) {self.question[0].lower()}{self.question[1:]}",
            *self.warnings,
        ]

    def cause(self) -> str:
        """Say that correlation is not causation, and which features could stand in for each other."""
        several = [listed(group) for group in self.groups if len(group) > 1]
        if several:
            return f"{CAUSE} These could stand in for each other: {'; '.join(several)}."
        return f"{CAUSE} No two features are correlated at 0.8 or more; what was not measured could still stand in for any of them."

    def headline(self) -> str:
        """Say the first groups."""
        names = self.group_names
        first = ", ".join(f"{names[g]} ({figure(self.group_sizes[g, 0])})" for g in self.ranking[:3])
        return f"{first}: mean |SHAP| of {self.shown_of()} rows, {self.method}"

    def summary(self) -> dict[str, Any]:
        """Return every feature and group with its figures, in order, and what to mind."""
        order = np.argsort(-self.sizes[:, 0], kind="stable")
        return {
            "method": self.method,
            "question": self.question,
            "outputs": list(self.outputs),
            "rows": self.n_rows,
            "shown": len(self.sample),
            "predicts": self.permutation.predicts if self.permutation.decided else None,
            "score": {"metric": self.permutation.metric, **self.permutation.score.summary(), "chance": self.permutation.chance},
            "features": [
                {"name": self.feature_names[i], **self._figures(self.shap[i], [self.feature_names[i]], self.sizes[i])}
                for i in order
            ],
            "correlated_groups": [group for group in self.groups if len(group) > 1],
            "groups": [
                {"features": self.groups[g], **self._figures(self.group_shap[g], self.groups[g], self.group_sizes[g])}
                for g in self.ranking
            ],
            "stand_ins": dict(self.correlated.stand_ins),
            "cannot_be_ranked": [[self.groups[g] for g in run] for run in self.unranked],
            "agreement": None if np.isnan(self.agreement) else self.agreement,
            "warnings": [self.cause(), *self.warnings],
        }  # fmt: skip

    def _figures(self, shap: float, names: list[str], refits: np.ndarray) -> dict[str, Any]:
        mean, low, high = refits.tolist()
        return {"shap": float(shap), "refits": {"mean": mean, "low": low, "high": high}, "permutation": self.loss_of(names).summary()}  # fmt: skip


def mean_size(values: np.ndarray) -> np.ndarray:
    """Return mean |SHAP| over rows and outputs of values (n_rows, n, n_outputs), float64 (n,)."""
    return np.abs(values).mean(axis=(0, 2))


def over_refits(refits: np.ndarray) -> np.ndarray:
    """Return the mean over refits (n_refits, n), and their 5 and 95%, which always hold it, float64 (n, 3)."""
    mean, (low, high) = refits.mean(axis=0), np.quantile(refits, MIDDLE, axis=0)
    return np.stack([mean, np.minimum(low, mean), np.maximum(high, mean)], axis=1)


def grouped(values: np.ndarray, groups: list[list[int]]) -> np.ndarray:
    """Return the sums over each group's features of SHAP values, float64 (n_rows, n_groups, n_outputs)."""
    return np.stack([values[:, group].sum(axis=1) for group in groups], axis=1)


def agreement(importance: np.ndarray) -> float:
    """Return the mean Kendall correlation (tau-b) of all pairs of rows (n_refits, n); NaN where there is no pair."""
    from scipy.stats import kendalltau

    n_refits, n = importance.shape
    if n_refits < 2 or n < 2:
        return np.nan
    pairs = [
        kendalltau(importance[a], importance[b]).statistic
        for a in range(n_refits)
        for b in range(a + 1, n_refits)
    ]
    return float(np.nanmean(pairs)) if np.isfinite(pairs).any() else np.nan


# ---- what to mind ----
def disagreements(explanation: Explanation) -> list[str]:
    """Return sentences on where SHAP (what the model uses) and permutation (what its skill rests on) differ."""
    size, names = explanation.group_sizes[:, 0], explanation.group_names
    loss = [explanation.loss_of(group) for group in explanation.groups]
    if not explanation.permutation.predicts or size.max() == 0:
        return []
    told = []
    used = [g for g in explanation.ranking.tolist() if size[g] >= MATTERS * size.max()]
    # A loss of exactly 0 has no interval, since no group differs; any other without one says nothing.
    unsure = [names[g] for g in used if loss[g].low <= 0 or loss[g].value == 0]
    if unsure:
        told.append(
            f"The model goes by {', '.join(unsure)}, but held-out rows are not shown to lose when that is permuted: other features carry the same, or it is noise that was learnt, or the rows are too few to show it."
        )
    first, costs = used[0], [np.nan_to_num(one.low, nan=-np.inf) for one in loss]
    most = int(np.argmax(costs))
    if most != first and costs[most] > loss[first].high:
        told.append(
            f"SHAP and permutation disagree: SHAP puts {names[first]} first, but held-out rows lose more without {names[most]}."
        )
    return told


def across(correlated: Correlated) -> list[str]:
    """Return sentences on features that could stand in for each other though no group holds them both."""
    of = {name: number for number, group in enumerate(correlated.named) for name in group}
    bridges = [
        [name, other]
        for name, others in correlated.stand_ins.items()
        for other in others
        if of[name] < of[other]
    ]
    told = []
    if bridges:
        told.append(f"Correlated at 0.8 or more, though in different groups: {_pairs(bridges)}.")
    if correlated.dependent:
        told.append(f"Hardly correlated, yet as strongly dependent, so that they could stand in for each other too: {_pairs(correlated.dependent)}.")  # fmt: skip
    return told


def _pairs(pairs: list[list[str]]) -> str:
    more = [f"{len(pairs) - SPOKEN} more pairs"] if len(pairs) > SPOKEN else []
    return "; ".join([*(listed(pair) for pair in pairs[:SPOKEN]), *more])
