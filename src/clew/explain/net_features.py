"""What does a net on measured features go by? What each is worth on held-out rows, to the net and to a forest beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from clew.explain.correlated import Correlated
from clew.explain.explanation import CAUSE
from clew.explain.importance import Permutation, figure
from clew.result import Result
from clew.words import listed

SPOKEN = 5  # groups in sentences; figures and --json have all
INCOMPLETE = 0.02  # of the mean rise of the score: what the steps of the integral may miss, unsaid
GRADIENTS = (
    "Integrated gradients share the rise of a net's score, from the mean of the training rows to the row, among the features: "
    "it is the net's score that is explained, not the world."
)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class NetExplanation(Result):
    """What a net on measured features goes by, with a forest beside it.

    Parameters
    ----------
    architecture : str
    outputs : list of str
        The classes, or the name of the number.
    feature_names, units : list of str
    sample : ndarray of str, shape (n_shown,)
        The rows over which gradients are averaged.
    n_rows : int
        The rows that they stand for.
    gradients : ndarray of float64, shape (n_members, n_features)
        Mean over these rows of the |integrated gradients| of the answer that each member gives: shares of its score before
        any softmax, or of the number in its unit.
    missed : float
        How far the shares' sums are from the rises of the scores, in the mean over rows, as a share of the mean rise.
    correlated : Correlated
        The groups of features that share credit.
    permutation : Permutation
        What each feature, then each group of two or more, is worth on held-out rows to nets trained as this one was.
    beside : Permutation
        The same to forests, on the same folds and with the same permutations.
    warnings : list of str
    """

    architecture: str
    outputs: list[str]
    feature_names: list[str]
    units: list[str]
    sample: np.ndarray
    n_rows: int
    gradients: np.ndarray
    missed: float
    correlated: Correlated
    permutation: Permutation
    beside: Permutation
    warnings: list[str]

    # ---- per feature, per group of correlated features ----
    @property
    def groups(self) -> list[list[str]]:
        """Every feature once, by groups of correlated ones: most have one member."""
        return self.correlated.named

    @cached_property
    def sizes(self) -> np.ndarray:
        """What is lost without each feature, and the ends of its interval, float64 (n_features, 3); NaN where not known."""
        return self._losses([[name] for name in self.feature_names])

    @cached_property
    def group_sizes(self) -> np.ndarray:
        """The same of groups, float64 (n_groups, 3)."""
        return self._losses(self.groups)

    def _losses(self, names: list[list[str]]) -> np.ndarray:
        losses = [self.permutation.loss_of(one) for one in names]
        return np.array([[one.value, one.low, one.high] for one in losses])

    @cached_property
    def group_names(self) -> list[str]:
        """What each group is called: its strongest member, and how many are like it."""
        size = np.nan_to_num(self.sizes[:, 0], nan=-np.inf)
        names = []
        for group in self.correlated.groups:
            first = self.feature_names[max(group, key=lambda column: size[column])]
            names.append(first if len(group) == 1 else f"{first} and {len(group) - 1} like it")
        return names

    @property
    def ranking(self) -> np.ndarray:
        """The groups from the dearest to the cheapest to lose, int64 (n_groups,); those not known last."""
        return np.argsort(-np.nan_to_num(self.group_sizes[:, 0], nan=-np.inf), kind="stable")

    @property
    def unranked(self) -> list[list[int]]:
        """Runs of neighbours among the first groups of the ranking whose intervals overlap."""
        runs: list[list[int]] = []
        first = self.ranking[:SPOKEN].tolist()
        for above, below in pairwise(first):
            if self.group_sizes[above, 1] > self.group_sizes[below, 2]:
                continue
            if runs and runs[-1][-1] == above:
                runs[-1].append(below)
            else:
                runs.append([above, below])
        return runs

    def gradient_of(self, names: list[str]) -> np.ndarray:
        """Return the mean |integrated gradients| of a feature, or the sum of a group's, of each member, float64 (n_members,)."""
        return self.gradients[:, [self.feature_names.index(name) for name in names]].sum(axis=1)

    @property
    def idle(self) -> bool:
        """Tell whether the net does not predict, so that no order of features means anything."""
        return self.permutation.decided and not self.permutation.predicts

    # ---- in words ----
    def shown_of(self) -> str:
        """Say over how many held-out rows losses are taken."""
        return f"{self.permutation.n_rows:,} held-out"

    def verdict(self) -> str:
        """Say how good the net is on rows that it was not trained on, and the forest: before anything else."""
        other = self.beside
        return (
            f"{self.permutation.verdict()} A forest on the same folds: {other.lost} {other.score.headline()}."
        )

    def ranked(self) -> list[str]:
        """Say what the net goes by, groups in order, each with its worth to the forest; names alone where it does not predict."""
        first, names = self.ranking[:SPOKEN].tolist(), self.group_names
        if self.idle:
            return [
                f"{listed([names[g] for g in sorted(first)])}: not ranked, as the model does not predict."
            ]
        return [
            f"{place}. {names[g]}: permuted, {self.permutation.cost(self.groups[g])}; the forest's by "
            f"{figure(self.beside.loss_of(self.groups[g]).value)}; mean |integrated gradients| {self._spelt(self.groups[g])}."
            for place, g in enumerate(first, start=1)
            if np.isfinite(self.group_sizes[g, 0])
        ]

    def _spelt(self, names: list[str]) -> str:
        each = self.gradient_of(names)
        between = f" (members {figure(each.min())} to {figure(each.max())})" if len(each) > 1 else ""
        return f"{figure(each.mean())}{between}"

    def differing(self) -> list[str]:
        """Return the groups that cost the net and the forest so differently that their intervals do not overlap."""
        told = []
        for group, name in zip(self.groups, self.group_names, strict=True):
            net, forest = self.permutation.loss_of(group), self.beside.loss_of(group)
            if net.low > forest.high or forest.low > net.high:
                told.append(f"{name} ({figure(net.value)}, the forest {figure(forest.value)})")
        return told

    def caveats(self) -> list[str]:
        """Say what to mind: order that is chance, where net and forest differ, cause, stand-ins, gradients, and warnings."""
        runs = [", ".join(self.group_names[g] for g in run) for run in self.unranked]
        told = [f"Cannot be ranked, as their intervals overlap: {run}." for run in runs]
        if differing := self.differing():
            told.append(f"Net and forest go by different features: what is lost without {listed(differing)}.")
        return [*([] if self.idle else told), self.cause(), GRADIENTS, *self.warnings]

    def cause(self) -> str:
        """Say that correlation is not causation, and which features could stand in for each other."""
        several = [listed(group) for group in self.groups if len(group) > 1]
        return f"{CAUSE} These could stand in for each other: {'; '.join(several)}." if several else CAUSE

    def headline(self) -> str:
        """Say the first groups."""
        first = [g for g in self.ranking[:3].tolist() if np.isfinite(self.group_sizes[g, 0])]
        told = ", ".join(f"{self.group_names[g]} ({figure(self.group_sizes[g, 0])})" for g in first)
        return f"{told}: loss of {self.permutation.lost} where permuted"

    def summary(self) -> dict[str, Any]:
        """Return every feature and group with its figures, in order, and what to mind."""
        held = self.permutation
        order = np.argsort(-np.nan_to_num(self.sizes[:, 0], nan=-np.inf), kind="stable")
        return {
            "method": "permutation and integrated gradients",
            "net": self.architecture,
            "outputs": list(self.outputs),
            "rows": self.n_rows,
            "shown": len(self.sample),
            "predicts": held.predicts if held.decided else None,
            "score": {"metric": held.metric, **held.score.summary(), "chance": held.chance},
            "forest": {"metric": held.metric, **self.beside.score.summary()},
            "features": [{"name": self.feature_names[i], **self._figures([self.feature_names[i]])} for i in order],
            "correlated_groups": [group for group in self.groups if len(group) > 1],
            "groups": [{"features": self.groups[g], **self._figures(self.groups[g])} for g in self.ranking],
            "cannot_be_ranked": [[self.groups[g] for g in run] for run in self.unranked],
            "warnings": [self.cause(), *self.warnings],
        }  # fmt: skip

    def _figures(self, names: list[str]) -> dict[str, Any]:
        return {
            "permutation": self.permutation.loss_of(names).summary(),
            "forest": self.beside.loss_of(names).summary(),
            "integrated_gradients": self.gradient_of(names).tolist(),
        }


def incomplete(missed: float) -> list[str]:
    """Say so where integrated gradients miss more of the rise of the score than `INCOMPLETE`."""
    if missed <= INCOMPLETE:
        return []
    return [
        f"Integrated gradients miss {missed:.0%} of the score's rise: more steps (--steps) would share it out more truly."
    ]
