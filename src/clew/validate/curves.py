"""Would more labelled rows help? The error of training and held-out rows against the number of rows.

Whole groups are added one after another, in several orders a fold, and every size is tested on the same rows: what
differs along the curve is then the number of training rows, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import SettingError, check, check_choice
from clew.intervals import FEWEST_GROUPS, number
from clew.result import Result
from clew.samples import Samples
from clew.splits import By
from clew.validate.diagnosis import CURES, FLAT, Diagnosis, diagnose, outlook
from clew.validate.extrapolation import FEWEST_SIZES, Extrapolation, extrapolate, no_extrapolation
from clew.validate.ground import Figure, Ground, Metric, OnProgress, ends, prepare, summary_of
from clew.validate.metrics import Kind, Model, Progress

N_SIZES, SPAN = 8, 12  # sizes by default, from the largest down to a twelfth of it
FEWEST_ROWS = 10


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LearningCurve(Result):
    """Training and held-out figures against the number of labelled rows.

    Parameters
    ----------
    metric : str
        The figure, such as "balanced_accuracy".
    rows : ndarray of float64, shape (n_sizes,)
        The training rows at each size, in the mean over folds and orders.
    training, held_out : ndarray of float64, shape (n_sizes, 3)
        The figure, and the ends of its 95% interval over groups; NaN where there is none.
    gain : ndarray of float64, shape (n_sizes, 3)
        By how much the held-out error is smaller at the largest size than at each, over the same rows, and its interval.
    spread : ndarray of float64, shape (n_sizes,)
        The standard deviation of the held-out figure over orders.
    chance : float
        The figure without any look at the features.
    desired : float or None
        The figure that is wanted.
    labelled : int
        The labelled rows that there are; a fold trains on some of them.
    added : str
        What was added: "group" or "row".
    diagnosis : Diagnosis
    extrapolation : Extrapolation
        In errors: 1 - score, or the error itself.
    outlook : str
        A sentence on what more labels would bring.
    split : dict
        How the rows were divided: "by", "reason", "folds", "gap".
    warnings : list of str
        What to mind when reading the figures.
    """

    metric: str
    rows: np.ndarray
    training: np.ndarray
    held_out: np.ndarray
    gain: np.ndarray
    spread: np.ndarray
    chance: float
    desired: float | None
    labelled: int
    added: str
    diagnosis: Diagnosis
    extrapolation: Extrapolation
    outlook: str
    split: dict[str, Any]
    warnings: list[str]

    def headline(self) -> str:
        """Say what ails the model, with its numbers."""
        return self.diagnosis.sentence

    def summary(self) -> dict[str, Any]:
        """Return the curve, the diagnosis and what more labels would bring."""
        return {
            "metric": self.metric,
            "sizes": [
                {"rows": float(rows), "training": summary_of(trained), "held_out": summary_of(held)}
                for rows, trained, held in zip(self.rows, self.training, self.held_out, strict=True)
            ],
            "chance": number(self.chance),
            "desired": self.desired,
            "rows": self.labelled,
            "added": self.added,
            "diagnosis": self.diagnosis.summary(),
            "extrapolation": self.extrapolation.summary(),
            "outlook": self.outlook,
            "split": dict(self.split),
            "warnings": list(self.warnings),
        }


def learning_curve(
    samples: Samples,
    fit: Callable[[Samples], Model],
    *,
    kind: Kind = "classification",
    model: Literal["forest", "net"] = "forest",
    sizes: Sequence[int] | None = None,
    n_folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    repeats: int = 5,
    metric: Metric = "auto",
    desired: float | None = None,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> LearningCurve:
    """Return training and held-out figures against the number of labelled rows, and what they say of the model.

    In each fold, training rows come one after another, in several orders: whole groups where rows are divided by them;
    otherwise single rows, with the shares of the classes kept. The first rows hold every class. All sizes are tested on
    the same held-out rows.

    Parameters
    ----------
    samples : Samples
        Rows with labels or, for numbers, a target; the others are left out.
    fit : callable
        Takes training samples and returns a model.
    kind : {"classification", "regression"}
        Whether `fit` learns labels or the target.
    model : {"forest", "net"}
        What `fit` trains: advice speaks of leaves, or of units, epochs and drop-out.
    sizes : list of int, optional
        Numbers of training rows, met as nearly as groups allow; 8 by default, up to all rows that a fold trains on.
    n_folds, by, gap
        As for `clew.splits.folds`.
    repeats : int
        The number of orders in which rows are added, in each fold.
    metric : str
        "auto" is balanced accuracy for classes, R2 for numbers; else "accuracy", "precision", "recall", "f1" or "jaccard"
        (means over classes), or "rmse" or "mae", which are errors in units of the target.
    desired : float, optional
        The figure that is wanted.
    random_state : int
        Decides the orders, the folds by row and the draws of the extrapolation.
    on_progress : callable (done, total), optional
        Returning False stops.

    Raises
    ------
    DataError
        If there is nothing to learn from, or the rows cannot be divided.
    SettingError
        If `sizes`, `repeats` or `desired` are out of range.
    Stopped
        If `on_progress` said so.
    """
    check_choice(model, CURES, what="'model' setting", of="learning_curve")
    ground = prepare(
        samples, kind, metric, of="learning_curve", n_folds=n_folds, by=by, gap=gap, random_state=random_state
    )
    figure = ground.figure
    check(isinstance(repeats, (int, np.integer)) and repeats >= 1, SettingError, "The 'repeats' of learning_curve must be an int of at least 1. Got {} instead.", repeats)  # fmt: skip
    _check_desired(desired, figure)
    whole = ground.parts.by != "row" and 1 < ground.samples.n_groups < ground.samples.n_rows
    orders = _orders(ground, repeats, random_state, whole)
    lengths = _lengths(ground, orders, sizes)  # (n_sizes, n_folds, repeats)
    trained, held, apart = _learn(ground, fit, orders, lengths, on_progress)

    rows = lengths.mean(axis=(1, 2))
    training, held_out = (np.array([ends(figure.interval(one)) for one in each]) for each in (trained, held))
    curve = figure.error(held_out[:, 0])
    deviations, freedom = _deviations(figure, apart)
    gain = _gain(curve, deviations, freedom)
    wanted, chance = None if desired is None else figure.error(desired), figure.chance(ground.truth)
    diagnosis = diagnose(
        rows,
        figure.errors(training),
        figure.errors(held_out),
        gain,
        chance=figure.error(chance),
        desired=wanted,
        shown=figure.shown,
        too_few=""
        if any(len(order.cuts) > 1 for each in orders for order in each)
        else "groups"
        if whole
        else "rows",
        cures=CURES[model],
    )
    found = _extrapolated(
        rows, curve, deviations, freedom, gain, held_out, ground, diagnosis.verdict, wanted, random_state
    )
    return LearningCurve(
        metric=figure.name,
        rows=rows,
        training=training,
        held_out=held_out,
        gain=gain,
        spread=figure.value(apart.sum(axis=2)).std(axis=1, ddof=min(1, repeats - 1)),
        chance=chance,
        desired=desired,
        labelled=ground.samples.n_rows,
        added="group" if whole else "row",
        diagnosis=diagnosis,
        extrapolation=found,
        outlook=outlook(
            found,
            labelled=ground.samples.n_rows,
            desired=None if diagnosis.verdict == "reached" else wanted,
            shown=figure.shown,
        ),
        split=ground.parts.summary(),
        warnings=ground.warnings,
    )


def _check_desired(desired: float | None, figure: Figure) -> None:
    if desired is not None:
        most = np.inf if figure.is_error else 1.0
        check(0 < desired <= most, SettingError, "The 'desired' {} must be above 0{}. Got {} instead.", figure.shown.name, "" if figure.is_error else " and at most 1", desired)  # fmt: skip


@dataclass(frozen=True)
class _Order:
    """The training rows of a fold, one after another, and where they may be cut."""

    rows: np.ndarray  # (n_train,) row numbers
    cuts: np.ndarray  # (n_cuts,) numbers of rows after which a whole unit has come, rising

    def nearest(self, size: float) -> int:
        """Return the number of rows at the cut that is nearest to a size; all for an infinite one."""
        return int(self.cuts[-1 if np.isinf(size) else np.argmin(np.abs(self.cuts - size))])


def _orders(ground: Ground, repeats: int, random_state: int, whole: bool) -> list[list[_Order]]:
    """Return an order of the training rows for each fold and repeat."""
    arrange = _by_group if whole else _by_row
    return [
        [
            arrange(ground, np.flatnonzero(train), np.random.default_rng([random_state, fold, repeat]))
            for repeat in range(repeats)
        ]
        for fold, train in enumerate(ground.parts.train)
    ]


def _by_row(ground: Ground, rows: np.ndarray, random: np.random.Generator) -> _Order:
    """Shuffle rows, with the shares of the classes kept all the way, and one of each class first."""
    rows = random.permutation(rows)
    place = np.empty(len(rows))
    classes = np.unique(ground.truth[rows]) if ground.classes else np.empty(0)
    for k in classes:
        mine = np.flatnonzero(ground.truth[rows] == k)
        place[mine] = (np.arange(len(mine)) + random.random()) / len(mine)
        place[mine[0]] = -1
    if ground.classes:
        rows = rows[np.argsort(place, kind="stable")]
    return _Order(rows, np.arange(max(len(classes), 1), len(rows) + 1))


def _by_group(ground: Ground, rows: np.ndarray, random: np.random.Generator) -> _Order:
    """Shuffle groups; those that bring a class which is still missing come forward."""
    names, code = np.unique(ground.samples.group[rows], return_inverse=True)
    waiting, order = random.permutation(len(names)).tolist(), []
    missing = set(np.unique(ground.truth[rows]).tolist()) if ground.classes else set()
    held = {g: set(ground.truth[rows[code == g]].tolist()) for g in waiting} if missing else {}
    while missing:
        group = next(g for g in waiting if held[g] & missing)
        missing -= held[group]
        waiting.remove(group)
        order.append(group)
    first = max(len(order), 1)
    order += waiting
    cuts = np.cumsum(np.bincount(code)[order])
    return _Order(np.concatenate([rows[code == g] for g in order]), cuts[first - 1 :])


def _lengths(ground: Ground, orders: list[list[_Order]], sizes: Sequence[int] | None) -> np.ndarray:
    """Return the number of training rows at each size, in each fold and order, rising: int64 (n_sizes, n_folds, repeats)."""
    most = max(len(order.rows) for each in orders for order in each)
    if sizes is None:
        least = max(FEWEST_ROWS, 5 * len(ground.classes), most / SPAN)
        wanted = np.unique(np.geomspace(min(least, most), most, N_SIZES).round())
    else:
        wanted = np.unique(np.asarray(sizes, np.float64))
        fits = wanted.size and (wanted >= 1).all() and (wanted <= most).all()
        check(fits, SettingError, "The 'sizes' of learning_curve must be numbers of rows from 1 to {}, what a fold trains on. Got {} instead.", most, list(sizes))  # fmt: skip
    wanted = np.where(wanted == most, np.inf, wanted)  # all of them, also in a fold that has fewer
    lengths = np.array([[[order.nearest(size) for order in each] for each in orders] for size in wanted])
    new = np.r_[True, (lengths[1:] != lengths[:-1]).any(axis=(1, 2))]
    return lengths[new]


def _learn(
    ground: Ground,
    fit: Callable[[Samples], Model],
    orders: list[list[_Order]],
    lengths: np.ndarray,
    on_progress: OnProgress | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit at every size, in every fold and order; return what the figures are made of.

    Returns
    -------
    trained, held : ndarray of float64, shape (n_sizes, n_units, n_sums)
        Sums over training and held-out rows; each row weighs as often as one fit, or one order, has it.
    apart : ndarray of float64, shape (n_sizes, repeats, n_blocks, n_sums)
        Sums over held-out rows in each order.
    """
    n_sizes, n_folds, repeats = lengths.shape
    progress, block = Progress(on_progress, lengths.size), ground.blocks()
    n_blocks, n_sums = int(block.max()) + 1, ground.figure.n_sums
    trained, held = np.zeros((2, n_sizes, ground.n_units, n_sums))
    apart = np.zeros((n_sizes, repeats, n_blocks, n_sums))
    for fold, test in enumerate(ground.parts.test):
        test, known = np.flatnonzero(test), {}
        for repeat, order in enumerate(orders[fold]):
            for size, length in enumerate(lengths[:, fold, repeat]):
                train = np.sort(order.rows[:length])
                if (key := train.tobytes()) not in known:  # all rows, in any order, give one model
                    known[key] = ground.predict(fit, train, test)
                of_train, of_test = known[key]
                trained[size] += ground.sums(train, of_train, ground.unit) / (n_folds * repeats)
                held[size] += ground.sums(test, of_test, ground.unit) / repeats
                apart[size, repeat] += ground.sums(test, of_test, block, n_blocks)
                progress.step()
    return trained, held, apart


def _deviations(figure: Figure, apart: np.ndarray) -> tuple[list[np.ndarray], int]:
    """Return how the held-out error moves with each unit and each order, and the degrees of freedom.

    The sums of squares over the parts are the jackknife's variance over units and that of a mean over orders. A figure
    that leaving a unit out undoes counts as unmoved.
    """
    apart = apart[:, :, apart.sum(axis=(0, 1, 3)) > 0]  # units that are tested at all
    repeats, n_units = apart.shape[1:3]
    sums = apart.mean(axis=1)  # (n_sizes, n_units, n_sums)
    total = figure.error(figure.value(sums.sum(axis=1)))  # (n_sizes,)
    left_out = figure.error(figure.value(sums.sum(axis=1, keepdims=True) - sums)).T  # (n_units, n_sizes)
    left_out = np.where(np.isfinite(left_out), left_out, total)
    moved = (left_out - left_out.mean(axis=0)) * np.sqrt((n_units - 1) / n_units)
    each = figure.value(apart.sum(axis=2)).T  # (repeats, n_sizes)
    wandered = (each - each.mean(axis=0)) / np.sqrt(max(repeats * (repeats - 1), 1))
    return [moved, wandered], n_units - 1


def _gain(curve: np.ndarray, deviations: list[np.ndarray], freedom: int) -> np.ndarray:
    """Return what the largest size takes off the error of each, and the ends of its 95% interval; (n_sizes, 3)."""
    from scipy.special import stdtrit

    gain = curve - curve[-1]
    variance = sum(((part - part[:, -1:]) ** 2).sum(axis=0) for part in deviations)
    half = stdtrit(freedom, 0.975) * np.sqrt(variance) if freedom >= FEWEST_GROUPS - 1 else np.nan
    return np.column_stack([gain, gain - half, gain + half])


def _extrapolated(
    rows: np.ndarray,
    curve: np.ndarray,
    deviations: list[np.ndarray],
    freedom: int,
    gain: np.ndarray,
    held_out: np.ndarray,
    ground: Ground,
    verdict: str,
    desired: float | None,
    random_state: int,
) -> Extrapolation:
    """Draw the curve on, or say why it cannot be."""
    figure = ground.figure
    if freedom < FEWEST_GROUPS - 1:
        return no_extrapolation(
            f"Not drawn on to more rows: {freedom + 1} groups are too few to say how far to trust it."
        )
    if len(rows) < FEWEST_SIZES:
        return no_extrapolation(
            f"Not drawn on to more rows: it takes at least {FEWEST_SIZES} sizes, and there are {len(rows)}."
        )
    if verdict == "chance":
        return no_extrapolation("Not drawn on to more rows: nothing was learnt that could grow.")
    if gain[0, 1] <= 0 and gain[0, 2] < FLAT * figure.error(figure.chance(ground.truth)):
        return no_extrapolation(
            f"More labels of this kind will hardly help: from {rows[0]:,.0f} to {rows[-1]:,.0f} rows the held-out figure"
            f" stays the same, and at most {figure.shown.value(figure.errors(held_out)[-1, 1])} is in sight."
        )
    return extrapolate(
        rows,
        curve,
        deviations,
        freedom=freedom,
        labelled=ground.samples.n_rows,
        desired=desired,
        random_state=random_state,
    )
