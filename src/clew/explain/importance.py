"""What does a model lose when a feature is taken from it, on rows that it was not trained on?

The forest of each fold predicts the rows that it never saw; then the values of a feature, or of a whole group of
correlated features together, are exchanged among these rows, which breaks their tie to the truth and leaves all else.
A feature whose near-copy stays in place costs nothing: hence the groups.

Breiman, Machine Learning 45 (2001), doi:10.1023/A:1010933404324; Fisher, Rudin & Dominici, JMLR 20 (2019) 177.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check
from clew.figures import class_counts, share_of
from clew.intervals import FEWEST_GROUPS, NO_BOUNDS, Interval, jackknife_interval, sums_interval
from clew.result import Result
from clew.samples import Samples
from clew.splits import By, folds, spread_over_groups, units

Kind = Literal["classification", "regression"]
OnProgress = Callable[[int, int], bool | None]
CELLS = 4_000_000  # numbers in one table to predict: as many permutations at once as fit


class Model(Protocol):
    """What is explained: a `clew.learn.forest.Forest`."""

    @property
    def classes(self) -> list[str]:
        """The classes, sorted; none for numbers."""

    @property
    def feature(self) -> np.ndarray:
        """The feature that each node asks for; negative at leaves."""

    def predict(self, samples: np.ndarray, /) -> Any:
        """Return ``probability`` (n_rows, n_classes), or ``value`` (n_rows,)."""


Fit = Callable[[Samples], Any]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Permutation(Result):
    """What the loss of a feature, or of several together, costs on held-out rows.

    Parameters
    ----------
    metric : str
        What is lost: "balanced_accuracy", or "r2" for numbers.
    names : list of list of str
        The features that were permuted together.
    loss : list of Interval
        What each costs, mean over permutations, with its interval over groups. Not defined where a feature is the
        same in all test rows of every fold.
    score : Interval
        How good the models are before anything is permuted.
    chance : float
        What a model that knows nothing reaches.
    n_rows : int
        The held-out rows that all this rests on.
    split : dict
        How the rows were held out: "by", "reason", "folds", "gap".
    warnings : list of str
    """

    metric: str
    names: list[list[str]]
    loss: list[Interval]
    score: Interval
    chance: float
    n_rows: int
    split: dict[str, Any]
    warnings: list[str]

    @property
    def decided(self) -> bool:
        """Tell whether it can be told if the models predict: not without an interval, as of two or three groups."""
        return bool(np.isfinite(self.score.low))

    @property
    def predicts(self) -> bool:
        """Tell whether the models are shown to be better than chance: the whole interval lies above it."""
        return bool(self.score.low > self.chance)

    # ---- in words ----
    def loss_of(self, names: list[str]) -> Interval:
        """Return what a feature, or a group, is worth on held-out rows."""
        return self.loss[self.names.index(names)]

    @property
    def lost(self) -> str:
        """Name what is lost: "balanced accuracy" or "R2"."""
        return self.metric.replace("_", " ").replace("r2", "R2")

    def verdict(self) -> str:
        """Say how good the models are on rows that they were not trained on, and whether that is worth explaining."""
        figures = f"{self.lost} {self.score.headline()}; {self.blind()}: {self.chance:.2f}"
        if self.predicts:
            return f"The model predicts rows that it was not trained on: {figures}."
        if self.decided:
            return f"The model does not predict, so there is nothing to explain: {figures}."
        of = f" with {self.score.n_groups} groups" if self.score.n_groups < FEWEST_GROUPS else ""
        return f"Whether the model predicts cannot be told{of}, so what it goes by may be noise: {figures}."

    def blind(self) -> str:
        """Name what the score is compared with: an answer without a look at the features."""
        return "always the mean" if self.metric == "r2" else f"a guess among {round(1 / self.chance)} classes"

    def cost(self, names: list[str]) -> str:
        """Say what a feature, or a group, is worth on held-out rows."""
        one = self.loss_of(names)
        if np.isnan(one.value):
            return "not known"
        interval = "" if np.isnan(one.low) else f" [{figure(one.low)}, {figure(one.high)}]"
        return f"{self.lost} falls by {figure(one.value)}{interval}"

    def headline(self) -> str:
        """Say how good the models are and what costs most."""
        worst = max(range(len(self.loss)), key=lambda i: np.nan_to_num(self.loss[i].value, nan=-np.inf))
        return f"{self.metric} {self.score.headline()}; most is lost without {', '.join(self.names[worst])}"

    def summary(self) -> dict[str, Any]:
        """Return the score and every loss."""
        return {
            "metric": self.metric,
            "score": self.score.summary(),
            "chance": self.chance,
            "loss": [
                {"features": names, **one.summary()} for names, one in zip(self.names, self.loss, strict=True)
            ],
            "split": dict(self.split),
        }


def figure(value: float) -> str:
    """Write a figure to two places, or to three digits that count where it is large: never "-0.00"."""
    text = f"{value:.2f}" if abs(value) < 10 else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def permutation_importance(
    samples: Samples,
    fit: Fit,
    blocks: Sequence[Sequence[int]],
    *,
    kind: Kind,
    permutations: int = 20,
    rows: int = 2000,
    n_folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> Permutation:
    """Measure what each block of features is worth on rows that the models were not trained on.

    Parameters
    ----------
    samples : Samples
        Rows that all have a label or, for numbers, a target.
    fit : callable
        Takes training samples and returns a model.
    blocks : sequence of sequences of int
        The columns that are permuted together.
    kind : {"classification", "regression"}
    permutations : int
        How often each block is permuted; the loss is the mean.
    rows : int
        The most held-out rows to permute, spread over groups; all rows train.
    n_folds, by, gap, random_state
        As for `clew.splits.folds`; `random_state` also draws the permutations.
    on_progress : callable (done, total), optional
        Called after each fold.

    Raises
    ------
    SettingError
        If `permutations` or `rows` is too small.
    DataError
        If the rows cannot be divided.
    Stopped
        If `on_progress` returned False.

    Notes
    -----
    The loss of a feature that has nothing to do with the truth is 0 on average, whatever the model has learnt from
    it; its interval (jackknife over groups with Student's t) holds 0 in about 95% of data sets.
    """
    check(permutations >= 1, SettingError, "The 'permutations' of explain must be at least 1. Got {}.", permutations)  # fmt: skip
    check(rows >= 2, SettingError, "The 'rows' of explain must be at least 2. Got {}.", rows)
    parts = folds(samples, n_folds=n_folds, by=by, gap=gap, random_state=random_state)
    kept = np.zeros(samples.n_rows, bool)
    kept[spread_over_groups(samples.group, rows, random_state=random_state)] = True
    truth, classes = _truth(samples, kind)
    unit = units(samples)[0]
    random = np.random.default_rng(random_state)
    said = np.zeros(samples.n_rows)
    pairs = _Pairs(len(blocks), unit[kept], truth[kept] if classes else np.zeros(kept.sum()))
    varies = np.zeros((parts.n_folds, samples.n_features), bool)
    warnings = []
    for fold, (train, test) in enumerate(zip(parts.train, parts.test & kept, strict=True)):
        X = samples.features[test]
        varies[fold] = np.ptp(X, axis=0) > 0 if len(X) else False
        orders = np.stack([random.permutation(len(X)) for _ in range(permutations)])
        taught = np.unique(truth[train])
        if (
            classes and len(taught) == 1
        ):  # nothing to learn: whatever is permuted, the model repeats the one class
            warnings.append(f"Fold {fold} trains on '{classes[int(taught[0])]}' alone and predicts nothing else.")  # fmt: skip
            said[test] = taught[0]
            pairs.count(test[kept], orders)
        elif len(X):
            model = fit(samples.take(train))
            said[test] = _said(model, X, classes)
            pairs.count(test[kept], orders)
            for b, first, lost in _losses(model, X, truth[test], said[test], blocks, orders, classes, kind):
                pairs.add(b, test[kept], orders[first : first + len(lost)], lost)
        go_on = on_progress is None or on_progress(fold + 1, parts.n_folds) is not False
        check(go_on, Stopped, "The explanation was stopped after {} of {} folds.", fold + 1, parts.n_folds)

    still = [not varies[:, list(block)].any() for block in blocks]
    return Permutation(
        metric="balanced_accuracy" if classes else "r2",
        names=[[samples.feature_names[column] for column in block] for block in blocks],
        loss=[
            _unknown(unit[kept]) if still[b] else pairs.interval(b, None if classes else truth[kept])
            for b in range(len(blocks))
        ],
        score=_score(said[kept], truth[kept], unit[kept], kind),
        chance=1 / len(np.unique(truth[kept])) if classes else 0.0,
        n_rows=int(kept.sum()),
        split=parts.summary(),
        warnings=[
            *warnings,
            *_standing_still(samples, sorted({c for block in blocks for c in block}), varies),
        ],
    )


def _truth(samples: Samples, kind: Kind) -> tuple[np.ndarray, list[str]]:
    """Return the truth as float64 (n_rows,), the number of the class for classes, and the classes."""
    given = samples.labels if kind == "classification" else samples.target
    check(given is not None, DataError, "The samples of explain must have {}. Got none.", "labels" if kind == "classification" else "a target")  # fmt: skip
    assert given is not None
    if kind == "regression":
        return given, []
    classes, code = np.unique(given, return_inverse=True)
    return code.reshape(-1).astype(np.float64), classes.tolist()


def _said(model: Any, X: np.ndarray, classes: list[str]) -> np.ndarray:
    """Return what a model says of rows, float64 (n_rows,): numbers, or the numbers of classes."""
    told = model.predict(X)
    if not classes:
        return told.value
    of = np.array([classes.index(name) for name in model.classes], np.float64)
    return of[told.probability.argmax(axis=1)]


def _right(said: np.ndarray, truth: np.ndarray, kind: Kind) -> np.ndarray:
    """Return how right each row is: 1 or 0 for classes, minus the squared error for numbers."""
    return (said == truth).astype(np.float64) if kind == "classification" else -((said - truth) ** 2)


def _losses(
    model: Model,
    X: np.ndarray,
    truth: np.ndarray,
    said: np.ndarray,
    blocks: Sequence[Sequence[int]],
    orders: np.ndarray,
    classes: list[str],
    kind: Kind,
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield (block, number of the first permutation, what each row loses in each: (n_permutations, n_rows))."""
    asked = set(np.unique(model.feature).tolist())
    at_once = max(1, CELLS // X.size)
    right = _right(said, truth, kind)
    for b, block in enumerate(blocks):
        if asked.isdisjoint(block):  # no tree asks for it: nothing is lost
            continue
        columns = list(block)
        for first in range(0, len(orders), at_once):
            order = orders[first : first + at_once]
            mixed = np.tile(X, (len(order), 1))
            mixed[:, columns] = X[order.ravel()][:, columns]
            told = _said(model, mixed, classes).reshape(order.shape)
            yield b, first, right - _right(told, truth, kind)


class _Pairs:
    """The losses of pairs: of a row, and of the row whose values it was given.

    A group has a part in the loss by its own rows and by the values that its rows gave away. The jackknife leaves out
    both; to leave out the first alone would miss the second (too narrow where values are alike within groups) and
    would count the spread of the permuted values, which is the same before and after (too wide).

    Parameters
    ----------
    n_blocks : int
    unit : ndarray, shape (n_rows,)
        The group of each held-out row.
    code : ndarray of float64, shape (n_rows,)
        The number of its class; all alike for numbers.
    """

    def __init__(self, n_blocks: int, unit: np.ndarray, code: np.ndarray) -> None:
        self.group, self.code = (np.unique(one, return_inverse=True)[1].reshape(-1) for one in (unit, code))
        self.n_rows, self.shape = len(unit), (int(self.group.max()) + 1, int(self.code.max()) + 1)
        # Of each block, and last of all pairs: sums over a group's own rows, and over all pairs it has a part in.
        self.own, self.part = np.zeros((2, n_blocks + 1, *self.shape))

    def count(self, rows: np.ndarray, orders: np.ndarray) -> None:
        """Count the pairs of the rows (n_rows,) of bool that are tested together; see `add`."""
        self.add(-1, rows, orders, np.ones(orders.shape))

    def add(self, block: int, rows: np.ndarray, orders: np.ndarray, lost: np.ndarray) -> None:
        """Add losses (n_permutations, n) of n rows that got the values of those at ``orders`` (the same shape)."""
        group, code, k = self.group[rows], self.code[rows], self.shape[1]
        own, given = group * k + code, group[orders] * k + code
        size = self.shape[0] * k
        of_own = np.bincount(own, lost.sum(axis=0), size)
        of_given = np.bincount(given.ravel(), np.where(group[orders] != group, lost, 0.0).ravel(), size)
        self.own[block] += of_own.reshape(self.shape)
        self.part[block] += (of_own + of_given).reshape(self.shape)

    def interval(self, block: int, truth: np.ndarray | None) -> Interval:
        """Return the loss of balanced accuracy or, given the true numbers (n_rows,), of R2, with its interval."""
        total, pairs = self.own[block].sum(axis=0), self.own[-1].sum(axis=0)  # (n_classes,)
        spread, spread_without, spread_within = self._spread(truth)
        few = self.shape[0] < FEWEST_GROUPS
        without = share_of(total - self.part[block], pairs - self.part[-1]).mean(axis=-1) / spread_without
        within = share_of(self.own[block], self.own[-1]).mean(axis=-1) / spread_within
        return jackknife_interval(
            float((total / pairs).mean() / spread),
            np.empty(0) if few else without,
            n_groups=self.shape[0],
            n_rows=self.n_rows,
            points=within.tolist() if few else [],
            bounds=NO_BOUNDS,
        )

    def _spread(self, truth: np.ndarray | None) -> tuple[Any, Any, Any]:
        """Return the variance of the truth over all rows, without each group and within each; 1 for classes."""
        if truth is None:
            return 1.0, 1.0, 1.0
        own = _moments(truth, self.group)
        return _variance(own.sum(axis=0)), _variance(own.sum(axis=0) - own), _variance(own)


def _unknown(unit: np.ndarray) -> Interval:
    note = "Not known: the feature is the same in all rows that are tested together."
    return Interval(value=np.nan, low=np.nan, high=np.nan, n_groups=len(np.unique(unit)), n_rows=len(unit), note=note)  # fmt: skip


def _moments(truth: np.ndarray, group: np.ndarray, *more: np.ndarray) -> np.ndarray:
    """Return rows, sum and sum of squares of the truth, and sums of ``more``, of each group: (n_groups, 3 or more)."""
    centred = truth - truth.mean()  # squares of large numbers would lose digits
    columns = np.column_stack([np.ones(len(truth)), centred, centred**2, *more])
    sums = np.zeros((group.max() + 1, columns.shape[1]))
    np.add.at(sums, group, columns)
    return sums


def _variance(moments: np.ndarray) -> np.ndarray:
    """Return the variance of moments (..., 3 or more); NaN where there is none."""
    n, total, squares = np.moveaxis(moments, -1, 0)[:3]
    mean = share_of(total, n)
    variance = share_of(squares, n) - mean**2
    return np.where(variance > 0, variance, np.nan)


def _score(said: np.ndarray, truth: np.ndarray, unit: np.ndarray, kind: Kind) -> Interval:
    """Return balanced accuracy, or R2, with its interval over groups."""
    if kind == "classification":
        k = int(max(truth.max(), said.max())) + 1
        return class_counts(truth.astype(np.int64), said.astype(np.int64), unit, k).mean("balanced_accuracy")
    group = np.unique(unit, return_inverse=True)[1].reshape(-1)

    def r2(sums: np.ndarray) -> np.ndarray:
        return 1 - share_of(sums[..., 3], sums[..., 0]) / _variance(sums)

    return sums_interval(
        r2, _moments(truth, group, (said - truth) ** 2), n_rows=len(truth), bounds=(-np.inf, 1.0)
    )


def _standing_still(samples: Samples, columns: list[int], varies: np.ndarray) -> list[str]:
    """Return sentences on columns that permuting cannot change, in some folds (n_folds, n_features) or all."""
    told = []
    for column in columns:
        moves = varies[:, column]
        if moves.all():
            continue
        name = samples.feature_names[column]
        if moves.any():
            told.append(
                f"In {(~moves).sum()} of {len(moves)} folds all tested rows have the same {name}: there its loss counts as 0."
            )
        else:
            told.append(
                f"Permuting cannot say what {name} is worth: it is the same in all rows that are tested together."
            )
    return told
